"""The possible outcomes of sending a letter, and the interface of a transport. Pure.

After the final dot a missing answer never means "not sent" (RFC 1047, RFC 5321 §4.5.3.2.6).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

MAX_LINE_BYTES = 998


@dataclass(frozen=True, slots=True)
class Sent:
    """The server accepted the letter."""

    reply: str


@dataclass(frozen=True, slots=True)
class Retry:
    """Not accepted this time (4xx, no connection, …); the letter should be tried again."""

    reply: str
    everybody: bool = False  # the problem affects all letters, not only this recipient


@dataclass(frozen=True, slots=True)
class Failed:
    """Refused permanently (5xx)."""

    reply: str


@dataclass(frozen=True, slots=True)
class InDoubt:
    """The final dot was sent and no answer came: it may or may not have been delivered."""

    reply: str


Outcome = Sent | Retry | Failed | InDoubt


@dataclass(frozen=True, slots=True)
class Parcel:
    """The data for one delivery: one recipient and the bytes."""

    sender: str  # envelope sender (MAIL FROM)
    recipient: str
    raw: bytes


class Lane(Protocol):
    """One connection, used for one parcel at a time and reused between parcels."""

    def prepare(self, parcel: Parcel) -> Outcome | None:
        """Do everything up to, but not including, the final dot; None when the dot may be sent."""

    def dot(self) -> None:
        """Send the final dot without waiting for the answer; never raises."""

    def finish(self) -> Outcome:
        """Send the final dot, unless it was sent, and wait for the answer."""

    def close(self) -> None:
        """Send QUIT if possible; never raises."""


@dataclass(frozen=True, slots=True)
class Patience:
    """Time limits in seconds per stage (RFC 5321 §4.5.3.2): short limits cause double letters."""

    connect: float = 30.0
    command: float = 300.0
    data: float = 120.0
    block: float = 180.0
    dot: float = 600.0
    letter: float = 930.0  # everything before the dot: the sum of its stages


def outcome(code: int, reply: str, *, after_dot: bool) -> Outcome:
    """Return the outcome for a reply code (RFC 5321 §4.2.1); only this function decides it."""
    words = f"{code} {reply}".strip()
    if 200 <= code <= 299:
        return Sent(words)
    if 400 <= code <= 499:
        return Retry(words)  # greylisting, full queue, "try again later"
    if 500 <= code <= 599:
        return Failed(words)  # no such user, policy, too big
    return (
        InDoubt(words) if after_dot else Retry(words)
    )  # a broken connection or garbage: the outcome is unknown


ENHANCED = re.compile(r"\b5\.(\d{1,3})\.(\d{1,3})\b")
ABOUT_ONE = re.compile(
    r"user|recipient|mailbox|address|does not exist|no such|unknown|too (?:big|large)|size|quota",
    re.IGNORECASE,
)


def is_about_us(reply: str) -> bool:
    """Whether a permanent refusal may be meant for every letter: policy, login, block list.

    RFC 3463: x.1 is about an address, x.2 about a mailbox, x.3.4 about the size, x.6 about the
    content. Without such a code, words that name a recipient or a size decide.
    """
    code = ENHANCED.search(reply)
    if code is None:
        return ABOUT_ONE.search(reply) is None
    subject, detail = int(code[1]), int(code[2])
    return subject not in (1, 2, 6) and (subject, detail) != (3, 4)


def unlawful(raw: bytes) -> str:
    """Return what could smuggle in a second mail or change in transit; empty when nothing."""
    if re.search(rb"\r(?!\n)|(?<!\r)\n", raw):
        return "the letter holds a bare CR or LF"
    if not raw.isascii() or max(map(len, raw.split(b"\r\n"))) > MAX_LINE_BYTES:
        return "the letter holds a byte outside ASCII or a line of over 998 bytes"
    return ""
