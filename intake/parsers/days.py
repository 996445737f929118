"""Find the days that ordinary text names, in the languages that are read, and say which they are.

A day that cannot be fixed ("last week", "between the 3rd and the 5th") is found, too, but it
has no date: a field that accepts words may keep them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import lru_cache

from intake.parsers.dates import Calendar
from intake.parsers.day_words import SPELLED, WORDS, DayWords

MAX_DAYS = 40  # that are read in one text
FAR_AHEAD = 300  # days: a day without a year that lies further ahead was meant in the past
MANY_DAYS = 31  # the most days that "for N days" may say
_WEEK = re.compile(r"\b(?:week|semana|semaine|woche)\b")
_LAST_YEAR = re.compile(
    r"\s(?:of )?(?:last year|del año pasado|de l['’]an(?:née)? (?:dernier|dernière|passée?)"
    r"|do ano passado|(?:letzten|vorigen) jahres)"
)


@dataclass(frozen=True, slots=True)
class Day:
    """A day as the text names it, with its place."""

    start: int
    end: int
    words: str
    year: int = 0  # 0: not named
    month: int = 0
    day: int = 0
    weekday: int = -1  # 0 is Monday
    offset: int | None = None  # days from the day of the mail
    vague: bool = False  # no single day is meant
    period: bool = False  # but a week or a time of the year, as people propose it
    last: bool = False  # a weekday with "last": the one of the week before
    week: bool = False  # a weekday "of last week"
    other: tuple[int, int] = (0, 0)  # (month, day) in the other order, if that is possible, too

    def on(self, calendar: Calendar, *, ahead: bool) -> date | None:
        """Return the date: the next one if ``ahead``, else the last one; None if it is vague."""
        today = calendar.today
        if self.vague or (self.last and ahead):
            return None
        if self.offset is not None:
            return today + timedelta(days=self.offset)
        if self.day and self.month:
            found = self._dated(today, ahead=ahead)
            if not self.other[0] or found is None or found.weekday() == self.weekday:
                return found
            swapped = replace(self, month=self.other[0], day=self.other[1])
            other = swapped._dated(today, ahead=ahead)  # "lundi 02/03" is no Tuesday
            return other if other and other.weekday() == self.weekday else found
        if self.day:
            return self._this_month(today, ahead=ahead)
        return self._weekday(today, ahead=ahead)

    def _dated(self, today: date, *, ahead: bool) -> date | None:
        if self.year:
            return _day(self.year, self.month, self.day)
        years = (today.year, today.year + 1) if ahead else (today.year, today.year - 1)
        for year in years:
            found = _day(year, self.month, self.day)
            if found and (found >= today if ahead else found <= today):
                far = abs((found - today).days) > FAR_AHEAD
                return None if far else found
        return None

    def _this_month(self, today: date, *, ahead: bool) -> date | None:
        month = today.replace(day=1)
        for _ in range(3):
            found = _day(month.year, month.month, self.day)
            fits = found is not None and self.weekday in (-1, found.weekday())
            if found and fits and (found >= today if ahead else found <= today):
                return found
            month = _next(month) if ahead else (month - timedelta(days=1)).replace(day=1)
        return None

    def _weekday(self, today: date, *, ahead: bool) -> date | None:
        if self.week:
            return today - timedelta(days=today.weekday() + 7 - self.weekday)
        away = (self.weekday - today.weekday()) % 7
        if not away or (self.last and self.weekday < today.weekday()):
            return None  # today or a week ago; "last Monday" on a Wednesday: of which week?
        return today + timedelta(days=away if ahead else away - 7)


def _next(month: date) -> date:
    return (month + timedelta(days=32)).replace(day=1)


def _day(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day) if 1990 <= year <= 2100 else None
    except ValueError:
        return None


def days(text: str, language: str, order: str) -> tuple[Day, ...]:
    """Return the days in a text, in its order. ``order`` is "MDY" or "DMY", for English numbers."""
    words = WORDS.get(language) or WORDS["en"]
    shape = _shape(language if language in WORDS else "en")
    low = text.lower()
    if len(low) != len(text):  # a letter whose small form has another length
        low = "".join(one.lower() if len(one.lower()) == 1 else one for one in text)
    order = order if language == "en" else "DMY"
    found = list(_found(low, shape, words, order))[: MAX_DAYS * 2]
    return tuple(_with_months(_merged(found, low, shape), low))[:MAX_DAYS]


@dataclass(frozen=True, slots=True)
class _Shape:
    """The compiled patterns of one language."""

    any_day: re.Pattern[str]
    between: re.Pattern[str]
    to: re.Pattern[str]
    last: re.Pattern[str]
    coming: re.Pattern[str]
    weekdays: tuple[re.Pattern[str], ...]
    months: tuple[re.Pattern[str], ...]
    offsets: tuple[tuple[re.Pattern[str], int], ...]
    numbers: tuple[re.Pattern[str], ...]


_NO_DAY = (  # "der 4. Klassen", "el 3 grado": the number is none of a day
    r"(?:klass|jahrg|stund|schuljahr|halbjahr|quartal|schritt|etage|stock|grad[oe]|curso|ano\b|año"
    r"|série|classe|heure|étage|period)"
)


@lru_cache(maxsize=8)
def _shape(language: str) -> _Shape:
    words = WORDS[language]
    month = "|".join(words.months)
    weekday = "|".join(words.weekdays)
    number = rf"(?:\d{{1,2}}|{'|'.join(words.numbers)})"
    ago = "|".join(
        one.format(n=f"(?P<n{place}>{number})", days=words.day_units)
        for place, one in enumerate(words.ago)
    )
    first = (
        rf"|\b(?P<m1>{month})\.?\s(?:the )?(?P<d1>\d{{1,2}}|{'|'.join(reversed(SPELLED))})"
        rf"{words.ordinal}(?![\d:/\w])(?P<more>\s?[-–]\s?\d{{1,2}})?"
        r"(?:,?\s(?P<y1>20\d{2}))?"
        if words.month_first
        else ""
    )
    any_day = (
        rf"\b(?P<period>{words.period.format(month=month, weekday=weekday)})(?!\w)"
        r"|(?<![\w./-])(?P<iy>20\d{2})-(?P<im>\d{1,2})-(?P<id>\d{1,2})(?!\w)"
        r"|(?<![\w./:,-])(?P<a>\d{1,2})(?P<sep>[/.\-])(?P<b>\d{1,2})"
        r"(?:(?P=sep)(?P<y>20\d{2}|\d{2})(?![\d/-])|(?P<open>\.?(?![\w/%:-]|\.\d)))"
        + first
        + rf"|(?<![\w/.:-])(?P<d2>\d{{1,2}}){words.ordinal}{words.of}\s(?P<m2>{month})(?!\w)\.?"
        rf"(?:(?:\sde|\sdel|,)?\s(?P<y2>20\d{{2}}))?"
        rf"|\b(?P<alone>{words.day_alone})(?P<d3>\d{{1,2}})(?![\d:/]|\.\d)"
        rf"(?!{words.ordinal}{words.of}\s(?:(?:{month})\b|{_NO_DAY})){words.ordinal}(?!\s?(?:h\b|uhr|%|:))"
        rf"|\b(?P<offset>{'|'.join(words.days)})(?!\w)"
        rf"|\b(?:{ago})(?!\w)"
        rf"|\b(?P<named>{weekday})\s(?P<d4>\d{{1,2}})(?![\w:/º°]|\.\w|\s(?:h\b|uhr|{month}))"
        rf"|\b(?P<weekday>{weekday})(?!\w)"
        rf"|\b(?P<vague>{words.vague})(?!\w)"
    )
    return _Shape(
        any_day=re.compile(any_day),
        between=re.compile(rf"\b(?:{words.between})\s\Z"),
        to=re.compile(rf"\s?(?:{words.to}|-|–|/)\s?(?:the )?\Z"),
        last=re.compile(rf"\b(?:{words.last})\b"),
        coming=re.compile(rf"\b(?:{words.coming})\b"),
        weekdays=tuple(re.compile(rf"(?:{one})(?!\w)") for one in words.weekdays),
        months=tuple(re.compile(rf"(?:{one})\Z") for one in words.months),
        offsets=tuple((re.compile(rf"(?:{one})\Z"), away) for one, away in words.days.items()),
        numbers=tuple(re.compile(rf"(?:{one})\Z") for one in words.numbers),
    )


def _found(low: str, shape: _Shape, words: DayWords, order: str) -> Iterator[Day]:
    """Yield what looks like a day; a number that cannot be one is passed over."""
    for match in shape.any_day.finditer(low):
        one = _read(match, shape, order)
        if one is None:
            continue
        if _LAST_YEAR.match(low, one.end):
            one = replace(one, vague=True, month=0, day=0)
        elif one.weekday >= 0:
            one = _open_week(one, low, shape)
        yield one


def _open_week(one: Day, low: str, shape: _Shape) -> Day:
    """Count "last" or "next" to the words of a weekday; only "last" may still mean one day."""
    for pattern, last in ((shape.last, True), (shape.coming, False)):
        start, end = one.start, one.end
        before = list(pattern.finditer(low, max(0, start - 14), start))[-1:]
        if before and not low[before[0].end() : start].strip():
            start = before[0].start()
        behind = pattern.match(low, end + 1) if low[end : end + 1] == " " else None
        end = behind.end() if behind else end
        if (start, end) != (one.start, one.end):
            words = low[start:end]
            week = last and _WEEK.search(words) is not None
            return replace(
                one, start=start, end=end, words=words, vague=not last, last=last, week=week
            )
    return one


def _read(match: re.Match[str], shape: _Shape, order: str) -> Day | None:
    part = match.groupdict()
    found = Day(match.start(), match.end(), match[0])
    if part["period"]:
        return replace(found, vague=True, period=True)
    if part["iy"]:
        return _checked(found, int(part["iy"]), int(part["im"]), int(part["id"]))
    if part["a"]:
        return _numeric(found, part, order)
    month, day, year = (part.get(f"{name}1") or part.get(f"{name}2") for name in ("m", "d", "y"))
    if month and day:
        number = 1 + _which(month, shape.months)
        date_of = int(day) if day.isdigit() else 1 + SPELLED.index(day)
        one = _checked(found, int(year or 0), number, date_of)
        return replace(one, vague=bool(part.get("more"))) if one else None
    alone = part["d3"] or part["d4"]
    if alone:
        weekday = _which(part["named"], shape.weekdays) if part["named"] else -1
        good = 1 <= int(alone) <= 31
        return replace(found, day=int(alone), weekday=weekday) if good else None
    return _worded(match, found, part, shape)


def _which(words: str, shapes: tuple[re.Pattern[str], ...]) -> int:
    return next(n for n, one in enumerate(shapes) if one.match(words))


def _worded(
    match: re.Match[str], found: Day, part: dict[str, str | None], shape: _Shape
) -> Day | None:
    """Read a day that is named by words: "yesterday", "two days ago", "Monday", "last week"."""
    if part["offset"]:
        away = next(away for one, away in shape.offsets if one.match(part["offset"]))
        return replace(found, offset=away)
    if part["vague"]:
        return replace(found, vague=True)
    if part["weekday"]:
        at = match.start("weekday")
        number = next(n for n, one in enumerate(shape.weekdays) if one.match(match.string, at))
        return replace(found, weekday=number)
    amount = next(
        (value for key, value in part.items() if key[0] == "n" and key != "named" and value), ""
    )
    return replace(found, offset=-_number(amount, shape)) if amount else None


def _number(words: str, shape: _Shape) -> int:
    if words.isdigit():
        return min(int(words), MANY_DAYS)
    return next(n for n, one in enumerate(shape.numbers, 1) if one.match(words))


def _checked(found: Day, year: int, month: int, day: int) -> Day | None:
    if _day(year or 2024, month, day) is None:  # 2024 has a 29th of February
        return None
    return replace(found, year=year, month=month, day=day)


def _numeric(found: Day, part: dict[str, str | None], order: str) -> Day | None:
    """Read 2/16, 16.2., 24-02-2026: in the language's order, or in the only one possible."""
    first, second = int(part["a"] or 0), int(part["b"] or 0)
    year = int(part["y"] or 0)
    year += 2000 if 0 < year < 100 else 0
    if not year and part["sep"] == "-":
        return None  # a range of numbers
    if not year and part["sep"] == ".":
        whole = len(part["a"] or "") == len(part["b"] or "") == 2 or found.words.endswith(".")
        if not whole or order != "DMY":
            return None  # a version or an amount
    pairs = [(first, second), (second, first)]  # (month, day)
    if order == "DMY" or part["sep"] == ".":
        pairs.reverse()
    good = [pair for pair in pairs if _day(year or 2024, *pair)]
    if not good or (not year and good[0] != pairs[0]):
        return None  # 24/30: no day; 16/2 written by an American: a fraction
    other = good[1] if len(good) == 2 and good[0] != good[1] else (0, 0)
    return replace(found, year=year, month=good[0][0], day=good[0][1], other=other)


def _merged(found: list[Day], low: str, shape: _Shape) -> list[Day]:
    """Join a weekday with the date behind it, and the two ends of a range."""
    joined: list[Day] = []
    for one in found:
        last = joined[-1] if joined else None
        if last and one.start < last.end:
            continue  # "of last week" belongs to the weekday before it
        gap = low[last.end : one.start] if last else ""
        if last and last.weekday >= 0 and not last.day and one.day and _apposed(gap):
            joined[-1] = replace(
                one, start=last.start, words=low[last.start : one.end], weekday=last.weekday
            )
        elif (
            last and _is_day(last) and one.weekday >= 0 and not one.day and gap in (" ", ", ", " (")
        ):
            joined[-1] = replace(last, end=one.end, words=low[last.start : one.end])
        elif last and last.offset is not None and one.day and gap.strip() in ("", ",", "("):
            joined[-1] = replace(one, start=last.start, words=low[last.start : one.end])
        elif last and shape.to.fullmatch(gap) and _ranges(last, low, gap, shape):
            joined[-1] = replace(
                last, end=one.end, words=low[last.start : one.end], vague=True, month=0, day=0
            )
        else:
            joined.append(one)
    return joined


def _is_day(one: Day) -> bool:
    return one.day > 0 or one.offset is not None


def _apposed(gap: str) -> bool:
    """Return whether only a comma, an article or a word such as "last" stands in between."""
    folded = gap.strip(" ,(\n")
    return len(gap) <= 16 and folded in (
        "", "the", "le", "el", "den", "dem", "der", "dia", "día", "o dia", "último", "pasado",
        "pasado, el", "passado", "passada", "dernier", "dernier, le", "passé", "em", "am", "de",
        "passada, dia", "passado, dia",
    )  # fmt: skip


def _ranges(last: Day, low: str, gap: str, shape: _Shape) -> bool:
    if gap.strip() in ("-", "–", "/"):
        return True
    opened = shape.between.search(low[max(0, last.start - 14) : last.start]) is not None
    return opened


def _with_months(found: list[Day], low: str) -> Iterator[Day]:
    """Give a day without a month the month of its neighbour: "17 and 19 March", "or the 9th"."""
    for place, one in enumerate(found):
        if not one.day or one.month or one.vague:
            yield one
            continue
        after = found[place + 1] if place + 1 < len(found) else None
        before = found[place - 1] if place else None
        near = next(
            (
                other
                for other, gap in (
                    (after, low[one.end : after.start] if after else ""),
                    (before, low[before.end : one.start] if before else ""),
                )
                if other
                and other.month
                and not other.vague
                and len(gap) < 60
                and (other is before or len(gap) < 8)
            ),
            None,
        )
        shared = near is not None and (near is after or one.day > near.day)
        yield replace(one, month=near.month, year=near.year) if near and shared else one
