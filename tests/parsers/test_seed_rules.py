"""What the page says that the domain comes from: its own example, and its rules about answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.service import Door, what

ZACK = "zack@bayside.example"
PEOPLE = """
[[accounts]]
id = "bayside"
name = "Bayside School District"
aliases = ["Bayside School"]

[[contacts]]
id = "zack"
name = "Zack Morris"
emails = ["zack@bayside.example"]
accounts = ["bayside"]
contact_type = "Authorized"
areas = ["SIS"]

[[contacts]]
id = "kelly"
name = "Kelly Kapowski"
emails = ["kelly@bayside.example"]
accounts = ["bayside"]
contact_type = "Authorized"
areas = ["SIS"]
"""
WORDS = "None of the English Literature teachers are able to post grades: Post is greyed out."
STEPS = "1. Log in as a teacher\n2. Go to Grade Book for 1100-1\n3. Click Post"
REST = f"""
Subject
Teachers unable to post grades

{WORDS}

Steps to Reproduce
{STEPS}

Who is impacted
English Lit 1100 teachers

Issue Began
09/07/2021

Expected Results
Post button to be active
"""
HTML = (
    "<table><tr><td>Contact</td><td>Zack Morris (TESTING)</td></tr></table>"
    "<table><tr><th>Case Type</th><th>Module</th></tr>"
    "<tr><td>Campus Application</td><td>Grade Book</td></tr></table>"
    + "".join(f"<p>{line}</p>" for line in REST.splitlines() if line)
)
SHAPES = {
    "as the page shows it": "Contact\nBayside School (TESTING)\nZack Morris (TESTING)\n\n"
    "Case Type               Module\nCampus Application      Grade Book\n" + REST,
    "with tabs": "Contact\nBayside School (TESTING)\nZack Morris (TESTING)\n\n"
    "Case Type\tModule\nCampus Application\tGrade Book\n" + REST,
    "one label a line": "Contact\nZack Morris (TESTING)\n\nCase Type\nApplication Issue\n\nModule\n"
    "Grade Book\n" + REST,
    "with colons": "Contact: Zack Morris\nCase Type: Application Issue\nModule: Grade Book\n"
    f"Subject: Teachers unable to post grades\nDescription: {WORDS}\nSteps to Reproduce:\n{STEPS}\n"
    "Who is impacted: English Lit 1100 teachers\nIssue Began: 09/07/2021\n"
    "Expected Results: Post button to be active\n",
    "as HTML": HTML,
}


def opened(tmp_path: Path, text: str, *fields: str) -> tuple[str, dict[str, Any]]:
    """What became of such a mail, and its case."""
    door = Door(tmp_path, people=PEOPLE)
    did = what(door.say(ZACK, text, subject="Teachers unable to post grades", fields=fields))
    return did, door.case("CASE-1001")


@pytest.mark.parametrize("name", SHAPES)
def test_the_pages_own_example_opens_with_every_field_right(tmp_path: Path, name: str) -> None:
    """Seed L170, however it was copied."""
    kind = ["Content-Type: text/html; charset=utf-8"] if name == "as HTML" else []
    did, case = opened(tmp_path, SHAPES[name], *kind)
    assert did == "create R20"
    assert (case["type"], case["account_id"], case["contact_id"], case["submitted_by"]) == (
        "application_issue", "bayside", "zack", "",
    )  # fmt: skip
    assert case["subject"] == "Teachers unable to post grades"
    assert case["description"] == WORDS
    fields = {key: one["value"] for key, one in case["fields"].items()}
    assert fields.pop("steps_to_reproduce").split("\n")[0] == "1. Log in as a teacher"
    assert fields == {
        "module": "Grade Book", "who_is_impacted": "English Lit 1100 teachers",
        "issue_began": "2021-09-07", "expected_results": "Post button to be active",
    }  # fmt: skip


def test_the_person_below_the_district_may_be_a_colleague(tmp_path: Path) -> None:
    """The case is theirs, and their name is no part of what it is about."""
    text = SHAPES["as the page shows it"].replace("Zack Morris (TESTING)", "Kelly Kapowski")
    _, case = opened(tmp_path, text)
    assert (case["contact_id"], case["submitted_by"]) == ("kelly", "zack")
    assert "Kelly" not in case["description"]


def test_a_district_alone_as_contact_stands_in_nobodys_way(tmp_path: Path) -> None:
    """It is the sender's own: nobody is asked who that is."""
    text = "Contact: Bayside School\nCase Type: Ask a Question\nDescription: How?\n"
    assert opened(tmp_path, text)[0] == "create R20"


SQL = "Case Type: Server Access\nRequest Type: SQL Server\nDescription: I need it.\n"


@pytest.mark.parametrize(
    ("said", "action"),
    [
        ("no", "ask"), ("No, not yet", "ask"), ("not yet", "ask"), ("never", "ask"),
        ("none", "ask"), ("yes", "create"), ("Zack Morris, May 2025", "create"),
        ("Norma Noble in November", "create"),
    ],
)  # fmt: skip
def test_sql_access_needs_the_training(tmp_path: Path, said: str, action: str) -> None:
    """Seed L104: a no is an answer, and not the one that opens the case."""
    did, case = opened(tmp_path, f"{SQL}Schema Bootcamp: {said}\n")
    assert did.split()[0] == action
    assert case["status"] == ("draft" if action == "ask" else "open")


RESTORE = (
    "Case Type: Data Restore\nApproximate Date of Loss: yesterday\nDescription: Please restore.\n"
    "Written Permission: Yes, I give you permission to restore this data.\n"
)


@pytest.mark.parametrize(
    ("said", "action"),
    [
        ("Nothing was deleted, I want last year's data back.", "ask"),
        ("The rows weren't lost.", "ask"),
        ("An enrollment was deleted by mistake.", "create"),
        ("Somebody deleted it. Nothing else was changed.", "create"),
    ],
)
def test_only_what_is_missing_or_deleted_is_restored(
    tmp_path: Path, said: str, action: str
) -> None:
    """Seed L102: whoever says that nothing was lost is asked how it was."""
    assert opened(tmp_path, f"{RESTORE}Reason for Restore: {said}\n")[0].split()[0] == action


def test_the_letter_says_which_rule_it_was(tmp_path: Path) -> None:
    """And shows no value as read that it asks for."""
    door = Door(tmp_path, people=PEOPLE)
    door.say(ZACK, f"{RESTORE}Reason for Restore: Nothing was deleted.\n")
    (letter,) = door.letters("missing_fields", ZACK)
    text = " ".join(letter["text"].split())
    assert "Only data that is missing or was deleted can be restored." in text
    assert "Module:" not in text
    assert "Not Applicable" not in text


def test_a_colleagues_bare_name_answers_who_the_contact_is(tmp_path: Path) -> None:
    """It is what was asked for; nobody has to repeat the label."""
    door = Door(tmp_path, people=PEOPLE)
    door.say(ZACK, "Contact: K. Kapowsky\nCase Type: Ask a Question\nDescription: How?\n")
    (asked,) = door.letters("missing_fields", ZACK)
    said = door.say(
        ZACK, "Kelly Kapowski\n", to=asked["message_id_header"], subject=asked["subject"]
    )
    assert what(said).startswith("complete")
    assert door.case("CASE-1001")["contact_id"] == "kelly"
