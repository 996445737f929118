"""What contacts read: complete, checked, and nothing in it that should stay in the house."""

from __future__ import annotations

from dataclasses import replace
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest

from intake.letters.compose import Answered, LetterError, blank_form, write
from intake.letters.letter import Letter, LetterContext, Templates
from intake.letters.locale import locale
from intake.letters.masking import masked
from intake.letters.text import one_line, tidy
from intake.letters.wording import attachment_lines, problem_lines, size_text
from intake.mail import tokens
from intake.mail.addresses import read_address
from intake.mail.message import Attachment
from intake.model.accounts import Account
from intake.parsers.submission import FieldValue, Problem, Submission
from intake.triage.decision import decide
from tests.support.forms import CATALOGUE
from tests.support.letter_text import plain_text
from tests.support.values import (
    BAYSIDE,
    COMPLETE,
    KNOWN,
    NOW,
    POLICY,
    SIGNED,
    case,
    message,
    pending,
)

ROOT = Path(__file__).resolve().parents[2] / "intake" / "templates"
SOURCES = {path.relative_to(ROOT).as_posix(): path.read_text() for path in ROOT.rglob("*.txt")}
SOURCES |= {f"builtin/{name}": text for name, text in SOURCES.items()}
SECRET = b"a secret for the tests only"
HOUSE = LetterContext(
    "Support desk", "support@desk.example", (SECRET,), CATALOGUE, Templates(SOURCES)
)
ENGLISH = locale(HOUSE)
FULL = replace(
    COMPLETE,
    type="application_issue",
    priority="High",
    fields={
        "module": FieldValue("Grade Book", "grade book", "label"),
        "steps_to_reproduce": FieldValue("open Anne's page", "open Anne's page", "label"),
        "issue_began": FieldValue("2026-03-01", "yesterday", "label"),
        "error_message": FieldValue(None, "none", "label"),
    },
)


def letters(
    submission: Submission = FULL, *, letter_context: LetterContext = HOUSE, **more: Any
) -> tuple[Letter, ...]:
    """The letters that Zack's mail leads to."""
    mail = more.get("mail", message())
    known = more.get("known", KNOWN)
    sender = more.get("sender", SIGNED)
    decision = decide(mail, sender, submission, known, more.get("policy", POLICY), NOW)
    return write(decision, Answered(mail, known.accounts), letter_context, NOW)


def text_of(letter: Letter) -> str:
    """The body as a mail program shows it."""
    return plain_text(message_from_bytes(letter.raw))


def test_an_acknowledgement_says_what_was_read() -> None:
    """Type, account, values and department; student data is named and not repeated."""
    (letter,) = letters()
    text = text_of(letter)
    assert text == letter.text
    for line in (
        "Hello Zack Morris,",
        "Case Type: Application Issue",
        "Account: Bayside School District",
        "Priority: High",
        "Module: Grade Book",
        "Issue Began: 2026-03-01",
        "Steps to Reproduce: received, not repeated here",
        "Description: How?",
        "Error Message: none",
    ):
        assert line in text.splitlines()
    assert "Anne" not in text
    assert "it is in our queue" in text, "no department gets cases"
    assert max(map(len, text.splitlines())) <= 78
    assert len(letter.raw) < 4096


def test_a_letter_stays_in_its_thread_and_can_be_recognised() -> None:
    """Our own Message-ID and the subject tag name the case; the parent is referred to."""
    (letter,) = letters(mail=message(references=("<0@x.example>",), subject="RE: Re: Snow day"))
    parsed = message_from_bytes(letter.raw)
    assert parsed["In-Reply-To"] == "<1@bayside.example>"
    assert parsed["References"].split() == ["<0@x.example>", "<1@bayside.example>"]
    own = tokens.read_message_id((SECRET,), letter.message_id, "desk.example")
    assert own is not None
    assert own.case_number == "CASE-1001"
    assert tokens.read_subject_tags((SECRET,), letter.subject) == ("CASE-1001",)
    assert letter.subject.startswith("Re: Snow day [CASE-1001-")
    assert letter.recipient == "Zack.Morris@bayside.example"


def test_writing_twice_gives_the_same_letter() -> None:
    """The cause makes the id; another mail makes another."""
    assert letters() == letters()
    assert letters()[0].cause != letters(mail=message(digest="e" * 64))[0].cause


def test_a_request_lists_exactly_what_is_missing() -> None:
    """Missing labels with help and choices first, then what we have, with no gap repeated."""
    asked = replace(FULL, missing=("module", "who_is_impacted"), recommended=("expected_results",))
    (letter,) = letters(asked)
    text = letter.text
    first, _, second = text.partition("What we have so far")
    assert "\nModule:\n" in first
    assert "One of: Attendance" in " ".join(first.split())
    assert "\nWho is impacted?:\n" in first
    assert "\nExpected Results:\n" in first.partition("Helpful, but not needed")[2]
    assert "Module" not in second
    assert "Issue Began: 2026-03-01" in second
    assert "we need these answers" in " ".join(first.split())
    (single,) = letters(replace(FULL, missing=("module",)))
    assert "one answer" in " ".join(single.text.split())


def test_a_request_in_the_second_round_says_so() -> None:
    """The draft's number stays, the words differ."""
    known = replace(KNOWN, case=case("draft", kind="application_issue"), pending=pending())
    (letter,) = letters(replace(FULL, missing=("module",)), known=known)
    assert "still open" in " ".join(letter.text.split())
    assert letter.case_number == "CASE-1000"


def test_an_outage_is_acknowledged_and_asked_about_in_one_letter() -> None:
    """Open already; the question does not hold it."""
    outage = replace(
        FULL, type="report_outage", fields={}, missing=("description",), description=""
    )
    (letter,) = letters(outage)
    assert "Case CASE-1001 is open." in letter.text


def test_a_department_that_gets_cases_is_named() -> None:
    """The letter says that it has the case only if it really gets it."""
    context = replace(HOUSE, handed_over=frozenset({"support"}))
    (letter,) = letters(letter_context=context)
    assert "Application Support" in text_of(letter)


def test_choices_offer_what_a_problem_offers() -> None:
    """A contact of several districts sees their own and no other."""
    choices = ("Bayside School District", "Riverdale Unified")
    problem = Problem("account", "several", "", "", choices, blocking=True)
    asked = replace(FULL, account="", missing=("account",), problems=(problem,))
    (letter,) = letters(asked)
    assert "One of:\n 1. Bayside School District\n 2. Riverdale Unified)" in letter.text
    unknown = replace(FULL, type="", missing=("case_type",), department="")
    (letter,) = letters(unknown)
    assert "Data Restore" in letter.text
    assert "Case Type: not told yet" in letter.text


def test_completing_and_adding_have_words_of_their_own() -> None:
    """Thanks for the last answer; what a reply changed is listed."""
    known = replace(KNOWN, case=case("draft", kind="application_issue"), pending=pending())
    (letter,) = letters(known=known)
    assert "everything we needed" in letter.text
    changed = replace(FULL, changed=("priority", "module", "steps_to_reproduce", "gone"))
    (letter,) = letters(changed, known=replace(KNOWN, case=case(kind="application_issue")))
    assert letter.kind == "appended"
    lines = letter.text.splitlines()
    assert "Priority: High" in lines
    assert "Module: Grade Book" in lines
    assert "Anne" not in letter.text
    used_up = replace(known, pending=pending(2))
    (letter,) = letters(replace(FULL, missing=("module",)), known=used_up)
    assert "a colleague of ours" in " ".join(letter.text.split())


@pytest.mark.parametrize("reason", ["read_only", "step_up", "inactive"])
def test_fixed_texts_name_no_case_and_quote_nothing(reason: str) -> None:
    """A refusal is our words only."""
    order = letters()[0]
    decision = decide(message(), SIGNED, FULL, KNOWN, POLICY, NOW)
    wanted = replace(decision.letters[0], kind="refusal", reason=reason)
    plain = replace(decision, letters=(wanted,), change=None, action="hold")
    mail = message(subject="Buy {{ 7*7 }} now")
    (letter,) = write(plain, Answered(mail, (BAYSIDE,)), HOUSE, NOW)
    assert "CASE" not in letter.text + letter.subject
    assert "Buy" not in letter.text + letter.subject
    assert letter.case_number == ""
    assert order.kind == "ack"


def test_everything_that_was_adjusted_is_said_with_its_reason() -> None:
    """Each problem is one item; personal ones without the words."""
    problems = (
        Problem("priority", "capped", "Critical", "High"),
        Problem("module", "unknown-choice", "Moon", "Moon"),
        Problem("module", "unknown-choice", "Moon", "Other"),
        Problem("issue_began", "bad-date", "soon"),
        Problem("contact_email", "bad-email", "jessie at x"),
        Problem("account", "not-yours", "Springfield", "Bayside School District"),
        Problem("approximate_date_of_loss", "too-old", "01/01/2020"),
        Problem("case_type", "two-forms", ""),
        Problem("contact", "ambiguous", "Kelly"),
        Problem("contact_replacement_name", "same-person", "Jessie Spano"),
        Problem("gone", "strange", "x", "y"),
    )
    text = " ".join(" ".join(problem_lines(replace(FULL, problems=problems), ENGLISH)).split())
    assert "you wrote 'Critical'; we set it to 'High'. Critical is kept for outages" in text
    assert "'Moon' is not on our list; we kept it as you wrote it." in text
    assert "we used 'Other'" in text
    assert "'soon' could not be read as a date" in text
    assert "jessie" not in text
    assert "30 days" in text
    assert "two filled forms" in text
    assert "'Kelly' could be more than one person" in text
    assert "Whom do they replace?" in text
    (letter,) = letters(
        replace(FULL, problems=problems, notices=("restore_missing_or_deleted", "no"))
    )
    assert "What we adjusted" in letter.text
    assert "Only data that is missing" in letter.text


def test_billable_work_and_the_operators_department_name_are_said() -> None:
    """The letter warns of costs, and the operator's own words count."""
    letter_context = replace(
        HOUSE, departments={"support": "the help desk"}, handed_over=frozenset({"support"})
    )
    (letter,) = letters(replace(FULL, billable=True), letter_context=letter_context)
    assert "may be billable" in letter.text
    assert "the help desk" in letter.text
    (letter,) = letters(replace(FULL, department="nowhere"))
    assert "it is in our queue" in letter.text, "nobody gets it, so nobody is named"


def test_a_colleague_is_named_as_the_contact() -> None:
    """Written for somebody else: the letter says for whom."""
    behalf = {**FULL.fields, "contact": FieldValue("Kelly", "Kelly", "label")}
    (letter,) = letters(replace(FULL, contact="kelly", submitted_by="zack", fields=behalf))
    assert "Contact: Kelly" in letter.text.splitlines()
    (letter,) = letters(replace(FULL, account="elsewhere", fields=behalf))
    assert "Account:" not in letter.text


def test_files_are_named_by_name_and_size() -> None:
    """Twenty by name, pictures inside the text not counted, names on one line."""

    def file(name: str, size: int, *, inline: bool = False) -> Attachment:
        return Attachment(name, "a/b", "", size, "s", inline, "1")

    files = [file(f"f{n}.txt", 1000) for n in range(25)] + [file("logo.png", 9, inline=True)]
    lines = attachment_lines(message(attachments=tuple(files)), ENGLISH)
    assert (lines[0], lines[-1], len(lines)) == ("- f0.txt (1 KB)", "- and 5 more", 21)
    (letter,) = letters(mail=message(attachments=(file("a\nb\u202e.txt", 5),)))
    assert "- a b .txt (5 bytes)" in letter.text
    assert [size_text(size, ENGLISH) for size in (999, 12_300, 3_400_000)] == [
        "999 bytes",
        "12 KB",
        "3.4 MB",
    ]


def test_data_of_a_mail_is_never_a_template() -> None:
    """Braces in a subject or a value come out as they are."""
    hostile = "{{ 7*7 }}{% for x in y %}"
    values = {"module": FieldValue(hostile, hostile, "label")}
    (letter,) = letters(
        replace(FULL, fields=values, description=hostile), mail=message(subject=hostile)
    )
    assert hostile in letter.text
    assert hostile in letter.subject


@pytest.mark.parametrize("template", ["{{ nothing }}", "{% if %}", "{{ name.__class__ }}"])
def test_a_wrong_template_is_named(template: str) -> None:
    """An unknown name, a syntax error or a way out of the sandbox is a LetterError."""
    letter_context = replace(HOUSE, templates=Templates({**SOURCES, "ack/body.txt": template}))
    with pytest.raises(LetterError, match=r"ack/body\.txt"):
        letters(letter_context=letter_context)


def test_an_operators_template_may_extend_the_shipped_one() -> None:
    """builtin/ack/body.txt stays reachable under its own name."""
    own = {
        **SOURCES,
        "ack/body.txt": "{% include 'builtin/ack/body.txt' %}\nOffice hours: 8 to 4\n",
    }
    (letter,) = letters(letter_context=replace(HOUSE, templates=Templates(own)))
    assert letter.text.rstrip().endswith("Office hours: 8 to 4")
    assert "What we read" in letter.text


@pytest.mark.parametrize("name", CATALOGUE.types)
def test_every_type_has_a_blank_form(name: str) -> None:
    """Required fields first, every field of the type once, lines of at most 78 characters."""
    text = blank_form(HOUSE, name)
    case_type = CATALOGUE.types[name]
    labels = [CATALOGUE.fields[field].label for field in case_type.fields]
    lines = text.splitlines()
    assert all(sum(line.startswith(f"{label}:") for line in lines) == 1 for label in labels)
    assert max(map(len, lines)) <= 78
    top = text.partition("optional")[0]
    assert all(f"\n{CATALOGUE.fields[field].label}:" in top for field in case_type.required)


def test_small_things() -> None:
    """One line is one line, tidy is tidy, and an address of ours is plain."""
    assert one_line("a\r\n\x00b\u2028c", 10) == "a b c"
    assert one_line("abcdef", 4) == "abc…"
    assert tidy("\n\na  \n\n\n-- \nb\n\n") == "a\n\n-- \nb\n"
    assert str(read_address(HOUSE.address)) == HOUSE.address
    assert letters(mail=message(subject="Re:"))[0].subject.startswith("Re: your mail")
    assert Account("x", "y").active


def test_answers_may_go_to_an_address_of_the_case() -> None:
    """Only where the operator says so, and it is the only other address in the letter."""
    (plain,) = letters()
    assert message_from_bytes(plain.raw)["Reply-To"] is None
    (letter,) = letters(letter_context=replace(HOUSE, reply_to_case=True))
    wanted = tokens.reply_address((SECRET,), "CASE-1001", "support@desk.example")
    assert message_from_bytes(letter.raw)["Reply-To"] == wanted


def test_a_rule_may_be_silent() -> None:
    """The decision stands, and the reason is kept with it."""
    policy = replace(POLICY, silent_rules=("R20",))
    decision = decide(message(), SIGNED, FULL, KNOWN, policy, NOW)
    assert (decision.action, decision.letters) == ("create", ())
    assert "no letters of R20" in decision.silence


@pytest.mark.parametrize(
    ("said", "masked_as"),
    [
        ("Her SSN is 123-45-6789.", "Her SSN is ***-**-****."),
        ("SSN\n123456789", "SSN\n*********"),
        ("nacida el 4 de marzo de 2012", "nacida el * ** ***** ** ****"),
        ("nacido 04/03/2012", "nacido **/**/****"),
        ("born March 4,\n2012, in May", "born ***** *,\n****, in May"),
        ("student's id: AB-104512!", "student's id: **-******!"),
        ("4.3.2012 and 123-45-678 and 1234567890", "4.3.2012 and 123-45-678 and 1234567890"),
        ("born to be wild in 12 rooms", "born to be wild in 12 rooms"),
        ("123-45-6789-01 is an order", "123-45-6789-01 is an order"),
        ("DOB 3/4/12, born 3/4/13", "DOB */*/**, born */*/**"),
    ],
)
def test_what_names_a_pupil_is_masked_in_place(said: str, masked_as: str) -> None:
    """Stars where letters and digits were; the length, the spaces and the lines stay."""
    assert masked(said) == masked_as
    assert masked(masked_as) == masked_as
