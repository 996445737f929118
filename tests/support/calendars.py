"""iCalendar read strictly by RFC 5545 and 5546, and a calendar that takes what it is sent.

Written from the standards, without the library that the product writes entries with.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime

_PARAM = r';([A-Za-z0-9-]+)=("[^"\x00-\x08\x0a-\x1f\x7f]*"|[^";:,\x00-\x08\x0a-\x1f\x7f]*)'
_LINE = re.compile(rf"([A-Za-z0-9-]+)((?:{_PARAM})*):([^\x00-\x08\x0a-\x1f\x7f]*)\Z")
_TEXT = re.compile(r"(?:\\[\\;,nN]|[^\\;,])*\Z")
_UTC = re.compile(r"[0-9]{8}T[0-9]{6}Z\Z")
TEXTS = ("SUMMARY", "DESCRIPTION", "UID", "PRODID", "STATUS", "TRANSP", "METHOD", "CALSCALE")
TIMES = ("DTSTAMP", "DTSTART", "DTEND")


@dataclass
class Component:
    """BEGIN to END."""

    name: str
    fields: dict[str, list[str]] = field(default_factory=dict)
    parts: list[Component] = field(default_factory=list)

    def one(self, name: str) -> str:
        """The only value of that property."""
        values = self.fields.get(name, [])
        assert len(values) == 1, f"{self.name}: {name} stands there {len(values)} times"
        return values[0]

    def time(self, name: str) -> datetime:
        """The moment in that property."""
        return datetime.strptime(self.one(name), "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def lines(text: str) -> list[str]:
    """The content lines of RFC 5545 §3.1, unfolded; physical lines hold at most 75 octets."""
    assert text.endswith("\r\n")
    assert "\n" not in text.replace("\r\n", "")
    assert "\r" not in text.replace("\r\n", "")
    rows = text.encode("utf-8")[:-2].split(b"\r\n")
    assert all(0 < len(row) <= 75 for row in rows)
    for row in rows:
        row.decode("utf-8")  # no character is cut in two
    return text[:-2].replace("\r\n ", "").replace("\r\n\t", "").split("\r\n")


def read(text: str) -> Component:
    """The one VCALENDAR in the text, every line of it lawful."""
    stack: list[Component] = []
    whole: list[Component] = []
    for row in lines(text):
        match = _LINE.match(row)
        assert match, f"no content line: {row!r}"
        name, value = match[1].upper(), row[match.end(2) + 1 :]
        if name == "BEGIN":
            stack.append(Component(value))
        elif name == "END":
            ended = stack.pop()
            assert ended.name == value
            (stack[-1].parts if stack else whole).append(ended)
        else:
            stack[-1].fields.setdefault(name, []).append(_value(name, value))
    assert not stack
    assert [one.name for one in whole] == ["VCALENDAR"]
    _check_calendar(whole[0])
    return whole[0]


def _value(name: str, value: str) -> str:
    if name in TEXTS:
        assert _TEXT.match(value), f"{name}: not escaped: {value!r}"
        return re.sub(r"\\(.)", lambda m: "\n" if m[1] in "nN" else m[1], value)
    if name in TIMES:
        assert _UTC.match(value), f"{name}: no moment in UTC: {value!r}"
    if name == "SEQUENCE":
        assert value.isdecimal()
    if name == "ORGANIZER":
        assert re.match(r"mailto:[^\s@]+@[^\s@]+\Z", value)
    return value


def _check_calendar(calendar: Component) -> None:
    """RFC 5545 §3.4 and §3.6, RFC 5546 §3.2.1 (PUBLISH) and §3.2.5 (CANCEL)."""
    assert calendar.one("VERSION") == "2.0"
    assert calendar.one("PRODID")
    method = calendar.one("METHOD")
    assert method in ("PUBLISH", "CANCEL")
    assert [part.name for part in calendar.parts] == ["VEVENT"]
    event = calendar.parts[0]
    assert event.one("UID")
    assert event.one("ORGANIZER")
    assert event.one("SUMMARY")
    assert event.one("SEQUENCE")
    assert "ATTENDEE" not in event.fields
    assert event.time("DTSTAMP")
    assert "DURATION" not in event.fields
    assert event.one("STATUS") == ("CANCELLED" if method == "CANCEL" else "CONFIRMED")
    if "DTEND" in event.fields:
        assert event.time("DTEND") > event.time("DTSTART")
    assert event.time("DTSTART")
    assert all(len(values) == 1 for values in event.fields.values())


@dataclass
class Diary:
    """A person's calendar as RFC 5546 §2.1.5 has it: by UID, the highest SEQUENCE wins."""

    seen: dict[str, tuple[int, datetime, Component | None]] = field(default_factory=dict)

    def take(self, text: str) -> None:
        """Does what one mail's entry asks for, unless a newer one has been there."""
        calendar = read(text)
        event = calendar.parts[0]
        rank = (int(event.one("SEQUENCE")), event.time("DTSTAMP"))
        known = self.seen.get(event.one("UID"))
        if known is not None and rank < known[:2]:
            return
        kept = None if calendar.one("METHOD") == "CANCEL" else event
        self.seen[event.one("UID")] = (*rank, kept)

    def entries(self) -> list[Component]:
        """What the person sees."""
        return [event for _, _, event in self.seen.values() if event is not None]
