"""The order of writes at the doors: letters at the dot, mails coming in, children that end."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import col

from intake.adapters.journal import Journal, LetterLine
from intake.adapters.mailbox.imap import ImapBox
from intake.adapters.mailbox.maildir import MaildirBox
from intake.adapters.smtp import Outcome, Parcel, Sent
from intake.store import migrate, outbox, reports
from intake.store.contacts import directory
from intake.store.engine import Engine, open_engine, reading, writing
from intake.store.tables.outbox import OutboxRow
from intake.worker import parser_pool
from intake.worker.outbox_sender import SendingContext, dispatch
from intake.worker.parser_pool import Pool, PoolError
from tests.support.mailbox_kinds import settings as imap_settings
from tests.support.pool import arrival, settings
from tests.support.records import DOT, PEOPLE, one_mail
from tests.support.values import NOW

# ---------------------------------------------------------------- letters


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """One letter that is due."""
    made = open_engine(f"sqlite:///{tmp_path}/intake.db")
    migrate.upgrade(made)
    with writing(made) as session:
        directory.load(session, PEOPLE, NOW)
    one_mail(made, 1)
    yield made
    made.dispose()


def letter(engine: Engine) -> dict[str, Any]:
    """What is committed of it."""
    with reading(engine) as session:
        (row,) = reports.letters(session)
    return row


@dataclass
class Lane:
    """A connection that looks at the disk, when its dot is sent, before anybody can answer."""

    look: Callable[[], object]
    before: Callable[[], object] = lambda: None  # in the time up to the dot
    seen: list[object] = field(default_factory=list)  # one for each dot
    closed: int = 0

    def prepare(self, parcel: Parcel) -> Outcome | None:
        """All but the dot."""
        self.before()
        return None

    def dot(self) -> None:
        """It goes with the answer."""

    def finish(self) -> Outcome:
        """The dot."""
        self.seen.append(self.look())
        return Sent("250 taken")

    def close(self) -> None:
        """The connection is cut."""
        self.closed += 1


def test_at_the_dot_the_doubt_is_committed_and_in_the_journal(
    engine: Engine, tmp_path: Path
) -> None:
    """Whoever dies at this moment leaves both, and what was sent is added after it."""
    journal = Journal(tmp_path / "journal")
    lane = Lane(lambda: (letter(engine)["state"], journal.tail()))
    posted = dispatch(
        SendingContext(engine, [lane], lambda _: "desk@desk.example", lambda: NOW, journal=journal)
    )
    name = f"<ack:{1:064d}@desk.example>"
    doubt = LetterLine(name, 1, sent=False)
    assert lane.seen == [("in_doubt", [doubt])]
    assert (posted.sent, letter(engine)["state"]) == (1, "sent")
    assert journal.tail() == [doubt, LetterLine(name, 1, sent=True)]


def test_a_letter_that_somebody_else_took_over_gets_no_dot(engine: Engine) -> None:
    """The lease ran out while the text was sent: the connection is cut, and without a dot."""

    def other() -> None:
        with writing(engine) as session:
            (taken,) = outbox.claim(session, NOW + timedelta(seconds=91), 90, 10)
            assert taken.fence == 2

    lane = Lane(lambda: None, before=other)
    clock = iter([NOW] * 3)
    late = NOW + timedelta(seconds=95)
    posted = dispatch(
        SendingContext(engine, [lane], lambda _: "desk@desk.example", lambda: next(clock, late))
    )
    assert (lane.seen, posted.total, letter(engine)["state"]) == ([], 0, "claimed")


def test_letters_that_were_marked_ahead_and_not_begun_are_not_in_doubt(engine: Engine) -> None:
    """Another worker took over the first of three; the others are due again, and nobody's doubt."""
    for number in (2, 3):
        one_mail(engine, number)

    def other() -> None:
        with writing(engine) as session:
            outbox.claim(session, NOW + timedelta(seconds=91), 90, 1)

    lane = Lane(lambda: None, before=other)
    clock = iter([NOW] * 3)
    late = NOW + timedelta(seconds=95)
    given = SendingContext(engine, [lane], lambda _: "d@desk.example", lambda: next(clock, late))
    posted = dispatch(replace(given, in_doubt=3))
    assert (lane.seen, posted.retry) == ([], 2)
    assert [state for state, _ in doubts(engine)] == ["claimed", "due", "due"]


def doubts(engine: Engine) -> list[tuple[str, datetime | None]]:
    """The state of each letter, and until when it is this worker's."""
    query = select(col(OutboxRow.state), col(OutboxRow.lease_until)).order_by(col(OutboxRow.id))
    with reading(engine) as session:
        return [(row[0], row[1]) for row in session.execute(query)]


def test_one_commit_marks_the_letters_of_several_rounds(engine: Engine) -> None:
    """As many as the setting says: at the first dot these are in doubt and the rest is not."""
    for number in range(2, 6):
        one_mail(engine, number)
    lane = Lane(lambda: [state for state, _ in doubts(engine)])
    post = SendingContext(engine, [lane], lambda _: "desk@desk.example", lambda: NOW, in_doubt=3)
    assert dispatch(post).sent == 5
    assert lane.seen[0] == ["in_doubt"] * 3 + ["claimed"] * 2
    assert lane.seen[3] == ["sent"] * 3 + ["in_doubt"] * 2
    assert [state for state, _ in doubts(engine)] == ["sent"] * 5


def test_a_slow_server_has_each_round_marked_again(engine: Engine) -> None:
    """At each dot there is as much time as a server may take, although all were marked before."""
    for number in range(2, 5):
        one_mail(engine, number)
    now = [NOW]
    left: list[float] = []

    def slow() -> None:
        until = doubts(engine)[len(left)][1]
        assert until is not None
        left.append((until - now[0]).total_seconds())
        now[0] += timedelta(minutes=9)

    lane = Lane(slow)
    post = SendingContext(engine, [lane], lambda _: "desk@desk.example", lambda: now[0], 3600.0)
    post = replace(post, in_doubt=16)
    assert dispatch(post).sent == 4
    assert min(left) >= post.dot_seconds > 600


def test_a_letter_in_doubt_is_never_due_again(engine: Engine) -> None:
    """Not even before anybody has said that its sender died."""
    with writing(engine) as session:
        (claimed,) = outbox.claim(session, NOW, 90, 10)
        assert outbox.mark_in_doubt(session, [(claimed.id, claimed.fence)], DOT) == []
    much_later: datetime = DOT + timedelta(days=1)
    with writing(engine) as session:
        assert not outbox.any_due(session, much_later)
        assert outbox.claim(session, much_later, 90, 10) == []


# ---------------------------------------------------------------- mails as they come in


def test_a_mail_of_a_name_that_was_moved_before_replaces_nothing(tmp_path: Path) -> None:
    """Names are used again; where handled mail lies both of them are kept."""
    box = MaildirBox("box", tmp_path / "in")
    box.open()
    for raw in (b"first", b"the second"):
        (tmp_path / "in/new/1.x").write_bytes(raw)
        uids = [one.uid for one in box.waiting(1)]
        assert [one.done for one in box.settle("processed", uids)] == [True]
    there = (tmp_path / "in/.Processed/cur").iterdir()
    assert sorted(path.read_bytes() for path in there) == [b"first", b"the second"]


def test_a_move_within_a_maildir_is_synced_at_both_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the rename and before anybody is told that the mail was moved."""
    box = MaildirBox("box", tmp_path / "in")
    box.open()
    (tmp_path / "in/new/1.x").write_bytes(b"mail")
    (one,) = box.waiting(1)
    log: list[str] = []
    rename = Path.rename

    def renamed(path: Path, target: Path) -> Path:
        log.append("rename")
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", lambda fd: log.append(os.readlink(f"/proc/self/fd/{fd}")))
    monkeypatch.setattr(Path, "rename", renamed)
    box.settle("processed", [one.uid])
    ends = [str(tmp_path / "in" / place) for place in (".Processed/cur", "new", "cur")]
    assert log == ["rename", *ends]


class Server:
    """An IMAP server's answers to FETCH, in the order in which they are asked for."""

    def __init__(self, *answers: dict[bytes, object]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def fetch(self, uids: Sequence[int], items: Sequence[str]) -> dict[int, dict[bytes, object]]:
        """The next answer; an empty one is a mail that is gone."""
        self.asked.append(items[-1])
        answer = self.answers.pop(0)
        return {uids[0]: answer} if answer else {}

    def search(self, words: Sequence[str]) -> list[int]:
        """Whether the mail is still there, in the same order."""
        return [int(words[1])] if self.answers.pop(0) else []

    def socket(self) -> None:
        """None that could be cut."""


def imap(*answers: dict[bytes, object]) -> tuple[ImapBox, Server]:
    """A box whose folder is open on that server."""
    box, server = ImapBox(imap_settings(1)), Server(*answers)
    box._client = server  # type: ignore[assignment]  # it has what is called
    return box, server


def test_a_body_that_was_cut_is_fetched_once_more() -> None:
    """The server says eleven bytes and sends six."""
    short = {b"RFC822.SIZE": 11, b"BODY[]": b"half a"}
    box, server = imap(short, {b"BODY[]": b"half a mail"})
    assert [one.raw for one in box.fetch([4])] == [b"half a mail"]
    assert server.answers == []


@pytest.mark.parametrize(("there", "whole"), [({b"RFC822.SIZE": 9}, True), ({}, False)])
def test_a_large_mail_is_whole_only_when_it_is_still_there(
    there: dict[bytes, object], whole: bool
) -> None:
    """One that another client moves away meanwhile ends as if its bytes were all."""
    box, server = imap({b"BODY[]<0>": b"a mail of"}, {b"BODY[]<9>": b""}, there)
    got: list[bytes] = []
    assert box.fetch_large(4, got.append) is whole
    assert (b"".join(got), server.answers) == (b"a mail of", [])


# ---------------------------------------------------------------- children that end


def ended(monkeypatch: pytest.MonkeyPatch, times: int) -> list[int]:
    """So many children are killed by somebody else, each as soon as it is asked."""
    killed: list[int] = []
    real = parser_pool._Child.ask

    def ask(child: Any, mail: Any) -> Any:
        if len(killed) < times:
            killed.append(child._process.pid)
            child.kill()
            child._process.wait()
        return real(child, mail)

    monkeypatch.setattr(parser_pool._Child, "ask", ask)
    return killed


def test_a_child_that_somebody_killed_is_not_blamed_on_its_mail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twice another child reads the mail; the third such end is a refusal."""
    with Pool(1, settings(tmp_path)) as made:
        killed = ended(monkeypatch, 2)
        [(_, read)] = made.map([arrival("a")])
        assert (len(killed), getattr(read.message, "code", "")) == (2, "")
        monkeypatch.undo()
        killed = ended(monkeypatch, 3)
        [(_, read)] = made.map([arrival("b")])
        assert (len(killed), getattr(read.message, "code", "")) == (3, "crash")


def test_a_child_that_ends_with_the_worker_refuses_no_mail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker was told to stop and kills its children: the batch ends, and nobody is blamed."""
    with Pool(1, settings(tmp_path), lambda: True) as made:
        ended(monkeypatch, 1)
        with pytest.raises(PoolError, match="ended with the worker"):
            list(made.map([arrival("a")]))


def test_a_pause_of_everything_is_no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine slept for an hour: of ten seconds of patience half a second is gone at most."""
    moment = [1000.0]
    monkeypatch.setattr(parser_pool.time, "monotonic", lambda: moment[0])
    patience = parser_pool._Patience(10)
    for _ in range(3):
        patience.next_slice()
        moment[0] += 3600
        assert not patience.is_over()
    slices = 0
    while not patience.is_over():
        patience.next_slice()
        moment[0] += 0.25
        slices += 1
    assert 30 <= slices <= 40
