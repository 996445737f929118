"""Letter -> Sent | Retry | Failed | InDoubt. The only keeper of smtplib; knows no database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Sent:
    """The server took the letter."""

    reply: str


@dataclass(frozen=True, slots=True)
class Retry:
    """Not taken this time (4xx, no connection, …); trying again is right."""

    reply: str


@dataclass(frozen=True, slots=True)
class Failed:
    """Refused for good (5xx)."""

    reply: str


@dataclass(frozen=True, slots=True)
class InDoubt:
    """The final dot was sent and no answer came: it may or may not have been delivered."""

    reply: str


Outcome = Sent | Retry | Failed | InDoubt


@dataclass(frozen=True, slots=True)
class Parcel:
    """What is handed over: one recipient and the bytes."""

    sender: str  # envelope sender (MAIL FROM)
    recipient: str
    raw: bytes


class Lane(Protocol):
    """One way out, used for one parcel at a time and reused between parcels."""

    def prepare(self, parcel: Parcel) -> Outcome | None:
        """Everything up to, but not including, the final dot; None when the dot may be sent."""

    def finish(self) -> Outcome:
        """Sends the final dot and waits for the answer."""

    def close(self) -> None:
        """Says QUIT if it can; never raises."""
