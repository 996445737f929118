"""What the checker looks at: mailbox, database, blobs and letters, each read by plain means."""

from __future__ import annotations

import hashlib
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message
from pathlib import Path
from typing import Any, Protocol

Row = dict[str, Any]
NUMBER = re.compile(r"\[([A-Z0-9]+-\d+)(?:-[A-Z0-9]+)?\]")
TABLES = {
    "messages": "id, digest, size, status, settled, folder, action, message_id, case_number",
    "cases": "number, message_id",
    "attachments": "message_id, case_number, name, size, sha256",
    "outbox": "id, kind, message_id_header, message_id, case_number, state",
    "events": "case_number, message_id",
    "notice_recipients": "message_id_header, doubts",
}


class Server(Protocol):
    """A mail server as far as it is looked at."""

    def read(self, folder: str = "INBOX") -> list[bytes]:
        """Gives the mails of that folder."""


@dataclass(frozen=True)
class World:
    """Everything there is to see at one moment, and what the mailbox ever had."""

    ever: Sequence[bytes]  # every mail the mailbox ever had, a mail put in twice stands twice
    database: str | Path  # the file, or a URL of sqlite or postgresql
    blobs: Path
    inbox: Sequence[bytes] = ()
    processed: Sequence[bytes] = ()
    held: Sequence[bytes] = ()
    letters: Sequence[bytes] = ()
    taken: Sequence[bytes] = ()  # mails that a pipe handed over and that were accepted
    files: Mapping[str, Sequence[str]] = field(default_factory=dict)  # by the digest of the mail
    no_blob: frozenset[str] = frozenset()  # digests of mails whose bytes need not be kept
    handled: Sequence[bytes] | None = None  # what must be handled at the end; None: all
    answered: bool = True  # whether each of these must have got its letter
    in_doubt_at_most: int | None = None  # letters in doubt at the end; None: any number


@dataclass(frozen=True)
class Maildir:
    """A Maildir, read like a server."""

    path: Path

    def read(self, folder: str = "INBOX") -> list[bytes]:
        """The mails of the folder, none when there is no such folder."""
        home = self.path if folder == "INBOX" else self.path / f".{folder}"
        found = []
        for part in ("new", "cur"):
            for path in sorted((home / part).iterdir()) if (home / part).is_dir() else ():
                with suppress(FileNotFoundError):  # it was moved while others were read
                    found.append(path.read_bytes())
        return found


def look(world: World, server: Server) -> World:
    """The same world with what lies in the server's three folders now."""
    inbox, processed, held = (server.read(name) for name in ("INBOX", "Processed", "Held"))
    return replace(world, inbox=inbox, processed=processed, held=held)


def digest_of(raw: bytes) -> str:
    """The name under which bytes are kept."""
    return hashlib.sha256(raw).hexdigest()


def blob_path(blobs: Path, digest: str) -> Path:
    """Where the bytes of that digest lie."""
    return blobs / digest[:2] / digest[2:4] / digest


@contextmanager
def _opened(database: str | Path) -> Iterator[Any]:
    """A connection; to a copy of a SQLite database, so that looking at it changes nothing."""
    name = str(database)
    if name.startswith("postgresql"):
        import psycopg

        with psycopg.connect(name) as connection:
            yield connection
        return
    file = Path(name.removeprefix("sqlite:///"))
    with tempfile.TemporaryDirectory() as folder:
        for end in ("", "-wal", "-journal"):
            if (beside := file.with_name(file.name + end)).exists():
                shutil.copyfile(beside, Path(folder) / beside.name)
        copy = f"file:{Path(folder) / file.name}?mode=rw"
        connection = sqlite3.connect(copy, uri=True)
        try:
            yield connection
        finally:
            connection.close()


def tables(database: str | Path) -> tuple[dict[str, list[Row]], list[str]]:
    """The rows that count, and what the database itself says is wrong with it."""
    trouble: list[str] = []
    rows: dict[str, list[Row]] = {table: [] for table in TABLES}
    try:
        with _opened(database) as connection:
            if isinstance(connection, sqlite3.Connection):
                found = connection.execute("PRAGMA integrity_check").fetchall()
                trouble += [
                    f"The database is damaged: {line}." for (line,) in found if line != "ok"
                ]
                for table, row, parent, _ in connection.execute("PRAGMA foreign_key_check"):
                    trouble.append(
                        f"Row {row} of {table} refers to a row of {parent} that is gone."
                    )
            for table, columns in TABLES.items():
                cursor = connection.execute(f"SELECT {columns} FROM {table}")
                names = [one[0] for one in cursor.description]
                rows[table] = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    except (sqlite3.Error, OSError) as error:
        trouble.append(f"The database cannot be read: {error}.")
    return rows, trouble


def head(raw: bytes, name: str) -> str:
    """A header field, decoded, without the folds."""
    found: Message = message_from_bytes(raw)
    value = found.get(name, "")
    return " ".join(str(make_header(decode_header(str(value)))).split())


def refers(raw: bytes) -> bool:
    """True for a mail that belongs to something older."""
    return bool(head(raw, "In-Reply-To") or NUMBER.search(head(raw, "Subject")))


@dataclass(frozen=True)
class Letter:
    """What of a letter is compared."""

    message_id: str
    recipient: str
    parent: str  # the mail that it answers
    number: str  # of the case it names in its subject

    @staticmethod
    def read(raw: bytes) -> Letter:
        """Reads one."""
        numbers = NUMBER.findall(head(raw, "Subject"))
        return Letter(
            head(raw, "Message-ID"),
            head(raw, "To"),
            head(raw, "In-Reply-To"),
            numbers[-1] if numbers else "",
        )

    @property
    def kind(self) -> str:
        """What it is for: the first word of its Message-ID."""
        return self.message_id.strip("<>").partition(".")[0]
