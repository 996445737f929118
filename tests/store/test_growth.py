"""What one mail costs does not grow with what is stored, with and without statistics.

Counted are the steps of SQLite's virtual machine, not the time.
"""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from intake.store import migrate, outbox, rejections
from intake.store.contacts import directory
from intake.store.engine import Engine, open_engine, writing
from intake.store.messages import mailboxes
from tests.support.records import PEOPLE, one_mail
from tests.support.values import NOW

ROWS = 8000  # a scan of so many takes at least five times as many steps
MOST = 12_000  # steps of one statement; held mails are counted up to a limit
EACH = 100  # steps between two counts
AGES = {  # how long ago a row was written: months, or in the days that are counted
    "old": "(20 + i % 300) || ' days'",
    "of these days": "(120 + i * 2) || ' minutes'",
}
SPECIAL = {
    "messages": {
        "id": "i + 1000", "uid": "i + 1000000", "digest": "hex(randomblob(32))",
        "message_id_hash": "hex(randomblob(32))", "body_digest": "hex(randomblob(32))",
        "received_at": "AT", "recorded_at": "AT", "case_number": "'CASE-' || (100000 + i)",
        "status": "CASE WHEN i % 10 = 0 THEN 'held' ELSE 'handled' END", "settled": "1",
    },
    "cases": {
        "number": "'CASE-' || (100000 + i)", "message_id": "i + 1000", "received_at": "AT",
        "created_at": "AT", "updated_at": "AT", "waits_since": "NULL",
    },
    "outbox": {
        "id": "i + 1000", "cause": "'x' || i", "message_id_header": "'<' || i || '@x.example>'",
        "created_at": "AT", "due_at": "AT", "finished_at": "AT", "state": "'sent'",
        "case_number": "'CASE-' || (100000 + i)",
    },
    "events": {"id": "i + 100000", "at": "AT"},
}  # fmt: skip


def fill(file: Path, age: str, *, statistics: bool) -> None:
    """Many rows of the same contact, like those that are there; then perhaps ANALYZE."""
    at = f"strftime('%Y-%m-%d %H:%M:%S.000000', '2026-03-02 16:00', '-' || {AGES[age]})"
    with sqlite3.connect(file) as database:
        for table, special in SPECIAL.items():
            names = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
            values = ", ".join(special.get(name, f'old."{name}"') for name in names)
            values = values.replace("AT", at)
            listed = ", ".join(f'"{name}"' for name in names)
            database.execute(
                f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})"
                f" INSERT INTO {table} ({listed}) SELECT {values}"
                f" FROM n CROSS JOIN (SELECT * FROM {table} LIMIT 1) AS old"
            )
        if statistics:
            database.execute("ANALYZE")


class Steps:
    """The steps of each statement on an engine, the dearest run of each."""

    def __init__(self, engine: Engine) -> None:
        self.count, self.most = 0, dict[str, int]()
        event.listen(engine, "before_cursor_execute", self._before)
        event.listen(engine, "after_cursor_execute", self._after)

    def _before(self, connection: Any, *_: Any) -> None:
        self.count = 0
        connection.connection.driver_connection.set_progress_handler(self._tick, EACH)

    def _tick(self) -> int:
        self.count += EACH
        return 0

    def _after(self, connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        self.most[statement] = max(self.most.get(statement, 0), self.count)


@pytest.mark.parametrize("age", AGES)
@pytest.mark.parametrize("statistics", [False, True], ids=["plain", "analyzed"])
def test_no_statement_of_a_mail_reads_what_has_piled_up(
    tmp_path: Path, statistics: bool, age: str
) -> None:
    """Look-ups, recording, claiming and what each pass asks about its mailbox."""
    file = tmp_path / "full.db"
    engine = open_engine(f"sqlite:///{file}")
    migrate.upgrade(engine)
    with writing(engine) as session:
        directory.load(session, PEOPLE, NOW)
    one_mail(engine, 1)
    with writing(engine) as session:
        outbox.claim(session, NOW + timedelta(seconds=1), 90, 10)
    engine.dispose()
    fill(file, age, statistics=statistics)
    engine = open_engine(f"sqlite:///{file}")
    steps = Steps(engine)
    one_mail(engine, 2, numbers=("CASE-1001",), now=NOW + timedelta(hours=2))
    with writing(engine) as session:
        mailboxes.handled(session, "support", 7, [1, 2, 3])
        mailboxes.by_digest(session, "support", [f"{1:064d}", "0" * 64])
        mailboxes.unsettled(session, "support", 7)
        outbox.any_due(session, NOW)
        outbox.any_waiting(session)
        outbox.claim(session, NOW + timedelta(hours=3), 90, 10)
        rejections.troubles(session, NOW)
    engine.dispose()
    assert len(steps.most) > 30
    dear = {text: count for text, count in steps.most.items() if count > MOST}
    assert dear == {}
