"""A clock that is set back by a day delays no letter by a day, and doubles none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta

import pytest
from sqlalchemy import update

from intake.adapters.smtp import Outcome, Parcel, Sent
from intake.store import outbox
from intake.store.contacts import directory
from intake.store.engine import Engine, writing
from intake.store.incidents import send_queue
from intake.store.incidents.send_queue import Pace
from intake.store.tables.outbox import OutboxRow
from tests.support import postgres as databases
from tests.support.notice_service import FAST, Desk, Killed
from tests.support.records import DOT, PEOPLE, one_mail
from tests.support.values import NOW

DAY = timedelta(days=1)
pytestmark = pytest.mark.takes_blobs  # records mails without their bytes


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    """The schema in a database of each kind."""
    with databases.prepared(request.param, tmp_path_factory.mktemp("db")) as made:
        yield made


def a_letter(engine: Engine) -> None:
    """A mail of a registered person, and the letter that answers it."""
    with writing(engine) as session:
        directory.load(session, PEOPLE, NOW)
    one_mail(engine, 1)


def test_a_lease_of_a_dead_worker_does_not_last_for_a_day(engine: Engine) -> None:
    """The letter is claimed again; a lease that runs is left alone."""
    a_letter(engine)
    with writing(engine) as session:
        first = outbox.claim(session, NOW, 90, 10)[0]
        assert not outbox.any_due(session, NOW - timedelta(seconds=60))
        assert outbox.any_due(session, NOW - DAY)
        second = outbox.claim(session, NOW - DAY, 90, 10)[0]
        assert second.fence == first.fence + 1
        assert outbox.mark_in_doubt(session, [(first.id, first.fence)], DOT) == [first.id]


def test_a_letter_of_tomorrow_is_due_today(engine: Engine) -> None:
    """Unless it was put off on purpose, before the clock was set back."""
    a_letter(engine)
    with writing(engine) as session:
        assert outbox.any_due(session, NOW - DAY)
        later = {"due_at": NOW + timedelta(hours=9), "created_at": NOW - timedelta(hours=1)}
        session.execute(update(OutboxRow).values(**later))
        assert not outbox.any_due(session, NOW)
        assert outbox.claim(session, NOW - timedelta(hours=1), 90, 10) == []


def test_a_letter_at_its_dot_is_not_claimed_whatever_the_clock_says(engine: Engine) -> None:
    """It may have been delivered."""
    a_letter(engine)
    with writing(engine) as session:
        claimed = outbox.claim(session, NOW, 90, 10)[0]
        outbox.mark_in_doubt(session, [(claimed.id, 1)], DOT)
        for shift in (-DAY, DAY):
            assert outbox.claim(session, NOW + shift, 90, 10) == []


def test_notices_go_on_when_the_clock_was_set_back(engine: Engine) -> None:
    """Letters of "tomorrow" do not count for the pace of today, and each leaves once."""
    desk = Desk(engine)
    people = desk.people(12)
    desk.approve(desk.open())
    desk.send(Pace(4, 10**6, smooth=False))
    desk.now -= DAY
    for _ in range(3):
        desk.now += timedelta(minutes=2)
        desk.send(Pace(4, 10**6, smooth=False))
    assert desk.server.got() == Counter(people)


def test_a_worker_that_comes_late_settles_no_notice(engine: Engine) -> None:
    """Its lease ran out and another one is sending: what it says about the letter counts not."""
    desk = Desk(engine)
    desk.people(1)
    desk.approve(desk.open())
    with writing(engine) as session:
        late = send_queue.claim(session, desk.now, 90, 10, FAST)[0]
        after = desk.now + timedelta(seconds=91)
        other = send_queue.claim(session, after, 90, 10, FAST)[0]
        assert (other.id, other.fence) == (late.id, late.fence + 1)
        given = [(late.id, late.fence, Sent("250 ok"))]
        assert send_queue.settle(session, given, after, 1.0, FAST) == [late.id]
        given = [(other.id, other.fence, Sent("250 ok"))]
        assert send_queue.settle(session, given, after, 1.0, FAST) == []


def test_a_notice_of_a_dead_worker_waits_for_no_clock(engine: Engine) -> None:
    """Claimed, not begun, then the clock is set back: somebody else sends it."""

    def dies(parcel: Parcel) -> Outcome | None:
        raise Killed(parcel.recipient)

    desk = Desk(engine)
    people = desk.people(3)
    desk.approve(desk.open())
    desk.server.answer = dies
    with suppress(Killed):
        desk.send()
    desk.server.answer = lambda parcel: None
    desk.now -= DAY
    desk.send()
    assert desk.server.got() == Counter(people)
