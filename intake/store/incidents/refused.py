"""Queues notices again that the relay refused for a reason that is not the recipient's."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, update
from sqlmodel import col

from intake.model.states import NoticeState, SendState
from intake.store import backoff
from intake.store.engine import Session
from intake.store.tables.incidents import IncidentUpdateRow, NoticeRecipientRow


def take_back(session: Session, refused: Sequence[int], now: datetime) -> int:
    """Queues notices again that the relay refused like all others; returns how many."""
    if not refused:
        return 0
    rows = list(
        session.scalars(
            select(NoticeRecipientRow).where(
                col(NoticeRecipientRow.id).in_(refused),
                col(NoticeRecipientRow.state) == NoticeState.FAILED,
            )
        )
    )
    for row in rows:
        row.state, row.finished_at = NoticeState.QUEUED, None
        row.due_at = now + backoff.LETTERS.after(row.attempts)
    session.flush()
    session.execute(
        update(IncidentUpdateRow)
        .where(
            col(IncidentUpdateRow.id).in_({row.update_id for row in rows}),
            col(IncidentUpdateRow.send_state) == SendState.DONE,
        )
        .values(send_state=SendState.SENDING, finished_at=None)
    )
    return len(rows)
