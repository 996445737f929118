"""A worker that sends notices and is killed at one point of the ledger: for the crash campaign.

``python -m tests.support.crash_worker CONFIG POINT AFTER``; without a point it runs to the end.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from intake.adapters.smtp import Lane, Outcome, Parcel
from intake.config import loader as settings
from intake.store.engine import Engine, Session, StoreError, open_engine, reading
from intake.store.outbox import Claimed
from intake.store.tables.incidents import NoticeRecipientRow
from intake.worker import bootstrap, notice_bootstrap
from intake.worker.collector import utc_now
from intake.worker.notice_sender import NoticeQueue
from intake.worker.outbox_sender import SendingContext, dispatch

POINTS = ("claimed", "composed", "prepared", "in doubt", "answered", "settled")
LEASE_SECONDS = 2.0


@dataclass
class Fate:
    """Where this process dies, and after how many passes of that point."""

    point: str
    left: int
    armed: bool = False

    def meet(self, point: str) -> None:
        """Dies here when it is time."""
        if point != self.point:
            return
        self.left -= 1
        if self.left < 0:
            os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True)
class Watched(NoticeQueue):
    """The queue, with the points around it."""

    fate: Fate = field(default_factory=lambda: Fate("", 0))

    def any_due(self, session: Session, now: datetime) -> bool:
        """Behind the commit of an outcome."""
        if self.fate.armed:
            self.fate.meet("settled")
        return super().any_due(session, now)

    def complete(self, session: Session, claimed: Sequence[Claimed]) -> list[Claimed]:
        """Behind the commit of a claim, and with the letters written."""
        self.fate.meet("claimed")
        found = super().complete(session, claimed)
        self.fate.meet("composed")
        return found

    def settle(
        self,
        session: Session,
        outcomes: Sequence[tuple[int, int, Outcome]],
        now: datetime,
        jitter: float,
    ) -> list[int]:
        """From here on an outcome is being committed."""
        self.fate.armed = bool(outcomes) or self.fate.armed
        return super().settle(session, outcomes, now, jitter)


@dataclass
class WatchedLane:
    """A connection, with the points around the dot."""

    lane: Lane
    fate: Fate

    def prepare(self, parcel: Parcel) -> Outcome | None:
        """The text is with the server, the doubt is not on disk."""
        found = self.lane.prepare(parcel)
        self.fate.meet("prepared")
        return found

    def dot(self) -> None:
        """It goes with the answer."""

    def finish(self) -> Outcome:
        """The doubt is on disk; then the server has answered, and nothing of it is on disk."""
        if self.fate.armed:
            self.fate.meet("settled")
        self.fate.meet("in doubt")
        found = self.lane.finish()
        self.fate.meet("answered")
        return found

    def close(self) -> None:
        """As the lane does."""
        self.lane.close()


def unfinished(engine: Engine) -> int:
    """Letters whose end is not on disk."""
    query = select(func.count()).where(NoticeRecipientRow.finished_at.is_(None))  # type: ignore[union-attr] # a column
    with reading(engine) as session:
        return session.scalar(query) or 0


def main(words: list[str]) -> None:
    """Sends until nothing is left, or dies."""
    config = settings.load(words[0], {})
    fate = Fate(words[1], int(words[2])) if len(words) > 1 else Fate("", 0)
    letter_context = bootstrap.judgement_context(config).letter_context
    made: Any = notice_bootstrap.queue(config, letter_context)
    queue = Watched(made.write, made.pace, made.connections_domain, fate)
    engine = open_engine(config.database_url)
    lanes = [WatchedLane(bootstrap.lane(config), fate)]
    post = SendingContext(
        engine,
        lanes,
        lambda _: "bounce@desk.example",
        utc_now,
        LEASE_SECONDS,
        LEASE_SECONDS,
        in_doubt=len(lanes),
        queue=queue,
    )
    while unfinished(engine):
        try:
            if not dispatch(post).total:
                time.sleep(0.1 + random.random() / 5)
        except StoreError as trouble:
            if trouble.kind != "busy":
                raise


if __name__ == "__main__":
    main(sys.argv[1:])
