"""Every command line of docs/operate.md runs, in the order of the page, on a service with work."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from intake.cli import logs
from intake.cli.screen import Abort, settings
from intake.worker import service
from tests.support import installation
from tests.support.commands import invoke
from tests.support.mailbag import AUTHSERV

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/operate.md"
SERVICE_RUNS = ("intake run",)  # until it is stopped: tried by the tests of the worker
ANSWERS_NO = {  # exit code 1 is an answer
    "intake status", "intake status --quiet", "intake reconcile --repair",
}  # fmt: skip
PEOPLE = """kind,id,name,emails,accounts,contact_type
account,bayside,Bayside School District,,,
contact,zack,Zack Morris,zack@bayside.example,bayside,Authorized
contact,kelly,Kelly Kapowski,kelly@bayside.example,bayside,Authorized
"""
KELLY = "kelly@bayside.example"
FORM = "Case Type: Ask a Question\nDescription: Why is the report empty? Error: report empty\n"


def sections() -> dict[str, list[str]]:
    """Heading -> the command lines of its sh blocks."""
    found: dict[str, list[str]] = {}
    for part in PAGE.read_text("utf-8").split("\n## ")[1:]:
        heading, _, body = part.partition("\n")
        for block in re.findall(r"^```sh\n(.*?)^```", body, re.MULTILINE | re.DOTALL):
            found.setdefault(heading, []).extend(block.splitlines())
    return found


PAGES = sections()
EMPTY = ("Try it with sample mails", "Set it up for your mailbox")


def run(words: list[str], folder: Path, operator: str = "ann") -> tuple[int, str]:
    """Exit code and output of a command in that folder."""
    settings.file = None
    env = {"COLUMNS": "80", "INTAKE_OPERATOR": operator, "EDITOR": "true"}
    done = invoke(words, env=env)
    logs.set_up("json", "critical")
    said = done.output
    if isinstance(done.exception, Abort):
        return done.exception.code, f"{said}intake: {done.exception}"
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, said


def put(folder: Path, number: int, sender: str, text: str, verdict: str = "pass") -> None:
    """A mail into the drop folder."""
    head = (
        f"Authentication-Results: {AUTHSERV}; dkim={verdict} header.d=bayside.example; "
        f"dmarc={verdict} header.from=bayside.example"
    )
    lines = [
        head, f"From: {sender}", "To: support@desk.example", f"Subject: Matter {number}",
        f"Date: {installation.now_2822()}", f"Message-ID: <{number}@bayside.example>", "",
    ]  # fmt: skip
    raw = "\r\n".join([*lines, *text.splitlines(), ""]).encode()
    (folder / "var/mail/new").mkdir(parents=True, exist_ok=True)
    (folder / "var/mail/new" / f"{number:03}").write_bytes(raw)


def desk(folder: Path) -> None:
    """A service with two cases, three held mails, and letters; its contacts are in a file."""
    (folder / "config.toml").write_text(
        '[service]\naddress = "support@desk.example"\n[[mailbox]]\nname = "drop"\n'
        f'url = "maildir:var/mail"\ntrusted_authserv_ids = ["{AUTHSERV}"]\n'
        '[alerts]\naddress = "oncall@ops.example"\n[logging]\nformat = "json"\n'
    )
    (folder / "contacts.csv").write_text(PEOPLE)
    (folder / "words.txt").write_text("Grades appear an hour late.\n")
    assert run(["init"], folder)[0] == 0
    assert run(["contacts", "import", "contacts.csv"], folder)[0] == 0
    for number in (1, 2):
        text = f"--cut\nContent-Type: text/plain\n\n{FORM}--cut\nContent-Type: text/plain\n"
        text += 'Content-Disposition: attachment; filename="report.txt"\n\nempty\n--cut--\n'
        put(folder, number, "zack@bayside.example\r\nMIME-Version: 1.0\r\nContent-Type: "
            "multipart/mixed; boundary=cut", text)  # fmt: skip
    service.once(installation.settings.load("config.toml", {}))
    for number in (3, 4, 5):
        put(folder, number, "zack@bayside.example", FORM, "fail")
    service.once(installation.settings.load("config.toml", {}))


def numbered(words: list[str], folder: Path) -> list[str]:
    """The same command for a mail or a letter that is in the right state."""
    if words[:2] in (["messages", "release"], ["messages", "unreject"]):
        status = "rejected" if words[1] == "unreject" else "held"
        rows = json.loads(run(["messages", "list", "--status", status, "--json"], folder)[1])
        return [str(rows[0]["id"]) if word == "1" else word for word in words]
    if words[:2] == ["incidents", "approve"]:
        said = run(["incidents", "send", "INC-1", "--json"], folder)[1]
        return [*words[:-1], json.loads(said)["hash"]]
    return words


def prepared(line: str, folder: Path) -> None:
    """What a line needs that the lines before it have used up."""
    config = installation.settings.load("config.toml", {})
    if line.startswith(("intake messages release", "intake messages reject")):
        put(folder, 50 + len(list((folder / "var/mail").rglob("*"))), KELLY, FORM, "fail")
        service.once(config)
    if line.startswith("intake catalogue learn"):
        for number in range(10):
            kind = FORM if number % 2 else FORM.replace("Ask a Question", "Server Issue")
            put(folder, 200 + number, KELLY, kind)
        service.once(config)
    if line.startswith(("intake outbox retry", "intake outbox cancel")):
        with installation.database(config, write=True) as session:
            from sqlalchemy import text

            state = "failed" if "retry" in line else "due"
            session.execute(text("DROP TRIGGER IF EXISTS outbox_state"))
            session.execute(text(f"UPDATE outbox SET state = '{state}', due_at = '2999-01-01'"))


def tried(line: str, folder: Path) -> None:
    """One line of the page."""
    prepared(line, folder) if folder.name == "desk" else None
    words = numbered(shlex.split(line, comments=True)[1:], folder)
    operator = "bob" if "approve" in line else "ann"
    code, said = run(words, folder, operator)
    if code == 2 and "use --yes" in said:
        code, said = run([*words, "--yes"], folder, operator)
    plain = "intake " + " ".join(shlex.split(line, comments=True)[1:])
    allowed = (0, 1) if plain in ANSWERS_NO else (0,)
    assert code in allowed, f"{line}\nexit code {code}\n{said}"
    assert "Traceback" not in said
    if len(words) > 1 and words[1] in ("list", "search"):
        assert max(map(len, said.splitlines()), default=0) <= 80, line


@pytest.mark.parametrize("heading", EMPTY)
def test_a_newcomer_can_type_it_in_an_empty_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, heading: str
) -> None:
    """In the order of the page, with nothing else prepared."""
    monkeypatch.chdir(tmp_path)
    for line in PAGES[heading]:
        tried(line, tmp_path)


@pytest.mark.takes_blobs
def test_every_other_command_of_the_page_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a service with cases, held mails and letters, from the top of the page to its end."""
    folder = tmp_path / "desk"
    folder.mkdir()
    monkeypatch.chdir(folder)
    desk(folder)
    lines = [line for name, block in PAGES.items() if name not in EMPTY for line in block]
    assert len(lines) > 45
    for line in lines:
        if line.partition("#")[0].strip() not in SERVICE_RUNS:
            tried(line, folder)


def test_every_line_of_a_block_is_a_command() -> None:
    """Whatever stands in a block that the page calls sh is tried here."""
    assert all(line.startswith("intake ") for block in PAGES.values() for line in block)
