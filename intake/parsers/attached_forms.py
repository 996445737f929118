"""Read forms that were attached as files: JSON, JSON-LD, a table of two columns, Word.

The text that the person wrote in the mail has priority. An attached form is read when that text
fills fewer than two fields; otherwise it is only compared. Of two attached forms only the first is
read, and a warning says so.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from intake.catalogue.catalogue import Catalogue
from intake.mail.field_library import Warning
from intake.mail.message import Attachment, Message
from intake.mail.mime.charsets import clean
from intake.mail.mime.docx import OfficeError, table_rows
from intake.parsers.label_index import Label, table
from intake.parsers.submission import ATTACHED_FORM, Candidate

MAX_BYTES = 2 * 2**20
MAX_ROWS = 500
MAX_DEPTH = 10  # of objects in objects
MAX_VALUE_CHARS = 20_000
MIN_FIELDS = 2  # of a file that counts as a form
WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
Pairs = list[tuple[str, str]]  # label, value


@dataclass(frozen=True, slots=True)
class AttachedForm:
    """A file that was read as a form."""

    name: str
    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Found:
    """The forms among a mail's files, and warnings about files that could not be read."""

    forms: tuple[AttachedForm, ...] = ()
    warnings: tuple[Warning, ...] = ()


def attached_forms(message: Message, catalogue: Catalogue) -> Found:
    """Return every attached file that names at least two fields. Never raises."""
    find = table(catalogue, "").find
    forms: list[AttachedForm] = []
    warnings: list[Warning] = []
    for file in message.attachments:
        reader = _reader(file)
        if reader is None or not file.content:
            continue
        if file.size > MAX_BYTES:
            warnings.append(Warning("attached-form", f"{file.name}: too big to be read as a form"))
            continue
        try:
            pairs = [(clean(label), clean(words)) for label, words in reader(file.content)]
        except (OfficeError, ValueError, RecursionError, csv.Error) as error:
            warnings.append(Warning("attached-form", f"{file.name}: {str(error)[:200]}"))
            continue
        filled = [(label, words) for label, words in pairs if label.strip() and words.strip()]
        known = [(label, words) for label, words in filled if find(label)]
        several = len({_field(label, find) for label, _ in known}) >= MIN_FIELDS
        if several and 2 * len(known) > len(filled):  # else it is some other table
            forms.append(AttachedForm(file.name, tuple(known)))
    return Found(tuple(forms), tuple(warnings))


def _field(label: str, find: Callable[[str], Label | None]) -> str:
    found = find(label)
    return found.field if found else ""


def candidates(form: AttachedForm, catalogue: Catalogue, type_name: str) -> tuple[Candidate, ...]:
    """The form's values under the labels of that type."""
    find = table(catalogue, type_name).find
    named = ((find(label), label, words) for label, words in form.pairs)
    return tuple(
        Candidate(one.field, words[:MAX_VALUE_CHARS], ATTACHED_FORM, label)
        for one, label, words in named
        if one is not None
    )


def _reader(file: Attachment) -> Callable[[bytes], Pairs] | None:
    """Return the reader for the declared type or the end of the file name, or None."""
    name, kind = file.name.lower(), file.declared_type
    if kind in ("application/json", "application/ld+json") or name.endswith((".json", ".jsonld")):
        return _from_json
    if kind == "text/csv" or name.endswith(".csv"):
        return _from_csv
    if kind == WORD or name.endswith(".docx"):
        return _from_word
    return None


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def _from_json(data: bytes) -> Pairs:
    """Return the members of one object; of several objects, those of the first that has any."""
    found = json.loads(_text(data))
    rows = found if isinstance(found, list) else [found]
    return next((pairs for row in rows[:MAX_ROWS] if (pairs := _members(row))), [])


def _members(row: object, depth: int = 0) -> Pairs:
    """Labels and values of an object and of the objects in it, so many and so deep."""
    if not isinstance(row, Mapping) or depth == MAX_DEPTH:
        return []
    pairs: Pairs = []
    for key, value in islice(row.items(), MAX_ROWS):
        if len(pairs) >= MAX_ROWS:
            break
        if key in ("additionalProperty", "fields", "object", "about"):
            inner = value if isinstance(value, list) else [value]
            for one in inner[: MAX_ROWS - len(pairs)]:
                pairs += _property(one) or _members(one, depth + 1)
        elif not str(key).startswith("@"):
            words = _words(value)
            pairs += [(_spaced(str(key)), words)] if words else []
    return pairs


def _property(one: object) -> Pairs:
    """A schema.org PropertyValue: its name and its value."""
    if not isinstance(one, Mapping) or "name" not in one or "value" not in one:
        return []
    words = _words(one["value"])
    return [(_spaced(str(one["name"])), words)] if words else []


def _spaced(key: str) -> str:
    """Return ``issue_began`` and ``issueBegan`` as people write the label."""
    out = "".join(f" {char.lower()}" if char.isupper() else char for char in key)
    return " ".join(
        (out if "_" not in key and key != key.upper() else key).replace("_", " ").split()
    )


def _words(value: object, depth: int = 0) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (str, int, float)):
        return str(value)[:MAX_VALUE_CHARS]
    if isinstance(value, list) and depth < MAX_DEPTH:
        words = (words for one in value[:50] if (words := _words(one, depth + 1)))
        return ", ".join(words)[:MAX_VALUE_CHARS]
    return ""


def _from_csv(data: bytes) -> Pairs:
    """Return one label and value per line; commas, semicolons or tabs separate them."""
    text = _text(data)
    first = text.partition("\n")[0]
    mark = max((",", ";", "\t"), key=first.count)
    rows = csv.reader(text.splitlines(keepends=True)[: MAX_ROWS * 4], delimiter=mark)
    return [
        (row[0], ", ".join(cell for cell in row[1:] if cell.strip()))
        for row, _ in zip(rows, range(MAX_ROWS), strict=False)
        if len(row) >= 2
    ]


def _from_word(data: bytes) -> Pairs:
    return [(row[0], row[1]) for row in table_rows(data) if len(row) == 2]


def conflicts(visible: Sequence[Candidate], attached: Sequence[Candidate]) -> list[str]:
    """Return the fields whose value in the attached form differs from the mail's own text."""
    told = {one.field: _flat(one.words) for one in reversed(visible) if one.words.strip()}
    return [
        one.field for one in attached if told.get(one.field, _flat(one.words)) != _flat(one.words)
    ]


def _flat(words: str) -> str:
    return "".join(words.split()).casefold()
