"""The main job, for real: IMAP, Maildir or pipe in, typed cases stored, letters out by SMTP."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import sys
import time
from collections import Counter
from email import message_from_bytes
from pathlib import Path

import pytest

from intake.adapters.blob_store import Blobs
from intake.config.loader import Config
from intake.worker import service
from tests.support import installation
from tests.support.letter_text import plain_text
from tests.support.mailbag import Expected, answer, bag
from tests.support.running import await_, start
from tests.support.servers import Dovecot, Sink, dovecot, smtp_sink

pytestmark = [pytest.mark.servers, pytest.mark.xdist_group("servers")]

CAMPAIGN = int(os.environ.get("INTAKE_CAMPAIGN", "1"))


def check(config: Config, mails: list[Expected], letters: list[bytes]) -> None:
    """Every mail is one row, one case of its type with its files, and one letter."""
    found = installation.everything(config)
    rows = {row["message_id"]: row for row in found["messages"]}
    cases = {case["number"]: case for case in found["cases"]}
    assert len(found["messages"]) == len(rows) == len(mails)
    assert len(cases) == len(mails)
    blobs = Blobs(config.blob_folder)
    for mail in mails:
        row = rows[mail.message_id]
        case = cases[row["case_number"]]
        assert (row["action"], row["level"]) == (mail.action, "L3")
        assert case["type"] == mail.type
        assert case["status"] == ("draft" if mail.action == "ask" else "open")
        assert sorted(one["sha256"] for one in case["attachments"]) == sorted(mail.files)
        for digest in mail.files:
            assert hashlib.sha256(blobs.read(digest)).hexdigest() == digest
        assert blobs.read(row["digest"]) == mail.raw
    wanted = Counter(mail.sender for mail in mails)
    assert Counter(str(message_from_bytes(one)["To"]) for one in letters) == wanted


def test_two_hundred_mails_through_dovecot_and_smtp(tmp_path: Path) -> None:
    """`intake once`: the right cases, identical files, one letter each; again does nothing."""
    mails = bag(200)
    with dovecot(tmp_path) as imap, smtp_sink(tmp_path) as sink:
        text = installation.imap_box(imap.imap, imap.password)
        config = installation.make(
            tmp_path, text + installation.delivery(f"smtp://127.0.0.1:{sink.port}")
        )
        imap.append([mail.raw for mail in mails])
        done = installation.intake(config, "once", "--json")
        assert done.returncode == 0, done.stderr.decode()
        report = json.loads(done.stdout)
        assert (report["collected"], report["letters"]["sent"]) == (200, 200)
        check(config, mails, sink.letters())
        assert (imap.count(), imap.count("Processed"), imap.count("Held")) == (0, 200, 0)
        assert sorted(imap.read("Processed")) == sorted(mail.raw for mail in mails)
        again = json.loads(installation.intake(config, "once", "--json").stdout)
        assert (again["collected"], again["letters"]["sent"]) == (0, 0)
        assert len(sink.letters()) == 200
        _answer(imap, sink, config, mails)


def _answer(imap: Dovecot, sink: Sink, config: Config, mails: list[Expected]) -> None:
    """Every request is answered; the replies complete the drafts."""
    values = {
        "Issue Began": "01/05/2026",
        "Preferred Training Date": "12/31/2099",
        "Reason for Restore": "deleted by mistake",
        "Request Type": "SSRS",
        "Contact Email": "jessie@new.example",
        "Preferred Consult Date": "12/31/2099",
        "Type": "Other Services",
    }
    requests = [
        message_from_bytes(raw)
        for raw in sink.letters()
        if "<missing-fields." in str(message_from_bytes(raw)["Message-ID"])
    ]
    by_parent = {str(one["In-Reply-To"]): one for one in requests}
    replies = []
    for index, mail in enumerate(mails):
        if mail.action == "ask":
            letter = by_parent[mail.message_id]
            text = plain_text(letter)
            label = next(label for label in values if f"\n{label}:\n" in text)
            subject = str(letter["Subject"]).replace("\n", "")
            replies.append(answer(index, letter["Message-ID"], subject, label, values[label], text))
    imap.append(replies)
    report = service.once(config)
    assert report.actions == {"complete": len(replies)}
    found = installation.everything(config)
    assert {case["status"] for case in found["cases"]} == {"open"}
    assert len(found["cases"]) == len(mails)


def test_the_same_through_a_maildir(tmp_path: Path) -> None:
    """A Maildir in and a Maildir out give the same cases and letters."""
    mails = bag(60)
    box, out = tmp_path / "in", tmp_path / "out"
    config = installation.make(
        tmp_path, installation.maildir_box(box) + installation.delivery(f"maildir:{out}")
    )
    for number, mail in enumerate(mails):
        (box / "new" / f"{number}.test").write_bytes(mail.raw)
    report = service.once(config)
    assert report.failures == []
    check(config, mails, [path.read_bytes() for path in (out / "new").iterdir()])
    assert len(list((box / ".Processed" / "cur").iterdir())) == 60
    assert not list((box / "new").iterdir())
    assert service.once(config).collected == 0


def test_the_same_through_receive(tmp_path: Path) -> None:
    """An MTA's pipe hands over mail by mail; the same mail twice is one case."""
    mails = bag(5 * CAMPAIGN)
    out = tmp_path / "out"
    config = installation.make(
        tmp_path,
        installation.maildir_box(tmp_path / "in") + installation.delivery(f"maildir:{out}"),
    )
    for mail in (*mails, mails[0]):
        done = installation.intake(config, "receive", stdin=mail.raw)
        assert done.returncode == 0, done.stderr.decode()
    check(config, mails, [path.read_bytes() for path in (out / "new").iterdir()])
    assert installation.intake(config, "receive", stdin=b"").returncode == 65


def test_a_mail_wakes_the_worker(tmp_path: Path) -> None:
    """By IDLE, long before the next poll: LMTP to Dovecot, letter at the sink."""
    mail = bag(2)[1]
    with dovecot(tmp_path) as imap, smtp_sink(tmp_path) as sink:
        text = installation.imap_box(imap.imap, imap.password, more="poll_seconds = 3600")
        config = installation.make(
            tmp_path, text + installation.delivery(f"smtp://127.0.0.1:{sink.port}")
        )
        process = start(config)
        try:
            await_((config.folder / "var" / "heartbeat.json").exists)
            time.sleep(3)  # into IDLE; not what is measured
            imap.deliver(mail.raw)
            began = time.monotonic()
            await_(lambda: bool(sink.letters()))
            took = time.monotonic() - began
        finally:
            process.send_signal(signal.SIGTERM)
            code = process.wait(30)
        assert code == 0
        sys.stdout.write(f"letter after {took:.2f} s\n")


def test_two_workers_on_one_mailbox_do_everything_once(tmp_path: Path) -> None:
    """Both are woken by every mail; each is one case and one letter, and nobody sees an error."""
    mails = bag(60)
    with dovecot(tmp_path) as imap, smtp_sink(tmp_path) as sink:
        text = installation.imap_box(imap.imap, imap.password, more="poll_seconds = 5")
        config = installation.make(
            tmp_path, text + installation.delivery(f"smtp://127.0.0.1:{sink.port}")
        )
        workers = [start(config), start(config)]
        try:
            for first in range(0, len(mails), 20):
                imap.append([mail.raw for mail in mails[first : first + 20]])
                await_(lambda done=first + 20: len(sink.letters()) >= done)  # type: ignore[misc]
            await_(lambda: imap.count() == 0)
        finally:
            for one in workers:
                one.send_signal(signal.SIGTERM)
            codes = [one.wait(30) for one in workers]
        letters = sink.letters()
    assert codes == [0, 0]
    check(config, mails, letters)
    said = (config.folder / "log").read_text()
    assert [line for line in said.splitlines() if '"level": "error"' in line] == []


def test_killed_at_any_moment_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    """`kill -9` ten times while 200 mails wait: 200 cases, no case and no letter twice."""
    kills, size = 6 * CAMPAIGN, 200
    mails = bag(size)
    chance = random.Random(20260302)
    with dovecot(tmp_path) as imap, smtp_sink(tmp_path) as sink:
        more = "batch_mails = 20\npoll_seconds = 1"
        text = installation.imap_box(imap.imap, imap.password, more=more)
        way = installation.delivery(f"smtp://127.0.0.1:{sink.port}") + "lease_seconds = 2\n"
        config = installation.make(tmp_path, text + way)
        imap.append([mail.raw for mail in mails])
        for _ in range(kills):
            process = start(config)
            time.sleep(chance.uniform(0.6, 2.2))
            process.kill()
            process.wait()
        beat = config.folder / "var" / "heartbeat.json"
        beat.unlink(missing_ok=True)
        process = start(config)
        await_(beat.exists)
        await_(lambda: settled(config, imap, size), 120)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        found = installation.everything(config)
        letters = Counter(str(message_from_bytes(one)["Message-ID"]) for one in sink.letters())
    assert Counter(row["status"] for row in found["messages"]) == {"handled": size}
    assert len(found["cases"]) == size
    assert len({case["message_id"] for case in found["cases"]}) == size
    assert set(letters.values()) == {1}, "an acknowledgement was sent twice"
    states = Counter(row["state"] for row in found["letters"])
    assert set(states) <= {"sent", "in_doubt"}
    assert states["in_doubt"] <= kills * 4
    assert states["sent"] + states["in_doubt"] == size
    sys.stdout.write(f"{kills} kills: {dict(states)}, {len(letters)} at the sink\n")


def settled(config: Config, imap: Dovecot, size: int) -> bool:
    """Every mail moved, no letter due or claimed."""
    if imap.count("Processed") < size:
        return False
    states = {row["state"] for row in installation.everything(config)["letters"]}
    return states <= {"sent", "in_doubt"}
