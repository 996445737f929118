"""Periodic cleanup: flags unanswered drafts, closes old held mails, finds blobs to delete."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, insert, not_, or_, select, update
from sqlalchemy.sql.elements import ColumnElement
from sqlmodel import col

from intake.model.states import CaseStatus, MessageStatus, RequestState
from intake.store.engine import Session
from intake.store.tables.cases import CaseRow, PendingFormRow
from intake.store.tables.messages import AttachmentRow, MessageRow
from intake.store.tables.outbox import EventRow
from intake.triage.rules import FORGERIES, OF_STRANGERS, OF_UNPROVED


def expire(session: Session, now: datetime, after_days: int) -> list[str]:
    """Flags drafts that were not answered for so long; returns their numbers, removes nothing."""
    query = (
        select(col(PendingFormRow.id), col(PendingFormRow.case_number))
        .join(CaseRow, col(CaseRow.number) == col(PendingFormRow.case_number))
        .where(
            col(PendingFormRow.state) == RequestState.OPEN,
            col(PendingFormRow.asked_at) < now - timedelta(days=after_days),
            col(CaseRow.status) == CaseStatus.DRAFT,
        )
    )
    numbers = []
    for form_id, number in session.execute(query).all():
        session.execute(
            update(PendingFormRow)
            .where(col(PendingFormRow.id) == form_id)
            .values(state=RequestState.EXPIRED)
        )
        flag = f"no answer for {after_days} days"
        session.execute(update(CaseRow).where(col(CaseRow.number) == number).values(flag=flag))
        session.execute(
            insert(EventRow).values(
                at=now, kind="expired", case_number=number, message_id=0, who="intake", detail={}
            )
        )
        numbers.append(number)
    return numbers


def retire(session: Session, now: datetime, keep: Keep) -> int:
    """Closes old held mails of strangers and unproved senders; their bytes are removed later."""
    return sum(
        _close(session, now, where, days)
        for where, days in ((_strange(), keep.stranger_days), (_unproved(), keep.unproved_days))
        if days
    )


def _strange() -> ColumnElement[bool]:
    """Of people nobody knows: a contact's mail under such a rule is no stranger's, but forged."""
    nobodys = or_(col(MessageRow.contact_id) == "", col(MessageRow.rule).in_(FORGERIES))
    return and_(col(MessageRow.rule).in_(OF_STRANGERS), nobodys)


def _unproved() -> ColumnElement[bool]:
    return col(MessageRow.rule).in_(OF_UNPROVED)


def _close(session: Session, now: datetime, where: ColumnElement[bool], days: int) -> int:
    query = select(col(MessageRow.id)).where(
        col(MessageRow.status) == MessageStatus.HELD,
        where,
        col(MessageRow.recorded_at) < now - timedelta(days=days),
    )
    rows = list(session.scalars(query.limit(1000)))
    if rows:
        session.execute(
            update(MessageRow)
            .where(col(MessageRow.id).in_(rows))
            .values(status=MessageStatus.REJECTED)
        )
        session.execute(
            insert(EventRow),
            [
                {
                    "at": now, "kind": "retired", "case_number": "", "message_id": row,
                    "who": "intake", "detail": {"days": days},
                }
                for row in rows
            ],
        )  # fmt: skip
    return len(rows)


@dataclass(frozen=True, slots=True)
class Keep:
    """How long mails are kept that need no action."""

    dropped_days: int  # the bytes of dropped mails
    stranger_days: int  # a stranger's held mail stays open; 0: until an operator decides
    forgotten_days: int  # sender and subject
    unproved_days: int = 180  # a contact's unproved held mail stays open; 0: for ever


def _spent(now: datetime, days: int, keep: Keep) -> ColumnElement[bool]:
    """Dropped so many days ago, or closed by ``retire`` so many days ago."""
    dropped = and_(
        col(MessageRow.status) == MessageStatus.DROPPED,
        col(MessageRow.recorded_at) < now - timedelta(days=days),
    )
    closed = [
        and_(
            col(MessageRow.status) == MessageStatus.REJECTED,
            where,
            col(MessageRow.recorded_at) < now - timedelta(days=days + kept),
        )
        for where, kept in ((_strange(), keep.stranger_days), (_unproved(), keep.unproved_days))
        if kept
    ]
    return or_(dropped, *closed)


def forget(session: Session, now: datetime, keep: Keep) -> int:
    """Removes sender and text from old dropped and stranger mails; the row itself is kept."""
    where = (
        col(MessageRow.status).in_((MessageStatus.DROPPED, MessageStatus.REJECTED)),
        _spent(now, keep.forgotten_days, keep),
        or_(col(MessageRow.sender) != "", col(MessageRow.subject) != ""),
    )
    rows = list(session.scalars(select(col(MessageRow.id)).where(*where).limit(1000)))
    if rows:
        session.execute(
            update(MessageRow)
            .where(col(MessageRow.id).in_(rows))
            .values(
                sender="", subject="", message_id="", message_id_hash="", signature_hash="",
                sketch="", evidence={}, submission={}, pruned_at=now,
            )
        )  # fmt: skip
    return len(rows)


def referenced(session: Session, digests: Sequence[str], now: datetime, keep: Keep) -> set[str]:
    """The digests that a mail, or a file that has a row, still needs."""
    found: set[str] = set()
    needed = not_(_spent(now, keep.dropped_days, keep))
    for start in range(0, len(digests), 500):
        part = digests[start : start + 500]
        found.update(
            session.scalars(
                select(col(MessageRow.digest)).where(
                    col(MessageRow.digest).in_(part), needed, col(MessageRow.pruned_at).is_(None)
                )
            )
        )
        found.update(
            session.scalars(
                select(col(AttachmentRow.sha256))
                .join(MessageRow, col(MessageRow.id) == col(AttachmentRow.message_id))
                .where(col(AttachmentRow.sha256).in_(part), needed)
            )
        )
    return found
