"""Working hours of a department: how long something took in them, and when time is up."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ALWAYS = "always"
MAX_DAYS = 3700  # that are looked through
_SPAN = re.compile(
    r"\s*([a-z]{3})(?:\s*-\s*([a-z]{3}))?\s+(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})\s*\Z"
)


class HoursError(ValueError):
    """The text does not describe working hours; it says what was found and wanted."""


@dataclass(frozen=True, slots=True)
class WorkingHours:
    """The hours of each weekday, Monday first, as (begin, end) in minutes after midnight."""

    days: tuple[tuple[tuple[int, int], ...], ...]
    zone: str  # IANA name

    def worked(self, start: datetime, end: datetime) -> timedelta:
        """Return how much of the time between two moments lies in the working hours."""
        total = timedelta()
        for begin, finish in self._spans(start, end):
            total += max(timedelta(), min(finish, end) - max(begin, start))
        return total

    def after(self, start: datetime, amount: timedelta) -> datetime:
        """Return the moment at which that much working time has passed since ``start``.

        Without any working hours it never passes: the last moment that can be represented.
        """
        left = amount
        for begin, finish in self._spans(start, start + timedelta(days=MAX_DAYS)):
            here = finish - max(begin, start)
            if here <= timedelta():
                continue
            if here >= left:
                return max(begin, start) + left
            left -= here
        return datetime.max.replace(tzinfo=UTC)

    def _spans(self, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Yield the working spans of every local day from the first to the last, in UTC."""
        zone = ZoneInfo(self.zone)
        day, last = start.astimezone(zone).date(), end.astimezone(zone).date()
        for _ in range(MAX_DAYS + 2):
            if day > last:
                return
            for begin, finish in self.days[day.weekday()]:
                yield _moment(day, begin, zone), _moment(day, finish, zone)
            day += timedelta(days=1)


def _moment(day: date, minutes: int, zone: ZoneInfo) -> datetime:
    """Return a local time of a day in UTC; minute 1440 is the next midnight."""
    whole = day + timedelta(days=minutes // 1440)
    local = datetime.combine(whole, time(minutes % 1440 // 60, minutes % 60), zone)
    return local.astimezone(UTC)


def read_hours(text: str, zone: str) -> WorkingHours:
    """Read "Mon-Fri 08:00-17:00; Sat 09:00-12:00", or "always". Raises HoursError."""
    if text.strip().lower() == ALWAYS:
        return WorkingHours((((0, 1440),),) * 7, zone)
    days: list[list[tuple[int, int]]] = [[] for _ in DAYS]
    for part in text.lower().split(";"):
        match = _SPAN.match(part)
        known = match is not None and {match[1], match[2] or match[1]} <= {*DAYS}
        if match is None or not known:
            raise HoursError(f"found {part.strip()!r}, wanted Mon-Fri 08:00-17:00 or always")
        begin, end = (int(match[n]) * 60 + int(match[n + 1]) for n in (3, 5))
        if not begin < end <= 1440 or int(match[4]) > 59 or int(match[6]) > 59:
            raise HoursError(f"found {part.strip()!r}, wanted an end after its begin")
        first, last = DAYS.index(match[1]), DAYS.index(match[2] or match[1])
        for number in range(first, last + 1 if last >= first else last + 8):
            days[number % 7].append((begin, end))
    return WorkingHours(tuple(tuple(sorted(one)) for one in days), zone)
