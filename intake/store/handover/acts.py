"""Writes what a staff member's mail does, in the transaction of the mail."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import insert, update
from sqlmodel import col

from intake.model.authorship import By
from intake.model.states import CaseStatus
from intake.store.cases import by_hand
from intake.store.cases.write import NOBODY_WAITS
from intake.store.engine import Session
from intake.store.handover import conversation
from intake.store.handover.conversation import HELD, NOTE, STAFF, Line
from intake.store.sql import upsert
from intake.store.tables.cases import CaseRow, CounterRow
from intake.store.tables.outbox import EventRow
from intake.triage.facts import StaffWork


def by_staff(session: Session, work: StaffWork, next_number: str, row: int, now: datetime) -> None:
    """What a staff member's mail does besides the change of the case's own values."""
    staff, number = work.staff, work.number
    by = By(f"staff:{staff.id}", now)
    if not number or work.refused or work.helps:
        why: dict[str, object] = {"why": list(work.refused)} if work.refused else {}
        _event(session, "staff-refused" if work.refused else "staff-helped", number, by, row, why)
        return
    if work.held:
        line = Line(HELD, staff.id, staff.name, work.text, "", row)
        conversation.add(session, number, line, now)
        _event(session, "staff-held", number, by, row, {"why": work.held})
        return
    if work.is_note:
        conversation.add(session, number, Line(NOTE, staff.id, staff.name, work.text, "", row), now)
        _event(session, "note", number, by, row, {"text": work.text[: by_hand.MAX_NOTE_CHARS]})
    elif work.answer:
        line = Line(STAFF, staff.id, staff.name, work.answer, "", row)
        conversation.add(session, number, line, now)
        _event(session, "staff-answered", number, by, row, {})
        answered(session, number, now)
    if work.sends:
        conversation.release(session, number, staff.id)
    for contact in work.joins:
        conversation.join(session, number, contact, now)
    if work.leaves:
        conversation.leave(session, number, work.leaves)
    if work.merge:
        session.flush()
        by_hand.merge(session, number, work.merge, by)
        conversation.carry_over(session, number, work.merge)
    if work.split is not None:
        _split(session, work, next_number, by, row)


def answered(session: Session, number: str, now: datetime) -> None:
    """The contact waits no more; the first answer is kept."""
    this = col(CaseRow.number) == number
    first = col(CaseRow.answered_at).is_(None)
    session.execute(update(CaseRow).where(this, first).values(answered_at=now))
    session.execute(update(CaseRow).where(this).values(**NOBODY_WAITS))


def _split(session: Session, work: StaffWork, next_number: str, by: By, row: int) -> None:
    """Opens the second case with the words of the mail; both name each other."""
    old = by_hand.find(session, work.number)
    count = int(next_number.rpartition("-")[2])
    counter = upsert(session, CounterRow).values(name="case", value=count)
    session.execute(counter.on_conflict_do_update(index_elements=["name"], set_={"value": count}))
    title = work.split or " ".join(work.text.split())[:120]
    session.execute(
        insert(CaseRow).values(
            number=next_number, account_id=old.account_id, contact_id=old.contact_id,
            submitted_by=old.submitted_by, type=old.type, priority=old.priority,
            department=old.department, billable=old.billable, status=CaseStatus.OPEN,
            subject=title, description=work.text, owner=old.owner, message_id=row,
            received_at=by.at, created_at=by.at, updated_at=by.at,
        )
    )  # fmt: skip
    detail: dict[str, object] = {"source": work.number, "target": next_number}
    for number in (work.number, next_number):
        _event(session, "split", number, by, row, detail)
    for contact in conversation.participants(session, work.number):
        conversation.join(session, next_number, contact, by.at)
    line = Line(NOTE, work.staff.id, work.staff.name, work.text, "", row)
    conversation.add(session, next_number, line, by.at)


def _event(
    session: Session, kind: str, number: str, by: By, row: int, detail: dict[str, object]
) -> None:
    session.execute(
        insert(EventRow).values(
            at=by.at, kind=kind, who=by.who, case_number=number, message_id=row, detail=detail
        )
    )
