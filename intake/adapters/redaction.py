"""Redacts a credential from a server's error message, in clear or base64.

When some servers refuse a login, their answer repeats the line that they received, as it was or in
base64.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode

HIDDEN = "(hidden)"
MIN_SHARED = 6  # a common part of this many characters counts as a leak
_BASE64 = re.compile(r"[A-Za-z0-9+/=_-]{8,}")
_WORD = re.compile(r"\S+")


def without(words: str, *secrets: str) -> str:
    """The text with every word hidden that has six characters in a row in common with a secret."""
    for secret in filter(None, secrets):
        words = _without(words, secret)
    return words


def _without(words: str, secret: str) -> str:
    flat = words.replace(secret, HIDDEN)
    return _WORD.sub(lambda found: _kept(found[0], secret), flat)


def _kept(word: str, secret: str) -> str:
    """The word, or a mark in its place."""
    if _shares(word, secret) or any(_shares(text, secret) for text in _decoded(word)):
        return HIDDEN
    return word


def _decoded(word: str) -> list[str]:
    """What base64 parts of the word may stand for, wherever they were cut off."""
    found = []
    for part in _BASE64.findall(word):
        for start in range(4):
            text = part[start:].rstrip("=")
            text = text[: len(text) - (len(text) % 4 == 1)]
            try:
                raw = b64decode(text + "=" * (-len(text) % 4), altchars=None)
            except (binascii.Error, ValueError):
                continue
            found.append(raw.decode("utf-8", "replace"))
    return found


def _shares(text: str, secret: str) -> bool:
    size = min(MIN_SHARED, len(secret))
    return any(secret[at : at + size] in text for at in range(len(secret) - size + 1))
