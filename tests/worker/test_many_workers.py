"""Several workers on one mailbox and one outbox, over PostgreSQL: killed, stopped, and let go on.

INTAKE_CAMPAIGN scales the number of kills and stops.
"""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from intake.config.loader import Config
from tests.support import checker, installation
from tests.support.checker import World, digest_of
from tests.support.faults import CAMPAIGN
from tests.support.mailbag import Expected, bag
from tests.support.postgres import postgres
from tests.support.quick_worker import SILENT_SECONDS
from tests.support.running import await_
from tests.support.servers import Dovecot, Sink, dovecot, smtp_sink

pytestmark = [pytest.mark.servers, pytest.mark.xdist_group("workers")]

KILLS, STOPS = 5 * CAMPAIGN, CAMPAIGN
CONNECTIONS = 4  # letters that one death may leave in doubt
LEASE = 2  # seconds
TAKEN_OVER = 60.0  # seconds, on a busy machine; the silence is three of them


class Workers:
    """So many running workers of one service."""

    def __init__(self, config: Config, count: int) -> None:
        self.config = config
        self.running = [self.start() for _ in range(count)]

    def start(self) -> subprocess.Popen[bytes]:
        """One more."""
        line = [sys.executable, "-m", "tests.support.quick_worker", "--config", self.config.file]
        with (self.config.folder / "log").open("ab") as log:
            return subprocess.Popen([*line, "run"], stderr=log, stdout=log)

    def kill(self, place: int) -> None:
        """One dies and is started anew."""
        self.running[place].kill()
        self.running[place].wait()
        self.running[place] = self.start()

    def end(self) -> list[int]:
        """Ends them in order; their exit codes."""
        for one in self.running:
            one.send_signal(signal.SIGCONT)
            one.send_signal(signal.SIGTERM)
        return [one.wait(60) for one in self.running]


@contextmanager
def working(config: Config, count: int) -> Iterator[Workers]:
    """Workers that are ended whatever happens."""
    workers = Workers(config, count)
    try:
        yield workers
    finally:
        for one in workers.running:
            one.kill()


def wrong(config: Config, url: str, mails: list[Expected], imap: Dovecot, sink: Sink) -> list[str]:
    """What the checker says when everything should be over."""
    world = World(
        ever=[mail.raw for mail in mails],
        database=url,
        blobs=config.blob_folder,
        letters=sink.letters(),
        files={digest_of(mail.raw): mail.files for mail in mails},
        in_doubt_at_most=CONNECTIONS * (KILLS + 4 * STOPS),
    )
    return checker.settled(checker.look(world, imap))


@pytest.mark.parametrize("count", [2, 4])
def test_killed_and_stopped_they_do_everything_once(tmp_path: Path, count: int) -> None:
    """Whoever is left takes over; who comes back late changes nothing and sends nothing."""
    dice = random.Random(count)
    supply = iter(bag((KILLS + 2 * STOPS) * 6))
    mails: list[Expected] = []
    with dovecot(tmp_path) as imap, smtp_sink(tmp_path) as sink, postgres() as url:
        text = installation.imap_box(imap.imap, imap.password, more="batch_mails = 4")
        text += "poll_seconds = 1\n" + installation.delivery(f"smtp://127.0.0.1:{sink.port}")
        text += f'lease_seconds = {LEASE}\n\n[database]\nurl = "{url}"\n'
        config = installation.make(tmp_path, text)

        def post() -> None:
            fresh = [next(supply) for _ in range(dice.randint(2, 6))]
            mails.extend(fresh)
            imap.append([mail.raw for mail in fresh])

        with working(config, count) as workers:
            for _ in range(KILLS):
                post()
                time.sleep(dice.uniform(0.3, 1.5))
                workers.kill(dice.randrange(count))
            for _ in range(STOPS):
                post()
                time.sleep(dice.uniform(0.3, 1.0))
                left = dice.randrange(count)
                stopped = [one for place, one in enumerate(workers.running) if place != left]
                for one in stopped:
                    one.send_signal(signal.SIGSTOP)
                post()
                began = time.monotonic()
                await_(lambda: imap.count() == 0, TAKEN_OVER + SILENT_SECONDS)
                sys.stdout.write(f"taken over after {time.monotonic() - began:.1f} s\n")
                for one in stopped:
                    one.send_signal(signal.SIGCONT)
            await_(lambda: wrong(config, url, mails, imap, sink) == [], 60)
            assert set(workers.end()) <= {0, -signal.SIGTERM}  # one may still be starting
        assert wrong(config, url, mails, imap, sink) == []
        sys.stdout.write(f"{count} workers, {len(mails)} mails, {len(sink.letters())} letters\n")
