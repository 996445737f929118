"""Waiting for mail by IDLE (RFC 2177): cycles that begin and end with a look at UIDNEXT.

The library's ``idle_check`` reads without waiting and breaks on a line that has come by half. Here
the socket is only watched, and all is read by ``idle_done``, which waits for whole lines.
"""

from __future__ import annotations

import selectors
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any

from imapclient import IMAPClient

CYCLE_SECONDS = 110.0  # below every server's patience, and below NAT time-outs
LOOK_SECONDS = 1.0


def uid_next(client: IMAPClient, folder: str) -> int:
    """Changes with every arrival; 0 from a server without IDLE, where nobody compares it."""
    if not client.has_capability("IDLE"):
        return 0
    client.noop()  # some servers tell of the folder that is open as it was at the last command
    return int(client.folder_status(folder, ["UIDNEXT"])[b"UIDNEXT"])


def wait(
    client: IMAPClient, folder: str, known: int, seconds: float, stopped: Callable[[], bool]
) -> bool:
    """True once something came since UIDNEXT was ``known``; False when the time is over.

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
    client: IMAPClient, folder: str, known: int, ends: float, stopped: Callable[[], bool]
) -> bool:
    """One IDLE, ended by the first thing the server says; whether that is news."""
    if uid_next(client, folder) != known:
        return True
    client.idle()
    try:
        told = _buffered(client)
        while not told and not stopped() and (left := ends - time.monotonic()) > 0:
            told = _readable(client.socket(), min(LOOK_SECONDS, left))
    finally:
        _, said = client.idle_done()
    return uid_next(client, folder) != known or any(_is_news(line) for line in said or [])


def _is_news(line: Any) -> bool:
    return isinstance(line, tuple) and len(line) > 1 and line[1] in (b"EXISTS", b"RECENT")


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
