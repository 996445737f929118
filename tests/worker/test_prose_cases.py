"""Ordinary mail through the whole service: opened at once, or asked for exactly what is missing."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.service import AMY, Door, words_of

ATTENDANCE = (
    "Hi,\n\nSince this morning none of our teachers at Lincoln High can take attendance, they get"
    ' "Error 500 token expired".\n\nCan you help?\n\nAmy\n'
)
LOST = (
    "Hello,\n\none of our teachers deleted all assignments in her gradebook yesterday by mistake."
    " Can you restore them?\n\nAmy\n"
)
VAGUE = "Hello,\n\nplease look at the thing we talked about.\n\nAmy\n"


def answer(door: Door, text: str) -> None:
    """Amy replies to the last letter."""
    door.say(AMY, text, to=str(door.posted()[-1]["Message-ID"]))


def test_only_what_was_not_said_is_asked(tmp_path: Path) -> None:
    """The letter says in one sentence what was understood."""
    door = Door(tmp_path)
    door.say(AMY, ATTENDANCE, subject="Attendance problem")
    letter = words_of(door.posted()[-1])
    assert "We read it as: Application Issue about Attendance, since this morning." in letter
    asked = letter.partition("What we have so far")[0]
    assert "Steps to Reproduce:" in asked
    for said in ("Module:", "Who is impacted?:", "Issue Began:", "Error Message:"):
        assert said not in asked
    answer(door, "Open Attendance, pick a class and press Save.\n")
    (case,) = door.cases()
    assert (case["status"], case["type"]) == ("open", "application_issue")


def test_a_complete_mail_in_plain_words_is_opened_at_once(tmp_path: Path) -> None:
    """Nothing is asked."""
    door = Door(tmp_path)
    steps = "\n1. Open Attendance > Classroom\n2. Pick a class\n3. Press Save\n"
    text = ATTENDANCE.replace("Can you help?", f"To see it:{steps}")
    row = door.say(AMY, text, subject="Attendance does not save")
    assert (row["action"], door.cases()[0]["status"]) == ("create", "open")


@pytest.mark.parametrize(
    "reply",
    [
        "Yes. I give you permission to restore this data.\n",
        "1\n\nI give you permission to restore this data.\n",
        "data restore please\nI give you permission to restore this data.\n",
        "Case Type: yes\nWritten Permission: yes\n",
        "Case Type: 1\nWritten Permission: yes\n",
        "The first one\nWritten Permission: yes\n",
    ],
)
def test_a_restore_is_recognised_and_confirmed_by_a_word(tmp_path: Path, reply: str) -> None:
    """What overwrites data is never opened from prose alone; what was said is not asked again."""
    door = Door(tmp_path)
    door.say(AMY, LOST, subject="Lost assignments")
    assert [(one["type"], one["status"]) for one in door.cases()] == [("data_restore", "draft")]
    letter = words_of(door.posted()[-1])
    assert "Is it Data Restore? Write yes, or else the number or the name:" in letter
    assert "Approximate Date of Loss:" not in letter.partition("What we have so far")[0]
    answer(door, reply)
    (case,) = door.cases()
    assert (case["type"], case["status"]) == ("data_restore", "open")
    assert "Module: Grade Book" in words_of(door.posted()[-1])


def test_a_guess_that_nobody_confirms_stays_a_question(tmp_path: Path) -> None:
    """Words that answer nothing are kept, and the type is asked again."""
    door = Door(tmp_path)
    door.say(AMY, LOST, subject="Lost assignments")
    answer(door, "Any news on this matter of ours\n")
    (case,) = door.cases()
    assert case["status"] == "draft"
    assert "Case Type:" in words_of(door.posted()[-1]).partition("What we have so far")[0]


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        ("1\n", "application_issue"), ("2.\n", "ask_question"),
        ("It's a bug\n", "application_issue"),
        ("I have a question\n", "ask_question"), ("training please\n", "request_training"),
        ("the first one\n", "application_issue"), ("Number 4\n", "request_training"),
        ("Case Type: 10\n", "request_technical_services"), ("una pregunta\n", "ask_question"),
        ("c'est une panne\n", "report_outage"), ("Schulung\n", "request_training"),
    ],
)  # fmt: skip
def test_the_type_question_takes_a_natural_answer(tmp_path: Path, reply: str, kind: str) -> None:
    """By number, by place, by name, in words, in other languages."""
    door = Door(tmp_path)
    door.say(AMY, VAGUE, subject="Hello")
    assert door.cases()[0]["type"] == ""
    answer(door, reply)
    assert door.cases()[0]["type"] == kind


def test_the_first_mail_is_read_again_when_the_type_is_known(tmp_path: Path) -> None:
    """Who, since when and the message stood there already."""
    door = Door(tmp_path)
    text = "All teachers at Birch Middle are affected since yesterday. There is no error message.\n"
    door.say(AMY, text, subject="Hello")
    assert "Case Type:" in words_of(door.posted()[-1])
    answer(door, "Application Issue\n")
    asked = words_of(door.posted()[-1]).partition("What we have so far")[0]
    assert "Module:" in asked
    for said in ("Who is impacted?:", "Issue Began:", "Error Message:"):
        assert said not in asked


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Could we have a training for our clerks the week of March 16?", "the week of March 16"),
        ("Nous aimerions une formation en ligne, l'idéal serait la semaine du 13 avril.",
         "la semaine du 13 avril"),
    ],
)  # fmt: skip
def test_a_week_is_answer_enough_for_a_training(tmp_path: Path, text: str, words: str) -> None:
    """The day is a matter for those who plan it; they get the words."""
    door = Door(tmp_path)
    door.say(AMY, f"Hello,\n\n{text}\n\nAmy\n", subject="Training")
    (case,) = door.cases()
    assert (case["status"], case["type"]) == ("open", "request_training")
    assert words in words_of(door.posted()[-1])
    assert words in door.cli("cases", "show", str(case["number"]))


def test_what_is_passed_on_is_offered_and_counts_when_it_is_not_corrected(tmp_path: Path) -> None:
    """Its "this morning" is the morning of the day on which it was written."""
    door = Door(tmp_path)
    text = (
        "Please see below, it is an application issue. All our math teachers have it.\n\n"
        "From: Nick Pappas\nSent: Tuesday, March 3, 2026 3:41 PM\nTo: Amy Alder\n"
        "Subject: scores vanish\n\n"
        "Hi Amy,\n\nsince this morning my scores vanish in the gradebook and it shows an error"
        " message. Open Grading > Post, pick a class, type a score and press Save.\n\nNick\n"
    )
    door.say(AMY, text, subject="FW: scores vanish")
    letter = words_of(door.posted()[-1])
    (case,) = door.cases()
    assert case["type"] == "application_issue"
    if case["status"] == "draft":
        assert "Issue Began: 2026-03-03" in letter
        answer(door, "Yes, that is right.\n")
    shown = words_of(door.posted()[-1])
    assert "Issue Began: 2026-03-03" in shown
    assert door.cases()[0]["status"] == "open"


def test_words_that_are_passed_on_raise_no_priority(tmp_path: Path) -> None:
    """The writer's own words do."""
    door = Door(tmp_path)
    below = "\n\nFrom: Nick\nSent: Tuesday, March 3, 2026 3:41 PM\nTo: Amy\nSubject: grades\n\n"
    mail = "The gradebook shows an error message and does not save."
    door.say(AMY, f"{mail}{below}This is urgent!\n", subject="FW: grades")
    door.say(AMY, f"{mail} This is urgent!\n", subject="Gradebook")
    assert [one["priority"] for one in door.cases()] == ["Medium", "High"]


def test_likely_values_open_no_restore(tmp_path: Path) -> None:
    """The date in a message that is passed on is offered, and the contact confirms it."""
    door = Door(tmp_path)
    sent = f"{datetime.now(UTC):%A, %B %d, %Y}"
    text = (
        "Please restore this. I give you permission to restore this data.\n\n"
        f"From: Nick\nSent: {sent} 3:41 PM\nTo: Amy\nSubject: lost\n\n"
        "Yesterday a substitute deleted all my assignments by mistake.\n"
    )
    door.say(AMY, text, subject="FW: Data Restore")
    (case,) = door.cases()
    assert (case["type"], case["status"]) == ("data_restore", "draft")


def test_a_form_is_read_as_a_form(tmp_path: Path) -> None:
    """Two labels make a form: the sentence below them fills no field."""
    door = Door(tmp_path)
    text = (
        "Case Type: Application Issue\nModule: Attendance\n\n"
        "Since yesterday the report cards of all teachers are wrong.\n"
    )
    door.say(AMY, text, subject="Report cards")
    asked = words_of(door.posted()[-1]).partition("What we have so far")[0]
    for label in ("Who is impacted?:", "Issue Began:", "Steps to Reproduce:"):
        assert label in asked


@pytest.mark.parametrize(
    "text",
    [
        "Campus is down for everybody, all 6 schools.\n",
        "Nadie puede entrar, el sistema está caído en todas las escuelas.\n",
        "Plus personne ne peut se connecter, tout est en panne dans toutes les écoles.\n",
        "Niemand kann sich anmelden, das System ist ausgefallen, an allen Schulen.\n",
        "Ninguém consegue entrar, o sistema caiu em todas as escolas.\n",
    ],
)
def test_an_outage_in_words_is_open_at_once(tmp_path: Path, text: str) -> None:
    """In every language that is shipped."""
    door = Door(tmp_path)
    row = door.say(AMY, text, subject="Help")
    assert row["action"] in ("create", "ask")
    assert [(one["type"], one["status"]) for one in door.cases()] == [("report_outage", "open")]


def test_two_matters_in_one_mail_are_said_in_the_letter(tmp_path: Path) -> None:
    """The case is about the first one; the days and words of the second fill no field of it."""
    door = Door(tmp_path)
    text = (
        "Hi,\n\nthe gradebook shows an error message and does not save the scores.\n\n"
        "Second, we would like a training for our new staff. March 20 would work for us.\n"
    )
    door.say(AMY, text, subject="Hello")
    (case,) = door.cases()
    assert case["type"] == "application_issue"
    letter = words_of(door.posted()[-1])
    assert "seems to be about a second matter, too (Request Training)." in letter
    assert "a training for our new staff" in case["description"]


@pytest.mark.parametrize(
    "text",
    [
        "The gradebook shows an error message and does not save.\n\nSecond, the same error message"
        " comes up in attendance, which does not save either.\n",
        "Thanks for the training.\n\nOne more thing: how do we print the transcripts of seniors?\n",
        "The gradebook shows an error:\n\n1. Open the gradebook\n2. Press Save and see the error\n",
    ],
)
def test_one_matter_is_not_taken_for_two(tmp_path: Path, text: str) -> None:
    """Two matters show two types; thanks and steps are none."""
    door = Door(tmp_path)
    door.say(AMY, text, subject="Hello")
    assert "second matter" not in words_of(door.posted()[-1])
