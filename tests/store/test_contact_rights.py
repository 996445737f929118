"""A customer changes its own contacts, and never those of another one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support import installation
from tests.support.contact_forms import form
from tests.support.service import ABE, AMY, BEN, MONA, QUESTION, Door, what

EVIL = "mona.multi@attack.example"


def filed(folder: Path, text: str) -> Door:
    """Amy of one customer has filed that change."""
    door = Door(folder)
    assert what(door.say(AMY, text, subject="A contact")) == "create R20"
    return door


def contact(door: Door, contact_id: str) -> dict[str, Any]:
    """The contact as stored, without when it was changed."""
    shown: dict[str, Any] = json.loads(door.cli("contacts", "show", contact_id, "--json"))
    return {key: value for key, value in shown.items() if key not in ("updated_at", "version")}


def applied(door: Door) -> str:
    """What the operator is told on applying it, whatever the command thinks of it."""
    done = installation.command(door.config, "contacts", "apply", "CASE-1001", "--yes")
    door.work()
    return " ".join((done.stdout + done.stderr).decode().split())


KINDS = {
    "Add": form("Add", "Evil", "Name", BEN),
    "Modify": form("Modify", "Evil", "Name", BEN),
    "Modify by the same name": form("Modify", "Ben", "Birch", BEN),
    "Replace": form("Replace", "Evil", "Name", BEN, Contact_Replacement_Name="Abe Alder"),
    "Add in other letters": form("Add", "Evil", "Name", "BEN@Birch.Example"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_plan_says_whose_contact_it_is(tmp_path: Path, kind: str) -> None:
    """Before anything is done the operator reads that the address is another customer's."""
    door = filed(tmp_path, KINDS[kind])
    done = installation.command(door.config, "contacts", "apply", "CASE-1001")
    said = " ".join((done.stdout + done.stderr).decode().split())
    assert "birch" in said.lower().replace("ben@birch.example", "").replace("ben birch", "")


@pytest.mark.parametrize("kind", KINDS)
def test_applying_it_changes_nothing_of_another_customers_contact(
    tmp_path: Path, kind: str
) -> None:
    """Neither name, title and phone nor accounts and roles, until that contact has said yes."""
    door = filed(tmp_path, KINDS[kind])
    before = contact(door, "ben")
    applied(door)
    assert contact(door, "ben") == before
    row = door.say(BEN, QUESTION)
    assert (what(row), door.case("CASE-1002")["account_id"]) == ("create R20", "birch")


def test_that_contacts_own_yes_lets_them_in_with_their_own_name(tmp_path: Path) -> None:
    """Asked at the stored address; nobody else's answer counts, and no data of theirs change."""
    door = filed(tmp_path, KINDS["Add"])
    before = contact(door, "ben")
    applied(door)
    asked = [one for one in door.letters(to=BEN) if one["state"] == "sent"]
    assert len(asked) == 1
    mark = asked[0]["message_id_header"]
    for who in (AMY, ABE, "mallory@birch.example"):
        door.say(who, "yes\n", to=mark, subject=f"Re: {asked[0]['subject']}")
        assert contact(door, "ben") == before
    door.say(BEN, "yes\n", to=mark, subject=f"Re: {asked[0]['subject']}")
    after = contact(door, "ben")
    assert {key: after[key] for key in ("name", "title", "phone")} == {
        key: before[key] for key in ("name", "title", "phone")
    }
    assert "alder" in json.dumps(after)
    assert "birch" in json.dumps(after)


def test_a_new_address_for_a_shared_contact_waits_for_their_own_yes(tmp_path: Path) -> None:
    """One customer gives an address; whoever has it does not speak for the other customer."""
    door = filed(tmp_path, form("Modify", "Mona", "Multi", EVIL))
    applied(door)
    for letter in door.letters("verify", EVIL):
        door.say(EVIL, "yes\n", to=letter["message_id_header"], subject="Re: yes")
    row = door.say(EVIL, f"Account: Birch County\n{QUESTION}")
    assert row["action"] == "hold"
    assert [one["account_id"] for one in door.cases()] == ["alder"]
    door.say(MONA, f"Account: Birch County\n{QUESTION}")
    assert [one["recipient"] for one in door.letters("ack")][-1] == MONA


def test_a_customers_own_contact_is_changed_as_ever(tmp_path: Path) -> None:
    """Who belongs to that customer alone is renamed, gets another title and another role."""
    door = filed(tmp_path, form("Modify", "Abraham", "Alder", ABE))
    assert "applied" in applied(door)
    after = contact(door, "abe")
    assert (after["name"], after["title"]) == ("Abraham Alder", "Chief of somebody else")
    assert "Technical" in json.dumps(after)


def test_somebody_new_is_added_as_ever(tmp_path: Path) -> None:
    """Asked at the new address, and let in by the answer."""
    new = "nora@alder.example"
    door = filed(tmp_path, form("Add", "Nora", "New", new))
    applied(door)
    (letter,) = door.letters("verify", new)
    assert what(door.say(new, "yes\n", to=letter["message_id_header"])) == "answer R24"
    assert what(door.say(new, QUESTION)) == "create R20"
