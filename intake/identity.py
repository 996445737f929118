"""Message + evidence + known contacts -> Sender: the level that was proved, and who it is.

The From address alone identifies; nothing but evidence authenticates it. To, Cc, Reply-To,
Sender, display names and the body play no part.
"""

from __future__ import annotations

from dataclasses import dataclass

from intake.known import Contact, Known
from intake.message import Message

LEVELS = ("L0", "LT", "L1", "L2", "L3")


@dataclass(frozen=True, slots=True)
class Trust:
    """Whose Authentication-Results are believed for one mailbox; empty means nobody's."""

    authserv_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sender:
    """Who wrote, as far as it was proved."""

    level: str  # L3 signed and aligned; L2 dmarc=pass; L1 nothing known; L0 failed; LT temporary error
    address: str  # Address.key of the one From; empty when the gate refused it
    contact: Contact | None  # the one contact with that stored address, active or not
    ambiguous: bool  # two contacts share the address
    evidence: tuple[str, ...]  # what was looked at, and what was set aside with its reason


def identify(message: Message, known: Known, trust: Trust) -> Sender:
    """The sender of the message under that trust. Total; never raises."""
    raise NotImplementedError
