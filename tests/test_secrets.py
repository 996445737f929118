"""Secrets never leave: not into logs, errors, the database or --json, whatever fails."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import house
from tests.mailbag import AUTHSERV, bag, people_toml

SECRETS = {
    "service": "planted-service-secret-4f1c",
    "mailbox": "planted-mailbox-password-9a2e",
    "delivery": "planted-delivery-password-77d0",
    "database": "planted-database-password-c3b8",
    "token": "planted-oauth-token-51aa",
}


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


IMAP_REFUSES = [
    b"* OK ready\r\n",
    b"* CAPABILITY IMAP4rev1\r\n1 OK\r\n",
    b"2 NO [AUTHENTICATIONFAILED] no\r\n",
]
SMTP_REFUSES = [b"220 hi\r\n", b"250-hi\r\n250 AUTH PLAIN LOGIN\r\n", b"535 5.7.8 no\r\n"]
ECHOES = [b"* OK ready\r\n", b"* BAD planted? what?\r\n"]


def config(folder: Path, imap: int, smtp: int, database: str = "", more: str = "") -> Path:
    """A configuration with every kind of secret in it."""
    token = folder / "token"
    token.write_text(SECRETS["token"])
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
name = "drop"
url = "maildir:{folder}/in"
trusted_authserv_ids = ["{AUTHSERV}"]
[delivery]
url = "smtp://support@127.0.0.1:{smtp}"
password = "{SECRETS["delivery"]}"
[database]
url = "{database}"
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
FAILURES = {
    "nobody listens": ([], [], ""),
    "the login is refused": (IMAP_REFUSES, SMTP_REFUSES, ""),
    "nonsense": (ECHOES, ECHOES, ""),
    "no database": (IMAP_REFUSES, SMTP_REFUSES,
                    f"postgresql://intake:{SECRETS['database']}@127.0.0.1:1/intake"),
    "a mistake in the file": (IMAP_REFUSES, SMTP_REFUSES, "mistake"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAILURES)
def test_a_planted_secret_is_nowhere(tmp_path: Path, name: str) -> None:
    """Every command under every failure: nothing it says or writes holds a secret."""
    imap, smtp, database = FAILURES[name]
    (tmp_path / "in/new").mkdir(parents=True)
    (tmp_path / "in/cur").mkdir()
    (tmp_path / "in/tmp").mkdir()
    more = "[mistake]\n" if database == "mistake" else ""
    database = "" if more else database
    with talker(imap) as imap_port, talker(smtp) as smtp_port:
        file = config(tmp_path, imap_port, smtp_port, database, more)
        for number, mail in enumerate(bag(5)):
            (tmp_path / "in/new" / str(number)).write_bytes(mail.raw)
        people = tmp_path / "people.toml"
        people.write_text(people_toml())
        said = b""
        for words in (*COMMANDS[:1], ("contacts", "import", str(people)), *COMMANDS[1:]):
            done = house.intake(_Named(str(file)), *words)  # type: ignore[arg-type]  # only its file
            said += done.stdout + done.stderr
    assert said
    for kind, secret in SECRETS.items():
        assert secret.encode() not in said, kind
        for path in tmp_path.rglob("*"):
            if path.is_file() and path not in (file, tmp_path / "token"):
                assert secret.encode() not in path.read_bytes(), (kind, path)
    if not (database or more):
        assert list((tmp_path / "var").rglob("intake.db*"))


class _Named:
    """What ``house.intake`` needs of a configuration."""

    def __init__(self, file: str) -> None:
        self.file = file
