"""A program that hears of events, on loopback, and what it makes of their signatures."""

from __future__ import annotations

import binascii
import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


def independent(key: bytes, one: dict[str, Any]) -> str:
    """The signature as the specification words it, by hand: HMAC from its definition."""
    padded = (hashlib.sha256(key).digest() if len(key) > 64 else key).ljust(64, b"\0")
    text = f"{one['webhook-id']}.{one['webhook-timestamp']}.".encode() + one["body"]
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in padded) + text).digest()
    outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in padded) + inner).digest()
    return "v1," + binascii.b2a_base64(outer, newline=False).decode()


@dataclass
class Receiver:
    """A program that listens, and what it was sent; ``status`` may depend on what comes."""

    port: int = 0
    got: list[dict[str, Any]] = field(default_factory=list)
    status: Callable[[dict[str, Any]], int] = lambda _: 204
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def ids(self) -> list[str]:
        """The ids, in the order of arrival."""
        return [one["webhook-id"] for one in self.got]

    @property
    def kinds(self) -> list[str]:
        """The kinds of events, in the order of arrival."""
        return [json.loads(one["body"])["type"] for one in self.got]


@contextmanager
def receiver() -> Iterator[Receiver]:
    """A running one on loopback."""
    made = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def _one(self) -> None:
            """Any method: what came is kept, then answered."""
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            one = {key.lower(): value for key, value in self.headers.items()}
            one |= {"body": body, "path": self.path, "method": self.command}
            made.got.append(one)
            self.send_response(made.status(one))
            for name, value in made.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST = _one  # noqa: N815 - the names that http.server calls

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
