"""Events for other programs, and the meaning of a receiver's answer."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Taken:
    """The program accepted the event (2xx)."""

    reply: str


@dataclass(frozen=True, slots=True)
class Again:
    """Not accepted this time; the event should be sent again."""

    reply: str
    after_seconds: float = 0.0  # as the program asked, within limits


@dataclass(frozen=True, slots=True)
class Gone:
    """The program will never accept this event (410)."""

    reply: str


Outcome = Taken | Again | Gone


EVENT_KINDS = (  # events that other programs can receive; docs/events.md defines them
    "incident.opened", "incident.updated", "incident.corrected", "incident.resolved",
    "maintenance.scheduled", "maintenance.updated", "maintenance.corrected",
    "maintenance.rescheduled", "maintenance.reminded", "maintenance.started",
    "maintenance.completed", "maintenance.cancelled",
    "notice.approved", "notice.sent", "case.linked", "service.failing", "service.recovered",
    "case.opened", "case.completed", "case.updated", "case.answered", "case.closed",
    "case.reopened",
)  # fmt: skip
WITH_PEOPLE = EVENT_KINDS[-6:]  # name people and hold their words: a hook must ask for them
