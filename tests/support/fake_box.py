"""A mailbox in memory that fails on cue, and one pass over it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from intake.adapters.mailbox.protocol import Fetched, Opened, Settled, Waiting
from intake.config.loader import Config
from intake.store import reports
from intake.worker import collector
from intake.worker.bootstrap import assemble
from intake.worker.collector import Rules
from tests.support import installation

NOW = datetime.now(UTC).replace(microsecond=0)


class FakeBox:
    """An IMAP folder in memory whose faults can be chosen."""

    name = "support"

    def __init__(self, mails: list[bytes], uidvalidity: int = 7) -> None:
        self.mails = dict(enumerate(mails, 1))
        self.arrived = dict.fromkeys(self.mails, NOW)
        self.uidvalidity = uidvalidity
        self.moved: dict[str, list[int]] = {"processed": [], "held": []}
        self.stuck = False  # moving fails
        self.gone: set[int] = set()  # listed, and vanished when fetched
        self.fetched: list[int] = []

    def open(self) -> Opened:
        """UIDNEXT is one beyond the last mail ever."""
        return Opened(self.uidvalidity, max(self.mails, default=0) + 1)

    def waiting(self, from_uid: int) -> list[Waiting]:
        """What lies there."""
        return [
            Waiting(uid, len(raw), self.arrived[uid])
            for uid, raw in sorted(self.mails.items())
            if uid >= from_uid
        ]

    def fetch(self, uids: Any) -> Any:
        """The bytes, or nothing for a mail that vanished."""
        for uid in uids:
            self.fetched.append(uid)
            yield Fetched(uid, None if uid in self.gone else self.mails[uid])

    def present(self, uids: Any) -> set[int]:
        """Those that did not vanish."""
        return set(uids) & set(self.mails) - self.gone

    def fetch_large(self, uid: int, write: Any) -> bool:
        """In two chunks."""
        if uid in self.gone:
            return False
        raw = self.mails[uid]
        write(raw[: len(raw) // 2])
        write(raw[len(raw) // 2 :])
        return True

    def settle(self, folder: str, uids: Any, *, again: bool = False) -> list[Settled]:
        """Away, unless the server is stuck."""
        if self.stuck:
            return [Settled(uid, False, "still there") for uid in uids]
        for uid in uids:
            if self.mails.pop(uid, None) is not None:
                self.moved[folder].append(uid)
        return [Settled(uid, True) for uid in uids]

    def tops(self) -> dict[str, tuple[int, int]]:
        """How far the folders are filled."""
        return {}

    def filed(self, folder: str, from_uid: int, max_bytes: int) -> Any:
        """Nothing to look at."""
        return iter(())

    def idle(self, seconds: float, stopped: Any) -> bool:
        """No news."""
        return False

    def close(self) -> None:
        """Nothing to close."""


def passed(config: Config, box: FakeBox, rules: Rules | None = None) -> collector.Tally:
    """One pass over the box."""
    with assemble(config) as made:
        return collector.collect(box, made.collector, rules or Rules(backfill_all=True))


def statuses(config: Config) -> dict[str, int]:
    """How many mails have which status."""
    with installation.database(config) as session:
        return reports.status(session).messages
