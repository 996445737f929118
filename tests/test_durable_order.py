"""The order of writes, step by step: what may be seen of a mail at each moment of its way in."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text, update

from intake.adapters.blob_store import BlobError, Blobs
from intake.adapters.journal import Gap, Journal, MailLine
from intake.adapters.mailbox.protocol import Settled
from intake.config.loader import Config
from intake.mail.message import Message
from intake.store import locks, restore_check
from intake.store.contacts import directory
from intake.store.engine import StoreError, Unit, open_engine, reading, writing
from intake.store.locks import Turn, collecting
from intake.store.messages.context import look_up
from intake.store.messages.record import Entry, Result, record
from intake.store.tables.messages import MessageRow
from intake.triage.decision import decide
from intake.worker import batch, collector, file_jobs, pipeline, service
from intake.worker.batch import Pass, Tally
from intake.worker.bootstrap import assemble
from intake.worker.collector import Rules
from tests import house
from tests.checker import digest_of
from tests.facts import COMPLETE, NOW, POLICY, SIGNED, message
from tests.mailbag import bag
from tests.postgres import postgres, prepared
from tests.test_store import PEOPLE, STAMP, arrival, keys, one_mail
from tests.test_worker import FakeBox, passed, statuses

ALL = Rules(backfill_all=True)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """A service with a Maildir in and a Maildir out, that trusts the mails of the bag."""
    box = house.maildir_box(tmp_path / "in").replace(
        'url = "maildir', 'received_above = 1\nurl = "maildir'
    )
    return house.make(tmp_path, box + house.delivery(f"maildir:{tmp_path}/out"))


def bytes_of(count: int) -> list[bytes]:
    """So many mails."""
    return [mail.raw for mail in bag(count)]


def noted(config: Config) -> list[str]:
    """The digests of the mails that the journal names."""
    lines = Journal(config.path("var") / "journal").lines()
    return [line.digest for line in lines if isinstance(line, MailLine)]


def test_a_flush_makes_a_stored_blob_young(tmp_path: Path) -> None:
    """Without staging it again: what a row is about to name is no orphan for any sweep."""
    blobs = Blobs(tmp_path / "blobs")
    digest = blobs.stage(b"logo")
    blobs.flush([digest])
    os.utime(blobs.path(digest), (1, 1))
    blobs.flush([digest])
    assert list(blobs.aged(3600)) == []
    assert blobs.remove([digest], 3600) == 0


def test_a_second_flush_does_not_trust_a_folder_that_could_not_be_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bytes get a new file and a new name by the flush alone, whoever staged them before."""
    blobs, real = Blobs(tmp_path / "blobs"), os.fsync
    digest = blobs.stage(b"x")

    def sync(descriptor: int) -> None:
        if os.path.isdir(f"/proc/self/fd/{descriptor}"):
            raise OSError(errno.EIO, "Input/output error")
        real(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", sync)
        with pytest.raises(BlobError, match="fsync the folder"):
            blobs.flush([digest])
    before = blobs.path(digest).stat().st_ino
    blobs.flush([digest])
    assert blobs.path(digest).stat().st_ino != before
    assert blobs.read(digest) == b"x"


def test_the_sweep_looks_again_while_nobody_can_name_a_blob(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Old bytes that a row names between the first look and the lock are kept."""
    passed(config, FakeBox(bytes_of(1)))
    blobs = Blobs(config.blob_folder)
    orphan = blobs.stage(b"about to be named")
    blobs.flush([orphan])
    for path in config.blob_folder.glob("??/??/*"):
        os.utime(path, (1, 1))

    def locked(unit: Unit) -> None:
        locks.removing_blobs(unit)
        unit.execute(text("UPDATE messages SET digest = :orphan"), {"orphan": orphan})

    monkeypatch.setattr(file_jobs, "removing_blobs", locked)
    with assemble(config) as made:
        file_jobs.sweep(config, made)
    assert blobs.read(orphan) == b"about to be named"


# ---------------------------------------------------------------- one batch


def test_blobs_are_named_under_the_lock_and_after_a_last_look(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the transaction itself: the lock, then the look whether all are there, then the rows."""
    steps: list[str] = []

    def told(owner: object, name: str) -> None:
        real: Callable[..., Any] = getattr(owner, name)

        def step(*words: Any, **more: Any) -> Any:
            steps.append(name)
            return real(*words, **more)

        monkeypatch.setattr(owner, name, step)

    for owner, name in (
        (batch, "naming_blobs"), (batch, "_all_there"), (pipeline, "record"),
        (batch, "_proofs"), (Blobs, "flush"),
    ):  # fmt: skip
        told(owner, name)
    passed(config, FakeBox(bytes_of(2)))
    assert steps == ["flush", "_proofs", "naming_blobs", "_all_there", "record", "record"]


class Lost(Turn):
    """Somebody else has taken over."""

    def check(self) -> None:
        """Says so."""
        raise StoreError("connect", "another worker has taken over")


def test_who_lost_the_turn_while_reading_records_nothing(config: Config) -> None:
    """The turn is asked for once more when all is read, before the transaction."""
    box = FakeBox(bytes_of(2))
    with assemble(config) as made:
        current = Pass(box, box.open(), made.desk, Tally(box.name), Lost())
        with pytest.raises(StoreError, match="taken over"):
            batch.take(current, box.waiting(1))
    assert (statuses(config), len(box.mails)) == ({}, 2)


def test_a_blob_store_that_fails_while_a_mail_is_handled_is_not_its_fault(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The batch is given up as a whole: no row, no attempt counted, nothing moved."""
    box, real, calls = FakeBox(bytes_of(3)), pipeline.record, []

    def broken(*words: Any, **more: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            raise BlobError(errno.EIO, "cannot read the blob: Input/output error")
        return real(*words, **more)

    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "record", broken)
        with pytest.raises(BlobError, match="Input/output"):
            passed(config, box)
    assert (statuses(config), len(box.mails), noted(config)) == ({}, 3, [])
    assert passed(config, box).actions == {"create": 3}


def test_a_transaction_that_ended_unseen_takes_no_further_mail(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After it every statement would be committed by itself, and the rows after it would stay."""
    box, real, calls = FakeBox(bytes_of(6)), pipeline.record, []

    def quiet(unit: Any, *words: Any, **more: Any) -> Any:
        done = real(unit, *words, **more)
        calls.append(1)
        return done

    monkeypatch.setattr(pipeline, "record", quiet)
    begun = batch.savepoint

    def begin(unit: Unit) -> Any:
        if len(calls) == 3:
            unit.connection().connection.dbapi_connection.rollback()
        return begun(unit)

    monkeypatch.setattr(batch, "savepoint", begin)
    with pytest.raises(StoreError):
        passed(config, box)
    assert (statuses(config), len(box.mails), len(calls)) == ({}, 6, 3)
    monkeypatch.undo()
    assert passed(config, box).collected == 6


def test_the_journal_says_nothing_of_a_commit_that_failed(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise the next start would take the database for an older copy of itself."""
    box, real = FakeBox(bytes_of(2)), pipeline.record
    with assemble(config) as made:

        def fails(_: Any) -> None:
            raise OSError(errno.EIO, "Input/output error")

        def last(*words: Any, **more: Any) -> Any:
            event.listen(made.desk.engine, "commit", fails)
            return real(*words, **more)

        with monkeypatch.context() as patch:
            patch.setattr(pipeline, "record", last)
            with pytest.raises(OSError, match="Input/output"):
                collector.collect(box, made.desk, Rules(batch_mails=1, backfill_all=True))
    assert (statuses(config), noted(config), len(box.mails)) == ({}, [], 2)
    assert passed(config, box).collected == 2


class Watched(FakeBox):
    """A mailbox that looks, when it is told to move mails, at what is on disk."""

    def __init__(self, mails: list[bytes], config: Config) -> None:
        super().__init__(mails)
        self.config = config
        self.seen: list[tuple[dict[str, int], list[str]]] = []

    def settle(self, folder: str, uids: Any, *, again: bool = False) -> list[Settled]:
        """Notes rows and journal first."""
        self.seen.append((statuses(self.config), noted(self.config)))
        return super().settle(folder, uids, again=again)


def test_a_mail_is_moved_only_when_its_row_and_the_journal_are_there(config: Config) -> None:
    """The commit, then the line of the journal, then the server."""
    mails = bytes_of(3)
    box = Watched(mails, config)
    passed(config, box)
    assert box.seen == [({"handled": 3}, [digest_of(raw) for raw in mails])]


def rested(config: Config) -> None:
    """The time in which a server is not asked again is over."""
    long_ago = datetime.now(UTC) - timedelta(hours=2)
    with house.unit(config, write=True) as unit:
        unit.execute(update(MessageRow).values(recorded_at=long_ago))


class Cut(FakeBox):
    """A mailbox that gives only the first half of a large mail."""

    def fetch_large(self, uid: int, write: Any) -> Any:
        """Half of it, and that it was not all."""
        write(self.mails[uid][: len(self.mails[uid]) // 2])
        return False


def test_a_large_mail_that_came_in_part_is_asked_for_again(config: Config) -> None:
    """No outcome and no move; after a rest the next pass fetches it whole."""
    (raw,) = bytes_of(1)
    small = config.shape.limits.model_copy(update={"max_mail_bytes": 2 * len(raw)})
    tight = replace(config, shape=config.shape.model_copy(update={"limits": small}))
    box = Cut([raw])
    assert passed(tight, box).again
    assert (statuses(config), len(box.mails)) == ({"deferred": 1}, 1)
    rested(config)
    assert passed(tight, FakeBox([raw])).actions == {"create": 1}
    assert Blobs(config.blob_folder).read(digest_of(raw)) == raw


# ---------------------------------------------------------------- one pass


def test_a_worker_that_was_stopped_begins_no_further_batch(config: Config) -> None:
    """What it has begun it ends, and the rest is there for the next pass."""
    box = FakeBox(bytes_of(5))
    with assemble(config) as made:
        rules = Rules(batch_mails=2, backfill_all=True)
        tally = collector.collect(box, made.desk, rules, lambda _: made.stop.set())
    assert (tally.collected, tally.again, len(box.mails)) == (2, True, 3)
    assert passed(config, box).collected == 3


def test_mail_of_the_very_second_of_the_line_is_ours(config: Config) -> None:
    """A server tells whole seconds: a mail that came just after the line seems to be before it."""
    mails = bytes_of(2)
    box = FakeBox(mails[:1])
    with assemble(config) as made:
        line = NOW.replace(microsecond=700_000)
        desk = replace(made.desk, clock=lambda: line)
        assert collector.collect(box, desk, Rules()).collected == 0
        box.mails[2], box.arrived[2] = mails[1], line.replace(microsecond=0)
        assert collector.collect(box, desk, Rules()).collected == 1


def test_a_mail_that_was_moved_back_into_a_maildir_is_moved_again(config: Config) -> None:
    """It keeps its UID and its row, which says that it was moved: no second case, no remainder."""
    (config.folder / "in/new/1.x").write_bytes(bytes_of(1)[0])
    service.once(config)
    processed = config.folder / "in/.Processed/cur"
    for _ in range(2):
        (there,) = processed.iterdir()
        there.rename(config.folder / "in/cur" / there.name)
        assert service.once(config).failures == []
        assert list((config.folder / "in/cur").iterdir()) == []
    assert len(list(processed.iterdir())) == 1
    assert statuses(config) == {"handled": 1}


# ---------------------------------------------------------------- the database


def test_sqlite_commits_durably_and_keeps_its_statements_in_memory(tmp_path: Path) -> None:
    """A commit is synced to the log, and a full temporary folder breaks no transaction."""
    engine = open_engine(f"sqlite:///{tmp_path}/x.db")
    with writing(engine) as unit:
        found = {
            name: unit.scalar(text(f"PRAGMA {name}"))
            for name in ("journal_mode", "synchronous", "temp_store", "foreign_keys")
        }
    engine.dispose()
    assert found == {"journal_mode": "wal", "synchronous": 2, "temp_store": 2, "foreign_keys": 1}


@pytest.mark.servers
@pytest.mark.xdist_group("servers")
def test_who_took_over_has_the_lock_and_not_only_the_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A third worker is told that the mailbox is being collected."""
    with postgres() as url, ExitStack() as stack:
        first, second, third = (open_engine(url) for _ in range(3))
        for engine in (first, second, third):
            stack.callback(engine.dispose)
        with collecting(first, "support"):
            monkeypatch.setattr(locks, "SILENT_SECONDS", -1.0)
            for _ in range(20):  # a busy machine ends a connection when it comes to it
                turn = stack.enter_context(collecting(second, "support"))
                if turn is not None:
                    break
            assert turn is not None
            monkeypatch.setattr(locks, "SILENT_SECONDS", 120.0)
            time.sleep(0.5)  # until the connection of the first has ended in any case
            with collecting(third, "support") as other:
                assert other is None
            turn.check()


@pytest.mark.servers
@pytest.mark.xdist_group("servers")
def test_of_two_with_the_same_mail_the_second_sees_what_the_first_did(tmp_path: Path) -> None:
    """Locking the number comes before everything that is looked up, so the twin is found."""
    mail = message(digest=f"{1:064d}", message_id="<1@bayside.example>")
    with prepared("postgresql", tmp_path) as engine:
        with writing(engine) as unit:
            directory.load(unit, PEOPLE, NOW)
        found: list[Any] = []

        def second() -> None:
            with writing(engine) as unit:
                found.append(look_up(unit, keys(replace(mail, digest="other")), NOW))

        thread = threading.Thread(target=second)
        with writing(engine) as unit:
            handled(unit, mail)
            thread.start()
            thread.join(1)
            assert thread.is_alive(), "it waits for the number"
        thread.join(20)
    assert found[0].twin is not None
    assert found[0].next_number == "CASE-1002"


def handled(unit: Unit, mail: Message) -> None:
    """Zack's mail decided and recorded in a transaction that goes on."""
    known = look_up(unit, keys(mail), NOW)
    sender = replace(SIGNED, contact=known.contacts[0])
    decision = decide(mail, sender, COMPLETE, known, POLICY, NOW)
    record(unit, Entry(arrival(1, mail.digest), mail), [Result(decision)], NOW, STAMP)


def test_a_journal_with_a_gap_is_not_relied_on(tmp_path: Path) -> None:
    """What it does not name may have happened all the same: such a letter is in doubt."""
    with prepared("sqlite", tmp_path) as engine:
        with writing(engine) as unit:
            directory.load(unit, PEOPLE, NOW)
        done = one_mail(engine, 1)
        line = MailLine(f"{1:064d}", done.row, done.case_number, NOW)
        with reading(engine) as unit:
            assert restore_check.testimony(unit, [line]).reliable
            assert not restore_check.testimony(unit, [Gap(), line]).reliable
        with writing(engine) as unit:
            said = restore_check.testimony(unit, [Gap(), line])
            assert restore_check.settle_letters(unit, said, NOW) == {"in_doubt": 1}
