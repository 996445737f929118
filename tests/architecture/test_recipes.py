"""The recipes of docs/architecture.md do what they say: a new field, and a new rule about one."""

from __future__ import annotations

from pathlib import Path

import pytest

from intake.catalogue import lint
from intake.catalogue.catalogue import Rule
from intake.parsers import form_rules
from intake.parsers.form_rules import Form
from intake.parsers.submission import Problem
from tests.support.service import AMY, Door, what, words_of

ROOT = Path(__file__).resolve().parents[2]
FIELD = """
[fields.room_number]
label = "Room Number"
kind = "text"
help = "Where the computer stands."
aliases = ["room"]
basis = "inferred"
"""
RULE = """[[rules]]
id = "room_has_a_digit"
text = "A room number has a digit."
on_violation = "ask"
applies_to = ["ask_question"]
fields = ["room_number"]
basis = "inferred"

[[rules]]
id = "module_not_listed"
"""
MAIL = "Case Type: Ask a Question\nRoom: {0}\nDescription: Why is it cold in there?\n"


def service(folder: Path, *, rule: bool = False) -> Door:
    """A service whose catalogue has the new field, and the new rule if wanted."""
    text = (ROOT / "intake/catalogue.toml").read_text(encoding="utf-8")
    head, _, tail = text.partition("\n[types.ask_question]\n")
    own = tail.replace(
        '"location_within_product", ', '"location_within_product", "room_number", ', 1
    )
    assert own != tail
    text = f"{head}\n{FIELD}\n[types.ask_question]\n{own}"
    if rule:
        text = text.replace('[[rules]]\nid = "module_not_listed"\n', RULE, 1)
    (folder / "catalogue.toml").write_text(text, encoding="utf-8")
    return Door(folder, more=f'\n[catalogue]\npath = "{folder}/catalogue.toml"\n')


def test_a_new_field_is_data_only(tmp_path: Path) -> None:
    """Label, kind and alias in the catalogue, its name in a type: it is read and acknowledged."""
    door = service(tmp_path)
    assert what(door.say(AMY, MAIL.format("B 12"))) == "create R20"
    assert door.case("CASE-1001")["fields"]["room_number"]["value"] == "B 12"
    assert "Room Number: B 12" in words_of(door.posted(AMY)[0])
    assert "Room Number" in door.cli("form", "ask_question")


def _has_a_digit(form: Form, rule: Rule) -> None:
    for name in rule.fields:
        one = form.values.get(name)
        if one is not None and not any(char.isdigit() for char in one.words):
            form.problems.append(Problem(name, "no-digit", one.words, blocking=True, rule=rule.id))


def test_a_new_rule_is_data_and_one_function(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A function in the table, its id in the lint's list, a table in the catalogue: it asks."""
    monkeypatch.setitem(form_rules.APPLIERS, "room_has_a_digit", _has_a_digit)
    monkeypatch.setattr(lint, "RULE_IDS", (*lint.RULE_IDS, "room_has_a_digit"))
    door = service(tmp_path, rule=True)
    assert what(door.say(AMY, MAIL.format("the gym"))) == "ask R18"
    assert "Room Number" in words_of(door.posted(AMY)[0])
    assert what(door.say(AMY, MAIL.format("12"), subject="Another")) == "create R20"
