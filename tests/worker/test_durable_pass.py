"""The order of writes in a pass and in the database."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from intake.adapters.journal import Gap, MailLine
from intake.config.loader import Config
from intake.store import locks, restore_check
from intake.store.contacts import directory
from intake.store.engine import open_engine, reading, writing
from intake.store.locks import collecting
from intake.store.messages.context import look_up
from intake.worker import collector, service
from intake.worker.bootstrap import assemble
from intake.worker.collector import Rules
from tests.support import installation
from tests.support.durable import bytes_of, handled
from tests.support.fake_box import FakeBox, passed, statuses
from tests.support.postgres import postgres, prepared
from tests.support.records import PEOPLE, keys, one_mail
from tests.support.values import NOW, message


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """A service with a Maildir in and a Maildir out, that trusts the mails of the bag."""
    box = installation.maildir_box(tmp_path / "in").replace(
        'url = "maildir', 'received_above = 1\nurl = "maildir'
    )
    return installation.make(tmp_path, box + installation.delivery(f"maildir:{tmp_path}/out"))


# ---------------------------------------------------------------- one pass


def test_a_worker_that_was_stopped_begins_no_further_batch(config: Config) -> None:
    """What it has begun it ends, and the rest is there for the next pass."""
    box = FakeBox(bytes_of(5))
    with assemble(config) as made:
        rules = Rules(batch_mails=2, backfill_all=True)
        tally = collector.collect(box, made.collector, rules, lambda _: made.stop.set())
    assert (tally.collected, tally.again, len(box.mails)) == (2, True, 3)
    assert passed(config, box).collected == 3


def test_mail_of_the_very_second_of_the_line_is_ours(config: Config) -> None:
    """A server tells whole seconds: a mail that came just after the line seems to be before it."""
    mails = bytes_of(2)
    box = FakeBox(mails[:1])
    with assemble(config) as made:
        line = NOW.replace(microsecond=700_000)
        desk = replace(made.collector, clock=lambda: line)
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
    with writing(engine) as session:
        found = {
            name: session.scalar(text(f"PRAGMA {name}"))
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
        with writing(engine) as session:
            directory.load(session, PEOPLE, NOW)
        found: list[Any] = []

        def second() -> None:
            with writing(engine) as session:
                found.append(look_up(session, keys(replace(mail, digest="other")), NOW))

        thread = threading.Thread(target=second)
        with writing(engine) as session:
            handled(session, mail)
            thread.start()
            thread.join(1)
            assert thread.is_alive(), "it waits for the number"
        thread.join(20)
    assert found[0].twin is not None
    assert found[0].next_number == "CASE-1002"


def test_a_journal_with_a_gap_is_not_relied_on(tmp_path: Path) -> None:
    """What it does not name may have happened all the same: such a letter is in doubt."""
    with prepared("sqlite", tmp_path) as engine:
        with writing(engine) as session:
            directory.load(session, PEOPLE, NOW)
        done = one_mail(engine, 1)
        line = MailLine(f"{1:064d}", done.row, done.case_number, NOW)
        with reading(engine) as session:
            assert restore_check.testimony(session, [line]).reliable
            assert not restore_check.testimony(session, [Gap(), line]).reliable
        with writing(engine) as session:
            said = restore_check.testimony(session, [Gap(), line])
            assert restore_check.settle_letters(session, said, NOW) == {"in_doubt": 1}
