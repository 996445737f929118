"""What all commands share: the configuration, error messages, tables for 80 columns, JSON.

Text that came by mail is escaped before it is printed: control and direction characters could
otherwise change what the operator sees on the terminal.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, is_dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from intake.cli.layout import is_harmless, safe, say

if TYPE_CHECKING:
    from intake.config.loader import Config
    from intake.store.engine import Session
    from intake.store.listings import Listed

EX_OK, EX_NO, EX_DATAERR, EX_UNAVAILABLE, EX_IOERR, EX_TEMPFAIL, EX_CONFIG = (
    0,
    1,
    65,
    69,
    74,
    75,
    78,
)

ConfigOption = Annotated[
    str | None,
    typer.Option("--config", help="The configuration file.", metavar="FILE", show_default=False),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
LimitOption = Annotated[int, typer.Option("--limit", help="The maximum number of rows.", min=1)]
PageOption = Annotated[
    int, typer.Option("--page", help="Which page of them; 1 is the first.", min=1)
]
SinceOption = Annotated[
    str, typer.Option("--since", help="Only from this moment on: 2026-03-02, or 2026-03-02 14:30.")
]
UntilOption = Annotated[str, typer.Option("--until", help="Only before this moment.")]
YesOption = Annotated[bool, typer.Option("--yes", help="Do it without asking.")]


class Abort(Exception):
    """An expected failure: what to print and the exit code."""

    def __init__(self, text: str, code: int = EX_NO) -> None:
        super().__init__(text)
        self.code = code


@dataclass
class _Settings:
    """The --config option given before the command, if any."""

    file: str | None = None


settings = _Settings()


def load(path: str | None = None) -> Config:
    """Loads the configuration and sets up logging from it."""
    from intake.config import loader
    from intake.config.toml_files import ConfigError

    try:
        found = loader.load(path or settings.file)
    except ConfigError as error:
        raise Abort(str(error), EX_CONFIG) from None
    from intake.cli.logs import set_up

    set_up(found.shape.logging.format, found.shape.logging.level)
    return found


def configured_file(path: str | None) -> str:
    """The name of the configuration file that ``load`` would read."""
    return path or settings.file or os.environ.get("INTAKE_CONFIG") or "config.toml"


EXPECTED = {
    "intake.config.toml_files.ConfigError": EX_CONFIG,
    "intake.adapters.smtp.DeliveryError": EX_CONFIG,
    "intake.mail.encoder.LetterError": EX_CONFIG,
    "intake.store.engine.StoreError": EX_IOERR,
    "intake.adapters.mailbox.protocol.MailboxError": EX_UNAVAILABLE,
    "intake.adapters.blob_store.BlobError": EX_IOERR,
    "intake.incidents.page.files.PageError": EX_IOERR,
    "intake.worker.parser_pool.PoolError": EX_IOERR,
    "intake.worker.backup.BackupError": EX_NO,
    "intake.store.cases.by_hand.CaseError": EX_NO,
    "intake.store.incidents.recipients.IncidentError": EX_NO,
    "intake.store.contacts.directory.PeopleError": EX_NO,
    "intake.worker.replay.ReviewError": EX_NO,
}
"""The expected failures of the packages below, with their exit codes. They are named and not
imported: importing all of them takes longer than most commands."""
OF_A_KIND = {
    ("StoreError", "busy"): EX_TEMPFAIL,
    ("StoreError", "connect"): EX_TEMPFAIL,
    ("StoreError", "schema"): EX_CONFIG,
    ("MailboxError", "config"): EX_CONFIG,
}
"""Exit codes that depend on the kind of the failure."""


@contextmanager
def plainly() -> Iterator[None]:
    """Turns every expected failure of the packages below into one line and an exit code."""
    try:
        yield
    except Exception as error:
        names = (f"{one.__module__}.{one.__qualname__}" for one in type(error).__mro__)
        code = next((EXPECTED[name] for name in names if name in EXPECTED), None)
        if code is None:
            raise
        kind = (type(error).__name__, getattr(error, "kind", ""))
        raise Abort(str(error), OF_A_KIND.get(kind, code)) from None


@contextmanager
def database(path: str | None, *, write: bool = False) -> Iterator[Session]:
    """Opens a session on the configured database."""
    from intake.store.engine import open_engine, reading, writing
    from intake.store.migrate import check

    with plainly():
        engine = open_engine(load(path).database_url)
        try:
            check(engine)
            with writing(engine) if write else reading(engine) as session:
                yield session
        finally:
            engine.dispose()


def who() -> str:
    """The operator's name for the history: from INTAKE_OPERATOR, otherwise the login name."""
    named = ("INTAKE_OPERATOR", "SUDO_USER", "USER", "LOGNAME")
    found = next((os.environ[name] for name in named if os.environ.get(name)), "unknown")
    return f"operator:{safe(found)[:60]}"


def show_json(value: object) -> None:
    """The value as JSON, one document."""
    say(json_text(value, indent=2))


def json_text(value: object, indent: int | None = None) -> str:
    """JSON as it is for a program; for a terminal nothing in it can rewrite the screen."""
    text = json.dumps(value, indent=indent, ensure_ascii=False, default=_jsonable)
    if not sys.stdout.isatty():
        return text
    return "".join(c if c == "\n" or is_harmless(c) else _json_escape(c) for c in text)


def _json_escape(char: str) -> str:
    """One character as an ASCII escape of JSON; the meaning of the document does not change."""
    return json.dumps(char)[1:-1] if ord(char) > 0x7F else f"\\u{ord(char):04x}"


def write_private(path: Path, content: bytes) -> None:
    """Writes a file that only its owner may read; an existing file is overwritten. Raises Abort.

    Missing folders are created for the owner only; the mode of an existing folder is not changed.
    """
    try:
        missing = [one for one in reversed(path.parents) if not one.exists()]
        for folder in missing:
            folder.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, 0o600)
            file.write(content)
    except OSError as error:
        raise Abort(f"{path}: cannot be written: {error.strerror}", EX_IOERR) from None


def _jsonable(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return value.isoformat() if isinstance(value, datetime) else str(value)


def cut(listed: Listed, what: str) -> None:
    """Says how much of a list is shown, and how to see the rest."""
    shown, page = len(listed.rows), listed.page
    if shown == listed.total:
        return
    first = page.offset + 1
    part = f"{shown} of {listed.total}" if page.number == 1 else f"{first}-{page.offset + shown}"
    part = part if page.number == 1 else f"{part} of {listed.total}"
    last = page.offset + shown >= listed.total
    more = "the last page" if last else f"--page {page.number + 1} shows the next"
    say(
        f"{part} {what}; {more}" if shown else f"page {page.number} is empty: {listed.total} {what}"
    )


def confirmed(question: str, *, yes: bool) -> bool:
    """Whether the operator agrees; without a terminal only --yes does."""
    if yes:
        return True
    if not sys.stdin.isatty():
        raise Abort(f"{question} Nothing was done: there is no terminal to ask on; use --yes", 2)
    return typer.confirm(question)


def when(value: Any, zone: str = "UTC") -> str:
    """A moment in the given time zone, to the minute, with the zone's name."""
    if not value:
        return ""
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return f"{moment.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M %Z}"


def moment(option: str, text: str, zone: str, *, ahead: bool = False) -> datetime | None:
    """Converts an operator's date or moment to UTC; None for an empty text.

    An offset in the text is used; without one the text is in the given zone. A time of day alone is
    the next one with ``ahead``, otherwise the last one.
    """
    if not text.strip():
        return None
    from intake.incidents.typed_moments import WANTED, read_moment

    try:
        return read_moment(text, datetime.now(UTC), ZoneInfo(zone), ahead=ahead)
    except (ValueError, OverflowError) as error:
        why = str(error) if "wanted" in str(error) or "clock" in str(error) else ""
        why = why or (str(error) if "twice" in str(error) or "hour" in str(error) else "")
        raise Abort(f"{option}: found {text!r}: {why or f'wanted {WANTED}'}", 2) from error
