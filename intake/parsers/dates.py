"""Read dates as people write them, relative to the day of the mail in the writer's time zone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from dateparser.date import DateDataParser

READ_BY_WORDS = ("fr", "de", "pt")  # languages whose days ``parsers.days`` reads
MAX_CHARS = 80
_LEAD = re.compile(
    r"(?:since|around|about|approximately|approx\.?|on|from|by|before|ca\.?|circa|early|late"
    r"|starting|started|began|the|desde|el|hacia|antes\s+del?|a\s+partir\s+del?)\s+",
    re.IGNORECASE,
)
_NUMERIC = re.compile(r"(\d{1,4})[/.\-](\d{1,2})[/.\-](\d{1,4})(?=\D|\Z)")
_TAIL = re.compile(  # what may follow a numeric date without changing it
    r"(?:[\s,.()~\-–]"
    r"|T?\d{1,2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?(?:\s?[+\-]\d{2}:?\d{2})?"
    r"|(?:\d{1,2}\s?)?[ap]\.?m\b|[aecmp][sd]?t\b|utc\b|gmt\b|z\b"
    r"|(?:approx|approximately|around|about|circa|roughly|at|in|the|or so|early|late|morning"
    r"|afternoon|evening|noon|midnight|night|(?:mon|tues|wednes|thurs|fri|satur|sun)day)\b)*",
    re.IGNORECASE,
)
_MONTHS = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|ene|abr|ago|dic"
_DAYLIKE = re.compile(
    rf"\d[/.\-]\d|day|tomorrow|week|month|year|hour|minute|{_MONTHS}"
    r"|ayer|hoy|mañana|semana|mes|año|hora|lunes|martes|jueves|viernes|sábado|sabado|domingo",
    re.IGNORECASE,
)
_AHEAD = re.compile(r"next|tomorrow|in \d|próxim|proxim|mañana|en \d", re.IGNORECASE)
MAX_SENTENCE_CHARS = 300
MAX_DATE_WORDS = 5
_WHOLE = re.compile(  # the whole text is one complete date
    rf"\A(?:\d{{1,4}}[/.\-]\d{{1,2}}[/.\-]\d{{1,4}}[.,;)]?\Z"
    rf"|(?:(?:{_MONTHS})[a-z]*\.?\s+\d{{1,2}}(?:st|nd|rd|th)?,?(?:\s+\d{{4}})?[.,;)]?\Z)"
    rf"|(?:\d{{1,2}}(?:st|nd|rd|th)?\.?\s+(?:de\s+)?(?:{_MONTHS})[a-z]*\.?,?(?:\s+(?:de\s+)?\d{{4}})?"
    r"[.,;)]?\Z))",
    re.IGNORECASE,
)
_DOUBTFUL = re.compile(
    r"\b(?:not|no|never|before|after|until|till|except|between|either|nor|but|antes|después|hasta)\b"
    r"|n't\b",
    re.IGNORECASE,
)
_SPLIT = re.compile(  # a comma before a year, before a time or after a weekday belongs to the date
    r"[;\n]"
    r"|,(?!\s*(?:\d{4}\b(?![-/.]\d)|\d{1,2}:\d|\d{1,2}\s?[ap]\.?m))"
    rf"(?!(?<=day,|mon,|tue,|ues,|wed,|thu,|hur,|urs,|fri,|sat,|sun,)\s*(?:\d|{_MONTHS}))"
    r"|\s+(?:or|and|then|o|y)\s+|\s+/\s+",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Calendar:
    """The day and the order in which dates are read."""

    written_at: datetime  # aware
    zone: str  # IANA name
    order: str  # "MDY" or "DMY"
    languages: tuple[str, ...] = ("en",)  # ISO 639 codes
    ahead: bool = False  # a weekday, or a day without a year, is the next one, not the last

    @property
    def today(self) -> date:
        """Return the day on which the mail was written, in the writer's time zone."""
        return self.written_at.astimezone(ZoneInfo(self.zone)).date()


def read_date(text: str, calendar: Calendar) -> date | None:
    """Return the one day that the text means; None when that is not certain."""
    words = " ".join(text.split()).strip(" .,")
    if not words or len(words) > MAX_CHARS:
        return None
    numeric = _NUMERIC.match(words)
    if numeric:
        rest = words[numeric.end() :]
        sure = _TAIL.fullmatch(rest) is not None
        return _numeric(numeric[1], numeric[2], numeric[3], calendar.order) if sure else None
    for _ in range(4):
        lead = _LEAD.match(words)
        if not lead:
            break
        words = words[lead.end() :]
    if not _DAYLIKE.search(words):
        return None
    return _parsed(words, calendar)


def date_inside(text: str, calendar: Calendar) -> date | None:
    """Return the one whole date in a sentence such as "We would prefer March 24, 2026".

    None when there are two different dates, or a word such as "not" or "before" changes the
    meaning.
    """
    words = text[:MAX_SENTENCE_CHARS].split()
    if _DOUBTFUL.search(" ".join(words)):
        return None
    found: set[date] = set()
    start = 0
    while start < len(words):
        for size in range(min(MAX_DATE_WORDS, len(words) - start), 0, -1):
            window = " ".join(words[start : start + size])
            day = read_date(window, calendar) if _WHOLE.search(window) else None
            if day is not None:
                found.add(day)
                start += size - 1
                break
        start += 1
    return found.pop() if len(found) == 1 else None


def _numeric(first: str, second: str, third: str, order: str) -> date | None:
    """Read 09/15/2021 in the given order, or in the other order if the given one is impossible."""
    a, b, c = int(first), int(second), int(third)
    if len(first) == 4:
        return _day(a, b, c)
    if len(third) not in (2, 4):  # 12.3.4 is a version
        return None
    year = c + 2000 if c < 100 else c
    pairs = ((a, b), (b, a)) if order == "MDY" else ((b, a), (a, b))
    return next((day for month, day_ in pairs if (day := _day(year, month, day_))), None)


def _day(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day) if 1900 <= year <= 2200 else None
    except ValueError:
        return None


def _parsed(words: str, calendar: Calendar) -> date | None:
    """Return what dateparser reads, when it is certain of the day."""
    local = calendar.written_at.astimezone(ZoneInfo(calendar.zone)).replace(tzinfo=None)
    parser = DateDataParser(
        languages=[one for one in calendar.languages if one not in READ_BY_WORDS],
        settings={
            "DATE_ORDER": calendar.order,
            "RELATIVE_BASE": local,
            "PREFER_DATES_FROM": "future" if calendar.ahead or _AHEAD.search(words) else "past",
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
    """Split a list of dates at lines, semicolons, "or", and commas that end a date."""
    parts = [re.sub(r"^\s*\d[.)]\s+", "", part).strip(" .,-*•\t") for part in _SPLIT.split(text)]
    return [part for part in parts if part]
