"""What was found when the doors were looked at again: a choice by chance, an absence, a late look.

Each test is a way in which one mail changed what another one got, or in which somebody who had
left, was never confirmed, or wrote the wrong word was still heard or written to.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlalchemy import text as sql

from tests.support import installation
from tests.support.contact_forms import form
from tests.support.service import (
    AMY,
    BEN,
    MONA,
    PEOPLE,
    QUESTION,
    Door,
    what,
)  # fmt: skip
from tests.support.two_accounts import HALF, Open


@pytest.fixture
def door(tmp_path: Path) -> Open:
    """Opens the service with what is configured."""
    return lambda **how: Door(tmp_path, **how)


# ---------------------------------------------------------------- contacts and their accounts


def test_a_no_from_a_new_address_confirms_nothing(door: Open) -> None:
    """Whoever writes that the address is wrong does not become the contact by that."""
    made, wrong = door(), "nora@aldr.example"
    made.say(AMY, form("Add", "Nora", "New", wrong), subject="A contact")
    made.cli("contacts", "apply", "CASE-1001", "--yes")
    made.work()
    (asked,) = made.letters("verify", wrong)
    assert "with one word" in asked["text"]
    no = made.say(wrong, "No, I am not Nora. Wrong address!", to=asked["message_id_header"])
    assert what(no) == "hold R24"
    assert what(made.say(wrong, "", subject="status")) in ("hold R9", "hold R10")
    assert made.letters("cases", wrong) == []
    assert what(made.say(wrong, "Yes, that is me.", to=asked["message_id_header"])) == "answer R24"


def test_a_yes_carries_out_only_what_the_operator_applied(door: Open) -> None:
    """The case is changed between the operator's yes and the contact's: nothing happens."""
    made = door()
    add = form("Add", "Ben", "Birch", BEN, Contact_Type="Read Only")
    made.say(AMY, add, subject="A contact")
    made.cli("contacts", "apply", "CASE-1001", "--yes")
    made.work()
    (asked,), ack = made.letters("join", BEN), made.letters("ack", AMY)[-1]
    change = (
        "Request Type: Replace\nContact Type: Authorized\nContact Replacement Name: Abe Alder\n"
    )
    assert what(made.say(AMY, change, to=ack["message_id_header"])).startswith("append")
    made.say(BEN, "yes", to=asked["message_id_header"])
    shown = made.cli("contacts", "show", "ben") + made.cli("contacts", "show", "abe")
    assert "alder" not in made.cli("contacts", "show", "ben", "--json").replace("alder.example", "")
    assert "disabled" not in shown
    assert made.case("CASE-1001")["flag"] == "changed since the contact was asked"


def test_what_is_applied_is_what_was_shown(door: Open) -> None:
    """The case is changed between the look at it and the yes to it."""
    made = door()
    made.say(AMY, form("Add", "Nora", "New", "nora@alder.example"), subject="A contact")
    assert "nora@alder.example" in made.cli("contacts", "apply", "CASE-1001")
    ack = made.letters("ack", AMY)[-1]
    made.say(AMY, "Contact Email: eve@attack.example\n", to=ack["message_id_header"])
    refused = installation.command(made.config, "contacts", "apply", "CASE-1001", "--yes")
    assert (refused.returncode != 0, b"was changed since it was shown" in refused.stderr) == (
        True,
        True,
    )
    assert "eve@attack.example" in made.cli("contacts", "apply", "CASE-1001")
    made.cli("contacts", "apply", "CASE-1001", "--yes")


def test_an_address_that_nobody_confirmed_stands_in_nobodys_way(door: Open) -> None:
    """One customer names it, nobody answers; its own customer can add it all the same."""
    made, vic = door(), "vic@birch.example"
    made.say(AMY, form("Add", "Vic", "Tim", vic), subject="A contact")
    made.cli("contacts", "apply", "CASE-1001", "--yes")
    made.say(BEN, form("Add", "Vic", "Tim", vic), subject="A contact")
    made.cli("contacts", "apply", "CASE-1002", "--yes")
    made.work()
    first, second = made.letters("verify", vic)
    assert what(made.say(vic, "yes", to=first["message_id_header"])) == "hold R9"
    assert what(made.say(vic, "yes", to=second["message_id_header"])) == "answer R24"
    assert what(made.say(vic)) == "create R20"
    assert made.cases()[-1]["account_id"] == "birch"


@pytest.mark.parametrize("kind", ["reminder", "letter", "notice"])
def test_who_has_left_an_account_hears_no_more_of_it(door: Open, kind: str) -> None:
    """Reminders, letters that wait and notices go to nobody who is of that account no more."""
    made = door()
    if kind == "notice":
        made.cli("incidents", "open", "Payroll is down", "--text", "Only Birch.", "--account",
                 "birch", "--module", "Grade Book", "--class", "informational")  # fmt: skip
    made.say(MONA, f"Account: Birch County\n{HALF.format(1)}", subject="Payroll of Birch")
    assert made.case("CASE-1001")["account_id"] == "birch"
    made.cli(
        "contacts", "add", "mona", "--name", "Mona Multi", "--email", MONA, "--account", "alder"
    )
    before = len(made.posted(MONA))
    with installation.database(made.config, write=True) as session:
        if kind == "reminder":
            session.execute(
                sql("UPDATE pending_forms SET asked_at = datetime(asked_at, '-20 days')")
            )
        if kind == "letter":
            session.execute(sql("DROP TRIGGER watch_outbox"))  # set by hand, against the rules
            session.execute(
                sql("UPDATE outbox SET state = 'due', message_id_header = '<x@x.example>'")
            )
    if kind == "letter":
        (made.folder / "var/journal").unlink()  # it knows the letter by its first name
    if kind == "notice":
        made.cli("incidents", "update", "INC-1", "--text", "For Birch only.")
        installation.command(
            made.config, "incidents", "send", "INC-1", "--emergency", "x", operator="otto"
        )
    made.work()
    assert len(made.posted(MONA)) == before
    assert made.letters("reminder") == []


def test_a_stand_in_works_for_every_account_that_is_told(door: Open) -> None:
    """Somebody who has left the account is told in nobody's place."""
    sam = PEOPLE + (
        '\n[[contacts]]\nid = "sam"\nname = "Sam Both"\nemails = ["sam@both.example"]\n'
        'accounts = ["alder", "birch"]\ncontact_type = "Authorized"\nareas = ["SIS"]\n'
    )
    made = door(people=sam)
    made.cli(
        "contacts", "notices", "mona", "--class", "outage", "--mode", "off", "--instead", "sam"
    )
    made.cli("contacts", "add", "sam", "--name", "Sam Both", "--email", "sam@both.example",
             "--account", "alder")  # fmt: skip
    made.cli("incidents", "open", "Outage of Birch", "--text", "x", "--account", "birch",
             "--class", "outage")  # fmt: skip
    made.cli("incidents", "send", "INC-1", "--emergency", "x")
    made.work()
    told = {str(one["To"]) for one in made.posted() if "Outage" in str(one["Subject"])}
    assert told == {MONA, BEN}


@pytest.mark.parametrize(
    "named", ["Account: High School\n", "Account: Birch County\nAccount: Alder Unified\n"]
)
def test_two_accounts_that_may_be_meant_are_asked_about(door: Open, named: str) -> None:
    """One name for two accounts, or two names: no account is chosen for the writer."""
    both = re.sub(
        r'(name = "(?:Alder Unified|Birch County)")', r'\1\naliases = ["High School"]', PEOPLE
    )
    made = door(people=both)
    assert what(made.say(MONA, named + QUESTION)).startswith("ask")
    assert made.case("CASE-1001")["account_id"] == ""


def test_an_account_out_of_force_is_out_of_force_for_everybody(door: Open) -> None:
    """A contact of another account, too, sees, continues and closes none of its cases."""
    made = door()
    made.say(BEN, subject="Of Birch")
    ack = made.letters("ack", BEN)[-1]
    made.cli("accounts", "disable", "birch")
    made.say(MONA, "", subject="status")
    assert "CASE-1001" not in made.letters("cases", MONA)[-1]["text"]
    said = made.say(MONA, "One word more.", to=ack["message_id_header"], subject=ack["subject"])
    assert said["case_number"] != "CASE-1001"
    made.say(MONA, "", subject="close CASE-1001")
    assert made.case("CASE-1001")["status"] == "open"
