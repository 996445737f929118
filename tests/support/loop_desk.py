"""A service whose clock the test moves, and mails and letters that go to and fro."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage, Message
from email.policy import SMTP
from pathlib import Path

from sqlalchemy import func, select

from intake.adapters.smtp import Sent
from intake.config.loader import Config
from intake.mail.message import Arrival
from intake.mail.tokens import bounce_address
from intake.model.states import LetterState
from intake.store import outbox
from intake.store.engine import open_engine, reading, savepoint, writing
from intake.store.tables.outbox import OutboxRow
from intake.worker import ack_lists, bootstrap, pipeline
from intake.worker.parser_process import Reader
from tests.support import installation
from tests.support.letter_text import plain_text
from tests.support.values import AUTHSERV

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
Peer = Callable[[Message, int], Iterable[EmailMessage]]


def text_of(letter: Message) -> str:
    """The body of a letter."""
    return plain_text(letter)


def answer(letter: Message, subject: str, words: str, **headers: str) -> EmailMessage:
    """A mail back to whoever wrote the letter."""
    mail = EmailMessage(policy=SMTP)
    mail["From"], mail["To"] = str(letter["To"]), str(letter["From"])
    mail["Subject"] = " ".join(subject.split())[:900]
    for name, value in headers.items():
        mail[name.replace("_", "-")] = value
    mail.set_content(words)
    return mail


def people(names: list[str], domain: str) -> str:
    """A contact file: one account, and each name a contact of that address."""
    rows = ['[[accounts]]\nid = "peer"\nname = "Peer"\n']
    rows += [
        f'[[contacts]]\nid = "{name}"\nname = "{name}"\nemails = ["{name}@{domain}"]\n'
        'accounts = ["peer"]\ncontact_type = "Authorized"\nareas = ["SIS"]\n'
        for name in names
    ]
    return "\n".join(rows)


@dataclass(frozen=True, slots=True)
class Left:
    """A letter that has left the service."""

    at: datetime
    to: str
    kind: str
    text: str


@dataclass
class Desk:
    """One service whose clock the test moves."""

    config: Config
    sent: list[Left] = field(default_factory=list)
    uid: int = 0

    def __post_init__(self) -> None:
        self.context = bootstrap.judgement_context(self.config)
        self.reader = Reader(bootstrap.pool_settings(self.config))
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
        read = self.reader.read(arrival)
        with writing(self.engine) as session, savepoint(session):
            pipeline.handle(session, arrival, read, self.context, now)

    def letters(self, now: datetime) -> list[Message]:
        """What the queue lets leave now, each as its reader's server puts it down."""
        ack_lists.gather(self.engine, self.context.letter_context, now)
        with writing(self.engine) as session:
            claimed = outbox.claim(session, now, 90, 1000)
            outbox.settle(session, [(one.id, one.fence, Sent("250 ok")) for one in claimed], now)
        made = [self.delivered(one.id, one.raw) for one in claimed]
        self.sent += [
            Left(now, one.recipient, one.kind, text_of(letter))
            for one, letter in zip(claimed, made, strict=True)
        ]
        return made

    def due(self) -> datetime | None:
        """When the next letter is due."""
        waits = select(func.min(OutboxRow.due_at)).where(OutboxRow.state == LetterState.DUE)
        with reading(self.engine) as session:
            found = session.scalar(waits)
        return found if found is None or found.tzinfo else found.replace(tzinfo=UTC)

    def delivered(self, row: int, raw: bytes) -> Message:
        """A letter with its own way back on top."""
        secrets, ours = self.context.letter_context.secrets, self.config.service.address
        way = bounce_address(secrets, row, ours, "letter")
        return message_from_bytes(f"Return-Path: <{way}>\r\n".encode() + raw)


def service(folder: Path, address: str, contacts: str) -> Desk:
    """A service of that address."""
    folder.mkdir()
    head = installation.HEAD.replace("support@desk.example", address)
    config = installation.make(folder, installation.maildir_box(folder / "in"), contacts, head=head)
    return Desk(config)


@dataclass
class Exchange:
    """One service and the programs that answer its letters, until nothing is under way."""

    desk: Desk
    peers: dict[str, Peer]  # by the local part of the address
    wait: timedelta
    count: int = 0
    queue: list[tuple[datetime, int, str, EmailMessage]] = field(default_factory=list)

    def put(self, at: datetime, name: str, mail: EmailMessage) -> None:
        """A mail that arrives at that moment."""
        self.count += 1
        heapq.heappush(self.queue, (at, self.count, name, mail))

    def run(self, end: datetime, most: int) -> datetime:
        """Mails and letters in order of time; returns when the last thing happened."""
        now = START
        while self.queue or self.desk.due() is not None:
            due = self.desk.due()
            now = max(now, min(at for at in (due, *(one[0] for one in self.queue[:1])) if at))
            if now >= end:
                break
            while self.queue and self.queue[0][0] <= now:
                _, _, name, mail = heapq.heappop(self.queue)
                sender = f"{name}@peer.example"
                bounce = "DAEMON" in str(mail["From"]) or "postmaster" in str(mail["From"])
                self.desk.receive(mail, sender, now, proved=not bounce)
            for letter in self.desk.letters(now):
                who = str(letter["To"]).partition("@")[0]
                for back in self.peers[who](letter, self.count):
                    self.put(now + self.wait, who, back)
            assert self.count < most, "it does not come to rest"
        return now


def busiest(sent: Iterable[Left], span: timedelta) -> int:
    """The most letters that one address got within that time."""
    times: dict[str, list[datetime]] = {}
    for one in sent:
        times.setdefault(one.to, []).append(one.at)
    return max(
        (sum(at - span < other <= at for other in own) for own in times.values() for at in own),
        default=0,
    )
