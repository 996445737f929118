"""Clean mails of every case type, read right, and the traps that people's mails hold."""

from __future__ import annotations

import pytest

from intake.mail.message import Html
from intake.parsers.scanner import type_of
from intake.parsers.submission import Submission
from tests.support.forms import (
    CATALOGUE,
    FORMS,
    below,
    plain,
    read,
    scanned,
    table,
)  # fmt: skip

WAYS = ("plain", "below", "table")


def submitted(name: str, way: str) -> Submission:
    """The form of that type written in that way."""
    form = FORMS[name]
    if way == "table":
        return read("", html=table(form))
    return read(plain(form) if way == "plain" else below(form))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", FORMS)
def test_a_filled_form_of_each_type_is_complete(name: str, way: str) -> None:
    """The type is known, nothing is missing, nothing is a problem."""
    got = submitted(name, way)
    assert got.type == name
    assert got.missing == ()
    assert [one.code for one in got.problems if one.blocking] == []
    assert got.department == CATALOGUE.types[name].department
    assert (got.account, got.contact, got.submitted_by) == ("bayside", "zack", "")
    wanted = FORMS[name].get("Description", "")
    assert got.description == wanted


@pytest.mark.parametrize("way", WAYS)
def test_values_are_typed(way: str) -> None:
    """Dates in ISO form, listed values in the list's words, several ones as a list."""
    contacts = submitted("modify_support_contacts", way).fields
    assert contacts["request_type"].value == "Replace"
    assert contacts["contact_type"].value == "Technical"
    assert contacts["area_of_responsibility"].value == ["SIS", "Human Resources", "Finance"]
    assert contacts["contact_email"].value == "jessie@bayside.example"
    assert contacts["contact_primary_phone"].value == "(555) 010-2030 x12"
    assert submitted("server_access", way).fields["request_type"].value == ["SQL Server", "SSRS"]
    assert submitted("data_restore", way).fields["written_permission"].value is True
    issue = submitted("application_issue", way)
    assert issue.fields["issue_began"].value == "2021-09-07"
    assert issue.fields["error_message"].value == "none"
    assert issue.priority == "High"
    services = submitted("request_technical_services", way).fields
    assert services["type"].value == "Custom report, report card, or transcript"
    assert (services["desired_completion_date"].value, services["desired_completion_date"].words) == (  # noqa: E501 - one row of a table
        None, "by the end of term",
    )  # fmt: skip
    assert submitted("server_issue", way).fields["issue_began"].value == "2021-09-14"
    assert submitted("report_outage", way).priority == "Critical"


def test_the_model_case_of_the_page_comes_out_right() -> None:
    """Bayside, "Teachers unable to post grades": every field of the well-written example."""
    text = """Case Type: Application Issue
Module: Grade Book
Description:
None of the English Literature teachers at 21-22 High School are able to post grades.
When they try to click the Post button in their grade books, it is greyed out.

Steps to Reproduce:
1. Log in as teacher Anne Shirley
2. In Learning, go to Grade Book for 1100-1
3. Select Q1, Quarter grade task
4. Click Post. Note that it is greyed out and cannot be pushed.

Environment Changes:
Who is impacted: English Lit 1100 teachers
Issue Began: 09/07/2021
Error Message:
Expected Results: Post button to be active
"""
    got = read(text, subject="Teachers unable to post grades")
    assert (got.type, got.priority, got.account) == ("application_issue", "Medium", "bayside")
    assert got.subject == "Teachers unable to post grades"
    assert got.description.startswith("None of the English Literature teachers")
    assert got.description.endswith("it is greyed out.")
    values = {name: one.value for name, one in got.fields.items()}
    steps = values.pop("steps_to_reproduce")
    assert steps.startswith("1. Log in as teacher Anne Shirley\n2. In Learning")
    assert steps.endswith("cannot be pushed.")
    assert values == {
        "module": "Grade Book",
        "who_is_impacted": "English Lit 1100 teachers",
        "issue_began": "2021-09-07",
        "expected_results": "Post button to be active",
    }
    assert (got.missing, got.problems) == ((), ())


@pytest.mark.parametrize(
    ("subject", "changes", "wanted", "rest"),
    [
        ("[Data Restore] lost rows", {}, "data_restore", "lost rows"),
        ("Report an Outage: site down", {}, "report_outage", "site down"),
        ("Training - for teachers", {}, "request_training", "for teachers"),
        ("RE: Fwd: Request Consulting", {}, "request_consulting", "Request Consulting"),
        ("hello", {"to": ("support+server-access@desk.example",)}, "server_access", "hello"),
        ("hello", {"cc": ("support+ReportAnOutage@desk.example",)}, "report_outage", "hello"),
        ("hello", {"recipients": ("support+form@desk.example",)}, "", "hello"),
        ("[urgent] hello: world", {}, "", "[urgent] hello: world"),
        ("Outage: x", {"plain": "Case Type: Ask a Question"}, "ask_question", "x"),
    ],
)
def test_the_type_is_told_by_subject_or_plus_address(
    subject: str, changes: dict[str, object], wanted: str, rest: str
) -> None:
    """A label counts first, then the plus address, then the subject."""
    found = scanned(**{"text": "Please help.", "subject": subject, **_text(changes)})
    assert (found.type, found.subject) == (wanted, rest)


def _text(changes: dict[str, object]) -> dict[str, object]:
    return {("text" if key == "plain" else key): value for key, value in changes.items()}


def test_free_text_is_the_description_and_the_type_is_asked() -> None:
    """Nothing is guessed from prose; what was written is kept."""
    got = read("Our printers are sad.\n\nPlease come.", subject="Printers")
    assert (got.type, got.missing, got.department) == ("", ("case_type",), "")
    assert got.description == "Our printers are sad.\n\nPlease come."
    got = read("Case Type: Something Else\n\nHm.")
    assert got.missing == ("case_type",)
    assert got.problems[-1].code == "unknown-choice"
    assert "Data Restore" in got.problems[-1].choices


def test_a_misspelt_type_is_understood_when_it_can_be_only_one() -> None:
    """Near matches count for labels that surely mean the type."""
    assert read("Case Type: Aplication Isue").type == "application_issue"
    assert type_of("zzz", CATALOGUE, near=True) == ""
    assert type_of("Qestion here", CATALOGUE) == ""


TRAPS = {
    "bold": "**Case Type:** Ask a Question\n**Location within Product:** Calendar\n\nHow?",
    "bullets": "- Case Type: Ask a Question\n- Location within Product: Calendar\n\nHow?",
    "headings": "## Case Type: Ask a Question\n## Location within Product: Calendar\n\nHow?",
    "equals": "Case Type = Ask a Question\nLocation within Product = Calendar\n\nHow?",
    "dashes": "Case Type - Ask a Question\nLocation within Product \u2013 Calendar\n\nHow?",
    "full width": "Case Type\uff1aAsk a Question\nLocation within Product\uff1aCalendar\n\nHow?",
    "hard space": "Case\u00a0Type:\u00a0Ask a Question\nLocation within\u00a0Product: Calendar\n\nHow?",  # noqa: E501 - one row of a table
    "zero width": "\u200bCase Type: Ask a Question\n\ufeffLocation within Product: Calendar\n\nHow?",  # noqa: E501 - one row of a table
    "other names": "Type: question\nmenu path: Calendar\n\nHow?",
    "quoted mail": (
        "Case Type: Ask a Question\nLocation within Product: Calendar\n\nHow?\n\n"
        "On Monday Joe wrote:\n> Location within Product: Moon\n> Priority: High"
    ),
    "old mail": (
        "Case Type: Ask a Question\nLocation within Product: Calendar\n\nHow?\n\n"
        "From: Joe <joe@x.example>\nSent: Monday, March 1, 2021 9:00\nTo: Zack\nSubject: Moon\n\n"
        "Priority: High"
    ),
    "original message": (
        "Case Type: Ask a Question\nLocation within Product: Calendar\n\nHow?\n\n"
        "-----Original Message-----\nPriority: High"
    ),
    "signature": (
        "Case Type: Ask a Question\nLocation within Product: Calendar\n\nHow?\n\n-- \n"
        "Priority: High\nZack"
    ),
    "phone signature": (
        "Case Type: Ask a Question\nLocation within Product: Calendar\n\nHow?\n\n"
        "Sent from my telephone\nPriority: High"
    ),
    "code fence": (
        "Case Type: Ask a Question\nLocation within Product: Calendar\n```\nPriority: High\n```\nHow?"  # noqa: E501 - one row of a table
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TRAPS)
def test_a_trap_does_not_change_what_is_read(name: str) -> None:
    """Type and place are right, the priority inside other people's text does not count."""
    got = read(TRAPS[name])
    assert got.type == "ask_question"
    assert got.fields["location_within_product"].value == "Calendar"
    assert got.priority == "Medium"
    assert "How?" in got.description


def test_list_items_inside_steps_are_no_labels() -> None:
    """ "2. Module: open it" is a step."""
    text = (
        "Case Type: Application Issue\nSteps to Reproduce:\n1. Log in\n2. Module: open it\n"
        "- Priority: press it\nModule: Grade Book\n"
    )
    got = read(text)
    assert got.fields["module"].value == "Grade Book"
    assert "2. Module: open it\n- Priority: press it" in got.fields["steps_to_reproduce"].value
    assert got.priority == "Medium"


def test_weak_words_do_not_end_a_long_value() -> None:
    """ "When:" in the middle of the description stays there."""
    text = "Case Type: Data Restore\nDescription: rows are gone\nWhen: I looked they were not there"
    got = read(text)
    assert got.description.endswith("When: I looked they were not there")


def test_a_weak_label_counts_only_with_a_fitting_value() -> None:
    """ "Type: Read-only" is the contact type; "Type: whatever" goes back to the text."""
    got = read("Case Type: Modify Support Contacts\nAccess level: read-only\nAdd Jessie.")
    assert got.fields["contact_type"].value == "Read Only"
    got = read("Case Type: Data Restore\nDate: whenever\nPlease help.")
    assert "approximate_date_of_loss" not in got.fields
    assert "Date: whenever" in got.description
    assert "Please help." in got.description


def test_the_fuller_body_is_read_and_a_difference_is_a_warning() -> None:
    """HTML with rows wins over a text part that lost them; contradictions are said."""
    form = FORMS["ask_question"]
    found = scanned("just text", html=table(form))
    assert found.body == "html"
    other = {**form, "Location within Product": "Moon"}
    found = scanned(plain(form), html=table(other))
    assert [one.code for one in found.warnings] == ["bodies-differ"]
    assert scanned("").body == "none"


def test_a_row_of_labels_over_a_row_of_values_is_read() -> None:
    """The table lies on its side."""
    rows = (("Case Type", "Priority", "Module"), ("Ask a Question", "Low", "Grade Book"))
    got = read("", html=Html("x", rows))
    assert (got.priority, got.fields["module"].value) == ("Low", "Grade Book")


def test_a_value_ends_at_the_paragraph_behind_the_last_label() -> None:
    """The error is one line; what follows is the description."""
    got = read("Case Type: Server Issue\nError Message: Login timeout\n\nNothing works since noon.")
    assert got.fields["error_message"].value == "Login timeout"
    assert got.description == "Nothing works since noon."
    got = read("Case Type: Application Issue\nSteps to Reproduce: Log in\n\n1. press\n\n2. wait")
    assert got.fields["steps_to_reproduce"].value.endswith("2. wait")


def test_two_forms_in_one_mail_are_not_merged_silently() -> None:
    """The first counts and the letter says so."""
    got = read(plain(FORMS["ask_question"]) + "\n\n" + plain(FORMS["data_restore"]))
    assert got.type == "ask_question"
    assert "two-forms" in [one.code for one in got.problems]


def test_several_dates_under_one_label_are_dealt_out() -> None:
    """First, second and third choice; a full name becomes two fields."""
    got = read(
        "Case Type: Request Training\nPreferred dates: 10/20/2021; 10/27/2021 or 11/03/2021\nHelp us."  # noqa: E501 - one row of a table
    )
    names = ("preferred_training_date", "preferred_training_date_2", "preferred_training_date_3")
    assert [got.fields[name].value for name in names] == ["2021-10-20", "2021-10-27", "2021-11-03"]
    got = read("Case Type: Modify Support Contacts\nNew contact name: Mary Ann Summers")
    names = ("contact_first_name", "contact_last_name")
    assert [got.fields[name].value for name in names] == ["Mary Ann", "Summers"]
