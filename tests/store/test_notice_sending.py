"""Notices while they are sent: cancelled, paused, slow servers, lost leases, pace."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import update
from sqlmodel import col

from intake.adapters.smtp import InDoubt, Outcome, Parcel, Retry, Sent
from intake.mail.encoder import LetterError
from intake.store.engine import Engine, writing
from intake.store.incidents import broadcasts
from intake.store.incidents import write as incidents
from intake.store.incidents.recipients import IncidentError
from intake.store.incidents.send_queue import Pace
from intake.store.tables.contacts import ContactRow, SuppressionRow
from intake.store.tables.incidents import NoticeRecipientRow
from intake.worker.notice_sender import NoticeQueue
from tests.support import postgres as databases
from tests.support.ledger import ANN
from tests.support.notice_service import (
    FAST,
    Desk,
    case_of,
    plain_writer,
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


# ---------------------------------------------------------------- while it is sent


def test_cancelling_keeps_back_what_is_not_sent(desk: Desk) -> None:
    """What went out is told, what did not never will; it is not resumed."""
    desk.people(10)
    desk.approve(desk.open())
    desk.send(Pace(4, 10**6, smooth=False))
    with writing(desk.engine) as session:
        assert broadcasts.change(session, "INC-1", "cancel", ANN, desk.now) == (1, 6)
    desk.later(hours=1)
    desk.send()
    assert sum(desk.server.got().values()) == 4
    assert desk.states() == {"sent": 4, "skipped": 6}
    with pytest.raises(IncidentError), writing(desk.engine) as session:
        broadcasts.change(session, "INC-1", "resume", ANN, desk.now)


def test_a_letter_prepared_when_it_is_paused_stays_here(desk: Desk) -> None:
    """Between the claim and the dot somebody pauses: the dot is not sent."""
    desk.people(1)
    desk.approve(desk.open())

    def pause(parcel: Parcel) -> None:
        with writing(desk.engine) as session:
            broadcasts.change(session, "INC-1", "pause", ANN, desk.now)

    desk.server.answer = pause
    desk.send()
    assert not desk.server.taken
    assert desk.states() == {"queued": 1}


def test_a_server_that_never_answers_the_dot_gets_it_once_more(desk: Desk) -> None:
    """In doubt: sent once more, the same bytes; then it stays in doubt and a person decides."""
    (address,) = desk.people(1)
    desk.approve(desk.open())
    desk.server.dot = lambda parcel: InDoubt("no answer")
    desk.send()
    assert desk.states() == {"uncertain": 1}
    for _ in range(5):
        desk.later(minutes=5)
        desk.send()
    letters = desk.server.letters(address)
    assert len(letters) == 2
    assert letters[0] == letters[1]
    (row,) = desk.rows()
    assert (row.state, row.doubts, bool(row.finished_at)) == ("uncertain", 1, True)
    assert desk.state() == "done"


@pytest.mark.parametrize("minutes", [2, 9])
def test_a_server_that_is_slow_at_the_dot_gets_it_once(desk: Desk, minutes: int) -> None:
    """Ten minutes are the server's right (RFC 5321 4.5.3.2.6), whatever the lease is."""
    everybody = desk.people(3)
    desk.approve(desk.open())

    def slow(parcel: Parcel) -> Outcome:
        desk.server.dot = lambda parcel: Sent("250 ok")
        desk.later(minutes=minutes)
        desk.send()  # another worker, while the first one waits
        return Sent("250 at last")

    desk.server.dot = slow
    desk.send()
    assert desk.server.got() == dict.fromkeys(everybody, 1)
    assert desk.states() == {"sent": 3}
    assert sum(row.doubts for row in desk.rows()) == 0


def test_a_worker_that_lost_its_lease_lets_the_batch_go(desk: Desk) -> None:
    """One letter shows it; the others are not carried to the server to be thrown away."""
    everybody = desk.people(20)
    desk.approve(desk.open())
    carried: list[str] = []

    def overtaken(parcel: Parcel) -> None:
        carried.append(parcel.recipient)
        if len(carried) == 1:
            desk.later(seconds=100)
            desk.send()  # another worker takes all of them, the first included

    desk.server.answer = overtaken
    desk.send()
    assert desk.server.got() == dict.fromkeys(everybody, 1)
    assert len(carried) == 21


def test_a_failing_domain_is_left_alone_and_stalls_nobody(desk: Desk) -> None:
    """Three in a row park it; the others are sent meanwhile; it is tried again after a while."""
    everybody = desk.people(20, domains=["slow.example", "good.example"])
    desk.approve(desk.open())
    tried: list[str] = []

    def answer(parcel: Parcel) -> Outcome | None:
        tried.append(parcel.recipient)
        return Retry("421 too many") if parcel.recipient.endswith("slow.example") else None

    desk.server.answer = answer
    pace = Pace(60, 30)
    for _ in range(40):
        desk.send(pace)
        desk.later(seconds=1)
    slow = [one for one in tried if one.endswith("slow.example")]
    assert len(slow) == 3
    assert sum(desk.server.got().values()) == 10
    desk.server.answer = lambda parcel: None
    for _ in range(700):
        desk.later(seconds=1)
        desk.send(pace)
    assert desk.server.got() == dict.fromkeys(everybody, 1)


def test_a_server_that_takes_nothing_parks_no_domain(desk: Desk) -> None:
    """No connection is nobody's fault: everybody waits a minute, no address is counted against."""
    everybody = desk.people(3)
    desk.approve(desk.open())
    desk.server.answer = lambda parcel: Retry("connection refused", True)
    for _ in range(5):
        desk.send()
        desk.later(minutes=2)
    desk.server.answer = lambda parcel: None
    desk.send()
    assert desk.server.got() == dict.fromkeys(everybody, 1)


def test_the_pace_holds_over_workers_and_restarts(desk: Desk) -> None:
    """No more than the rate in any minute, altogether and to one domain, whoever sends."""
    count = 110 if CAMPAIGN == 1 else 200
    desk.people(count, domains=["a.example", "b.example", "c.example"])
    desk.approve(desk.open())
    pace = Pace(60, 25)
    sent: list[tuple[int, str]] = []
    seconds = 0

    def note(parcel: Parcel) -> Outcome:
        sent.append((seconds, parcel.recipient.partition("@")[2]))
        return Sent("250 ok")

    desk.server.dot = note
    while len(sent) < count and seconds < 600:
        for _ in range(3):  # three workers that know nothing of each other
            desk.send(pace)
        desk.later(seconds=1)
        seconds += 1
    assert len(sent) == count
    for start in range(0, seconds):
        window = [domain for at, domain in sent if start <= at < start + 60]
        assert len(window) <= 60
        assert max((window.count(domain) for domain in set(window)), default=0) <= 25
        assert len([1 for at, _ in sent if at == start]) <= 1


def test_those_in_need_are_told_first(desk: Desk) -> None:
    """Whoever filed a case comes before the rest."""
    everybody = desk.people(5)
    made = desk.open()
    with writing(desk.engine) as session:
        case_of(session, "p00004", made)
    desk.approve(made)
    desk.send()
    assert desk.server.taken[0].recipient == everybody[4]
    row = next(one for one in desk.rows() if one.contact_id == "p00004")
    assert (row.priority, row.cases) == (0, ["CASE-p00004"])


@pytest.mark.parametrize("what", ["disabled", "suspended", "suspended, and must know"])
def test_whoever_may_not_be_written_to_is_skipped_at_the_last_moment(desk: Desk, what: str) -> None:
    """The list is frozen, and still nobody is written to who has left or whose address is dead.

    A suspension rests on reports that anybody can write: no incident is kept from anybody by one.
    """
    first, second = desk.people(2)
    desk.approve(desk.open(kind="maintenance" if what == "suspended" else "incident"))
    with writing(desk.engine) as session:
        if what == "disabled":
            session.execute(
                update(ContactRow).where(ContactRow.id == "p00000").values(active=False)
            )
        else:
            session.add(
                SuppressionRow(key=first, kind="bounced", reason="bounced 5.1.1", since=desk.now)
            )
    desk.send()
    if what == "suspended, and must know":
        assert desk.server.got() == {first: 1, second: 1}
        return
    assert desk.server.got() == {second: 1}
    assert desk.states() == {"skipped": 1, "sent": 1}
    assert desk.state() == "done"


def test_a_correction_goes_to_those_who_got_the_wrong_text(desk: Desk) -> None:
    """Who had it is told what was wrong; who still waited gets the right text alone."""
    had, waiting, never = desk.people(3)
    made = desk.open("Wrong words.")
    desk.approve(made)
    with writing(desk.engine) as session:
        session.execute(
            update(NoticeRecipientRow)
            .where(NoticeRecipientRow.address == never)
            .values(state="skipped", reply="cancelled", finished_at=desk.now)
        )
    desk.server.answer = lambda parcel: Retry("450 x") if parcel.recipient == waiting else None
    desk.send()
    desk.server.answer = lambda parcel: None
    with writing(desk.engine) as session:
        assert incidents.correct(session, made, 1, "Right words.", ANN, desk.now) == 2
    assert desk.approve(made) == 2
    desk.later(hours=1)
    desk.send()
    assert desk.server.got() == {had: 2, waiting: 1}
    assert "X-Plain: False" in desk.server.letters(had)[1]
    (only,) = desk.server.letters(waiting)
    assert "X-Plain: True" in only
    assert "X-Told: 2\r\n" in only
    assert "Wrong words" not in only


def test_letters_about_one_incident_are_one_thread_a_person(desk: Desk) -> None:
    """One root for each person, and each letter names the one before."""
    first, _ = desk.people(2)
    made = desk.open()
    for _ in range(3):
        desk.approve(made)
        desk.send()
        desk.update(made)
        desk.later(minutes=1)
    rows = {(row.address, row.number): row for row in desk.rows()}
    assert len({row.root_id for row in desk.rows()}) == 2
    third = desk.server.letters(first)[2]
    assert f"X-Last: {rows[first, 2].message_id_header}\r\n" in third
    assert f"X-Root: {rows[first, 1].root_id}\r\n" in third
    assert rows[first, 1].root_id not in {row.message_id_header for row in desk.rows()}


def test_a_letter_that_cannot_be_written_stops_no_other(desk: Desk) -> None:
    """It fails with its reason; the rest are sent."""
    bad, good = desk.people(2)

    def write(notice, person, row, date):  # type: ignore[no-untyped-def] # as plain_writer
        if person.address == bad:
            raise LetterError("too long")
        return plain_writer(notice, person, row, date)

    desk.approve(desk.open())
    desk.send(queue=NoticeQueue(write, FAST))
    assert desk.server.got() == {good: 1}
    assert {row.address: row.state for row in desk.rows()} == {bad: "failed", good: "sent"}


def test_the_language_is_fixed_with_the_list(desk: Desk) -> None:
    """A contact who chooses another one later gets a letter in doubt once more as it was."""
    spanish, other = desk.people(2)
    told: list[tuple[str, str]] = []

    def write(notice, person, row, date):  # type: ignore[no-untyped-def] # as plain_writer
        told.append((person.address, notice.language))
        return plain_writer(notice, person, row, date)

    def choose(language: str) -> None:
        with writing(desk.engine) as session:
            chosen = next(row.contact_id for row in desk.rows() if row.address == spanish)
            where = col(ContactRow.id) == chosen
            session.execute(update(ContactRow).where(where).values(language=language))

    made = desk.open()
    desk.approve(made)
    choose("es")
    desk.send(queue=NoticeQueue(write, FAST))
    assert sorted(told) == sorted([(spanish, ""), (other, "")])
    told.clear()
    desk.update(made)
    desk.approve(made)
    choose("de")
    desk.server.dot = lambda parcel: InDoubt("no answer")
    for _ in range(3):
        desk.send(queue=NoticeQueue(write, FAST))
        desk.later(minutes=5)
    assert set(told) == {(spanish, "es"), (other, "")}
    assert len(told) > 2
