"""Calendar entries: lawful by RFC 5545, and moved or taken out, never doubled."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intake.incidents import calendar_entry
from intake.model.incidents import Incident, Update
from tests.support.calendars import Diary, read
from tests.support.notices import BEGINS, MAINTENANCE, NOW, planned

ORGANIZER = calendar_entry.Organizer(
    "Campus Support", "cases@support.example", "https://status.example/?a=b,c;d"
)
ANY = st.text(alphabet=st.characters(), max_size=120) | st.sampled_from(
    ["a\r\nATTENDEE:mailto:x@y.example", "x" * 10_000, "ü" * 500, "🎓" * 300, "\\n;,:", '"', "\0"]
)


def entry(update: Update, incident: Incident = MAINTENANCE) -> str:
    """The entry of an update, written when the update was."""
    return calendar_entry.event_calendar(incident, update, ORGANIZER, update.at)


def test_an_entry_holds_the_plan_in_utc() -> None:
    """UID, times, words and who announces it, readable by a reader that is not ours."""
    calendar = read(entry(planned(sequence=3)))
    event = calendar.parts[0]
    assert calendar.one("METHOD") == "PUBLISH"
    assert event.one("UID") == "INC-57@support.example"
    assert event.time("DTSTART") == BEGINS
    assert event.time("DTEND") == BEGINS + timedelta(hours=4)
    assert event.time("DTSTAMP") == NOW
    assert event.one("SEQUENCE") == "3"
    assert event.one("SUMMARY") == "Maintenance: Database servers are replaced (INC-57)"
    assert event.one("DESCRIPTION") == "You cannot sign in while we work."
    assert event.one("ORGANIZER") == "mailto:cases@support.example"
    assert event.one("URL") == ORGANIZER.page_url
    assert event.one("TRANSP") == "TRANSPARENT"


def test_a_change_moves_the_entry_and_a_cancellation_takes_it_out() -> None:
    """One entry all the way, and mails that arrive late or twice change nothing."""
    first = entry(planned())
    later = BEGINS + timedelta(days=2)
    moved = entry(
        planned("reschedule", sequence=1, at=NOW + timedelta(hours=1), starts_at=later,
                ends_at=later + timedelta(hours=1))
    )  # fmt: skip
    reminder = entry(
        planned("reminder", sequence=1, at=NOW + timedelta(days=2), starts_at=later,
                ends_at=later + timedelta(hours=1))
    )  # fmt: skip
    off = entry(planned("cancellation", "cancelled", sequence=2, at=NOW + timedelta(days=3)))
    diary = Diary()
    diary.take(first)
    assert [one.time("DTSTART") for one in diary.entries()] == [BEGINS]
    diary.take(moved)
    diary.take(first)
    diary.take(reminder)
    assert [one.time("DTSTART") for one in diary.entries()] == [later]
    diary.take(off)
    diary.take(moved)
    assert diary.entries() == []


def test_two_maintenances_are_two_entries() -> None:
    """The UID is the maintenance's."""
    diary = Diary()
    diary.take(entry(planned()))
    diary.take(entry(planned(), replace(MAINTENANCE, id="INC-58")))
    assert len(diary.entries()) == 2


def test_without_a_start_there_is_no_entry() -> None:
    """Nothing to put into a calendar."""
    bare = replace(MAINTENANCE, starts_at=None, ends_at=None)
    assert entry(planned(starts_at=None, ends_at=None), bare) == ""


def test_the_plan_of_the_incident_stands_in_for_one_that_the_update_leaves_open() -> None:
    """An update that says nothing of times changes none."""
    event = read(entry(planned(starts_at=None, ends_at=None))).parts[0]
    assert event.time("DTSTART") == BEGINS
    assert event.time("DTEND") == BEGINS + timedelta(hours=4)


@pytest.mark.parametrize("ends", [None, BEGINS, BEGINS - timedelta(hours=1)])
def test_an_end_that_is_none_is_left_out(ends: object) -> None:
    """DTEND lies behind DTSTART or is not written (RFC 5545 §3.8.2.2)."""
    event = read(entry(planned(ends_at=ends))).parts[0]
    assert "DTEND" not in event.fields


def test_the_same_update_is_the_same_entry() -> None:
    """Nothing in it depends on when or where it is written."""
    assert entry(planned()) == entry(planned())


def test_the_strict_reader_can_refuse() -> None:
    """A line too long, a comma that is not escaped, a missing UID are found."""
    good = entry(planned())
    for bad in (
        good.replace("SUMMARY:", "SUMMARY:" + "x" * 80),
        good.replace("SUMMARY:Maintenance: ", "SUMMARY:a,b "),
        good.replace("UID:INC-57@support.example\r\n", ""),
        good.replace("\r\n", "\n"),
        good.replace("DTSTART:", "DTSTART;TZID=America/Chicago:").replace(
            "Z\r\nDTEND", "\r\nDTEND"
        ),
    ):
        assert bad != good
        with pytest.raises(AssertionError):
            read(bad)


@given(ANY, ANY, ANY, st.integers(0, 10**6))
def test_no_words_break_an_entry(title: str, impact: str, name: str, sequence: int) -> None:
    """Whatever is written, it stays one event with one of each property."""
    update = planned(sequence=sequence)
    incident = replace(MAINTENANCE, title=title, impact=impact)
    text = calendar_entry.event_calendar(incident, update, replace(ORGANIZER, name=name), NOW)
    event = read(text).parts[0]
    assert event.one("SUMMARY").startswith("Maintenance: ")
    assert event.one("SEQUENCE") == str(sequence)
