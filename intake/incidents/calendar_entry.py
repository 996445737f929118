"""A maintenance as a calendar entry (RFC 5545, RFC 5546): one UID; each change raises SEQUENCE.

Only this module and ``page/calendar.py`` use icalendar. Times are in UTC, so no VTIMEZONE is
needed. The entry is published again when the plan changes, and cancelled when the maintenance is
cancelled. A calendar that identifies entries by UID moves or removes the entry and never shows it
twice.
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
    """The service that announces the maintenance."""

    name: str
    address: str  # service.address; its domain is the UID's
    page_url: str = ""  # empty: none
    word: str = "Maintenance"  # before the title, in the reader's language


def method(update: Update) -> str:
    """Return PUBLISH, which adds or moves the entry in a calendar, or CANCEL, which removes it."""
    return CANCEL if update.status == IncidentStatus.CANCELLED else PUBLISH


def uid(incident_id: str, address: str) -> str:
    """Return ``INC-42@support.example``, the same for every update, in letters and on the page."""
    return f"{incident_id}@{address.rpartition('@')[2]}"


def event_calendar(
    incident: Incident, update: Update, organizer: Organizer, stamp: datetime
) -> str:
    """Return an iCalendar object with CRLF line ends; empty when the plan has no start.

    The plan and the SEQUENCE come from the update; values that it does not give come from the
    incident. ``stamp`` (aware) is the time of writing. The same arguments give the same text.
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
    event.add("summary", f"{organizer.word}: {title} ({incident.id})")
    told = one_line(incident.impact, MAX_DESCRIPTION_CHARS)
    if told:
        event.add("description", told)
    event.add("status", "CANCELLED" if update.status == IncidentStatus.CANCELLED else "CONFIRMED")
    event.add("transp", "TRANSPARENT")  # it does not mark anyone as busy
    event.add("organizer", _organizer(organizer))
    if organizer.page_url:
        event.add("url", organizer.page_url)
    return event


def _organizer(organizer: Organizer) -> vCalAddress:
    """Return the organizer (RFC 5546 §3.2.1 and §3.2.5).

    CN cannot contain a quote or a control character.
    """
    address = vCalAddress(f"mailto:{organizer.address}")
    name = one_line(organizer.name.replace('"', "'"), 80)
    if name:
        address.params["CN"] = vText(name)
    return address


def _second(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(microsecond=0)
