"""Small sketches of texts, to find out whether two mails say nearly the same.

A program that answers mails repeats its words and changes only numbers, names and subjects. A
sketch is the smallest hashes of the words of a text, without quoted lines, numbers and the words of
the subject (a bottom-k sketch: Broder, "On the resemblance and containment of documents", 1997).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b

WORDS = 16  # hashes in a sketch
MAX_CHARS = 4000  # of a text
ALIKE = 0.9  # share of equal hashes
_DIGITS = 8  # hexadecimal, for each hash
_WORD = re.compile(r"[^\W_]+")


def sketch(text: str, subject: str = "") -> str:
    """Return the sketch of a text, hexadecimal; it is empty when the text has no words."""
    return _sketched(text[:MAX_CHARS], subject)


@lru_cache(maxsize=512)  # the newest letters to a contact are looked at again and again
def _sketched(text: str, subject: str) -> str:
    lines = (line for line in text.splitlines() if not line.lstrip().startswith(">"))
    named = set(_words((subject,)))
    found = {_hash(word) for word in set(_words(lines)) - named}
    return "".join(sorted(found)[:WORDS])


def alike(one: str, other: str) -> bool:
    """Return whether two texts say nearly the same; two texts without words do."""
    first, second = _hashes(one), _hashes(other)
    union = sorted(first | second)[:WORDS]
    return len(first & second & set(union)) >= ALIKE * len(union)


def _words(lines: Iterable[str]) -> Iterable[str]:
    for line in lines:
        for word in _WORD.findall(line.casefold()):
            if word.isalpha() and len(word) > 1:
                yield word


@lru_cache(maxsize=4096)
def _hash(word: str) -> str:
    return blake2b(word.encode("utf-8", "replace"), digest_size=_DIGITS // 2).hexdigest()


def _hashes(text: str) -> set[str]:
    return {text[start : start + _DIGITS] for start in range(0, len(text), _DIGITS)}
