"""Secrets never leave: not into logs, errors, the database or --json, whatever fails."""

from __future__ import annotations

import json
import socket
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from intake.adapters.redaction import HIDDEN, without
from tests.support import installation
from tests.support.mailbag import AUTHSERV, bag, people_toml
from tests.support.rawmail import CAMPAIGN

SECRETS = {
    "service": "planted-service-secret-4f1c",
    "mailbox": "planted-mailbox-password-9a2e",
    "delivery": "planted-delivery-password-77d0",
    "database": "planted-database-password-c3b8",
    "token": "planted-oauth-token-51aa",
    "client": "planted8client8secret",
    "refresh": "planted-refresh-token-0e77",
    "webhook": "planted-webhook-secret-2bd9",
    "command": "planted-by-a-command-6611",
}


def traces(secret: str) -> list[bytes]:
    """A secret as it stands, in base64 wherever it begins, and in URLs."""
    found = {secret, quote(secret, safe=""), repr(secret)[1:-1]}
    for lead in range(3):
        coded = b64encode(b"x" * lead + secret.encode()).decode()
        found.add(coded[4 if lead else 0 : -4])
    return [text.encode() for text in found]


@contextmanager
def talker(answers: list[bytes]) -> Iterator[int]:
    """A server that says one line after the other, whatever it is told."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                link, _ = server.accept()
            except OSError:
                return
            with link:
                try:
                    for answer in answers:
                        link.sendall(answer)
                        link.recv(4096)
                except OSError:
                    continue

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield server.getsockname()[1]
    finally:
        server.close()


@contextmanager
def echo(greeting: bytes, answers: dict[bytes, bytes]) -> Iterator[int]:
    """A server that gives back what it was told; {line} and {tag} in an answer are the client's."""
    server = socket.create_server(("127.0.0.1", 0))

    def talk(link: socket.socket) -> None:
        link.sendall(greeting)
        with link.makefile("rb") as lines:
            for line in lines:
                words = line.strip().upper()
                said = next((text for key, text in answers.items() if key in words), b"")
                if said:
                    tag = line.split(b" ")[0]
                    link.sendall(said.replace(b"{line}", line.strip()).replace(b"{tag}", tag))

    def serve() -> None:
        with suppress(OSError):
            while True:
                link, _ = server.accept()
                with link, suppress(OSError):
                    talk(link)

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield server.getsockname()[1]
    finally:
        server.close()


class _Echo(BaseHTTPRequestHandler):
    """A token endpoint that repeats in its error what it was sent."""

    def do_POST(self) -> None:
        """Everything back, in every member of the answer."""
        told = self.rfile.read(int(self.headers["Content-Length"])).decode()
        secret = parse_qs(told).get("client_secret", [""])[0]
        answer = json.dumps({"error": secret, "error_description": told}).encode()
        self.send_response(self.server.status)  # type: ignore[attr-defined]  # set by endpoint()
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *args: object) -> None:
        """Says nothing."""


@contextmanager
def endpoint(status: int) -> Iterator[int]:
    """That endpoint, running."""
    server = HTTPServer(("127.0.0.1", 0), _Echo)
    server.status = status  # type: ignore[attr-defined]  # read by _Echo
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


IMAP_REFUSES = [
    b"* OK ready\r\n",
    b"* CAPABILITY IMAP4rev1\r\n1 OK\r\n",
    b"2 NO [AUTHENTICATIONFAILED] no\r\n",
]
SMTP_REFUSES = [b"220 hi\r\n", b"250-hi\r\n250 AUTH PLAIN LOGIN\r\n", b"535 5.7.8 no\r\n"]
ECHOES = [b"* OK ready\r\n", b"* BAD planted? what?\r\n"]


def config(
    folder: Path, imap: int, smtp: int, tokens: int, database: str = "", more: str = ""
) -> Path:
    """A configuration with every kind of secret in it."""
    token, refresh, command = folder / "token", folder / "refresh", folder / "command"
    token.write_text(SECRETS["token"])
    refresh.write_text(SECRETS["refresh"])
    command.write_text(f"echo {SECRETS['command']}; echo {SECRETS['command']} >&2; exit 1\n")
    database = database or f"sqlite:///{folder}/var/intake.db"
    text = f"""
[service]
name = "Support desk"
address = "support@desk.example"
secret = "{SECRETS["service"]}"
[[mailbox]]
name = "support"
url = "imap://support@127.0.0.1:{imap}/INBOX"
password = "{SECRETS["mailbox"]}"
trusted_authserv_ids = ["{AUTHSERV}"]
read_seconds = 2
connect_seconds = 2
[[mailbox]]
name = "modern"
url = "imap://support@127.0.0.1:{imap}/INBOX"
auth = "xoauth2"
token_file = "{token}"
read_seconds = 2
connect_seconds = 2
[[mailbox]]
name = "google"
url = "imap://support@127.0.0.1:{imap}/INBOX"
auth = "xoauth2"
read_seconds = 2
connect_seconds = 2
[mailbox.oauth]
token_url = "http://127.0.0.1:{tokens}/token"
grant = "refresh_token"
client_id = "intake"
client_secret = "{SECRETS["client"]}"
refresh_token_file = "{refresh}"
[[mailbox]]
name = "vault"
url = "imap://support@127.0.0.1:{imap}/INBOX"
password_command = "sh {command}"
read_seconds = 2
connect_seconds = 2
[[mailbox]]
name = "drop"
url = "maildir:{folder}/in"
trusted_authserv_ids = ["{AUTHSERV}"]
[delivery]
url = "smtp://support@127.0.0.1:{smtp}"
password = "{SECRETS["delivery"]}"
[database]
url = "{database}"
[[webhook]]
name = "status"
url = "http://127.0.0.1:1/hook"
secret = "{SECRETS["webhook"]}"
[logging]
format = "json"
level = "debug"
{more}
"""
    file = folder / "config.toml"
    file.write_text(text)
    return file


COMMANDS = (
    ("init",),
    ("doctor",),
    ("doctor", "--json"),
    ("once",),
    ("once", "--json"),
    ("status", "--json"),
    ("messages", "list", "--json"),
    ("cases", "list", "--json"),
    ("outbox", "list", "--json"),
    ("contacts", "list", "--json"),
)
TELLING = (("init",), ("doctor",), ("once", "--json"))  # in every run
IMAP_ECHO = {
    b"CAPABILITY": b"* CAPABILITY IMAP4rev1 AUTH=XOAUTH2 SASL-IR\r\n{tag} OK done\r\n",
    b"LOGIN": b"{tag} NO [AUTHENTICATIONFAILED] got {line}\r\n",
    b"AUTHENTICATE": b"{tag} NO got {line}\r\n",
}
IMAP_ABORTS = {**IMAP_ECHO, b"LOGIN": b"{line}\r\n", b"AUTHENTICATE": b"* BYE {line}\r\n"}
SMTP_ECHO = {
    b"EHLO": b"250-hi\r\n250 AUTH PLAIN\r\n",
    b"AUTH": b"535 5.7.8 got {line}\r\n",
    b"": b"535 5.7.8 got {line}\r\n",
}
FAILURES: dict[str, tuple[Any, Any, str]] = {
    "nobody listens": ([], [], ""),
    "the login is refused": (IMAP_REFUSES, SMTP_REFUSES, ""),
    "the login is repeated": (IMAP_ECHO, SMTP_ECHO, ""),
    "the login is repeated out of turn": (IMAP_ABORTS, SMTP_ECHO, ""),
    "nonsense": (ECHOES, ECHOES, ""),
    "no database": (IMAP_REFUSES, SMTP_REFUSES,
                    f"postgresql://intake:{SECRETS['database']}@127.0.0.1:1/intake"),
    "an unknown table": (IMAP_REFUSES, SMTP_REFUSES, "[mistake]"),
    "one table for a list": (IMAP_REFUSES, SMTP_REFUSES, "single"),
    "a list for a table": (IMAP_REFUSES, SMTP_REFUSES, "list"),
    "no TOML": (IMAP_REFUSES, SMTP_REFUSES, "= ="),
}  # fmt: skip


@contextmanager
def server(answers: Any, greeting: bytes) -> Iterator[int]:
    """One of the two kinds of server."""
    made = echo(greeting, answers) if isinstance(answers, dict) else talker(answers)
    with made as port:
        yield port


@pytest.mark.parametrize("name", FAILURES)
def test_a_planted_secret_is_nowhere(tmp_path: Path, name: str) -> None:
    """Every command under every failure: nothing it says or writes holds a secret."""
    imap, smtp, database = FAILURES[name]
    (tmp_path / "in/new").mkdir(parents=True)
    (tmp_path / "in/cur").mkdir()
    (tmp_path / "in/tmp").mkdir()
    broken = database if not database.startswith("postgresql") else ""
    more = broken if broken in ("[mistake]", "= =") else ""
    status = 200 if imap is IMAP_ABORTS else 400
    with (
        server(imap, b"* OK ready\r\n") as imap_port,
        server(smtp, b"220 hi\r\n") as smtp_port,
        endpoint(status) as tokens,
    ):
        database = "" if broken else database
        file = config(tmp_path, imap_port, smtp_port, tokens, database, more)
        if broken == "single":
            text = f'[mailbox]\nname = "x"\npassword = "{SECRETS["mailbox"]}"\nurl = "imap://x"\n'
            file.write_text(text)
        if broken == "list":
            file.write_text(f'[[delivery]]\npassword = "{SECRETS["delivery"]}"\n')
        for number, mail in enumerate(bag(5)):
            (tmp_path / "in/new" / str(number)).write_bytes(mail.raw)
        people = tmp_path / "people.toml"
        people.write_text(people_toml())
        said = b""
        first = (COMMANDS[0], ("contacts", "import", str(people)))
        others = COMMANDS if CAMPAIGN > 1 or name == "nobody listens" else TELLING
        for words in (*first, *(COMMANDS[2:4] if broken else others[1:])):
            done = installation.intake(_Named(str(file)), *words)  # type: ignore[arg-type]  # only its file
            said += done.stdout + done.stderr
    assert said
    given = (file, *(tmp_path / name for name in ("token", "refresh", "command")))
    for kind, secret in SECRETS.items():
        for trace in traces(secret):
            assert trace not in said, (kind, trace)
            for path in tmp_path.rglob("*"):
                if path.is_file() and path not in given:
                    assert trace not in path.read_bytes(), (kind, trace, path)
    if not (database or broken):
        assert list((tmp_path / "var").rglob("intake.db*"))


class _Named:
    """What ``house.intake`` needs of a configuration."""

    def __init__(self, file: str) -> None:
        self.file = file


@pytest.mark.parametrize(
    ("words", "secret", "wanted"),
    [
        ("NO [AUTHENTICATIONFAILED] wrong", "hunter2hunter2", "NO [AUTHENTICATIONFAILED] wrong"),
        ('NO LOGIN support "hunter2hunter2"', "hunter2hunter2", 'NO LOGIN support "(hidden)"'),
        ("535 got AHN1cHBvcnQAaHVudGVyMmh1bnRlcjI= there", "hunter2hunter2",
         "535 got (hidden) there"),
        ("535 got AHN1cHBvcnQAaHVudGVyMmh1", "hunter2hunter2", "535 got (hidden)"),
        ("a secret with spaces in it", "secret with spaces", "a (hidden) in it"),
        ("cut: hunter2hu", "hunter2hunter2", "cut: (hidden)"),
        ("no secret", "", "no secret"),
        ("abc", "abc", "(hidden)"),
    ],
)  # fmt: skip
def test_a_servers_words_lose_what_they_repeat(words: str, secret: str, wanted: str) -> None:
    """Whole, cut off, or in base64."""
    assert without(words, secret) == wanted


@given(st.text(min_size=6, max_size=40), st.text(max_size=60), st.text(max_size=60))
def test_no_repeated_secret_is_left(secret: str, before: str, behind: str) -> None:
    """Wherever it stands, and coded with whatever stands around it."""
    assume(secret not in HIDDEN)
    assert secret not in without(before + secret + behind, secret).replace(HIDDEN, "")
    coded = b64encode(f"{before}\0{secret}".encode()).decode()
    assert coded not in without(f"got {coded} there", secret)
