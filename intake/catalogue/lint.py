"""Find errors and doubts in a catalogue whose values all have the right shape.

Examples: names that do not exist, words that belong to two things, rules that no code applies.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from intake.catalogue.catalogue import CaseType, Catalogue, Choice, Choices, Field, Rule
from intake.catalogue.labels import fold

Mistake = tuple[str, object, str]  # where, found, wanted
DATE_ORDERS = ("MDY", "DMY")
RULE_IDS = (
    "critical_only_outage", "account_default", "multi_account_choose", "contact_default",
    "on_behalf_same_account", "read_only_no_submit", "restore_permission", "restore_retention",
    "restore_missing_or_deleted", "sql_needs_bootcamp", "replace_names_removed",
    "remove_names_only", "own_record",
    "module_not_listed", "date_not_in_past", "date_not_in_future", "known_incident",
    "one_case_per_mail",
)  # fmt: skip
_SETTINGS: Mapping[str, type] = {
    "cap_to": str, "days": int, "grace_days": int, "when": dict, "needs": str, "denials": list,
    "names": dict, "words": list, "record": dict,
}  # fmt: skip
RECORD = ("first name", "last name", "address", "type", "areas")  # parts of a contact's record


def mistakes(catalogue: Catalogue) -> Iterator[Mistake]:
    """Yield every reason why the catalogue cannot be used."""
    for check in (_scalars, _normalise, _lists, _type_words, _rule_ids):
        yield from check(catalogue)
    for case in catalogue.types.values():
        yield from _type(case, catalogue)
        yield from _labels(case, catalogue)
    for field in catalogue.fields.values():
        yield from _field(field, catalogue)
    for rule in catalogue.rules:
        yield from _rule(rule, catalogue)


def _folded(words: Iterable[str], catalogue: Catalogue) -> list[str]:
    return [fold(word, catalogue.normalise.confusables) for word in words]


def _twice(words: Iterable[str]) -> list[str]:
    """Return the words that occur more than once."""
    told = list(words)
    return list(dict.fromkeys(word for word in told if told.count(word) > 1))


def _values(choices: Choices) -> list[str]:
    return [choice.value for choice in choices.values]


def _unknown(where: str, names: Iterable[str], known: Iterable[str], wanted: str) -> list[Mistake]:
    table = set(known)
    return [(where, name, wanted) for name in names if name not in table]


# ---------------------------------------------------------------- the whole file


def _scalars(catalogue: Catalogue) -> Iterator[Mistake]:
    if catalogue.date_order not in DATE_ORDERS:
        yield "date_order", catalogue.date_order, "MDY or DMY"
    try:
        ZoneInfo(catalogue.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        yield "timezone", catalogue.timezone, "the name of a time zone, like America/Chicago"
    if catalogue.default_priority not in _values(catalogue.priorities):
        yield "default_priority", catalogue.default_priority, "one of the priorities"


def _normalise(catalogue: Catalogue) -> Iterator[Mistake]:
    both = {word.casefold() for word in catalogue.normalise.yes_words}
    for word in catalogue.normalise.no_words:
        if word.casefold() in both:
            yield "normalise.no_words", word, "a word that is not a yes word too"


def _lists(catalogue: Catalogue) -> Iterator[Mistake]:
    """Check every list of values: each folded word may belong to one value only."""
    named = [("priorities", catalogue.priorities), ("areas", catalogue.areas)]
    kinds = (Choice(one.name, one.aliases) for one in catalogue.contact_types.values())
    named += [("modules", catalogue.modules), ("contact_types", Choices(tuple(kinds)))]
    for field in catalogue.fields.values():
        own = ((name, one) for name, one in field.choices.items() if name != "*")
        named += [(f"fields.{field.name}.values.{name}", one) for name, one in own]
    for where, choices in named:
        for value in _twice(_values(choices)):
            yield where, value, "a value that stands there once"
        owners: dict[str, str] = {}
        for choice in choices.values:
            words = (choice.value, *choice.aliases)
            for word, folded in zip(words, _folded(words, catalogue), strict=True):
                other = owners.setdefault(folded, choice.value)
                if other != choice.value:
                    yield where, word, f"a word of one value; {other!r} has it too"
            yield from _unknown(
                f"{where}: {choice.value}", choice.only_types, catalogue.types, "a case type"
            )


def _type_words(catalogue: Catalogue) -> Iterator[Mistake]:
    """Check the words for case types: a word for two types would misfile half of the cases."""
    owners: dict[str, str] = {}
    for case in catalogue.types.values():
        words = (case.label, case.name.replace("_", " "), *case.aliases)
        for word, folded in zip(words, _folded(words, catalogue), strict=True):
            other = owners.setdefault(folded, case.name)
            if other != case.name:
                yield f"types.{case.name}", word, f"a word of its own; {other} has it"


def _rule_ids(catalogue: Catalogue) -> Iterator[Mistake]:
    ids = [rule.id for rule in catalogue.rules]
    for one in _twice(ids):
        yield "rules", one, "a rule that stands there once"
    yield from _unknown("rules", dict.fromkeys(ids), RULE_IDS, f"one of {', '.join(RULE_IDS)}")


# ---------------------------------------------------------------- one type


def _type(case: CaseType, catalogue: Catalogue) -> Iterator[Mistake]:
    where = f"types.{case.name}"
    known, wanted = catalogue.departments, "a key of [departments]"
    yield from _unknown(f"{where}.department", [case.department], known, wanted)
    yield from _unknown(f"{where}.fields", case.fields, catalogue.fields, "a field of this file")
    for name in _twice(case.fields):
        yield f"{where}.fields", name, "a field that stands there once"
    for key in ("required", "recommended", "conditional"):
        names = getattr(case, key)
        yield from _unknown(f"{where}.{key}", names, case.fields, "a field of this type")
    for name in _twice((*case.required, *case.recommended)):
        yield where, name, "a field that is required or recommended, not both"
    if case.default_priority and case.default_priority not in _values(catalogue.priorities):
        yield f"{where}.default_priority", case.default_priority, "one of the priorities"


def _labels(case: CaseType, catalogue: Catalogue) -> Iterator[Mistake]:
    """Check that no strong label means two fields of one type."""
    owners: dict[str, str] = {}
    for name in ("case_type", *case.fields):
        field = catalogue.fields.get(name)
        words = dict.fromkeys((*field.aliases_on(case.name), *field.split_from) if field else ())
        for label, word in zip(words, _folded(words, catalogue), strict=True):
            owner = owners.setdefault(word, name)
            if owner != name:
                where = f"types.{case.name}: label {label!r} of {name}"
                yield where, word, f"a label of its own; {owner} has it"


# ---------------------------------------------------------------- one field


def _field(field: Field, catalogue: Catalogue) -> Iterator[Mistake]:
    where = f"fields.{field.name}"
    keys = dict.fromkeys((*field.aliases_by_type, *(key for key in field.choices if key != "*")))
    yield from _unknown(where, keys, catalogue.types, "a case type of this file")
    shown = [key for key in keys if key in catalogue.types]
    yield from _unknown(where, shown, field.types, "a case type that shows this field")
    yield from _unknown(
        f"{where}.list_split", field.list_split, catalogue.fields, "a field of this file"
    )
    if field.max_length < 0:
        yield f"{where}.max_length", field.max_length, "a number from 0"
    aliases = (*field.aliases, *field.weak_aliases, *field.split_from)
    words = [*aliases, *(one for some in field.aliases_by_type.values() for one in some)]
    for word, folded in zip(words, _folded(words, catalogue), strict=True):
        if not folded:
            yield f"{where}.aliases", word, "a word"
    yield from _phrases(field)
    if field.kind in ("choice", "multichoice") and field.name != "case_type":
        for name in field.types:
            if not (field.choices_on(name).values or field.choices_on(name).open):
                yield where, f"no values on {name}", "values, values_from, or open = true"


def _phrases(field: Field) -> Iterator[Mistake]:
    for phrase in field.phrases:
        try:
            re.compile(phrase)
        except re.error as error:
            yield f"fields.{field.name}.phrases", phrase, f"a regular expression ({error})"


# ---------------------------------------------------------------- one rule


def _rule(rule: Rule, catalogue: Catalogue) -> Iterator[Mistake]:
    where = f"rule {rule.id}"
    types, fields = catalogue.types, catalogue.fields
    yield from _unknown(f"{where}.applies_to", rule.applies_to, types, "a case type of this file")
    yield from _unknown(where, rule.fields, fields, "a field of this file")
    for key, value in rule.settings.items():
        kind = _SETTINGS.get(key)
        if kind is None:
            yield f"{where}.settings.{key}", "an unknown key", f"one of {', '.join(_SETTINGS)}"
        elif not isinstance(value, kind) or value is True or value is False:
            yield f"{where}.settings.{key}", value, _WANTED[key]
        else:
            yield from _CHECKS[key](f"{where}.settings.{key}", value, catalogue)


def _check_when(where: str, value: Mapping[str, object], catalogue: Catalogue) -> list[Mistake]:
    """Check ``{ field = "…", equals = "…" }`` or ``contains``."""
    told = {key: one for key, one in value.items() if isinstance(one, str)}
    tests = [key for key in ("equals", "contains") if key in told]
    if set(value) != {"field", *tests} or "field" not in told or len(tests) != 1:
        return [(where, dict(value), _WANTED["when"])]
    return _unknown(where, [told["field"]], catalogue.fields, "a field of this file")


def _check_days(where: str, value: int, catalogue: Catalogue) -> list[Mistake]:
    return [] if value >= 0 else [(where, value, _WANTED["days"])]


def _check_cap(where: str, value: str, catalogue: Catalogue) -> list[Mistake]:
    return _unknown(where, [value], _values(catalogue.priorities), "one of the priorities")


def _check_needs(where: str, value: str, catalogue: Catalogue) -> list[Mistake]:
    return _unknown(where, [value], catalogue.fields, "a field of this file")


def _check_names(where: str, value: Mapping[str, object], catalogue: Catalogue) -> list[Mistake]:
    """Check ``{ field = ["field", "field"] }``: the first field replaces the others."""
    told = list(value)
    for one in value.values():
        told += map(str, one if isinstance(one, list) else [one])
    return _unknown(where, told, catalogue.fields, "a field of this file")


def _check_words(where: str, value: list[object], catalogue: Catalogue) -> list[Mistake]:
    good = all(isinstance(one, str) and one.strip() for one in value)
    return [] if good and value else [(where, value, _WANTED["words"])]


def _check_record(where: str, value: Mapping[str, object], catalogue: Catalogue) -> list[Mistake]:
    """Check ``{ field = "first name" }``: the field gets that part of the writer's record."""
    wrong = [(f"{where}.{name}", part, _WANTED["record"]) for name, part in value.items()
             if part not in RECORD]  # fmt: skip
    return [*wrong, *_unknown(where, value, catalogue.fields, "a field of this file")]


def _check_denials(where: str, value: list[object], catalogue: Catalogue) -> list[Mistake]:
    for one in value:
        try:
            re.compile(str(one))
        except re.error as error:
            return [(where, one, f"a regular expression ({error})")]
    return []


_WANTED = {
    "denials": "a list of regular expressions",
    "cap_to": "one of the priorities",
    "days": "a number of days from 0",
    "grace_days": "a number of days from 0",
    "when": 'a table like { field = "request_type", equals = "Replace" }',
    "needs": "a field of this file",
    "names": 'a table like { contact_replacement_name = ["contact_last_name"] }',
    "words": "a list of texts that are not empty",
    "record": f"a table of fields, each with one of {', '.join(RECORD)}",
}
_CHECKS: Mapping[str, Callable[..., list[Mistake]]] = {
    "cap_to": _check_cap,
    "days": _check_days,
    "grace_days": _check_days,
    "when": _check_when,
    "needs": _check_needs,
    "names": _check_names,
    "denials": _check_denials,
    "words": _check_words,
    "record": _check_record,
}


# ---------------------------------------------------------------- doubts


def lint(catalogue: Catalogue) -> tuple[str, ...]:
    """Return doubts about a usable catalogue: weak labels shared in a type, missing help texts."""
    doubts: list[str] = []
    for case in catalogue.types.values():
        owners: dict[str, list[str]] = {}
        for name in case.fields:
            weak = catalogue.fields[name].weak_aliases
            for label in _folded(weak, catalogue):
                owners.setdefault(label, []).append(name)
        for label, names in owners.items():
            if len(set(names)) > 1:
                shared = ", ".join(dict.fromkeys(names))
                doubts.append(f"types.{case.name}: {label!r} may mean {shared}; the value decides")
    doubts += [
        f"fields.{field.name}: no help text"
        for field in catalogue.fields.values()
        if not field.help
    ]
    return tuple(doubts)
