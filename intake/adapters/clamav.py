"""Scans bytes with a ClamAV daemon, by its INSTREAM command; returns only what the daemon says.

clamd(8): ``zINSTREAM\\0``, then chunks of a four-byte length in network order and that many bytes,
then a length of zero. The answer is one line that ends with a NUL.
"""

from __future__ import annotations

import socket
import struct
from contextlib import AbstractContextManager
from dataclasses import dataclass
from urllib.parse import urlsplit

from intake.adapters.time_limits import OVERTIME

CHUNK_BYTES = 64 * 2**10
SLOWEST = 256 * 2**10  # bytes per second; a slower daemon counts as not available
MAX_ANSWER_BYTES = 4096
DEFAULT_PORT = 3310


class ScannerError(Exception):
    """The scanner is not available; the file waits and is tried again. The text says why."""


class UnscannableError(ScannerError):
    """The scanner works but cannot scan this one file."""


@dataclass(frozen=True, slots=True)
class Scanner:
    """A connection to ``tcp://host:3310`` or ``unix:/run/clamav/clamd.ctl``."""

    url: str
    seconds: float = 60.0  # for connecting, and for one file beside the time for its bytes

    def find(self, data: bytes) -> str:
        """The name of the virus, "too big to be scanned", or an empty text if nothing was found.

        Raises ScannerError.
        """
        try:
            with self._connect() as link, self._limited(link, len(data)):
                self._send(link, data)
                answer = self._answer(link)
        except OSError as error:
            raise ScannerError(f"{self.url}: {error}") from error
        return _read(answer, self.url)

    def _limited(self, link: socket.socket, size: int) -> AbstractContextManager[object]:
        return OVERTIME.within(self.seconds + size / SLOWEST, lambda: link)

    def _connect(self) -> socket.socket:
        parts = urlsplit(self.url)
        if parts.scheme == "tcp" and parts.hostname:
            return socket.create_connection(
                (parts.hostname, parts.port or DEFAULT_PORT), self.seconds
            )
        if parts.scheme != "unix" or not parts.path:
            raise ScannerError(
                f"files.clamav: found {self.url!r}, wanted tcp://host:port or unix:/path"
            )
        link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        link.settimeout(self.seconds)
        try:
            link.connect(parts.path)
        except OSError:
            link.close()
            raise
        return link

    def _send(self, link: socket.socket, data: bytes) -> None:
        """Sends the data; the daemon may answer and close the connection before the end."""
        try:
            link.sendall(b"zINSTREAM\0")
            for start in range(0, len(data), CHUNK_BYTES):
                part = data[start : start + CHUNK_BYTES]
                link.sendall(struct.pack(">I", len(part)) + part)
            link.sendall(struct.pack(">I", 0))
        except (BrokenPipeError, ConnectionResetError):
            return

    def _answer(self, link: socket.socket) -> str:
        found = b""
        while not found.endswith(b"\0") and len(found) < MAX_ANSWER_BYTES:
            part = link.recv(1024)
            if not part:
                break
            found += part
        return found.rstrip(b"\0\n").decode("utf-8", "replace")


def _read(answer: str, url: str) -> str:
    """Reads ``stream: OK``, ``stream: NAME FOUND`` or ``… ERROR``."""
    words = answer.partition(": ")[2] if answer.startswith("stream: ") else answer
    if words == "OK":
        return ""
    if words.endswith(" FOUND"):
        return words.removesuffix(" FOUND")[:100]
    if "size limit exceeded" in words:
        return "too big to be scanned"
    if words.endswith(" ERROR"):
        raise UnscannableError(f"{url}: the scanner said {answer[:200]!r}")
    raise ScannerError(f"{url}: the scanner said {answer[:200]!r}")
