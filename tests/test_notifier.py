"""Incidents: which cases are about one, whom one concerns and why, and what contacts read of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intake import worker
from intake.config import Config
from intake.known import Account, Contact, Incident, Membership
from intake.notifier import Audience, about, audience
from intake.parsers.submission import FieldValue
from tests import house
from tests.facts import COMPLETE
from tests.mailbag import AUTHSERV, SERVICE

POSTING = Incident("INC-1", "incident", "Posting is delayed", "identified", modules=("Grade Book",))


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
MEMBERS = st.lists(
    st.builds(
        Membership, st.sampled_from(ACCOUNTS), st.sampled_from(TYPES),
        st.lists(st.sampled_from(AREAS), unique=True).map(tuple),
    ),
    unique_by=lambda one: one.account_id,
).map(tuple)  # fmt: skip
PEOPLE = st.lists(
    st.builds(
        Contact, st.integers(0, 30).map("p{}".format), st.just("N"),
        st.lists(st.sampled_from(["x@e.example", "Y@e.example", "y@e.example", "z@e.example"]),
                 max_size=2, unique_by=str.lower).map(tuple),
        MEMBERS, st.booleans(),
    ),
    unique_by=lambda one: one.id, max_size=8,
)  # fmt: skip


def naive(
    incident: Incident,
    contacts: list[Contact],
    accounts: dict[str, Account],
    types: tuple[str, ...],
    suspended: dict[str, str],
) -> list[str]:
    """The same rule written down once more, as plainly as can be."""
    addresses: list[str] = []
    for person in sorted(contacts, key=lambda one: one.id):
        hits = 0
        for member in person.memberships:
            ok = member.account_id in accounts and accounts[member.account_id].active
            ok = ok and (len(incident.accounts) == 0 or member.account_id in incident.accounts)
            ok = ok and member.contact_type in types
            ok = ok and (
                len(incident.areas) == 0 or len(set(incident.areas) & set(member.areas)) > 0
            )
            hits += ok
        if not person.active or not person.emails or not hits:
            continue
        address = person.emails[0].lower()
        if address not in suspended and address not in addresses:
            addresses.append(address)
    return addresses


@settings(max_examples=400, deadline=None)
@given(
    PEOPLE,
    st.lists(st.sampled_from(AREAS), unique=True),
    st.lists(st.sampled_from(ACCOUNTS), unique=True),
    st.lists(st.sampled_from(TYPES), unique=True),
    st.sets(st.sampled_from(["x@e.example", "y@e.example"])),
    st.lists(st.booleans(), min_size=3, max_size=3),
)
def test_the_audience_is_what_the_rule_says(
    people: list[Contact],
    areas: list[str],
    concerned: list[str],
    types: list[str],
    stopped: set[str],
    active: list[bool],
) -> None:
    """Against a second implementation: the same addresses, each once, everybody accounted for."""
    incident = replace(POSTING, areas=tuple(areas), accounts=tuple(concerned))
    accounts = {
        name: Account(name, name, active=on) for name, on in zip(ACCOUNTS, active, strict=True)
    }
    suspended = dict.fromkeys(stopped, "bounced 5.1.1")
    found = audience(incident, people, accounts, tuple(types), suspended)
    assert isinstance(found, Audience)
    told = [one.address.lower() for one in found.told]
    assert told == naive(incident, people, accounts, tuple(types), suspended)
    assert len(told) == len(set(told))
    assert len(found.told) + len(found.left_out) == len(people)
    assert all(one.reasons and one.accounts for one in found.told)
    assert all(why for _, why in found.left_out)


TWO = """
[[accounts]]
id = "bayside"
name = "Bayside School District"
[[accounts]]
id = "riverdale"
name = "Riverdale Unified"
[[contacts]]
id = "zack"
name = "Zack Morris"
emails = ["zack@bayside.example"]
accounts = ["bayside"]
contact_type = "Authorized"
areas = ["SIS"]
[[contacts]]
id = "archie"
name = "Archie Andrews"
emails = ["archie@riverdale.example"]
accounts = ["riverdale"]
contact_type = "Technical"
areas = ["Finance"]
"""


def mail(folder: Path, who: str, name: str, module: str) -> None:
    """A complete application issue about that module."""
    domain = who.partition("@")[2]
    (folder / "in/new" / name).write_text(
        f"Authentication-Results: {AUTHSERV}; dkim=pass header.d={domain};"
        f" dmarc=pass header.from={domain}\r\nFrom: {who}\r\nTo: {SERVICE}\r\nSubject: Posting\r\n"
        f"Date: {house.now_2822()}\r\nMessage-ID: <{name}@{domain}>\r\n\r\n"
        f"Case Type: Application Issue\r\nModule: {module}\r\nWho is impacted?: all\r\n"
        "Issue Began: yesterday\r\nSteps to Reproduce: Press Post.\r\nDescription: It is grey.\r\n"
    )


def said(config: Config, *words: str) -> str:
    """What a command says when all is well."""
    done = house.intake(config, *words)
    assert done.returncode == 0, done.stderr.decode()
    return " ".join(done.stdout.decode().split())


def test_cases_about_an_incident_are_linked_and_told(tmp_path: Path) -> None:
    """Open, two cases of two districts, an update, resolved; a later case is no part of it."""
    text = house.maildir_box(tmp_path / "in") + house.delivery(f"maildir:{tmp_path}/out")
    config = house.make(tmp_path, text, TWO)
    assert said(
        config, "incidents", "open", "Posting of grades is delayed", "--module", "Grade Book",
        "--text", "We see it and look for the cause.", "--impact", "Post is grey",
        "--next-update", "2026-03-02 14:30",
    ) == "INC-1: investigating"  # fmt: skip
    mail(tmp_path, "zack@bayside.example", "1", "Grade Book")
    mail(tmp_path, "archie@riverdale.example", "2", "Grade Book")
    mail(tmp_path, "archie@riverdale.example", "3", "Attendance")
    worker.once(config)
    cases = {one["number"]: one for one in house.everything(config)["cases"]}
    linked = {number for number, one in cases.items() if one["incident_id"] == "INC-1"}
    assert (len(cases), len(linked)) == (3, 2)
    letters = [path.read_text() for path in (tmp_path / "out/new").iterdir()]
    told = [one for one in letters if "INC-1: Posting of grades is delayed (investigating)" in one]
    assert len(told) == 2
    assert all("no need to call" in " ".join(one.split()) for one in told)
    assert all("Next word on it by 2026-03-02 14:30" in one for one in told)
    shown = json.loads(said(config, "incidents", "show", "inc-1", "--json"))
    assert {account: len(numbers) for account, numbers in shown["cases"].items()} == {
        "bayside": 1, "riverdale": 1,
    }  # fmt: skip
    assert said(
        config, "incidents", "update", "INC-1", "--status", "identified", "--text", "A fix."
    )
    assert said(config, "incidents", "resolve", "INC-1", "--text", "It is fixed.") == (
        "INC-1: resolved, update 3"
    )
    mail(tmp_path, "zack@bayside.example", "4", "Grade Book")
    worker.once(config)
    assert [one["incident_id"] for one in house.everything(config)["cases"]].count("INC-1") == 2
    assert said(config, "incidents", "list") == "nothing is open"
    assert "resolved" in said(config, "incidents", "list", "--all")


def test_a_preview_names_everybody_and_why(tmp_path: Path) -> None:
    """Who is told, who is not; nothing is sent."""
    config = house.make(tmp_path, house.maildir_box(tmp_path / "in"), TWO)
    said(config, "incidents", "schedule", "New servers", "--start", "2099-03-16 22:00",
         "--end", "2099-03-17 02:00", "--text", "Two hours.", "--area", "SIS")  # fmt: skip
    shown = said(config, "incidents", "preview", "INC-1")
    assert "zack@bayside.example Zack Morris: Authorized at Bayside School District, SIS" in shown
    assert "archie: no account, area and contact type of theirs is concerned" in shown
    assert house.everything(config)["letters"] == []


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        (("open", "x", "--text", " ", "--file", "/nowhere"), 1, "/nowhere"),
        (("open", "x", "--text", "y", "--account", "nobody"), 1, "no account 'nobody'"),
        (("open", "x", "--text", "y", "--next-update", "soon"), 2, "wanted a moment"),
        (("update", "INC-9", "--text", "y"), 1, "no incident 'INC-9'"),
        (("resolve", "INC-9", "--text", "y"), 1, "no incident 'INC-9'"),
        (("show", "INC-9"), 1, "no incident 'INC-9'"),
        (("schedule", "x", "--start", "2099-01-02", "--end", "2099-01-01"), 2, "after"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line(tmp_path: Path, words: tuple[str, ...], code: int, why: str) -> None:
    """What was found and wanted, and nothing changed."""
    config = house.make(tmp_path, house.maildir_box(tmp_path / "in"), TWO)
    done = house.intake(config, "incidents", *words)
    assert done.returncode == code
    assert why in " ".join(done.stderr.decode().split())
    assert said(config, "incidents", "list", "--all") == "nothing is open"
