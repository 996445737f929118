"""What programs say about our letters, noted; an address that is gone gets no more notices."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, select, update

from intake.known import SentLetter
from intake.parsers.submission import Return
from intake.store import senders
from intake.store.engine import Unit
from intake.tables import ContactRow, EventRow, OutboxRow

HARD_BOUNCES = 2  # of different letters, until an address gets no notices
DECAY = timedelta(days=30)  # after which it is tried again, and bounces are forgotten


def _c(column: Any) -> Any:
    return column


def note(unit: Unit, letter: SentLetter, told: Return, message: int, now: datetime) -> None:
    """An event of the case and the letter; the second hard bounce suspends the address."""
    hard = told.hard and told.recipient == letter.recipient
    detail = {
        "letter": letter.message_id, "kind": letter.kind, "status": told.status,
        "recipient": letter.recipient, "words": told.words[:300],
    }  # fmt: skip
    kind = "bounced" if hard else f"returned-{told.kind}"
    unit.execute(
        insert(EventRow).values(
            at=now, kind=kind, case_number=letter.case_number, message_id=message, who="intake",
            detail=detail,
        )
    )  # fmt: skip
    unit.execute(
        update(OutboxRow)
        .where(_c(OutboxRow.message_id_header) == letter.message_id)
        .values(reply=f"came back: {told.kind} {told.status} {told.words}".strip()[:1000])
    )
    if hard:
        _gone(unit, letter, told.status, message, now)


def _gone(unit: Unit, letter: SentLetter, status: str, message: int, now: datetime) -> None:
    since = unit.scalar(
        select(_c(ContactRow.undeliverable_since)).where(_c(ContactRow.id) == letter.contact_id)
    )
    if since is None or now - since > DECAY:
        unit.execute(
            update(ContactRow)
            .where(_c(ContactRow.id) == letter.contact_id)
            .values(undeliverable_since=now)
        )
    events = select(_c(EventRow.detail)).where(
        _c(EventRow.kind) == "bounced", _c(EventRow.at) > now - DECAY
    )
    letters = {
        detail.get("letter")
        for detail in unit.scalars(events)
        if detail.get("recipient") == letter.recipient
    }
    if len(letters) < HARD_BOUNCES:
        return
    if not senders.stopped(unit, letter.recipient, now):
        reason = f"bounced {status}".strip()
        senders.suspend(unit, letter.recipient, reason, now + DECAY, message, now)
