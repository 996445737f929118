"""How people refer to a case: the tag retyped, the number alone, and who may do so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text as sql

from intake.mail import tokens
from tests.support import installation
from tests.support.service import AMY, BEN, NONE, Door, what

SECRETS = (b"a secret of thirty-two bytes long",)
TAG = tokens.subject_tag(SECRETS, "CASE-1001")


@pytest.mark.parametrize(
    "change",
    [
        str,
        str.lower,
        lambda tag: tag.strip("[]"),
        lambda tag: tag.replace("-", " "),
        lambda tag: tag.replace("-", " - "),
        lambda tag: tag.replace("-", "–"),
        lambda tag: tag.replace("-", "_"),
        lambda tag: f"({tag[1:-1]})",
        lambda tag: f"Case: {tag[6:-1]}".replace("Case: ", "Case ").lower(),
        lambda tag: f"Re: AW: {tag}Fwd",
        lambda tag: f"about {tag.strip('[]').lower()}, please",
    ],
)
def test_a_tag_is_known_however_it_was_retyped(change: object) -> None:
    """Small letters, spaces, other dashes and brackets."""
    assert callable(change)
    assert tokens.read_subject_tags(SECRETS, change(TAG)) == ("CASE-1001",)


@given(st.text(max_size=60))
def test_no_text_is_a_tag_of_ours_by_chance(text: str) -> None:
    """Only the right eight letters make one."""
    mac = TAG[-9:-1]
    if mac.lower() not in text.lower():
        assert tokens.read_subject_tags(SECRETS, text) == ()


@pytest.mark.parametrize(
    ("subject", "found"),
    [
        ("CASE-1001", ("CASE-1001",)),
        ("case 1001 and Case#1002", ("CASE-1001", "CASE-1002")),
        ("Re: your case-1001: still broken", ("CASE-1001",)),
        ("showcase 1001", ()),
        ("CASE-1001A", ()),
        ("cases 1001", ()),
        ("CASE", ()),
    ],
)
def test_numbers_are_found_in_subjects(subject: str, found: tuple[str, ...]) -> None:
    """As people write them, and not inside other words."""
    assert tokens.plain_numbers(subject, "CASE-") == found


@pytest.fixture
def door(tmp_path: Path) -> Door:
    """One open case of Alder's."""
    made = Door(tmp_path)
    assert what(made.say(AMY)) == "create R20"
    return made


def test_the_number_alone_is_enough_for_the_accounts_own(door: Door) -> None:
    """A colleague who has only heard the number adds to the case."""
    said = door.say("abe@alder.example", "It happens on Fridays, too.", subject="Re: case 1001")
    assert (what(said), said["case_number"]) == ("append R17", "CASE-1001")
    assert "Fridays" in str(door.case("CASE-1001"))


def test_the_number_alone_says_nothing_to_others(door: Door) -> None:
    """Another customer's contact, a stranger and an unproved mail learn and change nothing."""
    before = door.case("CASE-1001")["updated_at"]
    told = door.say(BEN, "It happens on Fridays, too.", subject="Re: CASE-1001")
    assert (what(told).split()[0], told["case_number"]) == ("ask", "CASE-1002")
    assert what(door.say("x@spam.example", subject="CASE-1001", proof=NONE)) == "hold R8"
    assert what(door.say(AMY, subject="CASE-1001", proof=NONE)) == "hold R7"
    assert door.case("CASE-1001")["updated_at"] == before
    assert not [one for one in door.letters(to=BEN) if "snow day" in one["text"]]


def test_a_subject_that_is_a_number_asks_for_its_state(door: Door) -> None:
    """Nothing else in the mail: the state of that case comes back, as for `status CASE-1001`."""
    assert what(door.say(AMY, "", subject="case-1001")) == "answer R21"
    (letter,) = door.letters("cases", AMY)
    assert "CASE-1001" in letter["text"]
    added = door.say(AMY, "And on Mondays.\nThat is new.", subject="CASE-1001")
    assert added["case_number"] == "CASE-1001"
    assert what(door.say(BEN, "", subject="CASE-1001")).startswith("ask")


def test_a_retyped_tag_adds_to_the_case(door: Door) -> None:
    """As a contact types it from a printed letter."""
    subject = door.letters("ack", AMY)[-1]["subject"]
    tag = re.search(r"\[(.*)\]", subject)
    assert tag
    said = door.say(AMY, "One word more.", subject=f"About {tag[1].lower().replace('-', ' ')}")
    assert (what(said), said["case_number"]) == ("append R17", "CASE-1001")


def test_an_answer_of_two_months_later_is_not_asked_what_it_is_about(door: Door) -> None:
    """A new case of the old one's type that names it."""
    ack = door.letters("ack", AMY)[-1]
    door.cli("cases", "close", "CASE-1001")
    with installation.database(door.config, write=True) as session:
        session.execute(sql("UPDATE cases SET closed_at = datetime(closed_at, '-60 days')"))
    copy = "\n".join(f"> {line}" for line in ack["text"].splitlines())
    text = f"It is back.\n\nOn Monday Support desk wrote:\n{copy}\n"
    said = door.say(AMY, text, to=ack["message_id_header"], subject=ack["subject"])
    assert (what(said), said["case_number"]) == ("create R20", "CASE-1002")
    case = door.case("CASE-1002")
    assert (case["type"], case["follows"], case["description"]) == (
        "ask_question", "CASE-1001", "It is back.",
    )  # fmt: skip
    assert "CASE-1001" in door.letters("ack", AMY)[-1]["text"]
    assert door.case("CASE-1001")["status"] == "closed"
