"""Times and durations as a notice shows them: in the reader's own time zone and in UTC.

This module does not use ``strftime``, because the text must not depend on the machine's locale.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

NO_BREAK = "\u00a0"  # a space at which no line ends
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip


def zone_of(name: str) -> ZoneInfo:
    """Return the time zone with that IANA name; UTC when there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: the name of a folder
        return ZoneInfo("UTC")


def from_local(read: datetime, zone: ZoneInfo) -> datetime:
    """Convert a local time of that zone to UTC; a time with its own offset keeps that offset.

    Raises ValueError for a local time that is skipped when clocks go forward, and for one that
    occurs twice when they go back. In the second case an offset must say which one is meant.
    """
    if read.tzinfo is not None:
        return read.astimezone(UTC)
    first, second = (read.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if first.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != read:
        raise ValueError(f"there is no such time in {zone.key}: clocks go forward then")
    if first.utcoffset() != second.utcoffset():
        both = " or ".join(one.isoformat(" ", "minutes") for one in (first, second))
        raise ValueError(f"that time comes twice in {zone.key}; write {both}")
    return first.astimezone(UTC)


def moment(at: datetime, zone: ZoneInfo) -> str:
    """Return ``Monday, March 16, 2026, 10:00 PM CDT (March 17, 03:00 UTC)``; UTC is shown once.

    Spaces inside a date or a time of day are no-break spaces.
    """
    local, utc = at.astimezone(zone), at.astimezone(UTC)
    day = f"{DAYS[local.weekday()]}, {_date(local)},{NO_BREAK}{local.year}"
    if local.utcoffset() == timedelta(0) and local.tzname() in ("UTC", "GMT", None):
        return f"{day}, {_clock_24(utc)}{NO_BREAK}UTC"
    other_day = f"{_date(utc)},{NO_BREAK}" if utc.date() != local.date() else ""
    here = f"{_clock_12(local)}{NO_BREAK}{_zone(local)}"
    return f"{day}, {here} ({other_day}{_clock_24(utc)}{NO_BREAK}UTC)"


def span(length: timedelta) -> str:
    """Return ``1 day 2 hours`` or ``45 minutes``; below one minute ``less than a minute``."""
    minutes = int(length.total_seconds()) // 60
    if minutes < 1:
        return "less than a minute"
    parts = ((minutes // 1440, "day"), (minutes // 60 % 24, "hour"), (minutes % 60, "minute"))
    return " ".join(f"{n} {word}{'s' if n != 1 else ''}" for n, word in parts if n)


def _date(at: datetime) -> str:
    return f"{MONTHS[at.month - 1]}{NO_BREAK}{at.day}"


def _clock_12(at: datetime) -> str:
    return f"{at.hour % 12 or 12}:{at.minute:02}{NO_BREAK}{'AM' if at.hour < 12 else 'PM'}"


def _clock_24(at: datetime) -> str:
    return f"{at.hour:02}:{at.minute:02}"


def _zone(at: datetime) -> str:
    """Return the abbreviation of the zone, "CST"; "UTC-03:00" if it has only digits."""
    name = at.tzname() or ""
    if name.isalpha():
        return name
    offset = at.utcoffset() or timedelta(0)
    minutes = int(abs(offset).total_seconds()) // 60
    sign = "-" if offset < timedelta(0) else "+"
    return f"UTC{sign}{minutes // 60:02}:{minutes % 60:02}"
