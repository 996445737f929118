"""Dates as people write them, counted from the day their mail was written in their own zone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from dateparser.date import DateDataParser

MAX_CHARS = 80
_LEAD = re.compile(
    r"(?:since|around|about|approximately|approx\.?|on|from|by|before|ca\.?|circa|early|late"
    r"|starting|started|began|the)\s+",
    re.IGNORECASE,
)
_NUMERIC = re.compile(r"(\d{1,4})[/.\-](\d{1,2})[/.\-](\d{1,4})(?=\D|\Z)")
_DAYLIKE = re.compile(
    r"\d|day|tomorrow|week|month|year|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec",
    re.IGNORECASE,
)
_SPLIT = re.compile(r"[;\n]|,(?!\s*\d{4}\b)|\s+(?:or|and|then)\s+|\s+/\s+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Calendar:
    """From when and in which order dates are read."""

    written_at: datetime  # aware
    zone: str  # IANA name
    order: str  # "MDY" or "DMY"

    @property
    def today(self) -> date:
        """The day the mail was written, where its writer is."""
        return self.written_at.astimezone(ZoneInfo(self.zone)).date()


def read_date(text: str, calendar: Calendar) -> date | None:
    """The one day the words mean; None when they do not mean a day for sure."""
    words = " ".join(text.split()).strip(" .,")
    if not words or len(words) > MAX_CHARS:
        return None
    numeric = _NUMERIC.match(words)
    if numeric and not re.search(r"[A-Za-z]{3}", words[numeric.end() :].replace("CDT", "")):
        return _numeric(numeric[1], numeric[2], numeric[3], calendar.order)
    for _ in range(4):
        lead = _LEAD.match(words)
        if not lead:
            break
        words = words[lead.end() :]
    if not _DAYLIKE.search(words):
        return None
    return _parsed(words, calendar)


def _numeric(first: str, second: str, third: str, order: str) -> date | None:
    """09/15/2021 in the given order, in the other one only if it cannot be the given one."""
    a, b, c = int(first), int(second), int(third)
    if len(first) == 4:
        return _day(a, b, c)
    year = c + 2000 if c < 100 else c
    pairs = ((a, b), (b, a)) if order == "MDY" else ((b, a), (a, b))
    return next((day for month, day_ in pairs if (day := _day(year, month, day_))), None)


def _day(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day) if 1900 <= year <= 2200 else None
    except ValueError:
        return None


def _parsed(words: str, calendar: Calendar) -> date | None:
    """What dateparser makes of it, when it is sure of the day."""
    local = calendar.written_at.astimezone(ZoneInfo(calendar.zone)).replace(tzinfo=None)
    parser = DateDataParser(
        languages=["en"],
        settings={
            "DATE_ORDER": calendar.order,
            "RELATIVE_BASE": local,
            "PREFER_DATES_FROM": "past"
            if not re.search(r"next|tomorrow|in \d", words)
            else "future",
        },
    )
    try:
        found = parser.get_date_data(words)
    except (ValueError, OverflowError, TypeError, RecursionError):
        return None
    sure = found.period in ("day", "time") or (found.period == "week" and words.endswith(" ago"))
    if found.date_obj is None or not sure:
        return None
    return found.date_obj.date() if 1900 <= found.date_obj.year <= 2200 else None


def split_dates(text: str) -> list[str]:
    """A list of dates as its parts: lines, semicolons, "or", and commas that end a date."""
    parts = [re.sub(r"^\s*\d[.)]\s+", "", part).strip(" .,-*•\t") for part in _SPLIT.split(text)]
    return [part for part in parts if part]
