"""The worker is killed at every named point, over Dovecot and SMTP; an independent checker looks.

The checker reads the mail server, the raw store, the database and the letters at the sink by plain
means. INTAKE_KILLS sets the number of kills; each point gets its share.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from intake.config.loader import Config
from intake.model.fault_points import POINTS
from tests.support import checker, installation
from tests.support.checker import World, digest_of
from tests.support.faults import CAMPAIGN
from tests.support.mailbag import Expected, bag
from tests.support.postgres import postgres
from tests.support.servers import Dovecot, Sink, dovecot, smtp_sink

pytestmark = [pytest.mark.servers, pytest.mark.xdist_group("kills")]

KILLS = int(os.environ.get("INTAKE_KILLS", str(44 * CAMPAIGN)))
SEED = int(os.environ.get("INTAKE_SEED", "20261127"))
BLOCK = 66  # kills in one installation
LEASE = 1  # seconds
PASSES = 3  # after a fault ends, everything has to be made up for in so many
MORE = (
    installation.NO_LIMITS.replace("[limits]", "[limits]\nparse_workers = 1")
    + """
[retention]
orphan_blob_hours = 1
event_days = 1

[[webhook]]
name = "none"
url = "http://127.0.0.1:9/"
events = ["incident.*"]
"""
)
ONCE = ("K01", "K02", "K03", "K04", "K16", "K21", "K22")  # reached once in a pass
AHEAD = "K17, with letters marked ahead"
DOUBTFUL = (AHEAD, "K18", "K19", "K20", "K21")  # a letter may be left in doubt at these


@contextmanager
def server(config: Config) -> Iterator[subprocess.Popen[str]]:
    """A process that forks passes."""
    line = [sys.executable, "-m", "tests.support.kill_server", config.file]
    with subprocess.Popen(
        line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@dataclass
class Campaign:
    """One installation that is killed again and again."""

    config: Config
    imap: Dovecot
    sink: Sink
    forks: subprocess.Popen[str]
    database: str | Path
    mails: list[Expected] = field(default_factory=list)
    killed: Counter[str] = field(default_factory=Counter)
    doubts: Counter[str] = field(default_factory=Counter)

    def run(self, point: str = "-", count: int = 0) -> dict[str, Any]:
        """One pass that dies at the point, or reaches its end."""
        assert self.forks.stdin is not None
        assert self.forks.stdout is not None
        self.forks.stdin.write(f"{point} {count}\n")
        self.forks.stdin.flush()
        answer: dict[str, Any] = json.loads(self.forks.stdout.readline())
        said = (self.config.folder / "errors").read_text()
        assert answer["ended"] in (0, -signal.SIGKILL), said[-3000:]
        return answer

    def world(self) -> World:
        """What the checker is to look at now."""
        world = World(
            ever=[mail.raw for mail in self.mails],
            database=self.database,
            blobs=self.config.blob_folder,
            letters=self.sink.letters(),
            files={digest_of(mail.raw): mail.files for mail in self.mails},
        )
        return checker.look(world, self.imap)

    def in_doubt(self) -> int:
        """How many letters say that they may not have arrived."""
        with installation.database(self.config) as session:
            found = session.connection().exec_driver_sql(
                "SELECT count(*) FROM outbox WHERE state = 'in_doubt'"
            )
            return int(found.scalar() or 0)

    def kill(self, point: str, count: int, fresh: Sequence[Expected]) -> None:
        """New mails, and a pass that is killed. A point that is not reached so often is no kill."""
        self.mails += fresh
        self.imap.append([mail.raw for mail in fresh])
        before = self.in_doubt()
        if point == "K22":
            self.orphan()
        if self.run(point, count)["ended"]:
            self.killed[point] += 1
            name = AHEAD if point == "K17" and count > 1 else point
            self.doubts[name] += self.in_doubt() - before

    def orphan(self) -> None:
        """An old blob that no row names, for the pass to remove."""
        data = f"nobody needs this {len(self.mails)}".encode()
        path = checker.blob_path(self.config.blob_folder, digest_of(data))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        os.utime(path, (time.time() - 7200,) * 2)

    def recovered(self) -> list[str]:
        """What is still wrong after the passes in which everything can be made up for."""
        found: list[str] = []
        for attempt in range(PASSES):
            if attempt:
                time.sleep(LEASE + 0.2)  # the leases of whoever died run out; not what is measured
            self.run()
            found = checker.settled(self.world())
            if not found:
                break
        return found


@contextmanager
def campaign(folder: Path, kind: str) -> Iterator[Campaign]:
    """A fresh installation with its own servers."""
    folder.mkdir()
    with ExitStack() as stack:
        imap, sink = stack.enter_context(dovecot(folder)), stack.enter_context(smtp_sink(folder))
        url = stack.enter_context(postgres()) if kind == "postgresql" else ""
        text = installation.imap_box(imap.imap, imap.password, more="batch_mails = 3")
        text += installation.delivery(f"smtp://127.0.0.1:{sink.port}")
        text += f"lease_seconds = {LEASE}\n"
        text += f'\n[database]\nurl = "{url}"\n' if url else ""
        config = installation.make(folder, text + MORE)
        forks = stack.enter_context(server(config))
        yield Campaign(config, imap, sink, forks, url or folder / "var/intake.db")


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_killed_at_every_point_nothing_is_lost_or_doubled(tmp_path: Path, kind: str) -> None:
    """No mail lost, none handled twice; letters in doubt only between the mark and the outcome."""
    chance = random.Random(SEED)
    kills = KILLS if kind == "sqlite" else max(len(POINTS), KILLS // 3)
    supply = iter(bag(kills * 5))
    points = list(POINTS)
    killed, doubts, sent, letters = Counter[str](), Counter[str](), 0, 0
    block, number = 0, 0
    while number < kills:
        with campaign(tmp_path / f"block{block}", kind) as one:
            for _ in range(min(BLOCK, kills - number)):
                point = points[number % len(points)]
                fresh = [next(supply) for _ in range(chance.randint(2, 5))]
                one.kill(point, 1 if point in ONCE else chance.choice((1, 1, 2)), fresh)
                number += 1
            assert one.recovered() == []
            killed, doubts = killed + one.killed, doubts + one.doubts
            sent += len(one.mails)
            letters += len(one.sink.letters())
        block += 1
    table = ", ".join(f"{name}: {killed[name]}" for name in points)
    sys.stdout.write(
        f"{kind}: {sum(killed.values())} kills of {kills}, {sent} mails, {letters} letters,"
        f" {sum(doubts.values())} in doubt after {dict(doubts)}\n{table}\n"
    )
    assert {name for name in doubts if doubts[name]} <= set(DOUBTFUL)
    assert [name for name in points if not killed[name]] == []


def test_every_point_is_called_and_described() -> None:
    """No name in the code that the table lacks, none in the table that the code never calls."""
    root = Path(__file__).parents[2]
    code = "".join(
        path.read_text() for path in (root / "intake").rglob("*.py") if path.stem != "fault_points"
    )
    called = set(re.findall(r'reached\("(K\d\d)"\)', code))
    assert called == set(POINTS)
    page = (root / "docs/states.md").read_text()
    assert [name for name in POINTS if f"| {name} |" not in page] == []
