"""Finds which question, sent to its sender, a mail answers: address, account, case to close."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlmodel import col

from intake.model.context import Keys
from intake.store.engine import Session
from intake.store.tables.contacts import ContactEmailRow
from intake.store.tables.outbox import OutboxRow

ANSWERED_FOR = timedelta(days=60)  # a yes to one of them is accepted for this time


def answered(session: Session, keys: Keys, owners: Sequence[str], now: datetime) -> dict[str, Any]:
    """The fields of Known about it: ``confirms``, ``joins`` and ``closes``."""
    return {
        "confirms": _confirms(session, keys, now),
        "joins": _asked(session, keys, keys.join_ids, "join", owners, now),
        "closes": _asked(session, keys, keys.close_ids, "ask_close", owners, now),
    }


def _confirms(session: Session, keys: Keys, now: datetime) -> str:
    """The contact whose unconfirmed address answers our question with this mail."""
    if not keys.verify_ids:
        return ""
    query = (
        select(col(ContactEmailRow.contact_id))
        .join(OutboxRow, col(OutboxRow.contact_id) == col(ContactEmailRow.contact_id))
        .where(
            col(ContactEmailRow.key) == keys.sender,
            col(ContactEmailRow.verified).is_(False),
            col(OutboxRow.message_id_header).in_(keys.verify_ids),
            col(OutboxRow.kind) == "verify",
            col(OutboxRow.created_at) > now - ANSWERED_FOR,
            func.lower(col(OutboxRow.recipient)) == keys.sender,
        )
    )
    return session.scalar(query) or ""


def _asked(
    session: Session,
    keys: Keys,
    ids: Sequence[str],
    kind: str,
    owners: Sequence[str],
    now: datetime,
) -> str:
    """The case of the newest of those letters that was sent to this sender."""
    if not ids or not owners:
        return ""
    query = select(col(OutboxRow.case_number)).where(
        col(OutboxRow.message_id_header).in_(ids),
        col(OutboxRow.kind) == kind,
        col(OutboxRow.created_at) > now - ANSWERED_FOR,
        col(OutboxRow.contact_id).in_(owners),
        func.lower(col(OutboxRow.recipient)) == keys.sender,
    )
    return session.scalar(query.order_by(col(OutboxRow.id).desc()).limit(1)) or ""
