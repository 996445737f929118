"""Sends an event by HTTP POST, signed by Standard Webhooks 1.0: Taken | Again | Gone.

It connects only to the configured address: it follows no redirects and uses no proxy from the
environment. One deadline applies to the whole exchange, however slowly the server sends. Only the
status and Retry-After of the answer are used. Its body is not read, since it may repeat an address
that is itself a secret.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import json
import socket
import ssl
import time
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import SplitResult, urlsplit

from intake import __version__
from intake.model.events import Again, Gone, Outcome, Taken

MAX_RETRY_AFTER_SECONDS = 3600.0
MIN_KEY_BYTES = 24  # required by Standard Webhooks; shorter ones work, and doctor warns
PREFIX = "whsec_"


@dataclass(frozen=True, slots=True)
class Event:
    """What is sent: the same id and the same bytes for each attempt."""

    id: str  # contains no full stop, because it is signed between full stops
    body: bytes


def event(id_: str, kind: str, at: datetime, data: Mapping[str, object]) -> Event:
    """The event as it goes on the wire: ``{"type", "timestamp", "data"}``, ASCII."""
    moment = at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    body = {"type": kind, "timestamp": moment, "data": data}
    return Event(id_, json.dumps(body, separators=(",", ":")).encode("ascii"))


def read_keys(secret: str) -> tuple[bytes, ...]:
    """The keys in a secret; while a key is being changed, several are given, separated by spaces.

    A key is ``whsec_`` and base64, or any other text. Raises ValueError, which contains no part of
    it.
    """
    found = []
    for word in secret.split():
        if not word.startswith(PREFIX):
            found.append(word.encode())
            continue
        try:
            key = b64decode(word.removeprefix(PREFIX), validate=True)
        except ValueError:
            key = b""
        if not key:
            raise ValueError("the secret begins with whsec_ and is no base64 behind it")
        found.append(key)
    return tuple(found)


def signature(keys: Sequence[bytes], one: Event, seconds: int) -> str:
    """``v1,…`` of ``id.timestamp.body`` for each key, the newest first."""
    signed = b".".join((one.id.encode(), str(seconds).encode(), one.body))
    made = (hmac.new(key, signed, hashlib.sha256).digest() for key in keys)
    return " ".join(f"v1,{b64encode(mac).decode('ascii')}" for mac in made)


def post(url: str, one: Event, keys: Sequence[bytes], now: datetime, seconds: float) -> Outcome:
    """Sends the event, returns the outcome; ``seconds`` limits everything from the look-up on."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    stamp = int(now.timestamp())
    headers = {
        "Host": parts.netloc,
        "Content-Type": "application/json",
        "User-Agent": f"intake/{__version__}",
        "Connection": "close",
        "webhook-id": one.id,
        "webhook-timestamp": str(stamp),
    }
    if keys:
        headers["webhook-signature"] = signature(keys, one, stamp)
    link: _Timed | None = None
    connection = HTTPConnection(host)
    try:
        link = _connect(parts, time.monotonic() + seconds)
        connection.sock = link
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", target, one.body, headers)
        answer = connection.getresponse()
        return outcome(answer.status, answer.getheader("Retry-After") or "", now)
    except TimeoutError:
        return Again(f"{host}: no answer within {seconds:g} s")
    except ssl.SSLCertVerificationError as error:
        return Again(f"{host}: its certificate is not valid: {error.verify_message}")
    except (OSError, HTTPException, ValueError) as error:
        return Again(f"{host}: {getattr(error, 'strerror', '') or type(error).__name__}")
    finally:
        if link is not None:
            link.close()


def outcome(status: int, retry_after: str, now: datetime) -> Outcome:
    """What a status means: 2xx taken, 410 gone, everything else (also 3xx) another attempt."""
    known = status in HTTPStatus.__members__.values()
    words = f"HTTP {status} {HTTPStatus(status).phrase}" if known else f"HTTP {status}"
    if 200 <= status < 300:
        return Taken(words)
    if status == HTTPStatus.GONE:
        return Gone(words)
    return Again(words, _wish(retry_after, now))


def _wish(text: str, now: datetime) -> float:
    """Retry-After in seconds, from a number or a date (RFC 9110 §10.2.3); 0 to an hour."""
    if text.isascii() and text.isdigit() and len(text) < 10:
        return min(float(text), MAX_RETRY_AFTER_SECONDS)
    with suppress(ValueError, TypeError, OverflowError):
        named = parsedate_to_datetime(text)
        named = named if named.tzinfo else named.replace(tzinfo=UTC)
        return min(max((named - now).total_seconds(), 0.0), MAX_RETRY_AFTER_SECONDS)
    return 0.0


def _left(ends: float) -> float:
    left = ends - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _connect(parts: SplitResult, ends: float) -> _Timed:
    """A connection to the host, with verified TLS unless it is http:// on this machine."""
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    link = _dial(host, port, ends)
    if parts.scheme != "https":
        return _Timed(link, ends)
    try:
        context = ssl.create_default_context()
        wrapped = context.wrap_socket(link, server_hostname=host, do_handshake_on_connect=False)
    except BaseException:
        link.close()
        raise
    try:
        wrapped.settimeout(_left(ends))
        wrapped.do_handshake()  # its time limit applies to the whole handshake
    except BaseException:
        wrapped.close()
        raise
    return _Timed(wrapped, ends)


def _dial(host: str, port: int, ends: float) -> socket.socket:
    """Connects to the first address that answers, with one deadline for all addresses."""
    failed: OSError = ConnectionError("no address")
    for family, kind, proto, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        link = socket.socket(family, kind, proto)
        try:
            link.settimeout(_left(ends))
            link.connect(address)
            return link
        except OSError as error:
            link.close()
            failed = error
    raise failed


class _Reader(io.RawIOBase):
    """Reads the answer until the deadline."""

    def __init__(self, link: socket.socket, ends: float) -> None:
        self._link = link
        self._ends = ends

    def readable(self) -> bool:
        """Returns True: only reading is possible."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Reads some bytes, 0 at the end. Raises TimeoutError after the deadline."""
        self._link.settimeout(_left(self._ends))
        return self._link.recv_into(buffer)


class _Timed:
    """The parts of a socket that HTTPConnection uses, with one deadline for all of them."""

    def __init__(self, link: socket.socket, ends: float) -> None:
        self._link = link
        self._ends = ends
        self._request = b""

    def sendall(self, data: bytes) -> None:
        """Collects the data until the request is complete."""
        self._request += data

    def makefile(self, mode: str) -> io.BufferedReader:
        """Sends the request in one piece and returns the answer as a file; ``mode`` is always "rb".

        If the server answers before it has read everything, and hangs up, its answer still counts.
        """
        self._link.settimeout(_left(self._ends))
        with suppress(ConnectionError, ssl.SSLError):
            self._link.sendall(self._request)
        return io.BufferedReader(_Reader(self._link, self._ends))

    def close(self) -> None:
        """Closes the socket, even with unread data in it."""
        self._link.close()
