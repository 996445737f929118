"""Summaries of the day: one a person and day, at their own hour, each incident once in it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from email import message_from_bytes
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text

from intake.incidents import digest as letter_digest
from intake.incidents.digest import Digest, Entry
from intake.letters.compose import LetterError
from intake.letters.letter import Letter, Reached
from intake.mail.encoder import MAX_LETTER_BYTES, Envelope, encode
from intake.model.incidents import Update
from intake.store import outbox
from intake.store.contacts import directory, preferences
from intake.store.engine import Engine, reading, writing
from intake.store.incidents import broadcasts, digests
from intake.store.incidents import write as incidents
from intake.store.incidents.digests import struck
from intake.store.incidents.write import Opening
from intake.store.tables.contacts import AccountRow, SuppressionRow
from intake.store.tables.outbox import OutboxRow
from intake.worker import notice_bootstrap, service
from intake.worker.digest_sender import send_digests
from tests import house as here
from tests import postgres as databases
from tests.notice_desk import Desk
from tests.notices import INCIDENT, MAINTENANCE, STYLE, house, planned, update

ZACK = Reached("zack", "Zack Morris", "zack.morris@bayside.example")
DAY = date(2026, 3, 3)
SEVEN = datetime(2026, 3, 3, 13, 0, tzinfo=UTC)  # seven in Chicago on that day
CHICAGO = "America/Chicago"


# ---------------------------------------------------------------- the hour


@pytest.mark.parametrize(
    ("zone", "hour", "now", "day", "at"),
    [
        ("UTC", 7, "2026-03-02T07:00", "2026-03-02", "2026-03-02T07:00"),
        ("UTC", 7, "2026-03-02T06:59", "2026-03-01", "2026-03-01T07:00"),
        (CHICAGO, 7, "2026-03-07T13:00", "2026-03-07", "2026-03-07T13:00"),
        (CHICAGO, 7, "2026-03-08T12:00", "2026-03-08", "2026-03-08T12:00"),  # clocks moved
        (CHICAGO, 7, "2026-03-08T11:59", "2026-03-07", "2026-03-07T13:00"),
        (CHICAGO, 2, "2026-03-08T08:00", "2026-03-08", "2026-03-08T08:00"),  # 2:00 is left out
        (CHICAGO, 2, "2026-03-08T07:59", "2026-03-07", "2026-03-07T08:00"),
        (CHICAGO, 1, "2026-11-01T06:00", "2026-11-01", "2026-11-01T06:00"),  # 1:00 comes twice
        (CHICAGO, 1, "2026-11-01T07:30", "2026-11-01", "2026-11-01T06:00"),
        ("Pacific/Kiritimati", 7, "2026-03-01T17:00", "2026-03-02", "2026-03-01T17:00"),
        ("Asia/Kolkata", 0, "2026-03-01T18:30", "2026-03-02", "2026-03-01T18:30"),
        ("Mars/Olympus", 7, "2026-03-02T07:00", "2026-03-02", "2026-03-02T07:00"),
    ],
)
def test_the_hour_strikes_once_a_day_in_each_zone(
    zone: str, hour: int, now: str, day: str, at: str
) -> None:
    """Also on the days that have 23 or 25 hours; a zone nobody knows is UTC."""
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
    wanted = datetime.fromisoformat(at).replace(tzinfo=UTC)
    assert struck(moment, zone, hour) == (date.fromisoformat(day), wanted)


@given(
    st.integers(0, 5_000_000),  # minutes
    st.sampled_from((CHICAGO, "UTC", "Australia/Lord_Howe", "Asia/Kathmandu", "America/St_Johns")),
    st.integers(0, 23),
)
def test_it_struck_a_day_ago_at_most(minutes: int, zone: str, hour: int) -> None:
    """Never in the future; the date is that of the zone; a minute earlier is another day's."""
    now = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    day, at = struck(now, zone, hour)
    assert at <= now < at + timedelta(hours=25, minutes=1)
    assert at.astimezone(ZoneInfo(zone)).date() == day
    before, _ = struck(at - timedelta(minutes=1), zone, hour)
    assert before == day - timedelta(days=1)


# ---------------------------------------------------------------- the letter


def digest(*entries: Entry, row: int = 17) -> Digest:
    """Zack's summary of that day."""
    return Digest(ZACK, DAY, CHICAGO, entries, row)


def written(*entries: Entry, row: int = 17) -> Letter:
    """The letter about them."""
    return letter_digest.write(digest(*entries, row=row), house(), STYLE, SEVEN)


def test_a_summary_tells_the_newest_state_of_each_incident_once() -> None:
    """Open ones first, with their moments in the reader's zone; how many updates, one text."""
    found = written(
        Entry(MAINTENANCE, planned()),
        Entry(INCIDENT, update(1, status="resolved", text="It is over.", at=SEVEN)),
        Entry(
            INCIDENT,
            update(3, status="identified", text="A full queue.\n\n- we empty it", at=SEVEN),
            3,
        ),
    )
    assert found.subject == "[Campus status] Summary of Tuesday, March 3, 2026"
    assert (found.kind, found.cause) == ("digest", "digest:zack:2026-03-03")
    lines = found.text.splitlines()
    assert [line for line in lines if "(INC-" in line] == [
        "Identified: Grade Book posting delayed (INC-42)",
        "Scheduled maintenance: Database servers are replaced (INC-57)",
        "Resolved: Grade Book posting delayed (INC-42)",
    ]
    assert "3 updates; the newest of Tuesday, March 3, 2026, 7:00 AM CST (13:00 UTC)" in lines
    assert "One update, of Monday, March 2, 2026, 9:30 AM CST (15:30 UTC)" in lines
    assert "Begins: Monday, March 16, 2026, 10:00 PM CDT (March 17, 03:00 UTC)" in lines
    assert "- we empty it" in lines
    assert found.text.count("A full queue.") == 1
    assert all(len(line) <= 78 for line in lines)
    assert "How everything stands now: https://status.example/" in lines


def test_a_summary_is_a_list_letter() -> None:
    """List-Id, a way to unsubscribe by mail, bulk, made by a program; answers reach the desk."""
    found = message_from_bytes(written(Entry(INCIDENT, update())).raw)
    assert found["List-Id"] == '"Campus status" <status.support.example>'
    assert found["Precedence"] == "bulk"
    assert found["Auto-Submitted"] == "auto-generated"
    assert found["From"] == '"Campus Support" <status@support.example>'
    assert found["Reply-To"] == "cases@support.example"
    way = found["List-Unsubscribe"]
    assert way.startswith("<mailto:cases@support.example?subject=unsubscribe%2017-")
    token = way.partition("%20")[2].rstrip(">")
    assert f"unsubscribe {token}" in written(Entry(INCIDENT, update())).text
    assert found["List-Unsubscribe-Post"] is None
    without = message_from_bytes(written(Entry(INCIDENT, update()), row=0).raw)
    assert without["List-Unsubscribe"] is None


def test_the_same_summary_is_the_same_bytes() -> None:
    """Whoever writes it; another day's has another Message-ID."""
    one = written(Entry(INCIDENT, update()))
    assert written(Entry(INCIDENT, update())) == one
    other = Digest(ZACK, DAY + timedelta(days=1), CHICAGO, (Entry(INCIDENT, update()),))
    assert letter_digest.write(other, house(), STYLE, SEVEN).message_id != one.message_id


@pytest.mark.parametrize("char", ["x", "=", "é", "語", "😀", "x "])
@pytest.mark.parametrize("count", [1, 3, 30, 300])
def test_a_summary_fits_into_a_letter_whatever_happened(char: str, count: int) -> None:
    """Texts are cut, then entries counted; every one is told or counted."""
    entries = [
        Entry(
            replace(INCIDENT, id=f"INC-{n}", title=char * 300, impact=char * 500),
            update(2, text=(char * 40 + "\n\n") * 400, status="identified"),
            2,
        )
        for n in range(count)
    ]
    found = written(*entries)
    assert len(found.raw) <= MAX_LETTER_BYTES
    told = sum("(INC-" in line for line in found.text.splitlines())
    more = [line for line in found.text.splitlines() if "would make this mail too long" in line]
    assert told + (int(more[0].split()[0]) if more else 0) == count
    assert told >= min(count, 2)


@settings(max_examples=60, deadline=None)
@given(
    title=st.text(max_size=200), words=st.text(max_size=2000), impact=st.text(max_size=300),
    status=st.sampled_from(("investigating", "resolved", "scheduled", "verifying", "cancelled")),
)  # fmt: skip
def test_any_words_make_a_letter(title: str, words: str, impact: str, status: str) -> None:
    """Control characters, surrogates, whatever an operator pastes."""
    incident = replace(INCIDENT, title=title, impact=impact, modules=(title, words))
    found = written(Entry(incident, update(1, status=status, text=words)))
    assert found.raw.isascii()
    assert found.subject.isprintable()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Bcc", "a@b.example\r\nX: y"), ("Subject", "twice"), ("X", "naïve"), ("X", "a\nb"),
        ("X", "a\r\n\r\nbody"), ("X", ""), ("X Y", "z"), ("X", "a\r\n "), ("x-y:", "z"),
    ],
)  # fmt: skip
def test_a_further_field_cannot_smuggle_another(name: str, value: str) -> None:
    """A name that is there, a line end that is no fold, anything but ASCII."""
    envelope = Envelope(
        "Desk", "support@desk.example", "zack@bayside.example", "Hello", "Text\n",
        "<a.1@desk.example>", SEVEN, extra=((name, value),),
    )  # fmt: skip
    with pytest.raises(LetterError):
        encode(envelope)


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
    with writing(prepared) as unit:
        databases.empty(unit)
    made = Desk(prepared)
    made.people(2)
    with writing(made.engine) as unit:
        unit.execute(text("UPDATE accounts SET timezone = 'America/Chicago'"))
        for who in ("p00000", "p00001"):
            for name in ("informational", "maintenance"):
                preferences.set_(unit, who, name, "digest", who, made.now, mandatory=())
    return made


def opened(desk: Desk, title: str = "Something new", words: str = "First words.") -> str:
    """An incident of the class informational, approved and frozen; its id."""
    with writing(desk.engine) as unit:
        opening = Opening("incident", title, words, notice_class="informational")
        made = incidents.open_(unit, opening, "operator:ann", desk.now)
    desk.approve(made)
    return made


def passed(desk: Desk, hour: int = 7) -> int:
    """One look for summaries that are due."""
    return send_digests(desk.engine, house(), STYLE, hour, desk.now)


def letters(desk: Desk, who: str = "p00000") -> list[OutboxRow]:
    """The summaries of one person, oldest first."""
    with reading(desk.engine) as unit:
        query = select(OutboxRow).where(OutboxRow.contact_id == who, OutboxRow.kind == "digest")
        found = list(unit.scalars(query.order_by(OutboxRow.id)))
        unit.expunge_all()
    return found


def test_a_summary_is_written_at_the_persons_hour(desk: Desk) -> None:
    """Not before it, once after it, and its rows are done with it."""
    assert desk.now.hour == 15  # nine in Chicago: today's hour is over
    incident = opened(desk)
    assert desk.states(incident) == {"digest": 2}
    assert desk.state(incident) == "done"
    for _ in range(43):  # to half past six the next morning
        assert passed(desk) == 0
        desk.later(minutes=30)
    desk.later(minutes=29)
    assert passed(desk) == 0
    desk.later(minutes=1)
    assert desk.now == SEVEN
    assert passed(desk) == 2
    assert passed(desk) == 0
    rows = desk.rows(incident)
    assert {(row.state, row.reply) for row in rows} == {("sent", "in the digest of 2026-03-03")}
    (letter,) = letters(desk)
    assert letter.message_id_header in {row.message_id_header for row in rows}
    assert "Investigating: Something new (INC-1)" in letter.text


def test_an_update_that_was_sent_to_nobody_is_not_counted(desk: Desk) -> None:
    """Its moment had passed before anybody got it: two updates, not three."""
    first = opened(desk, "Slow")
    for words in ("Second words.", "Third words."):
        desk.later(hours=1)
        desk.update(first, words, "identified")
        desk.approve(first)
    with writing(desk.engine) as unit:
        expired = text("UPDATE incident_updates SET send_state = 'expired' WHERE number = 2")
        unit.execute(expired)
    desk.now = SEVEN
    passed(desk)
    (letter,) = letters(desk)
    assert "Identified: Slow (INC-1)\n2 updates; the newest of" in letter.text


def test_superseded_updates_are_counted_and_their_texts_left_out(desk: Desk) -> None:
    """Three updates of one incident and one of another: two entries."""
    first, second = opened(desk, "Slow"), opened(desk, "Broken", "Only words.")
    for words in ("Second words.", "Third words."):
        desk.later(hours=1)
        desk.update(first, words, "identified")
        desk.approve(first)
    desk.now = SEVEN
    assert passed(desk) == 2
    (letter,) = letters(desk)
    assert "Identified: Slow (INC-1)\n3 updates; the newest of" in letter.text
    assert "Third words." in letter.text
    assert "First words." not in letter.text
    assert "Second words." not in letter.text
    assert "Investigating: Broken (INC-2)\nOne update, of" in letter.text
    assert desk.states(first) == {"skipped": 4, "sent": 2}
    assert desk.states(second) == {"sent": 2}


def test_what_is_not_approved_is_not_told(desk: Desk) -> None:
    """A draft written after the update that waits: neither its text nor its state, nor a count."""
    incident = opened(desk)
    desk.update(incident, "A secret draft.", "monitoring")
    desk.now = SEVEN
    assert passed(desk) == 2
    (letter,) = letters(desk)
    assert "Investigating: Something new (INC-1)\nOne update" in letter.text
    assert "secret" not in letter.text
    assert "onitoring" not in letter.text


def test_an_update_that_was_never_sent_is_not_counted(desk: Desk) -> None:
    """Of three on record the second was a draft that the third made needless."""
    incident = opened(desk)
    desk.update(incident, "A draft that nobody approved.")
    desk.update(incident, "Third words.", "identified")
    desk.approve(incident)
    desk.now = SEVEN
    assert passed(desk) == 2
    assert "Identified: Something new (INC-1)\n2 updates; the newest of" in letters(desk)[0].text


def test_what_came_after_a_letter_is_not_lost_to_a_slow_worker(desk: Desk) -> None:
    """It saw that a letter is due, another wrote it, more happened: that waits for the next day."""
    opened(desk)
    desk.now = SEVEN
    with reading(desk.engine) as unit:
        stale = digests.due(unit, desk.now, 7)[0]
    assert passed(desk) == 2
    late = opened(desk, "Late")
    with writing(desk.engine) as unit:
        found = digests.gather(unit, stale, desk.now)
        assert found.digest is not None
        letter = letter_digest.write(found.digest, house(), STYLE, desk.now)
        assert not digests.settle(unit, found, letter, desk.now)
    assert desk.states(late) == {"digest": 2}
    assert len(letters(desk)) == 1
    desk.later(days=1)
    assert passed(desk) == 2
    assert "Late" in letters(desk)[1].text


def test_nothing_is_sent_when_there_is_nothing_to_tell(desk: Desk) -> None:
    """No rows; only expired ones, which are then skipped."""
    desk.now = SEVEN
    assert passed(desk) == 0
    incident = opened(desk)
    with writing(desk.engine) as unit:
        desk.row(unit, incident).expires_at = SEVEN + timedelta(hours=5)
    desk.now = SEVEN + timedelta(days=1)
    assert passed(desk) == 0
    assert {(row.state, row.reply) for row in desk.rows(incident)} == {
        ("skipped", "expired: its moment has passed")
    }
    assert letters(desk) == []


def test_an_expired_update_is_left_out_of_a_summary_with_others(desk: Desk) -> None:
    """The rest is told."""
    old, new = opened(desk, "Old"), opened(desk, "New")
    with writing(desk.engine) as unit:
        desk.row(unit, old).expires_at = SEVEN
    desk.now = SEVEN
    assert passed(desk) == 2
    assert "INC-2" in letters(desk)[0].text
    assert "INC-1" not in letters(desk)[0].text
    assert (desk.states(old), desk.states(new)) == ({"skipped": 2}, {"sent": 2})


def test_a_held_broadcast_waits(desk: Desk) -> None:
    """Its rows stay; what is cancelled is not told; the summary goes on without them."""
    paused, other = opened(desk, "Paused"), opened(desk, "Other")
    with writing(desk.engine) as unit:
        desk.row(unit, paused).send_state = "paused"
    desk.now = SEVEN
    assert passed(desk) == 2
    assert "Paused" not in letters(desk)[0].text
    assert desk.states(paused) == {"digest": 2}
    with writing(desk.engine) as unit:
        broadcasts.change(unit, paused, "resume", "operator:ann", desk.now)
    desk.later(days=1)
    assert passed(desk) == 2
    assert "Paused" in letters(desk)[1].text
    assert desk.states(other) == {"sent": 2}


def test_who_is_gone_or_wants_none_gets_none(desk: Desk) -> None:
    """Disabled, switched off, suspended, each with its reason; the others get theirs."""
    desk_rows = opened(desk)
    with writing(desk.engine) as unit:
        directory.set_active(unit, "p00000", False, desk.now)
        preferences.set_(unit, "p00001", "informational", "off", "p00001", desk.now, mandatory=())
    desk.now = SEVEN
    assert passed(desk) == 0
    assert [(row.state, row.reply) for row in desk.rows(desk_rows)] == [
        ("skipped", "the contact was disabled"), ("skipped", "switched off"),
    ]  # fmt: skip
    with writing(desk.engine) as unit:
        directory.set_active(unit, "p00000", True, desk.now)
    again = opened(desk)
    with writing(desk.engine) as unit:
        unit.add(
            SuppressionRow(key="p00000@bayside.example", reason="bounced 5.1.1", since=desk.now)
        )
    desk.later(days=1)
    assert passed(desk) == 0
    assert [row.reply for row in desk.rows(again)] == ["suppressed: bounced 5.1.1"]


def test_a_summary_that_waits_is_not_sent_to_an_address_that_bounces(desk: Desk) -> None:
    """It is no answer to anybody, so a bounce in between stops it."""
    opened(desk)
    desk.now = SEVEN
    assert passed(desk) == 2
    with writing(desk.engine) as unit:
        unit.add(SuppressionRow(key="p00000@bayside.example", reason="bounced", since=desk.now))
        claimed = outbox.claim(unit, desk.now, 60, 10)
    assert [one.contact_id for one in claimed] == ["p00001"]
    assert letters(desk)[0].state == "suppressed"


def test_what_comes_after_the_letter_waits_for_the_next_day(desk: Desk) -> None:
    """Also when its row has an older moment than the letter."""
    opened(desk)
    desk.now = SEVEN
    assert passed(desk) == 2
    late = opened(desk, "Late")
    with writing(desk.engine) as unit:
        unit.execute(
            text("UPDATE notice_recipients SET due_at = :at WHERE incident_id = :id"),
            {"at": SEVEN - timedelta(hours=3), "id": late},
        ) if desk.engine.dialect.name == "postgresql" else unit.execute(
            text("UPDATE notice_recipients SET due_at = '2026-03-03 10:00:00.000000' "
                 "WHERE incident_id = :id"), {"id": late},
        )  # fmt: skip
    for _ in range(23):
        desk.later(hours=1)
        assert passed(desk) == 0
    desk.later(hours=1)
    assert passed(desk) == 2
    assert [("Late" in one.text) for one in letters(desk)] == [False, True]


def test_nothing_new_at_the_hour_means_no_letter_later_that_day(desk: Desk) -> None:
    """What happens at nine waits for tomorrow, although today had no letter."""
    desk.now = SEVEN + timedelta(hours=2)
    opened(desk)
    assert passed(desk) == 0
    desk.later(hours=21, minutes=59)
    assert passed(desk) == 0
    desk.later(minutes=1)
    assert passed(desk) == 2


def test_after_days_of_downtime_there_is_one_letter(desk: Desk) -> None:
    """With everything in it; begun in the evening it waits for the morning."""
    first = opened(desk, "First")
    desk.later(hours=26)
    second = opened(desk, "Second")
    with writing(desk.engine) as unit:
        for one in (first, second):
            desk.row(unit, one).expires_at = None
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
    with writing(desk.engine) as unit:
        stamp = {"created_at": desk.now, "updated_at": desk.now}
        name = "Europe/Berlin"
        unit.add(AccountRow(id=name, name=name, timezone=name, **stamp))
        unit.flush()
        unit.execute(text("UPDATE memberships SET account_id = 'Europe/Berlin' "
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
    with reading(desk.engine) as unit:
        assert set(unit.scalars(text("SELECT state FROM notice_recipients"))) == {"sent"}


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
    with here.unit(config, write=True) as unit:
        preferences.set_(unit, "p0", "informational", "digest", "p0", yesterday, mandatory=())
        opening = Opening("incident", "Slow mornings", "First.", notice_class="informational")
        made = incidents.open_(unit, opening, "operator:ann", yesterday)
        found = broadcasts.proposal(unit, made, habits, yesterday)
        broadcasts.send_now(unit, made, found, terms, "operator:ann", yesterday, emergency="a test")
    for _ in range(2):
        service.once(config)
        (letter,) = [one for one in here.everything(config)["letters"] if one["kind"] == "digest"]
        assert (letter["contact_id"], letter["state"]) == ("p0", "sent")
    raw = [path.read_bytes() for path in (tmp_path / "out/new").iterdir()]
    (mine,) = [one for one in raw if b"Summary of" in one]
    assert b"Investigating: Slow mornings (INC-1)" in mine
    assert b"List-Unsubscribe: <mailto:" in mine
