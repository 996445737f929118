"""Detects that the database is an older copy of itself, and corrects it from the journal.

An older copy would send letters again, assign numbers again, and never look again at mails that
were already moved. It is detected by data outside the database: the journal, the server's folders,
or the mark that `intake restore` sets.
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
from intake.store.contacts.personal_data import ERASED
from intake.store.engine import Engine, Session, StoreError, reading
from intake.store.sql import upsert
from intake.store.tables.cases import CounterRow
from intake.store.tables.incidents import NoticeRecipientRow
from intake.store.tables.messages import AttachmentRow, MessageRow
from intake.store.tables.outbox import EventRow, OutboxRow

MARK = "reconcile"  # the counter that shows that a restore is not reconciled yet
ADVICE = "nothing is sent and no number is given out until `intake reconcile --repair` was run"
CHUNK = 500
FORGOTTEN = (MessageStatus.DROPPED, MessageStatus.REJECTED, MessageStatus.VANISHED)
COVERED = 50  # newest mails of the database that must be in the journal for it to be reliable
SENT = "sent before the database was restored, as the journal says"
PERHAPS = "perhaps sent before the database was restored; `intake outbox retry` sends it"


def check(engine: Engine, tail: Sequence[Line]) -> None:
    """Raises StoreError when the database is an older copy of itself."""
    with reading(engine) as session:
        why = older(session, tail)
    if why:
        raise StoreError("restored", f"{why}; {ADVICE}")


def older(session: Session, tail: Sequence[Line]) -> str:
    """Why the database must be an older copy; empty if nothing shows that it is."""
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
    """The value of that counter; 0 if there is none."""
    return session.scalar(select(col(CounterRow.value)).where(col(CounterRow.name) == name)) or 0


def set_counters(session: Session, values: Mapping[str, int]) -> None:
    """Counters with new values."""
    for name, value in values.items():
        row = upsert(session, CounterRow).values(name=name, value=value)
        session.execute(row.on_conflict_do_update(index_elements=["name"], set_={"value": value}))


def tops(session: Session, mailbox: str, found: Mapping[str, tuple[int, int]]) -> dict[str, int]:
    """Folder -> its UIDNEXT at the end of the last pass, if its UIDVALIDITY is unchanged."""
    values = {
        folder: counter(session, _top(mailbox, folder, at[0])) for folder, at in found.items()
    }
    return {folder: value for folder, value in values.items() if value}


def note_tops(session: Session, mailbox: str, found: Mapping[str, tuple[int, int]]) -> None:
    """Stores the UIDNEXT of the folders at the end of a pass."""
    set_counters(session, {_top(mailbox, key, at[0]): at[1] for key, at in found.items()})


def _top(mailbox: str, folder: str, uidvalidity: int) -> str:
    return f"top:{mailbox}:{folder}:{uidvalidity}"


def finished(session: Session, digests: Iterable[str]) -> set[str]:
    """The digests that have a row with an outcome, in any mailbox."""
    wanted, found = list(digests), set[str]()
    for start in range(0, len(wanted), CHUNK):
        query = select(col(MessageRow.digest)).where(
            col(MessageRow.digest).in_(wanted[start : start + CHUNK]),
            col(MessageRow.status).not_in((MessageStatus.DEFERRED, MessageStatus.VANISHED)),
        )
        found.update(session.scalars(query))
    return found


def deferred(session: Session, mailbox: str, digest: str) -> int:
    """The row of that mail if it waits for another pass; 0 if there is none."""
    query = select(col(MessageRow.id)).where(
        col(MessageRow.mailbox) == mailbox,
        col(MessageRow.digest) == digest,
        col(MessageRow.status) == MessageStatus.DEFERRED,
    )
    return session.scalar(query.limit(1)) or 0


def blobs(session: Session, max_bytes: int) -> set[str]:
    """All digests named by rows that should be in the blob store; forgotten mails are left out."""
    mails = select(col(MessageRow.digest)).where(
        col(MessageRow.digest) != "", col(MessageRow.size) <= max_bytes,
        col(MessageRow.status).not_in(FORGOTTEN), col(MessageRow.action) != ERASED,
        col(MessageRow.pruned_at).is_(None),
    )  # fmt: skip
    files = (
        select(col(AttachmentRow.sha256))
        .join(MessageRow, col(MessageRow.id) == col(AttachmentRow.message_id))
        .where(col(MessageRow.status).not_in(FORGOTTEN))
    )
    return {*session.scalars(mails), *session.scalars(files)}


@dataclass(slots=True)
class Testimony:
    """What the journal says about the time that is missing in the database."""

    reliable: bool = False  # it covers all of that time: what it does not contain did not happen
    mails: dict[str, MailLine] = field(default_factory=dict)  # by digest, in order of recording
    letters: dict[str, bool] = field(default_factory=dict)  # Message-ID -> certainly sent


def testimony(session: Session, lines: Iterable[Line]) -> Testimony:
    """Reads the journal; it is reliable if it contains the database's newest mails."""
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
    """Marks waiting letters that were or may have been sent, so that none is sent twice.

    Rows up to the id ``after`` are left alone. Returns how many letters got which state.
    """
    counts: dict[str, int] = {}
    query = select(col(OutboxRow.id), col(OutboxRow.message_id_header), col(OutboxRow.case_number))
    waiting = query.where(
        col(OutboxRow.state).in_((LetterState.DUE, LetterState.CLAIMED)), col(OutboxRow.id) > after
    )
    for row_id, header, number in session.execute(waiting).all():
        sent = said.letters.get(header)
        if sent is None and said.reliable:
            continue  # it was never tried, so it is sent now
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
    """Marks waiting notices: those that were sent are done, those in doubt are sent once more."""
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
    """The highest id in the outbox; 0 if it is empty."""
    return session.scalar(select(func.max(col(OutboxRow.id)))) or 0
