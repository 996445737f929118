"""What every mailbox can do, whatever stands behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


class MailboxError(Exception):
    """The mailbox cannot be used now; one line that says what and where.

    kind: "auth" (the server refused the login), "tls", "connect", "folder" (missing or not
    selectable), "protocol" (anything unexpected), "config".
    """

    def __init__(self, kind: str, detail: str, retry_after_seconds: float = 0.0) -> None:
        super().__init__(detail)
        self.kind = kind
        self.retry_after_seconds = retry_after_seconds  # what the server suggested; 0: nothing


@dataclass(frozen=True, slots=True)
class Opened:
    """The state of the mailbox on opening."""

    uidvalidity: int
    uid_next: int  # the UID that the next arriving mail will get at least; 0 when unknown


@dataclass(frozen=True, slots=True)
class Waiting:
    """A mail that lies in the mailbox."""

    uid: int
    size: int  # bytes, as the server says; 0 when it does not
    received_at: datetime  # aware, UTC


@dataclass(frozen=True, slots=True)
class Fetched:
    """The bytes of one mail; None when they were not handed over."""

    uid: int
    raw: bytes | None
    why: str = ""  # what stood in the way


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of moving one mail."""

    uid: int
    done: (
        bool  # True: it is verified to be out of the inbox (or flagged where nothing better exists)
    )
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Filed:
    """A mail that lies in the processed or the held folder."""

    uid: int  # in that folder
    uidvalidity: int  # of that folder
    received_at: datetime
    size: int
    raw: bytes  # empty when it is larger than was asked for


class MailboxClient(Protocol):
    """One mailbox. Methods raise MailboxError only; afterwards ``close`` and open anew."""

    name: str

    def open(self) -> Opened:
        """Connects if needed and selects the folder; creates the processed and held folders."""

    def waiting(self, from_uid: int) -> list[Waiting]:
        """Every mail with uid >= from_uid, oldest first; nothing new costs under 2 KB."""

    def present(self, uids: Sequence[int]) -> set[int]:
        """Those of the mails that lie in the mailbox now: what is not among them has vanished."""

    def fetch(self, uids: Sequence[int]) -> Iterator[Fetched]:
        """The raw bytes of those mails, flags untouched (BODY.PEEK[])."""

    def fetch_large(self, uid: int, write: Callable[[bytes], object]) -> bool:
        """Streams one big mail in chunks; only after True it is whole."""

    def settle(self, folder: str, uids: Sequence[int], *, again: bool = False) -> list[Settled]:
        """Moves those mails to "processed" or "held" by one UID command, and verifies it.

        ``again``: they were to be moved before, and an attempt may have been made.
        """

    def tops(self) -> dict[str, tuple[int, int]]:
        """The folders' UIDVALIDITY and UIDNEXT, by "processed" and "held"; empty without such."""

    def filed(self, folder: str, from_uid: int, max_bytes: int) -> Iterator[Filed]:
        """What lies in "processed" or "held" with uid >= from_uid, oldest first."""

    def idle(self, seconds: float, stopped: Callable[[], bool]) -> bool:
        """Waits up to that long for news; True as soon as there may be some: a hint, no proof."""

    def close(self) -> None:
        """Lets go of the connection; never raises."""
