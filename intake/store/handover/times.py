"""How long cases wait: for their first answer, for the next one, and until they are resolved.

All times are working hours of the case's department. A case waits from the first word of its
contact that no staff member has answered yet.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, func, or_, select, update
from sqlmodel import col

from intake.model.departments import Department, Departments, WaitingCase
from intake.model.states import CaseStatus, LetterState
from intake.store.engine import Session
from intake.store.tables.cases import CaseRow
from intake.store.tables.contacts import AccountRow, ContactRow
from intake.store.tables.outbox import OutboxRow

AT_WORK = (CaseStatus.OPEN, CaseStatus.WAITING)
BATCH = 500
NOT_SENT = (LetterState.FAILED, LetterState.SUPPRESSED, LetterState.CANCELLED)


@dataclass(frozen=True, slots=True)
class Late:
    """A case that is late."""

    number: str
    department: str
    owner: str
    what: str  # "answer" or "resolution"
    due_at: datetime


def waiting(session: Session, departments: Departments) -> Iterator[WaitingCase]:
    """The open cases of those departments that wait for an answer of staff, the longest first."""
    query = (
        select(CaseRow, col(AccountRow.name), col(ContactRow.name))
        .join(AccountRow, col(AccountRow.id) == col(CaseRow.account_id), isouter=True)
        .join(ContactRow, col(ContactRow.id) == col(CaseRow.contact_id), isouter=True)
        .where(
            col(CaseRow.status) == CaseStatus.OPEN,
            col(CaseRow.waits_since).is_not(None),
            col(CaseRow.department).in_(list(departments)),
        )
        .order_by(col(CaseRow.waits_since), col(CaseRow.number))
    )
    for row, account, contact in session.execute(query):
        yield WaitingCase(
            row.number, row.department, row.owner, row.type, row.priority, account or "",
            contact or "", row.subject, row.waits_since or row.received_at,
            row.reminded_at is not None,
            row.escalated_at is not None,
        )  # fmt: skip


def late(session: Session, departments: Departments, now: datetime) -> list[Late]:
    """Cases without a first answer in time, and cases that are open for too long; oldest first."""
    query = (
        select(CaseRow)
        .where(col(CaseRow.status).in_(AT_WORK), col(CaseRow.department).in_(list(departments)))
        .order_by(col(CaseRow.received_at), col(CaseRow.number))
    )
    found = []
    for row in session.scalars(query):
        place = departments[row.department]
        answer = place.hours.after(row.received_at, place.answer)
        whole = place.hours.after(row.received_at, place.resolve)
        if row.answered_at is None and answer <= now:
            found.append(Late(row.number, row.department, row.owner, "answer", answer))
        elif whole <= now:
            found.append(Late(row.number, row.department, row.owner, "resolution", whole))
    return found


def due(
    session: Session, departments: Departments, now: datetime
) -> tuple[list[WaitingCase], list[WaitingCase]]:
    """The cases whose department is to be reminded now, and those whose lead is to be told."""
    remind, escalate = [], []
    for one in waiting(session, departments):
        place = departments[one.department]
        if place.remind and not one.reminded and _passed(place, one.since, place.remind, now):
            remind.append(one)
        elif (
            place.escalate
            and place.lead
            and not one.escalated
            and _passed(place, one.since, place.escalate, now)
        ):
            escalate.append(one)
    return remind[:BATCH], escalate[:BATCH]


def _passed(place: Department, since: datetime, amount: timedelta, now: datetime) -> bool:
    return place.hours.after(since, amount) <= now


def note(session: Session, number: str, now: datetime, *, lead: bool) -> None:
    """Records that the department, or its lead, was told that a case waits."""
    values = {"escalated_at": now} if lead else {"reminded_at": now}
    session.execute(update(CaseRow).where(col(CaseRow.number) == number).values(**values))


def not_handed_over(
    session: Session, departments: Departments, now: datetime, late_after: timedelta
) -> list[str]:
    """Open cases that no letter has reached the department of: failed, or not sent in time."""
    letters = (
        select(
            col(OutboxRow.case_number),
            func.max(col(OutboxRow.id)).label("newest"),
        )
        .where(col(OutboxRow.kind).in_(("handover", "desk")))
        .group_by(col(OutboxRow.case_number))
        .subquery()
    )
    by_mail = [key for key, one in departments.items() if one.by_letter or one.desk]
    query = (
        select(col(CaseRow.number))
        .join(letters, letters.c.case_number == col(CaseRow.number))
        .join(OutboxRow, col(OutboxRow.id) == letters.c.newest)
        .where(
            col(CaseRow.status).in_(AT_WORK),
            col(CaseRow.department).in_(by_mail),
            or_(
                col(OutboxRow.state).in_(NOT_SENT),
                col(OutboxRow.reply).startswith("came back: bounce"),
                and_(
                    col(OutboxRow.state) != LetterState.SENT,
                    col(OutboxRow.created_at) < now - late_after,
                ),
            ),
        )
        .order_by(col(CaseRow.number))
    )
    return list(session.scalars(query)) if by_mail else []


@dataclass(frozen=True, slots=True)
class Week:
    """A week of work, for a summary."""

    opened: int
    answered: int
    closed: int
    waiting: int
    oldest: str  # number of the case that waits longest, and since when
    by_account: list[tuple[str, int]]  # opened, most first
    by_type: list[tuple[str, int]]


def week(session: Session, first: datetime, last: datetime) -> Week:
    """Cases that were opened, answered and closed between two moments, and what waits now."""

    def count(column: datetime | None) -> int:
        moment = col(column)
        within = (moment >= first, moment < last)
        return session.scalar(select(func.count()).select_from(CaseRow).where(*within)) or 0

    opened = select(col(AccountRow.name), col(CaseRow.type)).join(
        AccountRow, col(AccountRow.id) == col(CaseRow.account_id), isouter=True
    )
    rows = list(
        session.execute(
            opened.where(
                col(CaseRow.created_at) >= first, col(CaseRow.created_at) < last,
                col(CaseRow.status) != CaseStatus.DRAFT,
            )
        )
    )  # fmt: skip
    still = (
        select(col(CaseRow.number), col(CaseRow.waits_since))
        .where(col(CaseRow.status) == CaseStatus.OPEN, col(CaseRow.waits_since).is_not(None))
        .order_by(col(CaseRow.waits_since))
    )
    waits = list(session.execute(still))
    return Week(
        opened=len(rows),
        answered=count(CaseRow.answered_at),
        closed=count(CaseRow.closed_at),
        waiting=len(waits),
        oldest=f"{waits[0][0]}, since {waits[0][1]:%Y-%m-%d %H:%M}" if waits else "none",
        by_account=Counter(name or "(none)" for name, _ in rows).most_common(10),
        by_type=Counter(kind or "(none)" for _, kind in rows).most_common(10),
    )
