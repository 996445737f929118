"""A database of every older schema comes up whole, whatever stops the upgrade half-way."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import event

from intake.adapters import heartbeat
from intake.config.loader import Config
from intake.store import migrate
from intake.store.engine import Engine, StoreError, open_engine, writing
from intake.worker import upgrade
from intake.worker.backup import BackupError
from tests.support import installation
from tests.support.faults import CAMPAIGN
from tests.support.postgres import postgres

REVISIONS = [f"{number:04}" for number in range(1, int(migrate.HEAD) + 1)]
NOW = datetime(2026, 3, 2, 15, tzinfo=UTC)


def at(engine: Engine, revision: str) -> Engine:
    """The database with the schema of that time."""
    with writing(engine) as session:
        config = migrate.alembic_config()
        config.attributes["connection"] = session.connection()
        command.upgrade(config, revision)
    return engine


def fill(engine: Engine) -> dict[str, dict[str, Any]]:
    """One row in every table, with a value in each column; gives them by table."""
    tables = sa.MetaData()
    tables.reflect(engine)
    rows: dict[str, dict[str, Any]] = {}
    with engine.begin() as connection:
        for table in tables.sorted_tables:
            if table.name.startswith("case_search") or table.name == "alembic_version":
                continue
            row = {one.name: _value(one, rows) for one in table.columns}
            connection.execute(table.insert().values(**row))
            rows[table.name] = row
    return rows


def _value(column: sa.Column[Any], rows: dict[str, dict[str, Any]]) -> Any:
    for key in column.foreign_keys:
        return rows[key.column.table.name][key.column.name]
    kind = column.type
    if isinstance(kind, sa.DateTime):
        return NOW.replace(tzinfo=None) if kind.timezone is False else NOW
    if isinstance(kind, sa.Boolean):
        return True
    if isinstance(kind, sa.Integer):
        return 7
    if isinstance(kind, sa.LargeBinary):
        return b"raw"
    if "JSON" in str(kind).upper():
        return ["a value"]
    return f"{column.table.name} {column.name}"


def stored(engine: Engine, rows: dict[str, dict[str, Any]]) -> list[str]:
    """The columns of those rows that hold something else now."""
    tables = sa.MetaData()
    tables.reflect(engine)
    wrong = []
    with engine.connect() as connection:
        for name, row in rows.items():
            table = tables.tables[name]
            kept = [one for one in row if one in table.columns]
            found = connection.execute(sa.select(*(table.c[one] for one in kept))).mappings().all()
            if len(found) != 1:
                wrong.append(f"{name}: {len(found)} rows")
                continue
            same = {one: str(found[0][one])[:19] for one in kept}
            before = {one: str(row[one])[:19] for one in kept}
            wrong += [f"{name}.{one}" for one in kept if same[one] != before[one]]
    return wrong


def differences(engine: Engine) -> list[Any]:
    """What differs from the tables of the program."""
    from alembic.autogenerate import compare_metadata

    from intake.store.tables.columns import Base

    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        found = compare_metadata(context, Base.metadata)
    beside = ("alembic_version", "case_search")
    return [one for one in found if not any(name in str(one) for name in beside)]


@contextmanager
def database(kind: str, folder: Path) -> Iterator[Engine]:
    """An empty database of that kind."""
    if kind == "sqlite":
        engine = open_engine(f"sqlite:///{folder}/old.db")
        yield engine
        engine.dispose()
        return
    with postgres() as url:
        engine = open_engine(url)
        with engine.begin() as connection:
            connection.exec_driver_sql("DROP SCHEMA public CASCADE")
            connection.exec_driver_sql("CREATE SCHEMA public")
        yield engine
        engine.dispose()


# What migrations change on purpose.
MEANT = {"cases.account_id", "suppressions.kind", "cases.closed_at", "mailboxes.dated_below"}


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
@pytest.mark.parametrize("revision", REVISIONS[:-1])
def test_every_older_schema_comes_up_with_its_rows(
    tmp_path: Path, kind: str, revision: str
) -> None:
    """Afterwards the schema is the program's, and each value is the one that was stored."""
    with database(kind, tmp_path) as engine:
        rows = fill(at(engine, revision))
        migrate.upgrade(engine)
        migrate.check(engine)
        assert differences(engine) == []
        if kind == "sqlite":
            with engine.connect() as connection:
                enforced = connection.exec_driver_sql("PRAGMA foreign_keys").scalar()
            assert enforced == 1, "off only while tables are made anew"
        assert set(stored(engine, rows)) <= MEANT


def _killed(file: Path, statement: int) -> int:
    """An upgrade in a forked process that is killed before that statement; its exit status."""
    sys.stdout.flush()
    process = os.fork()
    if process:
        return os.waitpid(process, 0)[1]
    try:
        engine, seen = open_engine(f"sqlite:///{file}"), 0

        def count(*_: Any) -> None:
            nonlocal seen
            seen += 1
            if seen == statement:
                os.kill(os.getpid(), signal.SIGKILL)

        event.listen(engine, "before_cursor_execute", count)
        migrate.upgrade(engine)
    except BaseException:  # noqa: BLE001 - a fork of the tests must not go on as a test
        os._exit(1)
    os._exit(0)


def _schema(file: Path) -> tuple[str, list[str]]:
    with closing(sqlite3.connect(file)) as link:
        assert link.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert link.execute("PRAGMA foreign_key_check").fetchall() == []
        version = link.execute("SELECT version_num FROM alembic_version").fetchone()[0]
        names = "SELECT coalesce(sql, name) FROM sqlite_master ORDER BY name"
        return version, [row[0] for row in link.execute(names)]


@pytest.mark.parametrize("revision", ["0001", "0011"])
def test_killed_at_any_statement_it_is_old_or_new(tmp_path: Path, revision: str) -> None:
    """Never between; and the next upgrade brings it up."""
    with database("sqlite", tmp_path) as engine:
        rows = fill(at(engine, revision))
    with closing(sqlite3.connect(tmp_path / "old.db")) as link:
        link.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    old = (tmp_path / "old.db").read_bytes()
    file = tmp_path / "copy.db"
    statement, kills, step = 0, 0, max(1, 12 // CAMPAIGN)
    while True:
        statement += step
        for end in ("", "-wal", "-shm"):
            file.with_name(file.name + end).unlink(missing_ok=True)
        file.write_bytes(old)
        before = _schema(file)
        status = _killed(file, statement)
        if status == 0:
            break
        assert os.WIFSIGNALED(status), "it failed by itself"
        kills += 1
        assert _schema(file) == before, f"killed at statement {statement}"
        again = open_engine(f"sqlite:///{file}")
        migrate.upgrade(again)
        assert (differences(again), set(stored(again, rows)) <= MEANT) == ([], True)
        again.dispose()
    assert kills > 5
    assert _schema(file)[0] == migrate.HEAD
    sys.stdout.write(f"from {revision}: {kills} kills\n")


def test_a_row_that_names_nothing_stops_the_upgrade(tmp_path: Path) -> None:
    """It says which table, and the database stays as it was."""
    with database("sqlite", tmp_path) as engine:
        fill(at(engine, REVISIONS[-2]))
        with closing(sqlite3.connect(tmp_path / "old.db")) as link:
            link.execute("DELETE FROM contacts")
            link.commit()
        with pytest.raises(StoreError, match=r"name others that are not there: .*-> contacts"):
            migrate.upgrade(engine)
        assert migrate.revision(engine) == REVISIONS[-2]


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """An installation with the schema before the newest."""
    box = installation.maildir_box(tmp_path / "in")
    made = installation.make(tmp_path, box + installation.delivery(f"maildir:{tmp_path}/out"))
    for file in (tmp_path / "var").glob("intake.db*"):
        file.unlink()
    at(open_engine(made.database_url), REVISIONS[-2]).dispose()
    return made


def test_the_command_copies_upgrades_and_says_what_changed(config: Config) -> None:
    """A dry run changes nothing; a second run has nothing to do; the copy is a backup."""
    done = installation.command(config, "once")
    assert b"run `intake upgrade`" in done.stderr
    said = installation.command(config, "upgrade", "--dry-run").stdout.decode()
    assert f"{migrate.HEAD}: " in said
    assert not list((config.folder / "var").glob("before-*"))
    made = json.loads(installation.command(config, "upgrade", "--json").stdout)
    assert (made["before"], made["after"]) == (REVISIONS[-2], migrate.HEAD)
    assert [line[:4] for line in made["changes"]] == [migrate.HEAD]
    copy = Path(made["copy"])
    assert json.loads((copy / "manifest.json").read_text())["schema"] == REVISIONS[-2]
    assert _schema(copy / "database")[0] == REVISIONS[-2]
    assert b"nothing to do" in installation.command(config, "upgrade").stdout
    assert installation.command(config, "once").returncode == 0
    back = installation.command(config, "restore", str(copy), "--replace")
    assert back.returncode == 0, back.stderr.decode()
    assert b"run `intake upgrade`" in installation.command(config, "once").stderr


def test_the_command_refuses_what_it_must_not_touch(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A running worker, a full disk, a newer database, an older copy: one line, no change."""
    file = config.folder / "var/intake.db"
    before = _schema(file)
    installation.alive(config)
    with pytest.raises(BackupError, match="stop it first"):
        upgrade.upgrade(config)
    (heartbeat_file,) = (config.folder / "var").glob("heartbeat*")
    heartbeat_file.unlink()
    assert heartbeat.read(config.state_folder) is None
    monkeypatch.setattr(upgrade, "ROOM", 2**60)
    with pytest.raises(BackupError, match=r"MiB are free, wanted \d+ MiB"):
        upgrade.upgrade(config)
    monkeypatch.undo()
    there = config.folder / "there"
    there.mkdir()
    (there / "database").write_bytes(b"an older copy")
    with pytest.raises(BackupError, match="name another folder"):
        upgrade.upgrade(config, there)
    assert _schema(file) == before
    with closing(sqlite3.connect(file)) as link:
        link.execute("UPDATE alembic_version SET version_num = '9999'")
        link.commit()
    with pytest.raises(StoreError, match="newer intake"):
        upgrade.upgrade(config)


def test_each_migration_says_what_it_does() -> None:
    """The first line of each script is the sentence that operators read."""
    scripts = ScriptDirectory.from_config(migrate.alembic_config()).walk_revisions()
    docs = {one.revision: (one.doc or "").strip() for one in scripts}
    assert sorted(docs) == REVISIONS
    assert [one for one, doc in docs.items() if not doc.endswith(".") or len(doc) < 20] == []
