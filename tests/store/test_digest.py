"""Summaries of the day: one a person and day, at their own hour, each incident once in it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intake.incidents import digest as letter_digest
from intake.incidents.digest import Digest, Entry
from intake.letters.compose import LetterError
from intake.mail.encoder import MAX_LETTER_BYTES, Envelope, encode
from intake.store.incidents.digests import struck
from tests.support.digests import (
    CHICAGO,
    DAY,
    SEVEN,
    ZACK,
    written,
)
from tests.support.notices import INCIDENT, MAINTENANCE, STYLE, letter_context, planned, update

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
    assert letter_digest.write(other, letter_context(), STYLE, SEVEN).message_id != one.message_id


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
