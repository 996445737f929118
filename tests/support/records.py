"""One recorded mail in a database, for the tests of the store."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from intake.letters.letter import Letter
from intake.mail.message import Arrival, Message
from intake.model.accounts import AccountEntry, ContactEntry, Entries
from intake.model.context import Keys
from intake.store.engine import Engine, writing
from intake.store.messages.context import look_up
from intake.store.messages.record import Entry, Recorded, RecordMetadata, Result, record
from intake.triage.decision import Decision, decide
from tests.support.values import COMPLETE, NOW, POLICY, SIGNED, message

DOT = NOW + timedelta(seconds=660)  # the answer to a final dot has come by then, or never will

STAMP = RecordMetadata("hash", "0.1.0", frozenset({"steps_to_reproduce"}))

PEOPLE = Entries(
    (AccountEntry("bayside", "Bayside School District", ("Bayside",)),),
    (
        ContactEntry("zack", "Zack", ("Zack.Morris@bayside.example",), ("bayside",), "Authorized"),
        ContactEntry("kelly", "Kelly", ("kelly@bayside.example",), ("bayside",), "Technical"),
    ),
)


def arrival(uid: int = 1, digest: str = "d" * 64) -> Arrival:
    """A mail of the support mailbox."""
    return Arrival("support", 7, uid, NOW, digest, 400)


def keys(mail: Message, *numbers: str) -> Keys:
    """What is looked up for that mail."""
    sender = "zack.morris@bayside.example"
    return Keys(mail.digest, sender, mail.message_id, mail.body_digest, numbers)


def letter(decision: Decision, cause: str) -> Letter:
    """An acknowledgement as the record takes it."""
    number = decision.change.number if decision.change else ""
    to = "Zack.Morris@bayside.example"
    return Letter(
        "ack", cause, f"<{cause}@desk.example>", to, "Re", "Hello", b"raw", "zack", number
    )


def one_mail(
    engine: Engine, uid: int = 1, *, mail: Message | None = None, now: datetime = NOW, **more: Any
) -> Recorded:
    """Zack's mail recorded as the rules want it."""
    mail = mail or message(digest=f"{uid:064d}", message_id=f"<{uid}@bayside.example>")
    with writing(engine) as session:
        known = look_up(session, keys(mail, *more.get("numbers", ())), now)
        sender = replace(SIGNED, contact=known.contacts[0])
        submission = more.get("submission", COMPLETE)
        decision = decide(mail, sender, submission, known, POLICY, now)
        letters = [letter(decision, f"ack:{mail.digest}")] if decision.letters else []
        row = more.get("row", 0)
        entry = Entry(arrival(uid, mail.digest), mail, row)
        return record(session, entry, [Result(decision, letters)], now, STAMP)
