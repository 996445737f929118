"""The worker when things go wrong: nothing is lost, the rest goes on, the operator is told."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from intake.adapters import heartbeat
from intake.adapters.blob_store import BlobError, Blobs
from intake.adapters.mailbox.protocol import MailboxError
from intake.config.loader import Config
from intake.store import reports
from intake.worker import notice_jobs, pipeline, scheduler
from intake.worker.bootstrap import assemble
from intake.worker.collector import Rules
from intake.worker.outbox_sender import Posted
from tests.support import installation
from tests.support.fake_box import NOW, FakeBox, passed, statuses
from tests.support.fakes import FakeSmtp, listening
from tests.support.mailbag import answer, bag


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """A service whose letters go into a Maildir."""
    text = installation.maildir_box(tmp_path / "in").replace(
        'url = "maildir', 'received_above = 1\nurl = "maildir'
    )
    return installation.make(tmp_path, text + installation.delivery(f"maildir:{tmp_path}/out"))


def test_first_connection_takes_only_what_arrives_from_then_on(config: Config) -> None:
    """Years of old mail stay where they are; new mail is handled."""
    mails = bag(4)
    box = FakeBox([mail.raw for mail in mails[:3]])
    assert passed(config, box, Rules()).collected == 0
    box.mails[4] = mails[3].raw
    box.arrived[4] = datetime.now(UTC) + timedelta(seconds=5)
    assert passed(config, box, Rules()).collected == 1
    assert sorted(box.mails) == [1, 2, 3]


def test_a_backfill_begins_at_its_date(config: Config) -> None:
    """Mail from before is somebody else's."""
    box = FakeBox([mail.raw for mail in bag(3)])
    box.arrived[1] = NOW - timedelta(days=40)
    assert passed(config, box, Rules(backfill_since=NOW - timedelta(days=30))).collected == 2


def test_batches_are_bounded_and_big_mail_is_streamed(config: Config) -> None:
    """Every mail is handled whatever the bounds; one over the limit stays unread on the server."""
    mails = [mail.raw for mail in bag(7)]
    box = FakeBox(mails)
    small = config.shape.limits.model_copy(update={"max_mail_bytes": 1600})
    tight = replace(config, shape=config.shape.model_copy(update={"limits": small}))
    tally = passed(tight, box, Rules(batch_mails=2, batch_bytes=900, backfill_all=True))
    big = [uid for uid, raw in enumerate(mails, 1) if len(raw) > 1600]
    assert big
    assert tally.collected == 7
    assert sorted(box.moved["held"]) == big
    assert not set(big) & set(box.fetched)
    with installation.database(config) as session:
        held = reports.messages(session, state="held")
    assert all("at most 1600 are fetched" in row["reasons"][0] for row in held)


def test_a_new_uidvalidity_handles_nothing_twice(config: Config) -> None:
    """Restored under new UIDs: known bytes are moved again, new mail is handled."""
    mails = [mail.raw for mail in bag(4)]
    box = FakeBox(mails[:3])
    box.stuck = True
    assert passed(config, box).collected == 3
    restored = FakeBox([mails[2], mails[3], mails[0]], uidvalidity=8)
    tally = passed(config, restored)
    assert tally.actions == {"create": 1}
    assert restored.mails == {}
    assert statuses(config) == {"handled": 4}


def test_a_server_that_does_not_move_costs_no_second_case(config: Config) -> None:
    """What is recorded is moved on a later pass, and never fetched again."""
    box = FakeBox([mail.raw for mail in bag(3)])
    box.stuck = True
    assert passed(config, box).again
    assert passed(config, box).collected == 0
    assert box.fetched == [1, 2, 3]
    box.stuck = False
    assert passed(config, box).moved == 3
    assert len(box.moved["processed"]) == 3


def test_mail_that_vanishes_before_it_is_read_has_a_row(config: Config) -> None:
    """Listed and gone is a status of its own."""
    box = FakeBox([mail.raw for mail in bag(3)])
    box.gone = {2}
    assert passed(config, box).actions == {"create": 2, "vanished": 1}
    assert statuses(config) == {"handled": 2, "vanished": 1}


def test_one_poisoned_mail_stops_no_other(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """Handling raises for one of five: four are done at once, the fifth is shelved after three."""
    mails = bag(5)
    real = pipeline.judge

    def judge(session: Any, read: Any, *more: Any) -> Any:
        if read.message.message_id == mails[2].message_id:
            raise ZeroDivisionError("poison")
        return real(session, read, *more)

    monkeypatch.setattr(pipeline, "judge", judge)
    box = FakeBox([mail.raw for mail in mails])
    tally = passed(config, box)
    assert tally.actions == {"create": 4, "shelved": 1}
    assert list(box.mails) == [3]
    passed(config, box)
    passed(config, box)
    assert box.moved["held"] == [3]
    assert statuses(config) == {"handled": 4, "shelved": 1}
    with installation.database(config) as session:
        (row,) = reports.messages(session, state="shelved")
        shown = reports.message(session, row["id"])
    assert shown is not None
    assert "ZeroDivisionError: poison" in shown["failure"]
    monkeypatch.undo()
    assert installation.intake(config, "messages", "replay", str(row["id"])).returncode == 0
    assert statuses(config) == {"handled": 5}


def test_an_unreadable_mail_is_held_with_its_bytes(config: Config) -> None:
    """Garbage, two senders, no header: held, kept, and the next mail is handled."""
    bad = [b"\x00\x01\x02", b"From: a@x.example\r\nFrom: b@x.example\r\n\r\nx", b"no header at all"]
    box = FakeBox([*bad, bag(1)[0].raw])
    assert passed(config, box).actions == {"hold": 3, "create": 1}
    assert box.moved["held"] == [1, 2, 3]
    with installation.database(config) as session:
        rows = reports.messages(session, state="held")
    blobs = Blobs(config.blob_folder)
    assert sorted(blobs.read(row["digest"]) for row in rows) == sorted(bad)


def test_the_same_mail_in_two_places_is_one_case(config: Config) -> None:
    """A copy in the folder, and a copy delivered with another hop on top."""
    raw = bag(1)[0].raw
    box = FakeBox([raw, raw, b"Received: from a by b; x\r\n" + raw])
    assert passed(config, box).actions == {"create": 1, "ignore": 2}
    assert statuses(config) == {"handled": 1, "ignored": 2}


def test_a_mail_and_its_answer_in_one_batch_find_each_other(config: Config) -> None:
    """The second mail of a batch sees what the first one did."""
    mails = bag(60)
    index = next(
        n
        for n, mail in enumerate(mails)
        if mail.type == "request_consulting" and mail.action == "ask"
    )
    passed(config, FakeBox([mails[index].raw]))
    with installation.database(config) as session:
        (row,) = reports.letters(session)
        letter = reports.letter(session, row["id"])
    assert letter is not None
    reply = answer(
        index, letter["message_id_header"], letter["subject"], "Preferred Consult Date",
        "12/31/2099", letter["text"],
    )  # fmt: skip
    correction = reply.replace(b"<answer-", b"<again-").replace(
        b"Preferred Consult Date: 12/31/2099\r\n", b"Priority: Low\r\n", 1
    )
    tally = passed(config, FakeBox([mails[index].raw, reply, correction], uidvalidity=9))
    assert tally.actions == {"complete": 1, "append": 1}
    with installation.database(config) as session:
        case = reports.case(session, "CASE-1001")
    assert case is not None
    assert (case["status"], case["priority"]) == ("open", "Low")


def test_a_failing_mailbox_stops_no_other(config: Config) -> None:
    """The first cannot be reached; the second is collected, the failure is on record."""
    text = Path(config.file).read_text()
    broken = installation.imap_box(1, "pw").replace('"support"', '"broken"')
    Path(config.file).write_text(
        broken.replace("[[mailbox]]", "[[mailbox]]", 1) + text.replace(installation.HEAD, "")
    )
    Path(config.file).write_text(installation.HEAD + broken + text.partition(installation.HEAD)[2])
    (config.folder / "in/new/1").write_bytes(bag(1)[0].raw)
    done = installation.intake(config, "once", "--json")
    assert done.returncode == 75
    report = json.loads(done.stdout)
    assert report["collected"] == 1
    assert "mailbox broken" in report["failures"][0]
    status = json.loads(installation.intake(config, "status", "--json").stdout)
    assert status["failing"] == ["broken"]


def test_letters_wait_for_a_server_that_is_down(config: Config) -> None:
    """Put off with the reason, sent once when it is back; the cases are open either way."""
    (config.folder / "in/new/1").write_bytes(bag(1)[0].raw)
    text = (
        Path(config.file).read_text().replace(f"maildir:{config.folder}/out", "smtp://127.0.0.1:1")
    )
    Path(config.file).write_text(text)
    report = json.loads(installation.intake(config, "once", "--json").stdout)
    assert (report["collected"], report["letters"]["retry"]) == (1, 1)
    server = FakeSmtp({})
    with listening(server.serve) as port:
        Path(config.file).write_text(text.replace("127.0.0.1:1", f"127.0.0.1:{port}"))
        assert installation.intake(config, "outbox", "retry", "1").returncode == 0
        report = json.loads(installation.intake(config, "once", "--json").stdout)
        assert report["letters"]["sent"] == 1
    assert len(server.taken) == 1


def test_a_full_disk_touches_nothing_on_the_server(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bytes cannot be made durable: no row, no move, one clear line, and all is done later."""
    box = FakeBox([mail.raw for mail in bag(2)])

    def full(self: Blobs, digests: Any) -> None:
        raise BlobError("cannot sync the blob: no space left on device")

    monkeypatch.setattr(Blobs, "flush", full)
    with pytest.raises(BlobError, match="no space left"):
        passed(config, box)
    assert (len(box.mails), statuses(config)) == (2, {})
    monkeypatch.undo()
    assert passed(config, box).actions == {"create": 2}


def test_a_file_size_limit_is_one_clear_line(config: Config) -> None:
    """A real refusal by the kernel, seen from outside: exit code, no traceback, mail untouched."""
    mail = bag(1)[0].raw + b"x" * 300_000
    (config.folder / "in/new/1").write_bytes(mail)

    def small() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))

    done = subprocess.run(
        [sys.executable, "-m", "intake", "--config", config.file, "once"],
        capture_output=True, check=False, preexec_fn=small, timeout=60,
    )  # fmt: skip
    assert done.returncode in (74, 75), done.stderr.decode()
    assert b"Traceback" not in done.stderr
    assert (config.folder / "in/new/1").exists()
    assert statuses(config) == {}


def test_logs_hold_no_text_of_mails_and_no_secret(config: Config) -> None:
    """A whole pass at debug level: neither body, subject, password nor key is in it."""
    text = (
        Path(config.file).read_text().replace('format = "json"', 'format = "json"\nlevel = "debug"')
    )
    Path(config.file).write_text(
        text
        + 'password = "hush-hush"\n'
        + installation.imap_box(1, "hush-hush").replace('"support"', '"b"')
    )
    secret = (config.folder / "var/secret").read_text().strip()
    mails = bag(6)
    for number, mail in enumerate(mails):
        (config.folder / "in/new" / str(number)).write_bytes(mail.raw)
    (config.folder / "in/new/bad").write_bytes(b"From: \x1b[31m\r\n\r\nPost button")
    done = installation.intake(config, "once")
    logs = done.stderr.decode()
    assert '"event": "recorded"' in logs
    for word in ("Post button", "Matter number", "hush", secret, "\x1b"):
        assert word not in logs, word
    assert all(json.loads(line) for line in logs.splitlines() if line.startswith("{"))


def test_the_service_backs_off_from_a_broken_mailbox(config: Config) -> None:
    """Pauses grow, the server's own wish counts, and a good pass ends them."""
    with assemble(config) as made:
        service = scheduler.Service(config, made)
        line = replace(made.mailboxes[0], poll_seconds=1, idle=False)
        waits = []
        for wish in (0.0, 0.0, 700.0):
            service._went_wrong(line, MailboxError("connect", "no route", wish))
            waits.append(service.retry_at["support"] - time.monotonic())
        assert [round(wait) for wait in waits] == [1, 2, 700]
        service.collect(line)
        assert service.misses["support"] == 3, "not asked before its time"
        service.retry_at.clear()
        service.collect(line)
        assert service.misses == {}
        service.remind()
        service.sweep()
        service.heartbeat()
        made.stop.set()
        service.deliver()
    beat = heartbeat.read(config.path("var"))
    assert beat is not None
    assert heartbeat.troubles(beat, datetime.now(UTC)) == []
    assert heartbeat.read(config.folder / "none") is None


def test_notices_are_sent_once_a_second_while_any_are_due(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One look while nothing is due; further ones until nothing is, or the run is over."""
    due: list[Posted | None] = []
    monkeypatch.setattr(notice_jobs, "broadcast_due", lambda app: due.pop(0))
    monkeypatch.setattr(scheduler, "PACE_SECONDS", 0.0)
    with assemble(config) as made:
        service = scheduler.Service(config, made)
        for rounds, left in ((0, 3), (1, 2), (4, 1)):
            due[:] = [*([Posted()] * rounds), *([None] * (4 - rounds))]
            service.broadcast()
            assert len(due) == left, rounds
    assert service.last["broadcast"]
