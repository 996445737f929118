"""A ledger of notices on both databases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from intake.adapters.smtp import Outcome
from intake.store.engine import Session
from intake.store.outbox import Claimed
from intake.worker.notice_sender import NoticeQueue
from tests.support.notice_service import (
    FAST,
    Killed,
    plain_writer,
)

ANN, BEN = "operator:ann", "operator:ben"


@dataclass(frozen=True)
class Dying(NoticeQueue):
    """A queue whose worker is killed at one point, after so many letters."""

    point: str = ""
    after: list[int] = field(default_factory=lambda: [0])

    def _die(self, point: str) -> None:
        if point != self.point:
            return
        if self.after[0] <= 0:
            raise Killed
        self.after[0] -= 1

    def complete(self, session: Session, claimed: Sequence[Claimed]) -> list[Claimed]:
        """Behind the commit of the claim."""
        self._die("claimed")
        return super().complete(session, claimed)

    def mark_in_doubt(
        self, session: Session, letters: Sequence[tuple[int, int]], until: datetime
    ) -> list[int]:
        """In front of the commit of the doubt."""
        found = super().mark_in_doubt(session, letters, until)
        if letters:
            self._die("before doubt")
        return found

    def settle(
        self,
        session: Session,
        outcomes: Sequence[tuple[int, int, Outcome]],
        now: object,
        jitter: float,
    ) -> list[int]:
        """In front of the commit of the outcome."""
        if outcomes:
            self._die("before settled")
        return super().settle(session, outcomes, now, jitter)  # type: ignore[arg-type] # as given


def dying(point: str, after: int = 0) -> Dying:
    """A worker that is killed there."""
    return Dying(plain_writer, FAST, point=point, after=[after])
