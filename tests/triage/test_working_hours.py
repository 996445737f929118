"""Working hours: against a naive computation that counts minutes, over daylight saving, too."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from intake.model.hours import HoursError, WorkingHours, read_hours

ZONES = ("America/Chicago", "Europe/Berlin", "Asia/Kathmandu", "UTC")
TEXTS = ("Mon-Fri 08:00-17:00", "always",
         "Mon-Thu 08:30-12:00; Mon-Thu 13:00-16:45; Fri 08:00-12:00",
         "Sat-Sun 10:00-24:00", "Fri-Mon 00:00-06:00")  # fmt: skip


def naive(hours: WorkingHours, start: datetime, end: datetime) -> timedelta:
    """Every minute on its own: is it a working one?"""
    zone, count, at = ZoneInfo(hours.zone), 0, start
    while at < end:
        local = at.astimezone(zone)
        minute = local.hour * 60 + local.minute
        count += any(begin <= minute < finish for begin, finish in hours.days[local.weekday()])
        at += timedelta(minutes=1)
    return timedelta(minutes=count)


@pytest.mark.long
@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("zone", ZONES)
def test_worked_time_is_that_of_a_naive_count(text: str, zone: str) -> None:
    """Spans of up to ten days, at odd moments, over both changes of the clock."""
    hours = read_hours(text, zone)
    draw = random.Random(f"{text}{zone}")
    for base in (datetime(2026, 3, 5, tzinfo=UTC), datetime(2026, 10, 22, tzinfo=UTC)):
        for _ in range(6):
            start = base + timedelta(minutes=draw.randrange(8 * 1440))
            end = start + timedelta(minutes=draw.randrange(10 * 1440))
            assert hours.worked(start, end) == naive(hours, start, end), (start, end)


@pytest.mark.parametrize("text", TEXTS)
def test_the_end_of_an_amount_is_where_that_much_was_worked(text: str) -> None:
    """`after` and `worked` agree, and the moment before is not yet enough."""
    hours = read_hours(text, "America/Chicago")
    draw = random.Random(text)
    for _ in range(60):
        start = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(minutes=draw.randrange(20 * 1440))
        amount = timedelta(minutes=1 + draw.randrange(60 * 60))
        end = hours.after(start, amount)
        assert hours.worked(start, end) == amount
        assert hours.worked(start, end - timedelta(minutes=1)) < amount


@pytest.mark.parametrize(
    "text", ["", "Mon", "Mon-Fri 8-17", "Foo 08:00-17:00", "Mon 17:00-08:00", "Mon 08:00-25:00",
             "Mon 08:70-17:00"]
)  # fmt: skip
def test_what_is_no_hours_is_named(text: str) -> None:
    """What was found and what was wanted."""
    with pytest.raises(HoursError, match=r"found .*, wanted"):
        read_hours(text, "UTC")


def test_without_hours_no_time_passes() -> None:
    """A department that never works is never late."""
    never = WorkingHours(((),) * 7, "UTC")
    start = datetime(2026, 3, 1, tzinfo=UTC)
    assert never.worked(start, start + timedelta(days=30)) == timedelta()
    assert never.after(start, timedelta(hours=1)).year == 9999
