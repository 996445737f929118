"""Build a notice once for all readers who get the same text, then address it to each reader.

One view holds the facts and one template holds each sentence. The text and the HTML are two layouts
of the same sentences. Personal data (name, reasons, the way to unsubscribe) is inserted last, as
text; it is never read as a template. The same arguments give the same bytes, because a letter that
may not have arrived is sent again unchanged.
"""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass, field, replace
from datetime import datetime
from html import escape
from urllib.parse import quote

from css_inline import CSSInliner

from intake.incidents import calendar_entry, notice_encoder
from intake.incidents.notice_content import (
    MAX_TEXT_CHARS,
    NAME,
    OWN,
    REASONS,
    TOKEN,
    NoticeStyle,
    View,
    footer_spans,
    line,
    look,
)
from intake.incidents.times import NO_BREAK
from intake.letters.letter import LetterContext
from intake.letters.locale import Locale, locale
from intake.letters.operator_text import Block, blocks
from intake.letters.text import WIDTH, tidy
from intake.mail import tokens
from intake.mail.encoder import LetterError
from intake.notifier import Addressee, Notice, reason_parts

__all__ = ["Built", "LetterError", "NoticeLetter", "NoticeStyle", "address", "build", "clock_text"]

MAX_SUBJECT_CHARS = 350  # a title of 200, a name and an id always fit
MAX_OWN_CHARS = 300  # of one name or one reason
MAX_REASONS = 5
_TOKEN = re.compile(r"[A-Za-z0-9._~-]{1,100}\Z")
# Remote style sheets are never loaded; rules for dark mode, print and phones are kept.
_INLINER = CSSInliner(load_remote_stylesheets=False, keep_at_rules=True)


@dataclass(frozen=True, slots=True)
class Copy:
    """Text and HTML, complete except for the personal data of the reader."""

    text: str
    html: str


@dataclass(frozen=True, slots=True)
class Built:
    """A notice for readers of one language and time zone who have had the same updates."""

    said: Locale  # the language of all that the service itself says
    subject: str  # the same for every update of an incident
    copy: Copy  # with a way to unsubscribe
    bound: Copy  # without one
    calendar: str  # an iCalendar object; empty: none
    method: str  # of it: PUBLISH or CANCEL

    @property
    def text(self) -> str:
        """Return the text with placeholders."""
        return self.copy.text

    @property
    def html(self) -> str:
        """Return the HTML with placeholders."""
        return self.copy.html


@dataclass(frozen=True, slots=True)
class NoticeLetter:
    """One notice to one person as it is sent."""

    message_id: str
    sender: str  # MAIL FROM; with VERP each letter has its own
    recipient: str
    subject: str
    text: str
    raw: bytes = field(repr=False)  # CRLF line ends, ASCII


def build(notice: Notice, letter_context: LetterContext, style: NoticeStyle) -> Built:
    """Return the notice with placeholders.

    Raises LetterError when a template is wrong or a text is too long.
    """
    length = len(notice.update.text)
    if length > MAX_TEXT_CHARS:
        raise LetterError(
            f"{notice.incident.id}, update {notice.update.number}: the text has {length} "
            f"characters, a letter holds {MAX_TEXT_CHARS}"
        )
    said = locale(letter_context, notice.language)
    view = look(notice, style, letter_context.service, said)
    subject = letter_context.templates.fill("notice/subject.txt", view.values, said.code)
    return Built(
        said=said,
        subject=line(subject, MAX_SUBJECT_CHARS),
        copy=_copy(view, letter_context, style, said, offered=True),
        bound=_copy(view, letter_context, style, said, offered=False),
        calendar=_entry(view, notice, style, said) if view.values["calendar"] else "",
        method=calendar_entry.method(notice.update),
    )


def address(
    built: Built,
    person: Addressee,
    letter_context: LetterContext,
    style: NoticeStyle,
    now: datetime,
) -> NoticeLetter:
    """Return the notice for one person. ``now`` is a stored time: it becomes the letter's Date.

    Raises LetterError when the address, an ID or the token is invalid, or the letter exceeds 100
    KB.
    """
    own = _own(person, built.said)
    copy = built.copy if person.unsubscribe else built.bound
    text, html = copy.text, copy.html
    for mark, value in own.items():
        text, html = text.replace(mark, value), html.replace(mark, escape(value))
    text = _wrapped(text).replace(NO_BREAK, " ")
    ways = unsubscribe_ways(person.unsubscribe, style)
    parcel = notice_encoder.Parcel(
        sender_name=letter_context.service,
        sender=style.from_address,
        recipient=person.address,
        subject=built.subject,
        message_id=person.message_id,
        date=now,
        in_reply_to=person.last_id or person.root_id,
        references=tuple(one for one in (person.root_id, person.last_id) if one),
        list_name=style.name,
        list_id=style.list_id,
        text=text,
        html=html,
        reply_to=style.reply_to if style.reply_to != style.from_address else "",
        unsubscribe=ways,
        one_click=bool(ways and style.unsubscribe_url),
        calendar=built.calendar,
        method=built.method,
    )
    raw = notice_encoder.encode(parcel)
    return NoticeLetter(
        person.message_id,
        mail_from(person, letter_context, style),
        person.address,
        built.subject,
        text,
        raw,
    )


def mail_from(person: Addressee, letter_context: LetterContext, style: NoticeStyle) -> str:
    """Return the address to which delivery reports about this letter go."""
    if style.verp and person.row:
        return tokens.bounce_address(letter_context.secrets, person.row, style.bounce_address)
    return style.bounce_address


def unsubscribe_ways(token: str, style: NoticeStyle) -> tuple[str, ...]:
    """Return the URIs of List-Unsubscribe: always one by mail, one by web if configured."""
    if not token:
        return ()
    web = (f"{style.unsubscribe_url}{token}",) if style.unsubscribe_url else ()
    return (_mailto(style.reply_to, f"unsubscribe {token}"), *web)


def clock_text(letter_context: LetterContext, kind: str, status: str, language: str = "") -> str:
    """Return the text of an automatic update: a reminder, a start, an end (notice/clock.txt).

    It is stored in the service's language; each letter says it in the reader's.
    """
    values = {"update_kind": kind, "status": status}
    code = language or letter_context.language
    return tidy(letter_context.templates.fill("notice/clock.txt", values, code)).strip()


def _told(view: View, letter_context: LetterContext, said: Locale) -> tuple[Block, ...]:
    """Return the text of the update. One that the service wrote itself is in the language."""
    kind, status = view.values["update_kind"], view.values["status"]
    own = clock_text(letter_context, kind, status)
    if view.blocks and view.blocks != blocks(own, joined=True):
        return view.blocks
    return blocks(clock_text(letter_context, kind, status, said.code), joined=True)


def _entry(view: View, notice: Notice, style: NoticeStyle, said: Locale) -> str:
    """Return the calendar entry with the sanitised text of the view."""
    shown = view.values
    incident = replace(notice.incident, title=shown["title"], impact=shown["impact"])
    organizer = calendar_entry.Organizer(
        shown["service"], style.reply_to, style.page_url, said.say("notice.entry")
    )
    return calendar_entry.event_calendar(incident, notice.update, organizer, notice.update.at)


def _mailto(address: str, subject: str) -> str:
    """Return a mailto: URI with every special character escaped (RFC 6068)."""
    return f"mailto:{quote(address, safe='@')}?subject={quote(subject, safe='')}"


def _own(person: Addressee, said: Locale) -> dict[str, str]:
    """Return the values for the placeholders, sanitised and on one line each."""
    if person.unsubscribe and not _TOKEN.match(person.unsubscribe):
        raise LetterError(f"{person.unsubscribe!r} is no token to unsubscribe with")
    reasons = [line(_reason(one, said), MAX_OWN_CHARS) for one in person.reasons[:MAX_REASONS]]
    return {
        NAME: line(person.name, 100) or said.say("notice.nobody"),
        REASONS: "; ".join(one for one in reasons if one) or said.say("notice.no-reason"),
        TOKEN: person.unsubscribe,
    }


def _reason(reason: str, said: Locale) -> str:
    """Return why a person gets a notice, in the language of the letter."""
    name, places = reason_parts(reason)
    shown = {place: said.value(words) for place, words in places.items()}
    return said.say(f"reason.{name}", **shown) if name else reason


def _copy(
    view: View, letter_context: LetterContext, style: NoticeStyle, said: Locale, *, offered: bool
) -> Copy:
    """Fill in the sentences and lay them out as text and as HTML."""
    words = {**view.values, "unsubscribable": offered}
    templates = letter_context.templates

    def sentences(name: str) -> list[str]:
        filled = templates.fill(f"notice/{name}.txt", words, said.code)
        return [row for row in map(str.strip, filled.split("\n")) if row]

    mailto = f"mailto:{quote(style.reply_to, safe='@')}?subject=unsubscribe%20{TOKEN}"
    facts = [row.partition(": ") for row in sentences("facts")]
    shown: dict[str, object] = {
        **words,
        "lang": said.code,
        "hello": said.say("notice.hello", name=NAME),
        "earlier_head": said.say("notice.earlier"),
        "left_out_words": _left_out(view.left_out, said),
        "tone": view.tone,
        "subject": line(templates.fill("notice/subject.txt", words, said.code), MAX_SUBJECT_CHARS),
        "state": " ".join(sentences("state")),
        "lead": " ".join(sentences("lead")),
        "preheader": " ".join(sentences("preheader")),
        "facts": [{"label": label, "value": value} for label, _, value in facts],
        "notes": sentences("notes"),
        "blocks": _told(view, letter_context, said),
        "earlier": view.earlier,
        "left_out": view.left_out,
        "footer": [footer_spans(row, mailto) for row in sentences("footer")],
    }
    text = templates.fill("notice/body.txt", shown, said.code)
    html = templates.fill("notice/body.html", shown, said.code)
    return Copy(_wrapped(tidy(text), skip=OWN), _INLINER.inline(html))


def _left_out(count: int, said: Locale) -> str:
    """Return how many older updates a letter leaves out."""
    return said.say(f"notice.left-out-{'one' if count == 1 else 'many'}", count=count)


def _wrapped(text: str, skip: tuple[str, ...] = ()) -> str:
    """Wrap every line over 72 characters between words, except lines with a character of ``skip``.

    Lines that were wrapped before stay as they are.
    """
    return "\n".join(
        row if len(row) <= WIDTH or any(mark in row for mark in skip) else _folded(row)
        for row in text.split("\n")
    )


def _folded(row: str) -> str:
    indent = "  " if row.startswith("- ") else ""
    rows = textwrap.wrap(
        row, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
    return "\n".join(rows)
