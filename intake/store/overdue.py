"""Finds letters and notices that have been due for too long: something keeps them from going."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select
from sqlmodel import col

from intake.model.health import Trouble
from intake.model.states import SENDABLE, DeliveryState, SendState
from intake.store.engine import Session
from intake.store.letter_states import is_due
from intake.store.tables.incidents import (
    HookDeliveryRow,
    IncidentUpdateRow,
    NoticeRecipientRow,
    ParkedDomainRow,
)
from intake.store.tables.outbox import OutboxRow


def troubles(session: Session, now: datetime, before: datetime) -> list[Trouble]:
    """What has been due since before that moment, and webhooks that were given up."""
    return [*_letters(session, before), *_notices(session, now, before), *_webhooks(session)]


def _letters(session: Session, before: datetime) -> list[Trouble]:
    oldest, count = session.execute(
        select(func.min(col(OutboxRow.due_at)), func.count()).where(
            is_due(), col(OutboxRow.due_at) < before
        )
    ).one()
    if not count:
        return []
    return [Trouble("letters", f"{count} are due and were not sent", oldest)]


def _notices(session: Session, now: datetime, before: datetime) -> list[Trouble]:
    """Notices of running broadcasts that wait although none was attempted for as long.

    A big broadcast takes hours at the set pace; while letters leave, nothing is wrong. A domain
    whose server defers our notices has a time limit of its own.
    """
    row = NoticeRecipientRow
    newest = session.scalar(select(func.max(col(row.attempted_at))))
    if newest is not None and newest >= before:
        return []
    oldest, count = session.execute(
        select(func.min(col(row.due_at)), func.count())
        .join(IncidentUpdateRow, col(IncidentUpdateRow.id) == col(row.update_id))
        .where(
            col(row.state).in_(SENDABLE),
            col(row.due_at) < before,
            col(IncidentUpdateRow.send_state) == SendState.SENDING,
            col(row.domain).not_in(
                select(col(ParkedDomainRow.domain)).where(col(ParkedDomainRow.until) > now)
            ),
        )
    ).one()
    return [Trouble("notices", f"{count} are due and were not sent", oldest)] if count else []


def _webhooks(session: Session) -> list[Trouble]:
    query = (
        select(col(HookDeliveryRow.hook), func.count(), func.min(col(HookDeliveryRow.finished_at)))
        .where(col(HookDeliveryRow.state) == DeliveryState.FAILED)
        .group_by(col(HookDeliveryRow.hook))
        .order_by(col(HookDeliveryRow.hook))
    )
    return [
        Trouble(
            f"webhook {hook}",
            f"{count} events were given up; `intake hooks list --state failed`",
            since,
        )
        for hook, count, since in session.execute(query)
    ]
