"""Which notices may be sent now, also when the clock was set back."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import and_, or_
from sqlalchemy.sql.elements import ColumnElement
from sqlmodel import col

from intake.model.states import SENDABLE, UNDER_WAY, NoticeState
from intake.store import backoff
from intake.store.tables.incidents import NoticeRecipientRow as Row

MINUTE = timedelta(minutes=1)


def ready(now: datetime) -> ColumnElement[bool]:
    """Rows that somebody could send now, of broadcasts that run."""
    fresh = and_(col(Row.state).in_(SENDABLE), col(Row.due_at) <= now)
    left = and_(col(Row.state).in_(UNDER_WAY), col(Row.lease_until) < now)
    ahead = now + backoff.FAR_AHEAD  # written so far ahead: before the clock was set back
    early = and_(col(Row.state).in_(SENDABLE), col(Row.created_at) > ahead)
    held = and_(col(Row.state) == NoticeState.SENDING, col(Row.lease_until) > ahead)
    return or_(fresh, left, early, held)


def attempted(now: datetime, span: timedelta) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Attempts of that time before now; later ones are of before the clock was set back."""
    return col(Row.attempted_at) > now - span, col(Row.attempted_at) <= now + MINUTE
