"""Three workers that are killed at every point of the ledger: each address exactly once."""

from __future__ import annotations

import itertools
import os
import random
import re
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from intake.config.loader import Config
from intake.model.authorship import By
from intake.store.incidents import broadcasts, write
from intake.store.incidents.write import Opening
from intake.store.tables.incidents import NoticeRecipientRow
from intake.worker import notice_bootstrap
from tests.support import installation
from tests.support.crash_worker import POINTS
from tests.support.notice_service import _people
from tests.support.postgres import postgres
from tests.support.servers import smtp_sink

CAMPAIGN = int(os.environ.get("INTAKE_CAMPAIGN", "1"))
PEOPLE = min(300 * CAMPAIGN, 10_000)
KILLS = 6 * CAMPAIGN  # at each point as often as at any other
WORKERS = 3
HEAD = """
[[accounts]]
id = "bayside"
name = "Bayside School District"
"""
FAST = "\n[notices]\nrate_per_minute = 1000000\nrate_per_minute_domain = 1000000\n"


def prepared(config: Config, people: int) -> None:
    """An incident with a broadcast that is approved and not begun."""
    now = datetime.now(UTC)
    habits, terms = notice_bootstrap.habits(config), notice_bootstrap.terms(config)
    with installation.database(config, write=True) as session:
        _people(session, people, [f"d{number}.example" for number in range(20)])
        made = write.open_(session, Opening("incident", "Posting", "We look."), "a", now)
        asked = broadcasts.propose(session, made, habits, By("operator:a", now))
        broadcasts.approve(session, made, asked.hash, habits, terms, By("operator:b", now))
    assert len(asked.audience.told) == people


def worker(config: Config, *words: str) -> subprocess.Popen[bytes]:
    """One worker as a process of its own; what it says is in ``workers.log``."""
    with (config.folder / "workers.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.support.crash_worker", config.file, *words],
            stdout=subprocess.DEVNULL, stderr=log,
        )  # fmt: skip


def campaign(config: Config, kills: int) -> Counter[str]:
    """Three workers at a time, killed one after another; then three that live. Kills by point."""
    dice = random.Random(kills)
    fates = itertools.islice(itertools.cycle(POINTS), kills)
    killed: Counter[str] = Counter()
    running: dict[subprocess.Popen[bytes], str] = {}
    ends = time.monotonic() + 400 * CAMPAIGN
    healthy = 0
    while time.monotonic() < ends:
        for process in [one for one in running if one.poll() is not None]:
            point = running.pop(process)
            if process.returncode == -9:
                killed[point] += 1
            else:
                assert process.returncode == 0, (config.folder / "workers.log").read_text()
        while len(running) < WORKERS:
            point = next(fates, "")
            if not point and healthy >= WORKERS:
                break
            healthy += not point
            after = str(dice.randint(0, 12 if point not in ("claimed", "composed") else 1))
            running[worker(config, *((point, after) if point else ()))] = point
        if not running:
            return killed
        time.sleep(0.02)
    for process in running:
        process.kill()
    raise AssertionError("the campaign did not come to its end")


def ledger(config: Config) -> list[NoticeRecipientRow]:
    """Every row."""
    with installation.database(config) as session:
        rows = list(session.scalars(select(NoticeRecipientRow)))
        session.expunge_all()
        return rows


@pytest.mark.slow
@pytest.mark.timeout(4000)
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_three_workers_killed_everywhere_send_each_letter_once(tmp_path: Path, kind: str) -> None:
    """Nobody is missed; doubles are flagged, the same to the byte, and no more than the kills."""
    people = PEOPLE
    with smtp_sink(tmp_path) as sink:
        text = installation.maildir_box(tmp_path / "in") + installation.delivery(
            f"smtp://127.0.0.1:{sink.port}"
        )
        if kind == "sqlite":
            shown = run(tmp_path, text + FAST, people)
        else:
            with postgres() as url:
                shown = run(tmp_path, f'{text}{FAST}\n[database]\nurl = "{url}"\n', people)
        rows, killed = shown
        letters = [one.partition(b"\r\nFrom: ")[2] for one in sink.letters()]
    got = Counter(re.search(rb"\r\nTo: (\S+)\r\n", one)[1].decode() for one in letters)
    copies: dict[bytes, set[bytes]] = {}
    for one in letters:
        copies.setdefault(re.search(rb"\r\nMessage-ID: (\S+)\r\n", one)[1], set()).add(one)
    doubled = {address for address, count in got.items() if count > 1}
    doubts = {row.address for row in rows if row.doubts}
    doubles = sum(got.values()) - len(got)
    report = (
        f"{kind}: {people} people, {sum(killed.values())} kills ({dict(killed)}), "
        f"{sum(got.values())} letters, {len(doubled)} doubled, {len(doubts)} flagged"
    )
    print(report)  # noqa: T201 - the table of the campaign, with -s
    assert set(got) == {row.address for row in rows}
    assert len(got) == people
    assert doubled <= doubts
    assert doubles <= sum(killed.values())
    assert sum(row.doubts for row in rows) <= sum(killed.values())
    assert all(len(versions) == 1 for versions in copies.values())
    assert {row.state for row in rows} == {"sent"}
    assert set(killed) == set(POINTS)


def run(folder: Path, text: str, people: int) -> tuple[list[NoticeRecipientRow], Counter[str]]:
    """The campaign on that database; the ledger afterwards."""
    config = installation.make(folder, text, HEAD, secret="the-secret-of-the-crash-campaign")
    prepared(config, people)
    killed = campaign(config, KILLS)
    return ledger(config), killed
