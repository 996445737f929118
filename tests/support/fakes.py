"""Scripted servers that fail on cue: an SMTP server for each way to die, an IMAP line reader."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress


def _reset(connection: socket.socket) -> None:
    """Closes with RST instead of FIN."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


class FakeSmtp:
    """Answers each stage as told: ``{"rcpt": "550 no", "dot": "close"}``; "250" elsewhere.

    "close" ends the connection, "reset" resets it, "hang" says nothing more, "partial" sends a
    cut line. ``taken`` are the mails whose dot was answered with 2xx, ``cut`` the texts that never
    had one, ``connections`` a count.
    """

    def __init__(self, script: dict[str, str]) -> None:
        self.script = script
        self.taken: list[bytes] = []
        self.cut: list[bytes] = []
        self.cuts = threading.Semaphore(0)  # one for each of them
        self.connections = 0
        self.commands: list[str] = []

    def serve(self, connection: socket.socket) -> None:
        """One dialogue."""
        self.connections += 1
        with suppress(OSError, StopIteration), connection:
            lines = _lines(connection)
            self._say(connection, "greet", "220 fake")
            while True:
                line = next(lines).decode("latin-1").strip()
                verb = line.split(" ")[0].split(":")[0].lower()
                self.commands.append(verb)
                if verb == "quit":
                    self._say(connection, "quit", "221 bye")
                    return
                if verb == "data":
                    if self._say(connection, "data", "354 go on"):
                        self._data(connection, lines)
                    continue
                default = "250-fake\r\n250 SIZE 1000000" if verb == "ehlo" else "250 ok"
                self._say(connection, verb, default)

    def _data(self, connection: socket.socket, lines: Iterator[bytes]) -> None:
        body: list[bytes] = []
        while (line := next(lines, b"")) != b".\r\n":
            body.append(line[1:] if line.startswith(b"..") else line)
            if not line or "text" in self.script:
                self.cut.append(b"".join(body))
                try:
                    self._say(connection, "text", "")
                finally:
                    connection.close()
                    self.cuts.release()
                raise StopIteration
        if self._say(connection, "dot", "250 taken"):
            self.taken.append(b"".join(body))

    def _say(self, connection: socket.socket, stage: str, default: str) -> bool:
        """True when the answer was a good one."""
        words = self.script.get(stage, default)
        if words == "reset":
            _reset(connection)
            raise StopIteration
        if words == "close":
            connection.close()
            raise StopIteration
        if words == "hang":
            connection.settimeout(30)
            connection.recv(1)
            raise StopIteration
        if words == "partial":
            connection.sendall(b"25")
            connection.close()
            raise StopIteration
        connection.sendall(words.encode() + b"\r\n")
        return words[:1] in "23"


def _lines(connection: socket.socket) -> Iterator[bytes]:
    rest = b""
    while True:
        while b"\r\n" not in rest:
            chunk = connection.recv(65536)
            if not chunk:
                return
            rest += chunk
        line, rest = rest.split(b"\r\n", 1)
        yield line + b"\r\n"


@contextmanager
def listening(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """A loopback port whose every connection is served in a thread of its own."""
    server = socket.create_server(("127.0.0.1", 0))
    stopped = threading.Event()

    def accept() -> None:
        while not stopped.is_set():
            with suppress(OSError):
                connection, _ = server.accept()
                if stopped.is_set():
                    connection.close()
                    return
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield int(server.getsockname()[1])
    finally:
        stopped.set()
        with suppress(OSError):
            socket.create_connection(server.getsockname(), timeout=1).close()
        server.close()
        thread.join(5)


def scripted_imap(
    answers: dict[str, str], capabilities: str = "IMAP4rev1"
) -> Callable[[socket.socket], None]:
    """An IMAP server that knows LOGIN and SELECT, and for other words says what it is told.

    In an answer ``{tag}`` is the command's tag; "close" ends the connection, "hang" says nothing.
    """

    def serve(connection: socket.socket) -> None:
        with suppress(OSError), connection:
            connection.sendall(f"* OK [CAPABILITY {capabilities}] fake\r\n".encode())
            for line in _lines(connection):
                tag, _, rest = line.decode("latin-1").strip().partition(" ")
                words = rest.upper().split(" ")
                verb = words[1] if words[0] == "UID" else words[0]
                answer = answers.get(verb, usual(verb, capabilities))
                if answer == "close":
                    return
                if answer == "hang":
                    connection.settimeout(30)
                    connection.recv(1)
                    return
                connection.sendall(answer.replace("{tag}", tag).encode("latin-1"))

    return serve


def usual(verb: str, capabilities: str) -> str:
    """What such a server says to one command."""
    done = "{tag} OK done\r\n"
    return {
        "CAPABILITY": f"* CAPABILITY {capabilities}\r\n{done}",
        "SELECT": f"* 1 EXISTS\r\n* OK [UIDVALIDITY 9] v\r\n* OK [UIDNEXT 5] n\r\n{done}",
        "LIST": f'* LIST () "/" Processed\r\n{done}',
        "STATUS": f"* STATUS INBOX (UIDNEXT 5)\r\n{done}",
        "SEARCH": f"* SEARCH 4\r\n{done}",
    }.get(verb, done)
