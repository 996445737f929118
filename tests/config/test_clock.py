"""Clocks that are set, nights in which clocks go forward and back: jobs run, moments are right."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from apscheduler.schedulers.background import BackgroundScheduler
from hypothesis import given
from hypothesis import strategies as st

from intake.adapters import heartbeat
from intake.adapters.heartbeat import Beat
from intake.incidents.times import from_local
from intake.worker.clock import ClockWatch
from intake.worker.scheduler import run_all_now
from tests.support import installation

START = datetime.fromisoformat("2020-01-01 00:00")  # a local time, of no zone yet
CHICAGO = ZoneInfo("America/Chicago")
ZONES = ["America/Chicago", "Europe/Berlin", "Australia/Lord_Howe", "America/St_Johns", "UTC"]


def test_a_clock_that_is_set_is_noticed() -> None:
    """Ahead and back; corrected slowly, or not at all, it is not."""
    wall, steady = [1000.0], [0.0]
    watch = ClockWatch(lambda: wall[0], lambda: steady[0])
    steps = [0.0, 0.0, 0.3, -0.3, -3600.0, 0.0, 86400.0, 1.9, 2.1]
    found = []
    for step in steps:
        wall[0] += 1 + step
        steady[0] += 1
        found.append(round(watch.moved(), 1))
    assert found == [0.0, 0.0, 0.0, 0.0, -3600.0, 0.0, 86400.0, 0.0, 2.1]


class Jobs:
    """The scheduler's jobs as the library runs them: each at its moment of the wall clock."""

    def __init__(self, periods: dict[str, float], now: datetime) -> None:
        self.periods = periods
        self.due = dict.fromkeys(periods, now)

    def run(self, now: datetime) -> list[str]:
        """What runs now; late runs are made up by one run, as the worker configures it."""
        ran = [name for name, at in self.due.items() if at <= now]
        for name in ran:
            while self.due[name] <= now:
                missed = (now - self.due[name]) // timedelta(seconds=self.periods[name])
                self.due[name] += (missed + 1) * timedelta(seconds=self.periods[name])
        return ran


@pytest.mark.parametrize("watched", [True, False])
def test_forty_five_days_of_clocks_that_are_set(watched: bool) -> None:
    """Every job runs in its rhythm; without the watch they stop for hours."""
    dice = random.Random(45)
    wall = datetime(2026, 10, 10, tzinfo=UTC)  # over the night of 1 November
    steady = 0.0
    jobs = Jobs({"collect": 60.5, "deliver": 30.5, "heartbeat": 10.0, "sweep": 21600.0}, wall)
    watch = ClockWatch(lambda: wall.timestamp(), lambda: steady)  # noqa: PLW0108 - wall changes
    last = dict.fromkeys(jobs.periods, 0.0)
    worst = dict.fromkeys(jobs.periods, 0.0)
    watch.moved()
    while steady < 45 * 86400:
        step = 5.0
        steady += step
        wall += timedelta(seconds=step)
        if dice.random() < 0.0002:
            wall += timedelta(seconds=dice.choice((-86400, -7200, -3600, -180, 180, 3600, 86400)))
        if watched and watch.moved():
            jobs.due = dict.fromkeys(jobs.due, wall)
        for name in jobs.run(wall):
            worst[name] = max(worst[name], steady - last[name])
            last[name] = steady
    for name, period in jobs.periods.items():
        late = worst[name] > period + 10.0
        assert late != watched or name == "sweep", (name, worst[name])
    assert worst["sweep"] <= 21610.0 or not watched


def test_the_librarys_jobs_run_at_once_after_that() -> None:
    """Their next moments, hours ahead, become now."""
    scheduler = BackgroundScheduler(timezone="UTC")
    scheduler.start(paused=True)
    ahead = datetime.now(UTC) + timedelta(hours=5)
    for name in ("a", "b"):
        scheduler.add_job(print, "interval", seconds=60, id=name, next_run_time=ahead)
    run_all_now(scheduler)
    assert all(job.next_run_time < ahead - timedelta(hours=4) for job in scheduler.get_jobs())
    scheduler.shutdown()


@pytest.mark.parametrize(
    ("age", "words"), [(-3600, "clock was set back"), (3600, "not been heard")]
)
def test_a_heartbeat_of_the_future_is_a_failure(age: int, words: str) -> None:
    """The worker is not taken for alive, and the status says what is wrong."""
    now = datetime(2026, 3, 4, 12, tzinfo=UTC)
    at = (now - timedelta(seconds=age)).isoformat()
    beat = Beat(1, at, at)
    assert not heartbeat.is_alive(beat, now)
    assert words in heartbeat.troubles(beat, now)[0].words


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2026-03-08 01:59", "2026-03-08T07:59+00:00"),
        ("2026-03-08 02:30", "there is no such time"),
        ("2026-03-08 03:00", "2026-03-08T08:00+00:00"),
        ("2026-11-01 00:59", "2026-11-01T05:59+00:00"),
        ("2026-11-01 01:30", "2026-11-01 01:30-05:00 or 2026-11-01 01:30-06:00"),
        ("2026-11-01 01:30-06:00", "2026-11-01T07:30+00:00"),
        ("2026-11-01 02:00", "2026-11-01T08:00+00:00"),
    ],
)
def test_local_times_of_both_nights(text: str, wanted: str) -> None:
    """A time that is left out is refused, one that comes twice is asked about."""
    try:
        found = from_local(datetime.fromisoformat(text), CHICAGO).isoformat(timespec="minutes")
    except ValueError as error:
        found = str(error)
    assert wanted in found


@given(
    st.integers(0, 15 * 365 * 24 * 60).map(lambda minutes: START + timedelta(minutes=minutes)),
    st.sampled_from(ZONES),
)
def test_a_local_time_is_the_moment_that_shows_it(at: datetime, name: str) -> None:
    """Whatever is taken shows the same time in that zone."""
    zone = ZoneInfo(name)
    try:
        found = from_local(at, zone)
    except ValueError:
        return
    assert found.astimezone(zone).replace(tzinfo=None) == at


def test_a_planned_time_that_does_not_exist_is_refused_with_words(tmp_path: Path) -> None:
    """At the command line, as an operator sees it."""
    text = installation.maildir_box(tmp_path / "in") + installation.delivery(
        f"maildir:{tmp_path}/out"
    )
    config = installation.make(tmp_path, text)
    for start, words in (("2027-03-14 02:30", "no such time"), ("2026-11-01 01:30", "comes twice")):
        done = installation.command(
            config, "incidents", "schedule", "Update", "--text", "x", "--start", start,
            "--end", "2027-03-14 05:00",
        )  # fmt: skip
        assert done.returncode == 2, done.stderr
        assert words in done.stderr.decode()
