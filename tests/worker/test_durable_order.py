"""The order of writes, step by step: what may be seen of a mail at each moment of its way in."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text

from intake.adapters.blob_store import BlobError, Blobs
from intake.adapters.journal import Journal, MailLine
from intake.adapters.mailbox.protocol import Settled
from intake.config.loader import Config
from intake.store import locks
from intake.store.engine import Session, StoreError
from intake.store.locks import Turn
from intake.worker import batch, collector, file_jobs, runs
from intake.worker.batch import Pass, Tally
from intake.worker.bootstrap import assemble
from intake.worker.collector import Rules
from tests.support import installation
from tests.support.checker import digest_of
from tests.support.durable import bytes_of, rested
from tests.support.fake_box import FakeBox, passed, statuses

ALL = Rules(backfill_all=True)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """A service with a Maildir in and a Maildir out, that trusts the mails of the bag."""
    box = installation.maildir_box(tmp_path / "in").replace(
        'url = "maildir', 'received_above = 1\nurl = "maildir'
    )
    return installation.make(tmp_path, box + installation.delivery(f"maildir:{tmp_path}/out"))


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

    def locked(session: Session) -> None:
        locks.removing_blobs(session)
        session.execute(text("UPDATE messages SET digest = :orphan"), {"orphan": orphan})

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
        (batch, "naming_blobs"), (batch, "_all_there"), (runs, "record_all"),
        (batch, "_proofs"), (Blobs, "flush"),
    ):  # fmt: skip
        told(owner, name)
    passed(config, FakeBox(bytes_of(2)))
    assert steps == ["flush", "_proofs", "naming_blobs", "_all_there", "record_all"]


class Lost(Turn):
    """Somebody else has taken over."""

    def check(self) -> None:
        """Says so."""
        raise StoreError("connect", "another worker has taken over")


def test_who_lost_the_turn_while_reading_records_nothing(config: Config) -> None:
    """The turn is asked for once more when all is read, before the transaction."""
    box = FakeBox(bytes_of(2))
    with assemble(config) as made:
        current = Pass(box, box.open(), made.collector, Tally(box.name), Lost())
        with pytest.raises(StoreError, match="taken over"):
            batch.finish(current, batch.begin(current, box.waiting(1)))
    assert (statuses(config), len(box.mails)) == ({}, 2)


def test_a_blob_store_that_fails_while_a_mail_is_handled_is_not_its_fault(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The batch is given up as a whole: no row, no attempt counted, nothing moved."""
    box, real, calls = FakeBox(bytes_of(3)), runs.decided, []

    def broken(*words: Any, **more: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            raise BlobError(errno.EIO, "cannot read the blob: Input/output error")
        return real(*words, **more)

    with monkeypatch.context() as patch:
        patch.setattr(runs, "decided", broken)
        with pytest.raises(BlobError, match="Input/output"):
            passed(config, box)
    assert (statuses(config), len(box.mails), noted(config)) == ({}, 3, [])
    assert passed(config, box).actions == {"create": 3}


def test_a_transaction_that_ended_unseen_takes_no_further_mail(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After it every statement would be committed by itself, and the rows after it would stay."""
    box, judge, write = FakeBox(bytes_of(6)), runs._judge, runs.record_all
    judged: list[int] = []
    written: list[int] = []

    def quiet(run: Any, *words: Any) -> Any:
        judged.append(1)
        if len(judged) == 3:
            run.session.connection().connection.dbapi_connection.rollback()
        return judge(run, *words)

    def told(*words: Any) -> Any:
        written.append(1)
        return write(*words)

    monkeypatch.setattr(runs, "_judge", quiet)
    monkeypatch.setattr(runs, "record_all", told)
    with pytest.raises(StoreError):
        passed(config, box)
    assert (statuses(config), len(box.mails), written) == ({}, 6, [])
    monkeypatch.undo()
    assert passed(config, box).collected == 6


def test_the_journal_says_nothing_of_a_commit_that_failed(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise the next start would take the database for an older copy of itself."""
    box, real = FakeBox(bytes_of(2)), runs.record_all
    with assemble(config) as made:

        def fails(_: Any) -> None:
            raise OSError(errno.EIO, "Input/output error")

        def last(*words: Any, **more: Any) -> Any:
            event.listen(made.collector.engine, "commit", fails)
            return real(*words, **more)

        with monkeypatch.context() as patch:
            patch.setattr(runs, "record_all", last)
            with pytest.raises(OSError, match="Input/output"):
                collector.collect(box, made.collector, Rules(batch_mails=1, backfill_all=True))
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
