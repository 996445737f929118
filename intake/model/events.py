"""Events for other programs, and what a receiver's answer means."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Taken:
    """The program has it (2xx)."""

    reply: str


@dataclass(frozen=True, slots=True)
class Again:
    """Not this time; trying again is right."""

    reply: str
    after_seconds: float = 0.0  # the program's own wish, bounded


@dataclass(frozen=True, slots=True)
class Gone:
    """It does not want this event, now or ever (410)."""

    reply: str


Outcome = Taken | Again | Gone


EVENT_KINDS = (  # what other programs may hear of; docs/events.md is the contract
    "incident.opened", "incident.updated", "incident.corrected", "incident.resolved",
    "maintenance.scheduled", "maintenance.updated", "maintenance.corrected",
    "maintenance.rescheduled", "maintenance.reminded", "maintenance.started",
    "maintenance.completed", "maintenance.cancelled",
    "notice.approved", "notice.sent", "case.linked",
)  # fmt: skip
