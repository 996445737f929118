"""Every statement of a pass finds its rows by an index, on PostgreSQL as on SQLite.

The statements are those of a real pass: mails, letters, a notice, what is removed after years.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, event, text

from intake.config.loader import Config
from intake.worker import service
from tests.support import installation
from tests.support.mailbag import bag
from tests.support.postgres import postgres

GROW = (
    "attachments", "case_fields", "cases", "conversation", "events", "hook_deliveries",
    "hook_events", "messages", "notice_recipients", "outbox", "participants", "pending_forms",
    "contact_emails", "contacts", "memberships",
)  # fmt: skip
SCANS = {  # SQLite: also an index that is read whole
    "postgresql": re.compile(r"Seq Scan on (\w+)"),
    "sqlite": re.compile(r"SCAN (\w+?)(?:_\d+)?\b"),
}
OLD = "case_days = 1\nmail_days = 1\nletter_days = 1\nnotice_days = 1\nevent_days = 1\n"
Statements = dict[str, Any]


@contextmanager
def noted() -> Iterator[Statements]:
    """Collects each statement with the values of its first run."""
    found: Statements = {}

    def note(connection: Any, cursor: Any, statement: str, values: Any, *_: Any) -> None:
        if re.match(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b", statement):
            found.setdefault(statement, values)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def passed(folder: Path, url: str) -> Statements:
    """The statements of two passes: mails and letters, then the daily removal of old rows."""
    box = installation.maildir_box(folder / "in")
    way = installation.delivery(f"maildir:{folder}/out")
    text_of = f'{box}{way}\n[database]\nurl = "{url}"\n[retention]\n{OLD}'
    config: Config = installation.make(folder, text_of)
    (folder / "in/new").mkdir(parents=True, exist_ok=True)
    for number, mail in enumerate(bag(24)):
        (folder / f"in/new/{number:03}.test").write_bytes(mail.raw)
    with noted() as found:
        assert service.once(config).failures == []
        assert service.once(config).failures == []
    return found


def scanned(engine: Engine, statements: Mapping[str, Any]) -> dict[str, str]:
    """Table -> a statement that reads it from end to end although an index is wanted."""
    name = engine.dialect.name
    explain = "EXPLAIN QUERY PLAN " if name == "sqlite" else "EXPLAIN "
    found: dict[str, str] = {}
    with engine.connect() as connection:
        if name == "postgresql":
            connection.execute(text("SET enable_seqscan = off"))
        for statement, values in statements.items():
            first = values[0] if isinstance(values, list) else values
            rows = connection.exec_driver_sql(explain + statement, first)
            plan = "\n".join(str(row[-1]) for row in rows)
            for table in SCANS[name].findall(plan):
                if table in GROW:
                    found.setdefault(table, statement)
    return found


def test_no_statement_reads_a_table_from_end_to_end_on_sqlite(tmp_path: Path) -> None:
    """Whatever the planner knows of the rows: no index fits the statement at all otherwise."""
    url = f"sqlite:///{tmp_path}/var/intake.db"
    found = passed(tmp_path, url)
    assert len(found) > 60
    engine = create_engine(url)
    assert scanned(engine, found) == {}
    engine.dispose()


@pytest.mark.servers
def test_no_statement_reads_a_table_from_end_to_end_on_postgresql(tmp_path: Path) -> None:
    """Sequential scans are forbidden to the planner; where it has no other way, it takes one."""
    with postgres() as url:
        found = passed(tmp_path, url)
        assert len(found) > 60
        engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
        assert scanned(engine, found) == {}
        with engine.begin() as connection:
            connection.execute(text("DROP INDEX ix_messages_digest"))
        assert set(scanned(engine, found)) == {"messages"}, "the loss of an index is noticed"
        engine.dispose()


def test_a_scan_is_noticed(tmp_path: Path) -> None:
    """The test itself: a condition without an index, and one with the primary key."""
    file = tmp_path / "x.db"
    with sqlite3.connect(file) as database:
        database.execute("CREATE TABLE cases (number TEXT PRIMARY KEY, word TEXT)")
    engine = create_engine(f"sqlite:///{file}")
    bad, good = "SELECT * FROM cases WHERE word = ?", "SELECT * FROM cases WHERE number = ?"
    assert scanned(engine, {bad: ("a",), good: ("b",)}) == {"cases": bad}
    engine.dispose()
