"""How contacts want notices: whoever must be reached is reached, or somebody named instead."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intake.model.accounts import AccountEntry, ContactEntry, Entries, MustReach, Preference
from intake.model.authorship import By
from intake.model.incidents import NOTICE_CLASSES
from intake.store import alerts, migrate
from intake.store.contacts import directory, preferences
from intake.store.contacts.preferences import PreferenceError, set_, tasks, unsubscribe
from intake.store.engine import Engine, Session, open_engine, reading, writing
from intake.store.tables.contacts import SuppressionRow
from tests.support import installation
from tests.support import postgres as databases
from tests.support.values import NOW

CLASSES = ("outage", "security")
MUST = MustReach(CLASSES, ("Authorized", "Technical"))
FREE = tuple(name for name in NOTICE_CLASSES if name not in CLASSES)
BOTH = ("bayside", "riverdale")


def person(name: str, kind: str = "Authorized", *accounts: str) -> ContactEntry:
    """A contact with one address."""
    return ContactEntry(
        name, name.title(), (f"{name}@bayside.example",), accounts or ("bayside",), kind
    )


ENTRIES = Entries(
    (AccountEntry("bayside", "Bayside", ()), AccountEntry("riverdale", "Riverdale", ())),
    (
        person("zack"), person("kelly", "Technical"), person("lisa", "Technical"),
        person("screech", "Read Only"), person("archie", "Authorized", *BOTH),
        person("betty", "Technical", *BOTH), person("jughead", "Authorized", "riverdale"),
    ),
)  # fmt: skip
IDS = tuple(one.id for one in ENTRIES.contacts)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def prepared(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    """The schema in a database of each kind."""
    with databases.prepared(request.param, tmp_path_factory.mktemp("db")) as engine:
        yield engine


def emptied(engine: Engine) -> Engine:
    """Nothing but the people."""
    with writing(engine) as session:
        databases.empty(session)
        directory.load(session, ENTRIES, NOW)
    return engine


@pytest.fixture
def engine(prepared: Engine) -> Engine:
    """Nothing but the people."""
    return emptied(prepared)


def choose(engine: Engine, who: str, name: str, mode: str, instead: str = "") -> str:
    """The choice; empty when it was taken, else why not."""
    try:
        with writing(engine) as session:
            set_(
                session,
                who,
                name,
                Preference(mode, instead),
                By("operator:test", NOW),
                must=MUST,
            )
    except PreferenceError as error:
        return str(error)
    return ""


def chosen(engine: Engine) -> dict[str, dict[str, Preference]]:
    """Every choice."""
    with reading(engine) as session:
        return preferences.preferences(session)


def test_without_a_choice_everything_comes_at_once(engine: Engine) -> None:
    """And a choice changes its own class only, and is in the history."""
    assert chosen(engine) == {}
    assert choose(engine, "zack", "maintenance", "digest") == ""
    assert chosen(engine) == {"zack": {"maintenance": Preference("digest")}}
    assert choose(engine, "zack", "maintenance", "each") == ""
    with reading(engine) as session:
        assert preferences.of(session, "zack") == dict.fromkeys(NOTICE_CLASSES, Preference())
        from sqlalchemy import text

        kinds = session.execute(text("SELECT kind, who FROM events")).all()
    assert [tuple(one) for one in kinds] == [("notices-chosen", "operator:test")] * 2


@pytest.mark.parametrize(
    ("who", "name", "mode", "instead", "words"),
    [
        ("zack", "outages", "off", "", "class: found 'outages', wanted one of outage, security"),
        ("zack", "outage", "never", "", "mode: found 'never', wanted one of each, digest, off"),
        ("nobody", "outage", "each", "", "there is no contact 'nobody'"),
        ("zack", "outage", "off", "", "outage notices must reach somebody"),
        ("zack", "security", "digest", "", "security notices are sent at once"),
        ("screech", "security", "digest", "", "security notices are sent at once"),
        ("zack", "outage", "each", "kelly", "told instead only with off; found 'each'"),
        ("zack", "outage", "off", "zack", "zack cannot be told instead of themselves"),
        ("zack", "outage", "off", "nobody", "there is no contact 'nobody'"),
        ("zack", "outage", "off", "jughead", "jughead is no contact of bayside"),
        ("archie", "outage", "off", "zack", "zack is no contact of riverdale"),
        ("zack", "maintenance", "off", "jughead", "jughead is no contact of bayside"),
    ],
)
def test_a_choice_that_cannot_be_is_named(
    engine: Engine, who: str, name: str, mode: str, instead: str, words: str
) -> None:
    """What was found and wanted; nothing is stored."""
    assert words in choose(engine, who, name, mode, instead)
    assert chosen(engine) == {}


def test_a_stand_in_must_be_told_themselves(engine: Engine) -> None:
    """Not disabled, with an address that works, not off, and nobody's chain."""
    with writing(engine) as session:
        directory.set_active(session, "lisa", False, NOW)
        session.add(
            SuppressionRow(
                key="archie@bayside.example", kind="bounced", reason="bounced", since=NOW
            )
        )
        until = NOW - timedelta(days=1)
        session.add(
            SuppressionRow(
                key="betty@bayside.example",
                kind="bounced",
                reason="bounced",
                since=NOW,
                until=until,
            )
        )
    assert "lisa is disabled" in choose(engine, "zack", "outage", "off", "lisa")
    assert "suspended: bounced" in choose(engine, "zack", "outage", "off", "archie")
    assert choose(engine, "zack", "outage", "off", "betty") == ""
    assert "zack gets no outage notices either" in choose(engine, "kelly", "outage", "off", "zack")
    refused = choose(engine, "betty", "outage", "off", "archie")
    assert "betty gets the outage notices of zack; somebody else" in refused
    assert choose(engine, "betty", "security", "off", "kelly") != ""  # kelly is not at riverdale
    assert choose(engine, "kelly", "security", "off", "betty") == ""  # another class is free
    assert choose(engine, "zack", "outage", "off", "kelly") == ""
    with writing(engine) as session:
        session.execute(SuppressionRow.__table__.delete())  # type: ignore[attr-defined]  # a table class has one
    assert choose(engine, "betty", "outage", "off", "archie") == ""


def test_a_circle_is_refused(engine: Engine) -> None:
    """Of two and of three, whatever the order."""
    assert choose(engine, "zack", "outage", "off", "kelly") == ""
    assert choose(engine, "kelly", "outage", "off", "zack") != ""
    assert choose(engine, "kelly", "outage", "off", "lisa") != ""
    assert choose(engine, "lisa", "outage", "off", "zack") != ""


def test_two_changes_at_once_make_no_circle(engine: Engine) -> None:
    """Zack names Kelly while Kelly names Zack: one of them is refused, every time."""
    for _ in range(10):
        emptied(engine)
        start = threading.Barrier(2)
        said: list[str] = []

        def change(who: str, instead: str, start: threading.Barrier, said: list[str]) -> None:
            start.wait(30)
            said.append(choose(engine, who, "outage", "off", instead))

        threads = [
            threading.Thread(target=change, args=(*pair, start, said))
            for pair in (("zack", "kelly"), ("kelly", "zack"))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert sorted(bool(words) for words in said) == [False, True]


def test_read_only_contacts_may_mute_anything(engine: Engine) -> None:
    """But for what they get instead of somebody else."""
    assert choose(engine, "screech", "outage", "off") == ""
    assert "gets no outage notices either" in choose(engine, "zack", "outage", "off", "screech")
    assert choose(engine, "zack", "security", "off", "screech") == ""
    assert "gets the security notices of zack" in choose(engine, "screech", "security", "off")


def unsubscribed(engine: Engine, who: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What unsubscribing stops and keeps."""
    with writing(engine) as session:
        return unsubscribe(session, who, who, NOW, MUST)


def test_unsubscribing_stops_what_is_optional(engine: Engine) -> None:
    """What must come stays; who must not be reached gets nothing; again it is the same."""
    assert unsubscribed(engine, "zack") == (FREE, CLASSES)
    assert unsubscribed(engine, "zack") == (FREE, CLASSES)
    assert chosen(engine)["zack"] == dict.fromkeys(FREE, Preference("off"))
    assert choose(engine, "kelly", "outage", "off", "screech") == ""
    assert unsubscribed(engine, "screech") == (("security", *FREE), ("outage",))
    assert choose(engine, "lisa", "outage", "off", "betty") == ""
    assert unsubscribed(engine, "lisa") == (("outage", *FREE), ("security",))
    assert chosen(engine)["lisa"]["outage"] == Preference("off", "betty")
    with pytest.raises(PreferenceError, match="no contact 'nobody'"):
        unsubscribed(engine, "nobody")


def todo(engine: Engine, must: MustReach = MUST) -> list[str]:
    """What the operator should see to."""
    with reading(engine) as session:
        return tasks(session, NOW, must)


def test_a_stand_in_who_is_lost_is_a_task(engine: Engine) -> None:
    """Disabled, moved away, muted by unsubscribing; until somebody else is named."""
    assert choose(engine, "zack", "outage", "off", "kelly") == ""
    assert choose(engine, "lisa", "maintenance", "off", "screech") == ""
    assert todo(engine) == []
    with writing(engine) as session:
        directory.set_active(session, "kelly", False, NOW)
        unsubscribe(session, "screech", "screech", NOW, MUST)
    assert todo(engine) == [
        "maintenance notices: nobody is told instead of lisa: "
        "screech gets no maintenance notices either",
        "outage notices: nobody is told instead of zack: kelly is disabled",
    ]
    with reading(engine) as session:
        assert "instead of zack: kelly is disabled" in "\n".join(
            alerts.lines(session, NOW, MUST)[1]
        )
    moved = Entries((), (person("kelly", "Technical", "riverdale"),))
    with writing(engine) as session:
        directory.set_active(session, "kelly", True, NOW)
        directory.load(session, moved, NOW)
    assert "kelly is no contact of bayside" in todo(engine)[1]
    assert choose(engine, "zack", "outage", "off", "archie") == ""
    assert len(todo(engine)) == 1
    with writing(engine) as session:
        directory.set_active(session, "lisa", False, NOW)
    assert todo(engine) == []


def test_a_class_that_becomes_mandatory_is_a_task(engine: Engine) -> None:
    """For those who must be reached and had switched it off before."""
    assert choose(engine, "zack", "maintenance", "off") == ""
    assert choose(engine, "screech", "maintenance", "off") == ""
    assert todo(engine) == []
    assert todo(engine, replace(MUST, classes=(*CLASSES, "maintenance"))) == [
        "maintenance notices: nobody is told instead of zack: nobody is named"
    ]


def test_an_import_keeps_what_contacts_chose(engine: Engine) -> None:
    """The same file again, and one that changes the contact."""
    assert choose(engine, "zack", "outage", "off", "kelly") == ""
    before = chosen(engine)
    with writing(engine) as session:
        directory.load(session, ENTRIES, NOW)
        directory.load(session, Entries((), (person("zack", "Technical", *BOTH),)), NOW)
    assert chosen(engine) == before
    assert "kelly is no contact of riverdale" in todo(engine)[0]


STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("set"), st.sampled_from(IDS), st.sampled_from(NOTICE_CLASSES),
            st.sampled_from(("each", "digest", "off")), st.sampled_from(("", "", *IDS)),
        ),
        st.tuples(st.just("unsubscribe"), st.sampled_from(IDS)),
        st.tuples(st.sampled_from(("disable", "enable")), st.sampled_from(IDS)),
    ),
    max_size=25,
)  # fmt: skip
ROLES = {one.id: one for one in ENTRIES.contacts}


def silent(found: dict[str, dict[str, Preference]], off: set[str]) -> set[tuple[str, str]]:
    """Who must be reached about what and is not, nor anybody instead: from the rule alone."""
    missed = set()
    for name in CLASSES:
        for one in set(IDS) - off:
            choice = found.get(one, {}).get(name, Preference())
            if choice.mode != "off" or ROLES[one].contact_type == "Read Only":
                continue
            other = found.get(choice.replacement, {}).get(name, Preference())
            covers = set(ROLES[one].accounts) <= set(
                ROLES[choice.replacement].accounts if choice.replacement else ()
            )
            if choice.replacement in off or other.mode == "off" or not covers:
                missed.add((name, one))
    return missed


@pytest.fixture(scope="module")
def memory() -> Engine:
    """A database in memory."""
    engine = open_engine("sqlite://")
    migrate.upgrade(engine)
    return engine


def taken(session: Session, step: tuple[str, ...], off: set[str]) -> None:
    """One step, or its refusal."""
    verb, who, *more = step
    if verb == "unsubscribe":
        unsubscribe(session, who, who, NOW, MUST)
    elif verb == "set":
        set_(session, who, more[0], Preference(more[1], more[2]), By(who, NOW), must=MUST)
    else:
        directory.set_active(session, who, verb == "enable", NOW)
        (off.discard if verb == "enable" else off.add)(who)


@settings(max_examples=60, deadline=None)
@given(steps=STEPS)
def test_whoever_must_be_reached_is_reached_or_is_a_task(
    memory: Engine, steps: list[tuple[str, ...]]
) -> None:
    """Whatever is chosen in whatever order; only disabling somebody can leave a gap."""
    engine, off = emptied(memory), set[str]()
    for step in steps:
        before = silent(chosen(engine), off)
        try:
            with writing(engine) as session:
                taken(session, step, off)
        except PreferenceError:
            assert step[0] == "set"
        found = chosen(engine)
        after = silent(found, off)
        if step[0] in ("set", "unsubscribe"):
            assert after <= before
        assert {tuple(line.split(":")[0:2]) for line in todo(engine)} >= {
            (f"{name} notices", f" nobody is told instead of {who}") for name, who in after
        }
        assert not any(
            choice.mode == "digest" and name in CLASSES
            for choices in found.values()
            for name, choice in choices.items()
        )


def test_an_operator_sees_and_changes_it(tmp_path: Path) -> None:
    """`contacts notices`: every class without options, a refusal in words, a task in `status`."""
    config = installation.make(tmp_path, installation.maildir_box(tmp_path / "in"), "")
    with installation.database(config, write=True) as session:
        directory.load(session, ENTRIES, datetime.now(UTC))

    def said(*words: str, code: int = 0) -> str:
        done = installation.command(config, *words)
        assert done.returncode == code, done.stdout + done.stderr
        return (done.stdout + done.stderr).decode()

    assert said("contacts", "notices", "zack").splitlines() == [
        f"{name}: each at once" for name in NOTICE_CLASSES
    ]
    change = ("contacts", "notices", "zack", "--class", "outage", "--mode", "off")
    assert "must reach somebody" in said(*change, code=1)
    assert "outage: off; kelly is told instead" in said(*change, "--instead", "kelly")
    shown = json.loads(said("contacts", "notices", "zack", "--json"))
    assert shown["outage"] == {"mode": "off", "replacement": "kelly"}
    assert "together" in said("contacts", "notices", "zack", "--mode", "off", code=2)
    installation.alive(config)
    said("status")
    said("contacts", "disable", "kelly")
    assert "to do    outage notices: nobody is told instead of zack" in said("status", code=1)
    assert json.loads(said("status", "--json", code=1))["tasks"] == [
        "outage notices: nobody is told instead of zack: kelly is disabled"
    ]
