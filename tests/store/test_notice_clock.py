"""Maintenances by the clock, what operators owe, and everything at random."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from intake.adapters.smtp import Failed, InDoubt, Retry
from intake.model.authorship import By
from intake.model.incidents import Change, Window
from intake.store.engine import Engine, writing
from intake.store.incidents import broadcasts
from intake.store.incidents import write as incidents
from intake.store.incidents.schedule import Plan, debts, tick
from intake.store.incidents.send_queue import Pace
from tests.support import postgres as databases
from tests.support.ledger import ANN, dying
from tests.support.notice_service import (
    HABITS,
    TERMS,
    Desk,
)
from tests.support.rawmail import CAMPAIGN

pytestmark = pytest.mark.takes_blobs  # records mails without their bytes


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def prepared(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    """The schema in a database of each kind."""
    with databases.prepared(request.param, tmp_path_factory.mktemp("db")) as engine:
        yield engine


@pytest.fixture
def desk(prepared: Engine) -> Desk:
    """A desk with empty tables."""
    with writing(prepared) as session:
        databases.empty(session)
    return Desk(prepared)


# ---------------------------------------------------------------- the clock

PLAN = Plan()


def clock(desk: Desk) -> list[str]:
    """What the clock does now."""
    with writing(desk.engine) as session:
        return tick(session, desk.now, PLAN, HABITS, TERMS)


def test_a_maintenance_from_announcement_to_its_end(desk: Desk) -> None:
    """Thirty days ahead: reminders at 14 d, 7 d, 24 h and 1 h, start and end, each told once."""
    (address,) = desk.people(1)
    made = desk.open(kind="maintenance")
    desk.approve(made)
    seen: list[str] = []
    for _ in range(31 * 24):
        seen += clock(desk)
        clock(desk)  # a second worker
        desk.send()
        desk.later(hours=1)
    kinds = ["reminder scheduled"] * 4 + ["automatic in progress", "automatic completed"]
    assert seen == [f"{made}: {kind}, to 1 people" for kind in kinds]
    assert desk.server.got() == {address: 7}
    assert desk.state() == "done"


def test_reminders_missed_while_nothing_ran_are_not_made_up(desk: Desk) -> None:
    """Back after the start: no reminder, no start; only that it is over."""
    (address,) = desk.people(1)
    made = desk.open(kind="maintenance")
    desk.approve(made)
    desk.send()
    desk.later(days=30, hours=3)
    assert clock(desk) == [
        f"{made}: automatic in progress, not sent: its moment has passed",
        f"{made}: automatic completed, to 1 people",
    ]
    desk.send()
    assert desk.server.got() == {address: 2}


def test_what_is_held_back_neither_starts_nor_ends_by_the_clock(desk: Desk) -> None:
    """The operator keeps it; afterwards the clock goes on."""
    desk.people(1)
    made = desk.open(kind="maintenance")
    desk.approve(made)
    desk.send()
    with writing(desk.engine) as session:
        incidents.hold_back(session, made, True, ANN, desk.now)
    desk.later(days=30, hours=1)
    assert clock(desk) == []
    with writing(desk.engine) as session:
        incidents.hold_back(session, made, False, ANN, desk.now)
    assert clock(desk) == [f"{made}: automatic in progress, to 1 people"]


def test_a_plan_nobody_was_told_of_starts_on_record_only(desk: Desk) -> None:
    """No letter that nobody approved."""
    desk.people(1)
    made = desk.open(kind="maintenance")
    desk.later(days=30, minutes=1)
    (line,) = clock(desk)
    assert "on record only" in line
    desk.send()
    assert not desk.server.taken
    assert desk.state(made) == "record"


def test_a_moved_date_moves_its_reminders(desk: Desk) -> None:
    """Reminders of the old date that still wait are taken over, those of the new one are sent."""
    (address,) = desk.people(1)
    made = desk.open(kind="maintenance")
    desk.approve(made)
    desk.send()
    desk.later(days=17)
    assert len(clock(desk)) == 1  # 14 days before: waits in the ledger
    with writing(desk.engine) as session:
        start = desk.now + timedelta(days=20)
        incidents.reschedule(
            session, made, Window(start, start + timedelta(1)), "Moved.", By(ANN, desk.now)
        )
    desk.approve(made)
    desk.send()
    assert "X-Told: 3\r\n" in desk.server.letters(address)[1]
    assert [row.reply for row in desk.rows(number=2)] == ["superseded by update 3"]
    desk.later(days=6, minutes=5)
    assert clock(desk) == [f"{made}: reminder scheduled, to 1 people"]


def test_what_an_operator_owes_is_listed(desk: Desk) -> None:
    """An approval that waits, a promise that has passed, letters that failed or are in doubt."""
    first, second = desk.people(2)
    made = desk.open()
    with writing(desk.engine) as session:
        broadcasts.propose(session, made, HABITS, By(ANN, desk.now))
        assert debts(session, desk.now) == [f"{made}: update 1 waits for another person's approval"]
    desk.approve(made)
    answers = {first: Failed("550 no")}
    desk.server.answer = lambda parcel: answers.get(parcel.recipient)
    desk.server.dot = lambda parcel: InDoubt("no answer")
    for _ in range(3):
        desk.send()
        desk.later(minutes=5)
    assert desk.server.got() == {second: 2}
    with writing(desk.engine) as session:
        incidents.update(
            session,
            made,
            "More.",
            By(ANN, desk.now),
            Change(next_update_at=desk.now + timedelta(hours=1)),
        )
        later = desk.now + timedelta(hours=2)
        lines = debts(session, later)
        assert lines[0].startswith(f"{made}: the next update was promised for 2026-03-02")
        assert lines[1:] == [
            f"{made}: 1 notices could not be delivered: `intake incidents recipients`",
            f"{made}: 1 notices may not have arrived: `intake incidents recipients`",
        ]
        incidents.update(session, made, "Over.", By(ANN, later), Change(status="resolved"))
        assert debts(session, later) == []


# ---------------------------------------------------------------- at random


def test_at_random_everybody_gets_everything_once(tmp_path: Path) -> None:
    """Updates, pauses, failures and kills in random order: nothing lost, doubles only in doubt."""
    for seed in range(6 * CAMPAIGN):
        dice = random.Random(seed)
        desk = Desk()
        everybody = desk.people(12, domains=["a.example", "b.example"])
        made = desk.open()
        desk.approve(made)
        kills = 0
        desk.server.answer = lambda parcel, dice=dice: (
            Retry("450 later") if dice.random() < 0.2 else None
        )
        for _ in range(40):
            desk.later(minutes=dice.randint(1, 20))
            step = dice.random()
            if step < 0.25:
                point = dice.choice(["claimed", "before doubt", "before settled"])
                desk.send_and_die(dying(point, dice.randint(0, 4)))
                kills += 1
            elif step < 0.35:
                desk.update(made)
                desk.approve(made)
            else:
                desk.send(Pace(10**6, 10**6, park_after=dice.randint(1, 5), park_minutes=1))
        desk.server.answer = lambda parcel: None
        for _ in range(6):
            desk.later(minutes=130)
            desk.send()
        told: dict[str, list[int]] = {address: [] for address in everybody}
        for parcel in desk.server.taken:
            line = parcel.raw.decode().partition("X-Told: ")[2].partition("\r\n")[0]
            told[parcel.recipient] += [int(one) for one in line.split(",")]
        last = max(row.number for row in desk.rows())
        doubts = sum(row.doubts for row in desk.rows())
        assert doubts <= kills
        extra = 0
        for address, numbers in told.items():
            assert set(numbers) == set(range(1, last + 1)), (seed, address, numbers)
            extra += len(numbers) - len(set(numbers))
        unsure = [row for row in desk.rows() if row.doubts or row.state == "uncertain"]
        assert extra == 0 or unsure, seed
        assert (
            extra <= sum(row.number - row.first_number + 1 for row in unsure) + len(unsure) * last
        )
        desk.engine.dispose()
