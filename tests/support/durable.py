"""What is written when, seen from inside a pass."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import update

from intake.config.loader import Config
from intake.mail.message import Message
from intake.store.engine import Session
from intake.store.messages.context import look_up
from intake.store.messages.record import Entry, Result, record
from intake.store.tables.messages import MessageRow
from intake.triage.decision import decide
from tests.support import installation
from tests.support.mailbag import bag
from tests.support.records import STAMP, arrival, keys
from tests.support.values import COMPLETE, NOW, POLICY, SIGNED


def bytes_of(count: int) -> list[bytes]:
    """So many mails."""
    return [mail.raw for mail in bag(count)]


def rested(config: Config) -> None:
    """The time in which a server is not asked again is over."""
    long_ago = datetime.now(UTC) - timedelta(hours=2)
    with installation.database(config, write=True) as session:
        session.execute(update(MessageRow).values(recorded_at=long_ago))


def handled(session: Session, mail: Message) -> None:
    """Zack's mail decided and recorded in a transaction that goes on."""
    known = look_up(session, keys(mail), NOW)
    sender = replace(SIGNED, contact=known.contacts[0])
    decision = decide(mail, sender, COMPLETE, known, POLICY, NOW)
    record(session, Entry(arrival(1, mail.digest), mail), [Result(decision)], NOW, STAMP)
