"""What may become of a letter that is handed over, and what a way out has to offer. Pure.

After the final dot silence never means "not sent" (RFC 1047, RFC 5321 §4.5.3.2.6).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

MAX_LINE_BYTES = 998


@dataclass(frozen=True, slots=True)
class Sent:
    """The server took the letter."""

    reply: str


@dataclass(frozen=True, slots=True)
class Retry:
    """Not taken this time (4xx, no connection, …); trying again is right."""

    reply: str
    everybody: bool = False  # no letter would have got through now: not this recipient's fault


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


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds per stage (RFC 5321 §4.5.3.2): giving up early manufactures doubles."""

    connect: float = 30.0
    command: float = 300.0
    data: float = 120.0
    block: float = 180.0
    dot: float = 600.0
    letter: float = 930.0  # everything before the dot: the sum of its stages


def outcome(code: int, reply: str, *, after_dot: bool) -> Outcome:
    """The one place where a reply code becomes an outcome (RFC 5321 §4.2.1)."""
    words = f"{code} {reply}".strip()
    if 200 <= code <= 299:
        return Sent(words)
    if 400 <= code <= 499:
        return Retry(words)  # greylisting, full queue, "try again later"
    if 500 <= code <= 599:
        return Failed(words)  # no such user, policy, too big
    return InDoubt(words) if after_dot else Retry(words)  # a cut line or garbage: nothing is known


def unlawful(raw: bytes) -> str:
    """What could smuggle a second mail or would be mangled on the way; empty when nothing."""
    if re.search(rb"\r(?!\n)|(?<!\r)\n", raw):
        return "the letter holds a bare CR or LF"
    if not raw.isascii() or max(map(len, raw.split(b"\r\n"))) > MAX_LINE_BYTES:
        return "the letter holds a byte outside ASCII or a line of over 998 bytes"
    return ""
