"""Notices as letters, in every kind."""

from __future__ import annotations

import re
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message
from html.parser import HTMLParser

from intake.incidents.notice import NoticeLetter, address, build
from intake.notifier import Addressee, Notice
from tests.support.notices import (
    NOW,
    STYLE,
    ZACK,
    letter_context,
)


class Words(HTMLParser):
    """The words a reader sees, and what was linked; the preheader is kept apart."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.preheader = ""
        self.links: list[str] = []
        self.tags: list[str] = []
        self._where = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Notes where the next words stand."""
        given = dict(attrs)
        self.tags.append(tag)
        if tag in ("style", "title") or given.get("class") == "preheader":
            self._where = given.get("class") or tag
        if tag == "a":
            self.links.append(given.get("href") or "")

    def handle_endtag(self, tag: str) -> None:
        """Ends what is not shown."""
        if tag in ("style", "title", "div"):
            self._where = ""

    def handle_data(self, data: str) -> None:
        """Takes words down."""
        if self._where == "preheader":
            self.preheader += data
        elif not self._where:
            self.seen.append(data)

    @property
    def words(self) -> list[str]:
        """In the order shown."""
        return re.findall(r"\w+", " ".join(self.seen))


def written(notice: Notice, person: Addressee = ZACK) -> NoticeLetter:
    """The letter of a notice."""
    return address(build(notice, letter_context(), STYLE), person, letter_context(), STYLE, NOW)


def parts(letter: NoticeLetter) -> dict[str, str]:
    """Its leaves by type, decoded by the standard library."""
    found = {}
    for part in message_from_bytes(letter.raw).walk():
        payload = part.get_payload(decode=True)
        if isinstance(payload, bytes):
            found[part.get_content_type()] = payload.decode("utf-8")
    return found


def parsed(letter: NoticeLetter) -> Message:
    """Its header as the standard library reads it."""
    return message_from_bytes(letter.raw)


def subject(letter: NoticeLetter) -> str:
    """The subject as a reader sees it."""
    return str(make_header(decode_header(parsed(letter)["Subject"])))
