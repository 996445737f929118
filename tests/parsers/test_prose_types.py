"""The type of ordinary prose: taken when it is clear, asked when it is not, and hardly ever wrong.

The mails in ``prose`` were written by authors who did not know the code.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from intake.catalogue.catalogue import CatalogueError
from intake.catalogue.loader import build
from intake.catalogue.word_weights import NO_WORDS
from intake.parsers.prose.cue_points import ranked, scores
from intake.parsers.prose.kinds import type_in_prose
from intake.parsers.scanner import scan
from tests.support.forms import CATALOGUE, DATA
from tests.support.prose_score import as_message, mails
from tests.support.service import AMY, Door, words_of

NEVER = ("data_restore", "server_access", "modify_support_contacts")


def taken(one: dict[str, Any]) -> str:
    """The type that is read from a mail."""
    return scan(as_message(one), CATALOGUE).type


@pytest.mark.long
def test_seven_of_ten_types_are_taken_the_others_offered_and_hardly_one_is_wrong() -> None:
    """What overwrites data or changes rights is recognised, and never taken from prose.

    The shipped words were learned from these mails; ``test_learned_words`` keeps some aside.
    """
    right = wrong = offered = 0
    for one in mails():
        wanted = one["type"] if isinstance(one["type"], list) else [one["type"]]
        read = scan(as_message(one), CATALOGUE)
        right += read.type in wanted
        wrong += bool(read.type) and read.type not in wanted
        offered += (read.type or read.guess) in wanted
        assert read.type not in NEVER or read.type_source == "subject"
    count = len(mails())
    assert right >= 0.7 * count
    assert offered >= 0.97 * count
    assert wrong <= 0.01 * count


@pytest.mark.long
def test_the_cues_alone_still_show_most_types() -> None:
    """Another organisation's catalogue has no learned words at first."""
    bare = replace(CATALOGUE, learned=NO_WORDS)
    right = wrong = 0
    for one in mails():
        read = scan(as_message(one), bare).type
        right += read in one["type"]
        wrong += bool(read) and read not in one["type"]
    assert right >= 0.5 * len(mails())
    assert wrong <= 0.02 * len(mails())


def test_a_mail_in_plain_words_becomes_a_typed_case(tmp_path: Path) -> None:
    """No form, no label: one question less, and the letter says what was understood."""
    door = Door(tmp_path)
    text = "Hi,\n\nhow can I see which teachers have not posted their grades? Is there a report?\n"
    row = door.say(AMY, text, subject="Question about posting")
    assert (row["action"], door.cases()[0]["type"]) == ("create", "ask_question")
    assert "Ask a Question" in words_of(door.posted()[0])


def test_the_contact_can_correct_the_type_while_it_is_a_draft(tmp_path: Path) -> None:
    """By the line in the letter, which says what was understood."""
    door = Door(tmp_path)
    text = "Grade Book shows an error message and does not save, since the update.\n"
    door.say(AMY, text, subject="Grades cannot be saved")
    (case,) = door.cases()
    assert (case["type"], case["status"]) == ("application_issue", "draft")
    letter = door.posted()[0]
    assert "Application Issue" in words_of(letter)
    door.say(AMY, "Case Type: Ask a Question\n", to=str(letter["Message-ID"]))
    assert door.cases()[0]["type"] == "ask_question"


@pytest.mark.parametrize("text", [
    "", "Hello,\n\nplease call me.\n", "Thanks for the training yesterday!",
    "The server access form has an error message. Who restores what was deleted by mistake?",
])  # fmt: skip
def test_what_is_not_clear_is_asked(text: str) -> None:
    """One faint word, none, or two types of about the same weight."""
    assert type_in_prose("Hello", text, CATALOGUE) == ""


def test_types_that_are_alike_stand_in_the_order_of_the_catalogue() -> None:
    """Not in that of a set, which is another one in every process."""
    order = list(CATALOGUE.types)
    for one in mails():
        points = ranked(one["subject"], one["body"], CATALOGUE)
        assert points == sorted(points, key=lambda two: (-two[1], order.index(two[0])))


def test_quoted_and_forwarded_words_do_not_count() -> None:
    """Only the writer's own text shows the type."""
    one = {
        "subject": "FYI",
        "body": "See below.\n\n> The system is down, nobody can log in, all schools, 503\n",
    }
    assert taken(one) == ""


def test_a_form_is_read_as_before() -> None:
    """A label beats every word of prose."""
    body = "Module: Gradebook\nDescription: the system is down, nobody can log in, outage\n"
    assert taken({"subject": "Gradebook", "body": body}) == ""
    named = f"Case Type: Ask a Question\n{body}"
    assert taken({"subject": "Gradebook", "body": named}) == "ask_question"


@pytest.mark.parametrize(
    "words", ["a", "error ", "nobody can log in ", "\u202e\u200b", "is down? "]
)
def test_much_text_costs_no_more_than_its_beginning(words: str) -> None:
    """The text is read up to a limit, and a word counts once however often it stands there."""
    few = scores("x", words * 10, CATALOGUE)
    many = scores("x", words * 200_000, CATALOGUE)
    assert many.keys() == few.keys()
    assert all(many[name] <= few[name] + 1 for name in few)  # a word that is cut off at the limit


@pytest.mark.parametrize(
    ("table", "where"),
    [
        ({"no_type": {"sure": ["x"]}}, "prose.no_type"),
        ({"ask_question": {"sure": [" * "]}}, "prose.ask_question.sure"),
        ({"ask_question": {"certain": ["x"]}}, "prose.ask_question.certain"),
        ({"ask_question": {"sure": "x"}}, "prose.ask_question.sure"),
    ],
)
def test_a_wrong_entry_is_refused_with_its_place(table: dict[str, Any], where: str) -> None:
    """The operator's own catalogue is checked like the shipped one."""
    with pytest.raises(CatalogueError) as failure:
        build({**DATA, "prose": table})
    assert where in str(failure.value)
