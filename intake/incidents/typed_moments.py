"""Moments as people type them: 14:30, tomorrow 9:00, in 2 hours, 2026-03-02 14:30, 3/2/2026."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from intake.incidents.times import from_local

WANTED = (
    "a moment such as 14:30, tomorrow 9:00, in 2 hours, 2 hours ago, 2026-03-02, "
    "2026-03-02 14:30 or 2026-03-02T14:30-06:00"
)
_CLOCK = re.compile(
    r"(?P<hour>\d{1,2})(?::(?P<minute>\d{2}))?(?::\d{2})?\s*(?P<half>[ap]\.?m\.?)?", re.IGNORECASE
)
_SPAN = re.compile(
    r"(?P<ahead>in\s+|\+\s*)?(?P<count>\d{1,4})\s*(?P<unit>minutes?|mins?|m|hours?|hrs?|h|days?|d|"
    r"weeks?|w)(?P<ago>\s+ago)?",
    re.IGNORECASE,
)
_DATE = re.compile(r"(?P<month>\d{1,2})/(?P<day>\d{1,2})/(?P<year>\d{4})")
_DAYS = {"today": 0, "tomorrow": 1, "yesterday": -1}
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def read_moment(text: str, now: datetime, zone: ZoneInfo, *, ahead: bool) -> datetime:
    """Return the moment in UTC. Raises ValueError, whose text says what is wrong.

    A time of day alone is the next one if ``ahead`` is set, and otherwise the last one. A text with
    an offset keeps it; without one it is in the given zone.
    """
    words = " ".join(text.split())
    here = now.astimezone(zone)
    if words.casefold() == "now":
        return now.astimezone(UTC)
    span = _SPAN.fullmatch(words)
    if span is not None and bool(span["ahead"]) != bool(span["ago"]):
        length = timedelta(**{_UNITS[span["unit"][0].lower()]: int(span["count"])})
        return (now - length if span["ago"] else now + length).astimezone(UTC)
    try:
        return from_local(datetime.fromisoformat(words.replace("Z", "+00:00")), zone)
    except ValueError as error:
        if "clocks" in str(error) or "twice" in str(error):
            raise
    first, _, rest = words.partition(" ")
    named = _day(first, here)
    if named is not None:
        clock = _clock(rest) if rest else time(0, 0)
        return from_local(datetime.combine(named, clock), zone)
    clock = _clock(words)
    moment = from_local(datetime.combine(here.date(), clock), zone)
    if ahead and moment <= now:
        return from_local(datetime.combine(here.date() + timedelta(days=1), clock), zone)
    if not ahead and moment > now:
        return from_local(datetime.combine(here.date() - timedelta(days=1), clock), zone)
    return moment


def _day(word: str, here: datetime) -> date | None:
    """A day by its name or as month/day/year; None for anything else."""
    if word.casefold() in _DAYS:
        return here.date() + timedelta(days=_DAYS[word.casefold()])
    found = _DATE.fullmatch(word)
    if found is None:
        try:
            return date.fromisoformat(word)
        except ValueError:
            return None
    return date(int(found["year"]), int(found["month"]), int(found["day"]))


def _clock(text: str) -> time:
    """A time of day; ValueError for anything else."""
    found = _CLOCK.fullmatch(text)
    if found is None or not (found["minute"] or found["half"]):
        raise ValueError(f"wanted {WANTED}")
    hour, minute, half = (
        int(found["hour"]),
        int(found["minute"] or 0),
        (found["half"] or "").lower(),
    )
    if half:
        if not 1 <= hour <= 12:
            raise ValueError(f"there is no hour {hour} {half}")
        hour = hour % 12 + (12 if half[0] == "p" else 0)
    return time(hour, minute)
