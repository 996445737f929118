"""A contact who writes from an unregistered address is asked at the registered one."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text

from tests.support import installation
from tests.support.service import ABE, AMY, BEN, NONE, PEOPLE, Door, words_of

PRIVATE = "a.alder@alder.example"
AS_AMY = f"Amy Alder <{PRIVATE}>"


def test_a_yes_handles_the_mail_and_adds_the_address(tmp_path: Path) -> None:
    """One letter, to the registered address and to nobody else; the next mail needs no question."""
    door = Door(tmp_path)
    held = door.say(AS_AMY)
    assert (held["action"], held["rule"], door.cases()) == ("hold", "R9", [])
    (letter,) = door.posted()
    assert (letter["To"], PRIVATE in words_of(letter)) == (AMY, True)
    answer = door.say(AMY, "Yes, that is me.", subject="Re: Is it?", to=str(letter["Message-ID"]))
    assert (answer["action"], answer["rule"]) == ("answer", "R31")
    (case,) = door.cases()
    assert (case["contact_id"], door.row(held["message_id"])["status"]) == ("amy", "handled")
    assert PRIVATE in [one["To"] for one in door.posted()]
    again = door.say(AS_AMY, "Case Type: Ask a Question\nDescription: And how is it undone?\n")
    assert (again["rule"], again["contact_id"], len(door.cases())) == ("R20", "amy", 2)
    assert "amy says that a.alder@alder.example is theirs" in " ".join(
        door.cli("messages", "show", str(answer["id"])).split()
    )


def test_a_no_leaves_the_mail_and_tells_the_operator(tmp_path: Path) -> None:
    """The mail stays on hold; the event is one that alerts report."""
    door = Door(tmp_path)
    held = door.say(AS_AMY)
    answer = door.say(AMY, "No!", to=str(door.posted()[0]["Message-ID"]))
    assert (answer["rule"], door.row(held["message_id"])["status"]) == ("R31", "held")
    assert door.cases() == []
    with installation.database(door.config) as session:
        from intake.store.alerts import TOLD

        assert "claim-denied" in TOLD
        assert session is not None
    assert door.say(AS_AMY)["rule"] == "R9"
    assert len(door.posted()) == 1, "a contact is asked once about an address"


def test_an_answer_that_is_neither_waits_for_an_operator(tmp_path: Path) -> None:
    """Nobody guesses what "who is that?" means."""
    door = Door(tmp_path)
    door.say(AS_AMY)
    answer = door.say(AMY, "Who is that?", to=str(door.posted()[0]["Message-ID"]))
    assert (answer["action"], answer["rule"]) == ("hold", "R31")


@pytest.mark.parametrize(
    ("sender", "proof"),
    [
        (f"Amy  Adler <{PRIVATE}>", None),  # another name
        (PRIVATE, None),  # no name
        ("Amy Alder <amy@gmail.example>", None),  # a domain of nobody
        ("Ben Birch <ben2@alder.example>", None),  # a contact of another domain
        (AS_AMY, NONE),  # not proved
        ("Twin Name <twin@alder.example>", None),  # two contacts of that name
    ],
)
def test_nobody_is_asked_unless_exactly_one_contact_fits(
    tmp_path: Path, sender: str, proof: str | None
) -> None:
    """No letter leaves, to the contact or to the address."""
    twins = "".join(
        f'\n[[contacts]]\nid = "t{n}"\nname = "Twin Name"\nemails = ["t{n}@alder.example"]\n'
        'accounts = ["alder"]\ncontact_type = "Authorized"\nareas = ["SIS"]\n'
        for n in (1, 2)
    )
    door = Door(tmp_path, people=PEOPLE + twins)
    how = {"proof": proof} if proof else {}
    assert door.say(sender, **how)["action"] == "hold"
    assert door.posted() == []


def test_many_addresses_in_one_name_are_a_few_letters(tmp_path: Path) -> None:
    """Somebody at the domain tries address after address: the contact gets three letters a week."""
    door = Door(tmp_path)
    for number in range(6):
        door.put(f"Amy Alder <amy{number}@alder.example>")
    door.work()
    assert [one["To"] for one in door.posted()] == [AMY] * 3


def test_a_yes_of_somebody_else_adds_nothing(tmp_path: Path) -> None:
    """The letter was forwarded, or its Message-ID is known."""
    door = Door(tmp_path)
    door.say(AS_AMY)
    ours = str(door.posted()[0]["Message-ID"])
    for who in (ABE, BEN):
        door.say(who, "yes", to=ours)
    door.say(AMY, "yes", to=ours, proof=NONE)
    assert door.say(AS_AMY)["rule"] == "R9"


@pytest.mark.takes_blobs
def test_an_erased_contact_is_named_nowhere(tmp_path: Path) -> None:
    """Neither by the mails from the unregistered address, nor by the question about it."""
    door = Door(tmp_path)
    held = door.say(AS_AMY)
    door.say(AMY, "no", to=str(door.posted()[0]["Message-ID"]))
    door.say(AMY)
    assert "amy" not in str(held["reasons"])
    door.cli("contacts", "erase", "amy", "--yes")
    with installation.database(door.config) as session:
        rows = session.execute(text("SELECT sketch FROM messages WHERE sender = ''")).all()
        events = session.execute(text("SELECT detail FROM events")).all()
    assert rows
    assert {row[0] for row in rows} == {""}
    assert AMY not in str(events)


def test_the_operator_can_switch_it_off(tmp_path: Path) -> None:
    """`claim_addresses = false`."""
    door = Door(tmp_path, more="[replies]\nclaim_addresses = false\n")
    assert door.say(AS_AMY)["rule"] == "R9"
    assert door.posted() == []
