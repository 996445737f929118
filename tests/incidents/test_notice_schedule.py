"""The clock of notices, and the commands that preview them."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intake.catalogue.loader import build
from intake.config.loader import Config
from intake.incidents.schedule import offset, reminder_due
from intake.model.accounts import Account, Contact, Membership, MustReach, Preference
from intake.notifier import (
    AudienceInputs,
    audience,
)
from intake.worker import service
from tests.support import installation
from tests.support.forms import DATA
from tests.support.incident_cases import POSTING, TWO, mail
from tests.support.values import MUST, NOW

BAYSIDE = Account("bayside", "Bayside School District")


def staff(name: str, kind: str = "Authorized", **more: object) -> Contact:
    """Somebody at Bayside."""
    made = Contact(name, name.title(), (f"{name}@bayside.example",), (Membership("bayside", kind),))
    return replace(made, **more)


def told_of(wishes: dict[str, Preference], *people: Contact, **more: object) -> dict[str, str]:
    """Contact -> why they are told of an outage."""
    world = AudienceInputs(
        people, {"bayside": BAYSIDE}, ("Authorized", "Technical"),
        must=replace(MUST, classes=("outage",)),
        preferences={name: {"outage": wish} for name, wish in wishes.items()},
    )  # fmt: skip
    found = audience(POSTING, replace(world, **more))
    assert not {one.contact_id for one in found.told} & {name for name, _ in found.left_out}
    return {one.contact_id: "; ".join(one.reasons) for one in found.told}


OFF = Preference("off")

ROLE = "Authorized at Bayside School District"


@pytest.mark.parametrize(
    ("wishes", "people", "more", "wanted"),
    [
        ({"zack": OFF}, [staff("zack")], {}, {"zack": ROLE}),
        ({"zack": OFF}, [staff("zack")], {"must": MustReach()}, {}),
        ({"zack": OFF}, [staff("zack", "Read Only")], {"contact_types": ("Read Only",)}, {}),
        (
            {"zack": Preference("off", "lisa")},
            [staff("zack"), staff("lisa", "Read Only")],
            {},
            {"lisa": "in place of Zack"},
        ),
        (
            {"zack": Preference("off", "lisa")},
            [staff("zack"), staff("lisa")],
            {},
            {"lisa": f"{ROLE}; in place of Zack"},
        ),
        (
            {"zack": Preference("off", "lisa")},
            [staff("zack"), staff("lisa", active=False)],
            {},
            {"zack": ROLE},
        ),
        (
            {"zack": Preference("off", "lisa")},
            [staff("zack"), staff("lisa")],
            {"suspended": {"lisa@bayside.example": "bounced"}},
            {"zack": ROLE, "lisa": ROLE},
        ),
        (
            {"zack": Preference("off", "archie")},
            [staff("zack"), staff("archie", memberships=(Membership("riverdale", "Authorized"),))],
            {"accounts": {"bayside": BAYSIDE, "riverdale": Account("riverdale", "Riverdale")}},
            {"zack": ROLE, "archie": "Authorized at Riverdale"},
        ),
        (
            {"zack": Preference("off", "lisa"), "lisa": Preference("off", "zack")},
            [staff("zack"), staff("lisa")],
            {},
            {"zack": ROLE, "lisa": ROLE},
        ),
        ({"zack": Preference("off", "zack")}, [staff("zack")], {}, {"zack": ROLE}),
        (
            {"zack": Preference("off", "lisa")},
            [staff("zack"), staff("lisa")],
            {"filed": {"zack": ("CASE-1001",)}},
            {"zack": f"{ROLE}; filed CASE-1001", "lisa": ROLE},
        ),
    ],
)
def test_nobody_falls_silent_who_must_hear(
    wishes: dict[str, Preference],
    people: list[Contact],
    more: dict[str, object],
    wanted: dict[str, str],
) -> None:
    """A mandatory class is muted only while somebody who can be reached is told instead."""
    assert told_of(wishes, *people, **more) == wanted


@pytest.mark.parametrize("text", ["14d", "7d", "24h", "1h", "90m"])
def test_offsets_are_spans_of_time(text: str) -> None:
    """Days, hours and minutes."""
    assert offset(text) == timedelta(
        **{{"d": "days", "h": "hours", "m": "minutes"}[text[-1]]: int(text[:-1])}
    )


@pytest.mark.parametrize("text", ["", "d", "14", "1w", "-1d", "1.5h"])
def test_other_offsets_are_refused(text: str) -> None:
    """With what was found and wanted."""
    with pytest.raises(ValueError, match="wanted days, hours or minutes"):
        offset(text)


@settings(max_examples=150)
@given(
    st.lists(st.sampled_from(["30d", "14d", "7d", "24h", "1h", "30m"]), unique=True),
    st.integers(-40 * 1440, 1440), st.integers(-50 * 1440, 0),
)  # fmt: skip
def test_at_most_one_reminder_is_due_and_never_an_old_one(
    offsets: list[str], minute: int, announced: int
) -> None:
    """Within its span only, not when the plan was told within it, and not once it has begun."""
    start = NOW + timedelta(days=60)
    incident = replace(POSTING, kind="maintenance", status="scheduled", starts_at=start)
    now, told = start + timedelta(minutes=minute), start + timedelta(minutes=announced)
    step = reminder_due(incident, offsets, told, now)
    spans = sorted(offset(one) for one in offsets)
    past = [span for span in spans if start - span <= now]  # whose moment has come
    if step is None:
        assert now >= start or not past or told >= start - min(past)
        return
    assert now < start
    assert told < start - min(past)
    assert step.expires_at is not None
    assert now < step.expires_at <= start


def said(config: Config, *words: str) -> str:
    """What a command says when all is well."""
    done = installation.command(config, *words)
    assert done.returncode == 0, done.stderr.decode()
    return " ".join(done.stdout.decode().split())


def test_cases_about_an_incident_are_linked_and_told(tmp_path: Path) -> None:
    """Open, two cases of two districts, an update, resolved; a later case is no part of it."""
    text = installation.maildir_box(tmp_path / "in") + installation.delivery(
        f"maildir:{tmp_path}/out"
    )
    config = installation.make(tmp_path, text, TWO)
    assert said(
        config, "incidents", "open", "Posting of grades is delayed", "--module", "Grade Book",
        "--text", "We see it and look for the cause.", "--impact", "Post is grey",
        "--next-update", "2026-03-02 14:30",
    ).startswith("INC-1: investigating")  # fmt: skip
    mail(tmp_path, "zack@bayside.example", "1", "Grade Book")
    mail(tmp_path, "archie@riverdale.example", "2", "Grade Book")
    mail(tmp_path, "archie@riverdale.example", "3", "Attendance")
    service.once(config)
    cases = {one["number"]: one for one in installation.everything(config)["cases"]}
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
    done = said(config, "incidents", "resolve", "INC-1", "--text", "It is fixed.")
    assert done.startswith("INC-1: resolved, update 3")
    mail(tmp_path, "zack@bayside.example", "4", "Grade Book")
    service.once(config)
    assert [one["incident_id"] for one in installation.everything(config)["cases"]].count(
        "INC-1"
    ) == 2
    assert said(config, "incidents", "list") == "nothing is open"
    assert "resolved" in said(config, "incidents", "list", "--all")


def test_a_preview_names_everybody_and_why(tmp_path: Path) -> None:
    """Who is told, who is not; nothing is sent."""
    config = installation.make(tmp_path, installation.maildir_box(tmp_path / "in"), TWO)
    said(config, "incidents", "schedule", "New servers", "--start", "2099-03-16 22:00",
         "--end", "2099-03-17 02:00", "--text", "Two hours.", "--area", "SIS")  # fmt: skip
    shown = said(config, "incidents", "preview", "INC-1")
    assert "zack@bayside.example Zack Morris: Authorized at Bayside School District, SIS" in shown
    assert "archie: no account, area and contact type of theirs is concerned" in shown
    assert "1 people; update 1 is draft" in shown
    assert "Subject: [Support desk status] New servers (INC-1)" in shown
    assert installation.everything(config)["letters"] == []


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
    config = installation.make(tmp_path, installation.maildir_box(tmp_path / "in"), TWO)
    done = installation.command(config, "incidents", *words)
    assert done.returncode == code
    assert why in " ".join(done.stderr.decode().split())
    assert said(config, "incidents", "list", "--all") == "nothing is open"


def test_another_catalogue_names_its_contacts_otherwise() -> None:
    """Who must be reached is the catalogue's word, not a name that the code knows."""
    kind = {"name": "Key user", "may_submit": True, "must_be_reached": True}
    data = DATA | {"contact_types": [kind, {"name": "Guest"}], "languages": {}}
    kinds = build(data).contact_types
    must = MustReach(("outage",), tuple(one.name for one in kinds.values() if one.must_be_reached))
    people = (staff("zack", "Key user"), staff("guest", "Guest"))
    wishes = dict.fromkeys(("zack", "guest"), OFF)
    told = told_of(wishes, *people, contact_types=("Key user", "Guest"), must=must)
    assert set(told) == {"zack"}
