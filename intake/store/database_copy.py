"""Copies the database into one file while it is in use, and restores it from the file.

SQLite copies itself with ``VACUUM INTO``, in one transaction. For PostgreSQL pg_dump and pg_restore
are used. The password is passed in the environment, so that it does not appear in process lists.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.engine import make_url

from intake.store.engine import Engine, Session, StoreError
from intake.store.tables.cases import CaseRow
from intake.store.tables.messages import MessageRow

TOOL_SECONDS = 24 * 3600


def take(engine: Engine, file: Path) -> None:
    """Writes a complete copy to a new file. Raises StoreError."""
    if engine.dialect.name == "postgresql":
        _tool(engine, "pg_dump", "--format=custom", "--no-owner", f"--file={file}")
        return
    try:
        with closing(engine.raw_connection()) as connection:
            connection.cursor().execute("VACUUM INTO ?", (str(file),))
    except sqlite3.Error as error:
        raise StoreError("other", f"copying the database to {file}: {error}") from error


def inspect(file: Path) -> str:
    """What is wrong with a copy of an SQLite database; empty if nothing is."""
    try:
        with closing(sqlite3.connect(f"file:{file}?mode=ro&immutable=1", uri=True)) as connection:
            found = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        return str(error)
    return "" if found == "ok" else str(found)


def put_back(engine: Engine, file: Path, aside: str) -> Path | None:
    """Replaces the database by the copy; returns the path of the previous database, if any.

    SQLite: the previous file is renamed with ``aside`` at the end of its name. PostgreSQL:
    everything in the database is replaced, in one transaction. Raises StoreError.
    """
    if engine.dialect.name == "postgresql":
        name = engine.url.database or ""
        _tool(
            engine, "pg_restore", "--clean", "--if-exists", "--no-owner", "--exit-on-error",
            "--single-transaction", f"--dbname={name}", str(file),
        )  # fmt: skip
        return None
    target = Path(engine.url.database or "")
    fresh, moved = target.with_name(f"{target.name}.restoring"), None
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copyfile(file, fresh)
        os.chmod(fresh, 0o600)
        _sync(fresh)
        if target.exists():
            moved = target.with_name(target.name + aside)
            for end in ("-wal", "-shm", ""):  # the log first: it belongs to exactly this file
                part = target.with_name(target.name + end)
                if part.exists():
                    part.rename(moved.with_name(moved.name + end))
        fresh.rename(target)
        _sync(target.parent)
    except OSError as error:
        raise StoreError("other", f"{error.filename}: {error.strerror}") from error
    return moved


def counts(session: Session) -> tuple[int, int]:
    """How many messages and cases there are."""
    found = [session.scalar(select(func.count()).select_from(row)) for row in (MessageRow, CaseRow)]
    return found[0] or 0, found[1] or 0


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _tool(engine: Engine, program: str, *words: str) -> None:
    """Runs one of PostgreSQL's programs on the database."""
    found = shutil.which(program) or next(
        (str(one) for one in sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"))[::-1]), ""
    )
    if not found:
        raise StoreError("other", f"{program} is not installed; PostgreSQL's client has it")
    url = make_url(engine.url)
    given = {
        "PGHOST": url.host, "PGPORT": url.port and str(url.port), "PGUSER": url.username,
        "PGPASSWORD": url.password, "PGDATABASE": url.database,
    }  # fmt: skip
    environment = {**os.environ, **{key: str(value) for key, value in given.items() if value}}
    try:
        done = subprocess.run(  # noqa: S603 - a program of PostgreSQL, no arguments from outside
            [found, *words], env=environment, capture_output=True, timeout=TOOL_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise StoreError("other", f"{program}: {error}") from error
    if done.returncode:
        words_of_it = " ".join(done.stderr.decode("utf-8", "replace").split())[-300:]
        raise StoreError("other", f"{program}: {words_of_it}")
