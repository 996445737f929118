"""A PostgreSQL of a test's own: a new cluster in a temporary folder, on loopback, stopped again."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

import intake.store.tables.incidents  # noqa: F401 - its tables are emptied too
from intake.store import migrate
from intake.store.engine import Engine, Session, open_engine
from intake.store.tables.columns import Base
from tests.support.servers import await_port, free_port, required


@dataclass
class Cluster:
    """A running server that can be stopped as by a crash, and started again."""

    line: list[str]
    as_owner: dict[str, Any]
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Of its only database."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Returns when it takes connections."""
        quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        process = self.process = subprocess.Popen(self.line, **quiet, **self.as_owner)
        await_port(self.port, lambda: process.poll() is None)
        _await_answer(self.url)

    def crash(self) -> None:
        """An immediate stop: no client is waited for, nothing is written."""
        assert self.process is not None
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait(20)

    def stop(self) -> None:
        """Ends it; clients that are still there are cut off."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(20)


@contextmanager
def postgres() -> Iterator[str]:
    """The URL of an empty database."""
    with cluster() as made:
        yield made.url


@contextmanager
def cluster() -> Iterator[Cluster]:
    """A server with an empty database."""
    tools = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    try:
        owner = pwd.getpwnam("postgres")
    except KeyError:
        owner = None
    if not tools or owner is None or os.getuid() != 0:
        why = "PostgreSQL's server is not installed, or we are not root"
        if required():
            pytest.fail(why)
        pytest.skip(why)
    with tempfile.TemporaryDirectory(prefix="pg-", dir="/tmp") as folder:
        shutil.chown(folder, owner.pw_uid, owner.pw_gid)
        home, port = Path(folder) / "data", free_port()
        as_owner = {"user": owner.pw_uid, "group": owner.pw_gid, "cwd": folder}
        subprocess.run(
            [str(tools[-1]), "-D", str(home), "-A", "trust", "-E", "UTF8", "--locale=C", "-N"],
            check=True, capture_output=True, **as_owner,
        )  # fmt: skip
        line = [
            str(tools[-1].with_name("postgres")), "-D", str(home), "-p", str(port),
            "-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={folder}",
            "-c", "fsync=off",
        ]  # fmt: skip
        made = Cluster(line, as_owner, port)
        try:
            made.start()
            yield made
        finally:
            made.stop()


def _await_answer(url: str) -> None:
    """Returns when it takes connections: its port is open a moment earlier than that."""
    ends = time.monotonic() + 20
    while True:
        try:
            psycopg.connect(url).close()
            return
        except psycopg.OperationalError as error:
            starting = ("starting up", "recovery", "not yet accepting")
            if not any(words in str(error) for words in starting) or time.monotonic() > ends:
                raise
            time.sleep(0.05)


@contextmanager
def prepared(kind: str, folder: Path) -> Iterator[Engine]:
    """A database of that kind, "sqlite" or "postgresql", with the schema in place."""
    with ExitStack() as stack:
        url = f"sqlite:///{folder}/intake.db" if kind == "sqlite" else ""
        engine = open_engine(url or stack.enter_context(postgres()))
        stack.callback(engine.dispose)
        migrate.upgrade(engine)
        yield engine


def empty(session: Session) -> None:
    """Every row of every table is taken away."""
    for table in reversed(Base.metadata.sorted_tables):
        session.execute(table.delete())
