"""Fetches mails so that one that the server cannot deliver never stops the others.

If a FETCH is refused or ends the connection, its mails are halved until the one that causes it is
found. A lost connection is replaced. Mails that were already delivered are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableSet, Sequence
from contextlib import AbstractContextManager

from intake.adapters.mailbox import imap_fetch
from intake.adapters.mailbox.protocol import Fetched, MailboxError, Opened

LOST_CONNECTIONS = 40  # in one fetch; a server that ends more connections is down
DEADLY = "the connection ends whenever it is asked for"

Door = Callable[..., AbstractContextManager[object]]  # (doing, bytes that come) -> the client


class Fetcher:
    """One fetch over a connection that may be lost in the middle.

    ``deadly`` is kept for later fetches: mails that ended the connection are then requested one by
    one.
    """

    def __init__(
        self,
        door: Door,
        reopen: Callable[[], Opened],
        uidvalidity: int,
        sizes: Mapping[int, int],
        deadly: MutableSet[int],
    ) -> None:
        self._door = door
        self._reopen = reopen
        self._uidvalidity = uidvalidity
        self._sizes = sizes
        self._deadly = deadly
        self._lost = 0
        self._lies = 0  # wrong sizes
        self._whole = 0  # mails that were delivered

    def fetch(self, uids: Sequence[int]) -> Iterator[Fetched]:
        """Yields each mail once: its bytes, or why the server did not deliver them.

        Raises MailboxError if the server itself seems to be down.
        """
        parts = [[uid] for uid in reversed(uids) if uid in self._deadly]
        parts.append([uid for uid in uids if uid not in self._deadly])
        kept: list[Fetched] = []  # not delivered
        while parts:
            part = parts.pop()
            answer = self._ask(part) if part else imap_fetch.Answer()
            if answer is None:
                parts += self._after_loss(part, kept)
                continue
            missing = self._missing(part, answer)
            for uid in sorted(answer.bodies):
                self._whole += 1
                self._deadly.discard(uid)
                yield Fetched(uid, answer.bodies[uid])
            if len(part) == 1 and missing:
                one = self._alone(part[0])
                kept += [one] if one.raw is None else []
                yield from [one] if one.raw is not None else []
            else:
                parts += _halves(missing) if answer.refusal else [[uid] for uid in missing[::-1]]
        if not self._whole and sum(one.why == DEADLY for one in kept) > 1:
            raise MailboxError("connect", "the connection ended for every mail that was asked for")
        yield from kept

    def _after_loss(self, part: list[int], kept: list[Fetched]) -> list[list[int]]:
        """What to request next: halves of the part; a single mail gets one more try."""
        if len(part) > 1:
            return _halves(part)
        if part[0] not in self._deadly:
            self._deadly.add(part[0])
            return [part]
        kept.append(Fetched(part[0], None, DEADLY))
        return []

    def _ask(self, part: Sequence[int]) -> imap_fetch.Answer | None:
        """The answer of one FETCH; None if it ended the connection, which was then replaced."""
        size = sum(self._sizes.get(uid, 0) for uid in part)
        try:
            with self._door("fetch", size) as client:
                return imap_fetch.bodies(client, part)
        except MailboxError as lost:
            self._again(lost)
            return None

    def _again(self, lost: MailboxError) -> None:
        """Reconnects to the same mails. Raises ``lost`` if the server seems to be down."""
        self._lost += 1
        if lost.retry_after_seconds or self._lost > LOST_CONNECTIONS:
            raise lost
        opened = self._reopen()
        if opened.uidvalidity != self._uidvalidity:
            raise lost

    def _missing(self, part: Sequence[int], answer: imap_fetch.Answer) -> list[int]:
        """The mails that did not arrive, or arrived incomplete."""
        for uid, size in sorted(answer.cut.items()):
            if self._lies >= imap_fetch.TRUSTED_LIES:
                break  # this server's sizes are unreliable
            whole = self._once_more(uid, size, answer.bodies[uid])
            if whole is None:
                del answer.bodies[uid]
            else:
                self._lies += whole == answer.bodies[uid]
                answer.bodies[uid] = whole
        return [uid for uid in part if uid not in answer.bodies]

    def _once_more(self, uid: int, size: int, before: bytes) -> bytes | None:
        try:
            with self._door("fetch", size) as client:
                return imap_fetch.once_more(client, uid, size, before)
        except MailboxError as lost:
            self._again(lost)
            return None

    def _alone(self, uid: int) -> Fetched:
        try:
            with self._door("fetch", 3 * self._sizes.get(uid, 0)) as client:
                raw, why = imap_fetch.alone(client, uid)
        except MailboxError as lost:
            self._again(lost)
            self._deadly.add(uid)
            return Fetched(uid, None, DEADLY)
        return Fetched(uid, raw, why)


def _halves(part: Sequence[int]) -> list[list[int]]:
    """The second half, then the first, because parts are taken from the end of the list."""
    middle = (len(part) + 1) // 2
    return [list(part[middle:]), list(part[:middle])]
