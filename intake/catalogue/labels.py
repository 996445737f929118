"""Compare labels and values without case, marks, look-alike letters and extra white space."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

# The fixed text of our blank form, used for both writing and reading.
FORM_INTRO = (
    "Write your answers behind the colons. Leave a line empty if you do not",
    "know the answer.",
)
FORM_BILLABLE = (
    "(Work of this kind may be billable. You hear from us before anything is",
    "charged.)",
)
FORM_INCLUDED = ("(This is included in your support.)",)
FORM_DIVIDER = "---------------------- optional ----------------------"
EDGE = " \t:：?=*-–—_.#|>•·▪\"'()[]"
_TYPED = str.maketrans(
    {"‘": "'", "’": "'", "“": '"', "”": '"', "\u00a0": " ", "\u202f": " "}
    | dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff\u00ad\u200e\u200f", "")
)
_ODD = re.compile(f"[{''.join(map(chr, _TYPED))}]")  # a cheap test: str.translate is slow


def visible(text: str) -> str:
    """Return the text with hard spaces as spaces and without invisible characters."""
    return text.translate(_TYPED) if _ODD.search(text) else text


def fold(text: str, confusables: Mapping[str, str]) -> str:
    """Return the form in which labels are compared. ``confusables`` maps look-alike letters.

    Accents are removed, because many people write "Descripcion" for "Descripción".
    """
    flat = unicodedata.normalize("NFKC", visible(text))
    if not flat.isascii():
        letters = {ord(key): value for key, value in confusables.items() if len(key) == 1}
        flat = flat.translate(letters)
        parts = unicodedata.normalize("NFKD", flat)
        flat = "".join(char for char in parts if not unicodedata.combining(char))
    return " ".join(flat.casefold().split()).strip(EDGE)
