"""The outbox emptied over several connections: claim, prepare, commit the doubt, send, settle.

A letter's row says "in doubt" on disk before its final dot leaves this machine, so a crash
between the dot and the answer is seen afterwards and the letter is not sent a second time.
Letters go out in rounds, one on each connection: the round's doubt and the last round's outcomes
share one commit.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from intake.adapters.journal import Journal
from intake.adapters.smtp import Failed, InDoubt, Lane, Outcome, Parcel, Patience, Retry, Sent
from intake.store import outbox
from intake.store.engine import Engine, Session, reading, writing
from intake.store.outbox import Claimed

log = structlog.get_logger("intake.dispatch")

CLAIM = 64


class Queue(Protocol):
    """Where letters wait: the outbox, or the ledger of notices."""

    def any_due(self, session: Session, now: datetime) -> bool:
        """Whether there may be something to claim."""

    def claim(
        self, session: Session, now: datetime, lease_seconds: float, limit: int
    ) -> list[Claimed]:
        """Letters that are ours until the lease runs out, each counted as an attempt."""

    def complete(self, session: Session, claimed: Sequence[Claimed]) -> list[Claimed]:
        """The same letters with their bytes, read in a transaction that writes nothing."""

    def rounds(self, claimed: Sequence[Claimed], lanes: int) -> list[list[Claimed]]:
        """In which groups they are sent, one on each lane."""

    def mark_in_doubt(
        self, session: Session, letters: Sequence[tuple[int, int]], until: datetime
    ) -> list[int]:
        """(id, fence) whose final dot is about to go out; gives the ids that may not.

        Nobody else may take them for abandoned before ``until``.
        """

    def settle(
        self,
        session: Session,
        outcomes: Sequence[tuple[int, int, Outcome]],
        now: datetime,
        jitter: float,
    ) -> list[int]:
        """Outcomes written down; gives the ids that somebody else holds by now."""


class Outbox:
    """The outbox as a queue: answers to people, whole letters in their rows."""

    any_due = staticmethod(outbox.any_due)
    claim = staticmethod(outbox.claim)
    mark_in_doubt = staticmethod(outbox.mark_in_doubt)
    settle = staticmethod(outbox.settle)

    def complete(self, session: Session, claimed: Sequence[Claimed]) -> list[Claimed]:
        """They are complete as they lie."""
        return list(claimed)

    def rounds(self, claimed: Sequence[Claimed], lanes: int) -> list[list[Claimed]]:
        """In the order in which they fell due."""
        return [list(claimed[start : start + lanes]) for start in range(0, len(claimed), lanes)]


@dataclass(slots=True)
class Posted:
    """What one pass over the outbox did."""

    sent: int = 0
    retry: int = 0
    failed: int = 0
    in_doubt: int = 0
    failures: list[str] = field(default_factory=list)  # the servers' words, one of a kind

    @property
    def total(self) -> int:
        """Letters that were attempted."""
        return self.sent + self.retry + self.failed + self.in_doubt


@dataclass(frozen=True, slots=True)
class SendingContext:
    """Everything a pass works with."""

    engine: Engine
    lanes: Sequence[Lane]
    bounce_address: Callable[[int], str]  # envelope sender of the letter of that row
    clock: Callable[[], datetime]
    lease_seconds: float = 90.0
    dot_seconds: float = Patience().dot + 60.0  # until an answer to the dot has come, or never will
    stopped: Callable[[], bool] = lambda: False
    queue: Queue = field(default_factory=Outbox)
    journal: Journal = field(default_factory=Journal)


Settled = tuple[Claimed, Outcome]


def dispatch(post: SendingContext, progress: Callable[[int], None] | None = None) -> Posted:
    """Every letter that is due sent or put off. Raises StoreError; SMTP trouble is an outcome."""
    posted = Posted()
    try:
        while not post.stopped():
            ours_until = post.clock() + timedelta(seconds=post.lease_seconds)
            claimed = _claim(post)
            if not claimed:
                break
            _send(post, claimed, ours_until, posted, progress)
            if posted.retry and not posted.sent:
                break
    finally:
        for lane in post.lanes:
            lane.close()
    return posted


def _claim(post: SendingContext) -> list[Claimed]:
    now = post.clock()
    with reading(post.engine) as session:
        if not post.queue.any_due(session, now):
            return []
    with writing(post.engine) as session:
        claimed = post.queue.claim(session, now, post.lease_seconds, CLAIM)
    with reading(post.engine) as session:
        return post.queue.complete(session, claimed)


def _send(
    post: SendingContext,
    claimed: Sequence[Claimed],
    ours_until: datetime,
    posted: Posted,
    progress: Callable[[int], None] | None,
) -> None:
    """Rounds of one letter on each lane; the outcomes of a round are settled with the next.

    Where another worker has taken over what was not sent within the lease, the rest is left to it.
    """
    outcomes: list[Settled] = []
    unreachable = ""
    for group in post.queue.rounds(claimed, len(post.lanes)):
        if unreachable or post.stopped():
            why = unreachable or "the worker is stopping"
            outcomes += [(item, Retry(why, True)) for item in group]
            continue
        ready: list[tuple[Lane, Claimed]] = []
        for lane, item in zip(post.lanes, group, strict=False):
            sender = item.sender or post.bounce_address(item.id)
            outcome = (
                Failed(item.trouble)
                if item.trouble
                else lane.prepare(Parcel(sender, item.recipient, item.raw))
            )
            if outcome is None:
                ready.append((lane, item))
            else:
                outcomes.append((item, outcome))
        refused = _commit(post, outcomes, [item for _, item in ready], posted)
        unreachable = _unreachable(outcomes, ready)
        outcomes = []
        for lane, item in ready:
            if item.id in refused:
                lane.close()
                continue
            outcomes.append((item, lane.finish()))
        if progress:
            progress(len(group))
        if refused and post.clock() > ours_until:
            log.warning("lease-lost", letters=len(claimed))
            break
    _commit(post, outcomes, [], posted)


def _unreachable(outcomes: Sequence[Settled], ready: Sequence[object]) -> str:
    """The server's words when a whole round met a server that takes nothing now."""
    put_off = [one for _, one in outcomes if isinstance(one, Retry) and one.everybody]
    if ready or len(put_off) < len(outcomes) or not put_off:
        return ""
    return put_off[0].reply


def _commit(
    post: SendingContext, outcomes: Sequence[Settled], doubtful: Sequence[Claimed], posted: Posted
) -> set[int]:
    """One commit; gives the ids that somebody else holds by now and that must not be sent."""
    if not outcomes and not doubtful:
        return set()
    now = post.clock()
    with writing(post.engine) as session:
        rows = [(item.id, item.fence, outcome) for item, outcome in outcomes]
        late = set(post.queue.settle(session, rows, now, jitter=random.uniform(0.8, 1.2)))  # noqa: S311 - spreads retries, no secret
        letters = [(item.id, item.fence) for item in doubtful]
        until = now + timedelta(seconds=post.dot_seconds * len(letters))  # one after the other
        refused = set(post.queue.mark_in_doubt(session, letters, until))
    marked = [one for one in doubtful if one.id not in refused]
    post.journal.letters(((one.message_id_header, one.fence) for one in marked), sent=False)
    sent = [one for one, outcome in outcomes if isinstance(outcome, Sent) and one.id not in late]
    post.journal.letters(((one.message_id_header, one.fence) for one in sent), sent=True)
    for item, outcome in outcomes:
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
