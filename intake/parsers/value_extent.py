"""Decide where the value under a label ends: a date ends with its line, a description continues."""

from __future__ import annotations

from collections.abc import Sequence

from intake.catalogue.catalogue import Catalogue, Field
from intake.parsers.label_index import list_mark
from intake.parsers.values import is_listed

LONG_KINDS = ("multiline",)
WRAPPED_KINDS = ("text", "choice", "multichoice", "confirm")
WRAP_CHARS = 48  # from this length on the mail program may have wrapped the line
WRAP_AT = 70  # the usual 72 without the quote mark
MAX_WRAPPED_LINES = 4
MAX_DATE_CHARS = 40  # of a line that continues a list of dates
MAX_LIST_LINES = 20  # of one answer


def is_long(field: Field | None) -> bool:
    """Return whether the value continues to the next label."""
    return field is not None and field.kind in LONG_KINDS


def is_list(field: Field, type_name: str) -> bool:
    """Return whether the value may be several values on several lines."""
    multi = field.kind == "multichoice" or field.choices_on(type_name).multi
    return multi or bool(field.list_split)


def may_go_on(field: Field | None, type_name: str, line: str) -> bool:
    """Return whether the line after ``line``, where a value begins, may belong to the value, too.

    ``line`` is empty in a mail whose lines were not wrapped by a program.
    """
    if field is None or is_long(field):
        return field is not None
    return is_list(field, type_name) or (field.kind in WRAPPED_KINDS and len(line) >= WRAP_CHARS)


def goes_on(
    field: Field | None,
    type_name: str,
    parts: Sequence[str],
    before: str,
    text: str,
    catalogue: Catalogue,
) -> bool:
    """Return whether ``text`` is the next line of a short value; ``before`` is the line above."""
    words = text[list_mark(text) :].strip()
    if field is None or not words or not parts:
        return False
    if field.list_split:
        some = any(char.isdigit() for char in words)
        return some and len(words) <= MAX_DATE_CHARS and len(parts) < len(field.list_split)
    if is_list(field, type_name):
        choices = field.choices_on(type_name)
        tail = f"{parts[-1]} {words}" if is_broken(before, text) else words
        return len(parts) < MAX_LIST_LINES and is_listed(tail, choices, catalogue)
    wrapped = field.kind in WRAPPED_KINDS and is_broken(before, text)
    return wrapped and len(parts) < MAX_WRAPPED_LINES


def is_broken(before: str, text: str) -> bool:
    """Return whether a mail program made the line break before ``text`` for lack of space."""
    first = text.split(maxsplit=1)[0] if text.strip() else ""
    return bool(first) and len(before) >= WRAP_CHARS and len(before) + len(first) >= WRAP_AT


def joined(field: Field | None, type_name: str, parts: Sequence[str]) -> str:
    """Join the lines of a value to one text."""
    if field is None or is_long(field) or is_list(field, type_name):
        return "\n".join(parts).strip("\n \t\u00a0")
    return " ".join(part.strip() for part in parts if part.strip())
