"""A whole service in a temporary folder, for tests that go all the way."""

from __future__ import annotations

import os
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any

from intake.adapters import heartbeat
from intake.adapters.heartbeat import Beat
from intake.cli import logs
from intake.cli.screen import Abort
from intake.config import directory_file
from intake.config import loader as settings
from intake.config.loader import Config
from intake.config.toml_files import read_toml
from intake.store import reports
from intake.store.contacts import directory
from intake.store.engine import Session, open_engine, reading, writing
from intake.worker import init
from tests.support import transitions, warm
from tests.support.commands import invoke
from tests.support.mailbag import AUTHSERV, SERVICE, people_toml

HEAD = f"""
[service]
name = "Support desk"
address = "{SERVICE}"

[logging]
format = "json"
"""

# For so many mails at once that limits would hold them.
NO_LIMITS = """
[limits]
max_cases_per_contact_hour = 1000000
max_cases_per_account_hour = 1000000

[replies]
max_letters_per_hour = 1000000
max_letters_per_day = 1000000
max_letters_per_domain_hour = 1000000
max_letters_all_hour = 100000000
max_same_letters_per_day = 1000000
"""


def imap_box(port: int, password: str, *, backfill: str = "all", more: str = "") -> str:
    """A [[mailbox]] on a loopback IMAP server."""
    return f"""
[[mailbox]]
name = "support"
url = "imap://support@127.0.0.1:{port}/INBOX"
password = "{password}"
trusted_authserv_ids = ["{AUTHSERV}"]
received_above = 1
backfill = "{backfill}"
{more}
"""


def maildir_box(path: Path) -> str:
    """A [[mailbox]] that is a Maildir."""
    return f"""
[[mailbox]]
name = "support"
url = "maildir:{path}"
trusted_authserv_ids = ["{AUTHSERV}"]
"""


def delivery(url: str) -> str:
    """The [delivery] table."""
    return f'\n[delivery]\nurl = "{url}"\n'


def make(
    folder: Path, text: str, contacts: str | None = None, secret: str = "", head: str = ""
) -> Config:
    """The configuration written, everything prepared, the people imported."""
    file = folder / "config.toml"
    named = f'secret = "{secret}"\n' if secret else ""
    file.write_text((head or HEAD).replace("[logging]", f"{named}[logging]") + text)
    config = settings.load(str(file), {})
    people_file = folder / "people.toml"
    people_file.write_text(people_toml() if contacts is None else contacts)
    file = folder / "var" / "intake.db"
    usual = config.database_url.endswith(str(file))
    usual = usual and "[catalogue]" not in text and "reply_type" not in text
    fresh = usual and not file.exists()
    key = people_file.read_text()
    if fresh and key in _READY:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(_READY[key])
        init.prepare(config)
        return config
    init.prepare(config)
    entries = directory_file.from_data(read_toml(people_file), settings.load_catalogue(config))
    with database(config, write=True) as session:
        directory.load(session, entries, datetime.now(UTC))
    if fresh:
        transitions.watch(file)
        _READY[key] = _copy(file)
    return config


# A database with the same people is made once and copied: migrations and a hundred contacts take
# longer than most of what the tests do with them. By the file of people.
_READY: dict[str, bytes] = {}


def _copy(database: Path) -> bytes:
    """The database as one file, whatever still stands in its write-ahead log."""
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(":memory:")) as copy:
        source.backup(copy)
        return copy.serialize()


def alive(config: Config, **more: Any) -> None:
    """A heartbeat as a worker writes it now, so that `status` finds one."""
    at = datetime.now(UTC).isoformat(timespec="seconds")
    heartbeat.write(config.path("var"), Beat(os.getpid(), at, at, **more))


@contextmanager
def database(config: Config, *, write: bool = False) -> Iterator[Session]:
    """A look into the database."""
    engine = open_engine(config.database_url)
    try:
        with writing(engine) if write else reading(engine) as session:
            yield session
    finally:
        engine.dispose()


def everything(config: Config) -> dict[str, list[dict[str, Any]]]:
    """Every message, case and letter, oldest first."""
    with database(config) as session:
        return {
            "messages": reports.messages(session, limit=100000)[::-1],
            "cases": [
                found
                for number in reports.case_numbers(session)
                if (found := reports.case(session, number))
            ],
            "letters": reports.letters(session, limit=100000)[::-1],
        }


def intake(
    config: Config, *words: str, stdin: bytes = b"", operator: str = ""
) -> subprocess.CompletedProcess[bytes]:
    """The real command in a process of its own, by that operator."""
    named = {"INTAKE_OPERATOR": operator} if operator else {}
    env = {**os.environ, "COLUMNS": "80", **named}
    return warm.run(["--config", config.file, *words], stdin=stdin, env=env)


def command(
    config: Config, *words: str, stdin: bytes = b"", operator: str = ""
) -> subprocess.CompletedProcess[bytes]:
    """The same command in this process: a second saved wherever a real process proves nothing."""
    named = {"INTAKE_OPERATOR": operator} if operator else {}
    given = ["--config", config.file, *words]
    done = invoke(given, given=stdin, env={"COLUMNS": "80", **named})
    logs.set_up("json", "critical")  # not to the streams of a command that has ended
    code, error = done.exit_code, done.stderr_bytes or b""
    if isinstance(done.exception, Abort):
        code, error = done.exception.code, error + f"intake: {done.exception}\n".encode()
    elif done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return subprocess.CompletedProcess(given, code, done.stdout_bytes, error)


def now_2822() -> str:
    """The present moment as a Date field has it."""
    return format_datetime(datetime.now(UTC))


def moment(value: object) -> datetime:
    """A stored moment as SQLite gives it to plain SQL."""
    return datetime.fromisoformat(str(value)).replace(tzinfo=UTC)


def everything_on_disk(folder: Path) -> bytes:
    """Every byte that the service keeps: database and blobs, free pages left out."""
    database = folder / "var/intake.db"
    with closing(sqlite3.connect(database)) as link:
        link.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        link.execute("VACUUM")
    kept = [database, *(one for one in (folder / "var/blobs").rglob("*") if one.is_file())]
    return b"\n".join(one.read_bytes() for one in kept)
