"""All public maintenances as one calendar (RFC 5545) to which people can subscribe.

A maintenance has the same UID here and in letters: ``INC-42@`` and the domain of the service.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from icalendar import Calendar, Event, Timezone, TimezoneStandard, vUri

from intake.incidents.page.content import NoticeView, PageData, line, notices
from intake.letters.incident_summary import place
from intake.model.incidents import Incident, Update
from intake.model.states import IncidentStatus


def calendar(data: PageData) -> bytes:
    """Return ``maintenance.ics``: CRLF line ends, UTF-8; the same data gives the same bytes."""
    made = Calendar()
    made.add("prodid", "-//intake//notices//EN")
    made.add("version", "2.0")
    made.add("method", "PUBLISH")
    made.add("calscale", "GREGORIAN")
    made.add("name", f"{line(data.title)}: maintenance")  # RFC 7986 §5.1
    made.add("x-wr-calname", f"{line(data.title)}: maintenance")
    made.add("refresh-interval", timedelta(hours=1), {"VALUE": "DURATION"})  # RFC 7986 §5.7
    known = {one.id: (one, updates) for one, updates in data.notices}
    planned = [
        (view, *known[view.id])
        for view in notices(data)
        if view.kind == "maintenance" and view.starts is not None
    ]
    for view, one, updates in sorted(planned, key=lambda each: each[0].id):
        made.add_component(_event(data, view, one, updates))
    if not planned:
        made.add_component(_utc())
    return bytes(made.to_ical())


def _event(data: PageData, view: NoticeView, one: Incident, updates: tuple[Update, ...]) -> Event:
    event = Event()
    event.add("uid", f"{one.id}@{data.domain}")
    changed = datetime.fromisoformat(view.changed.iso)
    first = min((update.at for update in updates), default=changed)
    cancelled = one.status == IncidentStatus.CANCELLED
    event.add("dtstamp", changed)
    event.add("last-modified", changed)
    event.add("created", _whole(first))
    event.add("sequence", one.sequence)
    event.add("status", "CANCELLED" if cancelled else "CONFIRMED")
    event.add("summary", f"{'Cancelled: ' if cancelled else ''}{view.title}")
    if one.starts_at is not None:
        event.add("dtstart", _whole(one.starts_at))
        if one.ends_at is not None and one.ends_at > one.starts_at:
            event.add("dtend", _whole(one.ends_at))
    event.add("description", _description(view))
    event.add("transp", "TRANSPARENT")  # it does not mark anyone as busy
    event.add("class", "PUBLIC")
    if data.url:
        event.add("url", vUri(place(data.url, view.file)))
    return event


def _description(view: NoticeView) -> str:
    lines = [f"{view.id}: {view.state.lower()}."]
    if view.impact:
        lines.append(view.impact)
    if view.modules:
        lines.append(f"Affected: {', '.join(view.modules)}")
    if view.short_notice:
        lines.append(f"Announced at short notice: {view.short_notice}")
    newest = next((update for update in view.updates if update.corrected_by is None), None)
    return "\n".join([*lines, "", newest.text] if newest else lines)


def _whole(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(microsecond=0)


def _utc() -> Timezone:
    """Return an empty component: a calendar must have at least one (RFC 5545 §3.6)."""
    zone, standard = Timezone(), TimezoneStandard()
    zone.add("tzid", "Etc/UTC")
    standard.add("dtstart", datetime(1970, 1, 1))  # noqa: DTZ001 - local time, as RFC 5545 wants it here
    standard.add("tzoffsetfrom", timedelta(0))
    standard.add("tzoffsetto", timedelta(0))
    zone.add_component(standard)
    return zone
