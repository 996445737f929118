"""A worker that runs for long, with faults on: does anything grow?

``python -m bench.soak --mails 20000`` feeds a Maildir, lets a real ``intake run`` handle it, stops
and kills its processes, and samples memory, open files and the write-ahead log. The samples and a
plot go to bench/results.
"""

from __future__ import annotations

import argparse
import csv
import os
import random
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from intake.config.loader import Config
from tests.support import checker, installation
from tests.support.checker import Maildir, World
from tests.support.mailbag import Expected, bag
from tests.support.running import await_, start
from tests.support.servers import smtp_sink

RESULTS = Path(__file__).parent / "results"
BACKLOG = 200  # mails that wait at most
SAMPLE_SECONDS = 1.0
MOST_KEPT = 600  # samples in the files of results


@dataclass(frozen=True)
class Sample:
    """What the worker and its children use at a moment."""

    seconds: float
    mails: int  # handed over so far
    megabytes: float  # resident, of all processes
    files: int  # open, of the parent
    threads: int  # of the parent
    log_megabytes: float  # of SQLite's write-ahead log


def _tree(pid: int) -> list[int]:
    """The process and its children."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            found += [int(one) for one in task.read_text().split()]
    return found


def _resident(pid: int) -> float:
    with suppress(OSError, ValueError, IndexError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 / 1e6
    return 0.0


def _sample(pid: int, began: float, mails: int, log: Path) -> Sample:
    return Sample(
        time.monotonic() - began, mails, sum(map(_resident, _tree(pid))),
        len(os.listdir(f"/proc/{pid}/fd")), len(os.listdir(f"/proc/{pid}/task")),
        log.stat().st_size / 1e6 if log.exists() else 0.0,
    )  # fmt: skip


def _faults(pid: int, chance: random.Random) -> Iterator[str]:
    """One fault at each step: a child is killed or stopped, or everything stops for a moment."""
    while True:
        kind = chance.choice(("kill a child", "stop a child", "stop all", "nothing", "nothing"))
        children = _tree(pid)[1:]
        with suppress(ProcessLookupError, IndexError):
            if kind == "kill a child":
                os.kill(chance.choice(children), signal.SIGKILL)
            elif kind == "stop a child":
                victim = chance.choice(children)
                os.kill(victim, signal.SIGSTOP)
                time.sleep(0.5)
                os.kill(victim, signal.SIGCONT)
            elif kind == "stop all":
                os.kill(pid, signal.SIGSTOP)
                time.sleep(0.5)
                os.kill(pid, signal.SIGCONT)
        yield kind


def soak(folder: Path, count: int) -> tuple[list[Sample], list[str]]:
    """Runs it; gives the samples, and what the checker says at the end."""
    mails = bag(count)
    with smtp_sink(folder) as sink:
        text = installation.maildir_box(folder / "in") + "poll_seconds = 1\n"
        text += installation.delivery(f"smtp://127.0.0.1:{sink.port}") + "lease_seconds = 5\n"
        config = installation.make(folder, text + installation.NO_LIMITS)
        (folder / "in/new").mkdir(parents=True, exist_ok=True)
        process = start(config)
        try:
            await_((folder / "var/heartbeat.json").exists, 60)
            samples = _feed(config, mails, process.pid)
            await_(lambda: not os.listdir(folder / "in/new"), 600)
            await_(lambda: len(os.listdir(sink.folder)) >= count, 600)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)
        return samples, wrong(config, mails, sink.letters())


def wrong(config: Config, mails: list[Expected], letters: list[bytes]) -> list[str]:
    """What the checker says at the end."""
    world = World(
        ever=[mail.raw for mail in mails],
        database=config.folder / "var/intake.db",
        blobs=config.blob_folder,
        letters=letters,
    )
    return checker.settled(checker.look(world, Maildir(config.folder / "in")))


def _feed(config: Config, mails: list[Expected], pid: int) -> list[Sample]:
    began, handed = time.monotonic(), 0
    inbox, log = config.folder / "in/new", config.folder / "var/intake.db-wal"
    samples: list[Sample] = []
    faults = _faults(pid, random.Random(1))
    while handed < len(mails):
        room = BACKLOG - len(os.listdir(inbox))
        for mail in mails[handed : handed + max(0, room)]:
            (inbox / f"{handed:07}.soak").write_bytes(mail.raw)
            handed += 1
        samples.append(_sample(pid, began, handed, log))
        next(faults)
        time.sleep(SAMPLE_SECONDS)
    return samples


def thinned(samples: list[Sample]) -> list[Sample]:
    """Every so many-th sample, so that the files stay small however long it ran."""
    return samples[:: len(samples) // MOST_KEPT + 1]


def _slope(samples: list[Sample], name: str) -> float:
    """How much it grows in an hour, by least squares, after the first quarter."""
    warm = samples[len(samples) // 4 :]
    times = [one.seconds / 3600 for one in warm]
    return statistics.linear_regression(times, [getattr(one, name) for one in warm]).slope


def _plot(samples: list[Sample], name: str, top: int, width: int = 640) -> str:
    """One curve as a part of an SVG."""
    values = [float(getattr(one, name)) for one in samples]
    most, last = max(values) or 1.0, samples[-1].seconds or 1.0
    points = " ".join(
        f"{one.seconds / last * width:.1f},{top + 80 - value / most * 80:.1f}"
        for one, value in zip(samples, values, strict=True)
    )
    label = f'<text x="4" y="{top - 4}">{name}, at most {most:.0f}</text>'
    return f'{label}<polyline fill="none" stroke="#1b6ca8" points="{points}"/>'


def main() -> int:
    """Prints the table; the exit code says whether a promise was broken."""
    parser = argparse.ArgumentParser(prog="bench.soak")
    parser.add_argument("--mails", type=int, default=20_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak-", ignore_cleanup_errors=True) as folder:
        samples, found = soak(Path(folder), given.mails)
    RESULTS.mkdir(exist_ok=True)
    with (RESULTS / "soak.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([one.name for one in fields(Sample)])
        writer.writerows(astuple(one) for one in thinned(samples))
    shown = ("megabytes", "files", "threads", "log_megabytes")
    kept = thinned(samples)
    curves = "".join(_plot(kept, name, 20 + 110 * place) for place, name in enumerate(shown))
    head = '<svg xmlns="http://www.w3.org/2000/svg" width="640" height="460" font-size="12">'
    (RESULTS / "soak.svg").write_text(f"{head}{curves}</svg>")
    last = samples[-1]
    sys.stdout.write(
        f"{last.mails} mails in {last.seconds:.0f} s, {last.mails / last.seconds:.0f} a second\n"
    )
    for name in shown:
        values = [getattr(one, name) for one in samples[len(samples) // 4 :]]
        sys.stdout.write(
            f"{name}: {min(values):.0f} to {max(values):.0f}, in the end {values[-1]:.0f},"
            f" grows by {_slope(samples, name):.1f} an hour\n"
        )
    sys.stdout.write("\n".join(found[:20] or ["all mails handled once, all letters there"]) + "\n")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
