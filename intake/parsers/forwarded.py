"""Find the message that a contact passes on: "FW: gradebook scores vanish", "see below"."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, time
from zoneinfo import ZoneInfo

from intake.parsers.dates import Calendar
from intake.parsers.days import days
from intake.parsers.prose.language import language_of

MAX_HEADER_LINES = 8
_PASSED_ON = re.compile(r"\s*(?:(?:re|aw|sv)\s*:\s*)?(?:fwd?|wg|rv|tr|enc|vs)\s*:", re.IGNORECASE)


def passed_on(subject: str, cut: str) -> str:
    """Return the text that a mail passes on, with its header lines; empty if it is an answer."""
    return cut.strip() if cut.strip() and _PASSED_ON.match(subject) else ""


def split(text: str) -> tuple[str, str]:
    """Return the header lines and the words of the first message that is passed on."""
    lines = text.split("\n")
    end = next((n for n, line in enumerate(lines[:MAX_HEADER_LINES]) if n and not line.strip()), 0)
    return "\n".join(lines[:end]), "\n".join(lines[end:]).strip()


def calendar_of(header: str, calendar: Calendar, words: str) -> Calendar:
    """Return the calendar of the day on which the message was written, if its header tells it."""
    language = language_of(words)
    for line in header.split("\n"):
        for day in (*days(line, language, calendar.order), *days(line, "en", calendar.order)):
            when = day.on(calendar, ahead=False) if day.day and day.month and day.year else None
            if when is not None and when <= calendar.today:
                noon = datetime.combine(when, time(12), ZoneInfo(calendar.zone))
                return replace(calendar, written_at=noon)
    return calendar
