"""Changes that an operator makes to a case; the history names the operator."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select, update
from sqlmodel import col

from intake.model.states import CASE_OVER, CaseStatus, RequestState
from intake.store.engine import Session
from intake.store.tables.cases import CaseFieldRow, CaseRow, PendingFormRow, UnknownLabelRow
from intake.store.tables.outbox import EventRow


def set_status(
    session: Session, number: str, status: str, who: str, why: str, now: datetime
) -> str:
    """Closes, resolves or reopens a case; returns why it is impossible, or an empty text."""
    row = session.get(CaseRow, number)
    if row is None:
        return f"there is no case {number!r}; `intake cases list` shows all"
    if row.status == status:
        return f"{number} is {status} already"
    old = row.status
    row.status, row.updated_at = status, now
    row.closed_at = now if status in CASE_OVER else None
    row.waits_since = None if status in CASE_OVER else row.waits_since or now
    if status in CASE_OVER:
        row.reminded_at = row.escalated_at = None
    if status in CASE_OVER:
        row.flag = ""
        session.execute(
            update(PendingFormRow)
            .where(
                col(PendingFormRow.case_number) == number,
                col(PendingFormRow.state) == RequestState.OPEN,
            )
            .values(state=RequestState.SUPERSEDED)
        )
    kind = "closed" if status in CASE_OVER else "reopened"
    detail = {"field": "status", "old": old, "new": status} | ({"why": why} if why else {})
    session.add(EventRow(at=now, kind=kind, who=who, detail=detail, case_number=number))
    return ""


def status_of(session: Session, number: str) -> str:
    """The status of a case; empty for an unknown one."""
    row = session.get(CaseRow, number)
    return row.status if row is not None else ""


def told_cases(session: Session, limit: int) -> list[tuple[str, str, str, dict[str, object]]]:
    """The newest cases whose type is settled: (type, subject, description, values of fields)."""
    query = (
        select(CaseRow)
        .where(col(CaseRow.type) != "", col(CaseRow.status) != CaseStatus.DRAFT)
        .order_by(col(CaseRow.received_at).desc(), col(CaseRow.number))
        .limit(limit)
    )
    rows = list(session.scalars(query))
    values: dict[str, dict[str, object]] = {row.number: {} for row in rows}
    fields = select(CaseFieldRow).where(col(CaseFieldRow.case_number).in_(list(values)))
    for one in session.scalars(fields):
        if one.source != "default":
            values[one.case_number][one.name] = one.value
    return [(row.type, row.subject, row.description, values[row.number]) for row in rows]


def unknown_labels(session: Session, limit: int) -> list[dict[str, object]]:
    """Labels that people write and the catalogue does not know, the most frequent first."""
    query = (
        select(UnknownLabelRow)
        .order_by(col(UnknownLabelRow.times).desc(), col(UnknownLabelRow.key))
        .limit(limit)
    )
    return [
        {
            "label": row.label,
            "type": row.type,
            "times": row.times,
            "last_at": row.last_at.isoformat(),
        }
        for row in session.scalars(query)
    ]
