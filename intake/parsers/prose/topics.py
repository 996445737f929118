"""Notice that an ordinary mail is about two matters: "Second, we would like a training"."""

from __future__ import annotations

import re
from collections.abc import Sequence

from intake.parsers.prose.reading import pattern

MAX_CHARS = 6000
MIN_WORDS = 5  # of each matter
MAX_LEAD_CHARS = 40  # before the words that announce another matter
_PARAGRAPH = re.compile(r"\n[ \t]*\n\s*|\n(?=[ \t]{0,4}[2-9][.)][ \t])")
_SECOND_ITEM = re.compile(r"[ \t]{0,4}2[.)][ \t]+\S")
_FIRST_ITEM = re.compile(r"^[ \t]{0,4}1[.)][ \t]+\S", re.MULTILINE)


def divided(text: str, announcing: Sequence[str]) -> tuple[str, str]:
    """Return the text before another matter is announced, and the text from there on.

    ``announcing`` are the words that do so at the beginning of a paragraph. A second item of a list
    does, too, if it is a paragraph or a long line; numbered steps are none. The second text is
    empty if there is one matter.
    """
    own = text[:MAX_CHARS]
    words = pattern(tuple(announcing))
    for gap in _PARAGRAPH.finditer(own):
        rest = own[gap.end() :]
        begins = words.search(rest[: MAX_LEAD_CHARS * 2].lower()) if words else None
        announced = begins is not None and begins.start() <= MAX_LEAD_CHARS
        if not announced and not _is_matter(own[: gap.start()], rest):
            continue
        first = own[: gap.start()].strip()
        if len(first.split()) >= MIN_WORDS and len(rest.split()) >= MIN_WORDS:
            return first, rest.strip()
    return text, ""


def _is_matter(before: str, rest: str) -> bool:
    """Return whether a list goes on with whole sentences: items of several lines, not steps."""
    first = list(_FIRST_ITEM.finditer(before))
    if not first or not _SECOND_ITEM.match(rest):
        return False
    one, other = before[first[-1].start() :], rest.partition("\n\n")[0]
    return min(len(one.split()), len(other.split())) >= 2 * MIN_WORDS
