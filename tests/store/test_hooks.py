"""Events for other programs: each once for each hook, in order, signed, and never quietly lost."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from intake.config.loader import Config
from intake.model.events import EVENT_KINDS, WITH_PEOPLE
from intake.model.incidents import Update
from intake.store import reports, webhooks
from intake.store.engine import open_engine
from intake.worker.webhook_sender import HookReport, deliver_hooks
from tests.support import installation
from tests.support.hook_service import INCIDENT, NOW, SECRET, happen, hook, service
from tests.support.receiver import independent, receiver

KEY = bytes(range(32))

UPDATE = Update("INC-42", 2, "update", "identified", "We found it.", NOW, "operator:archie")


class Clock:
    """A clock the test moves."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        """Now."""
        return self.now


def passed(config: Config, clock: Callable[[], datetime]) -> HookReport:
    """One pass."""
    engine = open_engine(config.database_url)
    try:
        return deliver_hooks(engine, config, clock)
    finally:
        engine.dispose()


def rows(config: Config, **wanted: str) -> list[dict[str, Any]]:
    """The deliveries, oldest first."""
    with installation.database(config) as session:
        return webhooks.listed(session, limit=10000, **wanted)[::-1]


# ---------------------------------------------------------------- passes


def test_an_event_arrives_signed_as_the_standard_says(tmp_path: Path) -> None:
    """Three headers, the body as it was signed, both keys of a secret that is being changed."""
    (tmp_path / "secret").write_text(f"whsec_{base64.b64encode(KEY).decode()}\n{SECRET}\n")
    with receiver() as there:
        config = service(tmp_path, hook("chat", there.port, 'secret_file = "secret"'))
        with installation.database(config, write=True) as session:
            payload = webhooks.incident_payload(INCIDENT, UPDATE)
            webhooks.emit(session, "incident.updated", payload, NOW)
        clock = Clock()
        clock.now += timedelta(minutes=3)
        assert passed(config, clock).sent == 1
        (got,) = there.got
    assert (got["method"], got["path"]) == ("POST", f"/in/{SECRET}-path")
    assert got["host"] == f"127.0.0.1:{there.port}"
    assert got["content-type"] == "application/json"
    assert got["webhook-timestamp"] == str(int(clock.now.timestamp()))
    assert "." not in got["webhook-id"]
    signatures = got["webhook-signature"].split(" ")
    assert signatures == [independent(KEY, got), independent(SECRET.encode(), got)]
    body = json.loads(got["body"])
    assert list(body) == ["type", "timestamp", "data"]
    assert (body["type"], body["timestamp"]) == ("incident.updated", "2026-03-02T15:00:00.000Z")
    assert body["data"] == json.loads(json.dumps(payload))


def test_every_hook_gets_what_it_listens_for_in_order(tmp_path: Path) -> None:
    """Every kind to one, four to the other; a second pass sends nothing."""
    usual = [one for one in EVENT_KINDS if one not in WITH_PEOPLE]
    with receiver() as chat, receiver() as status:
        config = service(
            tmp_path,
            hook("chat", chat.port),
            hook("status", status.port, 'events = ["incident.*"]'),
        )
        happen(config, *usual, *WITH_PEOPLE)
        report = passed(config, Clock())
        assert (report.sent, report.failures) == (len(usual) + 4, [])
        assert chat.kinds == usual, "what names people must be asked for"
        assert status.kinds == [one for one in EVENT_KINDS if one.startswith("incident.")]
        assert len(set(chat.ids)) == len(usual)
        assert set(status.ids) < set(chat.ids)
        assert "webhook-signature" not in chat.got[0]
        assert passed(config, Clock()).total == 0
    assert {row["state"] for row in rows(config)} == {"done"}


def test_a_failure_is_tried_again_with_growing_pauses_and_holds_the_later_ones(
    tmp_path: Path,
) -> None:
    """10 s, 20 s, … up to an hour, each a little off; the same id; then everything in order."""
    clock, pauses = Clock(), []
    with receiver() as chat:
        config = service(tmp_path, hook("chat", chat.port))
        happen(config, "incident.opened", "incident.updated")
        chat.status = lambda _: 500
        for _ in range(12):
            report = passed(config, clock)
            assert (report.sent, report.retry, report.failed) == (0, 1, 0)
            first, second = rows(config)
            assert (second["state"], second["attempts"]) == ("due", 0)
            due = datetime.fromisoformat(first["due_at"])
            pauses.append((due - clock.now).total_seconds())
            clock.now = due - timedelta(seconds=1)
            assert passed(config, clock).total == 0
            clock.now = due
        assert report.failures == ["chat: HTTP 500 Internal Server Error"]
        assert len(set(chat.ids)) == 1
        chat.status = lambda _: 200
        assert passed(config, clock).sent == 2
        assert chat.kinds[-2:] == ["incident.opened", "incident.updated"]
    for pause, wanted in zip(pauses, (10 * 2**n for n in range(12)), strict=True):
        assert min(wanted * 0.8, 3600) <= pause <= min(wanted * 1.2, 3600)
    assert pauses[-1] == 3600


def test_retry_after_lengthens_the_pause(tmp_path: Path) -> None:
    """Five minutes where it would have been ten seconds."""
    with receiver() as chat:
        chat.status = lambda _: 503
        chat.headers["Retry-After"] = "300"
        config = service(tmp_path, hook("chat", chat.port))
        happen(config)
        passed(config, Clock())
    (row,) = rows(config)
    assert datetime.fromisoformat(row["due_at"]) == NOW + timedelta(seconds=300)


def test_what_is_given_up_fails_visibly_and_lets_the_next_one_through(tmp_path: Path) -> None:
    """After the configured hours; `status` says so with exit code 1; a retry sends it anew."""
    clock = Clock()
    with receiver() as chat:
        config = service(tmp_path, hook("chat", chat.port, "give_up_hours = 2"))
        happen(config, "incident.opened", "incident.updated")
        chat.status = lambda one: 200 if b"updated" in one["body"] else 404
        passed(config, clock)
        clock.now += timedelta(hours=1)
        assert passed(config, clock).retry == 1
        clock.now += timedelta(hours=1, seconds=1)
        report = passed(config, clock)
        assert (report.failed, report.sent) == (1, 1)
        failed, done = rows(config)
        assert (failed["state"], failed["reply"]) == ("failed", "HTTP 404 Not Found")
        assert done["state"] == "done"
        with installation.database(config) as session:
            assert reports.status(session).hooks == {"done": 1, "failed": 1}
        shown = installation.command(config, "status")
        assert (shown.returncode, b"1 failed" in shown.stdout) == (1, True)
        chat.status = lambda _: 200
        again = installation.command(config, "hooks", "retry", str(failed["id"]))
        assert again.returncode == 0, again.stderr
        assert passed(config, lambda: datetime.now(UTC)).sent == 1
        assert chat.ids.count(chat.ids[0]) == 4
    installation.alive(config)
    assert installation.command(config, "status").returncode == 0


def test_gone_is_final(tmp_path: Path) -> None:
    """410: not tried again, and the next event is still offered."""
    with receiver() as chat:
        chat.status = lambda _: 410
        config = service(tmp_path, hook("chat", chat.port))
        happen(config, "incident.opened", "incident.updated")
        report = passed(config, Clock())
    assert (report.failed, report.retry, len(chat.got)) == (2, 0, 2)
    assert [row["state"] for row in rows(config)] == ["failed", "failed"]


def test_a_slow_program_delays_only_its_own_events(tmp_path: Path) -> None:
    """One hook hangs until the other has had all of its events."""
    done = threading.Event()
    with receiver() as slow, receiver() as fast:
        slow.status = lambda _: 200 if done.wait(60) else 500
        fast.status = lambda _: (done.set() if len(fast.got) == 3 else None) or 200
        config = service(
            tmp_path, hook("a-slow", slow.port, "seconds = 60"), hook("fast", fast.port)
        )
        happen(config, "incident.opened", "incident.updated", "incident.resolved")
        assert passed(config, Clock()).sent == 6
    assert slow.kinds == fast.kinds


def test_events_from_before_a_hook_was_configured_are_not_sent_to_it(tmp_path: Path) -> None:
    """Nobody gets a history that was never meant for them."""
    config = service(tmp_path)
    happen(config, "incident.opened")
    assert passed(config, Clock()).total == 0
    with receiver() as chat:
        config = service(tmp_path, hook("chat", chat.port))
        happen(config, "incident.updated")
        assert passed(config, Clock()).sent == 1
        assert chat.kinds == ["incident.updated"]


def test_deliveries_to_a_hook_that_was_removed_fail_after_a_day(tmp_path: Path) -> None:
    """Not at once: a worker with an older configuration must not give anything up."""
    clock = Clock()
    with receiver() as chat:
        chat.status = lambda _: 500
        config = service(tmp_path, hook("chat", chat.port))
        happen(config)
        passed(config, clock)
        without = service(tmp_path)
        clock.now += timedelta(hours=23)
        passed(without, clock)
        assert rows(config)[0]["state"] == "due"
        clock.now += timedelta(hours=2)
        passed(without, clock)
    (row,) = rows(config)
    assert (row["state"], row["reply"]) == ("failed", "the hook is not configured any more")


def test_a_secret_that_cannot_be_had_puts_the_event_off(tmp_path: Path) -> None:
    """Unsigned it is never sent; the reply says why, and it goes out once there is one."""
    clock = Clock()
    with receiver() as chat:
        config = service(tmp_path, hook("chat", chat.port, 'secret_file = "absent"'))
        happen(config)
        assert passed(config, clock).retry == 1
        assert chat.got == []
        assert "absent: the secret cannot be read" in rows(config)[0]["reply"]
        (tmp_path / "absent").write_text("whsec_!!!")
        clock.now += timedelta(minutes=1)
        assert passed(config, clock).retry == 1
        assert rows(config)[0]["reply"].endswith("is no base64 behind it")
        (tmp_path / "absent").write_text(SECRET)
        clock.now += timedelta(minutes=1)
        assert passed(config, clock).sent == 1
        assert chat.got[0]["webhook-signature"] == independent(SECRET.encode(), chat.got[0])


KILLED = """
import sys
from datetime import UTC, datetime
from intake.config import loader as settings
from intake.worker.webhook_sender import deliver_hooks
from intake.store.engine import open_engine
config = settings.load(sys.argv[1])
deliver_hooks(open_engine(config.database_url), config, lambda: datetime.now(UTC))
"""


def test_a_worker_killed_between_claim_and_settle_costs_a_second_copy_and_no_loss(
    tmp_path: Path,
) -> None:
    """kill -9 while the receiver has it and has not answered: sent again, with the same id."""
    arrived, let_go = threading.Event(), threading.Event()
    with receiver() as chat:

        def hang(_: dict[str, Any]) -> int:
            arrived.set()
            let_go.wait(60)
            return 200

        chat.status = hang
        config = service(tmp_path, hook("chat", chat.port, "seconds = 60"))
        happen(config, "incident.opened", "incident.updated")
        worker = subprocess.Popen([sys.executable, "-c", KILLED, config.file])
        assert arrived.wait(60)
        os.kill(worker.pid, signal.SIGKILL)
        assert worker.wait(60) == -signal.SIGKILL
        let_go.set()
        chat.status = lambda _: 200
        now = datetime.now(UTC)
        assert passed(config, lambda: now).total == 0  # the dead worker's lease still runs
        assert [row["state"] for row in rows(config)] == ["claimed", "due"]
        later = now + timedelta(seconds=121)
        assert passed(config, lambda: later).sent == 2
    assert chat.kinds == ["incident.opened", "incident.opened", "incident.updated"]
    assert chat.ids[0] == chat.ids[1] != chat.ids[2]
