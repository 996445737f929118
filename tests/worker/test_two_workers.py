"""Several workers on one mailbox: each mail once, whoever is first, stopped or dead."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from intake.config.loader import Config
from intake.store import locks
from intake.store.engine import StoreError, open_engine, reading, writing
from intake.store.locks import collecting
from intake.worker import collector
from intake.worker.bootstrap import assemble
from intake.worker.collector import Rules
from tests.support import checker, installation
from tests.support.checker import World
from tests.support.fake_box import FakeBox
from tests.support.mailbag import bag
from tests.support.postgres import postgres
from tests.support.running import await_, start
from tests.support.servers import Dovecot, Sink, dovecot, smtp_sink

CAMPAIGN = int(os.environ.get("INTAKE_CAMPAIGN", "1"))
pytestmark = [
    pytest.mark.servers,
    pytest.mark.xdist_group("servers"),
    pytest.mark.timeout(180 * CAMPAIGN),
]


@dataclass(frozen=True)
class Place:
    """A service on real servers."""

    config: Config
    imap: Dovecot
    sink: Sink
    url: str

    def world(self, mails: list[bytes]) -> World:
        """What there is to see of it."""
        made = World(
            ever=mails,
            database=self.url or self.config.folder / "var/intake.db",
            blobs=self.config.blob_folder,
            letters=self.sink.letters(),
        )
        return checker.look(made, self.imap)


@contextmanager
def place(folder: Path, kind: str) -> Iterator[Place]:
    """Dovecot, a sink and a database of that kind."""
    with ExitStack() as stack:
        imap = stack.enter_context(dovecot(folder))
        sink = stack.enter_context(smtp_sink(folder))
        url = stack.enter_context(postgres()) if kind == "postgresql" else ""
        text = installation.imap_box(imap.imap, imap.password, more="poll_seconds = 1")
        text += installation.delivery(f"smtp://127.0.0.1:{sink.port}")
        text += f'\n[database]\nurl = "{url}"\n' if url else ""
        yield Place(installation.make(folder, text), imap, sink, url)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_mails_moved_back_are_no_new_cases(tmp_path: Path, kind: str) -> None:
    """Two workers, and a person who drags handled mails back into the inbox all the time."""
    mails = [mail.raw for mail in bag(16 * CAMPAIGN)]
    with place(tmp_path, kind) as here:
        workers = [start(here.config), start(here.config)]
        dice = random.Random(7)
        try:
            for first in range(0, len(mails), 10):
                here.imap.append(mails[first : first + 10])
                for _ in range(4):
                    time.sleep(0.3)
                    _drag_back(here.imap, dice)
            await_(lambda: here.imap.count() == 0)
            await_(lambda: len(here.sink.letters()) >= len(mails))
        finally:
            for one in workers:
                one.send_signal(signal.SIGTERM)
            codes = [one.wait(30) for one in workers]
        assert codes == [0, 0]
        assert checker.settled(here.world(mails)) == []
        with installation.database(here.config) as session:
            cases = session.connection().exec_driver_sql("SELECT count(*) FROM cases").scalar()
    assert cases == len(mails)


def _drag_back(imap: Dovecot, dice: random.Random) -> None:
    with imap.client() as client:
        if not client.folder_exists("Processed"):
            return
        client.select_folder("Processed")
        uids = client.search()
        if uids:
            client.move(dice.sample(uids, min(5, len(uids))), "INBOX")


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_two_passes_over_the_same_mails_at_once(tmp_path: Path, kind: str) -> None:
    """Even without the lock: the database lets only one of them record each mail."""
    mails = [mail.raw for mail in bag(60)]
    with ExitStack() as stack:
        url = stack.enter_context(postgres()) if kind == "postgresql" else ""
        text = installation.maildir_box(tmp_path / "in").replace(
            'url = "maildir', 'received_above = 1\nurl = "maildir'
        )
        text += installation.delivery(f"maildir:{tmp_path}/out")
        text += f'\n[database]\nurl = "{url}"\n' if url else ""
        config = installation.make(tmp_path, text)
        gate, tallies = threading.Barrier(3), []
        failures: list[Exception] = []

        def work() -> None:
            box = FakeBox(list(mails))
            with assemble(config) as made:
                gate.wait()
                for _ in range(3):
                    try:
                        rules = Rules(batch_mails=7, backfill_all=True, alone=False)
                        tallies.append(collector.collect(box, made.collector, rules))
                    except StoreError as failure:
                        failures.append(failure)

        threads = [threading.Thread(target=work) for _ in range(3)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        found = installation.everything(config)
    assert failures == []
    assert len(found["cases"]) == len(mails)
    assert {row["status"] for row in found["messages"]} == {"handled"}
    assert len(found["messages"]) == len(mails)
    assert len(found["letters"]) == len(mails)
    assert sum(tally.actions.get("shelved", 0) for tally in tallies) == 0


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_mailbox_is_collected_by_one_at_a_time(tmp_path: Path, kind: str) -> None:
    """The second one is told at once, and may begin as soon as the first has ended."""
    with ExitStack() as stack:
        url = stack.enter_context(postgres()) if kind == "postgresql" else ""
        first, second = (open_engine(url or f"sqlite:///{tmp_path}/x.db") for _ in range(2))
        stack.callback(first.dispose)
        stack.callback(second.dispose)
        with collecting(first, "support") as turn:
            assert turn is not None
            turn.renew()
            turn.check()
            with collecting(second, "support") as other:
                assert other is None
            with collecting(second, "another") as other:
                assert other is not None
        with collecting(second, "support") as other:
            assert other is not None


def test_a_collector_that_is_silent_for_too_long_is_taken_over_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped or cut off, it holds its lock for ever; when it goes on it is told."""
    with postgres() as url:
        first, second = open_engine(url), open_engine(url)
        with collecting(first, "support") as turn:
            assert turn is not None
            monkeypatch.setattr(locks, "SILENT_SECONDS", 0.2)
            time.sleep(0.5)
            with collecting(second, "support") as other:
                assert other is not None
                with pytest.raises(StoreError, match="taken over"):
                    turn.check()
                other.check()
        first.dispose()
        second.dispose()


def test_a_busy_mailbox_is_no_failure(tmp_path: Path) -> None:
    """`once` beside a running worker does the rest of its work and says nothing is wrong."""
    config = installation.make(
        tmp_path,
        installation.maildir_box(tmp_path / "in")
        + installation.delivery(f"maildir:{tmp_path}/out"),
    )
    (tmp_path / "in/new/1").write_bytes(bag(1)[0].raw)
    engine = open_engine(config.database_url)
    with collecting(engine, "support"):
        done = installation.command(config, "once", "--json")
    engine.dispose()
    assert done.returncode == 0
    assert b'"busy": true' in done.stdout
    assert installation.command(config, "once").returncode == 0
    assert len(installation.everything(config)["cases"]) == 1


def test_a_stopped_worker_that_goes_on_changes_nothing(tmp_path: Path) -> None:
    """SIGSTOP in the middle of its pass, another does the work, SIGCONT."""
    mails = [mail.raw for mail in bag(60)]
    with place(tmp_path, "postgresql") as here:
        dice = random.Random(3)
        for _ in range(3 * CAMPAIGN):
            here.imap.append([one for one in mails if one not in here.imap.read("Processed")][:20])
            late = start(here.config)
            time.sleep(dice.uniform(0.8, 2.0))
            late.send_signal(signal.SIGSTOP)
            with installation.database(here.config, write=True) as session:
                session.connection().exec_driver_sql(
                    "SELECT pg_terminate_backend(pid) FROM pg_locks "
                    "WHERE locktype = 'advisory' AND pid <> pg_backend_pid()"
                )
            assert installation.intake(here.config, "once").returncode in (0, 1)
            late.send_signal(signal.SIGCONT)
            time.sleep(1)
            late.send_signal(signal.SIGTERM)
            late.wait(30)
        await_(
            lambda: (
                installation.intake(here.config, "once").returncode == 0 and not here.imap.count()
            )
        )
        ever = here.imap.read("Processed")
        assert checker.violations(here.world(ever)) == []


def test_a_sweep_waits_for_whoever_records_on_postgresql() -> None:
    """Naming blobs and removing them exclude each other; naming does not exclude naming."""
    with postgres() as url:
        engine = open_engine(url)
        done = threading.Event()

        def sweep() -> None:
            with writing(engine) as session:
                locks.removing_blobs(session)
                done.set()

        with writing(engine) as session:
            locks.naming_blobs(session)
            with writing(engine) as other:
                locks.naming_blobs(other)
            thread = threading.Thread(target=sweep)
            thread.start()
            assert not done.wait(0.5)
        assert done.wait(10)
        thread.join()
        with reading(engine):
            pass
        engine.dispose()
