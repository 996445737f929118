"""Whoever writes that a case may be closed is asked once; a plain yes closes it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text as sql

from intake.store import retention
from tests.support import installation
from tests.support.service import ABE, AMY, BY_SPF, Door, what, words_of

ASKED = "Shall we close it?"


def opened(folder: Path, text: str = "") -> tuple[Door, str]:
    """A service with a case of Amy's, and the id of the letter about it."""
    door = Door(folder)
    assert what(door.say(AMY, *([text] if text else []))).split()[0] in ("create", "ask")
    return door, str(door.posted(AMY)[0]["Message-ID"])


@pytest.mark.parametrize(
    "words",
    [
        "You can close this.",
        "You can close this case, thank you!\n\nBest regards,\nAmy",
        "Hi,\n\nit works now. Please close the ticket.\n\nAmy Alder",
        "Thanks for the quick fix. This can be closed.",
        "This is resolved",
        "never mind",
        "Ya funciona, pueden cerrar el caso. Gracias.",
    ],
)
def test_a_word_that_it_may_be_closed_is_asked_about(tmp_path: Path, words: str) -> None:
    """The case stays as it is until the yes; the words stand in its history."""
    door, letter = opened(tmp_path)
    assert what(door.say(AMY, words, to=letter)) == "append R17"
    assert door.case("CASE-1001")["status"] == "open"
    asked = door.posted(AMY)[-1]
    assert "<ask-close." in str(asked["Message-ID"])
    assert ASKED in words_of(asked) or "¿Lo cerramos?" in words_of(asked)
    assert what(door.say(AMY, "Yes, please.", to=str(asked["Message-ID"]))) == "append R17"
    case = door.case("CASE-1001")
    assert (case["status"], case["closed_at"] is not None) == ("closed", True)
    assert "is closed, as you asked" in words_of(door.posted(AMY)[-1])
    assert "closed" in [one["kind"] for one in case["events"]]


@pytest.mark.parametrize(
    "words",
    [
        "You can close this if it is not needed for the audit.",
        "Can you close this?",
        "You cannot close this.",
        "It works now, but please look at Ms. Keene's grade book, too.",
        "Do not close this case.",
        "The ticket machine is fixed to the wall. Close the door.",
    ],
)
def test_anything_more_is_an_answer_like_any_other(tmp_path: Path, words: str) -> None:
    """It is added to the case, and nobody is asked."""
    door, letter = opened(tmp_path)
    assert what(door.say(AMY, words, to=letter)) == "append R17"
    assert door.letters("ask_close") == []
    assert door.case("CASE-1001")["status"] == "open"


@pytest.mark.parametrize("answer", ["No, it is back.", "Yesterday it came back", "yes?", ""])
def test_what_is_no_plain_yes_closes_nothing(tmp_path: Path, answer: str) -> None:
    """A no, a doubt, an empty mail: the case stays open, and what was said stands in it."""
    door, letter = opened(tmp_path)
    door.say(AMY, "You can close this.", to=letter)
    asked = str(door.posted(AMY)[-1]["Message-ID"])
    door.say(AMY, answer, to=asked)
    assert door.case("CASE-1001")["status"] == "open"


def test_only_who_was_asked_says_yes(tmp_path: Path) -> None:
    """A colleague's yes to somebody else's question, or a yes to another letter, closes nothing."""
    door, letter = opened(tmp_path)
    door.say(AMY, "You can close this.", to=letter)
    asked = str(door.posted(AMY)[-1]["Message-ID"])
    door.say(ABE, "yes", to=asked)
    assert door.case("CASE-1001")["status"] == "open"
    door.say(AMY, "yes", to=letter)
    assert door.case("CASE-1001")["status"] == "open"
    door.say(AMY, "yes", to=asked)
    assert door.case("CASE-1001")["status"] == "closed"
    count = len(door.letters())
    door.say(AMY, "yes", to=asked)  # once more, later: closed it stays, and nobody writes again
    assert door.case("CASE-1001")["status"] == "closed"
    assert len(door.letters()) == count


def test_a_closed_case_is_not_opened_by_it(tmp_path: Path) -> None:
    """ "You can close this" in answer to what is closed already: noted, no letter, still closed."""
    door, letter = opened(tmp_path)
    door.cli("cases", "close", "CASE-1001")
    count = len(door.letters())
    assert what(door.say(AMY, "Thanks, you can close this.", to=letter)) == "append R17"
    assert door.case("CASE-1001")["status"] == "closed"
    assert len(door.letters()) == count


def test_a_draft_may_be_closed_whatever_it_lacks(tmp_path: Path) -> None:
    """No more questions about what is not needed; a Data Restore needs no signature to end."""
    door, letter = opened(tmp_path, "Case Type: Data Restore\nDescription: A table is gone.\n")
    assert door.case("CASE-1001")["status"] == "draft"
    did = what(door.say(AMY, "Never mind, this is resolved.", to=letter, proof=BY_SPF))
    assert did == "append R17"
    asked = door.posted(AMY)[-1]
    assert ASKED in words_of(asked)
    assert what(door.say(AMY, "yes", to=str(asked["Message-ID"]), proof=BY_SPF)) == "append R17"
    assert door.case("CASE-1001")["status"] == "closed"


@pytest.mark.parametrize("answered", [False, True])
def test_without_a_yes_the_questions_of_a_draft_stay_open(
    tmp_path: Path, *, answered: bool
) -> None:
    """The answers still complete the draft; without them it is flagged as ever."""
    door, letter = opened(tmp_path, "Case Type: Request Training\nDescription: For our cooks.\n")
    assert what(door.say(AMY, "Never mind.", to=letter)) == "append R17"
    assert door.case("CASE-1001")["status"] == "draft"
    if answered:
        done = what(door.say(AMY, "Preferred Training Date: 2031-05-05", to=letter))
        assert (done, door.case("CASE-1001")["status"]) == ("complete R20", "open")
        return
    later = datetime.now(UTC) + timedelta(days=60)
    with installation.database(door.config, write=True) as session:
        assert retention.expire(session, later, 14) == ["CASE-1001"]


def test_a_yes_supersedes_the_questions_of_a_draft(tmp_path: Path) -> None:
    """They were not answered: the case was closed (docs/states.md)."""
    door, letter = opened(tmp_path, "Case Type: Request Training\nDescription: For our cooks.\n")
    door.say(AMY, "Never mind.", to=letter)
    door.say(AMY, "yes", to=str(door.posted(AMY)[-1]["Message-ID"]))
    assert door.case("CASE-1001")["status"] == "closed"
    with installation.database(door.config) as session:
        assert list(session.scalars(sql("SELECT state FROM pending_forms"))) == ["superseded"]
