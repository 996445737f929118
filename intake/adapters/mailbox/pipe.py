"""One mail on standard input, as from an MTA's pipe."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import BinaryIO

from intake.adapters.mailbox.protocol import Fetched, Filed, Opened, Settled, Waiting

CHUNK_BYTES = 2**20


def read_bounded(stream: BinaryIO, max_bytes: int) -> bytes | None:
    """All bytes of the stream; None as soon as they exceed ``max_bytes``."""
    chunks: list[bytes] = []
    size = 0
    while chunk := stream.read(CHUNK_BYTES):
        size += len(chunk)
        if size > max_bytes:
            return None
        chunks.append(chunk)
    return b"".join(chunks)


class PipeBox:
    """A mailbox with one mail. Its UID is derived from its bytes: same mail, same UID."""

    def __init__(self, name: str, raw: bytes, received_at: datetime) -> None:
        self.name = name
        self._raw = raw
        digest = hashlib.sha256(raw).digest()
        uid = int.from_bytes(digest[:8], "big") >> 1
        self._waiting = Waiting(uid or 1, len(raw), received_at)

    def open(self) -> Opened:
        """Does nothing: the mail is already there."""
        return Opened(0, 0)

    def waiting(self, from_uid: int) -> list[Waiting]:
        """The one mail, for any UID."""
        return [self._waiting]

    def present(self, uids: Sequence[int]) -> set[int]:
        """The one mail."""
        return {self._waiting.uid} & set(uids)

    def fetch(self, uids: Sequence[int]) -> Iterator[Fetched]:
        """The bytes as they were read."""
        for uid in uids:
            yield Fetched(uid, self._raw if uid == self._waiting.uid else None)

    def fetch_large(self, uid: int, write: Callable[[bytes], object]) -> bool:
        """The bytes of the mail, of any size."""
        write(self._raw)
        return True

    def settle(self, folder: str, uids: Sequence[int], *, again: bool = False) -> list[Settled]:
        """Moves nothing: the exit code informs the MTA."""
        return [Settled(uid, True) for uid in uids]

    def tops(self) -> dict[str, tuple[int, int]]:
        """Returns nothing: there are no folders."""
        return {}

    def filed(self, folder: str, from_uid: int, max_bytes: int) -> Iterator[Filed]:
        """Returns nothing: no mail is kept here."""
        return iter(())

    def idle(self, seconds: float, stopped: Callable[[], bool]) -> bool:
        """Returns False: no more mail will arrive."""
        return False

    def close(self) -> None:
        """Does nothing: no resources are open."""
