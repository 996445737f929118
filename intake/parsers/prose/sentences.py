"""Cut ordinary text into sentences, each with its place in the text."""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_CHARS = 6000  # of a mail's own text that are read
MAX_SENTENCES = 200
LONG_WORD = 5  # letters of a word that a dot behind it does not make an abbreviation
_ITEM = re.compile(r"[ \t]{0,8}(?:[-*•–·]|\(?\d{1,2}[.)])[ \t]+(?=\S)")
# A dot behind these ends no sentence: titles, abbreviations, a single letter, a number.
_ABBREVIATION = re.compile(
    r"(?:\b(?:mr|mrs|ms|dr|prof|st|sr|sra|srta|mme|mlle|hr|fr|nr|no|núm|num|tel|approx|ca|etc|e\.g"
    r"|i\.e|z\.b|p\.ej|ex|art|ext|av|lic|ing|mtra|mtro|bzw|usw|inkl|jan|feb|mar|apr|jun|jul|aug"
    r"|sep|sept|oct|nov|dec|janv|févr|avr|juil|déc|ene|abr|ago|dic|fev|set|out|dez|okt|mrz)"
    r"|(?<!\w)[^\W\d_])\Z",
    re.IGNORECASE,
)
_CLASS = re.compile(r"\d\w{0,3}\s?[A-Z]\Z")
_STOP = re.compile(r"[.!?…]+[\"”»“’')\]]*(?=\s|\Z)")
_SMALL_START = re.compile(r"[a-zà-ÿ]{2}[.!?]+\s+[a-zà-ÿ]")
_LARGE_START = re.compile(r"[.!?]\s+[A-ZÀ-ÖØ-Þ¿¡]")
_ORDINAL = re.compile(  # "am 2. März", "Montag, 2. März", "die 5. Klasse"
    r"(?:\b(?:am|dem|den|der|die|das|des|im|zum|vom|beim|seit|ab|bis|und|oder|zur|in)|,)\s\d{1,2}\Z"
)


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence: its text on one line, and the characters of the whole text that it covers."""

    text: str  # white space folded to single blanks
    start: int  # in the text that was cut
    end: int
    item: bool = False  # an item of a list
    above: str = ""  # the line that introduces the list, for an item

    @property
    def asks(self) -> bool:
        """Return whether it is a question."""
        return self.text.rstrip(" \"”»')").endswith("?")


def sentences(text: str) -> tuple[Sentence, ...]:
    """Return the sentences of a text. A line break ends none, a blank line or a list item does."""
    found: list[Sentence] = []
    above = ""
    small = len(_SMALL_START.findall(text)) > len(_LARGE_START.findall(text))
    for start, end in _blocks(text[:MAX_CHARS]):
        block = text[start:end]
        item = _ITEM.match(block)
        if item:
            found.append(_sentence(text, start + item.end(), end, item=True, above=above))
        else:
            parts = list(_parts(text, start, end, small=small))
            found += parts
            above = parts[-1].text if parts else above
        if len(found) >= MAX_SENTENCES:
            break
    return tuple(one for one in found[:MAX_SENTENCES] if one.text)


def _blocks(text: str) -> list[tuple[int, int]]:
    """Return the ranges of paragraphs and list items; lines below an item belong to it."""
    blocks: list[tuple[int, int]] = []
    start, at = -1, 0
    for line in text.splitlines(keepends=True):
        blank = not line.strip()
        if start >= 0 and (blank or _ITEM.match(line)):
            blocks.append((start, at))
            start = -1
        if not blank and start < 0:
            start = at
        at += len(line)
    if start >= 0:
        blocks.append((start, at))
    return blocks


def _parts(text: str, start: int, end: int, *, small: bool) -> list[Sentence]:
    parts: list[Sentence] = []
    begin = start
    for stop in _STOP.finditer(text, start, end):
        before = text[begin : stop.start()]
        after = text[stop.end() : stop.end() + 3].lstrip()
        if stop[0] == "." and _goes_on(before, after, small=small):
            continue
        parts.append(_sentence(text, begin, stop.end()))
        begin = stop.end()
    parts.append(_sentence(text, begin, end))
    return parts


def _goes_on(before: str, after: str, *, small: bool) -> bool:
    """Return whether a dot stands inside a sentence: "Mr. Pappas", "am 2. März".

    Somebody who writes in ``small`` letters begins sentences with them, too.
    """
    if after.startswith(("¿", "¡")):
        return False
    if _CLASS.search(before[-12:]) and after[:1].isupper():
        return False  # "the 4e C. Could you": no initial of a name
    if _ABBREVIATION.search(before[-12:]):
        return True
    if not after:
        return False
    short = len(before.rpartition(" ")[2]) < LONG_WORD
    return (after[0].islower() and short and not small) or _ORDINAL.search(before[-12:]) is not None


def _sentence(text: str, start: int, end: int, *, item: bool = False, above: str = "") -> Sentence:
    words = text[start:end]
    lead = len(words) - len(words.lstrip())
    tail = len(words.rstrip())
    stripped = words.strip()
    return Sentence(" ".join(stripped.split()), start + lead, start + max(tail, lead), item, above)
