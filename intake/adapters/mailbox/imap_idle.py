"""Waits for mail with IDLE (RFC 2177), in cycles that begin and end with a check of UIDNEXT.

The library's ``idle_check`` reads without waiting and fails on a line that has only partly arrived.
Here the socket is only watched. ``idle_done`` reads everything, as it waits for complete lines.
"""

from __future__ import annotations

import selectors
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from imapclient import IMAPClient

from intake.adapters.time_limits import PROGRESS

CYCLE_SECONDS = 110.0  # below the usual time limits of servers and NAT
LOOK_SECONDS = 1.0


@dataclass(slots=True)
class Known:
    """What was known about the folder at the last check."""

    uid_next: int  # 0 if the server does not report it
    exists: int  # mails in it: the last number that the server reported


def uid_next(client: IMAPClient, folder: str) -> int:
    """UIDNEXT, which changes with every arrival; 0 without IDLE, where it is not needed."""
    if not client.has_capability("IDLE"):
        return 0
    client.noop()  # some servers report the state of the open folder as of the last command
    return next_of(client, folder)


def next_of(client: IMAPClient, folder: str) -> int:
    """UIDNEXT from STATUS; 0 if the server does not report it."""
    return int(client.folder_status(folder, ["UIDNEXT"]).get(b"UIDNEXT") or 0)


def wait(
    client: IMAPClient, folder: str, known: Known, seconds: float, stopped: Callable[[], bool]
) -> bool:
    """True once mail has arrived since the state ``known``; False when the time is over.

    Without IDLE on the server it only sleeps. Errors of library and network are passed on.
    """
    ends = time.monotonic() + seconds
    if not client.has_capability("IDLE"):
        _nap(ends, stopped)
        return False
    while not stopped() and (begun := time.monotonic()) < ends:
        if _cycle(client, folder, known, min(begun + CYCLE_SECONDS, ends), stopped):
            return True
        _nap(min(begun + LOOK_SECONDS, ends), stopped)  # in case the server sends many lines
    return False


def _cycle(
    client: IMAPClient, folder: str, known: Known, ends: float, stopped: Callable[[], bool]
) -> bool:
    """One IDLE, ended by the first reply of the server; returns whether that reply is news."""
    if uid_next(client, folder) != known.uid_next:
        return True
    client.idle()
    try:
        told = _buffered(client)
        while not told and not stopped() and (left := ends - time.monotonic()) > 0:
            PROGRESS.note()
            told = _readable(client.socket(), min(LOOK_SECONDS, left))
    finally:
        _, said = client.idle_done()
    return uid_next(client, folder) != known.uid_next or _are_news(said or [], known)


def _are_news(lines: Sequence[object], known: Known) -> bool:
    """Whether more mails are told of than before: some servers tell the number at every IDLE."""
    told = [
        int(line[0])
        for line in lines
        if isinstance(line, tuple) and len(line) > 1 and line[1] == b"EXISTS"
    ]
    before, known.exists = known.exists, told[-1] if told else known.exists
    return any(count > before for count in told)


def _buffered(client: IMAPClient) -> bool:
    """Whether data is already buffered: news may arrive in one packet with the "+" reply."""
    own = getattr(client._imap, "_readbuf", None)  # of Python 3.14 and later
    if own is not None:
        return bool(own)
    link = client.socket()
    patience = link.gettimeout()
    link.setblocking(False)
    try:
        return bool(client._imap.file.peek(1))
    except ssl.SSLWantReadError:
        return False
    finally:
        link.settimeout(patience)


def _readable(link: socket.socket, seconds: float) -> bool:
    """Whether data, or the end of the connection, can be read within that time."""
    if isinstance(link, ssl.SSLSocket) and link.pending():
        return True
    with selectors.DefaultSelector() as selector:
        selector.register(link, selectors.EVENT_READ)
        return bool(selector.select(seconds))


def _nap(until: float, stopped: Callable[[], bool]) -> None:
    while not stopped() and (left := until - time.monotonic()) > 0:
        PROGRESS.note()
        time.sleep(min(0.5, left))
