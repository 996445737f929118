"""Two small workers to compare with: the least that the promise costs, and what one would write.

peer_scripts.py floor|naive FOLDER IMAP_PORT USER PASSWORD SMTP_PORT
"""

from __future__ import annotations

import email.policy
import hashlib
import os
import smtplib
import socket
import sqlite3
import sys
from email import message_from_bytes
from email.message import EmailMessage
from email.utils import parseaddr
from pathlib import Path

from imapclient import IMAPClient

ANSWER = "We have received your message. Its number is {}.\r\n"
OURS = "support@desk.example"
BATCH = 50


def main(words: list[str]) -> None:
    """One pass over the INBOX."""
    kind, folder, imap, user, password, smtp = words
    work = floor if kind == "floor" else naive
    with IMAPClient("127.0.0.1", port=int(imap), ssl=False) as client:
        client.login(user, password)
        client.select_folder("INBOX")
        work(client, Path(folder), int(smtp))


def opened(folder: Path) -> sqlite3.Connection:
    """A ledger that survives a power cut."""
    database = sqlite3.connect(folder / "ledger.db", isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=FULL")
    database.execute(
        "CREATE TABLE mails (id INTEGER PRIMARY KEY, digest TEXT, sender TEXT, state TEXT)"
    )
    return database


def floor(client: IMAPClient, folder: Path, smtp: int) -> None:
    """Fetches in batches, syncs every mail, one commit a batch, letters with commands together."""
    database = opened(folder)
    link = socket.create_connection(("127.0.0.1", smtp))
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    answers = link.makefile("rb")
    _reply(answers)
    link.sendall(b"EHLO floor\r\n")
    _reply(answers)
    uids = client.search()
    for start in range(0, len(uids), BATCH):
        rows = []
        for row in client.fetch(uids[start : start + BATCH], ["BODY.PEEK[]"]).values():
            raw = row[b"BODY[]"]
            digest = hashlib.sha256(raw).hexdigest()
            with (folder / digest).open("wb") as file:
                file.write(raw)
                file.flush()
                os.fsync(file.fileno())
            head = raw.partition(b"\r\n\r\n")[0].split(b"\r\n")
            sender = next(one for one in head if one.lower().startswith(b"from:"))
            rows.append((digest, parseaddr(sender[5:].decode())[1]))
        database.execute("BEGIN IMMEDIATE")
        database.executemany("INSERT INTO mails (digest, sender, state) VALUES (?, ?, 'due')", rows)
        database.execute("COMMIT")
        for digest, sender in rows:
            letter = (
                f"From: {OURS}\r\nTo: {sender}\r\nSubject: received\r\n\r\n{ANSWER.format(digest)}"
            )
            link.sendall(f"MAIL FROM:<{OURS}>\r\nRCPT TO:<{sender}>\r\nDATA\r\n".encode())
            for _ in range(3):
                _reply(answers)
            link.sendall(f"{letter}.\r\n".encode())
            _reply(answers)
        database.execute("UPDATE mails SET state = 'sent'")
    link.sendall(b"QUIT\r\n")


def _reply(answers: object) -> None:
    while True:
        line = answers.readline()  # type: ignore[attr-defined]  # a socket's file
        if line[3:4] != b"-":
            return


def naive(client: IMAPClient, folder: Path, smtp: int) -> None:
    """One mail after the other: parse, store its files, insert, commit, answer."""
    database = opened(folder)
    with smtplib.SMTP("127.0.0.1", smtp) as server:
        for uid in client.search():
            raw = client.fetch([uid], ["RFC822"])[uid][b"RFC822"]
            mail = message_from_bytes(raw, policy=email.policy.default)
            for part in mail.iter_attachments():
                data = part.get_payload(decode=True) or b""
                (folder / hashlib.sha256(data).hexdigest()).write_bytes(data)
            sender = parseaddr(str(mail["From"]))[1]
            digest = hashlib.sha256(raw).hexdigest()
            database.execute(
                "INSERT INTO mails (digest, sender, state) VALUES (?, ?, 'sent')", (digest, sender)
            )
            letter = EmailMessage()
            letter["From"], letter["To"], letter["Subject"] = OURS, sender, "received"
            letter.set_content(ANSWER.format(digest))
            server.send_message(letter)


if __name__ == "__main__":
    main(sys.argv[1:])
