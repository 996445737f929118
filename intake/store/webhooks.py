"""Events for other programs: written in the transaction of their cause, sent later.

A delivery is due -> claimed (attempt counted, lease and fence written) -> done | failed | due
again. Each hook gets one delivery at a time, in the order of events, until it is done or given up.
A failed one stays visible until an operator sends it again or drops it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import and_, bindparam, func, insert, or_, select, update
from sqlalchemy.orm import aliased
from sqlalchemy.sql.elements import ColumnElement
from sqlmodel import col

from intake.model.events import EVENT_KINDS, Again, Gone, Outcome, Taken
from intake.model.incidents import Incident, Update
from intake.model.states import DeliveryState
from intake.store import backoff
from intake.store.engine import Session
from intake.store.sql import clean_all
from intake.store.tables.incidents import HookDeliveryRow, HookEventRow

BATCH = 200  # events processed in one transaction
STRAY = timedelta(hours=24)  # how long a hook may be missing from the configuration
MAX_TEXT_CHARS = 8000  # of an update's text; Standard Webhooks asks for less than 20 kB
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_UNFINISHED = (DeliveryState.DUE, DeliveryState.CLAIMED)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery that this worker may send until the lease runs out."""

    id: int
    fence: int
    hook: str
    event_id: int
    kind: str
    at: datetime  # when it happened
    payload: dict[str, object]
    attempts: int
    created_at: datetime

    @property
    def webhook_id(self) -> str:
        """The same for every attempt and hook; different if the database was created anew."""
        return f"evt_{self.event_id}_{int(self.at.timestamp() * 1000)}"


# ---------------------------------------------------------------- what happened


def emit(session: Session, kind: str, payload: Mapping[str, object], now: datetime) -> None:
    """One event, for whoever listens. ``payload`` is JSON and holds no addresses of people.

    Raises ValueError for a kind that is not in EVENT_KINDS, because no hook could subscribe to it.
    """
    if kind not in EVENT_KINDS:
        raise ValueError(f"event: found {kind!r}, wanted one of {', '.join(EVENT_KINDS)}")
    session.execute(insert(HookEventRow).values(**event_row(kind, payload, now)))


def event_row(kind: str, payload: Mapping[str, object], now: datetime) -> dict[str, Any]:
    """The row of an event that no hook has got yet."""
    return {"at": now, "kind": kind, "payload": clean_all(payload), "fanned_out": False}


def incident_payload(incident: Incident, told: Update) -> dict[str, object]:
    """What is said about an incident and one update of it: nobody's name and no address."""
    return {
        "incident": {
            "id": incident.id,
            "kind": incident.kind,
            "class": incident.notice_class,
            "title": incident.title,
            "status": told.status,
            "impact": incident.impact,
            "modules": list(incident.modules),
            "areas": list(incident.areas),
            "accounts": list(incident.accounts),
            "public": incident.public,
            "starts_at": _moment(told.starts_at or incident.starts_at),
            "ends_at": _moment(told.ends_at or incident.ends_at),
            "next_update_at": _moment(told.next_update_at),
            "closed_at": _moment(incident.closed_at),
        },
        "update": {
            "number": told.number,
            "kind": told.kind,
            "status": told.status,
            "at": _moment(told.at),
            "text": told.text[:MAX_TEXT_CHARS],
            "text_cut": len(told.text) > MAX_TEXT_CHARS,
            "corrects": told.wrong_number or None,
        },
    }


def sent_payload(incident_id: str, number: int, counts: Mapping[str, int]) -> dict[str, object]:
    """What is said of a finished broadcast: how many letters ended in which state."""
    return {"incident": {"id": incident_id}, "update": {"number": number}, "letters": dict(counts)}


def linked_payload(incident_id: str, case_number: str, account_id: str) -> dict[str, object]:
    """What is said of a case that is about an incident."""
    return {
        "incident": {"id": incident_id},
        "case": {"number": case_number, "account": account_id},
    }


def _moment(at: datetime | None) -> str | None:
    """A moment as text: ``2026-03-02T15:00:00Z``."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if at else None


# ---------------------------------------------------------------- on its way


def _due(now: Any) -> ColumnElement[bool]:
    return or_(
        and_(col(HookDeliveryRow.state) == DeliveryState.DUE, col(HookDeliveryRow.due_at) <= now),
        and_(
            col(HookDeliveryRow.state) == DeliveryState.CLAIMED,
            col(HookDeliveryRow.lease_until) < now,
        ),
    )


# Asked every few seconds all day long, so they are built once: building takes longer than asking.
_ANY_FRESH = select(col(HookEventRow.id)).where(col(HookEventRow.fanned_out).is_(False)).limit(1)
_ANY_DUE = select(col(HookDeliveryRow.id)).where(_due(bindparam("now"))).limit(1)


def any_waiting(session: Session, now: datetime) -> bool:
    """Whether an event has no deliveries yet, or a delivery is due."""
    if session.scalar(_ANY_FRESH) is not None:
        return True
    return session.scalar(_ANY_DUE, {"now": now}) is not None


def fan_out(session: Session, listeners: Mapping[str, Callable[[str], bool]], now: datetime) -> int:
    """Creates a delivery for each hook that wants the event, and marks it; returns how many events.

    ``listeners``: hook -> whether it wants events of that kind. A hook does not get events from
    before it was configured. Events are marked one by one, because rows may commit out of order.
    """
    query = (
        select(col(HookEventRow.id), col(HookEventRow.kind))
        .where(col(HookEventRow.fanned_out).is_(False))
        .order_by(col(HookEventRow.id))
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    )
    events = list(session.execute(query))
    rows = [
        {
            "event_id": event_id, "hook": hook, "state": DeliveryState.DUE, "due_at": now,
            "created_at": now, "attempts": 0, "fence": 0, "reply": "",
        }
        for event_id, kind in events
        for hook, hears in listeners.items()
        if hears(kind)
    ]  # fmt: skip
    if rows:
        session.execute(insert(HookDeliveryRow), rows)
    if events:
        session.execute(
            update(HookEventRow)
            .where(col(HookEventRow.id).in_([one.id for one in events]))
            .values(fanned_out=True)
        )
    return len(events)


def waiting(session: Session, now: datetime) -> set[str]:
    """The hooks with a due delivery; ``claim`` checks whether an older one must go first."""
    return set(session.scalars(select(col(HookDeliveryRow.hook)).where(_due(now)).distinct()))


def claim(session: Session, hook: str, now: datetime, lease_seconds: float) -> Claimed | None:
    """Claims the hook's next delivery as an attempt; None while an older one is unfinished."""
    other = aliased(HookDeliveryRow)
    first = (
        select(func.min(col(other.event_id)))
        .where(col(other.hook) == hook, col(other.state).in_(_UNFINISHED))
        .scalar_subquery()
    )
    under_way = (
        select(col(other.id))
        .where(
            col(other.hook) == hook,
            col(other.state) == DeliveryState.CLAIMED,
            col(other.lease_until) >= now,
        )
        .exists()
    )
    own = HookDeliveryRow
    query = (
        select(
            col(own.id), col(own.fence) + 1, col(own.hook), col(own.event_id),
            col(HookEventRow.kind), col(HookEventRow.at), col(HookEventRow.payload),
            col(own.attempts) + 1, col(own.created_at),
        )
        .join(HookEventRow, col(HookEventRow.id) == col(own.event_id))
        .where(col(own.hook) == hook, col(own.event_id) == first, _due(now), ~under_way)
        .with_for_update(of=own, skip_locked=True)
    )  # fmt: skip
    row = session.execute(query).first()
    if row is None:
        return None
    claimed = Claimed(*row)
    session.execute(
        update(own)
        .where(col(own.id) == claimed.id)
        .values(
            state=DeliveryState.CLAIMED,
            attempts=claimed.attempts,
            fence=claimed.fence,
            lease_until=now + timedelta(seconds=lease_seconds),
        )
    )
    return claimed


def settle(
    session: Session,
    claimed: Claimed,
    outcome: Outcome,
    now: datetime,
    give_up: timedelta,
    jitter: float = 1.0,
) -> str:
    """Records the outcome; returns the new state, or "" if another worker holds it now."""
    values: dict[str, Any] = {
        "state": {
            Taken: DeliveryState.DONE,
            Gone: DeliveryState.FAILED,
            Again: DeliveryState.FAILED,
        }[type(outcome)],
        "reply": outcome.reply[:1000],
        "lease_until": None,
        "finished_at": now,
    }
    if isinstance(outcome, Again) and now - claimed.created_at < give_up:
        wait = backoff.WEBHOOKS.doubled(claimed.attempts) * jitter
        wait = min(max(wait, outcome.after_seconds), backoff.WEBHOOKS.longest_seconds)
        values |= {
            "state": DeliveryState.DUE,
            "due_at": now + timedelta(seconds=wait),
            "finished_at": None,
        }
    done = session.execute(
        update(HookDeliveryRow)
        .where(
            col(HookDeliveryRow.id) == claimed.id,
            col(HookDeliveryRow.fence) == claimed.fence,
            col(HookDeliveryRow.state) == DeliveryState.CLAIMED,
        )
        .values(**values)
        .returning(col(HookDeliveryRow.id))
    ).first()
    return str(values["state"]) if done is not None else ""


def give_up_strays(session: Session, configured: Collection[str], now: datetime) -> int:
    """Fails deliveries to hooks not configured for a day; returns how many."""
    found = session.execute(
        update(HookDeliveryRow)
        .where(
            col(HookDeliveryRow.state) == DeliveryState.DUE,
            col(HookDeliveryRow.hook).not_in(list(configured)),
            col(HookDeliveryRow.created_at) < now - STRAY,
        )
        .values(
            state=DeliveryState.FAILED, finished_at=now, reply="the hook is not configured any more"
        )
        .returning(col(HookDeliveryRow.id))
    )
    return len(found.all())


# ---------------------------------------------------------------- for operators


def counts(session: Session) -> dict[str, dict[str, int]]:
    """How many deliveries are in which state, by hook."""
    columns = (col(HookDeliveryRow.hook), col(HookDeliveryRow.state))
    found: dict[str, dict[str, int]] = {}
    query = select(*columns, func.count()).group_by(*columns).order_by(*columns)
    for hook, state, count in session.execute(query):
        found.setdefault(hook, {})[state] = count
    return found


def totals(session: Session) -> dict[str, int]:
    """How many deliveries are in each state, over all hooks."""
    query = select(col(HookDeliveryRow.state), func.count()).group_by(col(HookDeliveryRow.state))
    return {state: count for state, count in session.execute(query)}


def listed(
    session: Session, *, hook: str = "", state: str = "", limit: int = 50
) -> list[dict[str, object]]:
    """Deliveries, newest first, without what they say."""
    own = HookDeliveryRow
    query = (
        select(own, col(HookEventRow.kind), col(HookEventRow.at))
        .join(HookEventRow, col(HookEventRow.id) == col(own.event_id))
        .order_by(col(own.event_id).desc(), col(own.id).desc())
        .limit(limit)
    )
    for column, wanted in ((own.hook, hook), (own.state, state)):
        if wanted:
            query = query.where(col(column) == wanted)
    return [
        {
            "id": row.id, "hook": row.hook, "event": row.event_id, "kind": kind,
            "at": at.isoformat(), "state": row.state, "attempts": row.attempts,
            "due_at": row.due_at.isoformat(), "reply": row.reply,
        }
        for row, kind, at in session.execute(query)
    ]  # fmt: skip


def retry(session: Session, which: str, now: datetime) -> int:
    """Makes failed and dropped deliveries due, by number or for a whole hook; returns how many.

    Their time limit starts again. A delivery that waits for its next attempt is due at once.
    """
    return _change(
        session, which, (DeliveryState.FAILED, DeliveryState.DROPPED, DeliveryState.DUE),
        {
            "state": DeliveryState.DUE, "due_at": now, "created_at": now, "finished_at": None,
            "attempts": 0,
        },
    )  # fmt: skip


def drop(session: Session, which: str, now: datetime) -> int:
    """Drops failed and waiting deliveries, so that they are never sent; returns how many."""
    return _change(
        session,
        which,
        (DeliveryState.FAILED, DeliveryState.DUE),
        {"state": DeliveryState.DROPPED, "finished_at": now},
    )


def _change(
    session: Session, which: str, states: tuple[str, ...], values: dict[str, object]
) -> int:
    own = HookDeliveryRow
    number = which.isascii() and which.isdigit() and len(which) < 18
    one = col(own.id) == int(which) if number else col(own.hook) == which
    changed = update(own).where(one, col(own.state).in_(states)).values(**values)
    return len(session.execute(changed.returning(col(own.id))).all())
