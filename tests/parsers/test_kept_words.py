"""Quoted and forwarded words, in new mails and in answers: nothing that was said is lost."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intake.parsers import quoted_text
from intake.parsers.interpret import interpret
from intake.parsers.scanner import scan
from tests.support.forms import AT, CATALOGUE, read
from tests.support.rawmail import CAMPAIGN, mail, message
from tests.support.service import AMY, QUESTION, Door, what

FORWARD = (
    "Can you look at this?\n\n---------- Forwarded message ---------\nFrom: Screech <s@x.example>\n"
    "Date: Mon, Mar 2, 2026 at 8:00 AM\nSubject: Grades\n\nError token 4711 in room 12.\n"
)


def quote(text: str) -> str:
    """The text as mail programs quote it."""
    return "\n".join(f"> {line}".rstrip() for line in text.splitlines())


@pytest.fixture
def door(tmp_path: Path) -> Door:
    """One open case of Alder's."""
    made = Door(tmp_path)
    assert what(made.say(AMY)) == "create R20"
    return made


def answer(door: Door, text: str) -> str:
    """A reply to the newest letter; what was added to the case by it."""
    letter = door.letters(to=AMY)[-1]
    said = door.say(AMY, text, to=letter["message_id_header"], subject=f"Re: {letter['subject']}")
    assert said["case_number"] == "CASE-1001"
    notes = [one for one in door.case("CASE-1001")["events"] if one["kind"] == "comment"]
    return str(notes[-1]["detail"]["text"]) if notes else ""


def test_a_forwarded_mail_is_part_of_what_is_said(door: Door) -> None:
    """The contact's own line says little; what they forward is the matter."""
    door.say(AMY, f"Case Type: Ask a Question\n{FORWARD}", subject="Fwd: Grades")
    assert "Error token 4711 in room 12." in door.case("CASE-1002")["description"]


def test_a_quote_in_a_new_mail_is_kept_and_sets_no_field(door: Door) -> None:
    """The labels in it are somebody else's."""
    text = f"{QUESTION}\nOn Monday Kelly wrote:\n> Priority: High\n> Token 4711 appears.\n"
    door.say(AMY, text)
    case = door.case("CASE-1002")
    assert "Token 4711 appears." in case["description"]
    assert case["priority"] == "Medium"


def test_a_copy_of_our_letter_is_nothing_new(door: Door) -> None:
    """Quoted whole below the answer, with its attribution, as every mail program does."""
    letter = door.letters("ack", AMY)[-1]
    copy = f"On Mon, Mar 2, 2026 at 9:01 AM Support desk wrote:\n\n{quote(letter['text'])}"
    assert answer(door, f"It happens on Fridays, too.\n\n{copy}") == "It happens on Fridays, too."


def test_what_was_added_before_is_nothing_new(door: Door) -> None:
    """The second answer quotes the first one."""
    answer(door, "It happens on Fridays, too.")
    again = "And on Mondays.\n\nOn Tuesday Amy wrote:\n> It happens on Fridays, too.\n"
    assert answer(door, again) == "And on Mondays."


def test_a_colleagues_words_in_the_quote_are_kept(door: Door) -> None:
    """Nobody has told us before what Kelly wrote to Amy."""
    added = answer(door, "See below.\n\nOn Tuesday Kelly wrote:\n> The token is 4711.\n> Regards\n")
    assert added.startswith("See below.")
    assert "The token is 4711." in added
    assert quoted_text.MARK in added


def test_thanks_over_new_words_in_a_quote_open_the_case_again(door: Door) -> None:
    """It is not nothing but thanks."""
    door.cli("cases", "close", "CASE-1001")
    answer(door, "Thank you!\n\nOn Tuesday Kelly wrote:\n> It is broken again: token 4711\n")
    assert door.case("CASE-1001")["status"] == "open"


def test_thanks_over_our_own_letter_leave_it_closed(door: Door) -> None:
    """Everything below is a copy."""
    letter = door.letters("ack", AMY)[-1]
    door.cli("cases", "close", "CASE-1001")
    answer(door, f"Thank you!\n\nOn Monday Support desk wrote:\n{quote(letter['text'])}\n")
    assert door.case("CASE-1001")["status"] == "closed"


@pytest.mark.parametrize(
    "line",
    ["Case Type: Data Restore", "Account: Birch County", "Contact: Mona Multi"],
)
def test_a_line_that_changes_nothing_is_kept_in_sight(door: Door, line: str) -> None:
    """The case takes no other type, account or contact by mail; what was written is not lost."""
    assert answer(door, f"{line}\n") == line


@pytest.mark.parametrize(
    "line", ["Case Type: ask a question", "Account: Alder Unified", "Contact: Amy Alder"]
)
def test_a_line_that_says_what_is_known_is_nothing_new(door: Door, line: str) -> None:
    """As people leave our letter's lines standing."""
    assert answer(door, f"{line}\n\nOne word more.\n") == "One word more."


def test_the_second_line_under_a_label_of_a_new_mail_is_kept(door: Door) -> None:
    """The first counts; the other one stands in the description."""
    door.say(AMY, f"{QUESTION}Contact: Abe Alder\nContact: Mona Multi\n")
    case = door.case("CASE-1002")
    assert case["contact_id"] == "abe"
    assert "Contact: Mona Multi" in case["description"]


def test_a_signature_is_no_quote(door: Door) -> None:
    """What stands behind two dashes is kept by nobody."""
    door.say(AMY, f"{QUESTION}\n-- \nAmy Alder\nPhone 555 4711\n")
    assert "4711" not in door.case("CASE-1002")["description"]


WORD = st.text(st.characters(codec="ascii", categories=["Ll"]), min_size=4, max_size=9)
LINE = st.lists(WORD, min_size=2, max_size=6).map(" ".join)
BLOCK = st.lists(LINE, min_size=1, max_size=4)


@settings(max_examples=300 * CAMPAIGN, deadline=None)
@given(BLOCK, BLOCK, st.sampled_from(["quoted", "twice quoted", "forwarded", "outlook"]), BLOCK)
def test_every_word_of_a_new_mail_stands_in_its_case(
    own: list[str], old: list[str], way: str, more: list[str]
) -> None:
    """Own words, older words below them in any shape, and words below those."""
    head = {
        "quoted": "On Monday Kelly wrote:\n",
        "twice quoted": "On Monday Kelly wrote:\n",
        "forwarded": "---------- Forwarded message ---------\nFrom: k@x.example\nSubject: s\n\n",
        "outlook": f"{'_' * 32}\nFrom: k@x.example\nSent: Monday\nTo: a@x.example\nSubject: s\n\n",
    }[way]
    mark = {"quoted": "> ", "twice quoted": ">> "}.get(way, "")
    lines = [*own, "", head, *(mark + line for line in old), "", *(mark + line for line in more)]
    made = message(mail("Subject: Grades", body="\n".join(lines)))
    got = interpret(scan(made, CATALOGUE), made, CATALOGUE, AT)
    there = f"{got.description} {' '.join(one.words for one in got.fields.values())}"
    for line in (*own, *old, *more):
        for word in line.split():
            assert word in there, (word, way)


SEALED = "MIAGCSqGSIb3DQEHA6CAMIACAQAxggFoMIIBZAIBADBMMDcxCzAJBgNVBAYTAkNIMQ==\n"


@pytest.mark.parametrize("kind", ["application/pkcs7-mime; smime-type=enveloped-data", "pgp"])
def test_an_encrypted_mail_is_told_so(door: Door, kind: str) -> None:
    """Nobody wonders why the desk asks what the mail has said."""
    if kind == "pgp":
        fields = ['Content-Type: multipart/encrypted; boundary="b"; protocol="x"']
        text = (
            "--b\nContent-Type: application/pgp-encrypted\n\nVersion: 1\n\n--b\n"
            f"Content-Type: application/octet-stream\n\n{SEALED}\n--b--\n"
        )
    else:
        fields = [f"Content-Type: {kind}", "Content-Transfer-Encoding: base64"]
        text = SEALED
    said = door.say(AMY, text, fields=["MIME-Version: 1.0", *fields], subject="Grades")
    assert what(said).startswith("ask")
    (letter,) = door.letters("missing_fields", AMY)
    words = " ".join(letter["text"].split())
    assert "Your mail is encrypted or wrapped, and we cannot read it." in words


def test_a_signature_of_a_mail_whose_type_is_guessed_is_kept() -> None:
    """Its labels belong to another type; the words stand in the case."""
    got = read(
        "Is there a report that shows which of our teachers have not taken attendance today?\n\n"
        "Nicole Berg\nIBM Italy\nMobile: +39 335 736 8459\nEmail: nicole@it.example\n"
    )
    assert got.type == "ask_question"
    assert "Mobile: +39 335 736 8459" in got.description
