"""Find labels that people write and the catalogue lacks: they are candidates for its aliases."""

from __future__ import annotations

import re
from collections.abc import Iterable

from intake.catalogue.catalogue import Catalogue
from intake.catalogue.labels import visible
from intake.parsers.body_lines import Line
from intake.parsers.label_index import table

MAX_LABELS = 20  # of one mail
MAX_LINES = 2000
MAX_TRIES = 100  # labels that are compared with every known one
MAX_CHARS = 40
MAX_WORDS = 6
_LABEL = re.compile(r"[ \t]{0,4}(?:[-*•][ \t]+)?([^\W\d_][^:\n]{1,60}?)[ \t]{0,3}:(?:[ \t]|\Z)")
_COURTESY = ("hi", "hello", "dear", "good", "hey", "hola", "thanks", "note", "fyi", "ps", "p.s")


def unknown_labels(lines: Iterable[Line], catalogue: Catalogue) -> tuple[str, ...]:
    """Return each label as written, once: a few words before a colon that name no field."""
    known = table(catalogue, "")
    found: dict[str, None] = {}
    tries = MAX_TRIES
    for line, _ in zip(lines, range(MAX_LINES), strict=False):
        if line.depth:
            continue
        match = _LABEL.match(visible(line.text)[: MAX_CHARS * 2])
        words = match[1].strip(" *_#") if match else ""
        first = words.partition(" ")[0].casefold().strip(",.")
        if not words or len(words) > MAX_CHARS or len(words.split()) > MAX_WORDS:
            continue
        if first in _COURTESY or "@" in words or "//" in words:
            continue
        if words in found or known.find(words) is not None:
            continue
        tries -= 1
        if tries >= 0 and known.near(words) is None:
            found.setdefault(words)
        if len(found) == MAX_LABELS:
            break
    return tuple(found)
