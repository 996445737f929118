"""Build a Catalogue from a parsed catalogue file; collect every mistake: where, found, wanted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from intake.catalogue import prose_words, translation
from intake.catalogue.builder import Builder
from intake.catalogue.catalogue import (
    KINDS,
    SUBJECTS,
    CaseType,
    Catalogue,
    CatalogueError,
    Choice,
    Choices,
    ContactType,
    Field,
    Normalise,
    Rule,
)
from intake.catalogue.languages import merged
from intake.catalogue.lint import lint, mistakes

__all__ = ["build", "lint"]

SOURCES = ("types", "priorities", "contact_types", "areas", "modules")
SCHEMA = 1
ACTIONS = ("", "cap", "ask", "ask_if_required", "refuse", "notice")
_TOP = {
    "schema": int, "name": str, "default_priority": str, "date_order": str, "timezone": str,
    "normalise": dict, "departments": dict, "priorities": list, "contact_types": list,
    "areas": list, "modules": dict, "rules": list, "fields": dict, "types": dict,
    "subjects": dict, "phone_region": str, "prose": dict, "roles": dict, "words_file": str,
    "learned": dict,
}  # fmt: skip
_CONTACT_TYPE = {
    "name": str, "may_submit": bool, "aliases": list, "basis": str, "must_be_reached": bool,
    "bounce_is_a_task": bool,
}  # fmt: skip
_MODULES = {"values": list, "open": bool, "not_listed": str, "basis": str}
_NORMALISE = {
    "confusables": dict, "dashes": str, "separators": list, "blank_values": list,
    "yes_words": list, "no_words": list, "subject_marks": list, "banner_starts": list,
    "banners": list, "signature_fields": list,
}  # fmt: skip
_RULE = {
    "id": str, "text": str, "on_violation": str, "applies_to": list, "fields": list,
    "settings": dict, "basis": str,
}  # fmt: skip
_FIELD = {
    "label": str, "kind": str, "help": str, "aliases": list, "weak_aliases": list, "phrases": list,
    "split_from": list, "list_split": list, "keep_text": bool, "personal_data": bool,
    "none_is_answer": bool, "max_length": int, "values_from": str, "open": bool, "multi": list,
    "basis": str, "aliases_by_type": dict, "values": dict,
}  # fmt: skip
_TYPE = {
    "label": str, "aliases": list, "description": str, "examples": list, "department": str,
    "billable": bool, "fields": list, "required": list, "recommended": list, "conditional": list,
    "opens_at_once": bool, "default_priority": str, "basis": str, "summary": list,
}  # fmt: skip


def build(data: Mapping[str, object]) -> Catalogue:
    """The catalogue in a parsed file; raises CatalogueError naming every mistake."""
    builder = Builder(data)
    given = data.get("languages")
    languages = [str(code) for code in given if code != "en"] if isinstance(given, dict) else []
    builder.data = data = merged(data, builder.wrong)
    top = builder.keys("catalogue", data, _TOP, ("name", "fields", "types", "departments"))
    if top.get("schema", SCHEMA) != SCHEMA:
        builder.wrong("schema", top["schema"], str(SCHEMA))
    lists = _lists(builder, top)
    types = {name: _type(builder, name, row) for name, row in top.get("types", {}).items()}
    fields = {
        name: _field(builder, name, row, types, lists)
        for name, row in top.get("fields", {}).items()
    }
    catalogue = Catalogue(
        name=top.get("name", ""),
        types=types,
        fields=fields,
        priorities=lists["priorities"],
        contact_types=_contact_types(builder, top.get("contact_types", [])),
        areas=lists["areas"],
        modules=lists["modules"],
        departments=_departments(builder, top.get("departments", {})),
        rules=tuple(_rule(builder, n, row) for n, row in enumerate(top.get("rules", []))),
        normalise=_normalise(builder, top.get("normalise", {})),
        default_priority=top.get("default_priority", ""),
        date_order=top.get("date_order", "MDY"),
        timezone=top.get("timezone", "UTC"),
        phone_region=top.get("phone_region", ""),
        subjects=_subjects(builder, top.get("subjects", {})),
        cues=prose_words.cues(builder, top.get("prose", {}), types),
        roles=prose_words.roles(builder, top.get("roles", {}), fields, types),
        learned=prose_words.learned(builder, top.get("learned", {}), types),
        languages=("en", *languages),
        translations=translation.translations(builder, given),
    )
    for where, found, wanted in mistakes(catalogue):
        builder.wrong(where, found, wanted)
    if builder.mistakes:
        raise CatalogueError(tuple(builder.mistakes))
    return catalogue


def _subjects(builder: Builder, table: Mapping[str, object]) -> dict[str, tuple[str, ...]]:
    """The words by which a subject asks the service itself for something."""
    known = dict.fromkeys(SUBJECTS, list)
    good = builder.keys("subjects", table, known)
    return {name: builder.texts(f"subjects.{name}", words) for name, words in good.items()}


def _departments(builder: Builder, table: Mapping[str, object]) -> dict[str, str]:
    for key, label in table.items():
        if not isinstance(label, str):
            builder.wrong(f"departments.{key}", label, "a text")
    return {key: label for key, label in table.items() if isinstance(label, str)}


def _lists(builder: Builder, top: Mapping[str, object]) -> dict[str, Choices]:
    modules = builder.keys("modules", top.get("modules", {}), _MODULES)
    names = builder.texts("modules.values", modules.get("values", []))
    not_listed = modules.get("not_listed", "")
    values = [Choice(name) for name in names if name != not_listed]
    if not_listed:
        values.append(Choice(not_listed))
    return {
        "priorities": Choices(builder.choices("priorities", top.get("priorities"))),
        "areas": Choices(builder.choices("areas", top.get("areas")), multi=True),
        "modules": Choices(tuple(values), open=modules.get("open", False), not_listed=not_listed),
    }


def _contact_types(builder: Builder, rows: Sequence[object]) -> dict[str, ContactType]:
    made: dict[str, ContactType] = {}
    for number, row in enumerate(rows):
        where = f"contact_types[{number}]"
        one = builder.keys(where, row, _CONTACT_TYPE, ("name",))
        aliases = builder.texts(f"{where}.aliases", one.get("aliases"))
        name = one.get("name", "")
        if name in made:
            builder.wrong(where, name, "a name that stands there once")
        made[name] = ContactType(
            name, one.get("may_submit", False), aliases, one.get("must_be_reached", False),
            one.get("bounce_is_a_task", False),
        )  # fmt: skip
    return made


def _confusables(builder: Builder, table: Mapping[str, object]) -> dict[str, str]:
    """One letter for one look-alike letter."""
    good = {
        key: value
        for key, value in table.items()
        if len(str(key)) == 1 and isinstance(value, str) and len(value) == 1
    }
    for key in table.keys() - good.keys():
        builder.wrong(f"normalise.confusables.{key}", table[key], "one letter for one letter")
    return good


def _normalise(builder: Builder, table: object) -> Normalise:
    one = builder.keys("normalise", table, _NORMALISE)
    return Normalise(
        confusables=_confusables(builder, one.get("confusables", {})),
        dashes=one.get("dashes", "-"),
        separators=builder.texts("normalise.separators", one.get("separators", [":"])),
        blank_values=("", *builder.texts("normalise.blank_values", one.get("blank_values"))),
        yes_words=builder.texts("normalise.yes_words", one.get("yes_words", ["yes"])),
        no_words=builder.texts("normalise.no_words", one.get("no_words", ["no"])),
        subject_marks=builder.texts("normalise.subject_marks", one.get("subject_marks", [])),
        banner_starts=builder.texts("normalise.banner_starts", one.get("banner_starts", [])),
        banners=builder.texts("normalise.banners", one.get("banners", [])),
        signature_fields=builder.texts(
            "normalise.signature_fields", one.get("signature_fields", [])
        ),
    )


def _rule(builder: Builder, number: int, row: object) -> Rule:
    where = f"rules[{number}]"
    one = builder.keys(where, row, _RULE, ("id", "text"))
    if one.get("on_violation", "") not in ACTIONS:
        wanted = ", ".join(action for action in ACTIONS if action)
        builder.wrong(f"{where}.on_violation", one["on_violation"], f"one of {wanted}")
    return Rule(
        one.get("id", ""),
        one.get("on_violation", ""),
        one.get("text", ""),
        builder.texts(f"{where}.applies_to", one.get("applies_to")),
        builder.texts(f"{where}.fields", one.get("fields")),
        one.get("settings", {}),
        one.get("basis", ""),
    )


def _type(builder: Builder, name: str, row: object) -> CaseType:
    where = f"types.{name}"
    one = builder.keys(where, row, _TYPE, ("label", "department", "fields"))
    texts = {
        key: builder.texts(f"{where}.{key}", one.get(key))
        for key in ("aliases", "examples", "fields", "required", "recommended", "conditional")
    }
    return CaseType(
        name=name,
        label=one.get("label", ""),
        description=one.get("description", ""),
        department=one.get("department", ""),
        billable=one.get("billable", False),
        opens_at_once=one.get("opens_at_once", False),
        default_priority=one.get("default_priority", ""),
        summary=builder.texts(f"types.{name}.summary", one.get("summary")),
        basis=one.get("basis", ""),
        **texts,
    )


def _field(
    builder: Builder,
    name: str,
    row: object,
    types: Mapping[str, CaseType],
    lists: Mapping[str, Choices],
) -> Field:
    where = f"fields.{name}"
    one = builder.keys(where, row, _FIELD, ("label", "kind"))
    if one.get("kind") not in KINDS:
        builder.wrong(f"{where}.kind", one.get("kind"), f"one of {', '.join(KINDS)}")
    texts: dict[str, Any] = {
        key: builder.texts(f"{where}.{key}", one.get(key))
        for key in ("aliases", "weak_aliases", "phrases", "split_from", "list_split")
    }
    by_type = {
        type_name: builder.texts(f"{where}.aliases_by_type.{type_name}", words)
        for type_name, words in one.get("aliases_by_type", {}).items()
    }
    plain: dict[str, Any] = {
        key: one[key]
        for key in ("keep_text", "personal_data", "none_is_answer", "max_length", "help", "basis")
        if key in one
    }
    return Field(
        name=name,
        label=one.get("label", ""),
        kind=one.get("kind", "text"),
        types=tuple(case.name for case in types.values() if name in case.fields),
        aliases_by_type=by_type,
        choices=_field_choices(builder, where, one, types, lists),
        **texts,
        **plain,
    )


def _field_choices(
    builder: Builder,
    where: str,
    one: Mapping[str, Any],
    types: Mapping[str, CaseType],
    lists: Mapping[str, Choices],
) -> dict[str, Choices]:
    multi = builder.texts(f"{where}.multi", one.get("multi"))
    for name in multi:
        if name not in types:
            builder.wrong(f"{where}.multi", name, "a case type of this file")
    is_open = one.get("open", False)
    source = one.get("values_from", "")
    if source and source not in SOURCES:
        builder.wrong(f"{where}.values_from", source, f"one of {', '.join(SOURCES)}")
    made: dict[str, Choices] = {"*": lists[source]} if source in lists else {}
    if source == "contact_types":
        told = builder.data.get("contact_types")
        rows = _contact_types(Builder({}), told if isinstance(told, list) else [])
        made["*"] = Choices(tuple(Choice(kind.name, kind.aliases) for kind in rows.values()))
    for type_name, rows in one.get("values", {}).items():
        values = builder.choices(f"{where}.values.{type_name}", rows)
        made[type_name] = Choices(values, is_open, type_name in multi)
    if is_open and "*" not in made:
        made["*"] = Choices((), open=True)
    return made
