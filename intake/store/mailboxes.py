"""How far each mailbox has been collected, and which of its mails the ledger knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update

from intake.store.engine import Unit
from intake.tables import MailboxRow, MessageRow

CHUNK = 500
TERMINAL = ("handled", "ignored", "dropped", "held", "rejected", "shelved")


@dataclass(frozen=True, slots=True)
class MailboxState:
    """Where the next pass goes on."""

    name: str
    uidvalidity: int
    next_uid: int  # every UID below needs no look any more
    baseline_at: datetime | None  # mail that arrived before is not ours; None: all is


@dataclass(frozen=True, slots=True)
class Row:
    """A mail of the ledger, as far as collecting needs it."""

    id: int
    uidvalidity: int
    uid: int
    status: str
    folder: str


def _c(column: Any) -> Any:
    """A column of a table class, typed for SQL expressions."""
    return column


def state(unit: Unit, name: str) -> MailboxState | None:
    """The state of that mailbox; None before the first pass."""
    row = unit.get(MailboxRow, name)
    if row is None or row.uidvalidity < 0:
        return None
    return MailboxState(row.name, row.uidvalidity, row.next_uid, row.baseline_at)


def baseline(
    unit: Unit, name: str, uidvalidity: int, next_uid: int, baseline_at: datetime | None
) -> None:
    """Draws the line: what lies below it is somebody else's."""
    row = unit.get(MailboxRow, name)
    if row is None:
        row = MailboxRow(name=name)
        unit.add(row)
    row.uidvalidity, row.next_uid, row.baseline_at = uidvalidity, next_uid, baseline_at
    unit.flush()


def handled(
    unit: Unit, name: str, uidvalidity: int, uids: Sequence[int]
) -> dict[int, tuple[int, str, bool, str]]:
    """UID -> (row id, status, settled, folder) of those the ledger knows."""
    found: dict[int, tuple[int, str, bool, str]] = {}
    columns = (
        MessageRow.uid,
        MessageRow.id,
        MessageRow.status,
        MessageRow.settled,
        MessageRow.folder,
    )
    for start in range(0, len(uids), CHUNK):
        query = select(*map(_c, columns)).where(
            _c(MessageRow.mailbox) == name,
            _c(MessageRow.uidvalidity) == uidvalidity,
            _c(MessageRow.uid).in_(uids[start : start + CHUNK]),
        )
        for uid, *rest in unit.execute(query):
            found[uid] = (rest[0], rest[1], rest[2], rest[3])
    return found


def by_digest(unit: Unit, name: str, digests: Sequence[str]) -> dict[str, Row]:
    """Digest -> the mail of that mailbox with a terminal status."""
    found: dict[str, Row] = {}
    columns = (
        MessageRow.digest, MessageRow.id, MessageRow.uidvalidity, MessageRow.uid,
        MessageRow.status, MessageRow.folder,
    )  # fmt: skip
    wanted = [digest for digest in digests if digest]
    for start in range(0, len(wanted), CHUNK):
        query = select(*map(_c, columns)).where(
            _c(MessageRow.digest).in_(wanted[start : start + CHUNK]),
            _c(MessageRow.mailbox) == name,
            _c(MessageRow.status).in_(TERMINAL),
        )
        for digest, *rest in unit.execute(query):
            found.setdefault(digest, Row(*rest))
    return found


def rebind(unit: Unit, row_id: int, uidvalidity: int, uid: int) -> None:
    """The mail of that row lies under another UID now, and is to be moved from there."""
    unit.execute(
        update(MessageRow)
        .where(_c(MessageRow.id) == row_id)
        .values(uidvalidity=uidvalidity, uid=uid, settled=False)
    )


def unsettled(unit: Unit, name: str, uidvalidity: int) -> list[tuple[int, int, str]]:
    """(row id, UID, folder) of mails that are recorded and not moved yet."""
    query = select(_c(MessageRow.id), _c(MessageRow.uid), _c(MessageRow.folder)).where(
        _c(MessageRow.mailbox) == name,
        _c(MessageRow.uidvalidity) == uidvalidity,
        _c(MessageRow.settled).is_(False),
        _c(MessageRow.folder) != "",
    )
    return [(row[0], row[1], row[2]) for row in unit.execute(query)]


def settle(unit: Unit, row_ids: Sequence[int]) -> None:
    """The server was told, and it is verified."""
    for start in range(0, len(row_ids), CHUNK):
        part = row_ids[start : start + CHUNK]
        unit.execute(update(MessageRow).where(_c(MessageRow.id).in_(part)).values(settled=True))


def advance(unit: Unit, name: str, next_uid: int, checked_at: datetime) -> None:
    """A pass has ended well."""
    row = unit.get(MailboxRow, name)
    if row is not None:
        row.next_uid, row.checked_at, row.failing_since, row.failure = (
            next_uid,
            checked_at,
            None,
            "",
        )


def failed(unit: Unit, name: str, since: datetime, reason: str) -> None:
    """A pass has failed; since when is kept until one ends well."""
    row = unit.get(MailboxRow, name)
    if row is None:
        row = MailboxRow(name=name, uidvalidity=-1)  # seen, never opened
        unit.add(row)
    row.failing_since = row.failing_since or since
    row.failure = reason
    unit.flush()
