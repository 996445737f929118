"""Requests that nobody answered: which are due for a reminder, and the reminder put on its way."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, insert, or_, select, update

from intake.letters.letter import Letter, Reminded
from intake.store.engine import Unit
from intake.store.outbox import put_letter
from intake.store.tables.cases import CaseRow, PendingFormRow
from intake.store.tables.contacts import ContactRow, MembershipRow
from intake.store.tables.messages import NOBODY
from intake.store.tables.outbox import EventRow, OutboxRow

BATCH = 100


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A request that was sent, and by whom it is to be answered."""

    id: int  # of the pending form
    message_id: str  # of the request
    letter: Reminded


def _c(column: Any) -> Any:
    return column


def due(unit: Unit, now: datetime, after_days: int) -> list[Unanswered]:
    """Requests of drafts that were sent so long ago and were neither answered nor repeated."""
    query = (
        select(
            _c(PendingFormRow.id), _c(PendingFormRow.message_id_header),
            _c(PendingFormRow.case_number), _c(PendingFormRow.contact_id), _c(ContactRow.name),
            _c(OutboxRow.recipient), _c(OutboxRow.subject), _c(PendingFormRow.text),
        )
        .join(CaseRow, _c(CaseRow.number) == _c(PendingFormRow.case_number))
        .join(ContactRow, _c(ContactRow.id) == _c(PendingFormRow.contact_id))
        .outerjoin(
            MembershipRow,
            and_(
                _c(MembershipRow.contact_id) == _c(PendingFormRow.contact_id),
                _c(MembershipRow.account_id) == _c(CaseRow.account_id),
            ),
        )
        .join(
            OutboxRow,
            and_(
                _c(OutboxRow.message_id_header) == _c(PendingFormRow.message_id_header),
                _c(OutboxRow.state) == "sent",
            ),
        )
        .where(
            _c(PendingFormRow.state) == "open",
            _c(PendingFormRow.reminded_at).is_(None),
            _c(PendingFormRow.asked_at) < now - timedelta(days=after_days),
            _c(CaseRow.status) == "draft",
            _c(ContactRow.active).is_(True),
            or_(_c(CaseRow.account_id) == NOBODY, _c(MembershipRow.account_id).is_not(None)),
        )
        .order_by(_c(PendingFormRow.id))
        .limit(BATCH)
    )  # fmt: skip
    return [Unanswered(row[0], row[1], Reminded(*row[2:])) for row in unit.execute(query)]


def remind(unit: Unit, one: Unanswered, letter: Letter, now: datetime) -> None:
    """The reminder into the outbox, once for each request."""
    unit.execute(
        update(PendingFormRow).where(_c(PendingFormRow.id) == one.id).values(reminded_at=now)
    )
    if put_letter(unit, letter, 0, now):
        unit.execute(
            insert(EventRow).values(
                at=now, kind="reminded", case_number=one.letter.case_number, message_id=0,
                who="intake",
                detail={"contact": one.letter.contact_id},
            )
        )  # fmt: skip
