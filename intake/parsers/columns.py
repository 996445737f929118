"""Read labels side by side with their values on the line below, as in a copied page."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from intake.parsers.body_lines import Line
from intake.parsers.label_index import Label

MAX_CELLS = 8
MAX_LINE_CHARS = 400
_CELL = re.compile(r"[^\s]+(?:[ \u00a0][^\s]+)*")  # a single space does not end a cell


def straightened(lines: Sequence[Line], find: Callable[[str], Label | None]) -> list[Line]:
    """Return the lines; each such pair of rows becomes one line per label and value."""
    out: list[Line] = []
    at = 0
    while at < len(lines):
        made = _pair(lines[at], lines[at + 1], find) if at + 1 < len(lines) else []
        out += made or [lines[at]]
        at += 2 if made else 1
    return out


def _pair(heads: Line, values: Line, find: Callable[[str], Label | None]) -> list[Line]:
    """Return the new lines; none when the two lines are not such rows."""
    if heads.depth or values.depth or max(len(heads.text), len(values.text)) > MAX_LINE_CHARS:
        return []
    labels, below = _cells(heads.text), _cells(values.text)
    if not 2 <= len(labels) == len(below) <= MAX_CELLS:
        return []
    told = [find(one[0]) for one in labels]
    if any(one is None or one.weak for one in told) or any(find(one[0]) for one in below):
        return []
    return [
        Line(f"{label}: {value}", values.start + place - len(f"{label}: "), 0)
        for (label, _), (value, place) in zip(labels, below, strict=True)
    ]


def _cells(text: str) -> list[tuple[str, int]]:
    """Return (text, place) of each cell; tabs or two spaces and more separate the cells."""
    return [(match[0], match.start()) for match in _CELL.finditer(text)]
