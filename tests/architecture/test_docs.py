"""The documents are complete and true where a program can tell."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from intake.store.messages.record import STATUS
from intake.triage.rules import TABLE
from tests.support.commands import tree

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_a_page_names_is_there(page: Path) -> None:
    """Links and paths in the text lead somewhere."""
    text = page.read_text(encoding="utf-8")
    for name in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (page.parent / name).exists(), name
    for name in re.findall(r"`((?:intake|docs|tests)/[\w/.]+)`", text):
        assert (ROOT / name).exists(), name


def test_every_command_that_a_page_names_exists() -> None:
    """Nobody types a command from the manual in vain."""
    command = tree()
    known = {name: set(getattr(one, "commands", {})) for name, one in command.commands.items()}  # type: ignore[attr-defined]  # a group has commands
    for page in PAGES:
        for group, word in re.findall(r"`?intake (\w+)(?: (\w+))?", page.read_text("utf-8")):
            if group in known:
                assert not known[group] or word in known[group] or not word, (
                    page.name,
                    group,
                    word,
                )


def test_every_status_is_explained() -> None:
    """docs/states.md names each status a mail can have."""
    text = (ROOT / "docs/states.md").read_text("utf-8")
    for status in (*STATUS.values(), "rejected", "shelved", "vanished"):
        assert f"| {status} |" in text, status


def test_operators_are_told_what_to_do_about_each_hold() -> None:
    """Every rule that may hold a mail has a line, but for what passes by itself."""
    text = (ROOT / "docs/operate.md").read_text("utf-8")
    silent = {"R0a", "R2", "R4", "R6", "R9a", "R17", "R18", "R18a", "R20", "R30", "R32", "R34"}
    for rule in TABLE:
        assert rule.id in silent or re.search(rf"\b{rule.id}\b", text), rule.id


def test_the_project_speaks_of_itself_alone() -> None:
    """No page names a registry or a path of somebody's machine."""
    for page in PAGES:
        text = page.read_text("utf-8")
        assert not re.search(r"/root/|/home/|/tmp/", text), page.name
