"""Mail servers that refuse, leave out, cut short or invent things: no mail is given up.

After twenty passes, every UID that a search ever named has one row with an outcome, or one that
says that the server did not hand the mail over, which `intake status` shows.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from intake.adapters.mailbox.imap import ImapBox
from intake.adapters.mailbox.protocol import MailboxError
from intake.config.loader import Config
from intake.store import reports
from intake.store.tables.messages import MessageRow
from intake.worker import collector
from intake.worker.bootstrap import assemble
from intake.worker.collector import Rules
from tests import house
from tests.mailbag import bag
from tests.odd_imap import CAPABILITIES, Command, End, OddServer, literal, odd

CAMPAIGN = int(os.environ.get("INTAKE_CAMPAIGN", "1"))
PASSES = 8 if CAMPAIGN == 1 else 20  # of which the last is over two hours after the first
MAILS = [mail.raw for mail in bag(8)]
BACKFILL = Rules(backfill_all=True)
TERMINAL = {"handled", "ignored", "held", "dropped", "shelved", "vanished"}


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """A service whose letters go into a Maildir."""
    text = house.maildir_box(tmp_path / "in")
    return house.make(tmp_path, text + house.delivery(f"maildir:{tmp_path}/out"))


@dataclass
class Passes:
    """Passes over one mailbox by one process."""

    config: Config
    box: ImapBox
    made: Any
    rules: Rules = BACKFILL
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    step: timedelta = timedelta(minutes=15 if CAMPAIGN == 1 else 6)
    troubles: list[str] = field(default_factory=list)

    def __call__(self, times: int) -> Passes:
        """So many passes; one that fails closes the connection, as the worker does."""
        for _ in range(times):
            self.now += self.step
            try:
                collector.collect(
                    self.box, replace(self.made.desk, clock=lambda: self.now), self.rules
                )
            except MailboxError as trouble:
                self.troubles.append(str(trouble))
                self.box.close()
        return self

    def rows(self) -> dict[int, str]:
        """The status by UID."""
        with house.unit(self.config) as unit:
            return dict(unit.execute(select(MessageRow.uid, MessageRow.status)).all())  # type: ignore[call-overload]  # columns

    def shown(self) -> int:
        """The mails that the status command says were not handed over."""
        with house.unit(self.config) as unit:
            return reports.status(unit).not_handed_over


@contextmanager
def passes(
    config: Config, server: OddServer, rules: Rules = BACKFILL, **more: Any
) -> Iterator[Passes]:
    """A worker on that server."""
    with odd(server, **more) as box, assemble(config) as made:
        yield Passes(config, box, made, rules)


def wordless(server: OddServer, command: Command) -> str | None:
    """STATUS has an answer without a word in it."""
    return server.done(command, "STATUS x ()") if command.verb == "STATUS" else None


def asks_body(command: Command, uid: int = 3) -> bool:
    """Whether it is a FETCH of that mail's bytes."""
    return command.verb == "UID FETCH" and uid in command.uids and "BODY" in command.rest


def body(change: Callable[[OddServer, Command, bytes], bytes | None], item: str = "BODY[]") -> Any:
    """What one mail's body becomes; None leaves the item out."""

    def row(
        server: OddServer, command: Command, uid: int, items: dict[str, bytes]
    ) -> dict[str, bytes] | None:
        if uid == 3 and item in items:
            value = change(server, command, items.pop(item))
            return items | ({item: value} if value is not None else {})
        return items

    return row


def no_row(server: OddServer, command: Command, uid: int, items: dict[str, bytes]) -> Any:
    """No row of the third mail when it is asked for with others."""
    return None if uid == 3 and len(command.uids) > 1 and "BODY[]" in items else items


def never(server: OddServer, command: Command, uid: int, items: dict[str, bytes]) -> Any:
    """No bytes of the third mail, however they are asked for."""
    return {k: v for k, v in items.items() if not (uid == 3 and k.startswith("BODY"))}


def only(kept: str) -> Any:
    """The third mail's bytes by that item alone."""

    def row(server: OddServer, command: Command, uid: int, items: dict[str, bytes]) -> Any:
        return {
            name: b"NIL"
            if uid == 3 and name.startswith("BODY") and not name.startswith(kept)
            else value
            for name, value in items.items()
        }

    return row


def refused(*, kept: bool, word: str = "NO", alone: bool = False) -> Any:
    """A FETCH with the third mail is refused, with or without the rows before it."""

    def trick(server: OddServer, command: Command) -> bytes | None:
        if not asks_body(command) or (alone and len(command.uids) == 1):
            return None
        before = [uid for uid in command.uids if uid < 3] if kept else []
        return server.rows(command, before) + f"{command.tag} {word} internal error\r\n".encode()

    return trick


def ends(server: OddServer, command: Command) -> None:
    """The connection ends whenever the third mail is asked for."""
    if asks_body(command):
        raise End


def flaky() -> Any:
    """Every second FETCH ends the connection."""
    count = [0]

    def trick(server: OddServer, command: Command) -> None:
        if command.verb == "UID FETCH":
            count[0] += 1
            if count[0] % 2:
                raise End

    return trick


def unreadable(server: OddServer, command: Command) -> str | None:
    """The row of the third mail is no IMAP."""
    if asks_body(command):
        return f"* 3 FETCH (UID 3 BODY[] (((\r\n{command.tag} OK done\r\n"
    return None


def once(change: Callable[[bytes], bytes]) -> Any:
    """The third mail's body is changed the first time only."""
    seen: list[int] = []

    def changed(server: OddServer, command: Command, value: bytes) -> bytes:
        seen.append(1)
        return change(value) if len(seen) == 1 else value

    return body(changed)


def cut(value: bytes) -> bytes:
    """The first half of a literal."""
    raw = value.partition(b"\r\n")[2]
    return literal(raw[: len(raw) // 2])


def without(item: str, only_uid: int = 0) -> Any:
    """Rows without that item."""

    def row(server: OddServer, command: Command, uid: int, items: dict[str, bytes]) -> Any:
        return {k: v for k, v in items.items() if k != item or (only_uid and uid != only_uid)}

    return row


def unlisted(server: OddServer, command: Command, uid: int, items: dict[str, bytes]) -> Any:
    """The list of sizes leaves the third mail out."""
    return None if uid == 3 and "INTERNALDATE" in items and "BODY[]" not in items else items


def wrong_size(server: OddServer, command: Command, uid: int, items: dict[str, bytes]) -> Any:
    """Every size is seven bytes too small."""
    if "RFC822.SIZE" in items:
        items["RFC822.SIZE"] = b"%d" % (int(items["RFC822.SIZE"]) - 7)
    return items


def keeps(server: OddServer, command: Command) -> str | None:
    """MOVE copies, keeps and says that all is well."""
    return server.moved(command, command.uids, keep=True) if command.verb == "UID MOVE" else None


def vanishes(server: OddServer, command: Command) -> None:
    """Another program takes the third mail away just before its bytes are asked for."""
    if asks_body(command):
        server.mails.pop(3, None)
        command.uids = [uid for uid in command.uids if uid != 3]


def refuses_to_move(server: OddServer, command: Command) -> str | None:
    """One mail is not taken by the target folder."""
    if command.verb == "UID MOVE" and 3 in command.uids:
        return f"{command.tag} NO [CANNOT] not this one\r\n"
    return None


def with_others(server: OddServer, command: Command) -> bytes | None:
    """Every FETCH is answered with a row that nobody asked for, too."""
    if command.verb == "UID FETCH":
        return b"* 99 FETCH (UID 99 FLAGS (\\Seen))\r\n" + server.fetched(command, command.uids)
    return None


def wants_id() -> Any:
    """No folder is shown before the client has said who it is."""
    said: list[int] = []

    def trick(server: OddServer, command: Command) -> str | None:
        if command.verb == "ID":
            said.append(1)
        if command.verb == "SELECT" and not said:
            return f"{command.tag} NO SELECT Unsafe Login. Please contact the postmaster\r\n"
        return None

    return trick


def exists_already(server: OddServer, command: Command) -> str | None:
    """LIST shows no folder, and CREATE says that it is there."""
    if command.verb == "LIST":
        return server.done(command)
    if command.verb == "CREATE":
        for name in ("Processed", "Held"):
            server.folders.setdefault(name, type(server.folders["INBOX"])())
        return f"{command.tag} NO [ALREADYEXISTS] Mailbox already exists\r\n"
    return None


def no_uidnext(server: OddServer, command: Command) -> str | None:
    """UIDNEXT is told nowhere."""
    if command.verb == "STATUS":
        return server.done(command, "STATUS INBOX ()")
    if command.verb == "SELECT":
        return server.done(command, f"{len(server.mails)} EXISTS", "OK [UIDVALIDITY 7] v")
    return None


def silent_after_a_no() -> Any:
    """The first MOVE is refused; then a FETCH of flags has an OK and no row."""
    refusals = [1]

    def trick(server: OddServer, command: Command) -> str | None:
        if command.verb == "UID MOVE" and refusals:
            refusals.clear()
            return f"{command.tag} NO not now\r\n"
        flags = command.verb == "UID FETCH" and command.rest.endswith("(FLAGS)")
        return server.done(command) if flags else None

    return trick


def no_look_into_the_target() -> Any:
    """The first MOVE is refused, and so is the first look into the folder that it should go to."""
    left = {"UID MOVE": 1, "EXAMINE": 1}

    def trick(server: OddServer, command: Command) -> str | None:
        if not left.get(command.verb):
            return None
        left[command.verb] -= 1
        return f"{command.tag} BAD not now\r\n"

    return trick


HANDLED = "handled"
# name -> the server, what becomes of the third mail, whether the others are done in one pass
BEHAVIOURS: dict[str, tuple[dict[str, Any], str]] = {
    "as it should be": ({}, HANDLED),
    "a body that is NIL": ({"row": body(lambda *_: b"NIL")}, HANDLED),
    "a body that is NIL once": ({"row": once(lambda _: b"NIL")}, HANDLED),
    "no row among others": ({"row": no_row}, HANDLED),
    "no bytes at all": ({"row": never}, "shelved"),
    "every body NIL": ({"row": only("-")}, "shelved"),
    "bytes in pieces only": ({"row": only("BODY[]<")}, HANDLED),
    "bytes as header and text only": ({"row": only("BODY[H")}, "shelved"),
    "a mail that the list leaves out": ({"row": unlisted}, HANDLED),
    "no size": ({"row": without("RFC822.SIZE", 3)}, HANDLED),
    "no size at all": ({"row": without("RFC822.SIZE")}, HANDLED),
    "no date": ({"row": without("INTERNALDATE")}, HANDLED),
    "NO after some rows": ({"trick": refused(kept=True)}, "shelved"),
    "NO before any row": ({"trick": refused(kept=False)}, "shelved"),
    "NO unless alone": ({"trick": refused(kept=True, alone=True)}, HANDLED),
    "BAD for one mail": ({"trick": refused(kept=False, word="BAD")}, "shelved"),
    "an end for one mail": ({"trick": ends}, "shelved"),
    "an end at every second fetch": ({"trick": flaky()}, HANDLED),
    "an answer that is no IMAP": ({"trick": unreadable}, "shelved"),
    "wrong sizes": ({"row": wrong_size}, HANDLED),
    "a body that is cut once": ({"row": once(cut)}, HANDLED),
    "a row that nobody asked for": ({"trick": with_others}, HANDLED),
    "STATUS without words": ({"trick": wordless}, HANDLED),
    "ID first": ({"trick": wants_id()}, HANDLED),
    "a prefix": ({"prefix": "INBOX."}, HANDLED),
    "folders that exist already": ({"trick": exists_already}, HANDLED),
    "no UIDNEXT": ({"trick": no_uidnext}, HANDLED),
    "mail that is kept after MOVE": ({"trick": keeps}, HANDLED),
    "mail that is kept after MOVE, no UIDPLUS": (
        {"trick": keeps, "capabilities": CAPABILITIES.replace("UIDPLUS ", "")}, HANDLED,
    ),
    "a mail that is not moved": ({"trick": refuses_to_move}, HANDLED),
    "no flags after a refused MOVE": ({"trick": silent_after_a_no()}, HANDLED),
    "no look into the target": ({"trick": no_look_into_the_target()}, HANDLED),
    "a mail that goes away": ({"trick": vanishes}, "vanished"),
    "neither MOVE nor UIDPLUS": ({"capabilities": "IMAP4rev1"}, HANDLED),
}  # fmt: skip


@pytest.mark.parametrize("name", BEHAVIOURS)
def test_no_mail_is_given_up(config: Config, name: str) -> None:
    """The others are done in the first pass that can; the third has one outcome in the end."""
    script, third = BEHAVIOURS[name]
    server = OddServer(**script)
    for raw in MAILS:
        server.put(raw)
    with passes(config, server) as run:
        run(2)
        first = run.rows()
        assert {uid: first[uid] for uid in first if uid != 3} == {
            uid: HANDLED for uid in range(1, 9) if uid != 3
        }
        if third == "shelved":
            assert (first[3], run.shown()) == ("deferred", 1)
        server.put(bag(10)[9].raw)
        last = run(PASSES).rows()
        assert set(last) == server.named
        assert last.pop(3) == third
        assert set(last.values()) == {HANDLED}
        assert run.shown() == 0
    moved = server.filed("Processed") + server.filed("INBOX.Processed")
    assert len(moved) == len(set(moved)), "a mail was copied twice"
    if name not in ("a mail that is not moved",):
        assert set(MAILS) - {MAILS[2]} <= set(moved)
    held = server.filed("Held") + server.filed("INBOX.Held")
    assert held == ([MAILS[2]] if third == "shelved" else [])
    assert "INBOX.INBOX.Processed" not in server.folders


def test_several_mails_that_do_not_come_are_told_apart(config: Config) -> None:
    """Two are there and are not handed over, two have gone meanwhile."""

    def row(server: OddServer, command: Command, uid: int, items: dict[str, bytes]) -> Any:
        bare = {k: v for k, v in items.items() if not k.startswith("BODY")}
        return bare if uid in (2, 5) else items

    def trick(server: OddServer, command: Command) -> None:
        if asks_body(command, 4):
            for uid in (4, 6):
                server.mails.pop(uid, None)
            command.uids = [uid for uid in command.uids if uid in server.mails]

    server = OddServer(row=row, trick=trick)
    for raw in MAILS:
        server.put(raw)
    with passes(config, server) as run:
        rows = run(1).rows()
        assert run.shown() == 2
    assert {uid for uid, status in rows.items() if status == "deferred"} == {2, 5}
    assert {uid for uid, status in rows.items() if status == "vanished"} == {4, 6}
    assert {uid for uid, status in rows.items() if status == HANDLED} == {1, 3, 7, 8}


def test_a_refused_mail_is_asked_for_at_growing_distances(config: Config) -> None:
    """After one, five, fifteen and sixty minutes; then it is shelved and says why."""
    server = OddServer(row=never)
    for raw in MAILS[:3]:
        server.put(raw)
    asked: list[datetime] = []
    with passes(config, server) as run:
        run.step = timedelta(seconds=90)
        for _ in range(70):
            before = sum("3 (BODY" in one.replace("UID FETCH ", "") for one in server.commands)
            run(1)
            after = sum("3 (BODY" in one.replace("UID FETCH ", "") for one in server.commands)
            asked += [run.now] if after > before else []
        gaps = [(b - a).total_seconds() / 60 for a, b in pairwise(asked)]
        assert [round(gap) for gap in gaps] == [2, 6, 15, 60]
        with house.unit(config) as unit:
            (row,) = reports.messages(unit, state="shelved")
    assert "attempt 5 of 5" in row["reasons"][0]
    done = house.command(config, "messages", "replay", str(row["id"]))
    assert (done.returncode, b"Traceback" in done.stderr) == (1, False)
    assert b"bytes" in done.stderr


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
