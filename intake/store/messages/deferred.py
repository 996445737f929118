"""Rows of mails that were not handled: deferred, shelved or vanished."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlmodel import col

from intake.mail.message import Arrival
from intake.model.states import MessageStatus
from intake.store.engine import Session
from intake.store.messages.mailboxes import Row
from intake.store.messages.record import Recorded
from intake.store.sql import clean, upsert
from intake.store.tables.messages import MessageRow

MAX_ATTEMPTS = 3  # for a mail whose handling raises
REST_MINUTES = (1, 5, 15, 60)  # between attempts to get a mail that the server does not deliver


def shelve(session: Session, arrival: Arrival, trace: str, now: datetime) -> Recorded | None:
    """Handling raised: tries the next two passes, then shelves the mail with the traceback.

    Returns None if another worker has given the mail an outcome, which is never overwritten.
    """
    attempts = (session.scalar(select(col(MessageRow.attempts)).where(*_place(arrival))) or 0) + 1
    last = attempts >= MAX_ATTEMPTS
    values = {
        "digest": arrival.digest,
        "size": arrival.size,
        "status": MessageStatus.SHELVED if last else MessageStatus.DEFERRED,
        "folder": "held" if last else "",
        "settled": False,
        "action": "shelved",
        "attempts": attempts,
        "failure": clean(trace)[-20000:],
        "recorded_at": now,
        "reasons": [f"handling raised, attempt {attempts} of {MAX_ATTEMPTS}"],
    }
    row = _put(session, arrival, values)
    return Recorded(row, "shelved", "", str(values["folder"]), "", 0) if row else None


def vanished(session: Session, arrival: Arrival, now: datetime) -> None:
    """The mail was listed, but was gone before its bytes were fetched."""
    values = {
        "status": MessageStatus.VANISHED,
        "folder": "",
        "action": "vanished",
        "size": arrival.size,
        "recorded_at": now,
        "reasons": ["gone from the mailbox before it could be fetched"],
    }
    _put(session, arrival, values)


def not_handed_over(session: Session, arrival: Arrival, why: str, now: datetime) -> bool:
    """The server lists the mail but did not deliver its bytes; it is requested again after a wait.

    Returns whether it was shelved instead, after the last attempt.
    """
    attempts = (session.scalar(select(col(MessageRow.attempts)).where(*_place(arrival))) or 0) + 1
    last = attempts > len(REST_MINUTES)
    values = {
        "size": arrival.size,
        "status": MessageStatus.SHELVED if last else MessageStatus.DEFERRED,
        "folder": "held" if last else "",
        "action": "shelved",
        "attempts": attempts,
        "failure": clean(why),
        "recorded_at": now,
        "reasons": [
            f"not handed over by the server, attempt {attempts} of {len(REST_MINUTES) + 1}: {why}"
        ],
    }
    return bool(_put(session, arrival, values)) and last


def rests(row: Row, now: datetime) -> bool:
    """Whether the mail failed to arrive a short while ago and is not requested again yet."""
    if row.status != MessageStatus.DEFERRED or row.digest or row.recorded_at is None:
        return False
    rest = timedelta(minutes=REST_MINUTES[min(row.attempts, len(REST_MINUTES)) - 1])
    return timedelta(0) <= now - row.recorded_at < rest


def _place(arrival: Arrival) -> tuple[Any, ...]:
    return (
        col(MessageRow.mailbox) == arrival.mailbox,
        col(MessageRow.uidvalidity) == arrival.uidvalidity,
        col(MessageRow.uid) == arrival.uid,
    )


def _put(session: Session, arrival: Arrival, values: Mapping[str, Any]) -> int:
    """Writes a row with little data, or updates a deferred one; returns 0 if it has an outcome.

    The condition is part of the statement, because another worker may decide in between.
    """
    empty = {
        "mailbox": arrival.mailbox, "uidvalidity": arrival.uidvalidity, "uid": arrival.uid,
        "received_at": arrival.received_at, "digest": "", "body_digest": "", "settled": False,
        "rule": "", "level": "", "evidence": {}, "sender": "", "subject": "", "attempts": 0,
        "message_id_hash": "", "message_id": "", "contact_id": "", "account_id": "",
        "case_number": "", "submission": {}, "policy_hash": "", "version": "", "failure": "",
        "signature_hash": "",
    }  # fmt: skip
    statement = upsert(session, MessageRow).values(**(empty | dict(values)))
    put = statement.on_conflict_do_update(
        index_elements=["mailbox", "uidvalidity", "uid"],
        set_=dict(values),
        where=col(MessageRow.status) == MessageStatus.DEFERRED,
    ).returning(col(MessageRow.id))
    return session.scalar(put) or 0
