"""The names, helps and rules of a catalogue as letters in another language show them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from intake.catalogue.builder import Builder
from intake.catalogue.catalogue import Catalogue, Translation

PARTS: Mapping[str, str] = {  # table of the file -> table whose keys it may have
    "labels": "fields", "helps": "fields", "type_labels": "types", "descriptions": "types",
    "summaries": "types", "rules": "rules", "departments": "departments", "value_labels": "",
    "form": "",
}  # fmt: skip
FORM_LINES = ("intro", "billable", "included", "divider", "one_of")


def translations(builder: Builder, languages: object) -> dict[str, Translation]:
    """Read the texts of each language; ``builder`` records every mistake with its place."""
    if not isinstance(languages, Mapping):
        return {}
    return {
        str(code): _translation(builder, f"languages.{code}", table)
        for code, table in languages.items()
        if isinstance(table, Mapping)
    }


def _translation(builder: Builder, where: str, table: Mapping[str, Any]) -> Translation:
    made: dict[str, Any] = {}
    for part, of in PARTS.items():
        rows = table.get(part, {})
        if not isinstance(rows, Mapping):
            continue  # reported where the languages are merged
        known = _keys(builder.data.get(of)) if of else None
        good: dict[str, Any] = {}
        for key, value in rows.items():
            place = f"{where}.{part}.{key}"
            if known is not None and key not in known:
                builder.wrong(place, key, f"a key of [{of}]")
            elif part in ("summaries", "form"):
                good[key] = builder.texts(place, value)
            elif isinstance(value, str) and value.strip():
                good[key] = value
            else:
                builder.wrong(place, value, "a text")
        made[part] = good
    for key in made.get("form", {}).keys() - set(FORM_LINES):
        builder.wrong(f"{where}.form.{key}", "an unknown key", f"one of {', '.join(FORM_LINES)}")
    return Translation(**made)


def _keys(table: object) -> set[str]:
    if isinstance(table, Mapping):
        return set(table)
    rows = table if isinstance(table, list) else []
    return {str(row.get("id")) for row in rows if isinstance(row, Mapping)}


@lru_cache(maxsize=32)
def in_language(catalogue: Catalogue, language: str) -> Catalogue:
    """Return the catalogue with the names that a letter in that language shows.

    Its types, fields, values and aliases are the same; what is not translated stays as it is.
    """
    found = catalogue.translations.get(language)
    if found is None:
        return catalogue
    return replace(
        catalogue,
        fields={
            name: replace(
                one,
                label=found.labels.get(name, one.label),
                help=found.helps.get(name, one.help),
            )
            for name, one in catalogue.fields.items()
        },
        types={
            name: replace(
                one,
                label=found.type_labels.get(name, one.label),
                description=found.descriptions.get(name, one.description),
                summary=found.summaries.get(name, one.summary),
            )
            for name, one in catalogue.types.items()
        },
        rules=tuple(
            replace(one, text=found.rules.get(one.id, one.text)) for one in catalogue.rules
        ),
        departments={**catalogue.departments, **found.departments},
    )


def labels_of(catalogue: Catalogue, name: str) -> tuple[str, ...]:
    """Return the labels that letters of any language print for the field."""
    one = catalogue.fields.get(name)
    shown = [one.label] if one else []
    shown += [t.labels[name] for t in catalogue.translations.values() if name in t.labels]
    return tuple(dict.fromkeys(shown))
