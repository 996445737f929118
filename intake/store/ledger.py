"""One row of the ledger, for a person who decides about a held mail."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from intake.tables import EventRow, MessageRow


def find(unit: Session, message_id: int) -> MessageRow | None:
    """The row of that number."""
    return unit.get(MessageRow, message_id)


def note_release(unit: Session, message_id: int, who: str, now: datetime) -> None:
    """Writes down who had the mail handled after all."""
    unit.add(EventRow(at=now, kind="released", who=who, message_id=message_id))
