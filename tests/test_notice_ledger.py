"""The ledger of notices: everybody once, whatever breaks, and how other senders broke."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from intake.adapters.smtp import Failed, InDoubt, Outcome, Parcel, Retry, Sent
from intake.mail.encoder import LetterError
from intake.store.engine import Engine, Unit, reading, writing
from intake.store.incidents import broadcasts
from intake.store.incidents import write as incidents
from intake.store.incidents.recipients import IncidentError
from intake.store.incidents.schedule import Plan, debts, tick
from intake.store.incidents.send_queue import Pace
from intake.store.outbox import Claimed
from intake.store.tables.contacts import ContactEmailRow, ContactRow, MembershipRow, SuppressionRow
from intake.store.tables.incidents import NoticeRecipientRow
from intake.store.tables.outbox import EventRow
from intake.worker.notice_sender import NoticeQueue
from tests import postgres as databases
from tests.notice_desk import FAST, HABITS, NOW, TERMS, Desk, Killed, case_of, plain_writer
from tests.rawmail import CAMPAIGN

pytestmark = pytest.mark.takes_blobs  # records mails without their bytes

ANN, BEN = "operator:ann", "operator:ben"


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
    with writing(prepared) as unit:
        databases.empty(unit)
    return Desk(prepared)


@dataclass(frozen=True)
class Dying(NoticeQueue):
    """A queue whose worker is killed at one point, after so many letters."""

    point: str = ""
    after: list[int] = field(default_factory=lambda: [0])

    def _die(self, point: str) -> None:
        if point != self.point:
            return
        if self.after[0] <= 0:
            raise Killed
        self.after[0] -= 1

    def complete(self, unit: Unit, claimed: Sequence[Claimed]) -> list[Claimed]:
        """Behind the commit of the claim."""
        self._die("claimed")
        return super().complete(unit, claimed)

    def mark_in_doubt(
        self, unit: Unit, letters: Sequence[tuple[int, int]], until: datetime
    ) -> list[int]:
        """In front of the commit of the doubt."""
        found = super().mark_in_doubt(unit, letters, until)
        if letters:
            self._die("before doubt")
        return found

    def settle(
        self, unit: Unit, outcomes: Sequence[tuple[int, int, Outcome]], now: object, jitter: float
    ) -> list[int]:
        """In front of the commit of the outcome."""
        if outcomes:
            self._die("before settled")
        return super().settle(unit, outcomes, now, jitter)  # type: ignore[arg-type] # as given


def dying(point: str, after: int = 0) -> Dying:
    """A worker that is killed there."""
    return Dying(plain_writer, FAST, point=point, after=[after])


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
    with writing(desk.engine) as unit:
        assert broadcasts.change(unit, "INC-1", "pause", ANN, desk.now)[1] > 0
    before = desk.server.got()
    desk.later(hours=1)
    desk.send()
    assert desk.server.got() == before
    desk.server.answer = lambda parcel: None
    with writing(desk.engine) as unit:
        broadcasts.change(unit, "INC-1", "resume", ANN, desk.now)
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
    with writing(desk.engine) as unit:
        assert broadcasts.retry(unit, "INC-1", ANN, desk.now, doubtful=False) == 1
    desk.send()
    assert desk.server.got()[second] == 1
    assert (desk.state(), desk.states()) == ("done", {"sent": 3})


def test_4_a_crash_while_the_list_is_written_sends_nothing_and_doubles_nothing(desk: Desk) -> None:
    """The list and the approval are one commit: both or neither (Cachet's flag after the loop)."""
    everybody = desk.people(10)
    made = desk.open()
    with writing(desk.engine) as unit:
        found = broadcasts.propose(unit, made, HABITS, ANN, desk.now)
    with suppress(Killed), writing(desk.engine) as unit:
        broadcasts.approve(unit, made, found.hash, HABITS, TERMS, BEN, desk.now)
        raise Killed
    assert desk.rows() == []
    desk.send()
    assert not desk.server.taken
    with writing(desk.engine) as unit:
        broadcasts.approve(unit, made, found.hash, HABITS, TERMS, BEN, desk.now)
    with pytest.raises(IncidentError), writing(desk.engine) as unit:
        broadcasts.approve(unit, made, found.hash, HABITS, TERMS, BEN, desk.now)
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


def test_6_a_maintenance_reaches_those_who_chose_areas(desk: Desk) -> None:
    """With an area: who is responsible for it; without one: everybody (Cachet #3409)."""
    desk.people(3)
    made = desk.open(kind="maintenance")
    assert desk.approve(made) == 3
    with writing(desk.engine) as unit:
        opening = incidents.Opening(
            "maintenance", "New servers", "Two hours.", areas=("Finance",),
            starts_at=desk.now + timedelta(days=20), ends_at=desk.now + timedelta(days=21),
        )  # fmt: skip
        second = incidents.open_(unit, opening, ANN, desk.now)
        unit.execute(
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
    with writing(desk.engine) as unit:
        start = desk.now + timedelta(days=40)
        incidents.reschedule(unit, made, start, start + timedelta(hours=1), "Moved.", ANN, desk.now)
        unit.execute(
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


# ---------------------------------------------------------------- approval


def test_nobody_approves_their_own_words(desk: Desk) -> None:
    """Neither the author nor the proposer; a third person may."""
    desk.people(2)
    made = desk.open()
    with writing(desk.engine) as unit:
        found = broadcasts.propose(unit, made, HABITS, "operator:carl", desk.now)
    for who in (ANN, "operator:carl"):
        with pytest.raises(IncidentError, match="another person"), writing(desk.engine) as unit:
            broadcasts.approve(unit, made, found.hash, HABITS, TERMS, who, desk.now)
    with writing(desk.engine) as unit:
        broadcasts.approve(unit, made, found.hash, HABITS, TERMS, BEN, desk.now)
    assert desk.state() == "sending"


@pytest.mark.parametrize("change", ["text", "person", "time", "title"])
def test_any_change_voids_what_was_proposed(desk: Desk, change: str) -> None:
    """The approval names the hash of text, list and time; any other is refused."""
    desk.people(2)
    made = desk.open()
    with writing(desk.engine) as unit:
        found = broadcasts.propose(unit, made, HABITS, ANN, desk.now)
    with writing(desk.engine) as unit:
        row = desk.row(unit, made)
        if change == "text":
            row.text = "Something else."
        elif change == "time":
            row.send_at = desk.now + timedelta(hours=1)
        elif change == "person":
            unit.execute(update(ContactRow).where(ContactRow.id == "p00001").values(active=False))
        else:
            unit.execute(update(incidents.IncidentRow).values(title="Another title"))
    with pytest.raises(IncidentError, match=found.hash), writing(desk.engine) as unit:
        broadcasts.approve(unit, made, found.hash, HABITS, TERMS, BEN, desk.now)
    assert desk.rows() == []


def test_a_newer_proposal_leaves_the_older_one_on_record(desk: Desk) -> None:
    """Nobody is asked any more to approve what a newer update has overtaken."""
    desk.people(2)
    made = desk.open()
    with writing(desk.engine) as unit:
        broadcasts.propose(unit, made, HABITS, ANN, desk.now)
    desk.update(made)
    with writing(desk.engine) as unit:
        assert debts(unit, desk.now) == []  # the newest one waits for nobody yet
        broadcasts.propose(unit, made, HABITS, ANN, desk.now)
        assert debts(unit, desk.now) == [f"{made}: update 2 waits for another person's approval"]
    assert (desk.state(made, 1), desk.state(made, 2)) == ("record", "waiting")


def test_an_emergency_is_named_and_on_record(desk: Desk) -> None:
    """Sent by one person alone, with the reason in the update and in the history."""
    desk.people(2)
    made = desk.open()
    with writing(desk.engine) as unit:
        found = broadcasts.propose(unit, made, HABITS, ANN, desk.now)
        broadcasts.send_now(
            unit, made, found, TERMS, ANN, desk.now, emergency="nobody else is awake"
        )
    desk.send()
    assert sum(desk.server.got().values()) == 2
    with reading(desk.engine) as unit:
        assert desk.row(unit, made).emergency == "nobody else is awake"
        kinds = {row.kind: row for row in unit.scalars(select(EventRow))}
        assert kinds["emergency"].who == ANN
        assert kinds["emergency"].detail["why"] == "nobody else is awake"


def test_an_edit_voids_an_approval_and_a_sent_text_is_never_edited(desk: Desk) -> None:
    """Approved for later, edited: nothing goes out until it is approved anew."""
    desk.people(2)
    made = desk.open()
    desk.approve(made, send_at=desk.now + timedelta(hours=2))
    with writing(desk.engine) as unit:
        incidents.edit(unit, made, "Better words.", ANN, desk.now)
    desk.later(hours=3)
    desk.send()
    assert not desk.server.taken
    assert desk.state() == "draft"
    desk.approve(made)
    desk.send()
    assert sum(desk.server.got().values()) == 2
    assert "Better words." in desk.server.taken[0].raw.decode()
    with pytest.raises(IncidentError, match="correct"), writing(desk.engine) as unit:
        incidents.edit(unit, made, "Other words.", ANN, desk.now)


def test_a_letter_for_later_waits(desk: Desk) -> None:
    """Approved now for a moment to come, it goes out then and not before."""
    desk.people(2)
    made = desk.open()
    desk.approve(made, send_at=desk.now + timedelta(hours=2))
    desk.send()
    assert not desk.server.taken
    desk.later(hours=2, seconds=1)
    desk.send()
    assert sum(desk.server.got().values()) == 2


def test_who_joins_later_is_told_by_an_explicit_act_only(desk: Desk) -> None:
    """The list is frozen; sending again reaches those who are not in it, once, and nobody else."""
    desk.people(2)
    made = desk.open()
    desk.approve(made)
    desk.send()
    with writing(desk.engine) as unit:
        new = late(unit)
    desk.send()
    assert new not in desk.server.got()
    assert desk.approve(made) == 1
    desk.send()
    assert desk.server.got()[new] == 1
    assert sum(desk.server.got().values()) == 3
    with pytest.raises(IncidentError, match="nobody is left"):
        desk.approve(made)


def late(unit: Unit) -> str:
    """One more authorized contact; the address."""
    stamp = {"created_at": NOW, "updated_at": NOW}
    unit.add(ContactRow(id="late", name="Late", **stamp))
    unit.flush()
    address = "late@bayside.example"
    unit.add(
        ContactEmailRow(key=address, contact_id="late", address=address, domain="bayside.example")
    )
    unit.add(MembershipRow(contact_id="late", account_id="bayside", contact_type="Authorized"))
    return address


# ---------------------------------------------------------------- while it is sent


def test_cancelling_keeps_back_what_is_not_sent(desk: Desk) -> None:
    """What went out is told, what did not never will; it is not resumed."""
    desk.people(10)
    desk.approve(desk.open())
    desk.send(Pace(4, 10**6, smooth=False))
    with writing(desk.engine) as unit:
        assert broadcasts.change(unit, "INC-1", "cancel", ANN, desk.now) == (1, 6)
    desk.later(hours=1)
    desk.send()
    assert sum(desk.server.got().values()) == 4
    assert desk.states() == {"sent": 4, "skipped": 6}
    with pytest.raises(IncidentError), writing(desk.engine) as unit:
        broadcasts.change(unit, "INC-1", "resume", ANN, desk.now)


def test_a_letter_prepared_when_it_is_paused_stays_here(desk: Desk) -> None:
    """Between the claim and the dot somebody pauses: the dot is not sent."""
    desk.people(1)
    desk.approve(desk.open())

    def pause(parcel: Parcel) -> None:
        with writing(desk.engine) as unit:
            broadcasts.change(unit, "INC-1", "pause", ANN, desk.now)

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
    with writing(desk.engine) as unit:
        case_of(unit, "p00004", made)
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
    with writing(desk.engine) as unit:
        if what == "disabled":
            unit.execute(update(ContactRow).where(ContactRow.id == "p00000").values(active=False))
        else:
            unit.add(SuppressionRow(key=first, reason="bounced 5.1.1", since=desk.now))
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
    with writing(desk.engine) as unit:
        unit.execute(
            update(NoticeRecipientRow)
            .where(NoticeRecipientRow.address == never)
            .values(state="skipped", reply="cancelled", finished_at=desk.now)
        )
    desk.server.answer = lambda parcel: Retry("450 x") if parcel.recipient == waiting else None
    desk.send()
    desk.server.answer = lambda parcel: None
    with writing(desk.engine) as unit:
        assert incidents.correct(unit, made, 1, "Right words.", ANN, desk.now) == 2
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


# ---------------------------------------------------------------- the clock

PLAN = Plan()


def clock(desk: Desk) -> list[str]:
    """What the clock does now."""
    with writing(desk.engine) as unit:
        return tick(unit, desk.now, PLAN, HABITS, TERMS)


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
    with writing(desk.engine) as unit:
        incidents.hold_back(unit, made, True, ANN, desk.now)
    desk.later(days=30, hours=1)
    assert clock(desk) == []
    with writing(desk.engine) as unit:
        incidents.hold_back(unit, made, False, ANN, desk.now)
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
    with writing(desk.engine) as unit:
        start = desk.now + timedelta(days=20)
        incidents.reschedule(unit, made, start, start + timedelta(1), "Moved.", ANN, desk.now)
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
    with writing(desk.engine) as unit:
        broadcasts.propose(unit, made, HABITS, ANN, desk.now)
        assert debts(unit, desk.now) == [f"{made}: update 1 waits for another person's approval"]
    desk.approve(made)
    answers = {first: Failed("550 no")}
    desk.server.answer = lambda parcel: answers.get(parcel.recipient)
    desk.server.dot = lambda parcel: InDoubt("no answer")
    for _ in range(3):
        desk.send()
        desk.later(minutes=5)
    assert desk.server.got() == {second: 2}
    with writing(desk.engine) as unit:
        incidents.update(
            unit, made, "More.", ANN, desk.now, next_update_at=desk.now + timedelta(hours=1)
        )
        later = desk.now + timedelta(hours=2)
        lines = debts(unit, later)
        assert lines[0].startswith(f"{made}: the next update was promised for 2026-03-02")
        assert lines[1:] == [
            f"{made}: 1 notices could not be delivered: `intake incidents recipients`",
            f"{made}: 1 notices may not have arrived: `intake incidents recipients`",
        ]
        incidents.update(unit, made, "Over.", ANN, later, status="resolved")
        assert debts(unit, later) == []


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
