"""Read a number that answers a question: its place in the list that our letter showed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

MAX_CHARS = 40_000  # of a letter that are looked through
_CHOICE = re.compile(r"[>\s]*(\d{1,2})\.\s+(\S.{0,150}?)\)?\s*\Z")
_NUMBER = re.compile(
    r"(?:number |no\.? ?|nr\.? ?|n[º°o]\.? ?|#|option )?(\d{1,2})[.)!]?\Z", re.IGNORECASE
)
_ORDINALS = (
    (
        "first", "primero", "primera", "premier", "première", "erste", "ersten", "primeiro",
        "primeira",
    ),
    ("second", "segundo", "segunda", "deuxième", "zweite", "zweiten"),
    ("third", "tercero", "tercera", "troisième", "dritte", "dritten", "terceiro", "terceira"),
)  # fmt: skip
MAX_ORDINAL_WORDS = 4


def offered(letter: str, labels: Sequence[str]) -> Mapping[str, str]:
    """Return the numbered choices that the letter shows above a label: "2" -> "Ask a Question".

    ``labels``: the names of the field in every language of our letters.
    """
    found: dict[str, str] = {}
    for line in letter[:MAX_CHARS].splitlines():
        choice = _CHOICE.match(line)
        if choice:
            found[choice[1]] = choice[2]
        elif line.lstrip("> ").partition(":")[0] in labels:
            return found
        elif not line.strip() or line.lstrip("> ").startswith("("):
            found = {}
    return {}


def chosen(words: str, letter: str, labels: Sequence[str]) -> str:
    """Return the choice that a number, or "the first one", means; empty when it means none."""
    number = _number(words.strip(" .!\t"))
    return offered(letter, labels).get(number, "") if number else ""


def _number(words: str) -> str:
    match = _NUMBER.fullmatch(words)
    if match:
        return match[1].lstrip("0")
    told = words.casefold().split()
    if not told or len(told) > MAX_ORDINAL_WORDS:
        return ""
    places = (str(place) for place, names in enumerate(_ORDINALS, 1) if _names(told, names))
    return next(places, "")


def _names(told: list[str], names: tuple[str, ...]) -> bool:
    """Return whether one of the names is among the words."""
    return any(name in told for name in names)
