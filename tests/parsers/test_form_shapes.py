"""What people do to forms: lists, broken and misspelt labels, tables, signatures, long mails."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intake.catalogue.labels import visible
from intake.mail.addresses import AddressRefusal
from intake.mail.message import Html
from intake.parsers import quoted_text
from intake.parsers.subjects import clean_subject
from intake.parsers.submission import Submission
from tests.support.drafts import ASKED, DRAFT, LETTER
from tests.support.forms import read, replying, scanned
from tests.support.rawmail import HANG, effort

CONTACT = (
    "Case Type: Modify Support Contacts\nRequest Type: Add\nFirst Name: Jessie\nLast Name: Spano\n"
    "Contact Email: jessie@bayside.example\nContact Type: tech\n"
)

TRAINING = "Case Type: Request Training\nDescription: Scheduling\n"

ISSUE = "Case Type: Application Issue\n"


@pytest.mark.parametrize(
    "answer",
    [
        " SIS, HR",
        "\nSIS\nHR",
        "\n\n- SIS\n- HR",
        "\n1. SIS\n2. HR",
        " SIS\nand HR",
        "\nSIS; Human Resources\n",
    ],
)
def test_a_list_may_take_several_lines(answer: str) -> None:
    """Every line that is a value of the list belongs to it, whatever stands in front."""
    got = read(f"{CONTACT}Area of Responsibility:{answer}\n\nDescription: please")
    assert got.fields["area_of_responsibility"].value == ["SIS", "Human Resources"]
    assert (got.description, got.missing) == ("please", ())


def test_a_list_ends_at_a_line_that_is_no_value_of_it() -> None:
    """What follows is text; two values are never read as one that resembles them."""
    got = read(f"{CONTACT}Area of Responsibility:\nSIS\nFood Service\nShe starts on Monday.")
    assert got.fields["area_of_responsibility"].value == ["SIS", "Food Service"]
    assert got.description == "She starts on Monday."


@pytest.mark.parametrize(
    "dates",
    [
        "Preferred Training Date: 10/20/2021, 10/21/2021 or 10/22/2021",
        "Preferred Training Date:\n1. 10/20/2021\n2. 10/21/2021\n3. 10/22/2021",
        "Preferred Training Date: 10/20/2021\n10/21/2021\n10/22/2021",
        "\n".join(f"Preferred Training Date: 10/{day}/2021" for day in (20, 21, 22)),
    ],
)
def test_three_dates_under_one_label_are_three_choices(dates: str) -> None:
    """The page has one label for three dates (seed L143): in a row, in lines, or three times."""
    fields = read(f"{TRAINING}{dates}\n").fields
    got = [fields[f"preferred_training_date{n}"].value for n in ("", "_2", "_3")]
    assert got == ["2021-10-20", "2021-10-21", "2021-10-22"]


def test_a_fourth_date_and_prose_are_no_choices() -> None:
    """The list is full after three, and a long line is text."""
    days = "\n".join(f"10/{day}/2021" for day in range(20, 24))
    got = read(f"{TRAINING}Preferred Training Date:\n{days}")
    assert "10/23/2021" in got.description
    prose = "We are 12 people and would like to begin at 9 in the morning."
    got = read(f"{TRAINING}Preferred Training Date: 10/20/2021\n{prose}")
    assert "preferred_training_date_2" not in got.fields
    assert prose in got.description


def test_a_label_broken_over_two_lines_is_one() -> None:
    """ "Who is", "impacted?" comes out of narrow table cells."""
    got = read(f"{ISSUE}Who is\nimpacted?\nall teachers\nModule: Grade Book")
    value = got.fields["who_is_impacted"]
    assert (value.value, got.fields["module"].value) == ("all teachers", "Grade Book")
    text = scanned(f"{ISSUE}Steps to\nReproduce: press Post").candidates[-1]
    assert text.words == "press Post"


def test_the_place_of_a_value_is_where_its_words_stand() -> None:
    """An operator sees what was read from where, behind a bullet and over two lines too."""
    body = f"{ISSUE}Module:\n- Grade Book\nSteps to\nReproduce: press Post\nPriority: High"
    found = scanned(body)
    places = {one.field: found.text[one.start : one.end] for one in found.candidates}
    assert places["module"] == "Grade Book"
    assert places["steps_to_reproduce"] == "press Post"
    assert places["priority"] == "High"


def test_a_misspelt_label_is_read_and_said() -> None:
    """One letter off, two in a long label; the warning names both."""
    found = scanned("Case Tpye: Application Issue\nModlue: Grade Book\nSteps to Repodcue: press")
    got = {one.field: one.words for one in found.candidates}
    assert found.type == "application_issue"
    assert (got["module"], got["steps_to_reproduce"]) == ("Grade Book", "press")
    assert [one.detail for one in found.warnings] == [
        "'Case Tpye' was read as 'case type'",
        "'Modlue' was read as 'module'",
        "'Steps to Repodcue' was read as 'steps to reproduce'",
    ]


@pytest.mark.parametrize(
    "line",
    ["Reported: yesterday", "Priorities: many", "Madelu: x", "Steep: x", "- Modlue: x", "Modlue:"],
)
def test_what_may_mean_something_else_is_no_misspelt_label(line: str) -> None:
    """People and accounts, far words, short labels, list items and empty answers are left alone."""
    assert not any(one.code == "near-label" for one in scanned(f"{ISSUE}{line}").warnings)


def test_a_misspelt_label_yields_to_a_right_one_and_to_the_text() -> None:
    """It counts only when its value fits."""
    got = read(f"{ISSUE}Priorty: High\nPriority: Low")
    assert got.priority == "Low"
    got = read("Case Type: Data Restore\nAproximate Date: some time\nRows.")
    assert "Aproximate Date: some time" in got.description


def rows(*found: tuple[str, ...]) -> Submission:
    """A mail with nothing but that table."""
    return read("", html=Html("x", found))


def test_tables_are_read_whatever_their_shape() -> None:
    """Empty cells make room, four columns are two pairs, labels may stand above values."""
    got = rows(("Case Type", "", "Data Restore"), ("Reason for Restore", "", "a slip"))
    assert got.fields["reason_for_restore"].value == "a slip"
    got = rows(("Case Type", "Data Restore", "Module", "Grade Book"))
    assert (got.type, got.fields["module"].value) == ("data_restore", "Grade Book")
    got = rows(("Case Type", "Module"), ("Ask a Question", "Grade Book"), ("Priority", "Low"))
    assert (got.type, got.priority) == ("ask_question", "Low")
    got = rows(("Case Type", "Ask a Question"), ("Module", ""), ("a", "b", "c"), ())
    assert got.fields["module"].source == "prose"  # of the subject, not of an empty cell


def test_the_line_that_tells_the_type_is_no_other_field() -> None:
    """ "Type" means two things on the page (seed L129): the case type, and the kind of program."""
    got = read("Type: Application Issue\nType: Campus Application\nModule: Grade Book")
    assert got.type == "application_issue"
    assert got.fields["type"].value == "Campus Application"
    got = read("Type: Application Issue")
    assert "type" not in got.fields


@pytest.mark.parametrize("tag", ["bug", "app-issue", "application_issue", "ApplicationIssue"])
def test_an_address_may_name_the_type_in_any_of_its_words(tag: str) -> None:
    """Name, label or alias; a dash, an underscore or nothing between the words."""
    assert scanned("x", to=(f"support+{tag.lower()}@desk.example",)).type == "application_issue"
    assert scanned("x", to=("support+@desk.example", "support+moon@desk.example")).type == ""


SIGNED = "Thanks,\nZack Morris\nTitle: Boss\nPhone: 555 010 9999"


@pytest.mark.parametrize(
    "end",
    [SIGNED, SIGNED.replace(" Morris", ""), "\nZack Morris\nPhone: 555 010 9999"],
)
def test_the_writers_own_telephone_is_not_the_new_contacts(end: str) -> None:
    """A signature with the writer's name ends the form, with and without a closing."""
    got = read(f"{CONTACT}Area of Responsibility: SIS\n\n{end}")
    assert "contact_primary_phone" not in got.fields
    assert "contact_title" not in got.fields


def test_the_writers_name_in_a_form_is_no_signature() -> None:
    """Under a label, at the top, or long before the end it is an answer."""
    got = read(f"{CONTACT}Area of Responsibility: SIS\nReplacing:\n\nZack Morris\nPhone: 5550102")
    assert got.fields["contact_replacement_name"].value == "Zack Morris"
    assert got.fields["contact_primary_phone"].value == "5550102"
    got = read("Zack Morris\nCase Type: Ask a Question\nDescription: How?")
    assert got.type == "ask_question"
    rest = "\n".join(f"line {n}" for n in range(9))
    got = read(f"Case Type: Ask a Question\n\nHello\n\nZack Morris\n{rest}")
    assert "line 8" in got.description
    refused = AddressRefusal("two", "two addresses")
    assert scanned("How?\n\nZack Morris", sender=refused).leftover == "How?\n\nZack Morris"


@pytest.mark.parametrize(
    "head",
    [
        "Begin forwarded message:\n",
        "________________________________\nFrom: X <x@y.example>\nSent: May 1, 2021\nTo: Z\n",
        "---------- Forwarded message ---------\nFrom: X <x@y.example>\n",
    ],
)
def test_an_older_mail_stands_below_the_writers_own_words(head: str) -> None:
    """Under a mark of ours, from the line above it on; its labels set nothing."""
    got = read(f"Case Type: Ask a Question\n\nHow?\n\n{head}\nPriority: Low")
    own, _, older = got.description.partition(f"\n\n{quoted_text.MARK}\n")
    assert (own, got.priority) == ("How?", "Medium")
    assert older == f"{head}\nPriority: Low"


QUOTED = "".join(f"> {line}\n" for line in LETTER.splitlines())


@pytest.mark.parametrize(
    "text",
    [
        "Hi,\n\n09/07/2021\n\nThanks\nZack Morris",
        "09/07/2021\n\nSent from my iPhone",
        "Hello there,\n09/07/2021\n-- \nZack\nIssue Began: 01/01/2020",
    ],
)
def test_a_bare_answer_is_found_between_greeting_and_signature(text: str) -> None:
    """Courtesies, names and what a telephone adds are no answer and no comment."""
    got = read(f"{text}\n\nOn Monday Support wrote:\n{QUOTED}", at=replying(DRAFT, ASKED))
    assert got.fields["issue_began"].value == "2021-09-07"
    assert (got.missing, got.comment) == ((), "")


def test_a_reply_may_be_answered_below_the_writers_signature() -> None:
    """What they typed into the copy of our letter counts, with and without quote marks."""
    answered = LETTER.replace("Began:", "Began: 09/07/2021")
    for copy in (answered, "".join(f"> {line}\n" for line in answered.splitlines())):
        got = read(f"see below\n-- \nZack\n\n{copy}", at=replying(DRAFT, ASKED))
        assert got.fields["issue_began"].value == "2021-09-07"


@pytest.mark.parametrize(("old", "asked"), [("jessie SPANO", True), ("Lisa Turtle", False)])
def test_nobody_replaces_themselves(old: str, asked: bool) -> None:
    """The label reads as if it meant the new person (seed L159); then the old one is asked for."""
    form = CONTACT.replace("Add", "Replace") + f"Area of Responsibility: SIS\nReplacing: {old}"
    got = read(form)
    assert ("contact_replacement_name" in got.missing) is asked
    assert (["same-person"] if asked else []) == [one.code for one in got.problems]


def test_a_subject_loses_every_prefix_at_once() -> None:
    """However many there are."""
    assert clean_subject("Re: AW: Fwd: RE[2]: Grades: x") == "Grades: x"


LONG = [
    "\n", "(\n", "Туре: x\n", "From: a\n", "a|b\n", "> > ", "Who is\n", "Modul: x\n",
    "Zack Morris\n", "Area of Responsibility: SIS\n", "[", " ", "- ",
]  # fmt: skip


@pytest.mark.long
@pytest.mark.parametrize("words", LONG, ids=repr)
def test_a_mebibyte_of_anything_is_read_without_a_hang(words: str) -> None:
    """A new mail, and an answer; most take a tenth of a second, which the benchmark watches."""
    text = words * (2**20 // len(words))
    begun = time.process_time()
    read(text, subject=words.strip() * 1000)
    assert time.process_time() - begun < HANG
    begun = time.process_time()
    read(text, at=replying(DRAFT, replace(ASKED, text=LETTER + text)))
    assert time.process_time() - begun < HANG


@pytest.mark.long
@pytest.mark.parametrize("words", LONG, ids=repr)
def test_twice_the_mail_is_twice_the_effort(words: str) -> None:
    """Counted in calls, so no machine decides; a new mail and an answer, below every cap."""

    def mail(times: int) -> Callable[[], object]:
        return lambda: read(words * times, subject=words.strip() * 20)

    def answer(times: int) -> Callable[[], object]:
        asked = replace(ASKED, text=LETTER + words * times)
        return lambda: read(words * times, at=replying(DRAFT, asked))

    for kind in (mail, answer):
        kind(10)()  # what is remembered from the first time on
        assert effort(kind(2000)) < 2.2 * effort(kind(1000))


def test_what_follows_ten_thousand_lines_is_kept_as_text() -> None:
    """Nothing is lost, no label is looked for in it."""
    log = "line\n" * 10_001
    found = scanned(f"Case Type: Ask a Question\n{log}Priority: Low")
    assert found.leftover.endswith("Priority: Low")
    assert [one.field for one in found.candidates] == ["case_type"]


@given(st.text(st.sampled_from("aä ’“\u00a0\u202f\u200b\u00ad\ufeff\nТ1")))
def test_what_nobody_sees_goes_and_the_rest_stays(text: str) -> None:
    """Letter by letter the same as in a whole text, and nothing more to do the second time."""
    assert visible(text) == "".join(visible(char) for char in text)
    assert visible(visible(text)) == visible(text)
    assert not set(visible(text)) & set("’“\u00a0\u202f\u200b\u00ad\ufeff")
