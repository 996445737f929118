"""Removes the words of what is long over, and keeps what happened.

Of a case that was closed long ago stay its number, account, contact id, type, states and times, and
that mails arrived and letters were sent, with their digests. What people wrote, their addresses and
their files go. The same holds for mails and letters that belong to no case, and for the recipients
of notices. Events for other programs are deleted.

Everything happens in small transactions, oldest first; a crash loses no more than one of them. The
blobs are removed by the next sweep, because no row names them any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Text, cast, delete, exists, insert, literal, select, text, update
from sqlalchemy.sql.elements import ColumnElement
from sqlmodel import SQLModel, col

from intake.model.states import (
    DeliveryState,
    LetterState,
    MessageStatus,
    NoticeState,
)
from intake.store import search
from intake.store.engine import Session
from intake.store.sql import rows_of
from intake.store.tables.cases import CaseFieldRow, CaseRow, PendingFormRow, UnknownLabelRow
from intake.store.tables.handover import ConversationRow
from intake.store.tables.incidents import (
    HookDeliveryRow,
    HookEventRow,
    IncidentRow,
    NoticeRecipientRow,
)
from intake.store.tables.messages import AttachmentRow, MessageRow
from intake.store.tables.outbox import EventRow, OutboxRow

AT_ONCE = 200  # cases or incidents in one transaction
ROWS_AT_ONCE = 2000  # of anything else
KIND = "pruned"  # of the event
REMOVED = "(removed)"
_WAITING_MAIL = (MessageStatus.HELD, MessageStatus.DEFERRED, MessageStatus.SHELVED)
_WAITING_LETTER = (LetterState.DUE, LetterState.CLAIMED)
_WAITING_NOTICE = (
    NoticeState.QUEUED, NoticeState.DEFERRED, NoticeState.SENDING, NoticeState.UNCERTAIN,
    NoticeState.DIGEST,
)  # fmt: skip
_WAITING_DELIVERY = (DeliveryState.DUE, DeliveryState.CLAIMED)
_OF_NO_CASE = text("length(case_number) = 0")  # as the partial indexes say it
_OVER = text("closed_at IS NOT NULL AND (pruned_at IS NULL OR pruned_at < closed_at)")


@dataclass(frozen=True, slots=True)
class Ages:
    """Days after which words are removed; 0: never."""

    case_days: int = 0  # after a case was resolved or closed
    mail_days: int = 0  # after a mail arrived that belongs to no case
    letter_days: int = 0  # after a letter was written that belongs to no case
    notice_days: int = 0  # after an incident or a maintenance was over
    event_days: int = 0  # after an event for other programs; it is deleted


@dataclass(slots=True)
class Pruned:
    """How much one transaction removed."""

    cases: int = 0
    mails: int = 0
    letters: int = 0
    recipients: int = 0
    hook_events: int = 0
    labels: int = 0

    def __bool__(self) -> bool:
        return any(getattr(self, one.name) for one in fields(self))

    def add(self, other: Pruned) -> None:
        """Adds the numbers of another transaction."""
        for one in fields(self):
            setattr(self, one.name, getattr(self, one.name) + getattr(other, one.name))


def prune(session: Session, now: datetime, ages: Ages) -> Pruned:
    """One transaction's share of what is due; an empty result means that nothing is left."""
    done = Pruned()
    _overwrite(session)
    if ages.case_days:
        _cases(session, now, now - timedelta(days=ages.case_days), done)
    if ages.mail_days:
        _loose_mails(session, now, now - timedelta(days=ages.mail_days), done)
    if ages.letter_days:
        _loose_letters(session, now, now - timedelta(days=ages.letter_days), done)
    if ages.notice_days:
        _recipients(session, now, now - timedelta(days=ages.notice_days), done)
    if ages.event_days:
        _hook_events(session, now - timedelta(days=ages.event_days), done)
    return done


def scrub(session: Session) -> None:
    """Rewrites the search index once, after cases were pruned: no word stays in its pages."""
    _overwrite(session)
    search.scrub(session)


def _overwrite(session: Session) -> None:
    """SQLite: what is deleted is overwritten with zeros instead of staying in free pages."""
    if session.get_bind().dialect.name == "sqlite":
        session.connection().exec_driver_sql("PRAGMA secure_delete=ON")


def _cases(session: Session, now: datetime, before: datetime, done: Pruned) -> None:
    unsent = exists().where(
        col(OutboxRow.case_number) == col(CaseRow.number), col(OutboxRow.state).in_(_WAITING_LETTER)
    )
    query = (
        select(col(CaseRow.number))
        .where(
            _OVER, col(CaseRow.closed_at) < before, ~unsent
        )
        .order_by(col(CaseRow.closed_at))
        .limit(AT_ONCE)
        .with_for_update()
    )  # fmt: skip
    numbers = list(session.scalars(query))
    if not numbers:
        return
    search.forget(session, numbers)
    files = _files(session, numbers)
    for table in (CaseFieldRow, AttachmentRow):
        session.execute(delete(table).where(_of(table, numbers)))
    _set(session, PendingFormRow, _of(PendingFormRow, numbers), text="")
    _set(session, ConversationRow, _of(ConversationRow, numbers), text="", quoted="", name="")
    _set(session, EventRow, _of(EventRow, numbers), detail={})
    letters = _of(OutboxRow, numbers) & col(OutboxRow.pruned_at).is_(None)
    done.letters += _set(session, OutboxRow, letters, **_no_letter(now))
    mails = (
        _of(MessageRow, numbers)
        & col(MessageRow.status).not_in(_WAITING_MAIL)
        & col(MessageRow.pruned_at).is_(None)
    )
    _set(session, EventRow, col(EventRow.message_id).in_(_ids(mails)), detail={})
    done.mails += _set(session, MessageRow, mails, **_no_mail(now))
    done.cases += _set(
        session, CaseRow, col(CaseRow.number).in_(numbers),
        subject=REMOVED, description="", flag="", pruned_at=now,
    )  # fmt: skip
    session.execute(
        insert(EventRow),
        [
            {
                "at": now, "kind": KIND, "case_number": number, "message_id": 0, "who": "intake",
                "detail": {"files": files.get(number, [])},
            }
            for number in numbers
        ],
    )  # fmt: skip


def _files(session: Session, numbers: Sequence[str]) -> dict[str, list[str]]:
    """The digests of each case's files, which its history keeps."""
    found: dict[str, list[str]] = {}
    query = select(col(AttachmentRow.case_number), col(AttachmentRow.sha256))
    for number, digest in session.execute(query.where(_of(AttachmentRow, numbers))).all():
        found.setdefault(number, []).append(digest)
    return found


def _loose_mails(session: Session, now: datetime, before: datetime, done: Pruned) -> None:
    query = (
        select(col(MessageRow.id))
        .where(
            _OF_NO_CASE, col(MessageRow.recorded_at) < before, col(MessageRow.pruned_at).is_(None),
            col(MessageRow.status).not_in(_WAITING_MAIL),
        )
        .order_by(col(MessageRow.recorded_at))
        .limit(ROWS_AT_ONCE)
    )  # fmt: skip
    rows = list(session.scalars(query))
    if rows:
        session.execute(delete(AttachmentRow).where(col(AttachmentRow.message_id).in_(rows)))
        _set(session, EventRow, col(EventRow.message_id).in_(rows), detail={})
        done.mails += _set(session, MessageRow, col(MessageRow.id).in_(rows), **_no_mail(now))
    labels = delete(UnknownLabelRow).where(col(UnknownLabelRow.last_at) < before)
    done.labels += rows_of(session.execute(labels))


def _loose_letters(session: Session, now: datetime, before: datetime, done: Pruned) -> None:
    query = (
        select(col(OutboxRow.id))
        .where(
            _OF_NO_CASE, col(OutboxRow.created_at) < before, col(OutboxRow.pruned_at).is_(None),
            col(OutboxRow.state).not_in(_WAITING_LETTER),
        )
        .order_by(col(OutboxRow.created_at))
        .limit(ROWS_AT_ONCE)
    )  # fmt: skip
    rows = list(session.scalars(query))
    if rows:
        done.letters += _set(session, OutboxRow, col(OutboxRow.id).in_(rows), **_no_letter(now))


def _recipients(session: Session, now: datetime, before: datetime, done: Pruned) -> None:
    waiting = exists().where(
        col(NoticeRecipientRow.incident_id) == col(IncidentRow.id),
        col(NoticeRecipientRow.state).in_(_WAITING_NOTICE),
    )
    query = select(col(IncidentRow.id)).where(
        col(IncidentRow.closed_at) < before, col(IncidentRow.pruned_at).is_(None), ~waiting
    )
    ids = list(session.scalars(query.limit(AT_ONCE)))
    if not ids:
        return
    numbered = literal(f"{KIND}:") + cast(col(NoticeRecipientRow.id), Text)
    done.recipients += _set(
        session, NoticeRecipientRow, col(NoticeRecipientRow.incident_id).in_(ids),
        key=numbered, address="", domain="", name="", reply="", reasons=[],
    )  # fmt: skip
    _set(session, IncidentRow, col(IncidentRow.id).in_(ids), pruned_at=now)


def _hook_events(session: Session, before: datetime, done: Pruned) -> None:
    unfinished = exists().where(
        col(HookDeliveryRow.event_id) == col(HookEventRow.id),
        col(HookDeliveryRow.state).in_(_WAITING_DELIVERY),
    )
    query = (
        select(col(HookEventRow.id))
        .where(col(HookEventRow.at) < before, col(HookEventRow.fanned_out).is_(True), ~unfinished)
        .order_by(col(HookEventRow.id))
        .limit(ROWS_AT_ONCE)
    )
    rows = list(session.scalars(query))
    if rows:
        session.execute(delete(HookDeliveryRow).where(col(HookDeliveryRow.event_id).in_(rows)))
        session.execute(delete(HookEventRow).where(col(HookEventRow.id).in_(rows)))
        done.hook_events += len(rows)


def _no_mail(now: datetime) -> dict[str, Any]:
    """A mail without its words; what tells a copy of it from another mail stays."""
    return {
        "reasons": [], "evidence": {}, "submission": {}, "sender": "", "subject": "",
        "message_id": "", "sketch": "", "failure": "", "pruned_at": now,
    }  # fmt: skip


def _no_letter(now: datetime) -> dict[str, Any]:
    """A letter without its words; cause and Message-ID stay, so that it is written once."""
    return {
        "recipient": "", "subject": "", "text": "", "raw": b"", "reply": "", "put_off": "",
        "files": [], "pruned_at": now,
    }  # fmt: skip


def _of(table: Any, numbers: Sequence[str]) -> ColumnElement[bool]:
    return col(table.case_number).in_(numbers)


def _ids(mails: ColumnElement[bool]) -> Any:
    return select(col(MessageRow.id)).where(mails)


def _set(session: Session, table: type[SQLModel], where: ColumnElement[bool], **new: Any) -> int:
    done = session.execute(
        update(table).where(where).values(**new).execution_options(synchronize_session=False)
    )
    return rows_of(done)
