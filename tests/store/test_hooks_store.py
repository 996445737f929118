"""The queue of events on both databases, their payloads, and the commands about hooks."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from intake.config.loader import Config
from intake.model.events import EVENT_KINDS, Gone, Outcome, Taken
from intake.model.incidents import Update
from intake.store import webhooks
from intake.store.engine import Engine, reading, writing
from tests.support import installation
from tests.support import postgres as databases
from tests.support.commands import invoke
from tests.support.hook_service import INCIDENT, NOW, SECRET, claimed, happen, hook, service
from tests.support.receiver import independent, receiver

EVERYTHING = {"chat": lambda kind: True, "status": lambda kind: kind.startswith("incident.")}


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
    with writing(prepared) as session:
        databases.empty(session)
    return prepared


def emitted(engine: Engine, *kinds: str) -> None:
    """Those events, fanned out."""
    with writing(engine) as session:
        for kind in kinds:
            webhooks.emit(session, kind, {"kind": kind}, NOW)
        webhooks.fan_out(session, EVERYTHING, NOW)


def settled(
    engine: Engine, one: webhooks.Claimed | None, outcome: Outcome, now: datetime = NOW
) -> str:
    """The outcome of that turn."""
    assert one is not None
    with writing(engine) as session:
        return webhooks.settle(session, one, outcome, now, timedelta(hours=24))


def test_an_event_is_fanned_out_once(engine: Engine) -> None:
    """One row for each hook that listens, however often and whoever does it."""
    emitted(engine, "incident.opened", "notice.sent")
    with writing(engine) as session:
        assert webhooks.fan_out(session, EVERYTHING, NOW) == 0
        assert webhooks.counts(session) == {"chat": {"due": 2}, "status": {"due": 1}}
        assert webhooks.totals(session) == {"due": 3}
        assert webhooks.waiting(session, NOW) == {"chat", "status"}
        assert webhooks.waiting(session, NOW - timedelta(seconds=1)) == set()


def test_an_event_that_is_committed_late_is_not_passed_over(engine: Engine) -> None:
    """Its id is lower than that of one that was already fanned out and sent."""
    emitted(engine, "incident.opened", "incident.updated")
    assert settled(engine, claimed(engine, "chat"), Taken("200")) == "done"
    second = claimed(engine, "chat")
    with writing(engine) as session:  # what a slow transaction commits with an id in between
        webhooks.emit(session, "incident.resolved", {}, NOW)
        session.execute(text("UPDATE hook_events SET id = -7 WHERE NOT fanned_out"))
    with writing(engine) as session:
        assert webhooks.fan_out(session, EVERYTHING, NOW) == 1
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
    with writing(engine) as session:
        for _ in range(450):
            webhooks.emit(session, "incident.updated", {}, NOW)
    totals: list[int] = []

    def work() -> None:
        while True:
            with writing(engine) as session:
                count = webhooks.fan_out(session, EVERYTHING, NOW)
            totals.append(count)
            if not count:
                return

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    with writing(engine) as session:
        webhooks.fan_out(session, EVERYTHING, NOW)
        assert webhooks.counts(session) == {"chat": {"due": 450}, "status": {"due": 450}}
        assert not webhooks.fan_out(session, EVERYTHING, NOW)


def test_an_event_undone_with_its_transaction_was_never_there(engine: Engine) -> None:
    """It is written where what happened is written."""
    with suppress(ZeroDivisionError), writing(engine) as session:
        webhooks.emit(session, "incident.opened", {}, NOW)
        raise ZeroDivisionError
    with reading(engine) as session:
        assert not webhooks.any_waiting(session, NOW)


def test_what_no_database_stores_is_replaced(engine: Engine) -> None:
    """NUL and lone surrogates, wherever they stand; an unknown kind is a mistake of ours."""
    with writing(engine) as session:
        webhooks.emit(session, "incident.opened", {"a": ["x\x00y", {"b": "\ud800"}], "n": 1}, NOW)
        with pytest.raises(ValueError, match=r"'incident\.open'"):
            webhooks.emit(session, "incident.open", {}, NOW)
        webhooks.fan_out(session, EVERYTHING, NOW)
    one = claimed(engine, "chat")
    assert one is not None
    assert one.payload == {"a": ["x\ufffdy", {"b": "\ufffd"}], "n": 1}


def test_a_person_may_send_anew_or_drop(engine: Engine) -> None:
    """One by number or all of a hook; the list shows what is left."""
    emitted(engine, "incident.opened", "incident.updated", "incident.resolved")
    assert settled(engine, claimed(engine, "chat"), Gone("410")) == "failed"
    assert settled(engine, claimed(engine, "chat"), Taken("200")) == "done"
    with writing(engine) as session:
        (failed,) = webhooks.listed(session, hook="chat", state="failed")
        assert webhooks.retry(session, "nobody", NOW) == 0
        assert webhooks.retry(session, str(failed["id"]), NOW + timedelta(hours=1)) == 1
        assert webhooks.counts(session)["chat"] == {"done": 1, "due": 2}
        assert webhooks.drop(session, "chat", NOW) == 2
        assert webhooks.drop(session, "chat", NOW) == 0
        assert webhooks.counts(session)["chat"] == {"done": 1, "dropped": 2}
        assert webhooks.retry(session, "chat", NOW) == 2
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
    page = (Path(__file__).resolve().parents[2] / "docs/events.md").read_text("utf-8")
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
    done = invoke(["--config", config.file, *words])
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
        done = installation.command(config, "once", "--json")
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
        ("", "warn  webhook chat: no secret: its receiver cannot tell"),
        ('secret = "short"', "warn  webhook chat: the secret is short; wanted at least 24 bytes"),
        (f'secret = "{SECRET}"', "ok    webhook chat: http://127.0.0.1, all events, signed with 1"),
        ('secret_file = "absent"', "fail  webhook chat:"),
        ('secret = "whsec_!!"', "fail  webhook chat: the secret begins with whsec_ and is no"),
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
                done = installation.intake(config, *words)
                said += done.stdout + done.stderr
    assert chat.got
    assert b"hook-called" in said
    assert SECRET.encode() not in said
    for path in tmp_path.rglob("*"):
        if path.is_file() and path != Path(config.file):
            assert SECRET.encode() not in path.read_bytes(), path
