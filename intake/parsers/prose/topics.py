"""Notice that an ordinary mail is about two matters: "Second, we would like a training"."""

from __future__ import annotations

import re
from collections.abc import Sequence

from intake.parsers.prose.reading import pattern

MAX_CHARS = 6000
_FIRST = re.compile(
    r"\b(?:first|firstly|erstens|primero|primera|premièrement|d'abord|primeiro)\b", re.IGNORECASE
)
_SECOND = re.compile(
    r"[.!?]\s+(?=(?:(?:and|und|et|y|e)\s)?(?:second[,:]|secondly|zweitens|segundo[,:]"
    r"|en segundo lugar|deuxièmement|em segundo lugar))",
    re.IGNORECASE,
)
MIN_WORDS = 5  # of each matter
MAX_LEAD_CHARS = 40  # before the words that announce another matter
_PARAGRAPH = re.compile(r"\n[ \t]*\n\s*|\n(?=[ \t]{0,4}[2-9][.)][ \t])")
_SECOND_ITEM = re.compile(r"[ \t]{0,4}2[.)][ \t]+\S")
_FIRST_ITEM = re.compile(r"^[ \t]{0,4}1[.)][ \t]+\S", re.MULTILINE)


def divided(text: str, announcing: Sequence[str], listing: Sequence[str]) -> tuple[str, str]:
    """Return the text before another matter is announced, and the text from there on.

    ``announcing`` are the words that do so at the beginning of a paragraph. After one of the words
    in ``listing`` ("two things") the second item of a list does, too; numbered steps do not. The
    second text is empty if there is one matter.
    """
    own = text[:MAX_CHARS]
    words, listed = pattern(tuple(announcing)), pattern(tuple(listing))
    for gap in _PARAGRAPH.finditer(own):
        rest, before = own[gap.end() :], own[: gap.start()]
        begins = words.search(rest[: MAX_LEAD_CHARS * 2].lower()) if words else None
        announced = begins is not None and begins.start() <= MAX_LEAD_CHARS
        item = _SECOND_ITEM.match(rest) and _FIRST_ITEM.search(before)
        if not announced and not (item and listed and listed.search(before.lower())):
            continue
        if len(before.split()) >= MIN_WORDS and len(rest.split()) >= MIN_WORDS:
            return before.strip(), rest.strip()
    return _in_one_paragraph(own) or (text, "")


def _in_one_paragraph(own: str) -> tuple[str, str] | None:
    """Divide "First, it fails … And second: how do I …?"; steps are told in the same words."""
    second = _SECOND.search(own)
    if second is None or _FIRST.search(own, 0, second.start()) is None:
        return None
    before, rest = own[: second.start() + 1].strip(), own[second.end() :].strip()
    long_enough = len(before.split()) >= MIN_WORDS and len(rest.split()) >= MIN_WORDS
    return (before, rest) if long_enough and "?" in rest else None
