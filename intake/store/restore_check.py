"""Whether the database is an older copy of itself, and what it must be told before it goes on.

An older copy would send letters again, give out numbers again and never look again at mails that
were moved already. It is noticed by what lies outside: the journal, the server's folders, or the
mark that `intake restore` leaves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, select, update
from sqlmodel import col

from intake.adapters.journal import Gap, LetterLine, Line, MailLine
from intake.model.states import LetterState, MessageStatus, NoticeState
from intake.store.engine import Engine, Session, StoreError, reading
from intake.store.sql import upsert
from intake.store.tables.cases import CounterRow
from intake.store.tables.incidents import NoticeRecipientRow
from intake.store.tables.messages import AttachmentRow, MessageRow
from intake.store.tables.outbox import EventRow, OutboxRow

MARK = "reconcile"  # the counter that says that a restore has not been made up for
ADVICE = "nothing is sent and no number is given out until `intake reconcile --repair` was run"
CHUNK = 500
FORGOTTEN = (MessageStatus.DROPPED, MessageStatus.REJECTED, MessageStatus.VANISHED)
COVERED = 50  # newest mails of the database that the journal must know to be relied on
SENT = "sent before the database was restored, as the journal says"
PERHAPS = "perhaps sent before the database was restored; `intake outbox retry` sends it"


def check(engine: Engine, tail: Sequence[Line]) -> None:
    """Raises StoreError when the database is an older copy of itself."""
    with reading(engine) as session:
        why = older(session, tail)
    if why:
        raise StoreError("restored", f"{why}; {ADVICE}")


def older(session: Session, tail: Sequence[Line]) -> str:
    """Why the database must be an older copy; empty when nothing says so."""
    if counter(session, MARK):
        return "the database was restored from a backup"
    mails = {one.row: one for one in tail if isinstance(one, MailLine)}
    query = select(col(MessageRow.id), col(MessageRow.digest)).where(col(MessageRow.id).in_(mails))
    known = {row[0]: row[1] for row in session.execute(query)}
    lost = [one for row, one in mails.items() if known.get(row) != one.digest]
    if lost:
        return f"the database does not know message {lost[0].row}, recorded on {lost[0].at:%F %R}"
    letters = {one.message_id: one for one in tail if isinstance(one, LetterLine)}
    for table in (OutboxRow, NoticeRecipientRow):
        header = col(table.message_id_header)
        found = select(header, func.max(col(table.fence))).where(header.in_(letters))
        for name, fence in session.execute(found.group_by(header)):
            if fence >= letters[name].fence:
                del letters[name]
    if letters:
        return f"the database does not know that letter {next(iter(letters))} was sent"
    return ""


def counter(session: Session, name: str) -> int:
    """The value of that counter; 0 when there is none."""
    return session.scalar(select(col(CounterRow.value)).where(col(CounterRow.name) == name)) or 0


def set_counters(session: Session, values: Mapping[str, int]) -> None:
    """Counters with new values."""
    for name, value in values.items():
        row = upsert(session, CounterRow).values(name=name, value=value)
        session.execute(row.on_conflict_do_update(index_elements=["name"], set_={"value": value}))


def tops(session: Session, mailbox: str, found: Mapping[str, tuple[int, int]]) -> dict[str, int]:
    """Folder -> its UIDNEXT when the last pass ended, as far as its UIDVALIDITY is the same."""
    values = {
        folder: counter(session, _top(mailbox, folder, at[0])) for folder, at in found.items()
    }
    return {folder: value for folder, value in values.items() if value}


def note_tops(session: Session, mailbox: str, found: Mapping[str, tuple[int, int]]) -> None:
    """How far the folders are filled at the end of a pass."""
    set_counters(session, {_top(mailbox, key, at[0]): at[1] for key, at in found.items()})


def _top(mailbox: str, folder: str, uidvalidity: int) -> str:
    return f"top:{mailbox}:{folder}:{uidvalidity}"


def finished(session: Session, digests: Iterable[str]) -> set[str]:
    """Those of the digests that have a row with an outcome, in whatever mailbox."""
    wanted, found = list(digests), set[str]()
    for start in range(0, len(wanted), CHUNK):
        query = select(col(MessageRow.digest)).where(
            col(MessageRow.digest).in_(wanted[start : start + CHUNK]),
            col(MessageRow.status).not_in((MessageStatus.DEFERRED, MessageStatus.VANISHED)),
        )
        found.update(session.scalars(query))
    return found


def deferred(session: Session, mailbox: str, digest: str) -> int:
    """The row of a mail of that mailbox that waits for another pass; 0: there is none."""
    query = select(col(MessageRow.id)).where(
        col(MessageRow.mailbox) == mailbox,
        col(MessageRow.digest) == digest,
        col(MessageRow.status) == MessageStatus.DEFERRED,
    )
    return session.scalar(query.limit(1)) or 0


def blobs(session: Session, max_bytes: int) -> set[str]:
    """Every digest that a row names and that should be in the blob store; forgotten mail aside."""
    mails = select(col(MessageRow.digest)).where(
        col(MessageRow.digest) != "", col(MessageRow.size) <= max_bytes,
        col(MessageRow.status).not_in(FORGOTTEN),
    )  # fmt: skip
    files = (
        select(col(AttachmentRow.sha256))
        .join(MessageRow, col(MessageRow.id) == col(AttachmentRow.message_id))
        .where(col(MessageRow.status).not_in(FORGOTTEN))
    )
    return {*session.scalars(mails), *session.scalars(files)}


@dataclass(slots=True)
class Testimony:
    """What the journal says of the time that the database does not know."""

    reliable: bool = False  # it covers all of that time: what it does not name did not happen
    mails: dict[str, MailLine] = field(default_factory=dict)  # by digest, in the order of recording
    letters: dict[str, bool] = field(default_factory=dict)  # Message-ID -> certainly sent


def testimony(session: Session, lines: Iterable[Line]) -> Testimony:
    """The journal read against the database. It is relied on where it knows its newest mails."""
    said, gap = Testimony(), False
    for line in lines:
        if isinstance(line, MailLine):
            said.mails[line.digest] = line
        elif isinstance(line, LetterLine):
            said.letters[line.message_id] = line.sent or said.letters.get(line.message_id, False)
        gap = gap or isinstance(line, Gap)
    newest = select(col(MessageRow.digest)).where(
        col(MessageRow.status) != MessageStatus.VANISHED, col(MessageRow.digest) != ""
    )
    newest = newest.order_by(col(MessageRow.id).desc()).limit(COVERED)
    said.reliable = bool(said.mails) and not gap and set(session.scalars(newest)) <= set(said.mails)
    return said


def settle_letters(
    session: Session, said: Testimony, now: datetime, after: int = 0
) -> dict[str, int]:
    """Letters that wait and may have been sent: none goes out a second time unseen.

    ``after`` leaves aside the rows up to that id. Gives how many letters became what.
    """
    counts: dict[str, int] = {}
    query = select(col(OutboxRow.id), col(OutboxRow.message_id_header), col(OutboxRow.case_number))
    waiting = query.where(
        col(OutboxRow.state).in_((LetterState.DUE, LetterState.CLAIMED)), col(OutboxRow.id) > after
    )
    for row_id, header, number in session.execute(waiting).all():
        sent = said.letters.get(header)
        if sent is None and said.reliable:
            continue  # it was never tried: it is sent now
        state, why = (LetterState.SENT, SENT) if sent else (LetterState.IN_DOUBT, PERHAPS)
        values = {"state": state, "reply": why, "finished_at": now, "lease_until": None}
        session.execute(update(OutboxRow).where(col(OutboxRow.id) == row_id).values(**values))
        detail = {"letter": row_id, "words": why}
        session.execute(
            insert(EventRow).values(
                at=now, kind=state, case_number=number, message_id=0, who="intake", detail=detail
            )
        )
        counts[state] = counts.get(state, 0) + 1
    return counts


def settle_notices(session: Session, said: Testimony, now: datetime) -> dict[str, int]:
    """Notices that wait: what was sent is done, what is in doubt is sent once more and flagged."""
    counts: dict[str, int] = {}
    row = NoticeRecipientRow
    query = select(col(row.id), col(row.message_id_header)).where(
        col(row.state).in_(
            (NoticeState.QUEUED, NoticeState.DEFERRED, NoticeState.SENDING, NoticeState.UNCERTAIN)
        )
    )
    for row_id, header in session.execute(query).all():
        sent = said.letters.get(header)
        if sent is None and said.reliable:
            continue
        values: dict[str, Any] = {"state": NoticeState.UNCERTAIN, "lease_until": now, "reply": ""}
        if sent:
            values = {
                "state": NoticeState.SENT,
                "finished_at": now,
                "lease_until": None,
                "reply": SENT,
            }
        session.execute(update(row).where(col(row.id) == row_id).values(**values))
        counts[values["state"]] = counts.get(values["state"], 0) + 1
    return counts


def newest_letter(session: Session) -> int:
    """The highest id of the outbox; 0 for none."""
    return session.scalar(select(func.max(col(OutboxRow.id)))) or 0
