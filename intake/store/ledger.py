"""One row of the ledger, for a person who decides about a held mail."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from intake.tables import EventRow, MessageRow


def find(unit: Session, message_id: int) -> MessageRow | None:
    """The row of that number, of use after the unit is closed."""
    row = unit.get(MessageRow, message_id)
    if row is not None:
        unit.expunge(row)
    return row


def note(unit: Session, message_id: int, kind: str, who: str, now: datetime) -> None:
    """Writes down that the mail was judged again, and for whom."""
    unit.add(EventRow(at=now, kind=kind, who=who or "intake", message_id=message_id))
