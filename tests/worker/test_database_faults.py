"""The database is killed, locked, read-only or damaged in the middle of the work.

No mail is counted as failed because of it, nothing leaves twice, and when it is back, one or two
passes make up for everything.
"""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event
from sqlalchemy.exc import OperationalError

from intake.config.loader import Config
from intake.store import engine as engines
from intake.worker import service
from intake.worker.service import TROUBLE
from tests.support import checker, installation
from tests.support.checker import Maildir, World, digest_of
from tests.support.faults import CAMPAIGN, CONNECTIONS, at, maildir_desk, mounted
from tests.support.mailbag import Expected, bag
from tests.support.postgres import Cluster, cluster
from tests.support.running import await_, start

MAILS = 8


@pytest.fixture
def server() -> Iterator[Cluster]:
    """A PostgreSQL that can be crashed."""
    with cluster() as made:
        yield made


def desk(folder: Path, server: Cluster, mails: list[Expected]) -> Config:
    """A service on that database, between two Maildirs, with mails waiting."""
    folder.mkdir(exist_ok=True)
    box = installation.maildir_box(folder / "in") + "batch_mails = 3\npoll_seconds = 1\n"
    way = installation.delivery(f"maildir:{folder}/out") + "lease_seconds = 1\n"
    config = installation.make(folder, f'{box}{way}\n[database]\nurl = "{server.url}"\n')
    (folder / "in/new").mkdir(parents=True, exist_ok=True)
    put(config, mails)
    return config


def put(config: Config, mails: list[Expected]) -> None:
    """Mails into the Maildir."""
    for number, mail in enumerate(mails):
        (config.folder / f"in/new/{number:03}.test").write_bytes(mail.raw)


def wrong(
    config: Config, database: str | Path, mails: list[Expected], faults: int = 1
) -> list[str]:
    """What the checker says, when everything should be over after so many faults."""
    world = World(
        ever=[mail.raw for mail in mails],
        database=database,
        blobs=config.blob_folder,
        letters=Maildir(config.folder / "out").read(),
        files={digest_of(mail.raw): mail.files for mail in mails},
        in_doubt_at_most=CONNECTIONS * faults,
    )
    return checker.settled(checker.look(world, Maildir(config.folder / "in")))


def attempts(config: Config) -> int:
    """How many failed attempts are counted against mails."""
    return sum(row["attempts"] for row in installation.everything(config)["messages"])


def a_pass(config: Config) -> bool:
    """Whether a pass met no trouble."""
    try:
        return not service.once(config).failures
    except TROUBLE:
        return False


@contextmanager
def before_each_statement(act: Any) -> Iterator[list[int]]:
    """Calls it with the connection and the number of the statement; gives how many there were."""
    count = [0]

    def noted(connection: Any, *_: Any) -> None:
        if connection.dialect.name == "postgresql":
            count[0] += 1
            act(connection, count[0])

    event.listen(Engine, "before_cursor_execute", noted)
    try:
        yield count
    finally:
        event.remove(Engine, "before_cursor_execute", noted)


@pytest.mark.servers
@pytest.mark.parametrize("how", ["kill", "serialization"])
def test_a_connection_that_dies_at_any_statement(tmp_path: Path, server: Cluster, how: str) -> None:
    """Its server process is killed, or the database asks for the transaction to be repeated."""
    import psycopg

    def act(number: int) -> Any:
        def at_statement(connection: Any, count: int) -> None:
            if count != number:
                return
            if how == "serialization":
                words = "could not serialize access due to concurrent update"
                raise OperationalError("x", {}, psycopg.errors.SerializationFailure(words))
            pid = connection.connection.dbapi_connection.info.backend_pid
            with psycopg.connect(server.url, autocommit=True) as other:
                other.execute("SELECT pg_terminate_backend(%s)", (pid,))

        return at_statement

    everything = bag(400)
    config = desk(tmp_path / "desk", server, [])
    a_pass(config)
    with before_each_statement(lambda connection, count: None) as count:
        put(config, everything[:MAILS])
        assert a_pass(config)
    done, step = everything[:MAILS], max(1, count[0] // (8 * CAMPAIGN))
    for number in range(random.Random(how).randint(1, step), count[0], step):
        fresh = everything[len(done) : len(done) + 3]
        put(config, fresh)
        done += fresh
        with before_each_statement(act(number)):
            a_pass(config)
        time.sleep(1.1)  # the lease of letters that were claimed; not what is measured
        assert a_pass(config) or a_pass(config)
        assert attempts(config) == 0
    faults = count[0] // step + 1
    assert wrong(config, server.url, done, faults) == []


@pytest.mark.servers
def test_a_server_that_crashes_and_comes_back(tmp_path: Path, server: Cluster) -> None:
    """An immediate stop, several times, beside a real worker."""
    mails = bag(40)
    config = desk(tmp_path / "desk", server, mails[:20])
    chance = random.Random(7)
    process = start(config)
    try:
        await_((config.folder / "var/heartbeat.json").exists)  # before, it would end, as it should
        for _ in range(2 + CAMPAIGN):
            time.sleep(chance.uniform(0.5, 2.0))
            server.crash()
            time.sleep(chance.uniform(0.2, 1.0))
            server.start()
        for number, mail in enumerate(mails[20:]):
            (config.folder / f"in/new/later{number:03}.test").write_bytes(mail.raw)
        with suppress(AssertionError):
            await_(lambda: not wrong(config, server.url, mails, 2 + CAMPAIGN), 90)
        assert wrong(config, server.url, mails, 2 + CAMPAIGN) == []
    finally:
        process.terminate()
        code = process.wait(30)
    assert (code, attempts(config)) == (0, 0)


def test_a_database_that_somebody_keeps_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pass gives up after its wait, says so, and changes nothing; later all is made up for."""
    monkeypatch.setattr(engines, "BUSY_MILLISECONDS", 300)
    mails = bag(MAILS)
    there = maildir_desk(tmp_path, mails)
    config = installation.settings.load(str(tmp_path / "config.toml"))
    with closing(sqlite3.connect(there.database, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(engines.StoreError, match="database is locked") as caught:
            service.once(config)
        assert caught.value.kind == "busy"
        other.execute("ROLLBACK")
    assert len(there.server.read()) == MAILS
    assert service.once(config).failures == []
    assert there.recovered() == []


def test_a_lock_that_ends_in_time_is_waited_for(tmp_path: Path) -> None:
    """Another program writes for a second: nothing fails."""
    mails = bag(MAILS)
    there = maildir_desk(tmp_path, mails)
    config = installation.settings.load(str(tmp_path / "config.toml"))
    with closing(
        sqlite3.connect(there.database, isolation_level=None, check_same_thread=False)
    ) as other:
        other.execute("BEGIN IMMEDIATE")
        timer = threading.Timer(1.0, lambda: other.execute("COMMIT"))
        timer.start()
        assert service.once(config).failures == []
        timer.join()
    assert there.recovered() == []


@pytest.mark.servers
@pytest.mark.xdist_group("disks")
def test_a_read_only_volume_touches_no_mail(tmp_path: Path) -> None:
    """Nothing is fetched, moved or sent; one line says why; writable again, all is handled."""
    mails = bag(MAILS)
    with mounted(tmp_path / "home", "-t", "tmpfs", "-o", "size=64m", "tmpfs"):
        there = maildir_desk(tmp_path / "home", mails, tmp_path / "mail")
        subprocess.run(["mount", "-o", "remount,ro", str(tmp_path / "home")], check=True)
        done = there.run("once")
        assert done.returncode == 74, done.stderr.decode()
        said = [line for line in done.stderr.decode().splitlines() if line.startswith("intake: ")]
        assert len(said) == 1
        assert "read" in said[0]
        assert len(there.server.read()) == MAILS
        assert there.letters() == []
        subprocess.run(["mount", "-o", "remount,rw", str(tmp_path / "home")], check=True)
        assert there.recovered() == []


@pytest.mark.parametrize("what", ["noise", "zeros", "short"])
def test_a_damaged_database_is_said_and_left_alone(tmp_path: Path, what: str) -> None:
    """No mail is moved or answered; after a restore and a repair everything is handled once."""
    mails = bag(MAILS)
    (tmp_path / "desk").mkdir()
    there = maildir_desk(tmp_path / "desk", mails)
    assert there.run("backup", str(tmp_path / "copy")).returncode == 0
    size = there.database.stat().st_size
    with there.database.open("r+b") as file:
        if what == "short":
            file.truncate(size // 2)
        else:
            file.seek(4096)
            file.write(os.urandom(size - 4096) if what == "noise" else bytes(size - 4096))
    done = there.run("once")
    assert done.returncode == 74, done.stderr.decode()
    said = done.stderr.decode()
    assert "Traceback" not in said
    assert "malformed" in said or "not a database" in said, said
    assert len(there.server.read()) == MAILS
    assert there.letters() == []
    assert there.run("restore", str(tmp_path / "copy"), "--replace").returncode == 0
    there.run("reconcile", "--repair")
    assert at(tmp_path / "desk", mails).recovered() == []


@pytest.mark.parametrize("limit", [10, 11, 12, 13, 14])
def test_a_process_without_file_descriptors_touches_no_mail(tmp_path: Path, limit: int) -> None:
    """EMFILE everywhere: the pass ends with a reason, and the next one does everything.

    Of 14 a pass sometimes needs no more, when its files are open in turn; then it has done all.
    """
    there = maildir_desk(tmp_path, bag(MAILS))
    done = there.run("once", before=["prlimit", f"--nofile={limit}:{limit}"])
    said = done.stderr.decode()
    sys.stdout.write(said[-500:])
    assert "Traceback" not in said
    assert ("Too many open files" in said) == (done.returncode != 0)
    if limit < 14:
        assert done.returncode != 0
    assert there.violations() == []
    assert there.recovered() == []
