"""Fetches mails from an IMAP server that may refuse, omit or truncate what is requested.

This module only sends commands and reads answers, on a client whose folder is selected. Errors of
the library or the network are passed on, except a plain NO or BAD: the rows before it are kept.
"""

from __future__ import annotations

import imaplib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from imapclient import IMAPClient
from imapclient.response_parser import parse_fetch_response

from intake.adapters.mailbox.imap_errors import one_line, retry_after
from intake.adapters.mailbox.protocol import Waiting

LIST_UIDS = 500  # in one FETCH of sizes
CHUNK_BYTES = 2**20
TRUSTED_LIES = 3  # wrong sizes, after which this server's sizes are ignored
WHOLE = "BODY.PEEK[]"

Row = dict[bytes, Any]
Rows = dict[int, Row]


@dataclass(slots=True)
class Answer:
    """The result of requesting the bodies of some mails."""

    bodies: dict[int, bytes] = field(default_factory=dict)
    cut: dict[int, int] = field(default_factory=dict)  # UID -> size, if the body has another length
    refusal: str = ""  # the server's reply if it refused; empty: OK


def fetch(client: IMAPClient, uids: Sequence[int], items: Sequence[str]) -> tuple[Rows, str]:
    """The rows by UID, and the server's text if it said NO or BAD after them.

    Raises imaplib.IMAP4.abort and OSError for a lost connection, and imaplib.IMAP4.error for a NO
    from a server that is only busy.
    """
    try:
        return dict(client.fetch(uids, items)), ""
    except imaplib.IMAP4.abort:
        raise
    except imaplib.IMAP4.error as error:
        if retry_after(str(error)):
            raise
        _, lines = client._imap.response("FETCH")  # the library keeps them if a NO follows
        came = [line for line in lines or [] if line is not None]
        rows = parse_fetch_response(came, client.normalise_times, client.use_uid) if came else {}
        return dict(rows), one_line(error) or "refused"


def listed(client: IMAPClient, uids: Sequence[int], first_seen: datetime) -> list[Waiting]:
    """All those UIDs with size and time; size 0 if the server does not report it."""
    found: list[Waiting] = []
    for start in range(0, len(uids), LIST_UIDS):
        part = uids[start : start + LIST_UIDS]
        rows, _ = fetch(client, part, ["RFC822.SIZE", "INTERNALDATE"])
        for uid in part:
            row = rows.get(uid, {})
            size, at = row.get(b"RFC822.SIZE"), row.get(b"INTERNALDATE")
            found.append(Waiting(uid, size if isinstance(size, int) else 0, utc(at) or first_seen))
    return found


def bodies(client: IMAPClient, uids: Sequence[int]) -> Answer:
    """The bodies of those mails, with one command, and the server's refusal if there is one."""
    rows, refusal = fetch(client, uids, ["RFC822.SIZE", WHOLE])
    found = Answer(refusal=refusal)
    for uid in uids:
        row = rows.get(uid, {})
        raw = row.get(b"BODY[]")
        if not isinstance(raw, bytes):
            continue
        found.bodies[uid] = raw
        size = row.get(b"RFC822.SIZE", len(raw))
        if len(raw) != size:
            found.cut[uid] = size
    return found


def once_more(client: IMAPClient, uid: int, size: int, before: bytes) -> bytes | None:
    """Requests a body again whose length differs from the server's own size.

    If the same bytes arrive twice, they are the mail: some servers report wrong sizes.
    """
    rows, _ = fetch(client, [uid], [WHOLE])
    raw = rows.get(uid, {}).get(b"BODY[]")
    if isinstance(raw, bytes) and (raw == before or len(raw) == size):
        return raw
    return None


def alone(client: IMAPClient, uid: int) -> tuple[bytes | None, str]:
    """Requests a mail that was not delivered with others: alone, in pieces, then in two parts."""
    rows, why = fetch(client, [uid], [WHOLE])
    raw = rows.get(uid, {}).get(b"BODY[]")
    if isinstance(raw, bytes):
        return raw, ""
    if not is_named(client, uid):
        return None, "no search names it any more"
    pieces: list[bytes] = []
    if in_pieces(client, uid, pieces.append) and b"".join(pieces):
        return b"".join(pieces), ""
    rows, refused = fetch(client, [uid], ["BODY.PEEK[HEADER]", "BODY.PEEK[TEXT]"])
    head, text = (rows.get(uid, {}).get(name) for name in (b"BODY[HEADER]", b"BODY[TEXT]"))
    if isinstance(head, bytes) and isinstance(text, bytes) and head:
        return head + text, ""
    return None, why or refused or "the server lists it and sends no body"


def in_pieces(client: IMAPClient, uid: int, write: Callable[[bytes], object]) -> bool:
    """Fetches ``BODY.PEEK[]<offset.length>`` by the megabyte; returns whether it got to the end."""
    at = 0
    while (part := piece(client, uid, at)) is not None:
        write(part)
        at += len(part)
        if not part:
            return True
    return False


def piece(client: IMAPClient, uid: int, at: int) -> bytes | None:
    """At most a megabyte from that offset; None if the server sends nothing."""
    rows, _ = fetch(client, [uid], [f"BODY.PEEK[]<{at}.{CHUNK_BYTES}>"])
    part = rows.get(uid, {}).get(f"BODY[]<{at}>".encode())
    return part if isinstance(part, bytes) else None


def is_named(client: IMAPClient, uid: int) -> bool:
    """Whether a search names the mail: only this shows reliably whether it is in the folder."""
    return uid in set(client.search(["UID", str(uid)]))


def utc(value: object) -> datetime | None:
    """INTERNALDATE, aware; None when the server sends none."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC)
    return None
