"""What comes back about our letters: read in every shape, believed only with our own Message-ID."""

from __future__ import annotations

import csv
from collections import Counter
from hashlib import sha256
from pathlib import Path

import pytest

from intake.mail import tokens
from intake.mail.message import Message
from intake.parsers.bounces import read_return
from intake.parsers.submission import Return
from intake.worker import bootstrap, service
from tests.support import installation
from tests.support.mailbag import bag
from tests.support.rawmail import message, result

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "mail"
ID = "<ack.CASE-1001.aaaaaaaaaaaaaaaa.bbbbbbbbbbbbbbbb@desk.example>"
FINAL = "Final-Recipient: rfc822; a@b.example\nAction: "
TOP = b"Return-Path: <>\r\nFrom: MAILER-DAEMON@mx.peer.example\r\nTo: support@desk.example\r\n"


def report(fields: str, returned: str = f"Message-ID: {ID}", to: str = "") -> bytes:
    """A delivery report with those recipient fields."""
    return (TOP.replace(b"support@desk.example", to.encode()) if to else TOP) + (
        "Subject: Undelivered\r\nMIME-Version: 1.0\r\n"
        "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"
        "--b\r\nContent-Type: text/plain\r\n\r\nSorry.\r\n--b\r\n"
        "Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n\r\n"
        + fields.replace("\n", "\r\n")
        + f"\r\n--b\r\nContent-Type: text/rfc822-headers\r\n\r\n{returned}\r\n--b--\r\n"
    ).encode()


@pytest.mark.parametrize(
    ("fields", "kind", "status", "hard"),
    [
        (f"{FINAL}failed\nStatus: 5.1.1\n", "bounce", "5.1.1", True),
        (f"{FINAL}failed\nStatus: 5.2.2\n", "bounce", "5.2.2", False),
        (f"{FINAL}failed\nStatus: 5.7.1\n", "bounce", "5.7.1", False),
        (f"{FINAL}delayed\nStatus: 4.4.1\n", "delay", "4.4.1", False),
        (f"{FINAL}relayed\nStatus: 2.0.0\n", "delivered", "2.0.0", False),
        (
            "Original-Recipient: rfc822; a@b.example\nAction: failed\nStatus: 5.0.0\n"
            "Diagnostic-Code: smtp; 550 5.1.10 RESOLVER.ADR\n",
            "bounce", "5.1.10", True,
        ),
        (
            "Final-Recipient: rfc822; x@y.example\nAction: delivered\nStatus: 2.1.5\n\n"
            f"{FINAL}failed\nStatus: 5.1.1\n",
            "bounce", "5.1.1", True,
        ),
    ],
)  # fmt: skip
def test_reports_are_read(fields: str, kind: str, status: str, hard: bool) -> None:
    """RFC 3464: the recipient that failed, its code, and whether it is for good."""
    found = read_return(message(report(fields)))
    assert found is not None
    assert (found.kind, found.status, found.hard) == (kind, status, hard)
    assert (found.recipient, found.ids) == ("a@b.example", (ID,))


def test_a_person_returns_nothing() -> None:
    """Nobody's mail is taken for a bounce because it speaks of one."""
    raw = (
        b"From: a@b.example\r\nSubject: failure notice\r\n\r\nuser unknown 550 5.1.1 " + ID.encode()
    )
    assert read_return(message(raw)) is None


@pytest.mark.skipif(not FOLDER.is_dir(), reason=f"the real mail is not there: {FOLDER}")
def test_a_number_in_the_returned_text_is_no_success() -> None:
    """ "version 2.4.1" in a report without a status says nothing of a delivery."""
    text = b"Subject: Undelivered\r\n\r\nversion 2.4.1\r\na@b.example: user unknown\r\n"
    found = read_return(message(TOP + text))
    assert found is not None
    assert (found.kind, found.hard) == ("bounce", True)


TABLE = Path(__file__).with_name("bounce_table.csv")


def returned(path: str) -> Return | None:
    """What is read from one of the real reports, whose lone CRs a mailbox would never hold."""
    raw = (FOLDER / path).read_bytes()
    if "/mac/" in path:
        raw = raw.replace(b"\r", b"\n")
    mail = result(raw)
    return read_return(mail) if isinstance(mail, Message) else None


@pytest.mark.skipif(not FOLDER.is_dir(), reason=f"the real mail is not there: {FOLDER}")
def test_real_reports_are_read_as_a_postmaster_reads_them() -> None:
    """Every report of the real mail against a table made by hand, its addresses as hashes.

    At least 95 % of the recipients are right, and of the failures that say nothing about the
    address at least 95 % do not count against it. Nearly all the dead addresses are found.
    """
    counts: Counter[str] = Counter()
    with TABLE.open(encoding="utf-8", newline="") as rows:
        for row in csv.DictReader(rows):
            found = returned(row["path"])
            if row["kind"] not in ("hard", "soft", "delivered"):
                assert found is None or not found.hard, row["path"]
                continue
            key = sha256(found.recipient.encode()).hexdigest()[:10] if found else ""
            theirs = row["recipients"].replace("|", " ").split()
            counts["all"] += 1
            counts["recipient"] += not theirs or key in theirs
            counts[row["kind"]] += 1
            counts[f"{row['kind']} right"] += (found is not None and found.hard) == (
                row["kind"] == "hard"
            )
    assert counts["all"] > 800
    assert counts["recipient"] >= 0.95 * counts["all"]
    assert counts["soft right"] >= 0.95 * counts["soft"]
    assert counts["hard right"] >= 0.95 * counts["hard"]


@pytest.mark.parametrize(
    ("words", "hard", "about_us"),
    [
        ("550 5.1.1 <a@b.example>: User unknown", True, False),
        ("550 5.1.10 RESOLVER.ADR.RecipientNotFound", True, False),
        ("550 5.2.1 The account is disabled", True, False),
        ("550 5.1.1 blocked using zen.spamhaus.example", False, True),
        ("554 5.7.1 Message rejected due to local policy", False, True),
        ("550 5.0.0 no reverse DNS for 192.0.2.1", False, True),
        ("421 4.7.0 too many messages from your IP", False, True),
        ("552 5.2.2 The mailbox is over quota", False, False),
        ("552 5.3.4 Message size exceeds the limit", False, False),
        ("553 5.1.8 Domain of sender address does not exist", False, True),
        ("450 4.4.7 Delivery expired, try again later", False, False),
    ],
)
def test_words_and_codes_tell_a_dead_address_from_the_rest(
    words: str, hard: bool, about_us: bool
) -> None:
    """A letter that is blocked says nothing about the person."""
    found = read_return(message(report(f"{FINAL}failed\nDiagnostic-Code: smtp; {words}\n")))
    assert found is not None
    assert (found.hard, found.about_us) == (hard, about_us)


def test_a_report_reads_neither_x_fields_nor_its_own_recipient() -> None:
    """Fields of the mail itself, and the address to which the report is sent, name nobody."""
    raw = TOP + (
        b"X-Failed-Recipients: victim@b.example\r\nX-Note: 550 5.1.1 victim@b.example\r\n"
        b"Subject: Undelivered Mail\r\n\r\nFor support@desk.example: could not be delivered.\r\n"
    )
    found = read_return(message(raw))
    assert found is not None
    assert (found.recipient, found.status, found.hard) == ("", "5.0.0", False)


def test_two_hard_bounces_stop_notices_and_nothing_else(tmp_path: Path) -> None:
    """Forged ids count for nothing; the second letter that bounces suspends the address."""
    config = installation.make(
        tmp_path,
        installation.maildir_box(tmp_path / "in")
        + installation.delivery(f"maildir:{tmp_path}/out"),
    )
    people = [mail for mail in bag(400) if mail.sender == bag(1)[0].sender]
    for number, mail in enumerate(people[:2]):
        (tmp_path / "in/new" / str(number)).write_bytes(mail.raw)
    service.once(config)
    letters = installation.everything(config)["letters"]
    assert [one["id"] for one in letters] == [1, 2]
    secrets = bootstrap.judgement_context(config).letter_context.secrets
    fields = f"Final-Recipient: rfc822; {letters[0]['recipient']}\nAction: failed\nStatus: 5.1.1\n"

    def bounce(name: str, message_id: str, text: str = fields, row: int = 0) -> list[str]:
        way = tokens.bounce_address(secrets, row, "support@desk.example", "letter")
        raw = report(text, f"Message-ID: {message_id}", way if row else "")
        (tmp_path / "in/new" / name).write_bytes(raw)
        service.once(config)
        (row,) = installation.everything(config)["messages"][-1:]
        with installation.database(config) as session:
            from intake.store.tables.contacts import SuppressionRow

            return [row["action"], *(one.key for one in session.query(SuppressionRow))]

    forged = letters[0]["message_id_header"][:-20] + "aaaa" + letters[0]["message_id_header"][-16:]
    assert bounce("a", forged) == ["hold"]
    first, second = (one["message_id_header"] for one in letters)
    assert bounce("b", first, row=1) == ["ignore"]
    assert bounce("c", first, f"{fields}X-Again: 1\n", 1) == ["ignore"]
    other = fields.replace(letters[0]["recipient"], "somebody@else.example")
    assert bounce("d", second, other, 2) == ["ignore"]
    assert bounce("g", second) == ["ignore"]  # many people may know that id
    assert bounce("e", second, row=2) == ["ignore", letters[1]["recipient"]]
    (tmp_path / "in/new/f").write_bytes(people[2].raw)
    service.once(config)
    assert installation.everything(config)["letters"][-1]["state"] == "sent"
