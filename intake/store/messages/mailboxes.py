"""The position of each mailbox, and which of its mails are in the messages table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.sql.elements import ColumnElement
from sqlmodel import col

from intake.model.states import MessageStatus
from intake.store.engine import Session
from intake.store.sql import unindexed, upsert
from intake.store.tables.messages import MailboxRow, MessageRow

CHUNK = 500
TERMINAL = (
    MessageStatus.HANDLED,
    MessageStatus.IGNORED,
    MessageStatus.DROPPED,
    MessageStatus.HELD,
    MessageStatus.REJECTED,
    MessageStatus.SHELVED,
)


@dataclass(frozen=True, slots=True)
class MailboxState:
    """Where the next pass continues."""

    name: str
    uidvalidity: int
    next_uid: int  # all UIDs below it are finished
    baseline_at: datetime | None  # mail that arrived before is ignored; None: all mail is collected
    dated_below: int | None = None  # UIDs to which that date applies; None: not known yet
    checked_at: datetime | None = None  # end of the last successful pass


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the messages table, as far as collecting needs it."""

    id: int
    uidvalidity: int
    uid: int
    digest: str
    status: str
    settled: bool  # the mail was moved on the server, and this was verified
    folder: str  # the target folder on the server; empty: it stays
    attempts: int = 0
    recorded_at: datetime | None = None


def newest(session: Session, mailbox: str, most: int, max_bytes: int) -> list[str]:
    """The digests of the newest mails of a mailbox that are not larger than that, newest first."""
    rows = session.execute(
        select(col(MessageRow.digest))
        .where(col(MessageRow.mailbox) == mailbox, col(MessageRow.size) <= max_bytes)
        .order_by(col(MessageRow.id).desc())
        .limit(most)
    )
    return list(dict.fromkeys(rows.scalars()))


def state(session: Session, name: str) -> MailboxState | None:
    """The state of that mailbox; None before the first pass."""
    row = session.get(MailboxRow, name)
    if row is None or row.uidvalidity < 0:
        return None
    return MailboxState(
        row.name, row.uidvalidity, row.next_uid, row.baseline_at, row.dated_below, row.checked_at
    )


def baseline(session: Session, line: MailboxState) -> None:
    """Sets the position and date below which mail is not collected."""
    row = _made(session, line.name)
    row.uidvalidity, row.next_uid = line.uidvalidity, line.next_uid
    row.baseline_at, row.dated_below = line.baseline_at, line.dated_below
    session.flush()


def _made(session: Session, name: str) -> MailboxRow:
    """The mailbox's row, made if there is none: seen, never opened. Two workers may come first."""
    made = upsert(session, MailboxRow).values(name=name, uidvalidity=-1, next_uid=1, failure="")
    session.execute(made.on_conflict_do_nothing(index_elements=["name"]))
    return session.get_one(MailboxRow, name)


def handled(session: Session, name: str, uidvalidity: int, uids: Sequence[int]) -> dict[int, Row]:
    """UID -> the stored row of that mail."""
    return {
        row.uid: row
        for part in _parts(uids)
        for row in _found(
            session,
            col(MessageRow.mailbox) == name,
            col(MessageRow.uidvalidity) == uidvalidity,
            col(MessageRow.uid).in_(part),
        )
    }


def by_digest(session: Session, name: str, digests: Sequence[str]) -> dict[str, Row]:
    """Digest -> the oldest mail of that mailbox with those bytes and a terminal status."""
    found: dict[str, Row] = {}
    for part in _parts([one for one in digests if one]):
        this = (unindexed(MessageRow.mailbox) == name, col(MessageRow.digest).in_(part))
        for row in _found(session, *this):
            if row.status in TERMINAL:
                found.setdefault(row.digest, row)
    return found


def _parts(wanted: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(wanted), CHUNK):
        yield wanted[start : start + CHUNK]


def _found(session: Session, *where: ColumnElement[bool]) -> list[Row]:
    columns = [col(getattr(MessageRow, one.name)) for one in fields(Row)]
    query = select(*columns).where(*where).order_by(col(MessageRow.id))
    return [Row(*row) for row in session.execute(query)]


def rebind(session: Session, row_id: int, uidvalidity: int, uid: int) -> None:
    """Records that the row's mail now has another UID and must be moved from there."""
    session.execute(
        update(MessageRow)
        .where(col(MessageRow.id) == row_id)
        .values(uidvalidity=uidvalidity, uid=uid, settled=False)
    )


def unsettled(session: Session, name: str, uidvalidity: int) -> list[Row]:
    """Mails that are recorded but not moved yet."""
    return _found(
        session,
        col(MessageRow.mailbox) == name,
        col(MessageRow.uidvalidity) == uidvalidity,
        col(MessageRow.settled).is_(False),
        col(MessageRow.folder) != "",
    )


def settle(session: Session, row_ids: Sequence[int]) -> None:
    """Records that the mails were moved on the server and that this was verified."""
    for start in range(0, len(row_ids), CHUNK):
        part = row_ids[start : start + CHUNK]
        session.execute(update(MessageRow).where(col(MessageRow.id).in_(part)).values(settled=True))


def advance(session: Session, name: str, next_uid: int, checked_at: datetime) -> None:
    """Records a successful pass."""
    row = session.get(MailboxRow, name)
    if row is not None:
        row.next_uid, row.checked_at, row.failing_since, row.failure = (
            next_uid,
            checked_at,
            None,
            "",
        )


def failed(session: Session, name: str, since: datetime, reason: str) -> None:
    """Records a failed pass; the time of the first failure is kept until a pass succeeds."""
    row = _made(session, name)
    row.failing_since = row.failing_since or since
    row.failure = reason
    session.flush()
