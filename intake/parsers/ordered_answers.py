"""Read answers that stand in the order of the questions, numbered or one a line, without labels."""

from __future__ import annotations

import re

from intake.catalogue.catalogue import Catalogue, Field
from intake.model.cases import PendingForm
from intake.parsers import body_lines
from intake.parsers.submission import Candidate
from intake.parsers.values import is_listed

MAX_LINES = 60
MAX_DATE_CHARS = 60  # of an answer to a question for a day
SOURCE = "reply"
_NUMBERED = re.compile(r"\s{0,4}\(?(\d{1,2})\s?[.):-]\s+(\S.*)")


def in_order(
    comment: str, pending: PendingForm, catalogue: Catalogue, type_name: str
) -> tuple[Candidate, ...]:
    """Return an answer for each question; empty unless there are exactly as many answers.

    At least one question must have a list of values, and each answer to such a question must be a
    value of its list. So steps that somebody numbers are not taken for answers.
    """
    fields = [catalogue.fields.get(name) for name in pending.asked]
    lines = [line for line in comment.splitlines() if line.strip()]
    lines = [line for line in lines if not body_lines.is_courtesy(line)]
    if len(fields) < 2 or None in fields or len(lines) > MAX_LINES:
        return ()
    parts = _numbered(lines)
    if not parts:
        parts = lines
    if len(parts) != len(fields):
        return ()
    pairs = [(field, part.strip()) for field, part in zip(fields, parts, strict=True) if field]
    listed = [_lists(field, type_name) for field, _ in pairs]
    if not any(listed) or not all(_fits(*pair, catalogue, type_name) for pair in pairs):
        return ()
    return tuple(Candidate(field.name, part, SOURCE) for field, part in pairs)


def _numbered(lines: list[str]) -> list[str]:
    """Return the texts behind 1, 2, 3 and so on; a line without a number continues its text."""
    parts: list[str] = []
    for line in lines:
        found = _NUMBERED.match(line)
        if found and int(found[1]) == len(parts) + 1:
            parts.append(found[2])
        elif parts:
            parts[-1] += f"\n{line.strip()}"
        else:
            return []
    return parts


def _lists(field: Field, type_name: str) -> bool:
    return field.kind in ("choice", "multichoice") and bool(field.choices_on(type_name).values)


def _fits(field: Field, part: str, catalogue: Catalogue, type_name: str) -> bool:
    """Return whether the text can answer the question."""
    if _lists(field, type_name):
        return is_listed(part, field.choices_on(type_name), catalogue)
    if field.kind == "date":
        return "\n" not in part and len(part) <= MAX_DATE_CHARS
    return not part.endswith("?")
