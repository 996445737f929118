"""The straight path measured: mails a second from a Maildir to letters, and where the time goes.

Compared in the same run with the least that durability costs: the same bytes written and synced
one by one, and one commit a mail. A third part times reading alone, plain and hostile.
"""

from __future__ import annotations

import cProfile
import os
import pstats
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from bench import linear, notices
from intake.cli import logs
from intake.mail.limits import Limits
from intake.mail.message import Arrival, read
from intake.parsers.scanner import scan
from intake.worker import service
from tests.support import installation
from tests.support.forms import CATALOGUE
from tests.support.mailbag import Expected, bag

MAILS = int(os.environ.get("INTAKE_BENCH_MAILS", "400"))


def timed(work: Callable[[], object]) -> float:
    """Seconds of wall time."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def path(folder: Path, mails: list[Expected], profile: cProfile.Profile | None = None) -> float:
    """One pass over all mails; a profile sees this process, reading runs in children."""
    text = installation.maildir_box(folder / "in") + installation.delivery(f"maildir:{folder}/out")
    config = installation.make(folder, text)
    for number, mail in enumerate(mails):
        (folder / "in/new" / f"{number:05d}").write_bytes(mail.raw)
    if profile is None:
        return timed(lambda: service.once(config))
    return timed(lambda: profile.runcall(service.once, config))


def floor(folder: Path, mails: list[Expected]) -> float:
    """What a simple worker pays for durability: a synced file and a commit for each mail."""
    database = sqlite3.connect(folder / "floor.db", isolation_level=None)
    for setting in ("journal_mode=WAL", "synchronous=FULL"):
        database.execute(f"PRAGMA {setting}")
    database.execute("CREATE TABLE mails (id INTEGER PRIMARY KEY, digest TEXT)")

    def work() -> None:
        for number, mail in enumerate(mails):
            with (folder / f"{number}.raw").open("wb") as file:
                file.write(mail.raw)
                file.flush()
                os.fsync(file.fileno())
            row = (sha256(mail.raw).hexdigest(),)
            database.execute("INSERT INTO mails (digest) VALUES (?)", row)

    took = timed(work)
    database.close()
    return took


def reading(mails: list[Expected]) -> float:
    """Reading and scanning alone, in this process."""
    now = datetime.now(UTC)

    def work() -> None:
        for mail in mails:
            arrival = Arrival("m", 1, 1, now, "d", len(mail.raw), mail.raw)
            message = read(arrival, Limits())
            scan(message, CATALOGUE)  # type: ignore[arg-type]  # the bag has no mail that is refused

    return timed(work)


def main() -> None:
    """Prints the figures."""
    logs.set_up("json", "critical")
    mails = bag(MAILS)
    for way in (reading,):
        way(mails[:20])
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        took = path(Path(first), mails)
        least = floor(Path(second), mails)
    with tempfile.TemporaryDirectory() as third:
        profile = cProfile.Profile()
        slow = path(Path(third), mails, profile)
        stats = pstats.Stats(profile)
    alone = reading(mails)
    out = sys.stdout.write
    out(f"{MAILS} mails, Maildir to cases and letters on disk: {MAILS / took:.0f} mails/s\n")
    out(f"one synced file and one commit a mail, nothing else: {MAILS / least:.0f} mails/s\n")
    out(f"ratio whole path / that: {took / least:.1f}\n")
    out(f"reading and scanning in one process: {MAILS / alone:.0f} mails/s\n")
    out("where the time of the pass goes (cumulative, of the parent process):\n")
    rows = []
    for (file, _, name), (_, _, _, cumulative, _) in stats.stats.items():  # type: ignore[attr-defined]  # not in the stubs
        if "/intake/" in file and name != "<module>":
            rows.append((cumulative, f"{Path(file).parent.name}/{Path(file).stem}.{name}"))
    for cumulative, name in sorted(rows, reverse=True)[:25]:
        out(f"  {100 * cumulative / slow:5.1f} %  {name}\n")
    with tempfile.TemporaryDirectory() as fourth:
        notices.run(Path(fourth))
    if not linear.main():
        raise SystemExit(1)


main()
