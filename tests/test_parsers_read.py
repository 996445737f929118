"""Clean mails of every case type, read right, and the traps that people's mails hold."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intake.mail.message import Html
from intake.parsers.dates import Calendar, read_date, split_dates
from intake.parsers.scanner import clean_subject, type_of
from intake.parsers.submission import Submission
from intake.parsers.values import is_blank, take
from tests.facts import ZACK
from tests.forms import (
    AT,
    CATALOGUE,
    FORMS,
    NOW,
    account,
    below,
    plain,
    read,
    scanned,
    several,
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


# ---------------------------------------------------------------- rules


def test_critical_is_capped_where_it_is_not_allowed() -> None:
    """Opened as High, and said so."""
    got = read("Case Type: Ask a Question\nPriority: Critical\nHow?")
    assert got.priority == "High"
    assert [(one.code, one.found, one.used) for one in got.problems] == [
        ("capped", "Critical", "High")
    ]
    got = read("Case Type: Ask a Question\nPriority: sky-high\nHow?")
    assert (got.priority, got.problems[0].code) == ("Medium", "unknown-choice")


def restore(lost: str, permission: str = "yes") -> tuple[tuple[str, ...], list[str]]:
    """What is missing and wrong when the data was lost then."""
    form = {
        **FORMS["data_restore"],
        "Approximate Date of Loss": lost,
        "Written Permission": permission,
    }
    got = read(plain(form))
    return got.missing, [one.code for one in got.problems]


def test_backups_reach_back_thirty_days_and_one() -> None:
    """The bound from both sides; the future is no date of loss."""
    assert restore("08/15/2021") == ((), [])
    assert restore("08/14/2021") == (("approximate_date_of_loss",), ["too-old"])
    assert restore("09/20/2021") == (("approximate_date_of_loss",), ["future"])
    assert "restore_missing_or_deleted" in read(plain(FORMS["data_restore"])).notices


def test_permission_must_be_given_in_words() -> None:
    """A no, silence or a question is none; a sentence in the text is one."""
    assert restore("09/10/2021", "no")[0] == ("written_permission",)
    assert restore("09/10/2021", "")[0] == ("written_permission",)
    assert restore("09/10/2021", "who asks?")[0] == ("written_permission",)
    form = {key: value for key, value in FORMS["data_restore"].items() if "Perm" not in key}
    assert read(plain(form) + "\nWe hereby give you our written permission.").missing == ()
    assert read(plain(form) + "\nWe do not give permission.").missing == ("written_permission",)


def test_sql_server_needs_the_training() -> None:
    """Asked for unless the answer or the contact's record has it."""
    text = "Case Type: Server Access\nRequest Type: SQL\nWhy: the report"
    assert read(text).missing == ("schema_bootcamp",)
    trained = replace(AT, contact=replace(ZACK, schema_bootcamp=True))
    assert read(text, trained).missing == ()
    assert read(text.replace("SQL", "SSRS")).missing == ()


def test_a_replacement_needs_the_old_contacts_name() -> None:
    """Adding does not."""
    form = {k: v for k, v in FORMS["modify_support_contacts"].items() if "Replacement" not in k}
    assert read(plain(form)).missing == ("contact_replacement_name",)
    assert read(plain({**form, "Request Type": "Add"})).missing == ()


def test_a_training_date_must_lie_ahead() -> None:
    """A past one is asked for again; nonsense too."""
    form = {**FORMS["request_training"], "Preferred Training Date": "01/05/2021"}
    got = read(plain(form))
    assert (got.missing, got.problems[0].code) == (("preferred_training_date",), "past")
    form["Preferred Training Date"] = "whenever you like"
    got = read(plain(form))
    assert (got.missing, got.problems[0].code) == (("preferred_training_date",), "bad-date")


def test_a_module_nobody_listed_is_kept_and_flagged() -> None:
    """Open lists keep the person's words; where none is demanded the list has a word for it."""
    got = read("Case Type: Ask a Question\nModule: Moon Base\nHow?")
    assert got.fields["module"].value == "Moon Base"
    assert [(one.code, one.blocking) for one in got.problems] == [("unknown-choice", False)]
    got = read("Case Type: Ask a Question\nHow?")
    assert (got.fields["module"].value, got.fields["module"].source) == (
        "Not Applicable",
        "default",
    )
    assert read("Case Type: Application Issue\nx").missing[0] == "module"


def test_operators_may_require_more_or_less() -> None:
    """Overrides count over the catalogue's sets."""
    strict = replace(AT, required={"ask_question": {"location_within_product": True}})
    assert read("Case Type: Ask a Question\nHow?", strict).missing == ("location_within_product",)
    lax = replace(AT, required={"request_consulting": {"preferred_consult_date": False}})
    assert read("Case Type: Request Consulting\nHow?", lax).missing == ()


def test_helpful_fields_are_asked_for_only_beside_missing_ones() -> None:
    """A complete form is never held for a wish."""
    got = read("Case Type: Application Issue\nModule: Grade Book\nIt is grey.")
    assert got.recommended == ("expected_results", "error_message")
    assert read(plain(FORMS["ask_question"])).recommended == ()


def test_an_outage_may_say_everything_in_its_subject() -> None:
    """An empty body with a telling subject is a whole report."""
    got = read("", subject="Report an Outage: nobody can log in")
    assert (got.missing, got.description) == ((), "nobody can log in")
    assert read("x", subject="").subject == "(no subject)"


# ---------------------------------------------------------------- people and places


def test_a_contact_of_several_districts_is_asked_and_offered_only_those() -> None:
    """By id, name or alias one of them is taken."""
    got = read("Case Type: Ask a Question\nHow?", several())
    assert got.missing == ("account",)
    assert got.problems[0].choices == ("Bayside School District", "Riverdale Unified")
    for words in ("riverdale", "Riverdale Unified"):
        got = read(f"Case Type: Ask a Question\nDistrict: {words}\nHow?", several())
        assert (got.account, got.missing) == ("riverdale", ())
    got = read("Case Type: Ask a Question\nDistrict: Springfield\nHow?", several())
    assert (got.account, got.problems[0].code) == ("", "not-yours")


def test_a_contact_of_one_district_files_there_and_is_told() -> None:
    """Another district's name does not move the case."""
    got = read("Case Type: Ask a Question\nDistrict: Springfield\nHow?")
    assert (got.account, got.missing) == ("bayside", ())
    assert (got.problems[0].code, got.problems[0].used) == ("not-yours", "Bayside School District")
    assert read("Case Type: Ask a Question\nDistrict: Bayside\nHow?").problems == ()


def test_a_colleague_of_the_same_district_may_be_named() -> None:
    """Both are on record; a stranger is asked about; oneself is oneself."""
    for words in ("Kelly Kapowski", "kelly@bayside.example", "Kelly <kelly@bayside.example>"):
        got = read(f"Case Type: Ask a Question\nContact: {words}\nHow?")
        assert (got.contact, got.submitted_by) == ("kelly", "zack")
        assert got.fields["contact"].value == "Kelly Kapowski"
    got = read("Case Type: Ask a Question\nContact: Nobody Known\nHow?")
    assert (got.contact, got.missing) == ("zack", ("contact",))
    assert read("Case Type: Ask a Question\nContact: Zack Morris\nHow?").submitted_by == ""
    twins = replace(AT, colleagues=(*AT.colleagues, replace(AT.colleagues[0], id="kelly2")))
    got = read("Case Type: Ask a Question\nContact: Kelly Kapowski\nHow?", twins)
    assert got.problems[0].code == "ambiguous"


def test_nobody_is_guessed_where_no_sender_was_proved() -> None:
    """Without a contact there is no account and no contact."""
    got = read("Case Type: Ask a Question\nHow?", replace(AT, contact=None, accounts=()))
    assert (got.account, got.contact) == ("", "")


# ---------------------------------------------------------------- values


@pytest.mark.parametrize(
    ("words", "order", "wanted"),
    [
        ("09/07/2021", "MDY", "2021-09-07"),
        ("09/07/2021", "DMY", "2021-07-09"),
        ("13/02/2021", "MDY", "2021-02-13"),
        ("9/7/21", "MDY", "2021-09-07"),
        ("2021-09-07", "MDY", "2021-09-07"),
        ("09/07/2021 8:30 AM", "MDY", "2021-09-07"),
        ("since yesterday", "MDY", "2021-09-14"),
        ("around last Tuesday", "MDY", "2021-09-14"),
        ("September 3, 2021", "MDY", "2021-09-03"),
        ("two weeks ago", "MDY", "2021-09-01"),
        ("tomorrow", "MDY", "2021-09-16"),
        ("02/30/2021", "MDY", ""),
        ("10", "MDY", ""),
        ("2021", "MDY", ""),
        ("May", "MDY", ""),
        ("may we", "MDY", ""),
        ("since the update", "MDY", ""),
        ("soon", "MDY", ""),
        ("x" * 100, "MDY", ""),
        ("", "MDY", ""),
        ("99/99/9999", "MDY", ""),
    ],
)
def test_a_date_is_a_day_for_sure_or_none(words: str, order: str, wanted: str) -> None:
    """Counted from the day the mail was written, in the account's order."""
    found = read_date(words, Calendar(NOW, "America/Chicago", order))
    assert (found.isoformat() if found else "") == wanted


def test_today_is_where_the_account_is() -> None:
    """Half past four in the morning UTC is still yesterday evening in Chicago."""
    early = datetime.fromisoformat("2021-09-15T04:30:00+00:00")
    assert Calendar(early, "America/Chicago", "MDY").today == date(2021, 9, 14)
    at = replace(AT, accounts=(account(date_order="DMY", timezone="Europe/Berlin"),))
    text = "Case Type: Server Issue\nIssue Began: 03/09/2021\nx"
    assert read(text, at).fields["issue_began"].value == "2021-09-03"
    assert split_dates("1) 10/20/2021\n2) October 27, 2021") == ["10/20/2021", "October 27, 2021"]


@pytest.mark.parametrize(
    ("name", "type_name", "words", "value", "code"),
    [
        ("contact_email", "modify_support_contacts", "Jessie <j@x.example>", "j@x.example", ""),
        ("contact_email", "modify_support_contacts", "jessie at x", None, "bad-email"),
        ("contact_primary_phone", "modify_support_contacts", "call me", None, "bad-phone"),
        ("contact_type", "modify_support_contacts", "Authorised", "Authorized", ""),
        ("contact_type", "modify_support_contacts", "boss", None, "unknown-choice"),
        ("area_of_responsibility", "modify_support_contacts", "Moon", None, "unknown-choice"),
        ("area_of_responsibility", "modify_support_contacts", "SIS; sis", ["SIS"], ""),
        ("area_of_responsibility", "modify_support_contacts", ",", None, "unknown-choice"),
        ("request_type", "server_access", "SSRS and rocket", ["SSRS", "rocket"], "unknown-choice"),
        ("request_type", "request_training", "remote", "remote", ""),
        ("subject", "ask_question", "a\n b", "a b", ""),
        ("description", "ask_question", " a\nb ", "a\nb", ""),
        ("priority", "ask_question", "urgnt", "High", ""),
        ("priority", "ask_question", "no", None, "unknown-choice"),
    ],
)
def test_words_become_a_value_or_a_problem(
    name: str, type_name: str, words: str, value: object, code: str
) -> None:
    """Exact, by alias or nearly; what fits nothing is named."""
    calendar = Calendar(NOW, "America/Chicago", "MDY")
    taken = take(words, CATALOGUE.fields[name], type_name, CATALOGUE, calendar)
    assert (taken.value, taken.code) == (value, code)


def test_none_is_an_answer_only_where_it_is_one() -> None:
    """No error is an answer, no name is a blank."""
    fields = CATALOGUE.fields
    assert not is_blank("None", fields["error_message"], CATALOGUE)
    assert is_blank("none", fields["who_is_impacted"], CATALOGUE)
    assert is_blank("\u00a0?", fields["error_message"], CATALOGUE)
    assert clean_subject("Re: AW: [CASE-1001-ABCDEFGH] Fwd[2]: x") == "x"


@given(st.text(max_size=400))
def test_no_text_makes_the_reading_raise(text: str) -> None:
    """Whatever is written, a submission comes out."""
    assert read(text, html=Html(text, ((text[:20], text[20:40]), (text[:5],)))).account == "bayside"


@given(
    st.text(alphabet=st.characters(categories=["L", "N"], codec="ascii"), min_size=3, max_size=40)
)
def test_a_word_written_under_its_label_reads_back(word: str) -> None:
    """What stands behind "Who is impacted?:" is the answer, unchanged."""
    got = read(f"Case Type: Application Issue\nWho is impacted?: {word}\nModule: Grade Book")
    if word.lower() not in CATALOGUE.normalise.blank_values:
        assert got.fields["who_is_impacted"].value == word
