"""Tells systemd that the worker is ready, lives and stops; see sd_notify(3)."""

from __future__ import annotations

import os
import socket
from contextlib import suppress


def notify(text: str) -> None:
    """Sends lines such as ``READY=1`` to the socket in NOTIFY_SOCKET; never raises.

    An address that begins with @ is an abstract socket: its first byte is 0.
    """
    where = os.environ.get("NOTIFY_SOCKET", "")
    if not where.startswith(("/", "@")):
        return
    address = f"\0{where[1:]}" if where.startswith("@") else where
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as link:
        link.settimeout(1)
        link.sendto(text.encode(), address)
