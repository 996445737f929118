"""A week of cases with staff at work, under a moved clock, against times that are counted naively.

Nothing here asks the code for working hours: the naive side looks at every minute of the week.
"""

from __future__ import annotations

import os
import random
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import time_machine

from intake.store.engine import open_engine, reading
from intake.store.handover import times
from intake.store.handover.served import Served, rank, served
from intake.worker.departments import departments
from tests.support.staff_desk import DANA, NORA, UTF8, StaffDesk

CASES = 60 * int(os.environ.get("INTAKE_CAMPAIGN", "1"))
ZONE = ZoneInfo("America/Chicago")  # of the service in the test configuration
BEGIN = datetime(2026, 3, 2, 6, tzinfo=UTC)  # a Monday; the clocks change on the Sunday after it
HOURS = 7 * 24
TYPES = (("Ask a Question", "support"), ("Server Issue", "hosting"))
WRITERS = """
[[accounts]]
id = "school{0}"
name = "School {0}"

[[contacts]]
id = "writer{0}"
name = "Wilma Writer {0}"
emails = ["writer@school{0}.example"]
accounts = ["school{0}"]
contact_type = "Authorized"
areas = ["SIS"]
"""


@dataclass
class Matter:
    """A case as it is meant to go."""

    number: int
    kind: str
    department: str
    opened: int  # hours since the beginning
    answered: int | None
    closed: int | None
    case: str = ""

    @property
    def subject(self) -> str:
        """By which the case is found again."""
        return f"Matter {self.number} of the week"


def plan(draw: random.Random) -> list[Matter]:
    """Cases at all hours; most are answered, some at once, some after days, some never."""
    made = []
    for number in range(CASES):
        kind, department = draw.choice(TYPES)
        opened = draw.randrange(HOURS - 2)
        answered = opened + draw.choice((1, 1, 2, 5, 20, 40, 70))
        ends = answered < HOURS and draw.random() < 0.8
        closed = answered + draw.choice((0, 3, 30))
        made.append(
            Matter(
                number, kind, department, opened,
                answered if ends else None,
                closed if ends and closed < HOURS and draw.random() < 0.5 else None,
            )
        )  # fmt: skip
    return made


def naive(start: datetime, end: datetime) -> float:
    """The working hours between two moments, minute by minute: Mon-Fri 08:00-17:00."""
    count, at = 0, start
    while at < end:
        local = at.astimezone(ZONE)
        count += local.weekday() < 5 and 8 <= local.hour < 17
        at += timedelta(minutes=1)
    return count / 60


def staff_mail(desk: StaffDesk, one: Matter, text: str) -> None:
    """A staff member writes about the case, with its number in the subject."""
    who = NORA if one.department == "support" else DANA
    desk.put(who, text, subject=f"Re: [{one.case}] {one.subject}", fields=UTF8)


def live(desk: StaffDesk, matters: list[Matter]) -> Iterator[datetime]:
    """Lets the week pass hour by hour; gives each hour after its pass."""
    for hour in range(HOURS):
        now = BEGIN + timedelta(hours=hour)
        desk.began, desk.pace = now.timestamp(), 0.0
        with time_machine.travel(now, tick=False):
            for one in matters:
                if one.opened == hour:
                    desk.put(
                        f"writer@school{one.number // 20}.example",
                        f"Case Type: {one.kind}\nDescription: It is about matter {one.number}.\n",
                        subject=one.subject,
                    )
                if one.answered == hour:
                    staff_mail(desk, one, f"This is the answer to matter {one.number}.")
                if one.closed == hour:
                    staff_mail(desk, one, "#close\n")
            desk.work()
        for subject, case in rows(desk, "SELECT subject, number FROM cases"):
            number = int(str(subject).split()[1])
            matters[number].case = str(case)
        yield now


def rows(desk: StaffDesk, query: str) -> list[tuple[object, ...]]:
    """What a query gives."""
    with sqlite3.connect(desk.folder / "var/intake.db") as found:
        return list(found.execute(query))


def test_every_case_is_handed_over_and_its_times_are_right(tmp_path: Path) -> None:
    """First answers, resolutions, reminders and late cases agree with the minutes of the week."""
    matters = plan(random.Random(7))
    people = "".join(WRITERS.format(number) for number in range(1 + CASES // 20))
    desk = StaffDesk.open(tmp_path, people=people)
    last = list(live(desk, matters))[-1]
    assert all(one.case for one in matters)
    stored = "SELECT answered_at FROM cases WHERE number = '{}'"
    for one in matters:
        ((answered,),) = rows(desk, stored.format(one.case))
        shown = str(at(one.answered))[:19] if one.answered is not None else "None"
        assert str(answered)[:19] == shown, one
    unsent = """SELECT number FROM cases WHERE NOT EXISTS (SELECT 1 FROM outbox WHERE
        kind = 'handover' AND state = 'sent' AND case_number = cases.number)"""
    assert rows(desk, unsent) == []
    assert rows(desk, "SELECT count(*) FROM messages WHERE status != 'handled'") == [(0,)]
    places = departments(desk.config)
    engine = open_engine(desk.config.database_url, read_only=True)
    with reading(engine) as session:
        measured = served(session, places, BEGIN)
        late = {one.number for one in times.late(session, places, last)}
    engine.dispose()
    for kind, department in TYPES:
        mine = [one for one in matters if one.department == department]
        (figures,) = [one for one in measured if one.department == department]
        assert len(mine) == figures.cases, kind
        check_times(figures, mine)
    assert late == {one.case for one in matters if is_late(one, last)}
    told = rows(desk, "SELECT DISTINCT case_number FROM outbox WHERE kind = 'late'")
    assert {str(one[0]) for one in told} == {one.case for one in matters if is_slow(one, last)}


def at(hour: int) -> datetime:
    """The moment of an hour of the week."""
    return BEGIN + timedelta(hours=hour)


def check_times(figures: Served, mine: list[Matter]) -> None:
    """Every answer and every resolution, and their quantiles."""
    answers = [naive(at(one.opened), at(one.answered)) for one in mine if one.answered is not None]
    ends = [naive(at(one.opened), at(one.closed)) for one in mine if one.closed is not None]
    assert sorted(figures.answers) == sorted(answers)
    assert sorted(figures.resolutions) == sorted(ends)
    middle = sorted(answers)[(len(answers) + 1) // 2 - 1]
    assert rank(figures.answers, 0.5) == middle


def is_late(one: Matter, now: datetime) -> bool:
    """Eight working hours without an answer, or forty in all."""
    if one.closed is not None:
        return False
    spent = naive(at(one.opened), now)
    return spent >= 40 or (one.answered is None and spent >= 8)


def is_slow(one: Matter, now: datetime) -> bool:
    """The department was reminded: eight working hours had passed before the answer came."""
    end = at(one.answered) if one.answered is not None else now + timedelta(hours=1)
    return naive(at(one.opened), min(end, now + timedelta(seconds=1))) >= 8
