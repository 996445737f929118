"""What the readers of prose work on, and what they return."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from functools import lru_cache

from intake.catalogue.catalogue import Catalogue
from intake.parsers.dates import Calendar
from intake.parsers.days import Day, days
from intake.parsers.prose.language import language_of
from intake.parsers.prose.sentences import MAX_CHARS, Sentence, sentences

SURE, LIKELY = "sure", "likely"
FAINT = "faint"  # offered like LIKELY, but only when no other text of the mail tells it


@dataclass(frozen=True, slots=True)
class Reading:
    """A value that ordinary prose gives for a field, with its place."""

    field: str
    words: str  # as written
    strength: str  # SURE: taken; LIKELY: offered in a question, taken if not corrected; FAINT
    start: int = 0  # character range in the text
    end: int = 0
    value: str = ""  # the text that stands for the words: "Grade Book"; empty: the words themselves


@dataclass(frozen=True, slots=True)
class Prose:
    """One ordinary text, cut and looked through once for all readers."""

    subject: str
    text: str
    type: str
    catalogue: Catalogue
    calendar: Calendar
    language: str
    sentences: tuple[Sentence, ...]
    days: tuple[Day, ...]
    low: str  # the text in small letters, as long as the text
    seen: dict[str, Reading] = field(default_factory=dict)  # what earlier readers found

    @classmethod
    def of(
        cls, subject: str, text: str, type_name: str, catalogue: Catalogue, calendar: Calendar
    ) -> Prose:
        """Look through a text."""
        own = text[:MAX_CHARS]
        language = language_of(f"{subject}\n{own}")
        return cls(
            subject, own, type_name, catalogue, calendar, language, sentences(own),
            days(_on_one_line(own), language, calendar.order),
            lower(own),
        )  # fmt: skip

    def sentence_at(self, place: int) -> Sentence | None:
        """Return the sentence that holds the place."""
        return next((one for one in self.sentences if one.start <= place < one.end), None)


_BEFORE_ITEM = re.compile(r"\n(?=[ \t]*(?:[-*•–]|\(?\d{1,2}[.)])[ \t])")


def _on_one_line(text: str) -> str:
    """Return a text of the same length in which only list items are kept apart."""
    return _BEFORE_ITEM.sub("\0", text).replace("\n", " ").replace("\r", " ")


def lower(text: str) -> str:
    """Return the text in small letters, every one at the same place; curly marks become plain."""
    low = text.lower()
    if len(low) != len(text):
        low = "".join(one.lower() if len(one.lower()) == 1 else one for one in text)
    return low.replace("’", "'")


@lru_cache(maxsize=1024)
def pattern(words: tuple[str, ...]) -> re.Pattern[str] | None:
    """Return a pattern for any of the words; ``*`` stands for further letters or a few words.

    Words with the same beginning share it in the pattern, which is several times as fast. An accent
    may be missing, as people write on telephones, except in a short word of its own.
    """
    if not words:
        return None
    tree: _Tree = {}
    for one in words:
        branch = tree
        bare = " " in one or len(one) >= LONG
        for piece in _PIECE.findall(one.lower().replace("’", "'")):
            shape = _PIECES.get(piece) or (_BARE.get(piece) if bare else None) or re.escape(piece)
            branch = branch.setdefault(shape, {})
        branch[""] = {}
    return re.compile(rf"(?<!\w){_alternatives(tree)}(?!\w)")


_Tree = dict[str, "_Tree"]
_PIECE = re.compile(r" \* |\s+|.", re.DOTALL)
LONG = 6  # letters of a single word that is the same word without its accent
_BARE = {
    **{one: f"[{one}{unicodedata.normalize('NFD', one)[0]}]" for one in "áàâãçéèêëíìîïñóòôõúùûÿ"},
    "ä": "(?:ä|ae?)", "ö": "(?:ö|oe?)", "ü": "(?:ü|ue?)", "ß": "(?:ß|ss)",
}  # fmt: skip
_PIECES = {" * ": r"\s(?:\S{1,30}\s){0,4}?", "*": r"\w{0,20}", " ": r"\s{1,3}"}


def _alternatives(tree: _Tree) -> str:
    """Return the expression for a tree of pieces; the longer words are tried first."""
    parts = [f"{piece}{_alternatives(branch)}" for piece, branch in tree.items() if piece]
    if not parts:
        return ""
    if len(parts) == 1 and "" not in tree:
        return parts[0]
    return f"(?:{'|'.join(parts)}){'?' if '' in tree else ''}"
