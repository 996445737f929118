"""An outage drill: each part is broken and mended, and every way of telling says so in time.

The jobs of the worker run once a minute by a moved clock. The status command, the figures and the
alerts (by mail through a second relay, by webhook and by command) must all say that the part fails,
and stop saying it.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from pathlib import Path
from unittest.mock import patch

import pytest
import time_machine

from intake.adapters import heartbeat
from intake.config.loader import Config
from intake.store import engine as engines
from intake.worker import figures, scheduler
from intake.worker.bootstrap import assemble
from intake.worker.scheduler import Service
from tests.support import installation
from tests.support.fakes import FakeSmtp, listening
from tests.support.faults import tmpfs
from tests.support.mailbag import bag
from tests.support.receiver import Receiver, receiver
from tests.support.running import await_, start

START = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
AFTER = 5  # minutes, the default of alerts.after_minutes
PLENTY, LITTLE = 64 * 2**20, 4 * 2**20


@dataclass
class Drill:
    """A worker whose clock is moved, and everything that hears of an outage."""

    config: Config
    service: Service
    clock: time_machine.Coordinates
    relay: FakeSmtp
    second: FakeSmtp
    hook: Receiver
    minute: int = 0
    mails: list[bytes] = field(default_factory=lambda: [mail.raw for mail in bag(40)])

    def minutes(self, count: int = 1) -> None:
        """So many minutes, in each of which every job runs once; a mail arrives in each."""
        for _ in range(count):
            self.minute += 1
            self.clock.shift(60)
            mail = self.mails.pop()
            with open_if_there(self.config.folder / "in" / "new" / f"{self.minute:03}") as put:
                put(mail)
            self.service.retry_at.clear()
            for job in self.service.app.mailboxes:
                self.service.collect(job)
            self.service.deliver()
            self.service.remind()
            self.service.watch()
            self.service.heartbeat()
            self.service.alert()

    def said(self) -> set[str]:
        """The parts that the status command names; its exit code says the same."""
        quick = installation.command(self.config, "status", "--quiet")
        whole = installation.command(self.config, "status", "--json")
        parts = {line.partition(":")[0] for line in quick.stdout.decode().splitlines()}
        told = json.loads(whole.stdout)
        assert quick.returncode == (1 if parts else 0)
        assert parts == set(told["parts"]), (parts, told["parts"])
        return parts

    def measured(self) -> set[str]:
        """The parts that the figures name."""
        text = installation.command(self.config, "metrics").stdout.decode()
        return set(re.findall(r'^intake_trouble\{part="([^"]+)"\} 1', text, re.MULTILINE))

    def mails_sent(self) -> list[str]:
        """The subjects of the alerts at the second relay."""
        return [str(message_from_bytes(one)["Subject"]) for one in self.second.taken]

    def events(self) -> list[tuple[str, str]]:
        """The events at the webhook: kind and part."""
        bodies = [json.loads(one["body"]) for one in self.hook.got]
        return [(one["type"], one["data"]["part"]) for one in bodies]

    def ran(self) -> list[str]:
        """What the command has written: kind and part."""
        file = self.config.folder / "alerts.txt"
        return file.read_text().splitlines() if file.exists() else []


@contextmanager
def open_if_there(path: Path) -> Iterator[Callable[[bytes], object]]:
    """Writes a file if its folder exists: while the mailbox is gone no mail arrives."""
    yield path.write_bytes if path.parent.is_dir() else (lambda _: None)


@contextmanager
def drill(folder: Path) -> Iterator[Drill]:
    """A worker on a Maildir, with a relay, a second relay, a webhook and a command."""
    relay, second = FakeSmtp({}), FakeSmtp({})
    script = folder / "alert.sh"
    script.write_text(
        '#!/bin/sh\necho "$INTAKE_ALERT $INTAKE_ALERT_PART" >> ' + f"{folder}/alerts.txt\n"
    )
    script.chmod(0o755)
    with ExitStack() as stack:
        port = stack.enter_context(listening(relay.serve))
        other = stack.enter_context(listening(second.serve))
        hook = stack.enter_context(receiver())
        stack.enter_context(patch.object(scheduler, "DELIVER_SECONDS", 0))
        text = installation.maildir_box(folder / "in") + "idle = false\n"
        text += installation.delivery(f"smtp://127.0.0.1:{port}") + "lease_seconds = 1\n"
        text += f"""
[alerts]
address = "night@ops.example"
url = "smtp://127.0.0.1:{other}"
command = "{script}"

[[webhook]]
name = "pager"
url = "http://127.0.0.1:{hook.port}/"
events = ["service.*"]

[metrics]
textfile = "var/intake.prom"
"""
        config = installation.make(folder, text)
        clock = stack.enter_context(time_machine.travel(START, tick=True))
        app = stack.enter_context(assemble(config))
        yield Drill(config, Service(config, app), clock, relay, second, hook)


Break = Callable[[Drill], Callable[[], None]]  # breaks a part; returns what mends it


def mailbox(made: Drill) -> Callable[[], None]:
    """The mail folder is gone, and a file stands in its place."""
    there, away = made.config.folder / "in", made.config.folder / "away"
    there.rename(away)
    there.write_bytes(b"")

    def mend() -> None:
        there.unlink()
        away.rename(there)

    return mend


def relay_is_down(made: Drill) -> Callable[[], None]:
    """The relay greets with "not now"."""
    made.relay.script["greet"] = "421 4.3.2 shutting down"
    return made.relay.script.clear


def relay_refuses_everybody(made: Drill) -> Callable[[], None]:
    """The relay answers every recipient with a permanent refusal."""
    made.relay.script["rcpt"] = "550 5.7.1 your network is on our block list"
    return made.relay.script.clear


def database(made: Drill) -> Callable[[], None]:
    """Another process holds the database and does not give it back."""
    path = made.config.database_url.removeprefix("sqlite:///")
    link = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    link.execute("BEGIN IMMEDIATE")
    return link.close


def disk(made: Drill) -> Callable[[], None]:
    """The volume of the worker's folder is nearly full."""
    filler = made.config.folder / "var" / "filler"
    with filler.open("wb") as file:
        for _ in range((PLENTY - LITTLE) // 2**20):
            file.write(bytes(2**20))
    return filler.unlink


@pytest.mark.parametrize(
    ("part", "broken"),
    [
        ("mailbox support", mailbox),
        ("relay", relay_is_down),
        ("relay", relay_refuses_everybody),
        ("database", database),
        ("disk", disk),
    ],
    ids=["mailbox", "relay down", "relay refuses", "database", "disk"],
)
def test_an_outage_is_told_in_time_and_so_is_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str, broken: Break
) -> None:
    """Status and figures within two minutes, one alert after five, one more when it is over."""
    monkeypatch.setattr(engines, "BUSY_MILLISECONDS", 200)
    with ExitStack() as stack:
        if broken is disk:
            stack.enter_context(tmpfs(tmp_path / "var", PLENTY))
        made = stack.enter_context(drill(tmp_path))
        made.minutes(2)
        assert (made.said(), made.measured()) == (set(), set())
        mend = broken(made)
        made.minutes(2)
        if broken is relay_refuses_everybody:
            made.minutes(2)  # three letters in a row have to be refused
        assert part in made.said()
        assert part in made.measured()
        assert made.mails_sent() == made.ran() == made.events() == []
        made.minutes(AFTER)
        subject = f"Support desk: {part} fails"
        assert made.mails_sent().count(subject) == 1
        assert made.ran().count(f"failing {part}") == 1
        assert made.events().count(("service.failing", part)) == 1
        made.minutes(5)
        assert made.mails_sent().count(subject) == 1, "one alert, however long it lasts"
        mend()
        made.clock.shift(3600)  # letters that were put off are due by now
        made.minutes(2)
        assert part not in made.said()
        assert part not in made.measured()
        made.minutes(3)
        over = f"Support desk: {part} works again"
        assert made.mails_sent().count(over) == 1
        assert made.ran().count(f"recovered {part}") == 1
        assert made.events().count(("service.recovered", part)) == 1
        assert made.said() == set()
        letters = installation.everything(made.config)["letters"]
        assert {one["state"] for one in letters} <= {"sent", "due"}, "no letter was given up"


def test_a_worker_that_died_is_missed_and_its_return_is_told(tmp_path: Path) -> None:
    """Killed: status says so after a minute, and the next worker tells that it was away."""
    with drill(tmp_path) as made:
        made.service.heartbeat()
        assert made.said() == set()
        made.clock.shift(30)  # the moved clock goes on ticking: leave room for a slow machine
        assert made.said() == set()
        made.clock.shift(89)
        assert made.said() == {"worker"}
        assert made.measured() == {"worker"}
        made.clock.shift(600)
        anew = Service(made.config, made.service.app)
        anew.alerter.returned(anew.before, datetime.now(UTC))
        anew.heartbeat()
        anew.alert()
        assert made.said() == set()
        assert made.mails_sent() == ["Support desk: worker works again"]
        assert "12 minutes" in made.second.taken[0].decode()
        assert made.events() == [("service.recovered", "worker")]
        again = Service(made.config, made.service.app)
        again.alerter.returned(again.before, datetime.now(UTC))
        again.alert()
        assert len(made.mails_sent()) == 1, "a worker that is there at once was not away"


def test_a_real_worker_that_is_killed_is_missed(tmp_path: Path) -> None:
    """`kill -9`: its process does not exist, and both forms of the status command say so."""
    config = installation.make(tmp_path, installation.maildir_box(tmp_path / "in"))
    process = start(config)
    try:
        await_((tmp_path / "var" / "heartbeat.json").exists)
        assert installation.command(config, "status", "--quiet").stdout == b""
    finally:
        process.kill()
        process.wait()
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=2), tick=True):
        for words in (["status", "--quiet"], ["status"]):
            done = installation.command(config, *words)
            said = b" ".join(done.stdout.split())  # a long process id moves where the lines break
            assert (done.returncode, b"does not exist" in said) == (1, True), said


def test_an_alert_outlives_a_relay_that_is_down_and_a_restart(tmp_path: Path) -> None:
    """It is tried until it is taken, and a new worker neither repeats nor forgets it."""
    with drill(tmp_path) as made:
        made.second.script["greet"] = "421 not now"
        made.minutes(1)
        mend = mailbox(made)
        made.minutes(AFTER + 1)
        assert made.mails_sent() == []
        assert made.ran() == ["failing mailbox support"]
        made.second.script.clear()
        made.minutes(2)
        assert made.mails_sent() == ["Support desk: mailbox support fails"]
        assert made.ran() == ["failing mailbox support"], "what has taken it gets it once"
        made.service.heartbeat()
        anew = Service(made.config, made.service.app)
        anew.alerter.returned(anew.before, datetime.now(UTC))
        made.service = anew
        made.minutes(3)
        assert made.mails_sent() == ["Support desk: mailbox support fails"]
        mend()
        made.minutes(4)
        assert made.mails_sent()[1:] == ["Support desk: mailbox support works again"]


def test_figures_are_served_and_healthz_says_the_same(tmp_path: Path) -> None:
    """/metrics and /healthz on loopback, while the worker runs; the text file holds the same."""
    from urllib.error import HTTPError
    from urllib.request import urlopen

    text = installation.maildir_box(tmp_path / "in") + "idle = false\n"
    text += installation.delivery(f"maildir:{tmp_path}/out")
    text += '\n[metrics]\nlisten = "127.0.0.1:0"\ntextfile = "var/intake.prom"\n'
    config = installation.make(tmp_path, text)
    (tmp_path / "in/new/1").write_bytes(bag(1)[0].raw)
    with assemble(config) as app:
        service = Service(config, app)
        service.collect(app.mailboxes[0])
        service.heartbeat()
        service.watch()
        meter = figures.meter(config, app.collector.engine)
        wrong: list[str] = []
        with meter.served("127.0.0.1:0", lambda: wrong) as port:
            with urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
                shown = answer.read().decode()
            with urlopen(f"http://127.0.0.1:{port}/healthz") as answer:
                assert (answer.status, answer.read()) == (200, b"ok\n")
            wrong.append("relay: no route")
            with pytest.raises(HTTPError) as refused:
                urlopen(f"http://127.0.0.1:{port}/healthz")
            assert (refused.value.code, refused.value.read()) == (503, b"relay: no route\n")
            refused.value.close()
            with pytest.raises(HTTPError) as missing:
                urlopen(f"http://127.0.0.1:{port}/etc/passwd")
            assert missing.value.code == 404
            missing.value.close()
    assert 'intake_messages{status="handled"} 1.0' in shown
    written = (tmp_path / "var/intake.prom").read_text()
    assert 'intake_mails_total{action="create"} 1.0' in written
    assert "intake_judge_seconds_count 1.0" in written
    assert "@" not in written, "no address is in the figures"


@pytest.mark.parametrize(
    "listen", ["127.0.0.1:99999", "203.0.113.9:9464", "no.such.host.example:1"]
)
def test_a_port_that_cannot_be_had_stops_nothing(tmp_path: Path, listen: str) -> None:
    """It is logged; the worker works."""
    text = (
        installation.maildir_box(tmp_path / "in")
        + f'idle = false\n[metrics]\nlisten = "{listen}"\n'
    )
    config = installation.make(tmp_path, text)
    with assemble(config) as app, app.figures.served(lambda: ()):
        service = Service(config, app)
        service.collect(app.mailboxes[0])
        service.heartbeat()
    assert heartbeat.read(tmp_path / "var") is not None
