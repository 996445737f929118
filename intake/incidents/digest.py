"""Build the letter with the daily summary: each incident once, in the state of its newest update.

It is for people who want one mail a day. A summary gives the number of updates and the newest text.
Entries that do not fit into the letter are only counted. The same arguments give the same bytes.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from intake.incidents.notice import unsubscribe_ways
from intake.incidents.notice_content import NoticeStyle, line, named
from intake.incidents.times import (
    NO_BREAK,
    TimeWords,
    day_words,
    moment,
    time_words,
    zone_of,
)
from intake.letters.letter import Letter, LetterContext, Reached, Templates
from intake.letters.locale import Locale, locale
from intake.letters.operator_text import blocks
from intake.letters.text import WIDTH, tidy
from intake.mail import tokens
from intake.mail.encoder import Envelope, encode, phrase
from intake.model.incidents import CLOSED_STATES, Incident, Update
from intake.model.states import IncidentStatus

KIND = "digest"
MAX_COST = 24_000  # encoded bytes of all entries, within a letter's 32 KiB
MAX_TEXT_COST = 6_000  # of one update's text
MAX_LINE_CHARS = 400
STARTS: Mapping[str, str] = {
    IncidentStatus.SCHEDULED: "begins",
    IncidentStatus.CANCELLED: "planned",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One incident or maintenance in a summary."""

    incident: Incident
    update: Update  # the newest one for this person
    updates: int = 1  # number of updates that this entry summarises


@dataclass(frozen=True, slots=True)
class Speech:
    """The language and the time zone of a summary."""

    templates: Templates
    said: Locale
    times: TimeWords
    zone: ZoneInfo

    @classmethod
    def to(cls, digest: Digest, letter_context: LetterContext) -> Speech:
        """Return those of its reader."""
        said = locale(letter_context, digest.person.language)
        zone = zone_of(digest.zone)
        return cls(letter_context.templates, said, time_words(said.words), zone)

    def when(self, at: datetime | None) -> str:
        """Return a time in words; empty for none."""
        return moment(at, self.zone, self.times) if at else ""


@dataclass(frozen=True, slots=True)
class Digest:
    """The entries for one person on one day."""

    person: Reached
    day: date  # in their time zone
    zone: str  # IANA name
    entries: tuple[Entry, ...]
    row: int = 0  # newest row of notice_recipients in it; identifies who unsubscribes

    @property
    def cause(self) -> str:
        """Return the key that limits letters to one for each person and day."""
        return cause(self.person.contact_id, self.day)


def cause(contact_id: str, day: date) -> str:
    """Return ``digest:zack:2026-03-02``."""
    return f"{KIND}:{contact_id}:{day.isoformat()}"


def write(
    digest: Digest, letter_context: LetterContext, style: NoticeStyle, now: datetime
) -> Letter:
    """Return the letter, complete and checked. Raises LetterError."""
    token = tokens.unsubscribe_token(letter_context.secrets, digest.row) if digest.row else ""
    speech = Speech.to(digest, letter_context)
    entries, more = fit(sorted(digest.entries, key=_urgency), speech)
    values = {
        "service": line(letter_context.service, 100),
        "name": line(style.name, 100),
        "person": line(digest.person.name, 100),
        "address": style.reply_to,
        "day": day_words(digest.day, speech.times).replace(NO_BREAK, " "),
        "entries": entries,
        "more": more,
        "page_url": style.page_url,
        "token": token,
    }
    templates, code = letter_context.templates, speech.said.code
    envelope = Envelope(
        sender_name=letter_context.service,
        sender=style.from_address,
        recipient=digest.person.address,
        subject=line(templates.fill("digest/subject.txt", values, code), 200),
        text=tidy(templates.fill("digest/body.txt", values, code)).replace(NO_BREAK, " "),
        message_id=tokens.message_id(
            letter_context.secrets, KIND, "", digest.cause, letter_context.domain
        ),
        date=now,
        reply_to=style.reply_to if style.reply_to != style.from_address else "",
        auto_submitted="auto-generated",
        extra=_list_fields(token, style),
    )
    return Letter(
        kind=KIND,
        cause=digest.cause,
        message_id=envelope.message_id,
        recipient=envelope.recipient,
        subject=envelope.subject,
        text=envelope.text,
        raw=encode(envelope),
        contact=digest.person.contact_id,
    )


def _list_fields(token: str, style: NoticeStyle) -> tuple[tuple[str, str], ...]:
    """Return the list fields (RFC 2919, RFC 2369 §3.2); One-Click needs https (RFC 8058 §3.1)."""
    ways = unsubscribe_ways(token, style)
    found = [("List-Id", f"{phrase(style.name)} <{style.list_id}>"), ("Precedence", "bulk")]
    if ways:
        found.append(("List-Unsubscribe", ",\r\n ".join(f"<{uri}>" for uri in ways)))
    if ways and style.unsubscribe_url:
        found.append(("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"))
    return tuple(found)


def _urgency(entry: Entry) -> tuple[bool, bool, float, str]:
    """Sort open entries first, incidents before maintenances, newer updates before older ones."""
    over = entry.update.status in CLOSED_STATES
    planned = entry.incident.kind == "maintenance"
    return over, planned, -entry.update.at.timestamp(), entry.incident.id


def fit(entries: Sequence[Entry], speech: Speech) -> tuple[list[list[str]], int]:
    """Return the entries as lines, and the number of entries that do not fit.

    Each entry gets a fair share of the space for its text. The order is kept, so the entries that
    are left out are the last ones.
    """
    shown: list[list[str]] = []
    room = MAX_COST
    for number, entry in enumerate(entries):
        head = entry_head(entry, speech)
        room -= cost(head)
        if room < 0:
            return shown, len(entries) - number
        share = min(MAX_TEXT_COST, room // (len(entries) - number))
        text = entry_text(entry.update, share)
        room -= cost(text)
        shown.append([*head, *text])
    return shown, 0


def cost(lines: Iterable[str]) -> int:
    """Return the maximum size in bytes as quoted-printable with its line breaks."""
    return sum(10 + sum(map(_octets, one)) * 27 // 25 for one in lines)


def _octets(char: str) -> int:
    plain = " " <= char < "\x7f" and char != "="
    return 1 if plain else 3 * len(char.encode("utf-8", "replace"))


def entry_head(entry: Entry, speech: Speech) -> list[str]:
    """Return the status, the title, the number of updates and the important times."""
    incident, update, said = entry.incident, entry.update, speech.said
    state = {"kind": incident.kind, "status": line(update.status, 40), "turn": ""}
    word = line(speech.templates.fill("notice/state.txt", state, said.code), 100)
    title = line(incident.title, 150) or incident.id
    often = "many" if entry.updates > 1 else "one"
    told = said.say(f"digest.{often}", count=entry.updates, at=speech.when(update.at))
    starts, ends = update.starts_at or incident.starts_at, update.ends_at or incident.ends_at
    closed = update.status in CLOSED_STATES
    facts = {
        "affected": named(map(said.value, incident.modules[:10]), said),
        "impact": "" if closed else line(incident.impact, 200),
        STARTS.get(update.status, "began"): speech.when(starts),
        "ends": "" if closed or incident.kind == "incident" else speech.when(ends),
        "next": "" if closed else speech.when(update.next_update_at),
    }
    lines = [f"{word}: {title} ({line(incident.id, 40)})", told]
    lines += [said.say(f"digest.{name}", value=value) for name, value in facts.items() if value]
    return _wrapped(lines)


def entry_text(update: Update, room: int) -> list[str]:
    """Return as many lines of the update's text as fit; a cut text ends in "…"."""
    paragraphs: list[str] = []
    for block in blocks(update.text, joined=True):
        paragraphs += ["", *block.texts]
    lines: list[str] = []
    for one in _wrapped(paragraphs):
        room -= cost([one])
        if room < cost(["…"]):
            while lines and not lines[-1]:
                lines.pop()
            return [*lines, "…"] if lines else []
        lines.append(one)
    return lines


def _wrapped(lines: Iterable[str]) -> list[str]:
    """Wrap to lines of at most 72 characters; a longer word gets a line of its own."""
    made: list[str] = []
    for one in lines:
        hang = "  " if one.startswith("- ") else ""
        parts = textwrap.wrap(
            one, WIDTH, subsequent_indent=hang, break_long_words=False, break_on_hyphens=False
        )
        made += [part[:MAX_LINE_CHARS] for part in parts] or [""]
    return made
