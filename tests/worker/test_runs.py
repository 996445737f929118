"""A batch that is judged in memory and written in sets ends as if its mails had come one by one."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text

from intake.config.loader import Config
from intake.store.messages import insert
from intake.worker import collector, runs
from intake.worker.bootstrap import assemble
from intake.worker.collector import Rules
from tests.support import installation
from tests.support.fake_box import NOW, FakeBox, statuses
from tests.support.mailbag import AUTHSERV, SERVICE, bag
from tests.support.postgres import postgres

CAMPAIGN = int(os.environ.get("INTAKE_CAMPAIGN", "1"))
PEOPLE = (3, 13, 23, 4, 5)  # three of one district
TABLES = (
    "messages", "cases", "case_fields", "pending_forms", "attachments", "conversation",
    "participants", "events", "outbox", "contacts", "counters", "unknown_labels", "suppressions",
)  # fmt: skip
OWN = {"events": ("id",), "outbox": ("id",), "attachments": ("id",), "conversation": ("id",),
       "pending_forms": ("id",)}  # fmt: skip


def limits(seed: int) -> str:
    """Limits that are reached at once, a little later, or much later."""
    wide = (1, 3, 30)[seed % 3]
    return f"""
[limits]
max_cases_per_contact_hour = {4 * wide}
max_cases_per_account_hour = {9 * wide}
max_strangers_per_day = {3 * wide}
max_unproved_per_day = {2 * wide}

[replies]
max_letters_per_hour = {3 * wide}
max_letters_per_domain_hour = {6 * wide}
max_letters_all_hour = {25 * wide}
"""


def written(number: int, who: str, proof: str, body: str, more: str = "") -> bytes:
    """An ordinary mail; ``more`` are further header lines."""
    domain = who.rpartition("@")[2]
    return (
        f"Authentication-Results: {AUTHSERV}; dkim={proof} header.d={domain};"
        f" dmarc={proof} header.from={domain}\r\nFrom: Somebody <{who}>\r\nTo: {SERVICE}\r\n"
        f"Date: {format_datetime(NOW)}\r\nMessage-ID: <m{number}@{domain}>\r\n{more}\r\n{body}\r\n"
    ).encode()


def person(index: int) -> str:
    """Their address."""
    return f"person{index}@d{index % 10}.example"


def some_mails(dice: random.Random, letters: list[tuple[str, str]], first: int) -> list[bytes]:
    """Mails that count for each other: same writers, copies, follow-ups, answers, strangers."""
    mails: list[bytes] = []
    for number in range(first, first + 30):
        who = person(dice.choice(PEOPLE))
        kind = dice.randrange(11)
        subject = f"Subject: Matter {number % 7}\r\n"
        if kind <= 2:
            body = f"Case Type: Ask a Question\r\nDescription: What about number {number}?"
            mails.append(written(number, who, "pass", body, subject))
        elif kind == 3:
            body = "Case Type: Application Issue\r\nModule: Grade Book\r\nNew label: something"
            mails.append(written(number, who, "pass", body, subject))
        elif kind == 4:
            body = f"Hola, no puedo entrar en el programa desde ayer, por favor ayuda {number}."
            mails.append(written(number, who, "pass", body, subject))
        elif kind == 5:
            stranger = f"x{number % 3}@elsewhere.example"
            mails.append(written(number, stranger, "pass", "Buy this.", subject))
        elif kind == 6:
            mails.append(written(number, who, "fail", "Please close all cases.", subject))
        elif kind in (7, 8) and mails:
            mails.append(b"X-Scanned: yes\r\n" * (kind - 7) + dice.choice(mails))
        elif kind == 9:
            before = f"In-Reply-To: <m{max(first, number - 2)}@{who.rpartition('@')[2]}>\r\n"
            mails.append(written(number, who, "pass", "One more thing about it.", subject + before))
        elif letters:
            to, message_id = dice.choice(letters)
            body = "Who is impacted?: everybody\r\nIssue Began: yesterday\r\nsee the file"
            before = f"In-Reply-To: {message_id}\r\n"
            mails.append(written(number, to, "pass", body, subject + before))
        else:
            mails.append(bag(number + 1, NOW)[number].raw)
    return mails


def collected(config: Config, mails: list[bytes], first: int, rules: Rules) -> None:
    """One pass over those mails, at a fixed time."""
    box = FakeBox([])
    box.mails = dict(enumerate(mails, first))
    box.arrived = dict.fromkeys(box.mails, NOW)
    with assemble(config) as made:
        at_once = replace(made.collector, clock=lambda: NOW)
        collector.collect(box, at_once, rules)


def sent(config: Config) -> list[tuple[str, str]]:
    """The letters so far count as sent: to whom, and which."""
    with installation.database(config, write=True) as session:
        session.execute(text("UPDATE outbox SET state = 'sent' WHERE state = 'due'"))
        rows = session.execute(
            text(
                "SELECT recipient, message_id_header FROM outbox WHERE contact_id != ''"
                " ORDER BY message_id_header"
            )
        )
        return [(row[0], row[1]) for row in rows]


def stored(config: Config) -> dict[str, list[str]]:
    """Every row of every table that a pass writes, in an order that does not depend on the pass."""
    found: dict[str, list[str]] = {}
    with installation.database(config) as session:
        for table in TABLES:
            rows = session.execute(text(f"SELECT * FROM {table}")).mappings()
            kept = [
                {name: value for name, value in row.items() if name not in OWN.get(table, ())}
                for row in rows
            ]
            found[table] = sorted(map(repr, kept))
    return found


@pytest.mark.parametrize("seed", sorted({*range(4 * CAMPAIGN), 18}))
def test_a_batch_ends_as_if_its_mails_had_come_one_by_one(tmp_path: Path, seed: int) -> None:
    """Two services get the same mails, one in batches of fifty and the other one by one.

    In 18 a letter waits, the mail of a person lets it go, and then another letter waits.
    """
    results = []
    for name, size in (("sets", 50), ("single", 1)):
        (tmp_path / name).mkdir()
        box = installation.maildir_box(tmp_path / name / "in")
        trusted = box.replace('url = "maildir', 'received_above = 1\nurl = "maildir')
        way = installation.delivery(f"maildir:{tmp_path}/{name}/out")
        config = installation.make(tmp_path / name, trusted + way + limits(seed), secret="s" * 32)
        dice = random.Random(seed)
        rules = Rules(batch_mails=size, backfill_all=True)
        letters: list[tuple[str, str]] = []
        for first in (1, 31, 61):
            collected(config, some_mails(dice, letters, first), first, rules)
            letters = sent(config)
        results.append(stored(config))
    for table in TABLES:
        assert results[0][table] == results[1][table], table
    assert len(results[0]["messages"]) == 90


def test_most_of_a_batch_is_one_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """New mails of a hundred people, among them some of the same person, are written at once."""
    sizes: list[int] = []
    real: Callable[..., Any] = runs.record_all

    def told(session: Any, mails: Any, *words: Any) -> Any:
        sizes.append(len(mails))
        return real(session, mails, *words)

    monkeypatch.setattr(runs, "record_all", told)
    config = _plain(tmp_path)
    collected(config, [one.raw for one in bag(150, NOW)], 1, Rules(backfill_all=True))
    assert sizes == [50, 50, 50]


def test_a_mail_whose_rows_cannot_be_written_stops_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run is taken apart: one of ten is tried again later, the others are handled."""
    real: Callable[..., Any] = insert._insert

    def broken(session: Any, table: Any, rows: Any) -> None:
        if any("number 3" in str(row.get("subject")) for row in rows):
            raise ZeroDivisionError
        real(session, table, rows)

    monkeypatch.setattr(insert, "_insert", broken)
    config = _plain(tmp_path)
    collected(config, [one.raw for one in bag(10, NOW)], 1, Rules(backfill_all=True))
    assert statuses(config) == {"handled": 9, "deferred": 1}
    monkeypatch.undo()
    numbers = [one["number"] for one in installation.everything(config)["cases"]]
    assert len(numbers) == len(set(numbers)) == 9


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_mail_costs_few_statements(tmp_path: Path, kind: str) -> None:
    """At most three for each mail, new ones and answers alike; most of them are for the batch."""
    with ExitStack() as stack:
        url = stack.enter_context(postgres()) if kind == "postgresql" else ""
        config = _plain(tmp_path, f'\n[database]\nurl = "{url}"\n' if url else "")
        new = [one.raw for one in bag(100, NOW)]
        assert _statements(config, new, 1) <= 3 * len(new)
        writers = dict(reversed(sent(config)))  # a letter to each
        answers = [
            written(number, to, "pass", "Priority: High", f"In-Reply-To: {letter}\r\n")
            for number, (to, letter) in enumerate(writers.items(), 1000)
        ]
        assert len(answers) > 50
        assert _statements(config, answers, 1000) <= 3 * len(answers)


def _statements(config: Config, mails: list[bytes], first: int) -> int:
    """How many statements a pass over those mails takes."""
    counted: list[str] = []
    box = FakeBox([])
    box.mails = dict(enumerate(mails, first))
    box.arrived = dict.fromkeys(box.mails, NOW)
    with assemble(config) as made:
        engine = made.collector.engine
        event.listen(engine, "before_cursor_execute", lambda *words: counted.append(words[2]))
        tally = collector.collect(box, made.collector, Rules(backfill_all=True))
    assert tally.collected == len(mails)
    assert set(tally.actions) <= {"create", "ask", "append", "complete"}
    return len(counted)


def _plain(folder: Path, more: str = "") -> Config:
    box = installation.maildir_box(folder / "in")
    trusted = box.replace('url = "maildir', 'received_above = 1\nurl = "maildir')
    way = installation.delivery(f"maildir:{folder}/out")
    return installation.make(folder, trusted + way + more)
