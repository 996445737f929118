"""Answers in the order of the questions, numbered or one a line."""

from __future__ import annotations

from pathlib import Path

import pytest

from intake.model.cases import PendingForm
from intake.parsers.ordered_answers import in_order
from tests.support.forms import CATALOGUE
from tests.support.service import AMY, Door

ASKED = ("module", "steps_to_reproduce", "who_is_impacted", "issue_began")


def read(text: str, asked: tuple[str, ...] = ASKED) -> dict[str, str]:
    """The answers by their fields."""
    pending = PendingForm("CASE-1001", "amy", asked, "<x@desk.example>", "", 1)
    found = in_order(text, pending, CATALOGUE, "application_issue")
    return {one.field: one.words for one in found}


WHOLE = {
    "module": "Grade Book", "steps_to_reproduce": "Open it, press Post",
    "who_is_impacted": "all teachers", "issue_began": "since Monday",
}  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "1. Grade Book\n2. Open it, press Post\n3. all teachers\n4. since Monday\n",
        "1) Grade Book\n\n2) Open it, press Post\n\n3) all teachers\n\n4) since Monday",
        "(1) Grade Book\n(2) Open it, press Post\n(3) all teachers\n(4) since Monday",
        "Grade Book\nOpen it, press Post\nall teachers\nsince Monday\n",
        "Hello,\n\nGrade Book\nOpen it, press Post\nall teachers\nsince Monday\n\nThanks,\n",
    ],
)
def test_answers_in_the_order_of_the_questions(text: str) -> None:
    """Numbers, blank lines and a greeting do not matter."""
    assert read(text) == WHOLE


def test_a_numbered_answer_may_have_several_lines() -> None:
    """Steps within an answer stay together."""
    text = "1. Grade Book\n2. Open it\nthen press Post\n3. all teachers\n4. yesterday"
    assert read(text)["steps_to_reproduce"] == "Open it\nthen press Post"


@pytest.mark.parametrize(
    "text",
    [
        "1. Open it\n2. Press Post\n3. Press Save\n4. It is grey",  # steps, not answers
        "1. Grade Book\n2. Open it\n3. all teachers",  # one is missing
        "1. Grade Book\n2. Open it\n3. all\n4. today\n5. more",
        "Grade Book or Attendance, I do not know\nOpen it\nall\ntoday",  # not a value of the list
        "all teachers\nGrade Book\nsince Monday\nOpen it",  # another order
        "1. Grade Book\n2. which steps?\n3. all\n4. today",
        "1. Grade Book\n2. Open it\n3. all\n4. " + "a long story about what happened " * 4,
        "",
    ],
)
def test_anything_else_is_read_as_prose(text: str) -> None:
    """Nothing is taken for an answer because of its place alone."""
    assert read(text) == {}


def test_without_a_list_of_values_the_order_says_nothing() -> None:
    """Two free texts: numbered steps could be either."""
    assert read("1. Open it\n2. all", ("steps_to_reproduce", "who_is_impacted")) == {}
    assert read("Grade Book", ("module",)) == {}


def test_the_case_is_complete_after_it(tmp_path: Path) -> None:
    """Through the whole service: the letter asks four things, and four numbered lines answer."""
    door = Door(tmp_path)
    text = "Case Type: Application Issue\nDescription: The Post button is greyed out.\n"
    door.say(AMY, text, subject="Post button")
    letter = door.posted()[-1]
    reply = "1. Grade Book\n2. Open the list and press Post\n3. all teachers\n4. since Monday\n"
    assert door.say(AMY, reply, to=str(letter["Message-ID"]))["action"] == "complete"
    (case,) = door.cases()
    values = {name: one["words"] for name, one in case["fields"].items()}
    assert values["module"] == "Grade Book"
    assert values["steps_to_reproduce"] == "Open the list and press Post"
    assert values["who_is_impacted"] == "all teachers"
    assert values["issue_began"] == "since Monday"
