"""Unregistered addresses that a contact owns or disowns, and the held mails from them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlmodel import col

from intake.model.states import MessageStatus
from intake.store.contacts.directory import PeopleError, add_address
from intake.store.engine import Session, savepoint
from intake.store.sql import stored_id
from intake.store.tables.contacts import ContactEmailRow
from intake.store.tables.messages import MessageRow
from intake.store.tables.outbox import EventRow
from intake.triage import rules
from intake.triage.decision import Decision

CLAIMED, DENIED = "address-claimed", "claim-denied"
MAX_MAILS = 20  # in one pass


def settle(session: Session, decision: Decision, row: int, now: datetime) -> None:
    """Adds the address that the sender says is theirs; records what they say of it."""
    if not (decision.claims or decision.disowns):
        return
    kind = CLAIMED if decision.claims else DENIED
    detail = {"contact": decision.contact, "address": decision.claims or decision.disowns}
    if decision.claims:
        try:
            with savepoint(session):
                add_address(session, decision.contact, decision.claims, now)
        except PeopleError as error:  # somebody has registered it in the meantime
            detail["failed"] = str(error)
    session.add(EventRow(at=now, kind=kind, who="intake", detail=detail, message_id=row))


def waiting(session: Session) -> list[int]:
    """The mails that were held for an unknown address which a contact has claimed since."""
    query = (
        select(col(MessageRow.id))
        .join(ContactEmailRow, col(ContactEmailRow.key) == col(MessageRow.sender))
        .where(
            col(MessageRow.status) == MessageStatus.HELD,
            col(MessageRow.rule).in_(rules.CLAIMABLE),
            col(ContactEmailRow.verified),
        )
        .order_by(col(MessageRow.id))
        .limit(MAX_MAILS)
    )
    rows = [int(one) for one in session.scalars(query) if one is not None]
    if not rows:
        return []
    events = select(col(EventRow.detail)).where(col(EventRow.kind) == CLAIMED)
    claimed = {str(detail.get("address")) for detail in session.scalars(events)}
    senders = select(stored_id(MessageRow.id), col(MessageRow.sender)).where(
        col(MessageRow.id).in_(rows)
    )
    return [row[0] for row in session.execute(senders) if row[1] in claimed]
