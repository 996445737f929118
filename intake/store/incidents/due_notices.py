"""Which notices may be sent now, also when the clock was set back."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, bindparam, or_, select
from sqlalchemy.sql.elements import ColumnElement
from sqlmodel import col

from intake.model.states import SENDABLE, UNDER_WAY, NoticeState, SendState
from intake.store import backoff
from intake.store.engine import Session
from intake.store.tables.incidents import IncidentUpdateRow
from intake.store.tables.incidents import NoticeRecipientRow as Row

MINUTE = timedelta(minutes=1)


def ready(now: datetime) -> ColumnElement[bool]:
    """Rows that somebody could send now, of broadcasts that run."""
    return _ready(now, now + backoff.FAR_AHEAD)


def _ready(now: Any, ahead: Any) -> ColumnElement[bool]:
    """The same; what was written for ``ahead`` is of before the clock was set back."""
    fresh = and_(col(Row.state).in_(SENDABLE), col(Row.due_at) <= now)
    left = and_(col(Row.state).in_(UNDER_WAY), col(Row.lease_until) < now)
    early = and_(col(Row.state).in_(SENDABLE), col(Row.created_at) > ahead)
    held = and_(col(Row.state) == NoticeState.SENDING, col(Row.lease_until) > ahead)
    return or_(fresh, left, early, held)


# Asked every few seconds all day long, so it is built once: building takes longer than asking.
_ANY_DUE = (
    select(col(Row.id))
    .join(IncidentUpdateRow, col(IncidentUpdateRow.id) == col(Row.update_id))
    .where(
        _ready(bindparam("now"), bindparam("ahead")),
        col(IncidentUpdateRow.send_state).in_((SendState.SENDING, SendState.CANCELLED)),
    )
    .limit(1)
)


def any_due(session: Session, now: datetime) -> bool:
    """Whether a waiting notice may be sent."""
    values = {"now": now, "ahead": now + backoff.FAR_AHEAD}
    return session.scalar(_ANY_DUE, values) is not None


def attempted(now: datetime, span: timedelta) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Attempts of that time before now; later ones are of before the clock was set back."""
    return col(Row.attempted_at) > now - span, col(Row.attempted_at) <= now + MINUTE
