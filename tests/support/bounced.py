"""Notices that come back, as a mail server reports them."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import select

from intake.config.loader import Config
from intake.mail import tokens
from intake.store.tables.incidents import NoticeRecipientRow
from tests.support import installation
from tests.support.notice_answers import KEYS

ZACK, ARCHIE = "zack@bayside.example", "archie@riverdale.example"

GONE = "Action: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 no such user\n"

BOUNCE = "bounce@desk.example"


def report(
    folder: Path, name: str, fields: str, *, who: str = ZACK, message_id: str = "", to: str = BOUNCE
) -> None:
    """A delivery report into the mailbox: about that person, returning that Message-ID."""
    final = f"Final-Recipient: rfc822; {who}\n" if who else ""
    returned = f"Message-ID: {message_id}" if message_id else "Subject: nothing of use"
    raw = (
        f"Return-Path: <>\nFrom: MAILER-DAEMON@mx.peer.example\nTo: {to}\nSubject: Undelivered\n"
        f"X-Test: {name}\nMIME-Version: 1.0\n"
        "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n"
        "--b\nContent-Type: text/plain\n\nSorry.\n--b\nContent-Type: message/delivery-status\n\n"
        f"Reporting-MTA: dns; x\n\n{final}{fields}\n"
        f"--b\nContent-Type: text/rfc822-headers\n\n{returned}\n--b--\n"
    )
    (folder / "in/new" / name).write_bytes(raw.replace("\n", "\r\n").encode())


def rows(config: Config) -> dict[str, NoticeRecipientRow]:
    """The ledger by contact."""
    with installation.database(config) as session:
        found = {row.contact_id: row for row in session.scalars(select(NoticeRecipientRow))}
        session.expunge_all()
        return found


def verp(config: Config, contact: str) -> str:
    """The bounce address of that contact's notice."""
    return own_way(rows(config)[contact].id)


def own_way(row: int | None, use: str = "bounce") -> str:
    """The bounce address of a notice's row, or of a letter's."""
    return tokens.bounce_address(KEYS, row or 0, BOUNCE, use)
