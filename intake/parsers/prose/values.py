"""Read the values of a case type's fields from ordinary prose, by the roles of the catalogue."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from intake.catalogue.catalogue import Catalogue, Role
from intake.parsers.body_lines import is_closing
from intake.parsers.dates import Calendar
from intake.parsers.prose import (
    choice_reader,
    day_reader,
    error_reader,
    people_reader,
    person_reader,
    text_readers,
)
from intake.parsers.prose.reading import LIKELY, Prose, Reading

MAX_SIGNATURE_LINES = 16  # below the line that closes a mail
Reader = Callable[[Prose, Role], Iterator[Reading]]


def _days(prose: Prose, role: Role) -> Iterator[Reading]:
    field = prose.catalogue.fields[role.field]
    if field.list_split:
        return day_reader.read_days(prose, role, field.list_split)
    rule = prose.catalogue.rule("date_not_in_past")
    ahead = rule is not None and role.field in rule.fields
    return day_reader.read_day(prose, role, ahead=ahead)


READERS: Mapping[str, Reader] = {
    "choice": choice_reader.read_choice,
    "day": _days,
    "error": error_reader.read_error,
    "steps": text_readers.read_steps,
    "people": people_reader.read_people,
    "clause": text_readers.read_clause,
    "path": text_readers.read_path,
    "address": person_reader.read_address,
    "phone": person_reader.read_phone,
    "first-name": person_reader.read_first_name,
    "last-name": person_reader.read_last_name,
    "name": person_reader.read_name,
}


def without_closing(text: str) -> str:
    """Return the text above the line that closes the mail, if only a signature is below it."""
    lines = text.split("\n")
    for number in range(len(lines) - 1, max(-1, len(lines) - 1 - MAX_SIGNATURE_LINES), -1):
        if number and is_closing(lines[number]):
            return "\n".join(lines[:number])
    return text


def values_in_prose(
    subject: str, text: str, type_name: str, catalogue: Catalogue, calendar: Calendar
) -> dict[str, Reading]:
    """Return what a text says of the fields of a type: field name -> reading. Pure.

    Each value has its place in the text and a strength. What is unsure is not returned.
    """
    case = catalogue.types.get(type_name)
    if case is None or not text.strip():
        return {}
    prose = Prose.of(subject, without_closing(text), type_name, catalogue, calendar)
    for role in catalogue.roles:
        if role.field not in case.fields or role.field in prose.seen:
            continue
        for reading in READERS[role.reads](prose, role):
            prose.seen.setdefault(reading.field, reading)
    _shown_by_two_names(prose)
    return dict(prose.seen)


def _shown_by_two_names(prose: Prose) -> None:
    """Set what a second person shows: somebody new, and somebody who leaves, is a replacement.

    ``values`` of a role that reads a name says which value of which field that is.
    """
    roles = prose.catalogue.roles
    first = next((prose.seen.get(one.field) for one in roles if one.reads == "first-name"), None)
    for role in roles:
        other = prose.seen.get(role.field)
        if role.reads != "name" or other is None or first is None:
            continue
        for name, (value, *_) in role.values:
            if name in prose.seen and not other.words.startswith(first.words):
                prose.seen[name] = replace(prose.seen[name], value=value, strength=LIKELY)
