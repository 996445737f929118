"""What the program does to the outside, seen by the interpreter's own audit hook (PEP 578)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import installation
from tests.support.forgeries import corpus
from tests.support.servers import smtp_sink

pytestmark = [pytest.mark.servers, pytest.mark.xdist_group("servers")]
WATCHED = """
import json, sys
seen = []
def hook(event, args):
    if event in ("socket.connect", "socket.bind", "socket.sendto", "socket.getaddrinfo"):
        seen.append([event, repr(args[1] if event != "socket.getaddrinfo" else args[:2])])
    elif event in ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork",
                   "os.forkpty", "pty.spawn", "os.spawn"):
        seen.append([event, repr(args[:2])])
    elif event in ("pickle.find_class", "webbrowser.open", "ftplib.connect", "urllib.Request",
                   "http.client.connect"):
        seen.append([event, repr(args)[:200]])
sys.addaudithook(hook)
from intake.cli.app import main
code = 0
try:
    sys.argv = ["intake", *sys.argv[2:]]
    main()
except SystemExit as ended:
    code = ended.code or 0
with open({out!r}, "w") as file:
    json.dump(seen, file)
sys.exit(code)
"""


def watched(
    folder: Path, *words: str
) -> tuple[list[list[str]], subprocess.CompletedProcess[bytes]]:
    """The real command under an audit hook, and every event that reaches outside."""
    out = folder / "seen.json"
    script = folder / "watched.py"
    script.write_text(WATCHED.replace("{out!r}", repr(str(out))))
    root = str(Path(__file__).resolve().parents[2])  # this very package, not an installed one
    done = subprocess.run(
        [sys.executable, str(script), "--", *words], capture_output=True, timeout=170, check=False,
        env={**os.environ, "PYTHONPATH": root},
    )  # fmt: skip
    return json.loads(out.read_text()), done


def test_the_whole_corpus_reaches_only_what_is_configured(tmp_path: Path) -> None:
    """One pass over every mail there is: the sink's port and our own parse workers only."""
    mails = corpus()
    people = (Path(__file__).resolve().parents[1] / "mail/people.toml").read_text(encoding="utf-8")
    with smtp_sink(tmp_path) as sink:
        text = installation.maildir_box(tmp_path / "in") + installation.delivery(
            f"smtp://127.0.0.1:{sink.port}"
        )
        config = installation.make(tmp_path, text, people)
        for number, raw in enumerate(mails):
            (tmp_path / "in/new" / f"{number:05}").write_bytes(raw)
        seen, done = watched(tmp_path, "--config", config.file, "once", "--json")
        assert done.returncode in (0, 1), done.stderr.decode()[-2000:]
        assert json.loads(done.stdout)["collected"] == len(mails)
        letters = sink.letters()
    assert letters  # golden mails of proved contacts are answered, so the socket was used
    allowed = f"('127.0.0.1', {sink.port})"
    for event, what in seen:
        if event in ("socket.connect", "socket.getaddrinfo"):
            assert what.startswith(allowed[:-1]), (event, what)
        else:
            assert event == "subprocess.Popen", (event, what)
            assert "intake.worker.parser_process" in what, what
    assert {event for event, _ in seen} >= {"socket.connect", "subprocess.Popen"}
