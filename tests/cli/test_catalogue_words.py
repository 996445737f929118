"""``intake catalogue suggest``: phrases of several cases of one type, ready for the catalogue."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from intake.parsers.prose.suggestions import Told, suggestions
from tests.support.forms import CATALOGUE
from tests.support.service import ABE, AMY, Door


def told(*rows: tuple[str, str]) -> list[tuple[str, str]]:
    """(table, phrase) of what is suggested for cases of a type and a text."""
    cases = [Told(kind, text) for kind, text in rows]
    return [(one.table, one.phrase) for one in suggestions(cases, CATALOGUE)]


def test_a_phrase_of_one_type_alone_is_suggested() -> None:
    """Twice is enough; the longest form stands for its parts; what another type says is left."""
    found = told(
        ("server_issue", "The frobnicator daemon is wobbly since noon."),
        ("server_issue", "Again: frobnicator daemon, wobbly printers."),
        ("ask_question", "Are printers included, and is noon fine?"),
    )
    assert ("prose.server_issue", "frobnicator daemon") in found
    assert ("prose.server_issue", "wobbly") in found
    assert not [phrase for _, phrase in found if phrase in ("frobnicator", "printers", "noon")]


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [("server_issue", "the frobnicator")],
        [("server_issue", "frobnicator"), ("ask_question", "frobnicator")] * 2,
        [("server_issue", "the disk is full"), ("server_issue", "the disk is full")],
        [("no_type", "frobnicator"), ("no_type", "frobnicator")],
        [("server_issue", "it is, and so on"), ("server_issue", "it is, and so on")],
    ],
)
def test_what_tells_nothing_new_is_not_suggested(rows: list[tuple[str, str]]) -> None:
    """One case, both types, known words, an unknown type, small words."""
    assert [
        phrase for _, phrase in told(*rows) if "frobnicator" in phrase or "disk" in phrase
    ] == []


def test_a_value_is_learnt_from_the_cases_that_have_it() -> None:
    """The word that people use for a module."""
    cases = [
        Told("ask_question", "How do I print the quibble sheet?", {"module": "Attendance"}),
        Told("ask_question", "Where is the quibble sheet?", {"module": "Attendance"}),
        Told("ask_question", "How do I print it?", {"module": "Transcript"}),
    ]
    found = [(one.table, one.key, one.phrase) for one in suggestions(cases, CATALOGUE)]
    assert ("roles.module.values", "Attendance", "quibble sheet") in found


def test_the_command_prints_lines_for_the_catalogue(tmp_path: Path) -> None:
    """They are TOML, and name only words of settled cases."""
    door = Door(tmp_path)
    form = "Case Type: Server Issue\nDescription: The frobnicator daemon is wobbly.\n"
    door.say(AMY, form, subject="Server")
    assert "1 cases read: no new phrases" in door.cli("catalogue", "suggest")
    door.say(ABE, form, subject="Server")
    lines = tomllib.loads(door.cli("catalogue", "suggest"))
    assert "frobnicator daemon" in lines["prose"]["server_issue"]["likely"]
    rows = json.loads(door.cli("catalogue", "suggest", "--json"))
    assert rows[0]["cases"] == 2
