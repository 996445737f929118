"""A catalogue that would misfile mail is refused, and whatever is in the file, by name."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intake.catalogue.catalogue import CatalogueError
from intake.catalogue.lint import RULE_IDS
from intake.catalogue.loader import build
from tests.support.forms import CATALOGUE, DATA

Change = Callable[[dict[str, Any]], Any]


def rule(data: dict[str, Any], name: str) -> dict[str, Any]:
    """The settings of one rule."""
    found: dict[str, Any] = next(one for one in data["rules"] if one["id"] == name)["settings"]
    return found


def found(change: Change) -> str:
    """What is said about the shipped file with that change."""
    data = copy.deepcopy(DATA)
    change(data)
    with pytest.raises(CatalogueError) as caught:
        build(data)
    return str(caught.value)


TWICE: dict[str, tuple[Change, str]] = {
    "priority": (
        lambda d: d["priorities"].append({"value": "Low"}),
        "priorities: found 'Low', wanted a value that stands there once",
    ),
    "word of a value, as compared": (
        lambda d: d["priorities"][1]["aliases"].append(" **P1**: "),
        "a word of one value; 'Critical' has it too",
    ),
    "module": (lambda d: d["modules"]["values"].append("Transcript"), "'Transcript'"),
    "contact type": (
        lambda d: d["contact_types"].append(dict(d["contact_types"][0])),
        "contact_types[3]: found 'Authorized'",
    ),
    "word of a contact type": (
        lambda d: d["contact_types"][1]["aliases"].append("support"),
        "contact_types: found 'support'",
    ),
    "rule": (
        lambda d: d["rules"].append(dict(d["rules"][0])),
        "found 'critical_only_outage', wanted a rule that stands there once",
    ),
    "name of a case type": (
        lambda d: d["types"]["ask_question"]["aliases"].append("Restore"),
        "types.data_restore: found 'restore', wanted a word of its own; ask_question has it",
    ),
    "field of a type": (
        lambda d: d["types"]["ask_question"]["fields"].append("module"),
        "types.ask_question.fields: found 'module'",
    ),
    "part of a name and a label": (
        lambda d: d["fields"]["contact_first_name"]["split_from"].append("Contact Email"),
        "a label of its own; contact_first_name has it",
    ),
    "required and recommended": (
        lambda d: d["types"]["ask_question"]["recommended"].append("description"),
        "required or recommended, not both",
    ),
    "yes and no": (
        lambda d: d["normalise"]["no_words"].append("OK"),
        "normalise.no_words: found 'OK'",
    ),
}

WRONG: dict[str, tuple[Change, str]] = {
    "schema": (lambda d: d.update(schema=2), "schema: found 2, wanted 1"),
    "date order": (lambda d: d.update(date_order="YDM"), "date_order: found 'YDM'"),
    "time zone": (lambda d: d.update(timezone="Mars/Base"), "timezone: found 'Mars/Base'"),
    "time zone path": (lambda d: d.update(timezone="../etc"), "timezone: found '../etc'"),
    "only types": (
        lambda d: d["priorities"][0].update(only_types=["moon"]),
        "priorities: Critical: found 'moon', wanted a case type",
    ),
    "default of a type": (
        lambda d: d["types"]["ask_question"].update(default_priority="moon"),
        "types.ask_question.default_priority: found 'moon'",
    ),
    "multi": (lambda d: d["fields"]["request_type"].update(multi=["moon"]), "multi: found 'moon'"),
    "values not shown": (
        lambda d: d["fields"]["request_type"]["values"].update(ask_question=[]),
        "fields.request_type: found 'ask_question', wanted a case type that shows this field",
    ),
    "values no list": (
        lambda d: d["fields"]["type"]["values"].update(application_issue=3),
        "fields.type.values.application_issue: found 3, wanted a list",
    ),
    "closed list of nothing": (
        lambda d: d["fields"]["module"].update(values_from="", open=False),
        "fields.module: found 'no values on ",
    ),
    "look-alike": (
        lambda d: d["normalise"]["confusables"].update({"ab": "c"}),
        "normalise.confusables.ab: found 'c'",
    ),
    "empty word": (
        lambda d: d["fields"]["module"]["aliases"].append(" : "),
        "fields.module.aliases: found ' : '",
    ),
    "length": (
        lambda d: d["fields"]["subject"].update(max_length=-1),
        "fields.subject.max_length: found -1",
    ),
    "rule nobody applies": (
        lambda d: d["rules"].append({"id": "moon", "text": "x"}),
        "rules: found 'moon', wanted one of critical_only_outage",
    ),
    "cap": (
        lambda d: rule(d, "critical_only_outage").update(cap_to="moon"),
        "cap_to: found 'moon', wanted one of the priorities",
    ),
    "days": (
        lambda d: rule(d, "restore_retention").update(days="many"),
        "days: found 'many', wanted a number of days",
    ),
    "negative days": (
        lambda d: rule(d, "restore_retention").update(grace_days=-1),
        "grace_days: found -1",
    ),
    "setting": (
        lambda d: rule(d, "restore_retention").update(dayz=3),
        "settings.dayz: found 'an unknown key'",
    ),
    "when": (lambda d: rule(d, "replace_names_removed").update(when="x"), "when: found 'x'"),
    "when without a test": (
        lambda d: rule(d, "replace_names_removed").update(when={"field": "module"}),
        "when: found {'field': 'module'}",
    ),
    "when of no field": (
        lambda d: rule(d, "sql_needs_bootcamp").update(when={"field": "x", "equals": "y"}),
        "when: found 'x', wanted a field",
    ),
}


@pytest.mark.parametrize("name", TWICE)
def test_what_must_be_once_is_refused_twice(name: str) -> None:
    """One word, one meaning; the line says who has it already."""
    change, wanted = TWICE[name]
    assert wanted in found(change)


@pytest.mark.parametrize("name", WRONG)
def test_what_the_program_cannot_follow_is_refused(name: str) -> None:
    """A setting that would be passed over in silence is a mistake at the start instead."""
    change, wanted = WRONG[name]
    assert wanted in found(change)


def test_mistakes_of_shape_and_of_meaning_are_named_together() -> None:
    """Nobody mends a file in two rounds."""

    def change(data: dict[str, Any]) -> None:
        data["nonsense"] = 1
        data["types"]["ask_question"]["department"] = "moon"
        data["timezone"] = "Mars/Base"

    assert found(change).count("\n") == 2


def test_every_shipped_rule_is_one_that_is_known() -> None:
    """And the other way round."""
    assert sorted(one.id for one in CATALOGUE.rules) == sorted(RULE_IDS)


LEAVES = st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=4)
JUNK = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)


def places(node: Any, above: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path to every value in the file."""
    keys = node.keys() if isinstance(node, dict) else range(len(node))
    made: list[tuple[Any, ...]] = []
    for key in keys:
        made.append((*above, key))
        if isinstance(node[key], dict | list):
            made += places(node[key], (*above, key))
    return made


PLACES = [place for place in places(DATA) if place[:2] != ("normalise", "confusables")]


@pytest.mark.long
@settings(max_examples=60, deadline=None)
@given(st.sampled_from(PLACES), JUNK)
def test_no_file_makes_the_reader_raise_anything_else(place: tuple[Any, ...], junk: Any) -> None:
    """Whatever stands in whatever place: a catalogue, or its mistakes by name."""
    data = copy.deepcopy(DATA)
    node: Any = data
    for key in place[:-1]:
        node = node[key]
    node[place[-1]] = junk
    with contextlib.suppress(CatalogueError):
        build(data)


@pytest.mark.parametrize("junk", [None, 3, "x", {"a": 1}, [None], [3]])
def test_contact_types_that_are_no_list_are_named(junk: Any) -> None:
    """A field takes its values from them; that is no reason to break off."""
    with pytest.raises(CatalogueError) as failure:
        build({**DATA, "contact_types": junk})
    assert "contact_types" in str(failure.value)


def test_a_type_of_a_role_that_is_no_table_is_named() -> None:
    """And the other mistakes are named with it."""
    table = {"type": {"reads": "choice", "values_by_type": [3], "sure": [3]}}
    with pytest.raises(CatalogueError) as failure:
        build({**DATA, "roles": table})
    assert "roles.type.values_by_type" in str(failure.value)
    assert "roles.type.sure" in str(failure.value)
