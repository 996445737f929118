"""When the database, the disk or the clock fails in a batch, no mail of the batch pays for it."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import OperationalError

from intake.adapters.blob_store import BlobError, Blobs
from intake.config.loader import Config
from intake.store import engine as engines
from intake.store.engine import Engine, StoreError, intact, open_engine, reading, savepoint, writing
from intake.store.messages import insert
from intake.worker import batch, collector, file_jobs, runs, service
from intake.worker.bootstrap import assemble
from intake.worker.collector import Rules
from tests.support import checker, installation
from tests.support.checker import Maildir, World, digest_of
from tests.support.durable import rested
from tests.support.fake_box import FakeBox, passed, statuses
from tests.support.mailbag import bag
from tests.support.postgres import prepared


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """A service with a Maildir in and a Maildir out, that trusts the mails of the bag."""
    text_ = installation.maildir_box(tmp_path / "in").replace(
        'url = "maildir', 'received_above = 1\nurl = "maildir'
    )
    return installation.make(tmp_path, text_ + installation.delivery(f"maildir:{tmp_path}/out"))


def problems(config: Config, mails: list[bytes]) -> list[str]:
    """What the checker says at the end."""
    made = World(
        ever=mails,
        database=config.folder / "var/intake.db",
        blobs=config.blob_folder,
        letters=Maildir(config.folder / "out").read(),
    )
    return checker.settled(checker.look(made, Maildir(config.folder / "in")))


def fill(config: Config, mails: list[bytes]) -> None:
    """Mails into the Maildir."""
    for number, raw in enumerate(mails):
        (config.folder / "in/new" / f"{number:03}.x").write_bytes(raw)


@pytest.mark.parametrize(
    "message", ["database or disk is full", "disk I/O error", "database is locked", "malformed"]
)
def test_a_failing_database_moves_nothing_and_blames_no_mail(
    config: Config, monkeypatch: pytest.MonkeyPatch, message: str
) -> None:
    """SQLite rolls everything back by itself; what comes after must not be committed piecemeal."""
    mails = [mail.raw for mail in bag(8)]
    fill(config, mails)
    real, calls = insert._insert, []

    def broken(session: Any, *words: Any) -> Any:
        calls.append(1)
        if len(calls) == 4:  # the rows of the fourth table
            session.connection().connection.dbapi_connection.rollback()  # as SQLite does on its own
            raise OperationalError("INSERT", {}, sqlite3.OperationalError(message))
        return real(session, *words)

    monkeypatch.setattr(insert, "_insert", broken)
    report = service.once(config)
    assert len(report.failures) == 1
    assert message in report.failures[0]
    assert len(Maildir(config.folder / "in").read()) == 8, "nothing was moved"
    assert statuses(config) == {}
    assert installation.command(config, "status").returncode == 1
    monkeypatch.undo()
    assert service.once(config).failures == []
    assert problems(config, mails) == []


def test_a_rollback_that_nobody_noticed_is_noticed_before_the_commit(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error was swallowed somewhere; the transaction is another one, and that is enough."""
    mails = [mail.raw for mail in bag(6)]
    fill(config, mails)
    real, calls = insert._insert, []

    def quiet(session: Any, *words: Any) -> Any:
        done = real(session, *words)
        calls.append(1)
        if len(calls) == 3:
            session.flush()
            link = session.connection().connection.dbapi_connection
            link.rollback()
            link.execute("BEGIN")
        return done

    monkeypatch.setattr(insert, "_insert", quiet)
    assert len(service.once(config).failures) == 1
    assert len(Maildir(config.folder / "in").read()) == 6
    monkeypatch.undo()
    service.once(config)
    assert problems(config, mails) == []


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_transaction_that_is_gone_cannot_be_committed(tmp_path: Path, kind: str) -> None:
    """Neither at the end nor in the middle, on either database."""
    with prepared(kind, tmp_path) as engine:
        with pytest.raises(StoreError):
            _behind_its_back(engine)
        with pytest.raises(StoreError):
            _after_an_error(engine)
        with writing(engine) as session, savepoint(session):
            intact(session)
            session.execute(text("INSERT INTO counters VALUES ('kept', 1)"))
        with reading(engine) as session:
            names = set(session.scalars(text("SELECT name FROM counters")))
    assert "kept" in names
    assert not {"lost", "twice"} & names


def _behind_its_back(engine: Engine) -> None:
    """The connection itself rolls back, and the statements go on."""
    with writing(engine) as session:
        session.execute(text("INSERT INTO counters VALUES ('lost', 1)"))
        session.connection().connection.dbapi_connection.rollback()
        session.execute(text("INSERT INTO counters VALUES ('alone', 1)"))


def _after_an_error(engine: Engine) -> None:
    """Somebody swallows the error of a statement and wants to commit the rest."""
    with writing(engine) as session:
        session.execute(text("INSERT INTO counters VALUES ('lost', 1)"))
        with suppress(StoreError), savepoint(session):
            session.execute(text("INSERT INTO counters VALUES ('twice', 1), ('twice', 1)"))
        link = session.connection().connection.dbapi_connection
        link.rollback()


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("database or disk is full", "full"),
        ("could not extend file: No space left on device", "full"),
        ("disk I/O error", "full"),
        ("database is locked", "busy"),
        ("deadlock detected", "busy"),
        ("attempt to write a readonly database", "readonly"),
        ("database disk image is malformed", "corrupt"),
        ("something new", "other"),
    ],
)
def test_failures_have_a_kind(words: str, kind: str) -> None:
    """The first error counts, not the one that came of undoing it."""
    engine = open_engine("sqlite://")
    first = OperationalError("INSERT", {}, sqlite3.OperationalError(words))
    second = OperationalError("ROLLBACK", {}, sqlite3.OperationalError("no such savepoint: x"))
    second.__context__ = first
    assert engines.translate(engine, second).kind == kind
    assert words in str(engines.translate(engine, second))
    engine.dispose()


def test_a_mail_that_the_database_refuses_is_counted_alone(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One mail's values are refused, three passes long; the other seven are handled at once."""
    mails = [mail.raw for mail in bag(8)]
    fill(config, mails)
    bad = digest_of(mails[3])

    def refuse(real: Callable[..., Any], digests: Callable[..., list[str]]) -> Callable[..., Any]:
        def refused(session: Any, mail: Any, *words: Any) -> Any:
            if bad in digests(mail):
                session.execute(text("INSERT INTO counters VALUES ('x', 1), ('x', 1)"))
            return real(session, mail, *words)

        return refused

    many = refuse(runs.record_all, lambda found: [one.entry.arrival.digest for one in found])
    monkeypatch.setattr(runs, "record_all", many)  # the first time
    again = refuse(runs.record, lambda entry: [entry.arrival.digest])
    monkeypatch.setattr(runs, "record", again)
    for expected in ({"deferred": 1}, {"deferred": 1}, {"shelved": 1}):
        service.once(config)
        assert statuses(config) == {"handled": 7} | expected
    assert len(Maildir(config.folder / "in").read("Held")) == 1


def test_a_cut_connection_in_the_middle_blames_nobody(config: Config) -> None:
    """Any statement of a batch fails; the next pass decides all of it and shelves nothing."""
    mails = [mail.raw for mail in bag(3)]
    _statements(config, mails, 0)  # what only the first pass of all does is not counted
    count = _statements(config, mails, 0)
    assert count > 20
    for number in range(1, count + 1, max(1, count // (14 * CAMPAIGN))):
        _statements(config, mails, number)


CAMPAIGN = int(os.environ.get("INTAKE_CAMPAIGN", "1"))


def _statements(config: Config, mails: list[bytes], fails: int) -> int:
    """A pass whose n-th statement fails, then a good one; how many statements there were."""
    with installation.database(config, write=True) as session:
        for table in ("outbox", "events", "case_fields", "attachments", "pending_forms", "cases",
                      "messages", "mailboxes", "unknown_labels", "counters"):  # fmt: skip
            session.execute(text(f"DELETE FROM {table}"))
    (config.folder / "var/journal").unlink(missing_ok=True)  # it would notice
    box = FakeBox(list(mails))
    counted = 0

    def before(*_: Any) -> None:
        nonlocal counted
        counted += 1
        if counted == fails:
            raise OperationalError("any", {}, sqlite3.OperationalError("disk I/O error"))

    with assemble(config) as made:
        event.listen(made.collector.engine, "before_cursor_execute", before)
        if fails:
            with pytest.raises(StoreError, match="disk I/O error"):
                collector.collect(box, made.collector, Rules(backfill_all=True))
        else:
            collector.collect(box, made.collector, Rules(backfill_all=True))
        first = counted
        event.remove(made.collector.engine, "before_cursor_execute", before)
        moved = sum(map(len, box.moved.values()))
        with reading(made.collector.engine) as session:
            rows = session.execute(text("SELECT status, digest FROM messages")).all()
        assert moved <= len(rows)
        collector.collect(box, made.collector, Rules(backfill_all=True))
    assert statuses(config) == {"handled": len(mails)}
    assert not box.mails
    assert len(installation.everything(config)["cases"]) == len(mails)
    return first


def _old(config: Config) -> None:
    for path in config.blob_folder.rglob("*"):
        if path.is_file():
            os.utime(path, (1, 1))


def test_the_sweep_beside_a_batch_takes_nothing_that_is_about_to_be_named(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After every single step of a batch a whole sweep runs; all blobs are of last year."""
    mails = [mail.raw for mail in bag(10)]
    box = FakeBox(list(mails))
    blobs = Blobs(config.blob_folder)
    steps: list[str] = []
    with assemble(config) as made:

        def swept(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
            def step(*words: Any, **more: Any) -> Any:
                done = real(*words, **more)
                steps.append(name)
                if name in ("stage", "flush", "_proofs", "check"):
                    file_jobs.sweep(config, made)
                else:  # inside the transaction: another process would wait for its end
                    thread = threading.Thread(target=file_jobs.sweep, args=(config, made))
                    thread.start()
                    sweeps.append(thread)
                return done

            return step

        sweeps: list[threading.Thread] = []
        for raw in mails:  # they came a year ago, and were never recorded
            blobs.flush([blobs.stage(raw)])
        for mail in bag(10):
            for digest in mail.files:
                assert len(digest) == 64
        _old(config)
        for owner, name in (
            (made.collector.blobs, "stage"), (made.collector.blobs, "flush"), (batch, "_proofs"),
            (batch, "_all_there"), (runs, "record_all"),
        ):  # fmt: skip
            monkeypatch.setattr(owner, name, swept(name, getattr(owner, name)))
        collector.collect(box, made.collector, Rules(backfill_all=True))
        for thread in sweeps:
            thread.join()
        file_jobs.sweep(config, made)
    assert {"stage", "flush", "_proofs", "_all_there", "record_all"} <= set(steps)
    assert statuses(config) == {"handled": 10}
    for raw in mails:
        assert Blobs(config.blob_folder).read(digest_of(raw)) == raw


def test_a_blob_that_went_missing_before_the_commit_ends_the_batch(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever took it: no row names it, and the next pass stores it anew."""
    mails = [mail.raw for mail in bag(3)]
    box = FakeBox(list(mails))
    real = batch._proofs

    def taken(*words: Any) -> Any:
        checker.blob_path(config.blob_folder, digest_of(mails[1])).unlink()
        return real(*words)

    with monkeypatch.context() as patch:
        patch.setattr(batch, "_proofs", taken)
        with pytest.raises(BlobError, match="went missing"):
            passed(config, box)
    assert len(box.mails) == 3
    assert passed(config, box).collected == 3


def test_the_sweep_removes_what_nobody_names(config: Config) -> None:
    """Old orphans go, named blobs stay however old, and half-written files of the dead go too."""
    mails = [mail.raw for mail in bag(4)]
    passed(config, FakeBox(list(mails)))
    blobs = Blobs(config.blob_folder)
    orphan = blobs.stage(b"nobody names this")
    blobs.flush([orphan])
    blobs.stage(b"half")
    _old(config)
    with assemble(config) as made:
        file_jobs.sweep(config, made)
    assert blobs.missing([orphan, *map(digest_of, mails)]) == [orphan]
    assert list(blobs.staging.iterdir()) == []


def test_a_maildir_name_that_comes_again_is_handled_again(config: Config) -> None:
    """The second mail under the name of the first: its own case, and both are kept."""
    mails = [mail.raw for mail in bag(2)]
    for raw in mails:
        (config.folder / "in/new/1.x").write_bytes(raw)
        assert service.once(config).failures == []
    assert problems(config, mails) == []


def test_a_maildir_mail_that_is_moved_back_leaves_again(config: Config) -> None:
    """The same file in the inbox again is the same mail: no second case, and it does not stay."""
    mails = [mail.raw for mail in bag(1)]
    fill(config, mails)
    service.once(config)
    (moved,) = (config.folder / "in/.Processed/cur").iterdir()
    moved.rename(config.folder / "in/cur" / moved.name)
    service.once(config)
    assert problems(config, mails) == []


@pytest.mark.parametrize("gone", [True, False])
def test_a_big_mail_that_came_in_part_is_not_handled(
    config: Config, monkeypatch: pytest.MonkeyPatch, gone: bool
) -> None:
    """Gone in the middle: vanished. Still there: asked for again, and then whole."""
    mail = bag(1)[0].raw
    small = config.shape.limits.model_copy(update={"max_mail_bytes": len(mail) * 2})
    tight = replace(config, shape=config.shape.model_copy(update={"limits": small}))
    box = FakeBox([mail])

    def half(uid: int, write: Any) -> bool:
        write(mail[: len(mail) // 2])
        box.gone = {uid} if gone else set()
        return False

    with monkeypatch.context() as patch:
        patch.setattr(box, "fetch_large", half)
        assert passed(tight, box).collected == 0
    found = installation.everything(config)
    assert found["cases"] == found["letters"] == []
    assert [row["status"] for row in found["messages"]] == ["vanished" if gone else "deferred"]
    if not gone:
        rested(config)
        assert passed(tight, box).collected == 1
        assert len(installation.everything(config)["cases"]) == 1
