"""The only access to the database: engines, transactions, and each error as one line.

SQLite: WAL, synchronous=FULL, foreign keys, and BEGIN IMMEDIATE for every transaction that may
write. A transaction that reads first and writes later would fail at once if another one has written
in between.

After a full disk or an I/O error SQLite rolls back the whole transaction by itself, and later
statements would be committed one by one. PostgreSQL turns the commit of a failed transaction into a
rollback without an error. So every write transaction first sets a savepoint of its own. ``intact``
and the commit check it, because it exists only in the transaction that was begun.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    IntegrityError,
    NotSupportedError,
    ProgrammingError,
    SQLAlchemyError,
    StatementError,
)
from sqlalchemy.orm import Session
from sqlalchemy.pool import StaticPool

from intake.adapters.time_limits import PROGRESS
from intake.store import time_limit

__all__ = [
    "Engine",
    "Session",
    "StoreError",
    "asking",
    "intact",
    "open_engine",
    "reading",
    "savepoint",
    "translate",
    "writing",
]  # fmt: skip

BUSY_MILLISECONDS = 30_000
_MARK = "intake_unit"  # the savepoint that identifies this transaction
_KINDS = (
    ("database is locked", "busy"),
    ("deadlock detected", "busy"),
    ("could not serialize", "busy"),
    ("disk is full", "full"),
    ("no space left", "full"),
    ("disk i/o error", "full"),
    ("readonly database", "readonly"),
    ("malformed", "corrupt"),
    ("not a database", "corrupt"),
    ("unable to open", "connect"),
)


class StoreError(Exception):
    """The database cannot be used now; one line.

    kind: busy, full (also: it cannot be read or written), readonly, corrupt, connect, schema,
    constraint (another worker was first), data (it refuses a value or a statement), other.
    """

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


def open_engine(url: str, *, read_only: bool = False) -> Engine:
    """An engine for ``sqlite:///PATH``, ``sqlite://`` or ``postgresql://…``; connects when used.

    Raises StoreError for an invalid URL, or for a folder that cannot be created.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise StoreError("connect", f"database.url: {url!r} is no database URL") from None
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(parsed.database or "", read_only=read_only)
    if parsed.get_backend_name() != "postgresql":
        wanted = "sqlite:///PATH or postgresql://USER@HOST/NAME"
        raise StoreError("connect", f"database.url: found {parsed.drivername}, wanted {wanted}")
    made = create_engine(parsed, pool_pre_ping=True, connect_args=dict(time_limit.CONNECT))
    return time_limit.watched(made)


def _sqlite(path: str, *, read_only: bool) -> Engine:
    if path and not read_only:
        _make_file(Path(path))
    more: dict[str, object] = {} if path else {"poolclass": StaticPool}
    engine = create_engine(
        f"sqlite:///{path}" if path else "sqlite://",
        connect_args={"check_same_thread": False, "timeout": BUSY_MILLISECONDS / 1000},
        **more,
    )

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, record: Any) -> None:
        connection.isolation_level = None  # this module sends BEGIN itself, see below
        settings = [
            "foreign_keys=ON", f"busy_timeout={BUSY_MILLISECONDS}", "trusted_schema=OFF",
            "temp_store=MEMORY",  # statement journals: a full temporary folder stops no batch
        ]  # fmt: skip
        if not read_only:
            settings = ["journal_mode=WAL", "synchronous=FULL", *settings]
        for setting in settings:
            connection.execute(f"PRAGMA {setting}")

    @event.listens_for(engine, "begin")
    def _begun(connection: Any) -> None:
        write = connection.get_execution_options().get("intake_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


def _make_file(path: Path) -> None:
    """Creates the folder and an empty file that only the owner may read."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        kind = "readonly" if error.errno == errno.EROFS else "connect"
        raise StoreError(kind, f"database {path}: {error.strerror}") from error


@contextmanager
def writing(engine: Engine, *, limit: bool = True) -> Iterator[Session]:
    """One write transaction, committed at the end. Raises StoreError.

    Without ``limit`` it may take as long as it likes, on PostgreSQL too.
    """
    PROGRESS.note()
    with time_limit.limited(engine) if limit else nullcontext():
        yield from _session(engine, write=True)
    PROGRESS.note()


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """One read transaction over a single state of the database. Raises StoreError."""
    PROGRESS.note()
    with time_limit.limited(engine):
        yield from _session(engine, write=False)


def _session(engine: Engine, *, write: bool) -> Iterator[Session]:
    try:
        with (
            engine.connect().execution_options(intake_write=write) as connection,
            Session(connection, expire_on_commit=False) as session,
        ):
            if write:
                connection.exec_driver_sql(f"SAVEPOINT {_MARK}")  # begins the transaction, too
            yield session
            if write:
                session.flush()
                connection.exec_driver_sql(f"RELEASE SAVEPOINT {_MARK}")
                connection.commit()
            else:
                session.rollback()
    except SQLAlchemyError as error:
        raise translate(engine, error) from error


def intact(session: Session) -> None:
    """Raises StoreError unless this is still the transaction that ``writing`` began.

    Inside a nested savepoint it checks nothing, because the check would remove that savepoint.
    """
    if session.in_nested_transaction():
        return
    connection = session.connection()
    try:
        connection.exec_driver_sql(f"RELEASE SAVEPOINT {_MARK}")
        connection.exec_driver_sql(f"SAVEPOINT {_MARK}")
    except SQLAlchemyError as error:
        raise translate(connection.engine, error) from error


@contextmanager
def asking(session: Session) -> Iterator[None]:
    """Raises StoreError when the database fails inside. Queries alone leave nothing to undo."""
    try:
        yield
    except SQLAlchemyError as error:
        raise translate(session.connection().engine, error) from error


@contextmanager
def savepoint(session: Session) -> Iterator[None]:
    """Undoes what is done inside if it raises, and nothing else.

    Raises StoreError when the database fails; then the whole transaction cannot be used any more.
    """
    intact(session)
    try:
        with session.begin_nested():
            yield
            session.flush()
    except SQLAlchemyError as error:
        raise translate(session.connection().engine, error) from error


def translate(engine: Engine, error: SQLAlchemyError) -> StoreError:
    """Converts a failure to its kind and one line, without parameters and statements.

    An error during the rollback ("no such savepoint") hides its cause, so the first error is used.
    """
    where = engine.url.render_as_string(hide_password=True)
    chain = [error]
    while isinstance(before := chain[-1].__context__, SQLAlchemyError) and before not in chain:
        chain.append(before)
    for one in reversed(chain):
        words = _words(one)
        for text, kind in _KINDS:
            if text in words.lower():
                return StoreError(kind, f"database {where}: {words}")
    first = chain[-1]
    words = _words(first)
    return StoreError(_kind(first, words), f"database {where}: {words}")


def _words(error: SQLAlchemyError) -> str:
    original = error.orig if isinstance(error, StatementError) else error
    return " ".join(str(original).split())[:300] or type(error).__name__


def _kind(error: SQLAlchemyError, words: str) -> str:
    if isinstance(error, IntegrityError):
        return "constraint"
    if isinstance(error, DBAPIError) and (error.connection_invalidated or "connect" in words):
        return "connect"
    values = isinstance(error, (DataError, ProgrammingError, NotSupportedError))
    if values or (isinstance(error, StatementError) and not isinstance(error, DBAPIError)):
        return "data"
    return "other"
