"""Events for other programs: each once for each hook, in order, signed, and never quietly lost."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from intake.cli.app import app
from intake.config.loader import Config
from intake.model.events import EVENT_KINDS, Gone, Outcome, Taken
from intake.model.incidents import Incident, Update
from intake.store import reports, webhooks
from intake.store.engine import Engine, open_engine, reading, writing
from intake.worker.webhook_sender import HookReport, deliver_hooks
from tests import house
from tests import postgres as databases
from tests.receiver import independent, receiver

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
SECRET = "planted-webhook-secret-90ab"
KEY = bytes(range(32))
EVERYTHING = {"chat": lambda kind: True, "status": lambda kind: kind.startswith("incident.")}
INCIDENT = Incident(
    "INC-42", "incident", "Posting of grades is delayed", "identified", "Grades come late",
    ("Grade Book",), starts_at=NOW, closed_at=None,
)  # fmt: skip
UPDATE = Update("INC-42", 2, "update", "identified", "We found it.", NOW, "operator:archie")


class Clock:
    """A clock the test moves."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        """Now."""
        return self.now


def hook(name: str, port: int, more: str = "") -> str:
    """A [[webhook]] table."""
    return (
        f'[[webhook]]\nname = "{name}"\nurl = "http://127.0.0.1:{port}/in/{SECRET}-path"\n{more}\n'
    )


def service(folder: Path, *tables: str) -> Config:
    """A service with those hooks."""
    return house.make(folder, house.maildir_box(folder / "in") + "".join(tables))


def happen(config: Config, *kinds: str) -> None:
    """Those events, each in a transaction of its own."""
    for number, kind in enumerate(kinds or ("incident.opened",)):
        with house.unit(config, write=True) as unit:
            webhooks.emit(unit, kind, {"number": number}, NOW + timedelta(seconds=number))


def passed(config: Config, clock: Callable[[], datetime]) -> HookReport:
    """One pass."""
    engine = open_engine(config.database_url)
    try:
        return deliver_hooks(engine, config, clock)
    finally:
        engine.dispose()


def rows(config: Config, **wanted: str) -> list[dict[str, Any]]:
    """The deliveries, oldest first."""
    with house.unit(config) as unit:
        return webhooks.listed(unit, limit=10000, **wanted)[::-1]


# ---------------------------------------------------------------- passes


def test_an_event_arrives_signed_as_the_standard_says(tmp_path: Path) -> None:
    """Three headers, the body as it was signed, both keys of a secret that is being changed."""
    (tmp_path / "secret").write_text(f"whsec_{base64.b64encode(KEY).decode()}\n{SECRET}\n")
    with receiver() as there:
        config = service(tmp_path, hook("chat", there.port, 'secret_file = "secret"'))
        with house.unit(config, write=True) as unit:
            payload = webhooks.incident_payload(INCIDENT, UPDATE)
            webhooks.emit(unit, "incident.updated", payload, NOW)
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
    with receiver() as chat, receiver() as status:
        config = service(
            tmp_path,
            hook("chat", chat.port),
            hook("status", status.port, 'events = ["incident.*"]'),
        )
        happen(config, *EVENT_KINDS)
        report = passed(config, Clock())
        assert (report.sent, report.failures) == (len(EVENT_KINDS) + 4, [])
        assert chat.kinds == list(EVENT_KINDS)
        assert status.kinds == [one for one in EVENT_KINDS if one.startswith("incident.")]
        assert len(set(chat.ids)) == len(EVENT_KINDS)
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
        with house.unit(config) as unit:
            assert reports.status(unit).hooks == {"done": 1, "failed": 1}
        shown = house.command(config, "status")
        assert (shown.returncode, b"1 failed" in shown.stdout) == (1, True)
        chat.status = lambda _: 200
        again = house.command(config, "hooks", "retry", str(failed["id"]))
        assert again.returncode == 0, again.stderr
        assert passed(config, lambda: datetime.now(UTC)).sent == 1
        assert chat.ids.count(chat.ids[0]) == 4
    assert house.command(config, "status").returncode == 0


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


# ---------------------------------------------------------------- the store, on both databases


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def prepared(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    """The schema in a database of each kind."""
    with databases.prepared(request.param, tmp_path_factory.mktemp("db")) as engine:
        yield engine


@pytest.fixture
def engine(prepared: Engine) -> Engine:
    """Empty tables."""
    with writing(prepared) as unit:
        databases.empty(unit)
    return prepared


def emitted(engine: Engine, *kinds: str) -> None:
    """Those events, fanned out."""
    with writing(engine) as unit:
        for kind in kinds:
            webhooks.emit(unit, kind, {"kind": kind}, NOW)
        webhooks.fan_out(unit, EVERYTHING, NOW)


def claimed(engine: Engine, hook_: str, now: datetime = NOW) -> webhooks.Claimed | None:
    """The hook's turn."""
    with writing(engine) as unit:
        return webhooks.claim(unit, hook_, now, 70)


def settled(
    engine: Engine, one: webhooks.Claimed | None, outcome: Outcome, now: datetime = NOW
) -> str:
    """The outcome of that turn."""
    assert one is not None
    with writing(engine) as unit:
        return webhooks.settle(unit, one, outcome, now, timedelta(hours=24))


def test_an_event_is_fanned_out_once(engine: Engine) -> None:
    """One row for each hook that listens, however often and whoever does it."""
    emitted(engine, "incident.opened", "notice.sent")
    with writing(engine) as unit:
        assert webhooks.fan_out(unit, EVERYTHING, NOW) == 0
        assert webhooks.counts(unit) == {"chat": {"due": 2}, "status": {"due": 1}}
        assert webhooks.totals(unit) == {"due": 3}
        assert webhooks.waiting(unit, NOW) == {"chat", "status"}
        assert webhooks.waiting(unit, NOW - timedelta(seconds=1)) == set()


def test_an_event_that_is_committed_late_is_not_passed_over(engine: Engine) -> None:
    """Its id is lower than that of one that was already fanned out and sent."""
    emitted(engine, "incident.opened", "incident.updated")
    assert settled(engine, claimed(engine, "chat"), Taken("200")) == "done"
    second = claimed(engine, "chat")
    with writing(engine) as unit:  # what a slow transaction commits with an id in between
        webhooks.emit(unit, "incident.resolved", {}, NOW)
        unit.execute(text("UPDATE hook_events SET id = -7 WHERE NOT fanned_out"))
    with writing(engine) as unit:
        assert webhooks.fan_out(unit, EVERYTHING, NOW) == 1
    assert claimed(engine, "chat") is None  # the other one is still under way
    assert settled(engine, second, Taken("200")) == "done"
    late = claimed(engine, "chat")
    assert late is not None
    assert (late.kind, late.event_id) == ("incident.resolved", -7)


def test_one_is_under_way_for_a_hook_at_a_time(engine: Engine) -> None:
    """The next is not claimed while one is; the other hook is free; a lease that ran out is not."""
    emitted(engine, "incident.opened", "incident.updated")
    first = claimed(engine, "chat")
    assert first is not None
    assert (first.attempts, first.kind, first.payload) == (
        1, "incident.opened", {"kind": "incident.opened"},
    )  # fmt: skip
    assert claimed(engine, "chat") is None
    assert claimed(engine, "status") is not None
    later = NOW + timedelta(seconds=71)
    again = claimed(engine, "chat", later)
    assert again is not None
    assert (again.id, again.attempts, again.webhook_id) == (first.id, 2, first.webhook_id)
    assert settled(engine, first, Taken("too late"), later) == ""
    assert settled(engine, again, Gone("410"), later) == "failed"
    assert settled(engine, again, Taken("twice"), later) == ""
    following = claimed(engine, "chat", later)
    assert following is not None
    assert following.kind == "incident.updated"


def test_two_workers_never_claim_the_same(engine: Engine) -> None:
    """Eight threads over thirty events: each is claimed once, and in order."""
    emitted(engine, *["incident.updated"] * 30)
    seen: list[int] = []
    start, lock = threading.Barrier(8), threading.Lock()
    troubles: list[BaseException] = []

    def work() -> None:
        try:
            start.wait(30)
            while len(seen) < 30:
                one = claimed(engine, "chat")
                if one is None:
                    continue
                with lock:
                    seen.append(one.event_id)
                assert settled(engine, one, Taken("200")) == "done"
        except BaseException as trouble:
            troubles.append(trouble)
            raise

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert troubles == []
    assert len(seen) == len(set(seen)) == 30
    assert seen == sorted(seen)


def test_two_workers_fan_out_side_by_side(engine: Engine) -> None:
    """No event twice, none left."""
    with writing(engine) as unit:
        for _ in range(450):
            webhooks.emit(unit, "incident.updated", {}, NOW)
    totals: list[int] = []

    def work() -> None:
        while True:
            with writing(engine) as unit:
                count = webhooks.fan_out(unit, EVERYTHING, NOW)
            totals.append(count)
            if not count:
                return

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    with writing(engine) as unit:
        webhooks.fan_out(unit, EVERYTHING, NOW)
        assert webhooks.counts(unit) == {"chat": {"due": 450}, "status": {"due": 450}}
        assert not webhooks.fan_out(unit, EVERYTHING, NOW)


def test_an_event_undone_with_its_transaction_was_never_there(engine: Engine) -> None:
    """It is written where what happened is written."""
    with suppress(ZeroDivisionError), writing(engine) as unit:
        webhooks.emit(unit, "incident.opened", {}, NOW)
        raise ZeroDivisionError
    with reading(engine) as unit:
        assert not webhooks.any_waiting(unit, NOW)


def test_what_no_database_stores_is_replaced(engine: Engine) -> None:
    """NUL and lone surrogates, wherever they stand; an unknown kind is a mistake of ours."""
    with writing(engine) as unit:
        webhooks.emit(unit, "incident.opened", {"a": ["x\x00y", {"b": "\ud800"}], "n": 1}, NOW)
        with pytest.raises(ValueError, match=r"'incident\.open'"):
            webhooks.emit(unit, "incident.open", {}, NOW)
        webhooks.fan_out(unit, EVERYTHING, NOW)
    one = claimed(engine, "chat")
    assert one is not None
    assert one.payload == {"a": ["x\ufffdy", {"b": "\ufffd"}], "n": 1}


def test_a_person_may_send_anew_or_drop(engine: Engine) -> None:
    """One by number or all of a hook; the list shows what is left."""
    emitted(engine, "incident.opened", "incident.updated", "incident.resolved")
    assert settled(engine, claimed(engine, "chat"), Gone("410")) == "failed"
    assert settled(engine, claimed(engine, "chat"), Taken("200")) == "done"
    with writing(engine) as unit:
        (failed,) = webhooks.listed(unit, hook="chat", state="failed")
        assert webhooks.retry(unit, "nobody", NOW) == 0
        assert webhooks.retry(unit, str(failed["id"]), NOW + timedelta(hours=1)) == 1
        assert webhooks.counts(unit)["chat"] == {"done": 1, "due": 2}
        assert webhooks.drop(unit, "chat", NOW) == 2
        assert webhooks.drop(unit, "chat", NOW) == 0
        assert webhooks.counts(unit)["chat"] == {"done": 1, "dropped": 2}
        assert webhooks.retry(unit, "chat", NOW) == 2
    again = claimed(engine, "chat", NOW + timedelta(hours=1))
    assert again is not None
    assert (again.kind, again.attempts) == ("incident.opened", 1)


# ---------------------------------------------------------------- payloads


def test_a_payload_names_nobody(tmp_path: Path) -> None:
    """The author is not in it, the text is bounded, the documented keys are all there."""
    long = Update(
        "INC-42", 3, "correction", "identified", "x" * 9000, NOW, "operator:archie",
        wrong_number=2, next_update_at=NOW + timedelta(hours=1),
    )  # fmt: skip
    made = webhooks.incident_payload(INCIDENT, long)
    assert "archie" not in json.dumps(made)
    assert (len(made["update"]["text"]), made["update"]["text_cut"]) == (8000, True)
    assert made["update"]["corrects"] == 2
    assert made["incident"]["next_update_at"] == "2026-03-02T16:00:00Z"
    page = (Path(__file__).resolve().parent.parent / "docs/events.md").read_text("utf-8")
    for part in ("incident", "update"):
        for key in made[part]:
            assert f"`{key}`" in page, key
    for kind in (*EVENT_KINDS, "webhook.test"):
        assert f"`{kind}`" in page, kind
    assert webhooks.sent_payload("INC-42", 3, {"sent": 4}) == {
        "incident": {"id": "INC-42"}, "update": {"number": 3}, "letters": {"sent": 4},
    }  # fmt: skip
    assert webhooks.linked_payload("INC-42", "CASE-1001", "bayside") == {
        "incident": {"id": "INC-42"}, "case": {"number": "CASE-1001", "account": "bayside"},
    }  # fmt: skip


# ---------------------------------------------------------------- the command line


def run(config: Config, *words: str) -> tuple[int, str]:
    """The command in this process."""
    done = CliRunner().invoke(app, ["--config", config.file, *words])
    return (1 if done.exception and not done.exit_code else done.exit_code), (
        done.output + str(done.exception or "")
    )


def test_an_operator_tries_a_hook_and_sees_what_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`hooks test` sends one signed event and records nothing; `list` shows hosts, not paths."""
    monkeypatch.setenv("COLUMNS", "200")
    with receiver() as chat:
        config = service(tmp_path, hook("chat", chat.port, f'secret = "{SECRET}"'))
        assert run(config, "hooks", "list") == (0, "chat (127.0.0.1): nothing yet\n")
        code, said = run(config, "hooks", "test", "chat")
        assert (code, said) == (0, "chat: taken, HTTP 204 No Content\n")
        assert chat.kinds == ["webhook.test"]
        assert chat.got[0]["webhook-signature"] == independent(SECRET.encode(), chat.got[0])
        chat.status = lambda _: 403
        code, said = run(config, "hooks", "test", "chat", "--json")
        assert (code, json.loads(said.split("1\n")[0].rstrip("1"))["taken"]) == (1, False)
        assert (
            "there is no webhook 'nobody'; the configuration has chat"
            in (run(config, "hooks", "test", "nobody")[1])
        )
        happen(config)
        done = house.command(config, "once", "--json")
        assert json.loads(done.stdout)["hooks"] == {"sent": 0, "retry": 1, "failed": 0}
        found = json.loads(run(config, "hooks", "list", "--json")[1])
        assert found["hooks"] == [
            {"hook": "chat", "host": "127.0.0.1", "events": [], "configured": True,
             "deliveries": {"due": 1}},
        ]  # fmt: skip
        assert "HTTP 403 Forbidden" in run(config, "hooks", "list")[1]
        assert run(config, "hooks", "drop", "chat") == (0, "chat: 1 dropped\n")
        assert "nothing failed or waits" in run(config, "hooks", "drop", "chat")[1]
        assert "nothing failed or waits" in run(config, "hooks", "retry", "7")[1]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("", "warn webhook chat: no secret: its receiver cannot tell"),
        ('secret = "short"', "warn webhook chat: the secret is short; wanted at least 24 bytes"),
        (f'secret = "{SECRET}"', "ok   webhook chat: http://127.0.0.1, all events, signed with 1"),
        ('secret_file = "absent"', "fail webhook chat:"),
        ('secret = "whsec_!!"', "fail webhook chat: the secret begins with whsec_ and is no"),
    ],
)
def test_doctor_looks_at_each_hook(tmp_path: Path, more: str, words: str) -> None:
    """Reachable or not: nothing is sent, what cannot work is named."""
    config = service(tmp_path, hook("chat", 9, more))
    assert words in run(config, "doctor")[1]


def test_a_planted_secret_is_nowhere(tmp_path: Path) -> None:
    """Neither key nor path of a hook is in what any command says, or on disk."""
    with receiver() as chat:
        config = service(tmp_path, hook("chat", chat.port, f'secret = "{SECRET}"'))
        text = Path(config.file).read_text().replace('format = "json"', 'level = "debug"')
        Path(config.file).write_text(text)
        happen(config)
        said = b""
        for status in (301, 200):
            chat.status = lambda _, status=status: status
            chat.headers["Location"] = f"/{SECRET}"
            for words in (
                ("once",), ("hooks", "test", "chat"), ("hooks", "list", "--json"),
                ("hooks", "retry", "chat"), ("once", "--json"), ("doctor", "--json"),
            ):  # fmt: skip
                done = house.intake(config, *words)
                said += done.stdout + done.stderr
    assert chat.got
    assert b"hook-called" in said
    assert SECRET.encode() not in said
    for path in tmp_path.rglob("*"):
        if path.is_file() and path != Path(config.file):
            assert SECRET.encode() not in path.read_bytes(), path
