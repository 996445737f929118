"""The catalogue: the shipped one is whole, and every mistake in another one is named."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from intake.catalogue.catalogue import CatalogueError
from intake.catalogue.labels import fold, visible
from intake.catalogue.loader import build, lint
from tests.support.forms import CATALOGUE, DATA


def test_the_shipped_catalogue_has_the_ten_types_and_their_fields() -> None:
    """Ten types, the 31 fields of the seed and five more, required sets as laid down."""
    assert len(CATALOGUE.types) == 10
    assert len(CATALOGUE.fields) == 36
    assert sum(field.basis.startswith("seed") for field in CATALOGUE.fields.values()) == 31
    assert CATALOGUE.types["data_restore"].required == (
        "subject", "description", "approximate_date_of_loss", "reason_for_restore",
        "written_permission",
    )  # fmt: skip
    assert CATALOGUE.types["report_outage"].opens_at_once
    assert CATALOGUE.contact_types["Read Only"].may_submit is False
    assert [one.value for one in CATALOGUE.priorities.values] == [
        "Critical",
        "High",
        "Medium",
        "Low",
    ]
    assert CATALOGUE.rule("none") is None


def test_every_field_has_a_help_and_a_label_people_can_paste() -> None:
    """Nothing of a form is left unexplained."""
    assert all(field.help and field.label for field in CATALOGUE.fields.values())
    assert CATALOGUE.fields["who_is_impacted"].label == "Who is impacted?"


def test_the_linter_names_weak_labels_that_two_fields_share() -> None:
    """They are settled by value, and the operator is told."""
    doubts = lint(CATALOGUE)
    assert any("'type' may mean request_type, contact_type" in doubt for doubt in doubts)
    data = changed(["fields", "module", "help"], "")
    assert any("fields.module: no help" in doubt for doubt in lint(build(data)))


def changed(path: list[Any], value: Any) -> dict[str, Any]:
    """The shipped file with one value changed; ``...`` deletes it."""
    data = copy.deepcopy(DATA)
    place: Any = data
    for key in path[:-1]:
        place = place[key]
    if value is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return data


MISTAKES: list[tuple[list[Any], Any, list[str]]] = [
    (["nonsense"], 1, ["catalogue.nonsense", "unknown key"]),
    (["name"], ..., ["catalogue.name", "nothing", "a text"]),
    (["fields"], [], ["catalogue.fields", "a table"]),
    (["fields", "module"], "x", ["fields.module", "'x'", "a table"]),
    (["fields", "module", "kind"], "colour", ["fields.module.kind", "'colour'", "multiline"]),
    (["fields", "module", "label"], 7, ["fields.module.label", "found 7", "a text"]),
    (["fields", "module", "aliases"], [1], ["fields.module.aliases", "a list of texts"]),
    (["fields", "subject", "max_length"], True, ["max_length", "True", "a number"]),
    (["fields", "subject", "max_length"], False, ["max_length", "False", "a number"]),
    (["fields", "module", "values_from"], "moons", ["values_from", "'moons'", "modules"]),
    (["fields", "written_permission", "phrases"], ["("], ["phrases", "regular expression"]),
    (["fields", "type", "aliases_by_type", "nothing"], ["x"], ["'nothing'", "a case type"]),
    (["fields", "preferred_consult_date", "list_split"], ["x"], ["list_split", "'x'", "a field"]),
    (["types", "ask_question", "department"], "moon", ["department", "'moon'", "[departments]"]),
    (["types", "ask_question", "fields"], ["moon"], ["types.ask_question.fields", "'moon'"]),
    (["types", "ask_question", "required"], ["type"], ["required", "'type'", "of this type"]),
    (["types", "ask_question", "billable"], 1, ["billable", "true or false"]),
    (["rules", 0, "applies_to"], ["moon"], ["applies_to", "'moon'"]),
    (["rules", 0, "fields"], ["moon"], ["rule critical_only_outage", "'moon'"]),
    (["rules", 0, "on_violation"], "shout", ["on_violation", "'shout'", "cap"]),
    (["rules", 0, "settings"], {"needs": "moon"}, ["'moon'", "a field"]),
    (["rules", 0, "settings"], {"words": ["my phone", " "]}, ["settings.words", "not empty"]),
    (["rules", 0, "settings"], {"record": {"moon": "type"}}, ["'moon'", "a field"]),
    (["rules", 0, "settings"], {"record": {"module": "age"}}, ["'age'", "first name, last name"]),
    (["priorities", 0, "value"], "", ["priorities[0].value", "nothing"]),
    (["priorities", 1, "aliases"], ["p1"], ["priorities", "'p1'", "Critical"]),
    (["default_priority"], "Urgent", ["default_priority", "'Urgent'"]),
    (["departments", "support"], 3, ["departments.support", "found 3"]),
    (["normalise", "yes_words"], "yes", ["normalise.yes_words", "a list"]),
    (["modules", "values"], [3], ["modules.values", "a list of texts"]),
    (["fields", "module", "aliases"], ["priority"], ["label 'priority'", "has it"]),
    (["fields", "error_message", "aliases"], ["Description"], ["has it"]),
]


@pytest.mark.parametrize(("path", "value", "words"), MISTAKES, ids=lambda one: str(one)[:40])
def test_a_mistake_is_named(path: list[Any], value: Any, words: list[str]) -> None:
    """Where, found and wanted stand in one line."""
    with pytest.raises(CatalogueError) as caught:
        build(changed(path, value))
    assert all(word in str(caught.value) for word in words), caught.value


def test_all_mistakes_are_named_at_once() -> None:
    """Nobody mends a catalogue one start at a time."""
    data = changed(["default_priority"], "Urgent")
    data["types"]["ask_question"]["department"] = "moon"
    with pytest.raises(CatalogueError) as caught:
        build(data)
    assert len(caught.value.mistakes) == 2


def test_labels_compare_without_case_marks_and_look_alikes() -> None:
    """What people paste from the page is the label, Cyrillic letters and all."""
    confusables = CATALOGUE.normalise.confusables
    for written in (
        "Туре",
        "**Type:**",
        "type ?",
        "T\u200bype",
        "TYPE\u00a0:",
        "» type".strip("» "),
    ):
        assert fold(written, confusables) == "type"
    assert visible("9:00\u202fAM \u201cx\u201d") == '9:00 AM "x"'


def test_choices_fall_back_to_the_general_list() -> None:
    """A type's own list counts before the one for all types, and none is an empty one."""
    field = CATALOGUE.fields["request_type"]
    assert [one.value for one in field.choices_on("server_access").values] == [
        "Server",
        "SQL Server",
        "SSRS",
    ]
    assert field.choices_on("request_training").open
    assert CATALOGUE.fields["subject"].choices_on("x").values == ()
