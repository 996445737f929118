"""Incidents: which cases are about one, whom one concerns and why, and what contacts read of it."""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intake.model.accounts import Account, Contact, Membership, Preference
from intake.model.incidents import Incident, Update
from intake.notifier import (
    AudienceInputs,
    about,
    approval_hash,
    audience,
    by_account,
    told_again,
    with_digests,
)
from intake.parsers.submission import FieldValue
from tests.support.incident_cases import POSTING
from tests.support.values import COMPLETE, MUST, NOW

CAMPAIGN = int(os.environ.get("INTAKE_CAMPAIGN", "1"))


def worded(word: str) -> Incident:
    """Known by a word and not by a module."""
    return replace(POSTING, modules=(), words=(word,))


@pytest.mark.parametrize(
    ("incident", "module", "text", "account", "wanted"),
    [
        (POSTING, "Grade Book", "x", "bayside", True),
        (POSTING, "grade book", "x", "bayside", True),
        (POSTING, "Attendance", "Grade Book", "bayside", False),
        (replace(POSTING, status="resolved"), "Grade Book", "x", "bayside", False),
        (replace(POSTING, kind="maintenance"), "Grade Book", "x", "bayside", False),
        (replace(POSTING, accounts=("riverdale",)), "Grade Book", "x", "bayside", False),
        (worded("error 503"), "", "We see Error 503 everywhere", "a", True),
        (worded("post"), "", "the postman came", "a", False),
        (worded(""), "", "anything", "a", False),
    ],
)  # fmt: skip
def test_a_case_is_about_an_open_incident(
    incident: Incident, module: str, text: str, account: str, wanted: bool
) -> None:
    """By its module, or by whole words that the operator gave; only while it is open and theirs."""
    fields = {"module": FieldValue(module, module, "label")} if module else {}
    submission = replace(COMPLETE, fields=fields, description=text)
    assert (about(submission, account, [incident]) is not None) is wanted


TYPES = ("Authorized", "Technical", "Read Only")

AREAS = ("SIS", "Finance", "Food Service")

ACCOUNTS = ("a", "b", "c")

IDS = [f"p{number}" for number in range(6)]

ADDRESSES = [
    "v@e.example",
    "W@e.example",
    "x@e.example",
    "Y@e.example",
    "y@e.example",
    "z@e.example",
]


def some(dice: random.Random, names: Sequence[str], least: int, most: int) -> tuple[str, ...]:
    """So many of them, in any order."""
    return tuple(dice.sample(list(names), dice.randint(least, most)))


def world_of(seed: int) -> AudienceInputs:
    """Six people who mostly can be told, at three accounts, with wishes of their own.

    Evenly random: what is left to a shrinker's taste is mostly a world where nobody is told.
    """
    dice = random.Random(seed)
    people = []
    for name in IDS:
        members = tuple(
            Membership(account, dice.choice(TYPES), some(dice, AREAS, 0, 3))
            for account in some(dice, ACCOUNTS, int(dice.random() < 0.9), 2)
        )
        emails = some(dice, ADDRESSES, int(dice.random() < 0.9), 2)
        emails = tuple({one.lower(): one for one in emails}.values())
        people.append(Contact(name, f"N{name}", emails, members, dice.random() < 0.85))
    wishes = {
        name: {
            kind: Preference(dice.choice(["each", "digest", "off", "off"]), dice.choice(["", *IDS]))
            for kind in ("outage", "maintenance")
        }
        for name in some(dice, IDS, 0, 6)
    }
    accounts = {one: Account(one, one, active=dice.random() < 0.85) for one in ACCOUNTS}
    return AudienceInputs(
        contacts=tuple(people),
        accounts=accounts,
        contact_types=dice.choice([TYPES, TYPES[:2], TYPES[:1], TYPES[2:]]),
        must=replace(MUST, classes=dice.choice([("outage", "security"), ("outage",), ()])),
        suspended=dict.fromkeys((one.lower() for one in some(dice, ADDRESSES, 0, 2)), "bounced"),
        preferences=wishes,
        filed=dict.fromkeys(some(dice, IDS, 0, 2), ("CASE-1001",)),
        affected=frozenset(some(dice, ACCOUNTS, 0, 1)),
        told_before=frozenset(some(dice, IDS, 0, 2)),
    )


def incident_of(seed: int) -> Incident:
    """About everything, or about some areas, accounts and contact types."""
    dice = random.Random(~seed)
    return replace(
        POSTING,
        areas=some(dice, AREAS, 1, 2) if dice.random() < 0.5 else (),
        accounts=some(dice, ACCOUNTS, 1, 2) if dice.random() < 0.4 else (),
        contact_types=some(dice, TYPES, 1, 2) if dice.random() < 0.3 else (),
        notice_class=dice.choice(["outage", "outage", "maintenance"]),
    )


SEEDS = st.integers(0, 2**32 - 1)

WORLDS, INCIDENTS = SEEDS.map(world_of), SEEDS.map(incident_of)


def naive(incident: Incident, world: AudienceInputs) -> dict[str, str]:  # noqa: C901 - meant to be plain
    """The same rules written down once more, as plainly as can be: contact -> address, lower."""
    people = {}
    for person in world.contacts:
        people[person.id] = person

    def address(person: Contact) -> str:
        for one in person.emails:
            if one.lower() not in world.suspended:
                return one.lower()
        if incident.notice_class in world.must.classes and person.emails:
            return person.emails[0].lower()  # a suspension stops no mandatory notice
        return ""

    def works_somewhere(person: Contact) -> bool:
        return any(world.accounts[m.account_id].active for m in person.memberships)

    def may_be_told(person: Contact) -> bool:
        return person.active and works_somewhere(person) and address(person) != ""

    def active(person: Contact) -> set[str]:
        return {m.account_id for m in person.memberships if world.accounts[m.account_id].active}

    def concerned(person: Contact) -> bool:
        here = not incident.accounts or bool(set(incident.accounts) & active(person))
        before = person.id in world.told_before and here
        return person.id in world.filed or before or bool(by_rule(person))

    def by_rule(person: Contact) -> set[str]:
        found = set()
        for m in person.memberships:
            if not world.accounts[m.account_id].active:
                continue
            if incident.accounts and m.account_id not in incident.accounts:
                continue
            if m.contact_type not in (incident.contact_types or world.contact_types):
                continue
            if incident.areas and not any(area in m.areas for area in incident.areas):
                continue
            found.add(m.account_id)
        return found

    def mode(contact_id: str) -> str:
        wish = world.preferences.get(contact_id, {}).get(incident.notice_class)
        return wish.mode if wish else "each"

    def stands_in(person: Contact) -> str:
        wish = world.preferences[person.id][incident.notice_class]
        other = people.get(wish.replacement)
        if other is None or other.id == person.id or not may_be_told(other):
            return ""
        if all(one.lower() in world.suspended for one in other.emails):
            return ""
        if not (by_rule(person) or active(person)) <= active(other):
            return ""
        return "" if mode(other.id) == "off" else other.id

    told = {}
    for person in world.contacts:
        if not may_be_told(person) or not concerned(person):
            continue
        if mode(person.id) == "off" and person.id not in world.filed:
            strict = incident.notice_class in world.must.classes and any(
                m.contact_type != "Read Only" for m in person.memberships
            )
            if not strict:
                continue
            other = stands_in(person)
            if other:
                told[other] = address(people[other])
                continue
        told[person.id] = address(person)
    return told


@settings(max_examples=500 * CAMPAIGN)
@given(INCIDENTS, WORLDS)
def test_the_audience_is_what_the_rules_say(incident: Incident, world: AudienceInputs) -> None:
    """Against a second implementation: the same addresses, each once, everybody accounted for."""
    found = audience(incident, world)
    addresses = [one.address.lower() for one in found.told]
    wanted = naive(incident, world)
    assert set(addresses) == set(wanted.values())
    assert len(addresses) == len(set(addresses))
    assert {one.contact_id for one in found.told} <= set(wanted)
    assert len(found.told) + len(found.left_out) == len(world.contacts)
    assert all(one.reasons and one.accounts for one in found.told)
    assert all(why for _, why in found.left_out)
    priorities = [one.priority for one in found.told]
    assert priorities == sorted(priorities)
    assert sum(by_account(found.told).values()) == sum(len(one.accounts) for one in found.told)


@settings(max_examples=80 * CAMPAIGN)
@given(INCIDENTS, WORLDS)
def test_daily_summaries_are_for_those_who_want_them(
    incident: Incident, world: AudienceInputs
) -> None:
    """Nobody is added or left out by it; never for a mandatory class, nor for who filed a case."""
    found = audience(incident, world)
    marked = with_digests(incident, found, world)
    assert [one.contact_id for one in marked.told] == [one.contact_id for one in found.told]
    for one in marked.told:
        wish = world.preferences.get(one.contact_id, {}).get(incident.notice_class)
        wanted = wish is not None and wish.mode == "digest" and not one.cases
        assert one.digest == (wanted and incident.notice_class not in world.must.classes)


@settings(max_examples=80 * CAMPAIGN)
@given(INCIDENTS, WORLDS)
def test_the_clock_writes_to_those_who_were_told(incident: Incident, world: AudienceInputs) -> None:
    """Only to people who were told before or filed a case, or who stand in for one of them."""
    names = {one.contact_id: one for one in told_again(incident, world).told}
    allowed = world.told_before | set(world.filed)
    for contact_id, one in names.items():
        assert contact_id in allowed or all("in place of" in why for why in one.reasons)


@settings(max_examples=80)
@given(INCIDENTS, WORLDS, st.text(max_size=5))
def test_an_approval_is_of_one_text_and_one_list(
    incident: Incident, world: AudienceInputs, text: str
) -> None:
    """The same gives the same hash; another text, reader or time gives another."""
    found = audience(incident, world)
    update = Update(incident.id, 1, "update", "identified", "We look.", NOW)
    made = approval_hash(incident, update, found, None)
    assert made == approval_hash(incident, update, found, None)
    others = [
        approval_hash(incident, replace(update, text=f"We look.{text}x"), found, None),
        approval_hash(incident, update, found, NOW),
        approval_hash(replace(incident, title=f"Other{text}"), update, found, None),
    ]
    if found.told:
        others.append(approval_hash(incident, update, replace(found, told=found.told[1:]), None))
    assert made not in others
