"""Counts for the metrics, each from an index or from a small table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlmodel import col

from intake.model.states import SENDABLE, MessageStatus
from intake.store.engine import Session
from intake.store.letter_states import is_due
from intake.store.tables.cases import CaseRow
from intake.store.tables.incidents import HookDeliveryRow, NoticeRecipientRow
from intake.store.tables.messages import MailboxRow, MessageRow
from intake.store.tables.outbox import OutboxRow


@dataclass(frozen=True, slots=True)
class Counts:
    """What the database holds now."""

    messages: Mapping[str, int]  # by status
    held: Mapping[str, int]  # by rule
    cases: Mapping[str, int]  # by status
    letters: Mapping[str, int]  # by state
    notices: Mapping[str, int]  # by state
    deliveries: Mapping[str, int]  # events for webhooks, by state
    checked: Mapping[str, datetime]  # mailbox -> end of its last good pass
    failing: Mapping[str, bool]  # mailbox -> its last pass failed
    oldest_letter: datetime | None  # due since
    oldest_notice: datetime | None


def counts(session: Session, now: datetime) -> Counts:
    """Everything that the metrics show of the database."""
    boxes = session.scalars(select(MailboxRow).order_by(MailboxRow.name)).all()
    held = (
        select(col(MessageRow.rule), func.count())
        .where(col(MessageRow.status) == MessageStatus.HELD)
        .group_by(col(MessageRow.rule))
    )
    return Counts(
        messages=_by(session, MessageRow.status),
        held={row[0]: row[1] for row in session.execute(held)},
        cases=_by(session, CaseRow.status),
        letters=_by(session, OutboxRow.state),
        notices=_by(session, NoticeRecipientRow.state),
        deliveries=_by(session, HookDeliveryRow.state),
        checked={one.name: one.checked_at for one in boxes if one.checked_at is not None},
        failing={one.name: one.failing_since is not None for one in boxes},
        oldest_letter=session.scalar(
            select(func.min(col(OutboxRow.due_at))).where(is_due(), col(OutboxRow.due_at) <= now)
        ),
        oldest_notice=session.scalar(
            select(func.min(col(NoticeRecipientRow.due_at))).where(
                col(NoticeRecipientRow.state).in_(SENDABLE), col(NoticeRecipientRow.due_at) <= now
            )
        ),
    )


def _by(session: Session, column: Any) -> dict[str, int]:
    return {
        row[0]: row[1] for row in session.execute(select(column, func.count()).group_by(column))
    }
