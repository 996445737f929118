"""What a mail made to cost really costs, read and scanned in a process of its own."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import pytest

from intake.mail.message import Arrival
from tests.support import hostile_files
from tests.support.bombs import BOMBS, PROSE
from tests.support.rawmail import mail

MOST_CPU = 1.5  # seconds; each needs less than one on a machine that is not busy
MOST_MEMORY = 150 * 2**20  # bytes above what a harmless mail needs
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
ALL = BOMBS | PROSE


def arrival(raw: bytes) -> Arrival:
    """The mail as it arrives."""
    return Arrival("box", 7, 1, NOON, hashlib.sha256(raw).hexdigest(), len(raw), raw)


@pytest.fixture(scope="module")
def least() -> int:
    """The memory of a harmless mail, when everything is imported."""
    harmless = arrival(mail(body="a question"))
    hostile_files.read_here(harmless, hostile_files.SETTINGS)
    return hostile_files.cost(harmless).memory


@pytest.mark.parametrize("name", ALL)
def test_a_bomb_costs_no_more_than_a_moment(least: int, name: str) -> None:
    """A moment of CPU and 150 MiB at most, and its reading comes to its end."""
    found = hostile_files.cost(arrival(ALL[name]))
    assert found.end == "read"
    assert found.cpu < MOST_CPU
    assert found.memory - least < MOST_MEMORY
