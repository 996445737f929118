"""A notice as its readers see it, once, for the text and the HTML of a letter alike.

Facts only: moments in words, the operator's text in paragraphs and lists, links found. Sentences
are in the templates. Characters that could hide, reorder or forge something are gone after this.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from intake.incidents.times import moment, span, zone_of
from intake.letters.text import one_line
from intake.model.incidents import CLOSED_STATES, Update
from intake.model.states import IncidentStatus
from intake.notifier import Notice

MAX_TITLE_CHARS = 200
MAX_IMPACT_CHARS = 500
MAX_TEXT_CHARS = 10_000  # of one update; beyond it the letter is refused, nothing is cut off
MAX_EARLIER_CHARS = 10_000  # of all missed updates; the oldest beyond it are counted, not told
MAX_NAMED = 20  # modules and cases named one by one

# What is the reader's own stands for itself until the letter is addressed: characters that no
# text may hold (Unicode's noncharacters), so nothing that anybody writes can pass for one.
NAME, REASONS, TOKEN = "\ufdd0", "\ufdd1", "\ufdd2"
OWN = (NAME, REASONS, TOKEN)

# What an update is besides the state it tells.
TURNS = {"reminder": ", reminder", "reschedule": ", new time", "correction": ", correction"}
KINDS_THAT_MOVE = ("reschedule", "correction")
_LINK = re.compile(rf"https?://[^\s<>\"]+|unsubscribe {TOKEN}")
_LINK_END = ".,;:!?)]}'"
_JOINERS = "\u200c\u200d"  # meaningful inside words and emoji


@dataclass(frozen=True, slots=True)
class NoticeStyle:
    """What all notices of this service have in common."""

    name: str  # as it stands in brackets in the subject and before the List-Id
    from_address: str
    reply_to: str  # service.address
    bounce_address: str
    verp: bool  # each letter has a bounce address of its own
    list_id: str
    unsubscribe_url: str = ""  # https; the token is put behind it; empty: by mail only
    mandatory: tuple[str, ...] = ()  # classes that are passed on, never just switched off
    page_url: str = ""
    lead_days: int = 14


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a paragraph."""

    text: str
    href: str = ""  # empty: no link


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph of one line, or a list."""

    items: tuple[tuple[Span, ...], ...]
    listed: bool = False

    @property
    def lines(self) -> tuple[str, ...]:
        """The block as text: one line a paragraph or an item."""
        mark = "- " if self.listed else ""
        return tuple(mark + "".join(one.text for one in item) for item in self.items)


@dataclass(frozen=True, slots=True)
class Earlier:
    """An update that the readers have not had."""

    state: str
    at: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class View:
    """The facts of a notice; ``values`` are what the templates of sentences are filled with."""

    tone: str  # incident (orange), maintenance (green), closed (gray)
    values: Mapping[str, Any]
    blocks: tuple[Block, ...]
    earlier: tuple[Earlier, ...]
    left_out: int  # earlier updates that were too much


def look(notice: Notice, style: NoticeStyle, service: str) -> View:
    """The notice as facts in words. Pure; any text whatever gives a View."""
    incident, update, zone = notice.incident, notice.update, zone_of(notice.zone)
    times = _times(notice, zone)
    earlier, left_out = _earlier(notice, zone)
    modules = [line(one, 100) for one in incident.modules]
    values = times | {
        "service": line(service, 100),
        "name": line(style.name, 100),
        "id": line(incident.id, 40),
        "number": update.number,
        "title": line(incident.title, MAX_TITLE_CHARS) or line(incident.id, 40),
        "kind": incident.kind,
        "notice_class": incident.notice_class,
        "status": line(update.status, 40),
        "update_kind": line(update.kind, 40),
        "turn": "" if notice.plain else TURNS.get(update.kind, ""),
        "open": update.status not in CLOSED_STATES,
        "affected": named([one for one in modules if one]),
        "several": len(modules) > 1,
        "impact": line(incident.impact, MAX_IMPACT_CHARS),
        "cases": named(notice.cases),
        "one_case": len(notice.cases) == 1,
        "plain": notice.plain,
        "wrong_number": update.wrong_number,
        "short_notice": _reason(incident.short_notice),
        "lead_days": style.lead_days,
        "address": style.reply_to,
        "page_url": style.page_url,
        "mandatory": incident.notice_class in style.mandatory,
        "calendar": carries_entry(notice),
        "unsubscribe_url": style.unsubscribe_url,
        "person": NAME,
        "reasons": REASONS,
        "token": TOKEN,
    }
    return View(
        tone="closed" if update.status in CLOSED_STATES else incident.kind,
        values=values,
        blocks=blocks(update.text),
        earlier=earlier,
        left_out=left_out,
    )


def carries_entry(notice: Notice) -> bool:
    """Whether a calendar entry comes with it: while a maintenance is ahead, moves, or is off."""
    incident, update = notice.incident, notice.update
    if incident.kind != "maintenance" or (update.starts_at or incident.starts_at) is None:
        return False
    over = update.status == IncidentStatus.COMPLETED
    moves = update.kind in KINDS_THAT_MOVE and not over
    return update.status in (IncidentStatus.SCHEDULED, IncidentStatus.CANCELLED) or moves


def _times(notice: Notice, zone: ZoneInfo) -> dict[str, str]:
    """Every moment of the notice in words; empty where there is none.

    An update that names a plan names the whole of it; one that names none leaves the incident's.
    """
    incident, update, was = notice.incident, notice.update, notice.was
    starts, ends = update.starts_at, update.ends_at
    if starts is None and ends is None:
        starts, ends = incident.starts_at, incident.ends_at
    if incident.kind == "incident":
        starts = starts or incident.created_at
    over = incident.closed_at or update.at
    lasts = None if starts is None else (over if update.status in CLOSED_STATES else ends)
    moved = was is not None and (was.starts_at, was.ends_at) != (starts, ends)
    told = {
        "at": update.at,
        "starts": starts,
        "ends": ends,
        "closed": over if update.status in CLOSED_STATES else None,
        "next_update": update.next_update_at or incident.next_update_at,
        "was_at": was.at if was else None,
        "was_starts": was.starts_at if was and moved else None,
        "was_ends": was.ends_at if was and moved else None,
    }
    words = {name: moment(at, zone) if at else "" for name, at in told.items()}
    return words | {
        "lasts": span(lasts - starts) if starts and lasts and lasts > starts else "",
    }


def _earlier(notice: Notice, zone: ZoneInfo) -> tuple[tuple[Earlier, ...], int]:
    """The missed updates, oldest first, as many of the newest as there is room for."""
    kept: list[Earlier] = []
    room = MAX_EARLIER_CHARS
    for one in reversed(notice.earlier):
        room -= len(one.text)
        if room < 0:
            break
        kept.append(_earlier_one(one, zone))
    return tuple(reversed(kept)), len(notice.earlier) - len(kept)


def _earlier_one(update: Update, zone: ZoneInfo) -> Earlier:
    return Earlier(line(update.status, 40), moment(update.at, zone), blocks(update.text))


def _reason(text: str) -> str:
    """The reason for a short notice as the end of a sentence: no full stop of its own."""
    return line(text, MAX_IMPACT_CHARS).rstrip(".! ")


def line(text: str, limit: int) -> str:
    """The text on one line, harmless, cut to that many characters."""
    return one_line(harmless(text), limit)


def harmless(text: str) -> str:
    """The text without control and format characters; what cannot be sent is U+FFFD.

    Line feeds stay, joiners inside words and emoji too.
    """
    return "".join(map(_harmless, text.replace("\r\n", "\n").replace("\r", "\n")))


def _harmless(char: str) -> str:
    kind = unicodedata.category(char)
    if char == "\n" or char in _JOINERS:
        return char
    if kind in ("Zl", "Zp"):
        return "\n"
    if kind == "Cs" or char in OWN:
        return "\ufffd"
    if kind == "Cc":
        return " " if char == "\t" else ""
    return "" if kind == "Cf" else char


def blocks(text: str) -> tuple[Block, ...]:
    """Paragraphs, and lists whose items begin with "- "; lines within one belong together."""
    found: list[Block] = []
    for paragraph in re.split(r"\n[^\S\n]*\n", harmless(text)):
        found += _paragraph(paragraph.split("\n"))
    return tuple(found)


def _paragraph(rows: Iterable[str]) -> list[Block]:
    """One paragraph: words before the first item, and its items."""
    words: list[str] = []
    items: list[list[str]] = []
    for row in rows:
        bare = row.strip()
        if bare.startswith(("- ", "* ", "• ")):
            items.append([bare[2:]])
        else:
            (items[-1] if items else words).append(bare)
    made = []
    if any(words):
        made.append(Block((spans(" ".join(words)),)))
    if items:
        made.append(Block(tuple(spans(" ".join(item)) for item in items), listed=True))
    return made


def spans(text: str, mailto: str = "") -> tuple[Span, ...]:
    """The text with its web addresses as links, and ``unsubscribe TOKEN`` as one to ``mailto``."""
    flat = " ".join(text.split())
    made: list[Span] = []
    end = 0
    for match in _LINK.finditer(flat):
        words = match[0].rstrip(_LINK_END) if match[0].startswith("http") else match[0]
        href = words if words.startswith("http") else mailto
        made += [Span(flat[end : match.start()]), Span(words, href)]
        end = match.start() + len(words)
    made.append(Span(flat[end:]))
    return tuple(one for one in made if one.text)


def named(names: Iterable[str]) -> str:
    """``Grade Book, Attendance and Health``; beyond twenty ``and 3 more``."""
    every = [line(one, 100) for one in names]
    shown = every[:MAX_NAMED]
    if len(every) > MAX_NAMED:
        return f"{', '.join(shown)} and {len(every) - MAX_NAMED} more"
    return " and ".join(part for part in (", ".join(shown[:-1]), *shown[-1:]) if part)
