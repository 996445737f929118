"""What the clock does with a maintenance: reminders, start and finish; and what is too late.

Pure: every moment is given. A reminder has one span in which it may be sent, from its offset to the
next one or the beginning; what was not sent in its span is old news and never sent.
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
    """Something that the clock does once."""

    cause: str  # unique: the same step is never taken twice
    kind: str  # "reminder" or "automatic"
    status: str  # of the maintenance afterwards
    text: str
    expires_at: datetime | None  # whoever was not told by then is not told


def offset(text: str) -> timedelta:
    """``14d``, ``24h``, ``30m`` as a span of time. Raises ValueError for anything else."""
    number, unit = text[:-1], text[-1:]
    if unit not in UNITS or not number.isdigit():
        raise ValueError(f"found {text!r}, wanted days, hours or minutes like 14d, 24h or 30m")
    return timedelta(**{UNITS[unit]: int(number)})


def lead(start: datetime, now: datetime, lead_days: int) -> bool:
    """Whether a maintenance that begins then is announced early enough (seed L36: two weeks)."""
    return start - now >= timedelta(days=lead_days)


def reminder_due(
    incident: Incident, offsets: Sequence[str], announced_at: datetime, now: datetime
) -> Step | None:
    """The reminder whose span has come, unless the plan was announced within that span.

    ``announced_at`` is when people were last told of the plan as it stands.
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
    """The start or the finish by the clock, when its moment has come and nobody holds it back."""
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
    """What the operator should be told of now: a promised update, or an end that has passed.

    Empty when there is nothing, or when it was said before.
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
