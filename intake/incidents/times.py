"""Times and durations as a notice shows them: in the reader's time zone and language, and in UTC.

This module does not use ``strftime``, because the text must not depend on the machine's locale.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

NO_BREAK = "\u00a0"  # a space at which no line ends


@dataclass(frozen=True, slots=True)
class TimeWords:
    """How one language writes times."""

    days: tuple[str, ...] = (
        "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday",
    )  # fmt: skip
    months: tuple[str, ...] = (
        "January", "February", "March", "April", "May", "June", "July", "August", "September",
        "October", "November", "December",
    )  # fmt: skip
    spans: tuple[str, ...] = ("day", "days", "hour", "hours", "minute", "minutes")
    date: str = "{month} {day}"
    dated: str = "{date}, {year}"  # a date with its year
    weekday: str = "{weekday}, {dated}"
    hours: str = "12"  # "12" with AM and PM, or "24"
    first: str = "1"  # the first day of a month
    moment: str = "less than a minute"


ENGLISH = TimeWords()
LISTS = ("days", "months", "spans")
PATTERNS = ("date", "dated", "weekday", "hours", "first", "moment")


def time_words(words: Mapping[str, str]) -> TimeWords:
    """Return how a language writes times, from its short texts (``time.days`` and so on).

    What the language does not say is English.
    """
    lists = {
        name: tuple(one.strip() for one in words[f"time.{name}"].split(","))
        for name in LISTS
        if f"time.{name}" in words
    }
    whole = {
        name: found for name, found in lists.items() if len(found) == len(getattr(ENGLISH, name))
    }
    told = {name: words[f"time.{name}"] for name in PATTERNS if f"time.{name}" in words}
    changes: dict[str, Any] = {**whole, **told}
    return replace(ENGLISH, **changes)


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


def moment(at: datetime, zone: ZoneInfo, words: TimeWords = ENGLISH) -> str:
    """Return ``Monday, March 16, 2026, 10:00 PM CDT (March 17, 03:00 UTC)``; UTC is shown once.

    Spaces inside a date or a time of day are no-break spaces.
    """
    local, utc = at.astimezone(zone), at.astimezone(UTC)
    day = day_words(local.date(), words)
    if local.utcoffset() == timedelta(0) and local.tzname() in ("UTC", "GMT", None):
        return f"{day}, {_clock_24(utc)}{NO_BREAK}UTC"
    other_day = f"{_date(utc, words)},{NO_BREAK}" if utc.date() != local.date() else ""
    clock = _clock_24(local) if words.hours == "24" else _clock_12(local)
    here = f"{clock}{NO_BREAK}{_zone(local)}"
    return f"{day}, {here} ({other_day}{_clock_24(utc)}{NO_BREAK}UTC)"


def day_words(day: date, words: TimeWords = ENGLISH) -> str:
    """Return ``Monday, March 2, 2026``; the date itself has no-break spaces."""
    dated = words.dated.format(date=_date(day, words), year=day.year).replace(" ", NO_BREAK)
    return words.weekday.format(weekday=words.days[day.weekday()], dated=dated)


def span(length: timedelta, words: TimeWords = ENGLISH) -> str:
    """Return ``1 day 2 hours`` or ``45 minutes``; below one minute ``less than a minute``."""
    minutes = int(length.total_seconds()) // 60
    if minutes < 1:
        return words.moment
    counts = (minutes // 1440, minutes // 60 % 24, minutes % 60)
    units = zip(words.spans[::2], words.spans[1::2], strict=True)
    named = zip(counts, units, strict=True)
    return " ".join(
        f"{count} {one if count == 1 else more}" for count, (one, more) in named if count
    )


def _date(day: date, words: TimeWords) -> str:
    number = words.first if day.day == 1 else str(day.day)
    made = words.date.format(month=words.months[day.month - 1], day=number)
    return made.replace(" ", NO_BREAK)


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
