"""Unanswered requests: finds those that are due for a reminder and sends the reminder."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, insert, or_, select, update
from sqlmodel import col

from intake.letters.letter import Letter, Reminded
from intake.model.accounts import majority
from intake.model.states import CaseStatus, LetterState, RequestState
from intake.store.engine import Session
from intake.store.outbox import put_letter
from intake.store.sql import stored_id
from intake.store.tables.cases import CaseRow, PendingFormRow
from intake.store.tables.contacts import ContactRow, MembershipRow
from intake.store.tables.messages import NOBODY
from intake.store.tables.outbox import EventRow, OutboxRow

BATCH = 100


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A request that was sent, and the contact who should answer it."""

    id: int  # of the pending form
    message_id: str  # of the request
    letter: Reminded


def due(session: Session, now: datetime, after_days: int) -> list[Unanswered]:
    """Sent requests of drafts that are old enough and were neither answered nor repeated."""
    query = (
        select(
            stored_id(PendingFormRow.id), col(PendingFormRow.message_id_header),
            col(PendingFormRow.case_number), col(PendingFormRow.contact_id), col(ContactRow.name),
            col(OutboxRow.recipient), col(OutboxRow.subject), col(PendingFormRow.text),
            col(ContactRow.language), col(ContactRow.wrote_in),
        )
        .join(CaseRow, col(CaseRow.number) == col(PendingFormRow.case_number))
        .join(ContactRow, col(ContactRow.id) == col(PendingFormRow.contact_id))
        .outerjoin(
            MembershipRow,
            and_(
                col(MembershipRow.contact_id) == col(PendingFormRow.contact_id),
                col(MembershipRow.account_id) == col(CaseRow.account_id),
            ),
        )
        .join(
            OutboxRow,
            and_(
                col(OutboxRow.message_id_header) == col(PendingFormRow.message_id_header),
                col(OutboxRow.state) == LetterState.SENT,
            ),
        )
        .where(
            col(PendingFormRow.state) == RequestState.OPEN,
            col(PendingFormRow.reminded_at).is_(None),
            col(PendingFormRow.asked_at) < now - timedelta(days=after_days),
            col(CaseRow.status) == CaseStatus.DRAFT,
            col(ContactRow.active).is_(True),
            or_(col(CaseRow.account_id) == NOBODY, col(MembershipRow.account_id).is_not(None)),
        )
        .order_by(col(PendingFormRow.id))
        .limit(BATCH)
    )  # fmt: skip
    return [
        Unanswered(row[0], row[1], Reminded(*row[2:8], row[8] or majority(row[9].items())))
        for row in session.execute(query)
    ]


def remind(session: Session, one: Unanswered, letter: Letter, now: datetime) -> None:
    """Puts the reminder into the outbox, once for each request."""
    session.execute(
        update(PendingFormRow).where(col(PendingFormRow.id) == one.id).values(reminded_at=now)
    )
    if put_letter(session, letter, 0, now):
        session.execute(
            insert(EventRow).values(
                at=now, kind="reminded", case_number=one.letter.case_number, message_id=0,
                who="intake",
                detail={"contact": one.letter.contact_id},
            )
        )  # fmt: skip
