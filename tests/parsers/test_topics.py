"""Two matters in one paragraph, and steps that are told in the same words."""

from __future__ import annotations

import pytest

from tests.support.forms import read


@pytest.mark.parametrize("text", [
    "First, Ms. Tran can't open her seating chart since this morning, it says 'permission denied'."
    " And second: how do I give a substitute access to attendance for one week?",
    "Erstens lassen sich seit heute keine Noten speichern, es kommt eine Fehlermeldung. Zweitens:"
    " Wie kann ich einer Vertretung für eine Woche die Anwesenheit freischalten?",
])  # fmt: skip
def test_a_second_matter_in_the_same_paragraph(text: str) -> None:
    """The letter says that it was seen."""
    case = read(text, subject="two things")
    assert (case.type, case.other_matter) == ("application_issue", "ask_question")


@pytest.mark.parametrize("text", [
    "First open Attendance > Daily and pick a class. Second, click Save: it shows an error.",
    "The grades fail to post since Monday. Second, how is that even possible in a school year?",
])  # fmt: skip
def test_steps_and_exclamations_are_one_matter(text: str) -> None:
    """Without a first one, or without a question, there is no second matter."""
    assert read(text, subject="posting fails").other_matter == ""
