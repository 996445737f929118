"""Answers to our request, wherever in the mail people write them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from intake.letters.compose import blank_form
from intake.letters.letter import LetterContext, Templates
from intake.mail.message import Html
from intake.model.cases import CaseBrief, PendingForm, StoredField
from intake.parsers.body_lines import is_courtesy
from intake.parsers.case_type import type_of
from tests.support.forms import CATALOGUE, read, replying

REQUEST = """Hello Zack Morris,

thank you for your mail. We keep it as CASE-1000. Before the work can
begin we need these answers from you.

Reply to this mail and write behind the colons. Leave the rest as it is.

(Click by click: what you press, what you type, what appears. Name a
user or student whose data shows it.)
Steps to Reproduce:

(For example one user, all teachers of a course, everybody in the
district.)
Who is impacted?:

Helpful, but not needed:

Error Message:

What we have so far (change a line to correct it)

Case Type: Application Issue
Account: Bayside School District
Priority: Medium
Module: Scheduling
Issue Began: 2021-09-07

--\x20
Support desk
Reference: CASE-1000 [CASE-1000-ABCDEFGH]
"""
STORED = {
    "module": StoredField("Scheduling", "Scheduling", "label"),
    "issue_began": StoredField("2021-09-07", "09/07/2021", "label"),
}
DRAFT = CaseBrief(
    "CASE-1000", "bayside", "zack", "", "application_issue", "Medium", "support", "draft",
    "Empty list", "The list stays empty.", STORED,
)  # fmt: skip
ASKED = PendingForm(
    "CASE-1000", "zack", ("steps_to_reproduce", "who_is_impacted"), "<q@x.example>", REQUEST, 1
)
QUOTED = "\n".join(f"> {line}" for line in REQUEST.splitlines())
ONE = replace(ASKED, asked=("who_is_impacted",))


def inside(*changes: tuple[str, str], prefix: str = "> ") -> str:
    """The quoted request with lines replaced by what the person made of them."""
    lines = [f"{prefix}{line}" for line in REQUEST.splitlines()]
    for line, made in changes:
        lines[lines.index(f"{prefix}{line}")] = made
    return "\n".join(lines)


BOTH = ("Open it and press Load", "all counselors")
SHAPES = {
    "on top, behind labels": (
        f"Steps to Reproduce: {BOTH[0]}\nWho is impacted?: {BOTH[1]}\n\nThanks\n\n"
        f"On Tue, Mar 2, the desk wrote:\n{QUOTED}"
    ),
    "on top, under labels": (
        f"Steps to Reproduce:\n{BOTH[0]}\n\nWho is impacted?\n{BOTH[1]}\n\n"
        f"On Tue, Mar 2, the desk\nof Support wrote:\n{QUOTED}"
    ),
    "behind the quoted colons": inside(
        ("Steps to Reproduce:", f"> Steps to Reproduce: {BOTH[0]}"),
        ("Who is impacted?:", f"> Who is impacted?: {BOTH[1]}"),
    ),
    "under the quoted labels": inside(
        ("Steps to Reproduce:", f"> Steps to Reproduce:\n{BOTH[0]}"),
        ("Who is impacted?:", f"> Who is impacted?:\n>\n{BOTH[1]}"),
    ),
    "in an unquoted copy": (
        "see below\n\nFrom: Support desk <support@desk.example>\nSent: Tuesday, March 2, 2021\n"
        "To: Zack\nSubject: Re: Empty list\n\n"
        + inside(
            ("Steps to Reproduce:", f"Steps to Reproduce: {BOTH[0]}"),
            ("Who is impacted?:", f"Who is impacted?:\n{BOTH[1]}"),
            prefix="",
        )
    ),
    "quoted and wrapped": (
        f"Who is impacted?: {BOTH[1]}\nSteps to Reproduce: {BOTH[0]}\n\nthe desk wrote:\n"
        + QUOTED.replace(
            "what you type, what appears. Name a", "what you type,\n> what appears. Name a"
        )
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_answers_are_found_wherever_they_stand(shape: str) -> None:
    """Both are read as written and nothing is missing; the form's own words are no answer."""
    got = read(SHAPES[shape], replying(DRAFT, ASKED))
    assert got.fields["steps_to_reproduce"].value == BOTH[0]
    assert got.fields["who_is_impacted"].value == BOTH[1]
    assert got.missing == ()
    assert (got.type, got.priority, got.account, got.contact) == (
        "application_issue", "Medium", "bayside", "zack",
    )  # fmt: skip
    assert got.fields["module"].source == "stored"
    assert set(got.changed) == {"steps_to_reproduce", "who_is_impacted"}


def test_an_html_answer_is_read_when_there_is_no_text() -> None:
    """The quoted original comes with quote marks."""
    got = read("", replying(DRAFT, ASKED), html=Html(SHAPES["on top, behind labels"]))
    assert got.missing == ()


def test_the_untouched_form_is_no_answer() -> None:
    """Sending the request back empty leaves everything missing."""
    got = read(f"Here you are.\n\n{QUOTED}", replying(DRAFT, ASKED))
    assert got.missing == ("steps_to_reproduce", "who_is_impacted")
    assert got.changed == ()
    assert got.comment == "Here you are."


def test_a_bare_answer_counts_when_one_thing_was_asked() -> None:
    """With two open questions it is a comment."""
    got = read("everybody\n\nthe desk wrote:\n" + QUOTED, replying(DRAFT, ONE))
    assert got.fields["who_is_impacted"].value == "everybody"
    assert got.comment == ""
    got = read("as usual\n\nthe desk wrote:\n" + QUOTED, replying(DRAFT, ASKED))
    assert "who_is_impacted" not in got.fields
    assert got.comment == "as usual"
    dated = replace(ASKED, asked=("issue_began",))
    got = read("09/03/2021\nthanks, Zack", replying(DRAFT, dated))
    assert got.fields["issue_began"].value == "2021-09-03"


def test_a_line_of_what_we_have_can_be_corrected() -> None:
    """A changed line is a correction, an unchanged one is nothing."""
    text = inside(
        ("Priority: Medium", "> Priority: High"), ("Module: Scheduling", "> Module: Grade Book")
    )
    got = read(text, replying(DRAFT, ASKED))
    assert (got.priority, got.fields["module"].value) == ("High", "Grade Book")
    assert set(got.changed) == {"priority", "module"}


def test_a_line_of_ours_that_was_broken_before_its_last_word_stays_ours() -> None:
    """What follows it is not read as the writer's words, not even the incident that we named."""
    notice = (
        "We know of it and are working on it; there is no need to call. Your\n"
        "answers show us how far it goes, and that it is happening to you, {}too.\n\n"
        "    INC-1: Grade Book posting delayed (identified)\n"
    )
    request = REQUEST.replace("Reply to this mail", notice.format("") + "\nReply to this mail")
    body = (
        request.replace(notice.format(""), notice.format("\n"))
        .replace("Module: Scheduling\n", "")
        .replace("Who is impacted?:", "Who is impacted?: all of us")
    )
    draft = replace(DRAFT, fields={"issue_began": STORED["issue_began"]})
    got = read(
        body, replying(draft, replace(ONE, text=request.replace("Module: Scheduling\n", "")))
    )
    assert got.changed == ("who_is_impacted",)
    assert got.comment == ""
    assert "module" not in got.fields


def test_a_signature_below_the_answer_is_no_comment() -> None:
    """What stands behind "-- " is not the person's word."""
    got = read(
        f"Who is impacted?: all\n\n-- \nZack Morris\nBayside\n\n{QUOTED}", replying(DRAFT, ASKED)
    )
    assert got.fields["who_is_impacted"].value == "all"
    assert got.comment == ""


def test_a_later_reply_corrects_by_label_and_comments_in_prose() -> None:
    """Without an open question only the person's own new lines count."""
    open_case = replace(DRAFT, status="open")
    got = read(
        "Priority: Low\n\nIt is less urgent now.\n\nthe desk wrote:\n> Priority: High",
        replace(replying(open_case), ours=("Priority: High",)),
    )
    assert (got.priority, got.comment) == ("Low", "It is less urgent now.")
    assert got.changed == ("priority",)
    assert got.description == ""
    got = read("Description: the list is longer\nSubject: New name", replying(open_case))
    assert (got.description, got.subject) == ("the list is longer", "New name")
    assert set(got.changed) == {"description", "subject"}


def test_a_draft_without_a_type_takes_it_from_the_answer() -> None:
    """What the first mail gave under labels is kept for the type."""
    unknown = replace(DRAFT, type="", fields={"module": STORED["module"]}, description="")
    asked = replace(ASKED, asked=("case_type",), text="Case Type:\n")
    got = read("Ask a Question\n\n> Case Type:", replying(unknown, asked))
    assert (got.type, got.missing) == ("ask_question", ("description",))
    assert got.fields["module"].value == "Scheduling"
    got = read("Case Type: data restore\nrows are gone", replying(unknown, asked))
    assert got.type == "data_restore"
    assert got.description == "rows are gone"


def test_a_blank_form_filled_in_reads_back() -> None:
    """Our own form, answered behind the colons, is complete."""
    sources = {"blank_form/body.txt": _form_template(), "en/words.txt": _form_words()}
    house = LetterContext("desk", "desk@desk.example", (b"x",), CATALOGUE, Templates(sources))
    text = blank_form(house, "ask_question")
    assert max(map(len, text.splitlines())) <= 78
    assert text.isascii()
    filled = text.replace("Description:", "Description: How?").replace("Subject:", "Subject: Snow")
    got = read(filled)
    assert (got.type, got.subject, got.missing) == ("ask_question", "Snow", ())
    assert got.description.startswith("How?")


def _form_words() -> str:
    root = Path(__file__).resolve().parents[2]
    return (root / "intake/templates/en/words.txt").read_text(encoding="utf-8")


def _form_template() -> str:
    root = Path(__file__).resolve().parents[2]
    return (root / "intake/templates/blank_form/body.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("Ask a question please", "ask_question"),
        ("It is a server issue, thanks", "server_issue"),
        ("not a server issue", ""),
        ("server issue or data restore", ""),
        ("we have a server issue since Monday and nobody here knows why", ""),
        ("question please", ""),
    ],
)
def test_a_polite_answer_names_its_type(words: str, wanted: str) -> None:
    """A type's whole name among a few words is meant; two names, a denial or a story are not."""
    assert type_of(words, CATALOGUE, near=True) == wanted
    assert type_of(words, CATALOGUE) == ""


@pytest.mark.parametrize(
    ("line", "courtesy"),
    [
        ("Hi,", True), ("Dear Support Team,", True), ("Good morning Kelly Kapowski", True),
        ("hi kelly,", True), ("hello support team", True), ("Hola a todos", True),
        ("Many thanks!", True), ("Hi it broke again", False), ("Hi HELP", False),
        ("Hello nothing works today.", False),
        ("hey grades are gone", False), ("Thanks for nothing", False),
    ],
)  # fmt: skip
def test_a_greeting_with_news_in_it_is_no_courtesy(line: str, courtesy: bool) -> None:
    """Whom it greets is written large, ends in a comma, or is everybody."""
    assert is_courtesy(line) is courtesy


@pytest.mark.parametrize(
    ("words", "thanks"),
    [
        ("Thanks!", True), ("thank you 🙏", True), ("Hi team,\n\nGot it – thanks!", True),
        ("OK, thanks for the heads-up.\n\nBest regards,\nZack", True), ("Merci beaucoup", True),
        ("Great, thank you so much for your help!", True), ("Muchas gracias por avisar", True),
        ("", False), ("Hello,", False), ("Best regards,\nZack", False), ("Thanks?", False),
        ("Thanks. It is back.", False), ("Thanks, but no.", False), ("Not ok", False),
        ("Thanks for nothing", False), ("ok ok ok 5550109", False), ("thanks " * 80, False),
    ],
)  # fmt: skip
def test_what_is_nothing_but_thanks(words: str, thanks: bool) -> None:
    """One word too many and it is a mail like any other; a greeting alone says too little."""
    assert read(words).thanks is thanks
