"""Thirty simulated days with programs that answer everything: it stays quiet, and comes to rest."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage, Message
from email.policy import SMTP
from pathlib import Path

import pytest
from sqlalchemy import select, text

from intake.config.loader import Config
from intake.mail.message import Arrival
from intake.mail.tokens import bounce_address
from intake.store.engine import open_engine, savepoint, writing
from intake.store.tables.outbox import OutboxRow
from intake.worker import bootstrap, pipeline
from intake.worker.parser_pool import read_here
from tests.support import installation
from tests.support.values import AUTHSERV

pytestmark = pytest.mark.takes_blobs  # records mails without their bytes

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
DAYS = 30
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
Peer = Callable[[Message, int], EmailMessage | None]


def text_of(letter: Message) -> str:
    """The body of a letter."""
    payload = letter.get_payload(decode=True)
    return payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""


def answer(letter: Message, subject: str, words: str, **headers: str) -> EmailMessage:
    """A mail back to whoever wrote the letter."""
    mail = EmailMessage(policy=SMTP)
    mail["From"], mail["To"] = str(letter["To"]), str(letter["From"])
    mail["Subject"] = " ".join(subject.split())[:900]
    for name, value in headers.items():
        mail[name.replace("_", "-")] = value
    mail.set_content(words)
    return mail


def vacation(letter: Message, count: int) -> EmailMessage:
    """RFC 3834 as it should be, once for every letter all the same."""
    return answer(
        letter, f"Auto: {letter['Subject']}", "I am away.",
        Auto_Submitted="auto-replied", In_Reply_To=str(letter["Message-ID"]),
    )  # fmt: skip


def exchange(letter: Message, count: int) -> EmailMessage:
    """Exchange's own way to say so."""
    return answer(
        letter, f"Automatic reply: {letter['Subject']}", "I am out of office.",
        X_Auto_Response_Suppress="All", In_Reply_To=str(letter["Message-ID"]),
    )  # fmt: skip


def naive(letter: Message, count: int) -> EmailMessage:
    """Nothing tells it from a person: every letter is answered in its thread."""
    return answer(
        letter, f"Re: {letter['Subject']}", f"We have received your message number {count}.",
        In_Reply_To=str(letter["Message-ID"]), References=str(letter["Message-ID"]),
    )  # fmt: skip


def ticket_system(letter: Message, count: int) -> EmailMessage:
    """Opens a ticket of its own for every letter: a new subject, no reference to ours."""
    return answer(letter, f"[Ticket #{count}] we got your mail", "Case Type: Ask a Question\n"
                  f"Description: ticket {count} was opened for you.\n")  # fmt: skip


def bulk(letter: Message, count: int) -> EmailMessage:
    """An old responder that only sets Precedence."""
    return answer(letter, "Thank you for your mail", "We answer in two days.", Precedence="bulk")


def dsn(letter: Message, count: int) -> EmailMessage:
    """RFC 3464 with the returned header fields."""
    made = message_from_bytes(
        f"From: MAILER-DAEMON@mx.peer.example\r\nTo: {letter['Return-Path'].strip('<>')}\r\n"
        "Subject: Undelivered Mail Returned to Sender\r\nReturn-Path: <>\r\n"
        "Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: message/delivery-status\r\n\r\n"
        f"Reporting-MTA: dns; mx.peer.example\r\n\r\nFinal-Recipient: rfc822; {letter['To']}\r\n"
        "Action: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1 no such user\r\n"
        "--b\r\nContent-Type: text/rfc822-headers\r\n\r\n"
        f"Message-ID: {letter['Message-ID']}\r\nSubject: x\r\n--b--\r\n".encode(),
        policy=SMTP,
    )
    assert isinstance(made, EmailMessage)
    return made


def qmail(letter: Message, count: int) -> EmailMessage:
    """A bounce in plain words, the returned mail below."""
    mail = answer(
        letter, "failure notice",
        f"Hi. This is the qmail-send program at peer.example.\n\n<{letter['To']}>:\n"
        "user unknown\n\n--- Below this line is a copy of the message.\n\n"
        f"Message-ID: {letter['Message-ID']}\n",
        Return_Path="<>",
    )  # fmt: skip
    del mail["From"], mail["To"]
    mail["From"], mail["To"] = "MAILER-DAEMON@peer.example", letter["Return-Path"].strip("<>")
    return mail


def delayed(letter: Message, count: int) -> EmailMessage:
    """Not yet delivered, and no more than that."""
    mail = answer(letter, "Delayed Mail (still being retried)", "It is still in the queue.\n"
                  f"Message-ID: {letter['Message-ID']}\n", Return_Path="<>")  # fmt: skip
    del mail["From"]
    mail["From"] = "postmaster@peer.example"
    return mail


PEERS: dict[str, Peer] = {
    one.__name__: one
    for one in (vacation, exchange, naive, ticket_system, bulk, dsn, qmail, delayed)
}


def people(names: list[str], domain: str) -> str:
    """A contact file: one account, and each name a contact of that address."""
    rows = ['[[accounts]]\nid = "peer"\nname = "Peer"\n']
    rows += [
        f'[[contacts]]\nid = "{name}"\nname = "{name}"\nemails = ["{name}@{domain}"]\n'
        'accounts = ["peer"]\ncontact_type = "Authorized"\nareas = ["SIS"]\n'
        for name in names
    ]
    return "\n".join(rows)


@dataclass
class Desk:
    """One service whose clock the test moves."""

    config: Config
    sent: list[tuple[datetime, str]] = field(default_factory=list)  # when, to whom
    last: int = 0  # newest outbox row that was delivered
    uid: int = 0

    def __post_init__(self) -> None:
        self.context = bootstrap.judgement_context(self.config)
        self.settings = bootstrap.pool_settings(self.config)
        self.engine = open_engine(self.config.database_url)

    def receive(self, mail: EmailMessage, sender: str, now: datetime, *, proved: bool) -> None:
        """One mail through the whole line at that moment."""
        self.uid += 1
        if "Message-ID" not in mail:
            mail["Message-ID"] = f"<{self.uid}.{now.timestamp():.0f}@{sender.partition('@')[2]}>"
        domain = sender.partition("@")[2]
        proof = f"dkim=pass header.d={domain}; dmarc=pass header.from={domain}"
        head = f"Authentication-Results: {AUTHSERV}; {proof if proved else 'dmarc=none'}\r\n"
        raw = head.encode() + mail.as_bytes()
        digest = hashlib.sha256(raw).hexdigest()
        arrival = Arrival("support", 1, self.uid, now, digest, len(raw), raw)
        read = read_here(arrival, self.settings)
        with writing(self.engine) as session, savepoint(session):
            pipeline.handle(session, arrival, read, self.context, now)

    def letters(self, now: datetime) -> list[Message]:
        """What leaves now."""
        with writing(self.engine) as session:
            rows = list(session.scalars(select(OutboxRow).order_by(text("id"))))
        fresh = [row for row in rows if (row.id or 0) > self.last]
        self.last = max([self.last, *(row.id or 0 for row in fresh)])
        self.sent += [(now, row.recipient) for row in fresh]
        return [self.delivered(row) for row in fresh]

    def delivered(self, row: OutboxRow) -> Message:
        """The letter as its reader's server puts it down, with its own way back on top."""
        secrets, ours = self.context.letter_context.secrets, self.config.service.address
        way = bounce_address(secrets, row.id or 0, ours, "letter")
        return message_from_bytes(f"Return-Path: <{way}>\r\n".encode() + row.raw)


def quiet(sent: list[tuple[datetime, str]], last: datetime) -> None:
    """At most five an hour and twenty a day to anybody, and nothing for the last three weeks."""
    for at, who in sent:
        window = [when for when, whom in sent if whom == who and at - DAY < when <= at]
        assert len(window) <= 20
        assert sum(when > at - HOUR for when in window) <= 5
    assert all(at < last - timedelta(days=21) for at, _ in sent)


def service(folder: Path, address: str, contacts: str) -> Desk:
    """A service of that address."""
    folder.mkdir()
    head = installation.HEAD.replace("support@desk.example", address)
    config = installation.make(folder, installation.maildir_box(folder / "in"), contacts, head=head)
    return Desk(config)


def test_nobody_gets_more_than_a_few_letters_from_a_loop(tmp_path: Path) -> None:
    """Five responders and three kinds of bounce, all writing to one service for thirty days."""
    desk = service(tmp_path / "a", "support@desk.example", people(list(PEERS), "peer.example"))
    queue: list[tuple[datetime, int, str, EmailMessage]] = []
    count = 0
    for name in PEERS:
        mail = EmailMessage(policy=SMTP)
        mail["From"], mail["To"] = f"{name}@peer.example", "support@desk.example"
        mail["Subject"] = "Request Training"
        mail.set_content("Description: Half a day for our cooks.\n")
        count += 1
        heapq.heappush(queue, (START, count, name, mail))
    end = START + timedelta(days=DAYS)
    while queue and queue[0][0] < end:
        now, _, name, mail = heapq.heappop(queue)
        bounce = "DAEMON" in str(mail["From"]) or "postmaster" in str(mail["From"])
        desk.receive(mail, f"{name}@peer.example", now, proved=not bounce)
        for letter in desk.letters(now):
            who = str(letter["To"]).partition("@")[0]
            count += 1
            back = PEERS[who](letter, count)
            if back is not None:
                heapq.heappush(queue, (now + timedelta(minutes=1), count, who, back))
        assert count < 2000
    assert not queue
    quiet(desk.sent, end)
    told = {who for _, who in desk.sent}
    assert len(told) == len(PEERS)  # each was answered at least once, so each had its chance
    assert count > 2 * len(PEERS)
    events = [
        one["kind"]
        for case in installation.everything(desk.config)["cases"]
        for one in case["events"]
    ]
    assert events.count("bounced") >= 2
    assert "returned-delay" in events


@pytest.mark.parametrize("stripped", [False, True])
def test_two_services_facing_each_other_come_to_rest(tmp_path: Path, stripped: bool) -> None:
    """Each is a contact of the other; with their marks, and with all marks lost on the way."""
    addresses = ("support@a.example", "support@b.example")
    desks = {
        addresses[0]: service(tmp_path / "a", addresses[0], people(["support"], "b.example")),
        addresses[1]: service(tmp_path / "b", addresses[1], people(["support"], "a.example")),
    }
    first = EmailMessage(policy=SMTP)
    first["From"], first["To"], first["Subject"] = addresses[0], addresses[1], "Request Training"
    first.set_content("Description: The first mail, by a person.\n")
    queue = [(START, 0, first)]
    count, end = 0, START + timedelta(days=DAYS)
    while queue and queue[0][0] < end:
        now, _, mail = heapq.heappop(queue)
        desk = desks[str(mail["To"])]
        desk.receive(mail, str(mail["From"]), now, proved=True)
        for letter in desk.letters(now):
            count += 1
            copy = EmailMessage(policy=SMTP)
            for name in ("To", "Subject", "Message-ID", "In-Reply-To", "References"):
                if letter[name]:
                    copy[name] = " ".join(str(letter[name]).split())
            copy["From"] = str(letter["From"]).rpartition("<")[2].rstrip(">")
            if not stripped:
                copy["Auto-Submitted"] = "auto-replied"
            copy.set_content(text_of(letter))
            heapq.heappush(queue, (now + timedelta(minutes=1), count, copy))
        assert count < 500
    assert not queue
    for desk in desks.values():
        quiet(desk.sent, end)
    assert count >= (2 if stripped else 1)
