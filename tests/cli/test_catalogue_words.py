"""``intake catalogue suggest``: phrases of several cases of one type, ready for the catalogue."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from intake.config import loader as config_loader
from intake.config import toml_files
from intake.parsers.prose.suggestions import Told, suggestions
from tests.support.commands import invoke
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


LEARNED = {
    "server_issue": "The frobnicator daemon is wobbly again, and our printers wait for hours: {}",
    "ask_question": "Where can a teacher see which of the quibble sheets are printed for: {}",
}


def test_an_organisation_learns_from_its_own_cases(tmp_path: Path) -> None:
    """The file is used when the catalogue names it, and says how good it is."""
    door = Door(tmp_path)
    for kind, text in LEARNED.items():
        for room in ("hall", "gym", "office", "library", "lab"):
            form = f"Case Type: {kind}\nDescription: {text.format(room)}\n"
            door.say(AMY, form, subject="Our matter")
    file = tmp_path / "words.txt"
    told = door.cli("catalogue", "learn", "--out", str(file))
    assert told.startswith("10 mails of 2 types")
    assert "100 of 100 mails get their type" in told
    row = json.loads(door.cli("catalogue", "learn", "--out", str(file), "--json"))
    assert (row["mails"], row["right"], row["file"]) == (10, 10, str(file))
    text = (Path(config_loader.__file__).parents[1] / "catalogue.toml").read_text("utf-8")
    own = tmp_path / "own.toml"
    own.write_text(text.replace('words_file = "shipped"', 'words_file = "words.txt"'), "utf-8")
    catalogue = toml_files.built(toml_files.catalogue_text(own))
    assert catalogue.learned.types == ("ask_question", "server_issue")
    assert "frobnicator" in catalogue.learned.words
    file.unlink()
    with pytest.raises(toml_files.ConfigError, match=r"words\.txt: cannot be read"):
        toml_files.catalogue_text(own)


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ('{"type": "x", "subject": "a"}\n', "line 1: KeyError('body')"),
        ('{"type": "x", "subject": "a", "body": "b"}\n{\n', "line 2: "),
        ("", "found 0 mails, wanted at least two types with 5 mails each"),
        ('{"type": "x", "subject": "a", "body": "b"}\n' * 9, "found 9 mails, wanted"),
    ],
)
def test_mails_that_teach_nothing_are_refused(tmp_path: Path, lines: str, told: str) -> None:
    """The message names the line, or how many mails are wanted."""
    file = tmp_path / "mails.jsonl"
    file.write_text(lines)
    out = tmp_path / "words.txt"
    done = invoke(["catalogue", "learn", "--out", str(out), "--mails", str(file)])
    assert done.exit_code != 0
    assert told in str(done.exception)
    assert not out.exists()


def test_explain_shows_what_speaks_for_the_likeliest_types(tmp_path: Path) -> None:
    """Phrases of the catalogue in quotation marks, learned words behind them; none for a form."""
    door = Door(tmp_path)
    mail = tmp_path / "one.eml"
    head = f"From: {AMY}\nTo: support@desk.example\nSubject: Gradebook frozen\n\n"
    mail.write_text(head + "Since the update the gradebook freezes when I click Save, an error.\n")
    row = json.loads(door.cli("explain", str(mail), "--json"))
    first = row["likeliest"][0]
    assert (first["type"], row["type"]) == ("application_issue", "application_issue")
    assert "freezes" in first["phrases"]
    assert "error" in first["words"]
    assert [one["weight"] for one in row["likeliest"]] == sorted(
        (one["weight"] for one in row["likeliest"]), reverse=True
    )
    assert "application_issue +" in door.cli("explain", str(mail))
    mail.write_text(f"{head}Case Type: Ask a Question\nDescription: Why?\n")
    assert json.loads(door.cli("explain", str(mail), "--json"))["likeliest"] == []
