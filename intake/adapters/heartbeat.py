"""The worker's heartbeat: a small file that shows that it lives, what it did and what fails.

It is outside the database, so it also reports a database that cannot be written. On a full disk it
cannot be written either. Then its age shows the problem, and the free disk space is checked too.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path

FILE = "heartbeat.json"
SILENT_SECONDS = 60.0  # six heartbeats missed
PERIODS = 3  # of a job; within this time it must succeed once
SLACK_SECONDS = 60.0  # for a job with a very short period
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
    failing: Mapping[str, int] = field(default_factory=dict)  # mailbox -> passes failed in a row
    stopped: bool = False  # ended by a stop signal


def write(folder: Path, beat: Beat) -> None:
    """Replaces the file atomically. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    fresh = folder / f"{FILE}.tmp"
    fresh.write_text(json.dumps(asdict(beat)), encoding="utf-8")
    fresh.replace(folder / FILE)


def read(folder: Path) -> Beat | None:
    """The newest heartbeat; None if none can be read."""
    try:
        return Beat(**json.loads((folder / FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def is_alive(beat: Beat, now: datetime) -> bool:
    """Whether a worker runs on this machine: its heartbeat is recent and its process exists."""
    age = (now - datetime.fromisoformat(beat.at)).total_seconds()
    return not beat.stopped and abs(age) < SILENT_SECONDS and _lives(beat.pid)


def troubles(beat: Beat | None, now: datetime) -> list[str]:
    """The problems that the heartbeat shows, one line each; none for a worker that was stopped."""
    if beat is None or beat.stopped:
        return []
    age = (now - datetime.fromisoformat(beat.at)).total_seconds()
    found = []
    if age < -SILENT_SECONDS:
        found.append(f"the worker's last word is of {-age:.0f} s ahead: the clock was set back")
    elif age > SILENT_SECONDS:
        gone = "" if _lives(beat.pid) else f"; process {beat.pid} does not exist"
        found.append(f"the worker has not been heard of for {age:.0f} s{gone}")
    for name, times in beat.failing.items():
        found.append(f"mailbox {name}: the last {times} passes failed")
    for job, period in beat.periods.items():
        since = datetime.fromisoformat(beat.jobs.get(job, beat.started))
        late = (now - since).total_seconds()
        if late > PERIODS * period + SLACK_SECONDS:
            found.append(f"{job} has not ended well for {late:.0f} s")
    return found


def _lives(pid: int) -> bool:
    return os.path.exists(f"/proc/{pid}") or not os.path.exists("/proc/self")


def low_disks(folders: Iterable[Path]) -> list[str]:
    """Volumes that are nearly full, one line each."""
    found: dict[int, str] = {}
    for folder in folders:
        there = next(one for one in (folder, *folder.parents) if one.exists())
        usage = shutil.disk_usage(there)
        if usage.free < min(LOW_BYTES, usage.total * LOW_SHARE):
            text = f"{there}: the disk is full, only {usage.free // 1024} KiB are free"
            found.setdefault(there.stat().st_dev, text)
    return list(found.values())
