"""A contact of two districts names one as people do: in the subject, a sentence, by its number."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.service import Door, what

ZACK = "zack@bayside.example"
PEOPLE = """
[[accounts]]
id = "bayside"
name = "Bayside School District"
aliases = ["Bayside"]

[[accounts]]
id = "charter"
name = "Bayside Charter Schools"
aliases = ["BCS"]

[[contacts]]
id = "zack"
name = "Zack Morris"
emails = ["zack@bayside.example"]
accounts = ["bayside", "charter"]
contact_type = "Authorized"
areas = ["SIS"]
"""
WORDS = "The grade book of our English teachers does not save what they type into it."


def asked(folder: Path, words: str = WORDS, subject: str = "Grade book") -> tuple[Door, str, str]:
    """The service, what became of such a mail, and the account of its case."""
    door = Door(folder, people=PEOPLE)
    text = f"Case Type: Ask a Question\nDescription: {words}\n"
    did = what(door.say(ZACK, text, subject=subject))
    return door, did, door.case("CASE-1001")["account_id"]


@pytest.mark.parametrize(
    ("subject", "account"),
    [
        ("Bayside Charter Schools: grade book", "charter"),
        ("[bayside charter schools] grade book", "charter"),
        ("Grade book at Bayside", "bayside"),
        ("Bayside School District - grade book", "bayside"),
        ("Grade book", ""),
        ("Bayside and Bayside Charter Schools", ""),
        ("Baysides grade book", ""),
        ("BCS", ""),  # three letters may be anything
    ],
)
def test_the_subject_names_a_district(tmp_path: Path, subject: str, account: str) -> None:
    """The whole name or an alias, and only one of them; otherwise it is asked."""
    _, did, found = asked(tmp_path, subject=subject)
    assert (did, found) == ("create R20" if account else "ask R18", account)


@pytest.mark.parametrize(
    ("words", "account"),
    [
        ("The grade book of Bayside Charter Schools does not save what teachers type.", "charter"),
        (f"{WORDS}\nThis is about Bayside Charter Schools only.", "charter"),
        (f"{WORDS}\nBoth Bayside and Bayside Charter Schools have it.", ""),
        (f"{WORDS}\n\nZack Morris\nRegistrar, Bayside School District", ""),
    ],
)
def test_a_sentence_names_a_district(tmp_path: Path, words: str, account: str) -> None:
    """In the text of a new mail; lines of a signature name the writer's desk and nothing else."""
    door = Door(tmp_path, people=PEOPLE)
    did = what(door.say(ZACK, words, subject="Ask a Question: grade book"))
    assert (did, door.case("CASE-1001")["account_id"]) == (
        "create R20" if account else "ask R18", account,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "account"),
    [
        ("2", "charter"),
        ("2.", "charter"),
        ("1) please", "bayside"),
        ("It is for Bayside Charter Schools, thank you!", "charter"),
        ("bayside", "bayside"),
        ("Account: 2", "charter"),
        ("Account: Bayside Charter Schools", "charter"),
        ("3", ""),
        ("Bayside, or Bayside Charter Schools, I do not know", ""),
        ("the second one", ""),
    ],
)
def test_the_answer_names_a_district(tmp_path: Path, answer: str, account: str) -> None:
    """By its place in the letter's list, its name in a sentence, or under its label."""
    door, did, found = asked(tmp_path)
    assert (did, found) == ("ask R18", "")
    letter = door.letters("missing_fields", ZACK)[0]
    (text,) = [str(one) for one in door.posted(ZACK)]
    flat = " ".join(text.split())
    assert "1. Bayside School District 2. Bayside Charter Schools" in flat
    did = what(door.say(ZACK, answer, to=str(letter["message_id_header"])))
    assert door.case("CASE-1001")["account_id"] == account
    assert did.startswith("complete" if account else "ask")
