"""Whoever filed a case hears when a colleague changes it; nobody else does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.service import ABE, AMY, MONA, Door, what

HALF = "Case Type: Application Issue\nModule: Grade Book\nDescription: The button is grey.\n"
REST = "Steps to Reproduce: 1. Click\nWho is impacted?: all\nIssue Began: yesterday\n"


@pytest.fixture
def door(tmp_path: Path) -> Door:
    """A draft of Amy's, who was asked for what is missing."""
    made = Door(tmp_path)
    assert what(made.say(AMY, HALF, subject="Grades")).startswith("ask")
    return made


def reply(door: Door, who: str, text: str, **how: Any) -> str:
    """That person answers the newest letter to Amy; what became of it."""
    letter = door.letters(to=AMY)[0]
    return what(
        door.say(who, text, to=letter["message_id_header"], subject=letter["subject"], **how)
    )


def test_the_filer_hears_that_a_colleague_has_completed_the_case(door: Door) -> None:
    """Who it was, that it is open now, and nothing to the colleague but the acknowledgement."""
    assert reply(door, ABE, REST).startswith("complete")
    (told,) = door.letters("changed", AMY)
    text = " ".join(told["text"].split())
    assert "Abe Alder has written about your case CASE-1001" in text
    assert "the case is open now" in text
    assert told["state"] == "sent"
    assert door.letters("changed", ABE) == []


def test_the_filer_hears_what_a_colleague_has_added(door: Door) -> None:
    """The words, masked as everywhere."""
    reply(door, AMY, REST)
    reply(door, ABE, "It happens on Fridays, too.\nDate of birth: 01/02/2010\n")
    (told,) = door.letters("changed", AMY)
    assert "It happens on Fridays, too." in told["text"]
    assert "01/02/2010" not in told["text"]


def test_one_letter_an_hour_is_enough(door: Door) -> None:
    """Ten answers of a colleague are one word to the filer."""
    for number in range(4):
        reply(door, ABE, f"Line {number}.")
    assert len(door.letters("changed", AMY)) == 1


def test_a_filers_own_mail_tells_nobody(door: Door) -> None:
    """Nor does one that nothing proves, or one of another customer's contact."""
    reply(door, AMY, REST)
    reply(door, ABE, "x", proof="dmarc=none header.from={0}")
    reply(door, "ben@birch.example", "y")
    assert door.letters("changed") == []


def test_who_wants_no_acknowledgements_or_is_disabled_is_not_told(door: Door) -> None:
    """The letter is one of those."""
    door.cli("contacts", "disable", "amy")
    reply(door, ABE, "One word more.")
    assert door.letters("changed") == []


def test_both_who_filed_it_hear(tmp_path: Path) -> None:
    """Amy filed for Abe; Mona adds to it."""
    door = Door(tmp_path)
    text = "Case Type: Ask a Question\nDescription: How?\nContact: Abe Alder\n"
    assert what(door.say(AMY, text)) == "create R20"
    assert reply(door, MONA, "One word more.") == "append R17"
    assert {one["recipient"] for one in door.letters("changed")} == {AMY, ABE}
