"""Single rows of the messages table, for an operator's decision about a held mail."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from intake.model.states import MessageStatus
from intake.store.tables.messages import MessageRow
from intake.store.tables.outbox import EventRow


def find(session: Session, message_id: int) -> MessageRow | None:
    """The row with that number, usable after the session is closed."""
    row = session.get(MessageRow, message_id)
    if row is not None:
        session.expunge(row)
    return row


def note(
    session: Session, message_id: int, kind: str, who: str, now: datetime, detail: dict[str, Any]
) -> None:
    """Records that the mail was judged again: by whom, why, and its previous state."""
    session.add(
        EventRow(at=now, kind=kind, who=who or "intake", message_id=message_id, detail=detail)
    )


def judged(session: Session, limit: int) -> list[MessageRow]:
    """The newest mails that were judged on their own, not as replies to a letter."""
    query = (
        select(MessageRow)
        .where(col(MessageRow.action).in_(("create", "ask", "hold", "drop")))
        .order_by(col(MessageRow.id).desc())
        .limit(limit)
    )
    rows = list(session.scalars(query))
    for row in rows:
        session.expunge(row)
    return rows


def reject(session: Session, message_id: int, who: str, why: str, now: datetime) -> str:
    """Rejects a held mail for an operator; returns why it cannot, or an empty text."""
    row = session.get(MessageRow, message_id)
    if row is None:
        return f"there is no message {message_id}; `intake messages list` shows all"
    if row.status not in (MessageStatus.HELD, MessageStatus.SHELVED):
        return f"message {message_id} is {row.status}; only held and shelved ones can be rejected"
    detail = {"why": why, "was": row.status}
    row.status = MessageStatus.REJECTED
    note(session, message_id, "rejected", who, now, detail)
    return ""


def unreject(session: Session, message_id: int, who: str, now: datetime) -> str:
    """Puts a mail that an operator rejected back on hold; returns why it cannot, or nothing."""
    row = session.get(MessageRow, message_id)
    if row is None:
        return f"there is no message {message_id}; `intake messages list` shows all"
    if row.status != MessageStatus.REJECTED:
        return f"message {message_id} is {row.status}; only rejected ones can be put back"
    if row.sender == "" and not row.evidence:
        return f"message {message_id}: its sender and text were deleted; nothing is left to decide"
    row.status = MessageStatus.HELD
    note(session, message_id, "unrejected", who, now, {})
    return ""
