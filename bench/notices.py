"""Notices measured: a ledger with a commit a letter, and letters built once or one by one.

The ledger is compared in the same run with the least that its promise costs, one commit a letter;
the letters with building each one anew.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from intake.incidents import notice as notice_mail
from intake.notifier import Notice
from intake.worker.notice_sender import NoticeQueue
from tests.support.notice_service import FAST, Desk, plain_writer
from tests.support.notices import INCIDENT, STYLE, ZACK, letter_context, update
from tests.support.postgres import prepared

PEOPLE = 2000
MARKED = 16  # letters in one commit


def timed(work: Callable[[], object]) -> float:
    """Seconds of wall time."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def floor(folder: Path) -> float:
    """One commit a letter and nothing else."""
    database = sqlite3.connect(folder / "floor.db", isolation_level=None)
    for setting in ("journal_mode=WAL", "synchronous=FULL"):
        database.execute(f"PRAGMA {setting}")
    database.execute("CREATE TABLE letters (id INTEGER PRIMARY KEY, state TEXT)")

    def work() -> None:
        for number in range(PEOPLE):
            database.execute("INSERT INTO letters (state) VALUES (?)", (f"sent {number}",))

    took = timed(work)
    database.close()
    return took


def run(folder: Path) -> None:
    """Prints both ratios."""
    with prepared("sqlite", folder) as engine:
        ledger(Desk(engine), folder)
    letters()


def ledger(desk: Desk, folder: Path) -> None:
    """The list frozen, and every letter of it sent to a server in memory."""
    desk.people(PEOPLE, domains=[f"d{number}.example" for number in range(20)])
    frozen = timed(lambda: desk.approve(desk.open()))
    single = timed(lambda: desk.send(queue=NoticeQueue(plain_writer, FAST)))
    assert sum(desk.server.got().values()) == PEOPLE
    desk.approve(desk.open())
    several = timed(lambda: desk.send(queue=NoticeQueue(plain_writer, FAST), in_doubt=MARKED))
    assert sum(desk.server.got().values()) == 2 * PEOPLE
    least = floor(folder)
    print(f"notices: {PEOPLE} people frozen in {frozen:.2f} s, {PEOPLE / single:.0f} letters/s")
    print(f"  ratio to one commit a letter: {single / least:.1f}")
    rate, gain = PEOPLE / several, single / several
    print(f"  {MARKED} at a time: {rate:.0f} letters/s, {gain:.1f} times as fast")


def letters() -> None:
    """Built once and made out, or built anew for each reader."""
    made, notice = letter_context(), Notice(INCIDENT, update(), "America/Chicago")
    once = notice_mail.build(notice, made, STYLE)

    def shared() -> None:
        for _ in range(200):
            notice_mail.address(once, ZACK, made, STYLE, notice.update.at)

    def each() -> None:
        for _ in range(200):
            built = notice_mail.build(notice, made, STYLE)
            notice_mail.address(built, ZACK, made, STYLE, notice.update.at)

    ready, anew = timed(shared), timed(each)
    print(f"  built once: {200 / ready:.0f} letters/s, {anew / ready:.1f} times building each anew")
