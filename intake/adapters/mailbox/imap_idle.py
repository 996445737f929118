"""Waiting for mail by IDLE (RFC 2177): cycles that begin and end with a look at UIDNEXT.

The library's ``idle_check`` reads without waiting and breaks on a line that has come by half. Here
the socket is only watched, and all is read by ``idle_done``, which waits for whole lines.
"""

from __future__ import annotations

import selectors
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from imapclient import IMAPClient

CYCLE_SECONDS = 110.0  # below every server's patience, and below NAT time-outs
LOOK_SECONDS = 1.0


@dataclass(slots=True)
class Known:
    """What was known of the folder when it was last looked at."""

    uid_next: int  # 0 when the server does not tell it
    exists: int  # mails in it; the newest number that the server has told


def uid_next(client: IMAPClient, folder: str) -> int:
    """Changes with every arrival; 0 from a server without IDLE, where nobody compares it."""
    if not client.has_capability("IDLE"):
        return 0
    client.noop()  # some servers tell of the folder that is open as it was at the last command
    return next_of(client, folder)


def next_of(client: IMAPClient, folder: str) -> int:
    """UIDNEXT by STATUS; 0 from a server that does not tell it."""
    return int(client.folder_status(folder, ["UIDNEXT"]).get(b"UIDNEXT") or 0)


def wait(
    client: IMAPClient, folder: str, known: Known, seconds: float, stopped: Callable[[], bool]
) -> bool:
    """True once something came since the folder was as ``known``; False when the time is over.

    A server without IDLE is slept through. Raises what the library and the network raise.
    """
    ends = time.monotonic() + seconds
    if not client.has_capability("IDLE"):
        _nap(ends, stopped)
        return False
    while not stopped() and (begun := time.monotonic()) < ends:
        if _cycle(client, folder, known, min(begun + CYCLE_SECONDS, ends), stopped):
            return True
        _nap(min(begun + LOOK_SECONDS, ends), stopped)  # a talkative server
    return False


def _cycle(
    client: IMAPClient, folder: str, known: Known, ends: float, stopped: Callable[[], bool]
) -> bool:
    """One IDLE, ended by the first thing the server says; whether that is news."""
    if uid_next(client, folder) != known.uid_next:
        return True
    client.idle()
    try:
        told = _buffered(client)
        while not told and not stopped() and (left := ends - time.monotonic()) > 0:
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
    """Whether more was read than the last answer: news may come in one packet with the go-ahead."""
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
    """Whether something is there to be read, or the end of the connection, within that time."""
    if isinstance(link, ssl.SSLSocket) and link.pending():
        return True
    with selectors.DefaultSelector() as selector:
        selector.register(link, selectors.EVENT_READ)
        return bool(selector.select(seconds))


def _nap(until: float, stopped: Callable[[], bool]) -> None:
    while not stopped() and (left := until - time.monotonic()) > 0:
        time.sleep(min(0.5, left))
