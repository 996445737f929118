"""docs/faults.md: every fault has its tests, and a mutant that one of them notices."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench import mutants

ROOT = Path(__file__).resolve().parents[2]
ROW = re.compile(r"^\| (F\d+) \| (.+?) \| (.+?) \| (.+?) \|$", re.MULTILINE)
FAULTS = [f"F{number}" for number in range(1, 23)]
TABLE = {row[0]: row[1:] for row in ROW.findall((ROOT / "docs/faults.md").read_text("utf-8"))}


def test_the_table_names_every_fault_once() -> None:
    """In order, and nothing else."""
    assert list(TABLE) == FAULTS


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_has_tests_that_are_there(fault: str) -> None:
    """The files that the page names hold tests."""
    files = TABLE[fault][-1].split(", ")
    assert files
    for file in files:
        assert "def test_" in (ROOT / file).read_text("utf-8"), file


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_has_a_defence_whose_loss_is_noticed(fault: str) -> None:
    """A mutant of ``bench.mutants``, which is run by hand: it takes the better part of an hour."""
    assert [one.what for one in mutants.mutants() if one.fault == fault]
