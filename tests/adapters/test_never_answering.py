"""Token endpoints and virus scanners that never answer, or drip: each wait has an end."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import suppress

import pytest

from intake.adapters.clamav import Scanner, ScannerError
from intake.adapters.oauth import OAuthError, TokenSource
from tests.support.fakes import listening


def drip(connection: socket.socket, words: bytes) -> None:
    """One byte in a tenth of a second, each in time for a limit that counts from byte to byte."""
    for byte in words:
        connection.sendall(bytes([byte]))
        time.sleep(0.1)


def dripping_header(connection: socket.socket) -> None:
    """An HTTP answer whose header never ends."""
    with suppress(OSError), connection:
        connection.recv(1000)
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        while True:
            drip(connection, b"X-And: so on\r\n")


def dripping_scanner(connection: socket.socket) -> None:
    """Takes the file and never comes to the end of its verdict."""
    with suppress(OSError), connection:
        connection.recv(1000)
        while True:
            drip(connection, b"stream: ")


def silence(connection: socket.socket) -> None:
    """Takes everything and says nothing."""
    with suppress(OSError), connection:
        while connection.recv(1000):
            pass


@pytest.mark.parametrize("serve", [silence, dripping_header])
def test_a_token_endpoint_that_never_answers_is_cut_off(
    serve: Callable[[socket.socket], None],
) -> None:
    """However its bytes are spread; nothing of the request is in the error."""
    with listening(serve) as port:
        source = TokenSource(
            f"http://127.0.0.1:{port}/token", "client_credentials", "app", lambda: "a-secret",
            seconds=1.0,
        )  # fmt: skip
        began = time.monotonic()
        with pytest.raises(OAuthError) as caught:
            source.token()
        assert time.monotonic() - began < 20
        assert "a-secret" not in str(caught.value)


@pytest.mark.parametrize("serve", [silence, dripping_scanner])
def test_a_scanner_that_never_answers_is_cut_off(serve: Callable[[socket.socket], None]) -> None:
    """The file waits and is scanned later."""
    with listening(serve) as port:
        began = time.monotonic()
        with pytest.raises(ScannerError):
            Scanner(f"tcp://127.0.0.1:{port}", 1.0).find(b"a file")
        assert time.monotonic() - began < 20
