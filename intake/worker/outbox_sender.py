"""Sends the outbox over several connections: claim, prepare, mark as in doubt, send, record.

The row of a letter says "in doubt" on disk before its final dot is sent. After a crash between the
dot and the answer the row shows this, and the letter is not sent a second time.

Letters are sent in rounds, one on each connection. One commit marks the letters of the next rounds
as in doubt and records the outcomes of those before. If the server is slow, each round is marked
again before its dots, so that the time after which a letter counts as lost stays short.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from intake.adapters.blob_store import BlobError
from intake.adapters.journal import Journal
from intake.adapters.smtp import Failed, InDoubt, Lane, Outcome, Parcel, Patience, Retry, Sent
from intake.model.delivery import is_about_us
from intake.model.fault_points import reached
from intake.store import outbox, relay_refusals
from intake.store.engine import Engine, Session, reading, writing
from intake.store.letter_checks import Claimed

log = structlog.get_logger("intake.dispatch")

CLAIM = 64
FRESH_SECONDS = 10.0  # for this time a mark is good enough for the next rounds, too


class Queue(Protocol):
    """A source of waiting letters: the outbox or the notice_recipients table."""

    def any_due(self, session: Session, now: datetime) -> bool:
        """Whether there may be a letter to claim."""

    def claim(
        self, session: Session, now: datetime, lease_seconds: float, limit: int
    ) -> list[Claimed]:
        """Claims letters until the lease runs out; each claim counts as an attempt."""

    def complete(self, session: Session, claimed: Sequence[Claimed]) -> list[Claimed]:
        """The same letters with their bytes, read in a transaction that writes nothing."""

    def rounds(self, claimed: Sequence[Claimed], lanes: int) -> list[list[Claimed]]:
        """The groups in which the letters are sent, one on each lane."""

    def mark_in_doubt(
        self, session: Session, letters: Sequence[tuple[int, int]], until: datetime
    ) -> list[int]:
        """Marks (id, fence) before the final dot is sent; returns the ids that must not be sent.

        No other worker may treat them as abandoned before ``until``.
        """

    def settle(
        self,
        session: Session,
        outcomes: Sequence[tuple[int, int, Outcome]],
        now: datetime,
        jitter: float,
    ) -> list[int]:
        """Records outcomes; returns the ids that another worker holds now."""

    def take_back(self, session: Session, refused: Sequence[int], now: datetime) -> int:
        """Makes letters due later that the relay refused like all others; returns how many."""


class Outbox:
    """The outbox as a queue: replies to people, stored as complete letters."""

    any_due = staticmethod(outbox.any_due)
    claim = staticmethod(outbox.claim)
    mark_in_doubt = staticmethod(outbox.mark_in_doubt)
    settle = staticmethod(outbox.settle)
    take_back = staticmethod(relay_refusals.take_back)

    def complete(self, session: Session, claimed: Sequence[Claimed]) -> list[Claimed]:
        """Returns them unchanged: their rows hold complete letters."""
        return list(claimed)

    def rounds(self, claimed: Sequence[Claimed], lanes: int) -> list[list[Claimed]]:
        """Groups in the order in which the letters became due."""
        return [list(claimed[start : start + lanes]) for start in range(0, len(claimed), lanes)]


@dataclass(slots=True)
class Posted:
    """The result of one pass over the outbox."""

    sent: int = 0
    retry: int = 0
    failed: int = 0
    in_doubt: int = 0
    failures: list[str] = field(default_factory=list)  # different replies of the servers
    refuses_all: str = ""  # what the relay said when it took no letter at all

    @property
    def total(self) -> int:
        """Letters that were attempted."""
        return self.sent + self.retry + self.failed + self.in_doubt


@dataclass(slots=True)
class Streak:
    """The letters that were refused in a row, for reasons that may apply to every letter."""

    refused: list[tuple[Claimed, str]] = field(default_factory=list)  # with the relay's reply

    def note(self, letter: Claimed, outcome: Outcome) -> None:
        """Adds a refusal; an accepted letter ends the streak."""
        if isinstance(outcome, Sent):
            self.refused.clear()
        elif isinstance(outcome, Failed) and not letter.trouble and is_about_us(outcome.reply):
            self.refused.append((letter, outcome.reply))

    @property
    def is_long(self) -> bool:
        """Whether so many people were refused that the recipients cannot be the reason."""
        return (
            len({one.recipient.lower() for one, _ in self.refused})
            >= relay_refusals.REFUSED_IN_A_ROW
        )

    @property
    def everywhere(self) -> str:
        """The last reply if letters to several domains were refused; otherwise empty."""
        domains = {one.recipient.rpartition("@")[2].lower() for one, _ in self.refused}
        return self.refused[-1][1] if self.is_long and len(domains) > 1 else ""


@dataclass(frozen=True, slots=True)
class SendingContext:
    """All objects and settings that a pass needs."""

    engine: Engine
    lanes: Sequence[Lane]
    bounce_address: Callable[[int], str]  # envelope sender of the letter in that row
    clock: Callable[[], datetime]
    lease_seconds: float = 90.0
    dot_seconds: float = Patience().dot + 60.0  # then no answer to the dot can come any more
    in_doubt: int = 4  # letters that one commit marks, at least one for each lane
    stopped: Callable[[], bool] = lambda: False
    queue: Queue = field(default_factory=Outbox)
    journal: Journal = field(default_factory=Journal)
    streak: Streak = field(default_factory=Streak)
    attach: Callable[[Claimed], bytes] = field(default=lambda item: item.raw)
    """The bytes of a letter with its files. Raises BlobError when a file is gone."""


Settled = tuple[Claimed, Outcome]


def dispatch(post: SendingContext, progress: Callable[[int], None] | None = None) -> Posted:
    """Sends or defers every due letter. Raises StoreError; an SMTP failure is an outcome."""
    posted = Posted()
    try:
        while not post.stopped():
            ours_until = post.clock() + timedelta(seconds=post.lease_seconds)
            claimed = _claim(post)
            if not claimed:
                break
            _send(post, claimed, ours_until, posted, progress)
            if posted.refuses_all or (posted.retry and not posted.sent):
                break
        if posted.failed:
            _take_back(post, posted)
    finally:
        for lane in post.lanes:
            lane.close()
    return posted


def _take_back(post: SendingContext, posted: Posted) -> None:
    """Puts off letters that were refused in a row, because the relay refuses every letter."""
    with writing(post.engine) as session:
        ids = [one.id for one, _ in post.streak.refused] if post.streak.is_long else []
        count = post.queue.take_back(session, ids, post.clock())
    if count:
        reply = post.streak.refused[-1][1] if post.streak.refused else posted.failures[-1]
        posted.refuses_all = f"it refuses every letter: {reply}"
        posted.failed, posted.retry = max(posted.failed - count, 0), posted.retry + count
        post.streak.refused.clear()
        log.error("relay-refuses", letters=count, reply=reply)


def _claim(post: SendingContext) -> list[Claimed]:
    now = post.clock()
    with reading(post.engine) as session:
        if not post.queue.any_due(session, now):
            return []
    with writing(post.engine) as session:
        claimed = post.queue.claim(session, now, post.lease_seconds, CLAIM)
    reached("K16")
    with reading(post.engine) as session:
        return post.queue.complete(session, claimed)


@dataclass(slots=True)
class _Marked:
    """The letters that are marked as in doubt on disk."""

    at: datetime | None = None
    ids: set[int] = field(default_factory=set)
    refused: set[int] = field(default_factory=set)  # another worker holds them now

    def covers(self, items: Sequence[Claimed], now: datetime) -> bool:
        """Whether the dots of those letters may be sent."""
        if self.at is None or now - self.at > timedelta(seconds=FRESH_SECONDS):
            return not items
        return all(item.id in self.ids for item in items)


def _send(
    post: SendingContext,
    claimed: Sequence[Claimed],
    ours_until: datetime,
    posted: Posted,
    progress: Callable[[int], None] | None,
) -> None:
    """Sends rounds of one letter per lane; outcomes are recorded when the next ones are marked.

    If the lease has run out and another worker has taken over letters, the rest is left to it.
    """
    outcomes: list[Settled] = []
    marked = _Marked()
    unreachable = ""
    groups = post.queue.rounds(claimed, len(post.lanes))
    for number, group in enumerate(groups):
        if unreachable or post.stopped():
            why = unreachable or "the worker is stopping"
            ours = (item for item in group if item.id not in marked.refused)
            outcomes += [(item, Retry(why, True)) for item in ours]
            continue
        ready, refused_now = _made_ready(post, group, marked)
        reached("K17")
        unreachable = _unreachable(refused_now, ready) or post.streak.everywhere
        outcomes += refused_now
        if not marked.covers([item for _, item in ready], post.clock()):
            _mark(post, outcomes, [item for _, item in ready], groups[number + 1 :], posted, marked)
            outcomes = []
            unreachable = unreachable or post.streak.everywhere
        posted.refuses_all = posted.refuses_all or unreachable
        outcomes += _finished(ready, marked)
        if progress:
            progress(len(group))
        if marked.refused and post.clock() > ours_until:
            log.warning("lease-lost", letters=len(claimed))
            outcomes += _not_begun(groups[number + 1 :], marked)
            break
    _commit(post, outcomes, [], posted)


def _not_begun(groups: Sequence[Sequence[Claimed]], marked: _Marked) -> list[Settled]:
    """The letters that were marked ahead and not sent: they are not in doubt."""
    why = Retry("another worker has taken over", True)
    return [(item, why) for group in groups for item in group if item.id in marked.ids]


def _made_ready(
    post: SendingContext, group: Sequence[Claimed], marked: _Marked
) -> tuple[list[tuple[Lane, Claimed]], list[Settled]]:
    """The letters of a round that wait for their dot, and the outcomes of those that do not."""
    ready: list[tuple[Lane, Claimed]] = []
    outcomes: list[Settled] = []
    ours = [item for item in group if item.id not in marked.refused]
    for lane, item in zip(post.lanes, ours, strict=False):
        outcome = _prepared(post, lane, item, item.sender or post.bounce_address(item.id))
        if outcome is None:
            ready.append((lane, item))
        else:
            outcomes.append((item, outcome))
    return ready, outcomes


def _mark(
    post: SendingContext,
    outcomes: Sequence[Settled],
    ready: Sequence[Claimed],
    later: Sequence[Sequence[Claimed]],
    posted: Posted,
    marked: _Marked,
) -> None:
    """Marks the letters that are ready, and some of later rounds; records the outcomes so far."""
    doubtful = list(ready)
    for group in later:
        if len(doubtful) + len(group) > post.in_doubt:
            break
        doubtful += [item for item in group if item.id not in marked.refused]
    marked.at = post.clock()
    marked.refused |= _commit(post, outcomes, doubtful, posted)
    marked.ids |= {item.id for item in doubtful} - marked.refused


def _finished(ready: Sequence[tuple[Lane, Claimed]], marked: _Marked) -> list[Settled]:
    """Sends all dots of a round and then reads the answers, so that the server works meanwhile."""
    sent: list[tuple[Lane, Claimed]] = []
    for lane, item in ready:
        if item.id in marked.refused:
            lane.close()
            continue
        lane.dot()
        reached("K19")
        sent.append((lane, item))
    outcomes: list[Settled] = []
    for lane, item in sent:
        outcomes.append((item, lane.finish()))
        reached("K20")
    return outcomes


def _prepared(post: SendingContext, lane: Lane, item: Claimed, sender: str) -> Outcome | None:
    """Sends everything but the final dot; None if only that is missing."""
    if item.trouble:
        return Failed(item.trouble)
    try:
        raw = post.attach(item) if item.files else item.raw
    except BlobError as error:
        return Failed(f"a file of it cannot be read: {error}")
    return lane.prepare(Parcel(sender, item.recipient, raw))


def _unreachable(outcomes: Sequence[Settled], ready: Sequence[object]) -> str:
    """The server's reply if it refused a whole round for the time being; otherwise empty."""
    put_off = [one for _, one in outcomes if isinstance(one, Retry) and one.everybody]
    if ready or len(put_off) < len(outcomes) or not put_off:
        return ""
    return put_off[0].reply


def _commit(
    post: SendingContext, outcomes: Sequence[Settled], doubtful: Sequence[Claimed], posted: Posted
) -> set[int]:
    """Makes one commit; returns the ids that another worker holds now and that must not be sent."""
    if not outcomes and not doubtful:
        return set()
    now = post.clock()
    with writing(post.engine) as session:
        rows = [(item.id, item.fence, outcome) for item, outcome in outcomes]
        late = set(post.queue.settle(session, rows, now, jitter=random.uniform(0.8, 1.2)))  # noqa: S311 - spreads retries, not a secret
        letters = [(item.id, item.fence) for item in doubtful]
        # the answers of one round come one after the other, and each may take its whole time
        until = now + timedelta(seconds=FRESH_SECONDS + post.dot_seconds * len(post.lanes))
        refused = set(post.queue.mark_in_doubt(session, letters, until))
    if doubtful:
        reached("K18")
    else:
        reached("K21")
    marked = [one for one in doubtful if one.id not in refused]
    post.journal.letters(((one.message_id_header, one.fence) for one in marked), sent=False)
    sent = [one for one, outcome in outcomes if isinstance(outcome, Sent) and one.id not in late]
    post.journal.letters(((one.message_id_header, one.fence) for one in sent), sent=True)
    for item, outcome in outcomes:
        post.streak.note(item, outcome)
        _note(item, outcome, posted, late=item.id in late)
    return refused


def _note(item: Claimed, outcome: Outcome, posted: Posted, *, late: bool) -> None:
    name = {Sent: "sent", Retry: "retry", Failed: "failed", InDoubt: "in_doubt"}[type(outcome)]
    setattr(posted, name, getattr(posted, name) + 1)
    if name == "sent":
        log.info("sent", letter=item.id, kind=item.kind, attempts=item.attempts, late=late)
        return
    if outcome.reply not in posted.failures and len(posted.failures) < 5:
        posted.failures.append(outcome.reply)
    log.warning(name, letter=item.id, kind=item.kind, attempts=item.attempts, reply=outcome.reply)
