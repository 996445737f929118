"""Nothing waits for ever: slow servers are cut off, and SIGTERM ends the worker in ten seconds."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from intake.adapters import heartbeat, time_limits
from intake.adapters.heartbeat import Beat
from intake.adapters.mailbox import imap
from intake.adapters.mailbox.imap import ImapBox
from intake.adapters.mailbox.protocol import MailboxError
from intake.adapters.smtp import InDoubt, Parcel, Patience, Retry, SmtpLane, SmtpSettings
from tests.support import installation
from tests.support.fakes import FakeSmtp, listening, scripted_imap
from tests.support.mailbag import bag
from tests.support.mailbox_kinds import settings
from tests.support.running import await_, start

ENDS = 10  # seconds from SIGTERM to the end, whatever goes on


def drip(connection: socket.socket, words: bytes) -> None:
    """One byte in a tenth of a second, each in time for a limit that counts from byte to byte."""
    for byte in words:
        connection.sendall(bytes([byte]))
        time.sleep(0.1)


def dripping_imap(connection: socket.socket) -> None:
    """Greets at once and drips everything else."""
    with suppress(OSError), connection:
        connection.sendall(b"* OK [CAPABILITY IMAP4rev1] slow\r\n")
        while connection.recv(1000):
            while True:
                drip(connection, b"* OK still there\r\n")


def dripping_greeting(connection: socket.socket) -> None:
    """Never comes to the end of its first line."""
    with suppress(OSError), connection:
        while True:
            drip(connection, b"* OK and so on ")


@pytest.mark.parametrize("serve", [dripping_imap, dripping_greeting])
def test_an_imap_server_that_drips_is_cut_off(
    serve: Callable[[socket.socket], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every byte comes in time; the step as a whole does not."""
    monkeypatch.setattr(imap, "STEP_SECONDS", 0.5)
    with listening(serve) as port:
        box = ImapBox(settings(port, read_seconds=1.0))
        with pytest.raises(MailboxError, match="cut off") as caught:
            box.open()
    assert caught.value.kind == "connect"


def dripping_smtp(stage: str) -> Callable[[socket.socket], None]:
    """An SMTP server whose answer at that stage has no end."""

    def serve(connection: socket.socket) -> None:
        with suppress(OSError), connection:
            if stage == "greeting":
                while True:
                    drip(connection, b"220-welcome\r\n")
            connection.sendall(b"220 hi\r\n")
            in_text = False
            for line in connection.makefile("rb"):
                if in_text and line != b".\r\n":
                    continue
                if in_text or (stage == "mail" and line.upper().startswith(b"MAIL")):
                    while True:
                        drip(connection, b"250-thank you\r\n")
                in_text = line.upper().startswith(b"DATA")
                connection.sendall(b"354 go on\r\n" if in_text else b"250 ok\r\n")

    return serve


@pytest.mark.parametrize("stage", ["greeting", "mail", "dot"])
def test_an_smtp_server_that_drips_is_cut_off(stage: str) -> None:
    """Before the dot the letter is tried again; after it nobody knows."""
    with listening(dripping_smtp(stage)) as port:
        lane = SmtpLane(
            SmtpSettings("127.0.0.1", port, "plain", patience=Patience(letter=1.0, dot=1.0))
        )
        parcel = Parcel("a@b.example", "c@d.example", b"Subject: x\r\n\r\nhi\r\n")
        found = lane.prepare(parcel)
        if stage == "dot":
            assert found is None
            assert isinstance(lane.finish(), InDoubt)
        else:
            assert isinstance(found, Retry)
        lane.close()


def test_a_step_in_time_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what is late is cut, and what has ended is forgotten."""
    monkeypatch.setattr(time_limits, "LOOK_SECONDS", 0.05)
    watch = time_limits.Overtime()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        with watch.within(60, lambda: ours) as step:
            time.sleep(0.3)
        assert not step.cut
        with watch.within(0.1, lambda: None):
            time.sleep(0.3)
        with watch.within(0.1, lambda: ours) as late:
            assert ours.recv(1) == b""
        assert late.cut
        watch.end_all()


# ------------------------------------------------------------------------------ SIGTERM


@contextmanager
def running(config: Any) -> Iterator[subprocess.Popen[bytes]]:
    """`intake run`, killed at the end if it is still there."""
    process = start(config)
    try:
        await_((config.folder / "var" / "heartbeat.json").exists)
        yield process
    finally:
        process.kill()
        process.wait()


def ended(process: subprocess.Popen[bytes]) -> float:
    """Seconds from SIGTERM to the end; the exit code is that of an end that was asked for."""
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    return time.monotonic() - began


def test_sigterm_while_an_imap_server_drips(tmp_path: Path) -> None:
    """The worker ends, and the mailbox is not called broken for that."""
    with listening(dripping_imap) as port:
        config = installation.make(tmp_path, installation.imap_box(port, "secret"))
        with running(config) as process:
            time.sleep(2)
            assert ended(process) < ENDS
    beat = heartbeat.read(tmp_path / "var")
    assert beat is not None
    assert beat.stopped


@pytest.mark.parametrize("stage", ["greet", "dot"])
def test_sigterm_while_an_smtp_server_is_silent(tmp_path: Path, stage: str) -> None:
    """The letter is due again, or in doubt when its dot had gone out; never sent by guessing."""
    server = FakeSmtp({stage: "hang"})
    with listening(server.serve) as port:
        text = installation.maildir_box(tmp_path / "in") + installation.delivery(
            f"smtp://127.0.0.1:{port}"
        )
        config = installation.make(tmp_path, text)
        with running(config) as process:
            (tmp_path / "in/new/1").write_bytes(bag(1)[0].raw)
            await_(lambda: server.connections > 0)
            if stage == "dot":
                await_(lambda: "data" in server.commands)
            time.sleep(1)
            assert ended(process) < ENDS
    (letter,) = installation.everything(config)["letters"]
    assert letter["state"] in (("in_doubt",) if stage == "dot" else ("due", "claimed"))


def test_sigterm_while_the_database_is_locked(tmp_path: Path) -> None:
    """Somebody holds the database for a minute."""
    import sqlite3

    config = installation.make(
        tmp_path,
        installation.maildir_box(tmp_path / "in")
        + installation.delivery(f"maildir:{tmp_path}/out"),
    )
    with running(config) as process:
        other = sqlite3.connect(tmp_path / "var/intake.db", isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        (tmp_path / "in/new/1").write_bytes(bag(1)[0].raw)
        time.sleep(2)
        assert ended(process) < ENDS
        other.close()


def slow_reading(tmp_path: Path) -> Any:
    """A service with enough long mails to be reading for a while."""
    config = installation.make(
        tmp_path,
        installation.maildir_box(tmp_path / "in")
        + installation.delivery(f"maildir:{tmp_path}/out"),
    )
    for number, mail in enumerate(bag(120)):
        (tmp_path / "in/new" / f"{number:03}").write_bytes(mail.raw + b"words and words\r\n" * 3000)
    return config


def whole_group(config: Any) -> subprocess.Popen[bytes]:
    """The worker and its children in a process group... and in sessions of their own below it."""
    log = (config.folder / "log").open("ab")
    with log:
        return subprocess.Popen(
            [sys.executable, "-m", "intake", "--config", config.file, "run"],
            stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip


def family(pid: int) -> list[int]:
    """The process and everything below it."""
    found = [pid]
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = path.read_text().rpartition(")")[2].split()
            if int(fields[1]) == pid:
                found += family(int(path.parent.name))
    return found


def tell_all(pid: int, number: int) -> None:
    """The signal to every process of the family, as a control group gets it."""
    for one in family(pid):
        with suppress(ProcessLookupError):
            os.kill(one, number)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_signal_to_every_process_holds_no_mail(tmp_path: Path, number: int) -> None:
    """As a service manager stops a service: the reading children get it, too."""
    config = slow_reading(tmp_path)
    for moment in (0.2, 0.6, 1.2):
        process = whole_group(config)
        try:
            time.sleep(1.5 + moment)
            began = time.monotonic()
            tell_all(process.pid, number)
            process.wait(60)
            assert time.monotonic() - began < ENDS
        finally:
            process.kill()
            process.wait()
    assert installation.command(config, "once").returncode == 0
    found = installation.everything(config)
    assert {row["status"] for row in found["messages"]} == {"handled"}
    assert len(found["cases"]) == 120


def test_a_pause_of_all_processes_holds_no_mail(tmp_path: Path) -> None:
    """A machine that sleeps for longer than the reading of a mail may take."""
    config = slow_reading(tmp_path)
    text = (tmp_path / "config.toml").read_text() + "\n[limits]\nparse_seconds = 1\n"
    (tmp_path / "config.toml").write_text(text)
    process = subprocess.Popen(
        [sys.executable, "-m", "intake", "--config", config.file, "once"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        for _ in range(3):
            time.sleep(0.7)
            tell_all(process.pid, signal.SIGSTOP)
            time.sleep(2.5)
            tell_all(process.pid, signal.SIGCONT)
        assert process.wait(120) == 0
    finally:
        process.kill()
        process.wait()
    found = installation.everything(config)
    assert {row["status"] for row in found["messages"]} == {"handled"}


# ------------------------------------------------------------------------------ what status says

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def beat(age: float = 5, **more: Any) -> Beat:
    """A heartbeat of this process, so many seconds old, of a worker that runs for a day."""
    at = (NOW - timedelta(seconds=age)).isoformat()
    return Beat(os.getpid(), at, (NOW - timedelta(days=1)).isoformat(), **more)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (None, ["none has run here yet"]),
        (beat(), []),
        (beat(age=90), ["has not been heard of for 90 s"]),
        (beat(age=-3561), ["worker: its last word is of 3561 s ahead: the clock was set back"]),
        (beat(age=90, stopped=True), ["worker: it was stopped"]),
        (beat(outages={"relay": (NOW.isoformat(), "no route")}), ["relay: no route"]),
        (beat(age=3600, command="once"), []),
        (beat(age=3 * 3600 + 90, command="once"), ["the last pass of `intake once` ended"]),
        (beat(age=600, command="once", gap_seconds=300), []),
        (beat(age=1000, command="once", gap_seconds=300), ["ended 1000 s ago"]),
        (beat(periods={"deliver": 30.5}), ["job deliver: it has not ended well for 86400 s"]),
        (
            beat(periods={"deliver": 30.5}, jobs={"deliver": (NOW - timedelta(20)).isoformat()}),
            ["job deliver: it has not ended well"],
        ),
        (beat(periods={"x": 30}, jobs={"x": (NOW - timedelta(seconds=99)).isoformat()}), []),
    ],
)
def test_what_a_heartbeat_says(said: Beat | None, words: list[str]) -> None:
    """Silence, a clock that was set back, failing mailboxes and stuck jobs."""
    found = [str(one) for one in heartbeat.troubles(said, NOW)]
    assert len(found) == len(words)
    assert all(word in line for word, line in zip(words, found, strict=True))


def test_status_is_not_well_while_a_worker_hangs(tmp_path: Path) -> None:
    """A worker that was stopped in the middle, and one that died, are both told."""
    config = installation.make(tmp_path, installation.maildir_box(tmp_path / "in"))
    assert b"none has run here yet" in installation.command(config, "status").stdout
    installation.alive(config)
    assert installation.command(config, "status").returncode == 0
    old = (datetime.now(UTC) - timedelta(minutes=5)).isoformat()
    heartbeat.write(tmp_path / "var", Beat(2**22 + 1, old, old))
    done = installation.command(config, "status")
    assert done.returncode == 1
    assert b"does not exist" in b" ".join(done.stdout.split())
    assert json.loads(installation.command(config, "status", "--json").stdout)["troubles"]


def test_a_thread_that_waits_is_woken_by_the_end() -> None:
    """`end_all` reaches steps that begin later, too: nothing new is waited for."""
    watch = time_limits.Overtime()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        woken = threading.Event()

        def wait() -> None:
            with watch.within(600, lambda: ours):
                ours.recv(1)
                woken.set()

        thread = threading.Thread(target=wait)
        thread.start()
        time.sleep(0.1)
        watch.end_all()
        assert woken.wait(5)
        thread.join()


def test_scripted_servers_still_answer() -> None:
    """The ordinary server is not cut off by the limit of the step."""
    with listening(scripted_imap({})) as port:
        box = ImapBox(settings(port))
        assert box.open().uidvalidity == 9
        box.close()
