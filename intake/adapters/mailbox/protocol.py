"""The interface of all mailboxes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


class MailboxError(Exception):
    """The mailbox cannot be used now; one line that says what failed and where.

    kind: "auth" (the server refused the login), "tls", "connect", "folder" (missing or not
    selectable), "protocol" (anything unexpected), "config".
    """

    def __init__(self, kind: str, detail: str, retry_after_seconds: float = 0.0) -> None:
        super().__init__(detail)
        self.kind = kind
        self.retry_after_seconds = retry_after_seconds  # as the server suggested; 0: no suggestion


@dataclass(frozen=True, slots=True)
class Opened:
    """The state of the mailbox when it was opened."""

    uidvalidity: int
    uid_next: int  # the lowest UID that the next mail can get; 0 if unknown
    exists: int = 0  # mails in the folder; 0 if unknown, or if handled mails stay in it


@dataclass(frozen=True, slots=True)
class Waiting:
    """A mail in the mailbox."""

    uid: int
    size: int  # bytes, according to the server; 0 if it does not report them
    received_at: datetime  # aware, UTC


@dataclass(frozen=True, slots=True)
class Fetched:
    """The bytes of one mail; None if they were not delivered."""

    uid: int
    raw: bytes | None
    why: str = ""  # why they were not delivered


@dataclass(frozen=True, slots=True)
class Settled:
    """The result of moving one mail."""

    uid: int
    done: (
        bool  # True: verified to be out of the inbox (or marked deleted where no move is possible)
    )
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Filed:
    """A mail in the processed or held folder."""

    uid: int  # in that folder
    uidvalidity: int  # of that folder
    received_at: datetime
    size: int
    raw: bytes  # empty if it is larger than the limit


class MailboxClient(Protocol):
    """One mailbox. Methods raise only MailboxError; after one, ``close`` and open again."""

    name: str

    def open(self) -> Opened:
        """Connects if needed and selects the folder; creates the processed and held folders."""

    def waiting(self, from_uid: int) -> list[Waiting]:
        """Every mail with uid >= from_uid, oldest first; without new mail costs under 2 KB."""

    def present(self, uids: Sequence[int]) -> set[int]:
        """The mails that are in the mailbox now; the others have vanished."""

    def fetch(self, uids: Sequence[int]) -> Iterator[Fetched]:
        """The raw bytes of those mails; flags do not change (BODY.PEEK[])."""

    def fetch_large(self, uid: int, write: Callable[[bytes], object]) -> bool:
        """Streams one large mail in chunks; it is complete only if True is returned."""

    def settle(self, folder: str, uids: Sequence[int], *, again: bool = False) -> list[Settled]:
        """Moves those mails to "processed" or "held" with one UID command, and verifies it.

        ``again``: an earlier attempt to move them may have been made.
        """

    def tops(self) -> dict[str, tuple[int, int]]:
        """UIDVALIDITY and UIDNEXT of "processed" and "held"; empty for mailboxes without them."""

    def filed(self, folder: str, from_uid: int, max_bytes: int) -> Iterator[Filed]:
        """The mails in "processed" or "held" with uid >= from_uid, oldest first."""

    def idle(self, seconds: float, stopped: Callable[[], bool]) -> bool:
        """Waits up to that long for new mail; True if there may be some, which is only a hint."""

    def close(self) -> None:
        """Closes the connection; never raises."""
