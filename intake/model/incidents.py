"""Incidents and maintenances, their updates, states and classes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from intake.model.states import IncidentStatus

_S = IncidentStatus
INCIDENT_STATES = (_S.INVESTIGATING, _S.IDENTIFIED, _S.MONITORING, _S.RESOLVED)
MAINTENANCE_STATES = (_S.SCHEDULED, _S.IN_PROGRESS, _S.VERIFYING, _S.COMPLETED, _S.CANCELLED)
CLOSED_STATES = (_S.RESOLVED, _S.COMPLETED, _S.CANCELLED)
OPEN_STATES = tuple(one for one in IncidentStatus if one not in CLOSED_STATES)
NOTICE_CLASSES = ("outage", "security", "maintenance", "informational")


@dataclass(frozen=True, slots=True)
class Incident:
    """An incident or a maintenance in the state of its newest update."""

    id: str
    kind: str  # "incident" or "maintenance"
    title: str
    status: str
    impact: str = ""
    modules: tuple[str, ...] = ()  # none: the text of a case decides
    areas: tuple[str, ...] = ()  # of responsibility; none: all
    accounts: tuple[str, ...] = ()  # ids; none: all
    words: tuple[str, ...] = ()
    next_update_at: datetime | None = None
    notice_class: str = "outage"  # one of NOTICE_CLASSES
    contact_types: tuple[str, ...] = ()  # who is notified; none: the configured types
    public: bool = True  # shown on the notifications page
    starts_at: datetime | None = None  # aware UTC; of an incident: when it began
    ends_at: datetime | None = None  # of a maintenance, as planned
    sequence: int = 0  # of the calendar entry
    short_notice: str = ""  # why a maintenance was announced later than the lead time
    closed_at: datetime | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    told: str = ""  # the newest text that a letter may repeat

    @property
    def open(self) -> bool:
        """Return whether it is not closed yet."""
        return self.status not in CLOSED_STATES


@dataclass(frozen=True, slots=True)
class Update:
    """One update of an incident or a maintenance, as it was written."""

    incident_id: str
    number: int  # 1 is the first
    kind: str  # update, correction, reminder, reschedule, automatic, cancellation
    status: str
    text: str  # paragraphs of plain text, "- " begins an item of a list
    at: datetime
    who: str = ""
    wrong_number: int = 0  # of a correction: the update that was wrong
    next_update_at: datetime | None = None
    starts_at: datetime | None = None  # the plan as this update gave it
    ends_at: datetime | None = None
    sequence: int = 0


def as_told(incident: Incident, update: Update) -> Incident:
    """Return the incident as of that update: its status, its promised next update and its plan."""
    return replace(
        incident,
        status=update.status,
        next_update_at=update.next_update_at,
        starts_at=update.starts_at or incident.starts_at,
        ends_at=update.ends_at or incident.ends_at,
        sequence=update.sequence,
    )


@dataclass(frozen=True, slots=True)
class Change:
    """What a further update changes apart from its text."""

    status: str = ""  # empty: unchanged
    next_update_at: datetime | None = None
    kind: str = "update"
    cause: str = ""  # unique: an automatic step is taken once


@dataclass(frozen=True, slots=True)
class Window:
    """The planned times of a maintenance."""

    starts_at: datetime
    ends_at: datetime
    short_notice: str = ""  # why it is announced late
