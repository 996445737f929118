"""States have names, one place that says which may follow which, and a page that tells of them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from intake.model import states
from intake.model.states import BECOMES
from intake.store.engine import open_engine
from intake.store.tables import cases, contacts, incidents, messages, outbox  # noqa: F401 - all
from intake.store.tables.columns import Base
from tests.support.service import AMY, Door

ROOT = Path(__file__).resolve().parents[2]
HOUSE = ROOT / "intake"
FILES = [
    path
    for path in sorted(HOUSE.rglob("*.py"))
    if "migrations" not in path.parts and path.name != "states.py"
]
ENUMS = [one for one in vars(states).values() if isinstance(one, type) and issubclass(one, StrEnum)]
VALUES = {member.value for one in ENUMS if one is not StrEnum for member in one}
COLUMNS = ("status", "state", "send_state")


def bare(source: str) -> Iterator[str]:
    """Places where a state is compared, set or looked for by its text."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Compare):
            sides = (node.left, *node.comparators)
            named = any(_is_column(one) for one in sides)
            texts = [word for one in sides for word in _texts(one)]
        elif isinstance(node, ast.keyword):
            named, texts = node.arg in COLUMNS, _texts(node.value)
        elif isinstance(node, ast.Assign):
            named, texts = any(map(_is_column, node.targets)), _texts(node.value)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            named = node.func.attr in ("in_", "not_in") and _is_column(node.func.value)
            texts = [word for one in node.args for word in _texts(one)]
        else:
            continue
        if named:
            yield from (f"line {node.lineno}: {one}" for one in texts if one in VALUES)


def _is_column(node: ast.AST) -> bool:
    """``row.status``, or ``col(Row.status)``."""
    if isinstance(node, ast.Call) and len(node.args) == 1:
        return _is_column(node.args[0])
    if isinstance(node, ast.Tuple):
        return any(map(_is_column, node.elts))
    return isinstance(node, ast.Attribute) and node.attr in COLUMNS


def _texts(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, (ast.Tuple, ast.List, ast.Set)):
        return [word for one in node.elts for word in _texts(one)]
    if isinstance(node, ast.IfExp):
        return [*_texts(node.body), *_texts(node.orelse)]
    return []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(HOUSE).as_posix())
def test_states_have_names(path: Path) -> None:
    """No state is compared, stored or looked for as a bare text."""
    assert list(bare(path.read_text(encoding="utf-8"))) == []


def test_the_rule_can_fail() -> None:
    """Each way of writing a bare state is found."""
    for words in (
        'row.status == "open"',
        'if case.status in ("resolved", x): pass',
        'col(Row.state).in_(("due", "claimed"))',
        'f(status="draft")',
        'row.state = "sent" if x else y',
        'row.status, x = "open", 1',
    ):
        assert list(bare(words)), words
    assert list(bare("row.status == CaseStatus.OPEN")) == []


def test_every_state_says_what_may_follow_it() -> None:
    """The table names each column that holds states, and each of its states."""
    held = {
        f"{table.name}.{column.name}"
        for table in Base.metadata.tables.values()
        for column in table.columns
        if column.name in COLUMNS
    }
    assert held - set(BECOMES) == {"incidents.status", "incident_updates.status"}  # any to any
    assert set(BECOMES) <= held
    for place, changes in BECOMES.items():
        kinds = {type(one) for one in changes}
        (kind,) = kinds
        assert set(changes) == set(kind), place
        assert {type(end) for ends in changes.values() for end in ends} == kinds, place


def test_the_page_tells_of_every_state() -> None:
    """docs/states.md names each state of each table; of mails it says what they become."""
    page = (ROOT / "docs/states.md").read_text(encoding="utf-8")
    plain = page.replace("*", "").replace("in doubt", "in_doubt")
    for changes in BECOMES.values():
        for one in changes:
            assert re.search(rf"\b{one.value}\b", plain), one
    rows = dict(re.findall(r"^\| (\w+) \|.*\| ([^|]+) \|$", page, re.MULTILINE))
    for status, ends in BECOMES["messages.status"].items():
        told = rows[status]
        if not ends:
            assert told.startswith("–"), status
        elif "any other" not in told:
            assert {one.value for one in ends} == set(re.findall(r"\w+", told)) & VALUES, status


def test_the_databases_of_the_tests_are_watched(tmp_path: Path) -> None:
    """A change that the table does not know fails there, so every test is a test of the table."""
    door = Door(tmp_path)
    door.say(AMY)
    engine = open_engine(door.config.database_url)
    try:
        with engine.begin() as connection:
            connection.execute(text("UPDATE cases SET status = 'waiting'"))
        with pytest.raises(IntegrityError, match="BECOMES"), engine.begin() as connection:
            connection.execute(text("UPDATE cases SET status = 'draft'"))
    finally:
        engine.dispose()
