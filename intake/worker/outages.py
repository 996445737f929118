"""What the worker's jobs find failing: a mailbox, the relay, the database, the disk."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import datetime

from intake.adapters.blob_store import BlobError
from intake.adapters.heartbeat import Beat
from intake.store.engine import StoreError
from intake.worker.outbox_sender import Posted
from intake.worker.parser_pool import PoolError

RELAY, DATABASE, DISK, READERS = "relay", "database", "disk", "reading processes"
SHARED = (DATABASE, DISK, READERS)  # what a good pass over any mailbox proves to work


def part_of(trouble: Exception, mailbox: str = "") -> str:
    """The part of the service that an error comes from."""
    if isinstance(trouble, StoreError):
        return DATABASE
    if isinstance(trouble, BlobError):
        return DISK
    if isinstance(trouble, PoolError):
        return READERS
    return f"mailbox {mailbox}" if mailbox else RELAY


class Outages:
    """Part -> since when it fails, and why; used by several threads."""

    def __init__(self, before: Beat | None = None) -> None:
        """Starts with what a former worker knew of the relay, because the relay is not asked."""
        self._lock = threading.Lock()
        known = before.outages.items() if before is not None else ()
        self._found = {part: (since, words) for part, (since, words) in known if part == RELAY}

    def failed(self, part: str, words: str, now: datetime) -> None:
        """Notes a failure; the time of the first one is kept until the part works again."""
        line = " ".join(words.split())[:500]
        with self._lock:
            since = self._found.get(part, (now.isoformat(timespec="seconds"), ""))[0]
            self._found[part] = (since, line)

    def well(self, *parts: str) -> None:
        """Notes that the parts work."""
        with self._lock:
            for part in parts:
                self._found.pop(part, None)

    def posted(self, posted: Posted, now: datetime, anything_due: Callable[[], bool]) -> None:
        """Notes what a pass over letters or notices shows of the relay."""
        if posted.refuses_all:
            self.failed(RELAY, posted.refuses_all, now)
        elif posted.sent or (RELAY in self.found() and not anything_due()):
            self.well(RELAY)

    def found(self) -> Mapping[str, tuple[str, str]]:
        """A copy of what fails now."""
        with self._lock:
            return dict(self._found)
