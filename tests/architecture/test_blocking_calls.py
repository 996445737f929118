"""Every call that may wait for somebody else has a limit, and this table says where it is.

A new call of these kinds fails the first test until somebody has thought about its limit. The
limits themselves are tried with silent and dripping servers (tests/worker/test_in_time.py,
test_watchdog.py, tests/adapters/test_never_answering.py, test_smtp.py, test_webhook.py).
"""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2] / "intake"
WAITING = {
    "accept", "acquire", "communicate", "create_connection", "flock", "getaddrinfo",
    "getresponse", "link.connect", "lockf", "open_connection", "Popen", "recv", "recv_into",
    "result", "selector.select", "sendall", "sleep", "subprocess.run", "urlopen", "wait",
}  # fmt: skip
OVERTIME = "OVERTIME cuts the whole step"
DEADLINE = "one deadline for the whole exchange, counted down before each call"
OWN = "the number of seconds is ours"
LIMITS = {
    "adapters/clamav.py: create_connection": "its own limit",
    "adapters/clamav.py: link.connect": "a local socket, with settimeout",
    "adapters/clamav.py: recv": OVERTIME,
    "adapters/clamav.py: sendall": OVERTIME,
    "adapters/mailbox/imap_idle.py: selector.select": OWN,
    "adapters/mailbox/imap_idle.py: sleep": OWN,
    "adapters/mailbox/imap.py: wait": "imap_idle: half a second at a time, until the given end",
    "adapters/mailbox/maildir.py: sleep": OWN,
    "adapters/smtp.py: selector.select": "zero seconds",
    "adapters/time_limits.py: sleep": OWN,
    "adapters/webhook.py: getaddrinfo": "the system's resolver has limits (resolv.conf(5))",
    "adapters/webhook.py: getresponse": DEADLINE,
    "adapters/webhook.py: link.connect": DEADLINE,
    "adapters/webhook.py: recv_into": DEADLINE,
    "adapters/webhook.py: sendall": DEADLINE,
    "cli/demo/servers.py: sleep": OWN,
    "cli/demo/servers.py: wait": OWN,
    "cli/doctor.py: wait": "ten seconds for everything",
    "cli/editor.py: subprocess.run": "a person's editor: it may take as long as it likes",
    "config/loader.py: subprocess.run": "timeout=",
    "incidents/page/files.py: sleep": OWN,
    "incidents/page/files.py: flock": "it does not block",
    "store/database_copy.py: subprocess.run": "timeout=",
    "store/locks.py: flock": "it does not block",
    "store/locks.py: sleep": OWN,
    "worker/alerting.py: subprocess.run": "timeout=",
    "worker/patience.py: result": OWN,
    "worker/parser_pool.py: Popen": "the child must answer within start_seconds",
    "worker/parser_pool.py: result": "each reading has a limit of its own",
    "worker/parser_pool.py: wait": "one second; or a process that was killed",
    "worker/scheduler.py: sleep": OWN,
    "worker/scheduler.py: wait": OWN,
}


def called(node: ast.Call) -> str:
    """The name of what is called, with the name before the dot where that decides."""
    if isinstance(node.func, ast.Name):
        return node.func.id
    if not isinstance(node.func, ast.Attribute):
        return ""
    whole = ast.unparse(node.func)
    return whole if whole in WAITING else node.func.attr


def waiting() -> set[str]:
    """Every call in the program that may wait, as "file: name"."""
    return {
        f"{path.relative_to(ROOT)}: {called(node)}"
        for path in ROOT.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and called(node) in WAITING
    }


def test_each_call_that_waits_has_a_limit() -> None:
    """None that the table lacks, and none in the table that is gone."""
    assert waiting() == set(LIMITS)


def test_programs_are_started_with_a_timeout() -> None:
    """Where the table says so."""
    for place in (one for one, why in LIMITS.items() if why == "timeout="):
        tree = ast.parse((ROOT / place.partition(":")[0]).read_text("utf-8"))
        calls = [
            one for one in ast.walk(tree)
            if isinstance(one, ast.Call) and called(one) == "subprocess.run"
        ]  # fmt: skip
        assert calls
        for call in calls:
            assert "timeout" in {word.arg for word in call.keywords}, place
