"""Mail servers that refuse, leave out, cut short or invent things: no mail is given up.

After twenty passes, every UID that a search ever named has one row with an outcome, or one that
says that the server did not hand the mail over, which `intake status` shows.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from intake.config.loader import Config
from intake.store import reports
from tests.support import installation
from tests.support.mailbag import bag
from tests.support.odd_behaviours import (
    HANDLED,
    MAILS,
    PASSES,
    no_uidnext,
    passes,
)
from tests.support.odd_imap import CAPABILITIES, Command, End, OddServer, literal


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """A service whose letters go into a Maildir."""
    text = installation.maildir_box(tmp_path / "in")
    return installation.make(tmp_path, text + installation.delivery(f"maildir:{tmp_path}/out"))


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
        with installation.database(config) as session:
            (row,) = reports.messages(session, state="shelved")
    assert "attempt 5 of 5" in row["reasons"][0]
    done = installation.command(config, "messages", "replay", str(row["id"]))
    assert (done.returncode, b"Traceback" in done.stderr) == (1, False)
    assert b"bytes" in done.stderr
