"""Merge the label tables of further languages into a catalogue file before it is built.

A language adds words: further labels of fields, names of case types, words for listed values, for
yes, no and nothing, and subjects. It never removes a word, so a mail may mix languages. An error
message about a merged file names the place where the word was put.

A name that letters in the language show ("labels", "type_labels", "value_labels") is a word like
the others, so an answer may use it. ``intake.catalogue.translation`` reads the rest.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

KEYS: Mapping[str, type] = {
    "fields": dict, "types": dict, "values": dict, "blank_values": list, "yes_words": list,
    "no_words": list, "subjects": dict, "labels": dict, "type_labels": dict, "value_labels": dict,
    "helps": dict, "summaries": dict, "descriptions": dict, "rules": dict, "departments": dict,
    "form": dict,
}  # fmt: skip
CODE = re.compile(r"[a-z]{2,3}\Z")  # ISO 639
Wrong = Callable[[str, object, str], None]


def merged(data: Mapping[str, object], wrong: Wrong) -> dict[str, object]:
    """The file with every language's words in their places; ``wrong`` is told each mistake."""
    whole = deepcopy(dict(data))
    languages = whole.pop("languages", {})
    if not isinstance(languages, dict):
        wrong("languages", languages, "a table")
        return whole
    for code, table in languages.items():
        where = f"languages.{code}"
        if not CODE.match(str(code)) or not isinstance(table, dict):
            wrong(where, table if CODE.match(str(code)) else code, "a table named like es")
            continue
        for key, value in table.items():
            kind = KEYS.get(key)
            if kind is None:
                wrong(f"{where}.{key}", "an unknown key", f"one of {', '.join(KEYS)}")
            elif not isinstance(value, kind):
                wrong(f"{where}.{key}", value, "a list" if kind is list else "a table")
            elif key in _ADD:
                _ADD[key](whole, value, f"{where}.{key}", wrong)
    return whole


def _words(value: object, where: str, wrong: Wrong) -> list[str]:
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return list(value)
    wrong(where, value, "a list of texts")
    return []


def _add(table: dict[str, object], key: str, words: list[str]) -> None:
    """The words behind those that are there; what is no list is left for the builder to name."""
    there = table.get(key, [])
    if isinstance(there, list):
        table[key] = [*there, *words]


def _into(section: str, key: str) -> Callable[[dict[str, object], object, str, Wrong], None]:
    """Words for the rows of a section: ``fields.module = ["módulo"]`` goes to their aliases."""

    def add(whole: dict[str, object], table: Any, where: str, wrong: Wrong) -> None:
        rows = whole.get(section, {})
        for name, value in table.items():
            row = rows.get(name) if isinstance(rows, dict) else None
            if not isinstance(row, dict):
                wrong(f"{where}.{name}", name, f"a key of [{section}]")
                continue
            _add(row, key, _words(value, f"{where}.{name}", wrong))

    return add


def _values(whole: dict[str, Any], table: Any, where: str, wrong: Wrong) -> None:
    """Add words for a listed value, in every list that has the value."""
    rows = _value_rows(whole)
    for name, value in table.items():
        words = _words(value, f"{where}.{name}", wrong)
        found = [row for row in rows if name in (row.get("value"), row.get("name"))]
        if not found:
            wrong(f"{where}.{name}", name, "a value of one of the lists")
        for row in found:
            _add(row, "aliases", words)


def _value_rows(whole: Mapping[str, object]) -> list[dict[str, object]]:
    lists = [whole.get(name) for name in ("priorities", "contact_types", "areas")]
    fields = whole.get("fields")
    for field in fields.values() if isinstance(fields, dict) else ():
        values = field.get("values") if isinstance(field, dict) else None
        lists += list(values.values()) if isinstance(values, dict) else []
    return [
        row for rows in lists if isinstance(rows, list) for row in rows if isinstance(row, dict)
    ]


def _one_each(
    add: Callable[[dict[str, Any], Any, str, Wrong], None],
) -> Callable[[dict[str, Any], Any, str, Wrong], None]:
    """The same for a table with one text for each row: the name that letters show."""

    def add_one(whole: dict[str, Any], table: Any, where: str, wrong: Wrong) -> None:
        good = {}
        for name, value in table.items():
            if isinstance(value, str) and value.strip():
                good[name] = [value]
            else:
                wrong(f"{where}.{name}", value, "a text")
        add(whole, good, where, wrong)

    return add_one


def _normal(key: str) -> Callable[[dict[str, object], object, str, Wrong], None]:
    def add(whole: dict[str, object], value: object, where: str, wrong: Wrong) -> None:
        table = whole.setdefault("normalise", {})
        if isinstance(table, dict):
            _add(table, key, _words(value, where, wrong))

    return add


def _subjects(whole: dict[str, object], table: Any, where: str, wrong: Wrong) -> None:
    there = whole.setdefault("subjects", {})
    for name, value in table.items():
        if isinstance(there, dict):
            _add(there, name, _words(value, f"{where}.{name}", wrong))


_ADD: Mapping[str, Callable[[dict[str, Any], object, str, Wrong], None]] = {
    "fields": _into("fields", "aliases"),
    "types": _into("types", "aliases"),
    "values": _values,
    "labels": _one_each(_into("fields", "aliases")),
    "type_labels": _one_each(_into("types", "aliases")),
    "value_labels": _one_each(_values),
    "blank_values": _normal("blank_values"),
    "yes_words": _normal("yes_words"),
    "no_words": _normal("no_words"),
    "subjects": _subjects,
}
