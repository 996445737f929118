"""First connections, servers that ask for patience, and random faults."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from intake.config.loader import Config
from intake.worker.collector import Rules
from tests.support import installation
from tests.support.odd_behaviours import (
    CAMPAIGN,
    HANDLED,
    MAILS,
    PASSES,
    no_uidnext,
    passes,
)
from tests.support.odd_imap import Command, End, OddServer, odd

TERMINAL = {"handled", "ignored", "held", "dropped", "shelved", "vanished"}


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """A service whose letters go into a Maildir."""
    text = installation.maildir_box(tmp_path / "in")
    return installation.make(tmp_path, text + installation.delivery(f"maildir:{tmp_path}/out"))


@pytest.mark.parametrize("date", [datetime(1899, 12, 31, tzinfo=UTC), "early", None])
def test_whatever_arrives_after_the_first_connection_is_ours(config: Config, date: Any) -> None:
    """Its UID says so; a server whose clock is behind, or that has no date, hides no mail."""
    server = OddServer()
    server.put(MAILS[0], datetime.now(UTC) + timedelta(days=1))
    with passes(config, server, Rules()) as run:
        run(1)
        at = run.now - timedelta(minutes=3) if date == "early" else date
        server.put(MAILS[1], at)
        assert run(1).rows() == {2: HANDLED}
        assert list(server.mails) == [1]


def test_a_first_connection_without_uidnext_takes_no_old_mail(config: Config) -> None:
    """The line is drawn behind the newest mail that lies there."""
    server = OddServer(trick=no_uidnext)
    server.put(MAILS[0])
    with passes(config, server, Rules()) as run:
        run(1)
        server.put(MAILS[1])
        assert run(1).rows() == {2: HANDLED}


def test_a_backfill_goes_by_dates_and_what_comes_later_by_uids(config: Config) -> None:
    """Mail that lay there is taken from its date on; later mail whatever its date says."""
    server = OddServer()
    day = datetime(2026, 3, 1, tzinfo=UTC)
    server.put(MAILS[0], day - timedelta(days=9))
    server.put(MAILS[1], day + timedelta(days=1))
    with passes(config, server, Rules(backfill_since=day)) as run:
        assert run(1).rows() == {2: HANDLED}
        server.put(MAILS[2], day - timedelta(days=9))
        assert run(1).rows() == {2: HANDLED, 3: HANDLED}
        server.folders["INBOX"].uidvalidity = 8
        server.put(MAILS[3], day + timedelta(days=2))
        run(1)
        assert sorted(run.rows().values()) == [HANDLED] * 3
        server.put(MAILS[4], day - timedelta(days=30))
        run(1)
        assert sorted(run.rows().values()) == [HANDLED] * 4


def test_a_source_folder_may_be_named_without_the_prefix(config: Config) -> None:
    """And the others with it, as people copy them from their mail program."""
    server = OddServer(prefix="INBOX.", inbox="INBOX.Support")
    server.put(MAILS[0])
    names = {"folder": "Support", "processed_folder": "INBOX.Done", "held_folder": "Held"}
    with passes(config, server, **names) as run:
        assert run(1).rows() == {1: HANDLED}
    assert server.filed("INBOX.Done") == [MAILS[0]]
    assert sorted(server.folders) == ["INBOX.Done", "INBOX.Held", "INBOX.Support"]


def test_a_number_told_at_every_idle_is_no_news(config: Config) -> None:
    """A server that says EXISTS whenever it idles does not make the worker run in circles."""

    def trick(server: OddServer, command: Command) -> str | None:
        if command.verb == "IDLE":
            return f"+ idling\r\n* {len(server.mails)} EXISTS\r\n"
        return no_uidnext(server, command)

    for told in (trick, lambda s, c: trick(s, c) if c.verb == "IDLE" else None):
        server = OddServer(trick=told)
        server.put(MAILS[0])
        with odd(server) as box:
            box.open()
            assert box.idle(2.5, lambda: False) is False
            server.put(MAILS[1])
            assert box.idle(10, lambda: False) is True


def test_the_pass_goes_on_when_the_server_only_asks_for_patience(config: Config) -> None:
    """Busy is said of the server, not of a mail: nothing is counted, and all is tried later."""
    busy = [True]

    def trick(server: OddServer, command: Command) -> str | None:
        if busy[0] and command.verb == "UID FETCH" and "BODY" in command.rest:
            return f"{command.tag} NO [UNAVAILABLE] try later\r\n"
        return None

    server = OddServer(trick=trick)
    for raw in MAILS:
        server.put(raw)
    with passes(config, server) as run:
        assert run(3).rows() == {}
        assert len(run.troubles) == 3
        busy[0] = False
        assert set(run(1).rows().values()) == {HANDLED}


def test_a_server_that_is_down_costs_no_mail_a_try(config: Config) -> None:
    """It accepts logins and ends the connection at each fetch: the pass fails, no more."""
    down = [True]

    def trick(server: OddServer, command: Command) -> None:
        if down[0] and command.verb == "UID FETCH" and "BODY" in command.rest:
            raise End

    server = OddServer(trick=trick)
    for raw in MAILS[:4]:
        server.put(raw)
    with passes(config, server) as run:
        assert run(2).rows() == {}
        assert len(run.troubles) == 2
        down[0] = False
        assert set(run(1).rows().values()) == {HANDLED}


FAULTS: dict[str, Callable[[OddServer, Command], str | bytes | None]] = {
    "no": lambda server, command: f"{command.tag} NO internal error\r\n",
    "bad": lambda server, command: f"{command.tag} BAD what?\r\n",
    "end": lambda server, command: _end(),
    "empty": lambda server, command: server.done(command),
    "nil": lambda server, command: server.done(
        command, *(f"{uid} FETCH (UID {uid} BODY[] NIL)" for uid in command.uids)
    ),
    "half": lambda server, command: server.fetched(command, command.uids[::2]),
}  # fmt: skip


def _end() -> str:
    raise End


@pytest.mark.parametrize("seed", range(8 * CAMPAIGN))
def test_random_faults_lose_nothing(config: Config, seed: int) -> None:
    """Any command may go wrong in any way, in one of ten; then the server gets well."""
    dice = random.Random(seed)
    well = [False]

    def trick(server: OddServer, command: Command) -> str | bytes | None:
        if well[0] or command.verb == "LOGIN" or dice.random() > 0.1:
            return None
        faults = list(FAULTS)[: 6 if command.verb == "UID FETCH" else 3]
        return FAULTS[dice.choice(faults)](server, command)

    server = OddServer(trick=trick)
    with passes(config, server) as run:
        for number in range(12):
            for raw in MAILS[number % 8 : number % 8 + 1] if number < 8 else []:
                server.put(raw)
            run(1)
        well[0] = True
        rows = run(PASSES + 6).rows()
    assert set(rows) >= server.named
    assert set(rows.values()) <= TERMINAL
    done = [*server.filed("Processed"), *server.filed("Held")]
    assert sorted(done) == sorted(MAILS), "each mail is in one folder, once"
