"""What fails in the service: one value for `intake status`, metrics and alerts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Trouble:
    """A part of the service that does not work, and why."""

    part: str  # "worker", "mailbox support", "relay", "database", "disk", "letters", "job remind"
    words: str  # one line for the operator
    since: datetime | None = None  # None: not known

    def __str__(self) -> str:
        return f"{self.part}: {self.words}"
