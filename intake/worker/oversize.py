"""Mails over the size limit: only the header is fetched, so that the contact can be informed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

from intake.adapters.mailbox.protocol import MailboxClient
from intake.mail.message import Arrival, Message, Refusal
from intake.worker.parser_process import ReadMail


class Enough(Exception):
    """More bytes arrived than are needed."""


def head(box: MailboxClient, whole: Arrival, max_header_bytes: int) -> tuple[Arrival, Arrival]:
    """A mail over the size limit, and its header as a mail of its own.

    The mail itself stays on the server. If no header arrives, the second mail has no bytes.
    """
    got, most = bytearray(), max_header_bytes + 4

    def write(chunk: bytes) -> None:
        got.extend(chunk[: most - len(got)])
        if len(got) >= most or _end(got):
            raise Enough

    with suppress(Enough):
        box.fetch_large(whole.uid, write)
    raw = bytes(got[: _end(got)])
    name = f"{whole.mailbox}:{whole.uidvalidity}:{whole.uid}:{whole.size}"
    whole = replace(whole, digest=hashlib.sha256(name.encode()).hexdigest())
    digest = hashlib.sha256(raw).hexdigest()
    return whole, replace(whole, digest=digest, size=len(raw), raw=raw)


def _end(got: bytearray) -> int:
    """Where the header ends, including its empty line; 0 if that has not arrived yet."""
    ends = [at + len(line) for line in (b"\r\n\r\n", b"\n\n") if (at := got.find(line)) >= 0]
    return min(ends, default=0)


def read(
    mails: Sequence[tuple[Arrival, Arrival]],
    reads: Callable[[Sequence[Arrival]], Iterator[tuple[Arrival, ReadMail]]],
    max_bytes: int,
) -> list[tuple[Arrival, ReadMail]]:
    """Reads each such mail by its header; gives a refusal if the header cannot be read."""
    whole = {first.uid: first for first, second in mails if second.raw}
    found = {}
    for arrival, mail in reads([second for _, second in mails if second.raw]):
        of = whole[arrival.uid]
        if isinstance(mail.message, Message):
            message = replace(
                mail.message, digest=of.digest, size=of.size, unread_bytes=of.size, attachments=()
            )
            found[arrival.uid] = replace(mail, message=message)
    return [(of, found.get(of.uid, _refusal(of, max_bytes))) for of, _ in mails]


def _refusal(of: Arrival, max_bytes: int) -> ReadMail:
    detail = f"the mail has {of.size} bytes, at most {max_bytes} are fetched"
    refusal = Refusal(of.digest, of.size, of.mailbox, of.received_at, "limits", detail)
    return ReadMail(refusal, None)
