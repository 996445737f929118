"""Contacts whose mail bounces: who they are, and how an operator resolves it.

An Authorized contact who cannot be reached is a task for an operator, because the account must be
informed of outages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.sql.elements import ColumnElement
from sqlmodel import col

from intake.mail.addresses import ascii_lower
from intake.model.accounts import MustReach
from intake.model.states import SuppressionKind
from intake.store.engine import Session
from intake.store.tables.contacts import (
    AccountRow,
    ContactEmailRow,
    ContactRow,
    MembershipRow,
    SuppressionRow,
)
from intake.store.tables.outbox import EventRow


@dataclass(frozen=True, slots=True)
class Unreached:
    """A contact whose mail bounces, and since when."""

    contact_id: str
    name: str
    since: datetime


def _task(must: MustReach) -> ColumnElement[bool]:
    """Active, of such a type at an account in force, and mail comes back from them."""
    here = (
        select(col(MembershipRow.contact_id))
        .join(AccountRow, col(AccountRow.id) == col(MembershipRow.account_id))
        .where(
            col(MembershipRow.contact_id) == col(ContactRow.id),
            col(MembershipRow.contact_type).in_(must.task_types),
            col(AccountRow.active).is_(True),
        )
    )
    return (
        col(ContactRow.undeliverable_since).is_not(None)
        & col(ContactRow.active).is_(True)
        & here.exists()
    )


def waiting(session: Session, must: MustReach) -> list[Unreached]:
    """Every contact of a type that makes it a task, whose mail comes back, the longest first."""
    query = select(ContactRow).where(_task(must))
    order = (col(ContactRow.undeliverable_since), col(ContactRow.id))
    return [
        Unreached(row.id, row.name, row.undeliverable_since)
        for row in session.scalars(query.order_by(*order))
        if row.undeliverable_since is not None
    ]


def count(session: Session, must: MustReach) -> int:
    """How many there are."""
    return session.scalar(select(func.count()).select_from(ContactRow).where(_task(must))) or 0


def newest(session: Session, must: MustReach) -> int:
    """messages.id of the newest report by which one of them became unreachable; 0 for none."""
    ids = {one.contact_id for one in waiting(session, must)}
    if not ids:
        return 0
    query = select(col(EventRow.message_id), col(EventRow.detail)).where(
        col(EventRow.kind) == "unreachable"
    )
    return max(
        (row.message_id for row in session.execute(query) if row.detail.get("contact") in ids),
        default=0,
    )


def clear(session: Session, contact_id: str, who: str, now: datetime) -> str:
    """Marks the contact as reachable again for an operator; returns why it is impossible."""
    row = session.get(ContactRow, contact_id)
    if row is None:
        return f"there is no contact {contact_id!r}; `intake contacts list` shows all"
    emails = select(col(ContactEmailRow.key)).where(col(ContactEmailRow.contact_id) == contact_id)
    keys = list(session.scalars(emails))
    if not settle(session, contact_id, keys, who, now):
        return f"{contact_id} is reachable as far as we know: no mail came back"
    return ""


def settle(session: Session, contact_id: str, keys: Sequence[str], who: str, now: datetime) -> bool:
    """Forgets the bounces of those addresses; False if there are none."""
    since = session.scalar(
        select(col(ContactRow.undeliverable_since)).where(col(ContactRow.id) == contact_id)
    )
    bounced = col(SuppressionRow.kind) == SuppressionKind.BOUNCED
    stopped = list(
        session.scalars(
            select(col(SuppressionRow.key)).where(col(SuppressionRow.key).in_(keys), bounced)
        )
    )
    if since is None and not stopped:
        return False
    session.execute(
        update(ContactRow)
        .where(col(ContactRow.id) == contact_id)
        .values(undeliverable_since=None, updated_at=now)
    )
    if stopped:
        session.execute(delete(SuppressionRow).where(col(SuppressionRow.key).in_(stopped)))
    detail = {
        "contact": contact_id, "since": since.isoformat() if since else "",
        "recipients": list(keys), "released": stopped,
    }  # fmt: skip
    session.execute(
        insert(EventRow).values(
            at=now, kind="reachable", case_number="", message_id=0, who=who, detail=detail
        )
    )
    return True


def changed(
    session: Session,
    contact_id: str,
    before: Sequence[str],
    after: Sequence[str],
    who: str,
    now: datetime,
) -> None:
    """Resolves the task when the contact's addresses were changed."""
    old, new = {ascii_lower(one) for one in before}, {ascii_lower(one) for one in after}
    if old != new:
        settle(session, contact_id, sorted(old | new), who, now)
