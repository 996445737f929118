"""Committed work, recorded again in a file outside the database, to detect a restored copy.

One line is appended for each mail and letter, after the commit and before the outside world sees
the effect. So the database is never older than this file, unless an older copy of the database was
restored. Then the file also shows what was handled and sent in the meantime. Lines are JSON arrays:

    ["mail", digest, row, case number, moment]       recorded
    ["doubt", Message-ID, fence]                     the final dot is about to be sent
    ["sent", Message-ID, fence]                      the server accepted it
    ["gap"]                                          lines before this one could not be written

The database does not depend on this file, so a disk error here stops nothing. Lines that could not
be written become a gap. Whatever a gap may hide is treated as unknown.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog

log = structlog.get_logger("intake.journal")

MAX_BYTES = 64 * 2**20  # then a new file is started, and the previous one is kept beside it
TAIL_BYTES = 64 * 2**10


@dataclass(frozen=True, slots=True)
class MailLine:
    """A mail that was recorded."""

    digest: str
    row: int  # messages.id
    case_number: str
    at: datetime
    mailbox: str = ""  # the mailbox that it arrived in; empty in lines of older versions


@dataclass(frozen=True, slots=True)
class LetterLine:
    """A letter whose final dot was about to be sent, or that a server accepted."""

    message_id: str
    fence: int  # of the claim; it only increases
    sent: bool


@dataclass(frozen=True, slots=True)
class Gap:
    """Lines before this point are missing."""


Line = MailLine | LetterLine | Gap


class Journal:
    """The journal file; without a path nothing is written. Several processes may append to it."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self._gap = False  # a line could not be written since the last one

    def mails(self, lines: Iterable[MailLine]) -> None:
        """Records mails whose transaction is committed."""
        self._append(["mail", one.digest, one.row, one.case_number, one.at.isoformat(), one.mailbox]
                     for one in lines)  # fmt: skip

    def letters(self, letters: Iterable[tuple[str, int]], *, sent: bool) -> None:
        """Records (Message-ID, fence) of letters whose committed row says in doubt or sent."""
        self._append(["sent" if sent else "doubt", *one] for one in letters)

    def _append(self, lines: Iterable[Sequence[object]]) -> None:
        """Writes all lines at once; other processes see all of them or none."""
        wanted = [*([["gap"]] if self._gap else []), *lines]
        if self.path is None or len(wanted) == self._gap:
            return
        text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in wanted)
        try:
            if self.path.exists() and self.path.stat().st_size > MAX_BYTES:
                self.path.replace(self.older)
            descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                self._gap = not _written(descriptor, text.encode())
            finally:
                os.close(descriptor)
        except OSError as failure:
            self._gap = True
            log.error("journal-failed", path=str(self.path), why=failure.strerror or str(failure))

    def begin_anew(self) -> None:
        """Puts the present file aside, because its row numbers are no longer valid."""
        if self.path is not None and self.path.exists():
            self.path.replace(self.older)

    @property
    def older(self) -> Path:
        """The path of the previous file."""
        assert self.path is not None
        return self.path.with_suffix(".older")

    def tail(self) -> list[Line]:
        """The newest lines, oldest first."""
        return list(self._read(TAIL_BYTES))

    def lines(self) -> Iterator[Line]:
        """All lines, oldest first."""
        if self.path is not None:
            yield from Journal(self.older)._read(0)
        yield from self._read(0)

    def _read(self, tail_bytes: int) -> Iterator[Line]:
        if self.path is None or not self.path.exists():
            return
        with self.path.open("rb") as file:
            if tail_bytes and os.fstat(file.fileno()).st_size > tail_bytes:
                file.seek(-tail_bytes, os.SEEK_END)
                file.readline()
            yield from map(_parsed, file)


def _written(descriptor: int, data: bytes) -> bool:
    """Whether all of it was written, starting on a new line."""
    size = os.fstat(descriptor).st_size
    if size and os.pread(descriptor, 1, size - 1) != b"\n":
        data = b"\n" + data  # the previous line was cut off by a full disk or a power failure
    return os.write(descriptor, data) == len(data)


def _parsed(raw: bytes) -> Line:
    """The parsed line; an unreadable line is a gap."""
    try:
        kind, *values = json.loads(raw)
        if kind == "gap":
            return Gap()
        if kind == "mail":
            digest, row, number, at, *mailbox = values
            when = datetime.fromisoformat(at)
            return MailLine(str(digest), int(row), str(number), when, *map(str, mailbox[:1]))
        message_id, fence = values
        return LetterLine(str(message_id), int(fence), sent=kind == "sent")
    except (ValueError, TypeError):
        return Gap()
