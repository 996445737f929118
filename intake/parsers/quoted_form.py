"""Represent a letter of ours as a list of words, and find the lines of a mail that copy it.

A mail program may quote, wrap, flow, embolden or bullet our text, but it never changes the words.
So a line is a copy when its words follow each other in our letter, starting either where the last
copied line ended or at the beginning of one of our lines.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field

from intake.catalogue.labels import visible

MAX_CHARS = 100_000  # of our letters
MAX_TOKENS = 20_000
MAX_PLACES = 16  # lines with the same first word that are tried
MIN_BROKEN_CHARS = 50  # of a line that a mail program may have broken
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


def words_of(text: str) -> tuple[str, ...]:
    """Return the words of a text without case, marks and punctuation."""
    flat = unicodedata.normalize("NFKC", visible(text)).casefold()
    return tuple(_WORD.findall(flat))


@dataclass(slots=True)
class SentForm:
    """A letter of ours, and how far a copy of it has been followed."""

    words: list[str] = field(default_factory=list)
    starts: set[int] = field(
        default_factory=set
    )  # where our lines begin, without continuation lines
    ends: set[int] = field(default_factory=set)
    begins: dict[str, list[int]] = field(default_factory=dict)  # first word -> starts
    rules: set[str] = field(default_factory=set)  # our lines that contain no word: "--"
    at: int = 0  # the word with which the copy should continue

    @classmethod
    def of(cls, text: str) -> SentForm:
        """Build it from the text of the letter."""
        made = cls()
        inside = False  # inside a help in brackets
        for line in text[:MAX_CHARS].splitlines():
            found = words_of(line)
            if not found and line.strip():
                made.rules.add(line.strip())
            if len(made.words) + len(found) > MAX_TOKENS:
                break
            if not found:
                continue
            if not inside and not line.startswith("    "):
                made.starts.add(len(made.words))
                made.begins.setdefault(found[0], []).append(len(made.words))
            made.words += found
            made.ends.add(len(made.words))
            inside = (inside or line.startswith("(")) and not line.rstrip().endswith(")")
        return made

    def is_copy(self, text: str, *, quoted: bool) -> bool:
        """Return whether the line is a piece of our letter; if so, move the position past it.

        An unquoted line must consist of whole lines of ours, or continue in the middle of one:
        "Yes, I give you permission" is an answer, though our help text says the same. A long line
        that follows the last copied one may also lack its end, which a mail program moved down.
        """
        found = words_of(text)
        if not found:
            return text.strip() in self.rules
        for place in self._where(found):
            end = place + len(found)
            follows = place == self.at
            begins = place in self.starts
            whole = begins and end in self.ends
            broken = len(text.strip()) >= MIN_BROKEN_CHARS
            goes_on = follows and (quoted or not begins or broken)
            if whole or goes_on or (quoted and begins and len(found) > 1):
                self.at = end
                return True
        return False

    def _where(self, found: tuple[str, ...]) -> list[int]:
        """Return where those words are: at the expected place, or where our lines begin."""
        likely = dict.fromkeys((self.at, *self.begins.get(found[0], ())[:MAX_PLACES]))
        size = len(found)
        return [one for one in likely if tuple(self.words[one : one + size]) == found]
