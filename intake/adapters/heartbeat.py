"""The worker's heartbeat: a small file that shows that it lives, what it did and what fails.

It is outside the database, so it also reports a database that cannot be written. On a full disk it
cannot be written either. Then its age shows the problem, and the free disk space is checked too.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path

from intake.model.health import Trouble

FILE = "heartbeat.json"
RUN, ONCE = "run", "once"  # the two commands that write heartbeats
SILENT_SECONDS = 60.0  # six heartbeats missed
PERIODS = 3  # of a job; within this time it must succeed once
SLACK_SECONDS = 60.0  # for a job with a very short period
FIRST_GAP_SECONDS = 3600.0  # between passes of `intake once`, until two of them have ended
LOW_BYTES = 16 * 2**20
LOW_SHARE = 0.1  # on a small volume


@dataclass(frozen=True, slots=True)
class Beat:
    """The contents of the heartbeat file."""

    pid: int
    at: str  # ISO 8601, like all times here
    started: str
    jobs: Mapping[str, str] = field(default_factory=dict)  # job -> when it last succeeded
    periods: Mapping[str, float] = field(default_factory=dict)  # job -> seconds between two runs
    outages: Mapping[str, tuple[str, str]] = field(default_factory=dict)  # part -> since, words
    stopped: bool = False  # ended by a stop signal
    command: str = RUN
    gap_seconds: float = 0.0  # `intake once`: the time between its last two passes; 0: not known
    troubles: Sequence[tuple[str, str]] = ()  # everything that failed then: part, words
    told: Mapping[str, str] = field(default_factory=dict)  # part -> when an alert went out
    stuck: Sequence[str] = ()  # jobs that hung, if the worker restarted itself because of them


def write(folder: Path, beat: Beat) -> None:
    """Replaces the file atomically. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    fresh = folder / f"{FILE}.{os.getpid()}.tmp"  # several workers may share the folder
    fresh.write_text(json.dumps(asdict(beat)), encoding="utf-8")
    fresh.replace(folder / FILE)


def read(folder: Path) -> Beat | None:
    """The newest heartbeat; None if none can be read."""
    try:
        return Beat(**json.loads((folder / FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def is_alive(beat: Beat, now: datetime) -> bool:
    """Whether `intake run` runs on this machine: its heartbeat is recent, its process exists."""
    if beat.stopped or beat.command != RUN:
        return False
    return abs(seconds_since(beat, now)) < SILENT_SECONDS and _lives(beat.pid)


def seconds_since(beat: Beat, now: datetime) -> float:
    """The age of the heartbeat; negative if the clock was set back since."""
    return (now - datetime.fromisoformat(beat.at)).total_seconds()


def longest_gap(beat: Beat) -> float:
    """Seconds after which the next pass of `intake once` is missed."""
    return PERIODS * (beat.gap_seconds or FIRST_GAP_SECONDS) + SLACK_SECONDS


def troubles(beat: Beat | None, now: datetime) -> list[Trouble]:
    """The problems that the heartbeat shows."""
    if beat is None:
        words = "none has run here yet; start `intake run`, or `intake once` from a timer"
        return [Trouble("worker", words)]
    return [*_silence(beat, now), *outages(beat), *_late_jobs(beat, now)]


def outages(beat: Beat) -> list[Trouble]:
    """What the jobs of the worker met: a mailbox, the relay or the database that fails."""
    return [
        Trouble(part, words, datetime.fromisoformat(since))
        for part, (since, words) in beat.outages.items()
    ]


def _silence(beat: Beat, now: datetime) -> list[Trouble]:
    """Whether a worker still writes the heartbeat."""
    last, age = datetime.fromisoformat(beat.at), seconds_since(beat, now)
    if beat.stopped:
        return [Trouble("worker", "it was stopped; nothing is collected or sent", last)]
    if age < -SILENT_SECONDS:
        words = f"its last word is of {-age:.0f} s ahead: the clock was set back"
        return [Trouble("worker", words)]
    if beat.command == ONCE:
        late = age > longest_gap(beat)
        words = f"the last pass of `intake once` ended {age:.0f} s ago"
        return [Trouble("worker", words, last)] if late else []
    if age > SILENT_SECONDS:
        gone = "" if _lives(beat.pid) else f"; process {beat.pid} does not exist"
        return [Trouble("worker", f"it has not been heard of for {age:.0f} s{gone}", last)]
    return []


def _late_jobs(beat: Beat, now: datetime) -> list[Trouble]:
    """Jobs that have not succeeded within three of their periods.

    The job of a mailbox whose outage is told anyway is left out.
    """
    if beat.stopped or beat.command == ONCE:
        return []
    found = []
    for job, period in beat.periods.items():
        if f"mailbox {job.removeprefix('collect:')}" in beat.outages:
            continue
        since = datetime.fromisoformat(beat.jobs.get(job, beat.started))
        late = (now - since).total_seconds()
        if late > PERIODS * period + SLACK_SECONDS:
            found.append(Trouble(f"job {job}", f"it has not ended well for {late:.0f} s", since))
    return found


def _lives(pid: int) -> bool:
    return os.path.exists(f"/proc/{pid}") or not os.path.exists("/proc/self")


def low_disks(folders: Iterable[Path]) -> list[Trouble]:
    """Volumes that are nearly full."""
    found: dict[int, Trouble] = {}
    for folder in folders:
        there = next(one for one in (folder, *folder.parents) if one.exists())
        usage = shutil.disk_usage(there)
        if usage.free < min(LOW_BYTES, usage.total * LOW_SHARE):
            words = f"{there}: the disk is full, only {usage.free // 1024} KiB are free"
            found.setdefault(there.stat().st_dev, Trouble("disk", words))
    return list(found.values())
