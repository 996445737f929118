"""What is known about staff for a mail: who wrote it, whose case it is, what was answered."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlmodel import col

from intake.model.accounts import Contact
from intake.model.cases import CaseBrief
from intake.model.context import Keys, LastLetter, PastAnswer
from intake.model.states import LetterState
from intake.store.contacts.read import whole_contacts
from intake.store.engine import Session
from intake.store.handover.directory import whole_staff
from intake.store.tables.contacts import ContactRow, MembershipRow
from intake.store.tables.handover import (
    ConversationRow,
    StaffEmailRow,
)
from intake.store.tables.outbox import OutboxRow

MAX_ANSWERS = 20


def about(session: Session, keys: Keys, case: CaseBrief | None) -> dict[str, Any]:
    """The parts of Known for a mail of a staff member, about a case or none."""
    email = session.get(StaffEmailRow, keys.sender)
    if email is None:
        return {}
    everyone = whole_staff(session)
    staff = next((one for one in everyone if one.id == email.staff_id), None)
    known: dict[str, Any] = {"colleagues_of_staff": everyone, "staff": staff}
    if case is not None:
        known |= _said(session, keys, case, email.staff_id)
        known["threads"] = _threads(session, case.number)
        known["colleagues"] = account_contacts(session, case.account_id)
    return known


def account_contacts(session: Session, account: str) -> tuple[Contact, ...]:
    """The active contacts of an account."""
    query = (
        select(col(MembershipRow.contact_id))
        .join(ContactRow, col(ContactRow.id) == col(MembershipRow.contact_id))
        .where(col(MembershipRow.account_id) == account, col(ContactRow.active))
    )
    return whole_contacts(session, set(session.scalars(query)))


def _threads(session: Session, number: str) -> dict[str, LastLetter]:
    """The newest letter about the case to each contact."""
    query = (
        select(
            col(OutboxRow.contact_id), col(OutboxRow.message_id_header), col(OutboxRow.subject),
            col(OutboxRow.recipient),
        )
        .where(
            col(OutboxRow.case_number) == number,
            col(OutboxRow.contact_id) != "",
            col(OutboxRow.state).not_in((LetterState.SUPPRESSED, LetterState.CANCELLED)),
        )
        .order_by(col(OutboxRow.id))
    )  # fmt: skip
    return {row[0]: LastLetter(row[1], row[2], row[3]) for row in session.execute(query)}


def _said(session: Session, keys: Keys, case: CaseBrief, staff: str) -> dict[str, Any]:
    """What staff have answered in the case, and which letter the mail answers."""
    query = (
        select(ConversationRow)
        .where(
            col(ConversationRow.case_number) == case.number,
            col(ConversationRow.kind).in_(("staff", "held")),
        )
        .order_by(col(ConversationRow.id).desc())
        .limit(MAX_ANSWERS)
    )
    rows = list(session.scalars(query))
    sent = [one for one in rows if one.kind == "staff"]
    held = next((one for one in rows if one.who == staff), None)
    letter = (
        select(col(OutboxRow.created_at))
        .where(col(OutboxRow.message_id_header).in_(keys.outbox_ids))
        .order_by(col(OutboxRow.id).desc())
        .limit(1)
    )
    return {
        "answers": tuple(PastAnswer(one.at, one.who, one.name, one.text) for one in sent),
        "held_answer": held.text if held is not None and held.kind == "held" else "",
        "seen_until": session.scalar(letter) if keys.outbox_ids else None,
    }
