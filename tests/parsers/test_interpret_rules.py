"""The rules about fields, the people and places of a case, and its values."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intake.mail.message import Html
from intake.parsers.dates import Calendar, read_date, split_dates
from intake.parsers.subjects import clean_subject
from intake.parsers.values import is_blank, take
from tests.support.forms import (
    AT,
    CATALOGUE,
    FORMS,
    NOW,
    account,
    plain,
    read,
    several,
)  # fmt: skip
from tests.support.values import ZACK

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
    got = read("Case Type: Ask a Question\nHow?", subject="Hello")
    assert (got.fields["module"].value, got.fields["module"].source) == (
        "Not Applicable",
        "default",
    )
    assert read("Case Type: Application Issue\nx", subject="Hello").missing[0] == "module"


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
