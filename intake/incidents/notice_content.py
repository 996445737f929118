"""The content of a notice as its readers see it, shared by the text and the HTML of a letter.

It holds only facts: times in words, the operator's text as paragraphs and lists, links. Sentences
are in the templates. Characters that could hide, reorder or forge text are removed here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from intake.incidents.times import TimeWords, moment, span, time_words, zone_of
from intake.letters.locale import Locale
from intake.letters.operator_text import Block, Span, blocks, clean, spans
from intake.letters.text import one_line
from intake.model.incidents import CLOSED_STATES
from intake.model.states import IncidentStatus
from intake.notifier import Notice

MAX_TITLE_CHARS = 200
MAX_IMPACT_CHARS = 500
MAX_TEXT_CHARS = 10_000  # of one update; a longer text is refused, never cut
MAX_EARLIER_CHARS = 10_000  # of all missed updates; older ones are only counted
MAX_NAMED = 20  # modules and cases named one by one

# Placeholders for personal data until the letter is addressed. They are Unicode noncharacters,
# which no text may contain, so no written text can be mistaken for one.
NAME, REASONS, TOKEN = "\ufdd0", "\ufdd1", "\ufdd2"
OWN = (NAME, REASONS, TOKEN)

KINDS_THAT_TURN = ("reminder", "reschedule", "correction")  # are named after the status
KINDS_THAT_MOVE = ("reschedule", "correction")


@dataclass(frozen=True, slots=True)
class NoticeStyle:
    """The data that all notices of this service share."""

    name: str  # shown in brackets in the subject and before the List-Id
    from_address: str
    reply_to: str  # service.address
    bounce_address: str
    verp: bool  # each letter has a bounce address of its own
    list_id: str
    unsubscribe_url: str = ""  # https; the token is appended; empty: by mail only
    mandatory: tuple[str, ...] = ()  # classes that need a stand-in to be switched off
    page_url: str = ""
    lead_days: int = 14


@dataclass(frozen=True, slots=True)
class Earlier:
    """An update that the readers have not had."""

    state: str
    at: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class View:
    """The facts of a notice; ``values`` fill the templates of the sentences."""

    tone: str  # incident (orange), maintenance (green), closed (gray)
    values: Mapping[str, Any]
    blocks: tuple[Block, ...]
    earlier: tuple[Earlier, ...]
    left_out: int  # number of earlier updates that did not fit


def look(notice: Notice, style: NoticeStyle, service: str, said: Locale) -> View:
    """Return the facts of a notice as text. Pure; any text gives a View."""
    incident, update = notice.incident, notice.update
    spoken = time_words(said.words)
    times = _times(notice, spoken)
    earlier, left_out = _earlier(notice, said, spoken)
    modules = [said.value(line(one, 100)) for one in incident.modules]
    turns = update.kind in KINDS_THAT_TURN and not notice.plain
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
        "turn": f", {said.say(f'turn.{update.kind}')}" if turns else "",
        "open": update.status not in CLOSED_STATES,
        "affected": named([one for one in modules if one], said),
        "several": len(modules) > 1,
        "impact": line(incident.impact, MAX_IMPACT_CHARS),
        "cases": named(notice.cases, said),
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
        blocks=blocks(update.text, joined=True),
        earlier=earlier,
        left_out=left_out,
    )


def carries_entry(notice: Notice) -> bool:
    """Return whether a calendar entry is attached: a maintenance is ahead, moved or cancelled."""
    incident, update = notice.incident, notice.update
    if incident.kind != "maintenance" or (update.starts_at or incident.starts_at) is None:
        return False
    over = update.status == IncidentStatus.COMPLETED
    moves = update.kind in KINDS_THAT_MOVE and not over
    return update.status in (IncidentStatus.SCHEDULED, IncidentStatus.CANCELLED) or moves


def _times(notice: Notice, spoken: TimeWords) -> dict[str, str]:
    """Return every time of the notice as text; empty where there is none.

    If an update gives a plan, it gives the whole plan. If it gives none, the incident's plan
    applies.
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
    zone = zone_of(notice.zone)
    words = {name: moment(at, zone, spoken) if at else "" for name, at in told.items()}
    return words | {
        "lasts": span(lasts - starts, spoken) if starts and lasts and lasts > starts else "",
    }


def _earlier(notice: Notice, said: Locale, spoken: TimeWords) -> tuple[tuple[Earlier, ...], int]:
    """Return as many of the newest missed updates as fit, oldest first, and how many do not fit."""
    kept: list[Earlier] = []
    zone = zone_of(notice.zone)
    room = MAX_EARLIER_CHARS
    for one in reversed(notice.earlier):
        room -= len(one.text)
        if room < 0:
            break
        at = moment(one.at, zone, spoken)
        told = blocks(one.text, joined=True)
        kept.append(Earlier(line(said.status(one.status), 40), at, told))
    return tuple(reversed(kept)), len(notice.earlier) - len(kept)


def _reason(text: str) -> str:
    """Return the reason for a short notice as the end of a sentence, without a full stop."""
    return line(text, MAX_IMPACT_CHARS).rstrip(".! ")


def line(text: str, limit: int) -> str:
    """The text on one line, harmless, cut to that many characters."""
    return one_line(clean(text), limit)


def footer_spans(text: str, mailto: str) -> tuple[Span, ...]:
    """A sentence with its links, and ``unsubscribe TOKEN`` as one to ``mailto``."""
    flat = " ".join(text.split())
    before, found, after = flat.partition(f"unsubscribe {TOKEN}")
    if not found:
        return spans(flat)
    return (*spans(before), Span(found, mailto), *spans(after))


def named(names: Iterable[str], said: Locale) -> str:
    """Return ``Grade Book, Attendance and Health``; beyond twenty names ``and 3 more``."""
    every = [line(one, 100) for one in names]
    shown = every[:MAX_NAMED]
    if len(every) > MAX_NAMED:
        more = said.say("more-files", count=len(every) - MAX_NAMED)
        return f"{', '.join(shown)} {more}"
    parts = (part for part in (", ".join(shown[:-1]), *shown[-1:]) if part)
    return f" {said.say('and')} ".join(parts)
