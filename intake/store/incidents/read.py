"""Reads incidents and their updates as values for the pure packages; changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import or_, select
from sqlmodel import col

from intake.model.incidents import CLOSED_STATES, OPEN_STATES, Incident, Update, as_told
from intake.model.states import SendState
from intake.store.engine import Session
from intake.store.tables.incidents import IncidentRow, IncidentUpdateRow

MAX_INCIDENTS = 50  # open incidents at a time that a case may be about


def value(row: IncidentRow) -> Incident:
    """Converts an incident row to a value."""
    return Incident(
        row.id, row.kind, row.title, row.status, row.impact, tuple(row.modules), tuple(row.areas),
        tuple(row.accounts), tuple(row.words), row.next_update_at, row.notice_class,
        tuple(row.contact_types), row.public, row.starts_at, row.ends_at, row.sequence,
        row.short_notice, row.closed_at, row.created_at, row.updated_at,
    )  # fmt: skip


def update_value(row: IncidentUpdateRow) -> Update:
    """Converts an update row to a value."""
    return Update(
        row.incident_id, row.number, row.kind, row.status, row.text, row.at, row.who,
        row.wrong_number, row.next_update_at, row.starts_at, row.ends_at, row.sequence,
    )  # fmt: skip


def updates(session: Session, incident_id: str) -> tuple[Update, ...]:
    """All updates of an incident, the oldest first."""
    query = (
        select(IncidentUpdateRow)
        .where(col(IncidentUpdateRow.incident_id) == incident_id)
        .order_by(col(IncidentUpdateRow.number))
    )
    return tuple(update_value(row) for row in session.scalars(query))


def open_ones(session: Session, *, approved: bool = False) -> tuple[Incident, ...]:
    """All open incidents, newest first, with their newest text; there are few.

    ``approved``: only text that a second person approved.
    """
    query = (
        select(IncidentRow)
        .where(col(IncidentRow.status).in_(OPEN_STATES))
        .order_by(col(IncidentRow.created_at).desc())
        .limit(MAX_INCIDENTS)
    )
    found = [value(row) for row in session.scalars(query)]
    words = _newest_words(session, [one.id for one in found], approved=approved)
    return tuple(replace(one, told=words.get(one.id, "")) for one in found)


def _newest_words(session: Session, ids: Sequence[str], *, approved: bool) -> dict[str, str]:
    """The text of each incident's newest update; a correction replaces the text before it."""
    if not ids:
        return {}
    columns = (col(IncidentUpdateRow.incident_id), col(IncidentUpdateRow.text))
    query = select(*columns).where(col(IncidentUpdateRow.incident_id).in_(ids))
    if approved:
        query = query.where(col(IncidentUpdateRow.send_state).in_(SHOWN))
    rows = session.execute(query.order_by(col(IncidentUpdateRow.number)))
    return {incident_id: text for incident_id, text in rows if text.strip()}


SHOWN = (
    SendState.SENDING,
    SendState.PAUSED,
    SendState.DONE,
    SendState.CANCELLED,
    SendState.EXPIRED,
)  # updates that were approved


def public(
    session: Session, closed_since: datetime, *, approved: bool = False
) -> list[tuple[Incident, tuple[Update, ...]]]:
    """The contents of the notifications page: open, or closed since then; the newest first.

    ``approved``: only updates that a second person approved, and the status that they state.
    """
    closed_at = col(IncidentRow.closed_at)
    recent = or_(
        col(IncidentRow.status).not_in(CLOSED_STATES),
        closed_at.is_(None),
        closed_at >= closed_since,
    )
    query = (
        select(IncidentRow)
        .where(col(IncidentRow.public), recent)
        .order_by(col(IncidentRow.created_at).desc(), col(IncidentRow.id).desc())
    )
    found = []
    for row in list(session.scalars(query)):
        written = updates(session, row.id)
        if not approved:
            found.append((value(row), written))
            continue
        states = select(col(IncidentUpdateRow.number)).where(
            col(IncidentUpdateRow.incident_id) == row.id,
            col(IncidentUpdateRow.send_state).in_(SHOWN),
        )
        numbers = set(session.scalars(states))
        shown = tuple(one for one in written if one.number in numbers)
        if shown:
            found.append((as_told(value(row), shown[-1]), shown))
    return found
