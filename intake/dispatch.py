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
from datetime import datetime

import structlog

from intake.delivery import Failed, InDoubt, Lane, Outcome, Parcel, Retry, Sent
from intake.store import outbox
from intake.store.engine import Engine, reading, writing
from intake.store.outbox import Claimed

log = structlog.get_logger("intake.dispatch")

CLAIM = 64


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
class Post:
    """Everything a pass works with."""

    engine: Engine
    lanes: Sequence[Lane]
    bounce_address: str  # envelope sender
    clock: Callable[[], datetime]
    lease_seconds: float = 90.0
    stopped: Callable[[], bool] = lambda: False


Settled = tuple[Claimed, Outcome]


def dispatch(post: Post, progress: Callable[[int], None] | None = None) -> Posted:
    """Every letter that is due sent or put off. Raises StoreError; SMTP trouble is an outcome."""
    posted = Posted()
    try:
        while not post.stopped():
            claimed = _claim(post)
            if not claimed:
                break
            _send(post, claimed, posted, progress)
            if posted.retry and not posted.sent:
                break
    finally:
        for lane in post.lanes:
            lane.close()
    return posted


def _claim(post: Post) -> list[Claimed]:
    now = post.clock()
    with reading(post.engine) as unit:
        if not outbox.any_due(unit, now):
            return []
    with writing(post.engine) as unit:
        return outbox.claim(unit, now, post.lease_seconds, CLAIM)


def _send(
    post: Post, claimed: Sequence[Claimed], posted: Posted, progress: Callable[[int], None] | None
) -> None:
    """Rounds of one letter on each lane; the outcomes of a round are settled with the next."""
    outcomes: list[Settled] = []
    unreachable = ""
    for start in range(0, len(claimed), len(post.lanes)):
        group = claimed[start : start + len(post.lanes)]
        if unreachable or post.stopped():
            why = unreachable or "the worker is stopping"
            outcomes += [(item, Retry(why)) for item in group]
            continue
        ready: list[tuple[Lane, Claimed]] = []
        for lane, item in zip(post.lanes, group, strict=False):
            outcome = lane.prepare(Parcel(post.bounce_address, item.recipient, item.raw))
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
    _commit(post, outcomes, [], posted)


def _unreachable(outcomes: Sequence[Settled], ready: Sequence[object]) -> str:
    """The server's words when a whole round was put off and nothing got through."""
    put_off = [outcome for _, outcome in outcomes if isinstance(outcome, Retry)]
    if ready or len(put_off) < len(outcomes) or not put_off:
        return ""
    return put_off[0].reply


def _commit(
    post: Post, outcomes: Sequence[Settled], doubtful: Sequence[Claimed], posted: Posted
) -> set[int]:
    """One commit; gives the ids that somebody else holds by now and that must not be sent."""
    if not outcomes and not doubtful:
        return set()
    now = post.clock()
    with writing(post.engine) as unit:
        rows = [(item.id, item.fence, outcome) for item, outcome in outcomes]
        late = set(outbox.settle(unit, rows, now, jitter=random.uniform(0.8, 1.2)))  # noqa: S311 - spreads retries, no secret
        refused = set(outbox.mark_in_doubt(unit, [(item.id, item.fence) for item in doubtful]))
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
