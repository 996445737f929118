"""Read the rows of an HTML table as labels and values: side by side, or one row above the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from intake.parsers.label_index import Label
from intake.parsers.submission import Candidate

MAX_ROWS = 2000
Row = tuple[str, ...]
Find = Callable[[str], Label | None]
Cell = tuple[Label, str, str]  # what the label stands for, the label, the value


def cells(rows: Sequence[Row], find: Find) -> list[Cell]:
    """Return every label of the table with its value, top to bottom."""
    found: list[Cell] = []
    below = False  # the row holds the values for the row above
    for number, row in enumerate(rows[:MAX_ROWS]):
        after = rows[number + 1] if number + 1 < len(rows) else ()
        if below:
            below = False
            continue
        beside = _beside(row, find)
        heads = [] if beside else [find(cell) for cell in row]
        below = len(row) >= 2 and len(after) == len(row) and bool(heads) and all(heads)
        if below:
            triples = zip(heads, row, after, strict=True)
            beside = [(head, label, value) for head, label, value in triples if head]
        found += [(label, words.strip(), value.strip()) for label, words, value in beside]
    return found


def _beside(row: Row, find: Find) -> list[Cell]:
    """Read labels and values in turn; empty cells that are only spacing do not count."""
    kept = row if len(row) <= 2 else tuple(cell for cell in row if cell.strip())
    if len(kept) % 2:
        return []
    found: list[Cell] = []
    for words, value in zip(kept[::2], kept[1::2], strict=True):
        label, other = find(words), find(value)
        if label is None or (other is not None and not other.weak):
            return []
        found.append((label, words, value))
    return found


def candidates(rows: Sequence[Row], find: Find) -> list[Candidate]:
    """Return the values of the table as candidates."""
    return [
        Candidate(label.field, value, "weak-label" if label.weak else "table", words)
        for label, words, value in cells(rows, find)
    ]
