"""A job that hangs is named, and the worker starts itself anew; a frozen database hangs nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from intake.adapters import time_limits
from intake.adapters.time_limits import Overtime, Progress
from intake.store import time_limit
from intake.store.engine import Engine, StoreError, open_engine, reading, writing
from intake.worker import patience, service
from tests.support import installation
from tests.support.mailbag import bag
from tests.support.postgres import postgres
from tests.support.running import await_

HANGING = """
import sys, threading, time
from pathlib import Path
from intake.cli import logs
from intake.config import loader
from intake.worker import scheduler

folder = Path(sys.argv[1])
scheduler.STUCK_SECONDS = 4.0
scheduler.DELIVER_SECONDS = 1
honest = scheduler.Service.remind

def hang(self):
    if (folder / "hung").exists():
        honest(self)
        return
    (folder / "hung").touch()
    while True:
        time.sleep(60)  # no step, no limit

scheduler.Service.remind = hang
logs.set_up("json", "info")
sys.exit(scheduler.run(loader.load(str(folder / "config.toml"))))
"""


def test_a_job_that_hangs_is_named_and_the_worker_starts_anew(tmp_path: Path) -> None:
    """In the same process; then every job runs, and the mail that came meanwhile is handled."""
    box = installation.maildir_box(tmp_path / "in") + "poll_seconds = 1\n"
    config = installation.make(tmp_path, box + installation.delivery(f"maildir:{tmp_path}/out"))
    script = tmp_path / "hanging.py"
    script.write_text(HANGING)
    said = tmp_path / "said"
    with said.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, str(script), str(tmp_path)], stderr=file, stdout=file
        )
    try:
        await_(lambda: said.read_bytes().count(b'"started"') == 2, 60)
        (tmp_path / "in/new/one").write_bytes(bag(1)[0].raw)
        await_(lambda: (tmp_path / "out/new").is_dir() and any((tmp_path / "out/new").iterdir()))
        assert process.poll() is None
    finally:
        process.send_signal(signal.SIGTERM)
        code = process.wait(30)
    lines = said.read_text()
    assert code == 0, lines
    (stuck,) = [line for line in lines.splitlines() if '"job-stuck"' in line]
    assert '"job": "remind"' in stuck
    assert "a job hung (remind); the worker restarted itself" in lines
    assert len(installation.everything(config)["messages"]) == 1


def test_only_jobs_without_a_step_are_stuck() -> None:
    """Steps of a connection and of the database count; other threads do not matter."""
    progress = Progress()
    with progress.running("collect"):
        time.sleep(0.05)
        ((name, seconds),) = progress.stuck(0.01)
        assert (name, seconds > 0.04) == ("collect", True)
        thread = threading.Thread(target=progress.note)
        thread.start()
        thread.join()
        assert progress.stuck(0.01) != []
        progress.note()
        assert progress.stuck(0.04) == []
    assert progress.stuck(0.0) == []


def test_each_step_is_progress(tmp_path: Path) -> None:
    """Whoever begins or ends a step with a limit, or a transaction, is not stuck."""
    engine = open_engine(f"sqlite:///{tmp_path}/x.db")
    jobs, thread = time_limits.PROGRESS._jobs, threading.get_ident()
    with time_limits.PROGRESS.running("job"):
        for step in (
            lambda: Overtime().within(9.0, lambda: None), lambda: reading(engine),
            lambda: writing(engine),
        ):  # fmt: skip
            _, before = jobs[thread]
            with step():
                assert jobs[thread][1] > before
    engine.dispose()


def test_who_waits_for_a_thread_that_goes_on_is_not_stuck(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each finished piece counts; a thread that finishes none does not."""
    monkeypatch.setattr(patience, "LOOK_SECONDS", 0.02)
    jobs, thread = time_limits.PROGRESS._jobs, threading.get_ident()
    done: list[int] = []
    ends = threading.Event()

    def work() -> str:
        for number in range(5):
            time.sleep(0.05)
            done.append(number)
        ends.wait(10)
        return "result"

    with ThreadPoolExecutor(1) as pool, time_limits.PROGRESS.running("collect"):
        _, began = jobs[thread]
        wait = patience.patiently(pool.submit(work), done)
        timer = threading.Timer(0.6, ends.set)
        timer.start()
        assert wait() == "result"
        assert jobs[thread][1] > began
        assert time.monotonic() - jobs[thread][1] > 0.15, "nothing was finished in the end"


def test_an_error_of_the_thread_is_passed_on() -> None:
    """A TimeoutError of its own, too, which is no waiting."""

    def fail() -> str:
        raise TimeoutError("of its own")

    with ThreadPoolExecutor(1) as pool, pytest.raises(TimeoutError, match="of its own"):
        patience.patiently(pool.submit(fail), [])()


def frozen(engine: Engine) -> Iterator[int]:
    """The process of the connection, which is stopped while it is asked."""
    with reading(engine) as session:
        connection = session.connection()
        pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
        yield pid
        os.kill(pid, signal.SIGSTOP)
        connection.exec_driver_sql("SELECT 1")


@pytest.mark.servers
def test_a_frozen_database_costs_a_transaction(monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer never comes; the wait ends, and later everything works again."""
    with postgres() as url:
        engine = open_engine(url)
        monkeypatch.setattr(time_limit, "TRANSACTION_SECONDS", 1.0)
        asking = frozen(engine)
        pid = next(asking)
        try:
            with pytest.raises(StoreError) as caught:
                next(asking)
            assert caught.value.kind == "connect"
        finally:
            os.kill(pid, signal.SIGCONT)
        with reading(engine) as session:
            pid = session.connection().exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
        os.kill(pid, signal.SIGSTOP)
        try:
            with reading(engine) as session:  # the frozen connection is replaced
                assert session.connection().exec_driver_sql("SELECT 1").scalar_one() == 1
        finally:
            os.kill(pid, signal.SIGCONT)
        with writing(engine) as session:
            assert session.connection().exec_driver_sql("SELECT 2").scalar_one() == 2
        engine.dispose()


@pytest.mark.servers
def test_a_lock_that_somebody_keeps_is_an_error_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another transaction holds a table: ours gives up after the limit of locks."""
    monkeypatch.setattr(time_limit, "LOCK", "500ms")
    with postgres() as url:
        engine, other = open_engine(url), open_engine(url)
        with writing(engine) as session:
            session.connection().exec_driver_sql("CREATE TABLE x (a int)")
        with writing(other) as holder:
            holder.connection().exec_driver_sql("LOCK TABLE x")
            with pytest.raises(StoreError, match="lock timeout"), writing(engine) as session:
                session.connection().exec_driver_sql("INSERT INTO x VALUES (1)")
        engine.dispose()
        other.dispose()


@pytest.mark.servers
def test_a_frozen_worker_does_not_keep_its_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server ends a transaction in which nothing happens, and others go on."""
    monkeypatch.setattr(time_limit, "IDLE", "500ms")
    with postgres() as url:
        engine, other = open_engine(url), open_engine(url)
        with writing(engine) as session:
            session.connection().exec_driver_sql("CREATE TABLE x (a int)")

        def freezes() -> None:
            with writing(other) as frozen:
                frozen.connection().exec_driver_sql("LOCK TABLE x")
                with writing(engine) as session:
                    session.connection().exec_driver_sql("INSERT INTO x VALUES (1)")
                frozen.connection().exec_driver_sql("INSERT INTO x VALUES (2)")

        with pytest.raises(StoreError):
            freezes()
        with writing(engine) as session:
            assert session.connection().exec_driver_sql("SELECT a FROM x").scalars().all() == [1]
        engine.dispose()
        other.dispose()


def test_a_pass_goes_on_when_the_database_comes_back(tmp_path: Path) -> None:
    """Nothing is counted against the mail that was being recorded."""
    with postgres() as url:
        box = installation.maildir_box(tmp_path / "in")
        config = installation.make(
            tmp_path,
            f'{box}{installation.delivery(f"maildir:{tmp_path}/out")}\n[database]\nurl = "{url}"\n',
        )
        (tmp_path / "in/new").mkdir(parents=True, exist_ok=True)
        (tmp_path / "in/new/one").write_bytes(bag(1)[0].raw)
        real, cuts = time_limit.limited, []

        def cutting(engine: object) -> object:
            cuts.append(1)
            if len(cuts) == 6:  # as if the server had died then
                raise StoreError("connect", "the server closed the connection")
            return real(engine)  # type: ignore[arg-type]  # an engine

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(time_limit, "limited", cutting)
            with suppress(StoreError):
                service.once(config)
        service.once(config)
        (row,) = installation.everything(config)["messages"]
        assert (row["status"], row["attempts"]) == ("handled", 0)
