"""Locks between workers: one collector per mailbox, and blob cleanup against recording.

SQLite: a locked file beside the database, released by the system when its process ends. PostgreSQL:
advisory locks, released when the connection ends. On PostgreSQL a collector that has been silent
for ``SILENT_SECONDS`` (stopped, or cut off from the network) loses its lock: its connection is
ended, with everything that was not committed.
"""

from __future__ import annotations

import fcntl
import os
import re
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from intake.store.engine import Engine, Session, StoreError, translate

SILENT_SECONDS = 120.0
RENEW_SECONDS = 10.0
_COLLECTORS, _BLOBS = 0x696E7461, 0x626C6F62  # the first half of the keys of our advisory locks
_HOLDER = """
SELECT a.pid FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.granted AND l.database = (
    SELECT oid FROM pg_database WHERE datname = current_database())
  AND l.classid = CAST(:first AS oid) AND l.objid = CAST(:second AS oid) AND l.objsubid = 2
  AND clock_timestamp() - a.state_change > make_interval(secs => :silent)
"""


class Turn:
    """The right to collect a mailbox, while ``renew`` and ``check`` do not raise."""

    def renew(self) -> None:
        """Shows, every ten seconds at most, that this collector is alive. Raises StoreError."""

    def check(self) -> None:
        """Raises StoreError when another worker has taken over."""


class _PostgresTurn(Turn):
    def __init__(self, engine: Engine, connection: Connection) -> None:
        self._engine = engine
        self._connection = connection
        self._renewed = time.monotonic()

    def renew(self) -> None:
        if time.monotonic() - self._renewed > RENEW_SECONDS:
            self.check()

    def check(self) -> None:
        self._renewed = time.monotonic()
        try:
            self._connection.execute(text("SELECT 1"))
        except SQLAlchemyError as error:
            detail = translate(self._engine, error)
            raise StoreError("connect", f"another worker has taken over: {detail}") from error


@contextmanager
def collecting(engine: Engine, mailbox: str) -> Iterator[Turn | None]:
    """The lock for collecting that mailbox; None while another worker has it. Raises StoreError."""
    if engine.dialect.name == "postgresql":
        yield from _postgres(engine, mailbox)
    else:
        yield from _file(engine.url.database or "", mailbox)


def _file(database: str, mailbox: str) -> Iterator[Turn | None]:
    if not database:
        yield Turn()  # in memory: no other process can see it
        return
    name = re.sub(r"[^A-Za-z0-9_-]", "_", mailbox)[:40]
    path = f"{database}.{name}-{zlib.crc32(mailbox.encode()):08x}.lock"
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreError("full", f"lock {path}: {error.strerror}") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
            return
        except OSError as error:
            raise StoreError("other", f"lock {path}: {error.strerror}") from error
        yield Turn()
    finally:
        os.close(descriptor)


def _postgres(engine: Engine, mailbox: str) -> Iterator[Turn | None]:
    keys = {"first": _COLLECTORS, "second": zlib.crc32(mailbox.encode()) - 2**31}
    try:
        connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    except SQLAlchemyError as error:
        raise translate(engine, error) from error
    try:
        connection.detach()  # the lock is released when it ends, not when it returns to the pool
        taken = _take(connection, keys) or (
            _end_silent(connection, keys) and _wait(connection, keys)
        )
    except SQLAlchemyError as error:
        connection.close()
        raise translate(engine, error) from error
    try:
        yield _PostgresTurn(engine, connection) if taken else None
    finally:
        with suppress(SQLAlchemyError):
            connection.close()


def _take(connection: Connection, keys: dict[str, int]) -> bool:
    query = text("SELECT pg_try_advisory_lock(:first, :second)")
    return bool(connection.execute(query, keys).scalar())


def _end_silent(connection: Connection, keys: dict[str, int]) -> bool:
    """Ends the holder's connection when it has been silent for too long; whether it did."""
    given = {"silent": SILENT_SECONDS, "first": keys["first"], "second": keys["second"] % 2**32}
    pid = connection.execute(text(_HOLDER), given).scalar()
    if pid is None:
        return False
    return bool(
        connection.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid}).scalar()
    )


def _wait(connection: Connection, keys: dict[str, int]) -> bool:
    """The lock once its former holder's connection has ended, within a second."""
    for _ in range(20):
        if _take(connection, keys):
            return True
        time.sleep(0.05)
    return False


def naming_blobs(session: Session) -> None:
    """Prevents the removal of blobs until the end of a transaction that names blobs."""
    _blob_lock(session, "pg_advisory_xact_lock_shared")


def removing_blobs(session: Session) -> None:
    """Prevents naming blobs until the transaction ends; for the cleanup."""
    _blob_lock(session, "pg_advisory_xact_lock")


def _blob_lock(session: Session, function: str) -> None:
    """SQLite needs no lock: only one transaction writes at a time, and both kinds write."""
    if session.get_bind().dialect.name == "postgresql":
        call = "SELECT " + function + "(:first, 0)"
        session.execute(text(call), {"first": _BLOBS})
