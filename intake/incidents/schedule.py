"""Decide on automatic steps of a maintenance: reminders, start, finish, and what is overdue.

Pure: the caller gives every time. A reminder may be sent only in one span, from its offset to the
next offset or to the start. A reminder that was not sent in its span is out of date and never sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from intake.model.incidents import Incident
from intake.model.states import IncidentStatus

UNITS = {"d": "days", "h": "hours", "m": "minutes"}
REMINDED = "This is a reminder of planned work; nothing about it has changed."
STARTED = "The planned work has begun."
COMPLETED = "The planned work is done."
STEPS: Mapping[str, tuple[IncidentStatus, str]] = {
    IncidentStatus.SCHEDULED: (IncidentStatus.IN_PROGRESS, STARTED),
    IncidentStatus.IN_PROGRESS: (IncidentStatus.COMPLETED, COMPLETED),
}


@dataclass(frozen=True, slots=True)
class Step:
    """One automatic step, taken once."""

    cause: str  # unique: the same step is never taken twice
    kind: str  # "reminder" or "automatic"
    status: str  # of the maintenance afterwards
    text: str
    expires_at: datetime | None  # a contact who has not been notified by then is not notified


def offset(text: str) -> timedelta:
    """Return ``14d``, ``24h`` or ``30m`` as a timedelta. Raises ValueError for anything else."""
    number, unit = text[:-1], text[-1:]
    if unit not in UNITS or not number.isdigit():
        raise ValueError(f"found {text!r}, wanted days, hours or minutes like 14d, 24h or 30m")
    return timedelta(**{UNITS[unit]: int(number)})


def lead(start: datetime, now: datetime, lead_days: int) -> bool:
    """Return whether a maintenance is announced early enough (seed L36: two weeks)."""
    return start - now >= timedelta(days=lead_days)


def reminder_due(
    incident: Incident, offsets: Sequence[str], announced_at: datetime, now: datetime
) -> Step | None:
    """Return the reminder whose span has begun, unless the plan was announced within that span.

    ``announced_at`` is when people were last notified of the current plan.
    """
    if (
        incident.status != IncidentStatus.SCHEDULED
        or incident.starts_at is None
        or now >= incident.starts_at
    ):
        return None
    start = incident.starts_at
    spans = sorted((offset(one) for one in set(offsets)), reverse=True)
    for index, span in enumerate(spans):
        begins = start - span
        ends = start - spans[index + 1] if index + 1 < len(spans) else start
        if not begins <= now < ends:
            continue
        if announced_at >= begins:
            return None
        cause = f"{incident.id}:reminder:{int(span.total_seconds())}:{start.isoformat()}"
        return Step(cause, "reminder", IncidentStatus.SCHEDULED, REMINDED, ends)
    return None


def step_due(incident: Incident, now: datetime, expire_hours: int) -> Step | None:
    """Return the automatic start or finish when its time has come.

    The caller leaves out a maintenance that an operator holds back.
    """
    step = STEPS.get(incident.status)
    moment = incident.starts_at if incident.status == IncidentStatus.SCHEDULED else incident.ends_at
    if incident.kind != "maintenance" or step is None or moment is None or now < moment:
        return None
    status, text = step
    cause = f"{incident.id}:{status}:{moment.isoformat()}"
    expires = moment + timedelta(hours=expire_hours)
    if status == IncidentStatus.IN_PROGRESS and incident.ends_at is not None:
        expires = min(expires, incident.ends_at)
    return Step(cause, "automatic", status, text, expires)


def overdue(incident: Incident, nagged_at: datetime | None, held_back: bool, now: datetime) -> str:
    """Return what the operator must be reminded of: a promised update, or an end that has passed.

    Empty when there is nothing, or when the operator was already reminded.
    """
    if not incident.open:
        return ""
    promised = incident.next_update_at
    if promised is not None and now >= promised and (nagged_at is None or nagged_at < promised):
        return f"{incident.id}: the next update was promised for {promised:%Y-%m-%d %H:%M} UTC"
    end = incident.ends_at if held_back or incident.status == IncidentStatus.VERIFYING else None
    if end is None or now < end or (nagged_at is not None and nagged_at >= end):
        return ""
    return f"{incident.id}: its planned end has passed, and nothing was said"
