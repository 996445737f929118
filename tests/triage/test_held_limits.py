"""Mail that nothing proves costs a bounded place for a bounded time, whatever rule holds it."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from intake.store.tables.messages import MessageRow
from tests.support import installation
from tests.support.service import ABE, AMY, BEN, FAILED, NONE, SIGNED, Door, what

MOST = 3
FLOOD = 8
LIMITS = f"[limits]\nmax_strangers_per_day = {MOST}\nmax_unproved_per_day = {MOST}\n"
# rule: who writes, and what the server says; {n} is the number of the mail
KINDS = {
    "R0": ("eve{n}@attack.example, second@attack.example", NONE),
    "R5": (AMY, FAILED),
    "R7": (AMY, NONE),
    "R8": ("eve{n}@attack.example", NONE),
    "R9": ("nobody{n}@alder.example", SIGNED),
    "R10": ("eve{n}@elsewhere.example", SIGNED),
}
STRANGE = ("R0", "R5", "R8", "R9", "R10")


def flood(door: Door, rule: str, count: int = FLOOD) -> None:
    """So many mails of that kind, and one pass."""
    who, proof = KINDS[rule]
    for number in range(count):
        door.put(who.replace("{n}", str(number)), f"Mail {number}\n", proof=proof)
    door.work()


def aged(door: Door, days: int) -> None:
    """So many days go by, and the worker makes its passes."""
    then = datetime.now(UTC) - timedelta(days=days)
    with installation.database(door.config, write=True) as session:
        session.execute(update(MessageRow).values(recorded_at=then, received_at=then))
    for _ in range(2):
        door.work()


def of_strangers(rule: str) -> str:
    """The limit's table for that kind; the contacts' own has a limit of its own."""
    return LIMITS if rule == "R7" else LIMITS.replace(f"max_unproved_per_day = {MOST}\n", "")


@pytest.mark.parametrize("rule", KINDS)
def test_a_flood_of_unproved_mail_is_held_up_to_a_number_a_day(tmp_path: Path, rule: str) -> None:
    """The rest is dropped and counted, each with the limit as its reason."""
    door = Door(tmp_path, more=of_strangers(rule))
    flood(door, rule)
    assert Counter(what(one) for one in door.messages()) == {
        f"hold {rule}": MOST, f"drop {rule}": FLOOD - MOST,
    }  # fmt: skip
    dropped = [one["reasons"][0] for one in door.messages() if one["action"] == "drop"]
    assert {one.partition(":")[0] for one in dropped} == {"limits"}


@pytest.mark.parametrize("rule", KINDS)
def test_the_operator_is_shown_how_many_were_only_counted(tmp_path: Path, rule: str) -> None:
    """``intake status`` says how many mails of a flood nobody will see."""
    door = Door(tmp_path, more=of_strangers(rule))
    flood(door, rule)
    counted = json.loads(door.cli("status", "--json", code=1))["status"]["messages"]
    assert (counted["held"], counted.get("dropped", 0)) == (MOST, FLOOD - MOST)


@pytest.mark.parametrize("rule", ["R0", "R5", "R9"])
def test_a_flood_hides_no_contacts_mail(tmp_path: Path, rule: str) -> None:
    """What is proved is handled, and a contact's own mail that is not proved still waits."""
    door = Door(tmp_path, more=of_strangers(rule))
    flood(door, rule)
    assert what(door.say(BEN)) == "create R20"
    assert what(door.say(ABE, proof=NONE)) == "hold R7"


@pytest.mark.parametrize("rule", STRANGE)
def test_held_mail_that_nobody_waits_for_is_closed_and_forgotten(tmp_path: Path, rule: str) -> None:
    """As a stranger's is: closed after retention.stranger_days, then without names and words."""
    door = Door(tmp_path)
    flood(door, rule, 2)
    aged(door, 13)
    assert {one["status"] for one in door.messages()} == {"held"}
    aged(door, 15)
    assert {one["status"] for one in door.messages()} == {"rejected"}
    aged(door, 15 + 30)
    assert {(one["sender"], one["subject"]) for one in door.messages()} == {("", "")}


def test_a_contacts_own_unproved_mail_is_kept_longer_and_not_for_ever(tmp_path: Path) -> None:
    """R7: somebody may miss it, so it outlasts the strangers'; after a year nobody does."""
    door = Door(tmp_path)
    flood(door, "R7", 2)
    aged(door, 15)
    assert {one["status"] for one in door.messages()} == {"held"}
    aged(door, 400)
    assert {one["status"] for one in door.messages()} == {"rejected"}


def test_what_a_proved_contact_wrote_is_never_closed_by_the_clock(tmp_path: Path) -> None:
    """A hold that waits for a person's word about a contact's proved mail stays."""
    door = Door(tmp_path)
    row = door.say(AMY, "Case Type: Server Access\nRequest Type: RDP\nDescription: x\n",
                   proof="spf=pass smtp.mailfrom={0}; dmarc=pass header.from={0}")  # fmt: skip
    assert what(row) == "hold R14"
    aged(door, 400)
    assert [one["status"] for one in door.messages()] == ["held"]
