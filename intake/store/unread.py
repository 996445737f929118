"""Ledger rows of mails that were not handled: tried again, shelved, or gone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update

from intake.message import Arrival
from intake.store.engine import Unit
from intake.store.record import Recorded
from intake.store.seen import clean
from intake.tables import MessageRow

MAX_ATTEMPTS = 3


def _c(column: Any) -> Any:
    return column


def shelve(unit: Unit, arrival: Arrival, trace: str, now: datetime) -> Recorded:
    """Handling raised: tried on the next two passes, then put on the shelf with the traceback."""
    query = select(_c(MessageRow.id), _c(MessageRow.attempts)).where(
        _c(MessageRow.mailbox) == arrival.mailbox,
        _c(MessageRow.uidvalidity) == arrival.uidvalidity,
        _c(MessageRow.uid) == arrival.uid,
    )
    found = unit.execute(query).first()
    attempts = (found[1] if found else 0) + 1
    last = attempts >= MAX_ATTEMPTS
    values = {
        "digest": arrival.digest,
        "size": arrival.size,
        "status": "shelved" if last else "deferred",
        "folder": "held" if last else "",
        "settled": False,
        "action": "shelved",
        "attempts": attempts,
        "failure": clean(trace)[-20000:],
        "recorded_at": now,
        "reasons": [f"handling raised, attempt {attempts} of {MAX_ATTEMPTS}"],
    }
    row = _put(unit, arrival, values, found[0] if found else 0)
    return Recorded(row, "shelved", "", str(values["folder"]), "", 0)


def vanished(unit: Unit, arrival: Arrival, now: datetime) -> None:
    """The mail was listed and gone before its bytes were fetched."""
    query = select(_c(MessageRow.id)).where(
        _c(MessageRow.mailbox) == arrival.mailbox,
        _c(MessageRow.uidvalidity) == arrival.uidvalidity,
        _c(MessageRow.uid) == arrival.uid,
    )
    values = {
        "status": "vanished",
        "folder": "",
        "action": "vanished",
        "size": arrival.size,
        "recorded_at": now,
        "reasons": ["gone from the mailbox before it could be fetched"],
    }
    _put(unit, arrival, values, unit.scalar(query) or 0)


def _put(unit: Unit, arrival: Arrival, values: Mapping[str, Any], row: int) -> int:
    """A row that has little more than its place."""
    if row:
        unit.execute(update(MessageRow).where(_c(MessageRow.id) == row).values(**values))
        return row
    empty = {
        "mailbox": arrival.mailbox, "uidvalidity": arrival.uidvalidity, "uid": arrival.uid,
        "received_at": arrival.received_at, "digest": "", "body_digest": "", "settled": False,
        "rule": "", "level": "", "evidence": {}, "sender": "", "subject": "", "attempts": 0,
        "message_id_hash": "", "message_id": "", "contact_id": "", "account_id": "",
        "case_number": "", "submission": {}, "policy_hash": "", "version": "", "failure": "",
        "signature_hash": "",
    }  # fmt: skip
    made = unit.execute(
        insert(MessageRow).values(**(empty | dict(values))).returning(_c(MessageRow.id))
    )
    return int(made.scalar_one())
