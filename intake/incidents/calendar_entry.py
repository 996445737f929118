"""A maintenance as a calendar entry (RFC 5545, RFC 5546): one UID, each change a higher SEQUENCE.

The only keeper of icalendar. Times are in UTC, so no VTIMEZONE is needed. The same entry is
published again when the plan changes and cancelled when the maintenance is: a calendar that keeps
entries by UID moves it or takes it out, and never holds it twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from icalendar import Calendar, Event, vCalAddress, vText

from intake.letters.text import one_line
from intake.model.incidents import Incident, Update
from intake.model.states import IncidentStatus

MAX_SUMMARY_CHARS = 200
MAX_DESCRIPTION_CHARS = 1000
PUBLISH, CANCEL = "PUBLISH", "CANCEL"


@dataclass(frozen=True, slots=True)
class Organizer:
    """Who announces the maintenance."""

    name: str
    address: str  # service.address; its domain is the UID's
    page_url: str = ""  # empty: none


def method(update: Update) -> str:
    """What a calendar does with the entry: PUBLISH puts or moves it, CANCEL takes it out."""
    return CANCEL if update.status == IncidentStatus.CANCELLED else PUBLISH


def uid(incident_id: str, address: str) -> str:
    """``INC-42@support.example``: the same for every update, in letters and on the page."""
    return f"{incident_id}@{address.rpartition('@')[2]}"


def event_calendar(
    incident: Incident, update: Update, organizer: Organizer, stamp: datetime
) -> str:
    """A whole iCalendar object with CRLF line ends; empty when the plan names no start.

    The plan and the SEQUENCE are those of the update; what it leaves open is the incident's.
    ``stamp`` (aware) is when this was written; the same arguments give the same text.
    """
    starts = update.starts_at or incident.starts_at
    ends = update.ends_at or (incident.ends_at if update.starts_at is None else None)
    if starts is None:
        return ""
    calendar = Calendar()
    calendar.add("prodid", "-//intake//notices//EN")
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", method(update))
    calendar.add_component(_event(incident, update, organizer, (starts, ends, stamp)))
    return str(calendar.to_ical().decode("utf-8"))


def _event(
    incident: Incident,
    update: Update,
    organizer: Organizer,
    times: tuple[datetime, datetime | None, datetime],
) -> Event:
    starts, ends, stamp = times
    event = Event()
    event.add("uid", uid(incident.id, organizer.address))
    event.add("sequence", update.sequence)
    event.add("dtstamp", _second(stamp))
    event.add("dtstart", _second(starts))
    if ends is not None and _second(ends) > _second(starts):  # RFC 5545 §3.8.2.2
        event.add("dtend", _second(ends))
    title = one_line(incident.title, MAX_SUMMARY_CHARS)
    event.add("summary", f"Maintenance: {title} ({incident.id})")
    told = one_line(incident.impact, MAX_DESCRIPTION_CHARS)
    if told:
        event.add("description", told)
    event.add("status", "CANCELLED" if update.status == IncidentStatus.CANCELLED else "CONFIRMED")
    event.add("transp", "TRANSPARENT")  # nobody is busy because of it
    event.add("organizer", _organizer(organizer))
    if organizer.page_url:
        event.add("url", organizer.page_url)
    return event


def _organizer(organizer: Organizer) -> vCalAddress:
    """RFC 5546 §3.2.1 and §3.2.5 want one; a quote or control character cannot stand in CN."""
    address = vCalAddress(f"mailto:{organizer.address}")
    name = one_line(organizer.name.replace('"', "'"), 80)
    if name:
        address.params["CN"] = vText(name)
    return address


def _second(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(microsecond=0)
