"""The ledger of notices: everybody once, whatever breaks, and how other senders broke."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta

import pytest
from sqlalchemy import update

from intake.adapters.smtp import Failed, Outcome, Retry
from intake.model.authorship import By
from intake.model.incidents import Window
from intake.store.engine import Engine, writing
from intake.store.incidents import broadcasts
from intake.store.incidents import write as incidents
from intake.store.incidents.recipients import IncidentError
from intake.store.incidents.send_queue import Pace
from intake.store.tables.contacts import MembershipRow
from tests.support import postgres as databases
from tests.support.ledger import ANN, BEN, dying
from tests.support.notice_service import (
    HABITS,
    TERMS,
    Desk,
    Killed,
)

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


# ---------------------------------------------------------------- how others broke, nine ways


def test_1_a_worker_killed_after_reading_its_batch_loses_nobody(desk: Desk) -> None:
    """A batch that was claimed and never sent is sent by the next worker (listmonk #3022)."""
    everybody = desk.people(30)
    desk.approve(desk.open())
    desk.send_and_die(dying("claimed"))
    assert not desk.server.taken
    assert desk.state() == "sending"
    desk.send()
    assert not desk.server.taken  # the lease still holds
    desk.later(seconds=120)
    desk.send()
    assert desk.server.got() == dict.fromkeys(everybody, 1)
    assert (desk.state(), desk.states()) == ("done", {"sent": 30})


def test_2_a_pause_forgets_nobody_and_a_resume_starts_nowhere_anew(desk: Desk) -> None:
    """Paused with lower ids put off and higher ones sent: everybody once (listmonk #2313)."""
    everybody = desk.people(20)
    desk.approve(desk.open())
    late = set(everybody[:5])
    desk.server.answer = lambda parcel: Retry("450 later") if parcel.recipient in late else None
    desk.send(Pace(12, 10**6, park_after=10**6), lanes=4)
    with writing(desk.engine) as session:
        assert broadcasts.change(session, "INC-1", "pause", ANN, desk.now)[1] > 0
    before = desk.server.got()
    desk.later(hours=1)
    desk.send()
    assert desk.server.got() == before
    desk.server.answer = lambda parcel: None
    with writing(desk.engine) as session:
        broadcasts.change(session, "INC-1", "resume", ANN, desk.now)
    desk.send(lanes=4)
    assert desk.server.got() == dict.fromkeys(everybody, 1)


def test_3_a_failed_letter_is_tried_again_and_not_only_logged(desk: Desk) -> None:
    """4xx: again by itself, later and later; 5xx: failed, until an operator retries it."""
    first, second, *_ = desk.people(3)
    desk.approve(desk.open())
    answers: dict[str, Outcome] = {first: Retry("451 busy"), second: Failed("550 no such user")}
    desk.server.answer = lambda parcel: answers.get(parcel.recipient)
    desk.send()
    assert desk.states() == {"deferred": 1, "failed": 1, "sent": 1}
    desk.later(minutes=4)
    answers.clear()
    desk.send()
    assert desk.server.got()[first] == 0
    desk.later(minutes=3)
    desk.send()
    assert desk.server.got()[first] == 1
    assert desk.state() == "done"
    with writing(desk.engine) as session:
        assert broadcasts.retry(session, "INC-1", ANN, desk.now, doubtful=False) == 1
    desk.send()
    assert desk.server.got()[second] == 1
    assert (desk.state(), desk.states()) == ("done", {"sent": 3})


def test_4_a_crash_while_the_list_is_written_sends_nothing_and_doubles_nothing(desk: Desk) -> None:
    """The list and the approval are one commit: both or neither (Cachet's flag after the loop)."""
    everybody = desk.people(10)
    made = desk.open()
    with writing(desk.engine) as session:
        found = broadcasts.propose(session, made, HABITS, By(ANN, desk.now))
    with suppress(Killed), writing(desk.engine) as session:
        broadcasts.approve(session, made, found.hash, HABITS, TERMS, By(BEN, desk.now))
        raise Killed
    assert desk.rows() == []
    desk.send()
    assert not desk.server.taken
    with writing(desk.engine) as session:
        broadcasts.approve(session, made, found.hash, HABITS, TERMS, By(BEN, desk.now))
    with pytest.raises(IncidentError), writing(desk.engine) as session:
        broadcasts.approve(session, made, found.hash, HABITS, TERMS, By(BEN, desk.now))
    desk.send()
    assert desk.server.got() == dict.fromkeys(everybody, 1)


@pytest.mark.parametrize("point", ["claimed", "before doubt", "before settled"])
@pytest.mark.parametrize("after", [0, 3])
def test_5_a_crash_in_the_middle_leaves_nobody_unsent(desk: Desk, point: str, after: int) -> None:
    """Whoever the dead worker had is sent by the next; only a letter at its dot may come twice."""
    everybody = desk.people(8)
    desk.approve(desk.open())
    desk.send_and_die(dying(point, after))
    desk.later(minutes=12)  # longer than any server may take for the dot
    desk.send()
    got = desk.server.got()
    assert set(got) == set(everybody)
    doubles = {address for address, count in got.items() if count > 1}
    flagged = {row.address for row in desk.rows() if row.doubts}
    assert doubles == flagged
    assert len(doubles) == (1 if point == "before settled" or (after and "doubt" in point) else 0)
    for address in doubles:
        first, second = desk.server.letters(address)
        assert first == second  # to the byte, the same Message-ID
    assert desk.state() == "done"


@pytest.mark.parametrize("after", [0, 1])
@pytest.mark.parametrize("point", ["claimed", "before doubt", "before settled"])
def test_5_with_several_marked_at_a_time_no_more_than_these_come_twice(
    desk: Desk, point: str, after: int
) -> None:
    """Four are marked in one commit; those that had not left yet are sent once all the same."""
    everybody = desk.people(10)
    desk.approve(desk.open())
    desk.send_and_die(dying(point, after), in_doubt=4)
    desk.later(minutes=12)
    desk.send()
    got = desk.server.got()
    assert set(got) == set(everybody)
    doubles = {address for address, count in got.items() if count > 1}
    flagged = {row.address for row in desk.rows() if row.doubts}
    assert doubles <= flagged
    assert len(flagged) <= 4
    assert desk.state() == "done"


def test_6_a_maintenance_reaches_those_who_chose_areas(desk: Desk) -> None:
    """With an area: who is responsible for it; without one: everybody (Cachet #3409)."""
    desk.people(3)
    made = desk.open(kind="maintenance")
    assert desk.approve(made) == 3
    with writing(desk.engine) as session:
        opening = incidents.Opening(
            "maintenance", "New servers", "Two hours.", areas=("Finance",),
            starts_at=desk.now + timedelta(days=20), ends_at=desk.now + timedelta(days=21),
        )  # fmt: skip
        second = incidents.open_(session, opening, ANN, desk.now)
        session.execute(
            update(MembershipRow)
            .where(MembershipRow.contact_id == "p00001")
            .values(areas=["Finance", "SIS"])
        )
    assert desk.approve(second) == 1
    desk.send()
    assert [row.contact_id for row in desk.rows(second)] == ["p00001"]


def test_7_old_news_is_not_sent_when_the_program_starts_again(desk: Desk) -> None:
    """An update whose moment passed while nothing ran is expired, and says so (listmonk #1801)."""
    desk.people(4)
    desk.approve(desk.open())
    desk.later(hours=73)
    desk.send()
    assert not desk.server.taken
    assert desk.states() == {"skipped": 4}
    assert all("its moment has passed" in row.reply for row in desk.rows())
    assert desk.state() == "done"


def test_8_moving_the_date_tells_everyone_who_was_told(desk: Desk) -> None:
    """Even somebody whom the rule would not name any more (Cachet #2613)."""
    everybody = desk.people(3)
    made = desk.open(kind="maintenance")
    desk.approve(made)
    desk.send()
    with writing(desk.engine) as session:
        start = desk.now + timedelta(days=40)
        incidents.reschedule(
            session, made, Window(start, start + timedelta(hours=1)), "Moved.", By(ANN, desk.now)
        )
        session.execute(
            update(MembershipRow)
            .where(MembershipRow.contact_id == "p00000")
            .values(contact_type="Read Only")
        )
    desk.approve(made)
    desk.send()
    assert desk.server.got() == dict.fromkeys(everybody, 2)
    row = next(one for one in desk.rows(number=2) if one.contact_id == "p00000")
    assert row.reasons == ["was told of it before"]


def test_9_an_update_tells_only_what_is_new(desk: Desk) -> None:
    """Who has had the first update gets the second alone; who has missed it gets both in one."""
    had, missed = desk.people(2)
    made = desk.open("First words.")
    desk.approve(made)
    desk.server.answer = lambda parcel: Retry("450 x") if parcel.recipient == missed else None
    desk.send()
    desk.server.answer = lambda parcel: None
    desk.update(made, "Second words.")
    desk.approve(made)
    desk.later(minutes=30)
    desk.send()
    assert ["X-Told: 1\r\n" in one for one in desk.server.letters(had)] == [True, False]
    assert "X-Told: 2\r\n" in desk.server.letters(had)[1]
    (only,) = desk.server.letters(missed)
    assert "X-Told: 1,2\r\n" in only
    assert [row.reply for row in desk.rows(number=1)][1] == "superseded by update 2"
