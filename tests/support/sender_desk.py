"""A service whose senders are looked at one mail at a time."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import text as sql

from intake.config.loader import Config
from intake.mail.message import Arrival
from intake.store import reports
from intake.store.engine import open_engine, reading, savepoint, writing
from intake.store.messages.record import Recorded
from intake.worker import bootstrap, pipeline
from intake.worker.parser_process import Reader
from tests.support import installation
from tests.support.mailbag import address
from tests.support.values import AUTHSERV

START = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)

ZERO = address(0)

BODY = "Case Type: Ask a Question\r\nDescription: How is a snow day set up?\r\n"


def service(folder: Path, more: str = "") -> Config:
    """A drop box of a hundred contacts; letters go to a folder."""
    text = installation.maildir_box(folder / "in") + installation.delivery(f"maildir:{folder}/out")
    return installation.make(folder, text + more)


class Desk:
    """The whole line at any moment, without a clock."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.context = bootstrap.judgement_context(config)
        self.reader = Reader(bootstrap.pool_settings(config))
        self.engine = open_engine(config.database_url)
        self.uid = 0

    def receive(
        self, sender: str, verdict: str, now: datetime = START, *, body: str = BODY, **fields: str
    ) -> Recorded:
        """A mail of that sender, with that verdict of the trusted server; {0} is its domain."""
        self.uid += 1
        given = {
            "Subject": f"Question {self.uid}", "To": "support@desk.example",
            "Message-ID": f"<{self.uid}@peer.example>",
        } | {name.replace("_", "-"): value for name, value in fields.items()}  # fmt: skip
        words = verdict.replace("{0}", sender.rpartition("@")[2])
        top = f"Authentication-Results: {AUTHSERV}; {words}\r\nFrom: {sender}\r\n"
        head = "".join(f"{name}: {value}\r\n" for name, value in given.items() if value)
        raw = f"{top}{head}\r\n{body}".encode()
        digest = hashlib.sha256(raw).hexdigest()
        arrival = Arrival("support", 1, self.uid, now, digest, len(raw), raw)
        read = self.reader.read(arrival)
        with writing(self.engine) as session, savepoint(session):
            return pipeline.handle(session, arrival, read, self.context, now)

    def message(self, row: int) -> dict[str, Any]:
        """The ledger's row with its evidence."""
        with reading(self.engine) as session:
            found = reports.message(session, row)
        assert found is not None
        return found

    def sent(self) -> list[str]:
        """Every letter counts as sent; gives their Message-IDs, oldest first."""
        with writing(self.engine) as session:
            session.execute(sql("UPDATE outbox SET state = 'sent' WHERE state = 'due'"))
            rows = session.execute(sql("SELECT message_id_header FROM outbox ORDER BY id"))
            return [row[0] for row in rows]


SIGNED = "dkim=pass header.d={0}; dmarc=pass header.from={0}"

BY_SPF = "spf=pass smtp.mailfrom={0}; dmarc=pass header.from={0}"

NONE = "dmarc=none header.from={0}"
