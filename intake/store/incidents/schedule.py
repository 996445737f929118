"""Steps at set times: reminders, start and end of a maintenance, and overdue updates.

Every step has a cause that is unique in the table. The update, its list and its letters are written
in one transaction. So a step is taken once or not at all, even if the program dies.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import func, select
from sqlmodel import col

from intake.incidents.schedule import Step, overdue, reminder_due, step_due
from intake.model.authorship import By
from intake.model.incidents import OPEN_STATES, Change
from intake.model.states import SENT_TO_PEOPLE, IncidentStatus, NoticeState, SendState
from intake.store.engine import Session, savepoint
from intake.store.incidents import write
from intake.store.incidents.audience import Habits, gather
from intake.store.incidents.read import value
from intake.store.incidents.recipients import Terms, chosen, freeze
from intake.store.tables.incidents import IncidentRow, IncidentUpdateRow, NoticeRecipientRow

MAX_STEPS = 4  # for one maintenance at a time, after the program was down for long


@dataclass(frozen=True, slots=True)
class Plan:
    """The configuration of reminders and other steps."""

    reminders: tuple[str, ...] = ("14d", "7d", "24h", "1h")
    expire_hours: int = 72
    words: Callable[[str, str], str] | None = None  # (kind, status) -> text; None: the usual texts


def tick(session: Session, now: datetime, plan: Plan, habits: Habits, terms: Terms) -> list[str]:
    """Takes every step that is due; returns one line for each."""
    query = (
        select(IncidentRow)
        .where(
            col(IncidentRow.kind) == "maintenance",
            col(IncidentRow.status).in_((IncidentStatus.SCHEDULED, IncidentStatus.IN_PROGRESS)),
        )
        .order_by(col(IncidentRow.created_at))
        .with_for_update()
    )
    taken: list[str] = []
    for row in list(session.scalars(query)):
        with savepoint(session):
            taken += _steps(session, row, now, plan, habits, terms)
    return taken


def _steps(
    session: Session, row: IncidentRow, now: datetime, plan: Plan, habits: Habits, terms: Terms
) -> list[str]:
    lines = []
    for _ in range(MAX_STEPS):
        announced = _announced(session, row.id)
        step = None if row.held_back else step_due(value(row), now, plan.expire_hours)
        if step is None and announced is not None and announced.approved_at is not None:
            step = reminder_due(value(row), plan.reminders, announced.approved_at, now)
        if step is None or _was_taken(session, step):
            break
        if plan.words is not None:
            step = replace(step, text=plan.words(step.kind, step.status))
        made = _take(session, row, step, By("intake", now))
        said = _may_go(made, announced, now)
        if not said:
            people = gather(session, value(row), habits, now, only_told=True)
            said = f", to {freeze(session, made, people, terms, now)} people"
        lines.append(f"{row.id}: {step.kind} {step.status}{said}")
    return lines


def _announced(session: Session, incident_id: str) -> IncidentUpdateRow | None:
    """The newest update that announced the current plan to people."""
    query = (
        select(IncidentUpdateRow)
        .where(
            col(IncidentUpdateRow.incident_id) == incident_id,
            col(IncidentUpdateRow.kind).in_(("update", "reschedule")),
            col(IncidentUpdateRow.send_state).in_(SENT_TO_PEOPLE),
        )
        .order_by(col(IncidentUpdateRow.number).desc())
        .limit(1)
    )
    return session.scalar(query)


def _was_taken(session: Session, step: Step) -> bool:
    query = select(col(IncidentUpdateRow.id)).where(col(IncidentUpdateRow.cause) == step.cause)
    return session.scalar(query) is not None


def _take(session: Session, row: IncidentRow, step: Step, by: By) -> IncidentUpdateRow:
    """Writes the update for an automatic step."""
    if step.kind == "reminder":
        number = write.remind(session, row.id, step.text, step.cause, by.at)
    else:
        change = Change(step.status, kind=step.kind, cause=step.cause)
        number = write.update(session, row.id, step.text, by, change)
    made = chosen(session, row.id, number)
    made.expires_at = step.expires_at
    return made


def _may_go(made: IncidentUpdateRow, announced: IncidentUpdateRow | None, now: datetime) -> str:
    """Why no letters are sent about the step; empty if they are sent.

    The approval of the plan also covers its automatic steps. People who were not notified of the
    plan are not notified of its start either.
    """
    if announced is None:
        made.send_state = SendState.RECORD
        return ", on record only: nobody was told of the plan"
    if made.expires_at is not None and made.expires_at <= now:
        made.send_state = SendState.EXPIRED
        return ", not sent: its moment has passed"
    made.approved_by, made.approved_at = announced.approved_by, now
    return ""


def anything(session: Session) -> bool:
    """Whether anything is open that may need a step."""
    query = select(col(IncidentRow.id)).where(col(IncidentRow.status).in_(OPEN_STATES)).limit(1)
    return session.scalar(query) is not None


def nags(session: Session, now: datetime, *, said: bool) -> list[str]:
    """Overdue updates that an operator promised; ``said`` marks them as reported."""
    query = select(IncidentRow).where(col(IncidentRow.status).in_(OPEN_STATES))
    lines = []
    for row in session.scalars(query):
        nagged = row.nagged_at if said else None
        line = overdue(value(row), nagged, row.held_back, now)
        if line:
            lines.append(line)
            if said:
                row.nagged_at = now
    return lines


def debts(session: Session, now: datetime) -> list[str]:
    """What waits for an operator: promised updates, approvals, failed letters."""
    found = nags(session, now, said=False)
    newest = select(func.max(col(IncidentUpdateRow.id))).group_by(
        col(IncidentUpdateRow.incident_id)
    )
    waiting = select(IncidentUpdateRow).where(
        col(IncidentUpdateRow.send_state) == SendState.WAITING,
        col(IncidentUpdateRow.id).in_(newest),
    )
    for row in session.scalars(waiting.order_by(col(IncidentUpdateRow.id))):
        found.append(f"{row.incident_id}: update {row.number} waits for another person's approval")
    states = col(NoticeRecipientRow.state)
    counted = (
        select(col(NoticeRecipientRow.incident_id), states, func.count())
        .join(IncidentRow, col(IncidentRow.id) == col(NoticeRecipientRow.incident_id))
        .where(
            states.in_((NoticeState.FAILED, NoticeState.UNCERTAIN)),
            col(NoticeRecipientRow.finished_at).is_not(None),
            col(IncidentRow.status).in_(OPEN_STATES),
        )
        .group_by(col(NoticeRecipientRow.incident_id), states)
        .order_by(col(NoticeRecipientRow.incident_id), states)
    )
    for incident_id, state, count in session.execute(counted):
        what = "could not be delivered" if state == NoticeState.FAILED else "may not have arrived"
        found.append(f"{incident_id}: {count} notices {what}: `intake incidents recipients`")
    return found
