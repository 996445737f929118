"""Moments as operators type them, in the service's zone, before and after now."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intake.incidents.typed_moments import read_moment

ZONE = ZoneInfo("America/Chicago")
NOW = datetime(2026, 3, 2, 18, 0, tzinfo=UTC)  # noon in Chicago, a Monday


@pytest.mark.parametrize(
    ("text", "ahead", "wanted"),
    [
        ("14:30", True, "2026-03-02T20:30"), ("14:30", False, "2026-03-01T20:30"),
        ("11:00", True, "2026-03-03T17:00"), ("11:00", False, "2026-03-02T17:00"),
        ("2:30 pm", True, "2026-03-02T20:30"), ("2 PM", True, "2026-03-02T20:00"),
        ("12 am", True, "2026-03-03T06:00"), ("12:15 p.m.", True, "2026-03-02T18:15"),
        ("tomorrow 9:00", True, "2026-03-03T15:00"), ("Tomorrow 9am", True, "2026-03-03T15:00"),
        ("today", False, "2026-03-02T06:00"), ("yesterday 17:00", False, "2026-03-01T23:00"),
        ("in 2 hours", True, "2026-03-02T20:00"), ("+30m", True, "2026-03-02T18:30"),
        ("2 hours ago", False, "2026-03-02T16:00"), ("3 days ago", False, "2026-02-27T18:00"),
        ("in 1 week", True, "2026-03-09T18:00"), ("now", True, "2026-03-02T18:00"),
        ("2026-03-16", True, "2026-03-16T05:00"), ("2026-03-16 22:00", True, "2026-03-17T03:00"),
        ("2026-03-16T22:00", True, "2026-03-17T03:00"),
        ("2026-03-16 10:00 PM", True, "2026-03-17T03:00"),
        ("2026-11-25T14:05-06:00", False, "2026-11-25T20:05"),
        ("2026-11-25 14:05+02:00", False, "2026-11-25T12:05"),
        ("2026-11-25T14:05Z", False, "2026-11-25T14:05"),
        ("3/16/2026 10 pm", True, "2026-03-17T03:00"), ("03/16/2026", True, "2026-03-16T05:00"),
        ("  14:30  ", True, "2026-03-02T20:30"),
    ],
)  # fmt: skip
def test_a_moment_is_read(text: str, ahead: bool, wanted: str) -> None:
    """In UTC; a time of day alone is the next or the last one."""
    found = read_moment(text, NOW, ZONE, ahead=ahead)
    assert found == datetime.fromisoformat(wanted).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("soon", "wanted"), ("25:00", "hour"), ("14", "wanted"), ("13 pm", "no hour 13"),
        ("2026-13-01", "wanted"), ("in 2 hours ago", "wanted"), ("2/30/2026", "day"),
        ("2026-03-08 02:30", "clocks go forward"), ("2026-11-01 01:30", "twice"),
        ("9999999d", "wanted"),
        ("", "wanted"), ("tomorrow morning", "wanted"),
    ],
)  # fmt: skip
def test_what_is_no_moment_says_why(text: str, words: str) -> None:
    """One sentence, and nothing is guessed."""
    with pytest.raises(ValueError, match=words):
        read_moment(text, NOW, ZONE, ahead=True)


@given(st.text(max_size=40), st.booleans())
def test_no_text_breaks_it(text: str, ahead: bool) -> None:
    """A moment with a zone, or a ValueError."""
    with suppress(ValueError, OverflowError):
        assert read_moment(text, NOW, ZONE, ahead=ahead).tzinfo is not None
