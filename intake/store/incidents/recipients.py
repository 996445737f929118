"""The frozen list of a broadcast: one row for each update and address, with its thread.

Nothing is sent without a row here. A person for whom an older update of the same incident still
waits gets the newer one instead, which also contains the older one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import func, insert, select, update
from sqlmodel import col

from intake.mail import tokens
from intake.model.authorship import By
from intake.model.states import SENDABLE, UNDER_WAY, IncidentStatus, NoticeState, SendState
from intake.notifier import Audience, Recipient
from intake.store import webhooks
from intake.store.engine import Session
from intake.store.incidents.audience import REACHED
from intake.store.incidents.read import update_value, value
from intake.store.sql import stored_id
from intake.store.tables.incidents import IncidentRow, IncidentUpdateRow, NoticeRecipientRow
from intake.store.tables.outbox import EventRow

UNSENT = (*SENDABLE, NoticeState.DIGEST)


class IncidentError(Exception):
    """The change is impossible; the text names what was found and wanted."""


@dataclass(frozen=True, slots=True)
class Terms:
    """The settings that every list is frozen with."""

    secrets: tuple[bytes, ...] = field(repr=False)  # for the Message-IDs of the letters
    domain: str  # of the Message-IDs
    expire_hours: int = 72


@dataclass(slots=True)
class Waiting:
    """The older updates that still wait for one person."""

    ids: list[int] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    first: list[int] = field(default_factory=list)  # the oldest update in each of them


NOTHING_WAITS = Waiting()


def freeze(
    session: Session, row: IncidentUpdateRow, people: Audience, terms: Terms, now: datetime
) -> int:
    """Creates one row per address; takes over waiting older updates; returns how many rows."""
    row.send_state, row.finished_at = SendState.SENDING, None
    row.expires_at = row.expires_at or _expiry(session, row, terms, now)
    session.flush()
    roots, waiting = _threads(session, row), _waiting(session, row)
    rows = [_row(row, one, roots, waiting, terms, now) for one in people.told]
    if rows:
        session.execute(insert(NoticeRecipientRow), rows)
    taken = [waiting[one.key] for one in people.told if one.key in waiting]
    reason = "corrected" if row.kind == "correction" else "superseded"
    skip(
        session, [old for one in taken for old in one.ids], f"{reason} by update {row.number}", now
    )
    incident = session.get(IncidentRow, row.incident_id)
    if incident is not None:
        payload = webhooks.incident_payload(value(incident), update_value(row))
        webhooks.emit(session, "notice.approved", payload, now)
    for number in {number for one in taken for number in one.numbers}:
        finish(session, row.incident_id, number, now)
    finish(session, row.incident_id, row.number, now)
    return len(rows)


def _expiry(session: Session, row: IncidentUpdateRow, terms: Terms, now: datetime) -> datetime:
    """When it is outdated: an announcement at the latest when the announced work begins."""
    ends = (row.send_at or now) + timedelta(hours=terms.expire_hours)
    incident = session.get(IncidentRow, row.incident_id)
    if incident is None or incident.kind != "maintenance" or row.status != IncidentStatus.SCHEDULED:
        return ends
    return max(now, min(ends, row.starts_at or incident.starts_at))


def _row(
    row: IncidentUpdateRow,
    one: Recipient,
    roots: Mapping[str, str],
    waiting: Mapping[str, Waiting],
    terms: Terms,
    now: datetime,
) -> dict[str, object]:
    def made(number: int) -> str:
        cause = f"{row.incident_id}:{number}:{one.key}"
        return tokens.message_id(terms.secrets, "notice", row.incident_id, cause, terms.domain)

    old = waiting.get(one.key, NOTHING_WAITS)
    waits = one.digest and row.kind != "correction"
    return {
        "update_id": row.id, "incident_id": row.incident_id, "number": row.number,
        "key": one.key, "address": one.address, "domain": one.key.rpartition("@")[2],
        "contact_id": one.contact_id, "name": one.name, "zone": one.zone,
        "language": one.language,
        "accounts": list(one.accounts), "reasons": list(one.reasons), "cases": list(one.cases),
        "priority": one.priority, "first_number": min([row.number, *old.first]),
        "plain": row.kind == "correction" and bool(old.ids),
        "message_id_header": made(row.number), "root_id": roots.get(one.key) or made(0),
        "state": NoticeState.DIGEST if waits else NoticeState.QUEUED,
        "due_at": row.send_at or now, "created_at": now, "attempts": 0, "fence": 0, "doubts": 0,
        "reply": "",
    }  # fmt: skip


def _threads(session: Session, row: IncidentUpdateRow) -> dict[str, str]:
    """The first Message-ID of each person's thread, from the first notice."""
    query = select(col(NoticeRecipientRow.key), col(NoticeRecipientRow.root_id)).where(
        col(NoticeRecipientRow.incident_id) == row.incident_id,
        col(NoticeRecipientRow.number) < row.number,
    )
    return {key: root for key, root in session.execute(query)}


def _waiting(session: Session, row: IncidentUpdateRow) -> dict[str, Waiting]:
    """Address key -> older rows that were never tried or were deferred."""
    query = select(
        col(NoticeRecipientRow.key), stored_id(NoticeRecipientRow.id),
        col(NoticeRecipientRow.number), col(NoticeRecipientRow.first_number),
    ).where(
        col(NoticeRecipientRow.incident_id) == row.incident_id,
        col(NoticeRecipientRow.number) < row.number,
        col(NoticeRecipientRow.state).in_(UNSENT),
    )  # fmt: skip
    found: dict[str, Waiting] = {}
    for key, row_id, number, first in session.execute(query):
        one = found.setdefault(key, Waiting())
        one.ids.append(row_id)
        one.numbers.append(number)
        one.first.append(first)
    return found


def skip(session: Session, rows: Sequence[int], why: str, now: datetime) -> None:
    """Marks rows as not to be sent, with the reason."""
    for start in range(0, len(rows), 500):
        session.execute(
            update(NoticeRecipientRow)
            .where(col(NoticeRecipientRow.id).in_(rows[start : start + 500]))
            .values(state=NoticeState.SKIPPED, reply=why, finished_at=now, lease_until=None)
        )


def has_wrong_text(session: Session, incident_id: str, wrong: int) -> set[str]:
    """Address keys that got, or may still get, the text of that update in any letter."""
    query = select(col(NoticeRecipientRow.key)).where(
        col(NoticeRecipientRow.incident_id) == incident_id,
        col(NoticeRecipientRow.number) >= wrong,
        col(NoticeRecipientRow.first_number) <= wrong,
        col(NoticeRecipientRow.state).in_((*REACHED, *UNDER_WAY, *UNSENT)),
    )
    return set(session.scalars(query))


def listed(session: Session, incident_id: str, number: int) -> set[str]:
    """Address keys with a row for that update."""
    query = select(col(NoticeRecipientRow.key)).where(
        col(NoticeRecipientRow.incident_id) == incident_id,
        col(NoticeRecipientRow.number) == number,
    )
    return set(session.scalars(query))


def left(session: Session, update_id: int | None) -> int:
    """The number of letters without a final state; daily summaries are not counted."""
    query = select(func.count()).where(
        col(NoticeRecipientRow.update_id) == update_id,
        col(NoticeRecipientRow.finished_at).is_(None),
        col(NoticeRecipientRow.state) != NoticeState.DIGEST,
    )
    return session.scalar(query) or 0


def _any_left(session: Session, update_id: int | None) -> bool:
    query = select(col(NoticeRecipientRow.id)).where(
        col(NoticeRecipientRow.update_id) == update_id,
        col(NoticeRecipientRow.finished_at).is_(None),
        col(NoticeRecipientRow.state) != NoticeState.DIGEST,
    )
    return session.scalar(query.limit(1)) is not None


def chosen(session: Session, incident_id: str, number: int = 0) -> IncidentUpdateRow:
    """The update with that number, or the newest one. Raises IncidentError."""
    query = select(IncidentUpdateRow).where(col(IncidentUpdateRow.incident_id) == incident_id)
    if number:
        query = query.where(col(IncidentUpdateRow.number) == number)
    row = session.scalar(query.order_by(col(IncidentUpdateRow.number).desc()).limit(1))
    if row is None:
        if session.get(IncidentRow, incident_id) is None:
            wanted = "`intake incidents list --all` shows all"
            raise IncidentError(f"there is no incident {incident_id!r}; {wanted}")
        raise IncidentError(f"{incident_id} has no update {number}; `intake incidents show` lists")
    return row


def finish(session: Session, incident_id: str, number: int, now: datetime) -> None:
    """Marks a broadcast with nothing left to send as done, and emits an event."""
    row = chosen(session, incident_id, number)
    if row.send_state != SendState.SENDING or _any_left(session, row.id):
        return
    row.send_state, row.finished_at = SendState.DONE, now
    session.flush()
    payload = webhooks.sent_payload(incident_id, number, counts(session, row.id))
    webhooks.emit(session, "notice.sent", payload, now)


def counts(session: Session, update_id: int | None) -> dict[str, int]:
    """How many recipients of an update are in each state."""
    query = (
        select(col(NoticeRecipientRow.state), func.count())
        .where(col(NoticeRecipientRow.update_id) == update_id)
        .group_by(col(NoticeRecipientRow.state))
    )
    return {state: count for state, count in session.execute(query)}


def reached(session: Session, incident_id: str) -> bool:
    """Whether anyone was ever notified of it."""
    query = select(col(NoticeRecipientRow.id)).where(
        col(NoticeRecipientRow.incident_id) == incident_id,
        col(NoticeRecipientRow.state).in_(REACHED),
    )
    return session.scalar(query.limit(1)) is not None


def note(
    session: Session,
    incident_id: str,
    kind: str,
    by: By,
    detail: Mapping[str, object],
) -> None:
    """Adds a line to the incident's history."""
    session.execute(
        insert(EventRow).values(
            at=by.at,
            kind=kind,
            case_number=incident_id,
            message_id=0,
            who=by.who,
            detail=dict(detail),
        )
    )
