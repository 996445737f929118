"""Summaries over days and weeks: downtime, crashes, two workers, and the real worker."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from intake.incidents import digest as letter_digest
from intake.incidents.digest import Digest, Entry
from intake.letters.compose import LetterError
from intake.letters.letter import Letter
from intake.model.accounts import MustReach, Preference
from intake.model.authorship import By
from intake.model.incidents import Update
from intake.store.contacts import preferences
from intake.store.engine import Engine, reading, writing
from intake.store.incidents import broadcasts, digests
from intake.store.incidents import write as incidents
from intake.store.incidents.write import Opening
from intake.store.tables.contacts import AccountRow
from intake.worker import notice_bootstrap, service
from tests.support import installation as here
from tests.support import postgres as databases
from tests.support.digests import (
    CHICAGO,
    SEVEN,
    letters,
    opened,
    passed,
    written,
)
from tests.support.notice_service import Desk
from tests.support.notices import MAINTENANCE

# ---------------------------------------------------------------- the ledger


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def prepared(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    """The schema in a database of each kind."""
    with databases.prepared(request.param, tmp_path_factory.mktemp("db")) as engine:
        yield engine


@pytest.fixture
def desk(prepared: Engine) -> Desk:
    """Two people who want maintenances and news in a summary, and nobody else."""
    with writing(prepared) as session:
        databases.empty(session)
    made = Desk(prepared)
    made.people(2)
    with writing(made.engine) as session:
        session.execute(text("UPDATE accounts SET timezone = 'America/Chicago'"))
        for who in ("p00000", "p00001"):
            for name in ("informational", "maintenance"):
                preferences.set_(
                    session, who, name, Preference("digest"), By(who, made.now), must=MustReach()
                )
    return made


def test_after_days_of_downtime_there_is_one_letter(desk: Desk) -> None:
    """With everything in it; begun in the evening it waits for the morning."""
    first = opened(desk, "First")
    desk.later(hours=26)
    second = opened(desk, "Second")
    with writing(desk.engine) as session:
        for one in (first, second):
            desk.row(session, one).expires_at = None
    desk.now = SEVEN + timedelta(days=3, hours=12)  # seven in the evening
    assert passed(desk) == 0
    desk.later(hours=11, minutes=59)
    assert passed(desk) == 0
    desk.later(minutes=1)
    assert passed(desk) == 2
    assert passed(desk) == 0
    (letter,) = letters(desk)
    assert "First (INC-1)" in letter.text
    assert "Second (INC-2)" in letter.text
    desk.later(hours=12)
    assert passed(desk) == 0


class Dead(BaseException):
    """Stands for kill -9 between two statements."""


@pytest.mark.parametrize("where", ["write", "put_letter", "settle", "after"])
def test_a_crash_loses_nothing_and_sends_nothing_twice(
    desk: Desk, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the letter, behind it, behind the rows, behind the commit: one letter, all rows."""
    incident = opened(desk)
    desk.now = SEVEN
    room = {"write": letter_digest, "put_letter": digests, "settle": digests, "after": digests}
    name = "settle" if where == "after" else where
    real = getattr(room[where], name)

    def die(*args: object, **more: object) -> object:
        real(*args, **more)
        raise Dead

    with monkeypatch.context() as patched:
        if where == "after":
            assert passed(desk) == 2
        else:
            patched.setattr(room[where], name, die)
            with pytest.raises(Dead):
                passed(desk)
            assert desk.states(incident) == {"digest": 2}
            assert letters(desk) == []
    assert passed(desk) == (0 if where == "after" else 2)
    assert desk.states(incident) == {"sent": 2}
    assert len(letters(desk)) == len(letters(desk, "p00001")) == 1


def test_two_workers_write_one_letter(desk: Desk) -> None:
    """Four at the same moment, five mornings long."""
    for morning in range(5):
        desk.now = SEVEN + timedelta(days=morning, hours=-3)
        incident = opened(desk, f"Morning {morning}")
        desk.now = SEVEN + timedelta(days=morning)
        start = threading.Barrier(4)
        counts: list[int] = []

        def work(start: threading.Barrier, counts: list[int]) -> None:
            start.wait(30)
            counts.append(passed(desk))

        threads = [threading.Thread(target=work, args=(start, counts)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert len(counts) == 4
        assert sum(counts) == 2
        assert desk.states(incident) == {"sent": 2}
        assert len(letters(desk)) == morning + 1


@pytest.mark.parametrize("begins", ["2026-03-05", "2026-03-26", "2026-04-02", "2026-10-29"])
def test_over_weeks_everybody_gets_one_a_day_at_their_hour(desk: Desk, begins: str) -> None:
    """In two zones over a change of clocks: a letter for each day with news, none for the rest."""
    desk.now = datetime.fromisoformat(begins).replace(tzinfo=UTC)
    with writing(desk.engine) as session:
        stamp = {"created_at": desk.now, "updated_at": desk.now}
        name = "Europe/Berlin"
        session.add(AccountRow(id=name, name=name, timezone=name, **stamp))
        session.flush()
        session.execute(text("UPDATE memberships SET account_id = 'Europe/Berlin' "
                          "WHERE contact_id = 'p00001'"))  # fmt: skip
    ids = []
    for step in range(9 * 48):
        if step % 96 == 5:  # every other day
            ids.append(opened(desk, f"News {step}"))
        passed(desk)
        desk.later(minutes=30)
    for who, zone in (("p00000", CHICAGO), ("p00001", "Europe/Berlin")):
        found = letters(desk, who)
        hours = [one.created_at.astimezone(ZoneInfo(zone)).time() for one in found]
        assert hours == [time(7, 0)] * len(found)
        days = [one.created_at.astimezone(ZoneInfo(zone)).date() for one in found]
        assert len(set(days)) == len(days) == len(ids)
        assert "".join(one.text for one in found).count("(INC-") == len(ids)
    with reading(desk.engine) as session:
        assert set(session.scalars(text("SELECT state FROM notice_recipients"))) == {"sent"}


def test_one_letter_that_cannot_be_written_holds_up_no_other(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its rows wait, the others are sent."""
    incident = opened(desk)
    desk.now = SEVEN
    real = letter_digest.write

    def write(made: Digest, *more: object) -> Letter:
        if made.person.contact_id == "p00000":
            raise LetterError("a template is wrong")
        return real(made, *more)  # type: ignore[arg-type]  # passed on as it came

    monkeypatch.setattr(letter_digest, "write", write)
    assert passed(desk) == 1
    assert desk.states(incident) == {"digest": 1, "sent": 1}
    monkeypatch.undo()
    assert passed(desk) == 1


def test_an_update_is_told_as_it_was_written() -> None:
    """The plan of the update counts before that of the incident, which may have moved on."""
    moved = Update(
        "INC-57", 2, "reschedule", "scheduled", "Later.", SEVEN,
        starts_at=SEVEN + timedelta(days=9), ends_at=SEVEN + timedelta(days=9, hours=1),
    )  # fmt: skip
    text_ = written(Entry(MAINTENANCE, moved)).text
    assert "Begins: Thursday, March 12, 2026, 8:00 AM CDT (13:00 UTC)" in text_
    assert "Ends: Thursday, March 12, 2026, 9:00 AM CDT (14:00 UTC)" in text_
    off = Update("INC-57", 3, "cancellation", "cancelled", "Not at all.", SEVEN)
    gone = written(Entry(MAINTENANCE, off)).text
    assert "Maintenance cancelled: Database servers are replaced (INC-57)" in gone
    assert "It was planned for: Monday, March 16" in gone


def test_the_worker_writes_it_and_sends_it(tmp_path: Path) -> None:
    """One pass at the hour: the letter lies where letters go, a second pass adds none."""
    hour = datetime.now(ZoneInfo(CHICAGO)).hour
    more = f"[notices]\ndigest_hour = {hour}\n"
    config = here.make(
        tmp_path,
        here.maildir_box(tmp_path / "in") + here.delivery(f"maildir:{tmp_path}/out") + more,
    )
    yesterday = datetime.now(UTC) - timedelta(hours=20)
    habits, terms = notice_bootstrap.habits(config), notice_bootstrap.terms(config)
    with here.database(config, write=True) as session:
        preferences.set_(
            session,
            "p0",
            "informational",
            Preference("digest"),
            By("p0", yesterday),
            must=MustReach(),
        )
        opening = Opening("incident", "Slow mornings", "First.", notice_class="informational")
        made = incidents.open_(session, opening, "operator:ann", yesterday)
        found = broadcasts.proposal(session, made, habits, yesterday)
        broadcasts.send_now(
            session, made, found, terms, By("operator:ann", yesterday), emergency="a test"
        )
    for _ in range(2):
        service.once(config)
        (letter,) = [one for one in here.everything(config)["letters"] if one["kind"] == "digest"]
        assert (letter["contact_id"], letter["state"]) == ("p0", "sent")
    raw = [path.read_bytes() for path in (tmp_path / "out/new").iterdir()]
    (mine,) = [one for one in raw if b"Summary of" in one]
    assert b"Investigating: Slow mornings (INC-1)" in mine
    assert b"List-Unsubscribe: <mailto:" in mine
