"""What is known about staff for a mail: who wrote it, whose case it is, what was answered."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlmodel import col

from intake.model.accounts import Contact
from intake.model.cases import CaseBrief
from intake.model.context import FileRef, Keys, LastLetter, PastAnswer
from intake.model.states import FileState, LetterState, MessageStatus
from intake.store.contacts.read import whole_contacts
from intake.store.engine import Session
from intake.store.handover.directory import whole_staff
from intake.store.tables.contacts import AccountRow, ContactRow, MembershipRow
from intake.store.tables.handover import (
    ConversationRow,
    ParticipantRow,
    StaffEmailRow,
)
from intake.store.tables.messages import AttachmentRow, MessageRow
from intake.store.tables.outbox import OutboxRow

MAX_ANSWERS = 20
MAX_FILES = 200


def participants(session: Session, number: str, account: str) -> tuple[Contact, ...]:
    """The contacts who take part in a case: active ones who still belong to its account."""
    query = (
        select(col(ParticipantRow.contact_id))
        .join(MembershipRow, col(MembershipRow.contact_id) == col(ParticipantRow.contact_id))
        .where(col(ParticipantRow.case_number) == number, col(MembershipRow.account_id) == account)
    )
    found = whole_contacts(session, set(session.scalars(query)))
    return tuple(sorted((one for one in found if one.active), key=lambda one: one.id))


def about(
    session: Session, keys: Keys, case: CaseBrief | None, contacts: list[str]
) -> dict[str, Any]:
    """The parts of Known about staff; nothing for a mail that concerns no staff and no case."""
    email = session.get(StaffEmailRow, keys.sender) if keys.sender and not contacts else None
    if email is None and case is None and not keys.wants_staff:
        return {}
    known: dict[str, Any] = {}
    if email is not None or keys.wants_staff or (case is not None and case.owner):
        known["colleagues_of_staff"] = whole_staff(session)
    if email is not None:
        everyone = known["colleagues_of_staff"]
        known["staff"] = next((one for one in everyone if one.id == email.staff_id), None)
    if case is None:
        return known
    known["participants"] = participants(session, case.number, case.account_id)
    known["files"] = _files(session, case.number)
    if keys.desks:
        known["desk_mails"] = _desk_mails(session, case.number, keys.desks)
    account = session.get(AccountRow, case.account_id)
    known["account_name"] = account.name if account is not None else ""
    if email is not None:
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


def _files(session: Session, number: str) -> tuple[FileRef, ...]:
    """The files of a case, without the pictures inside texts."""
    query = (
        select(AttachmentRow)
        .where(col(AttachmentRow.case_number) == number, ~col(AttachmentRow.inline))
        .order_by(col(AttachmentRow.id))
        .limit(MAX_FILES)
    )
    return tuple(
        FileRef(
            one.name, one.detected_type or one.declared_type, one.size, one.sha256,
            "" if one.state == FileState.STORED else one.reason or "it waits for the virus scanner",
        )
        for one in session.scalars(query)
    )  # fmt: skip


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


def _desk_mails(session: Session, number: str, desks: tuple[str, ...]) -> dict[str, LastLetter]:
    """The newest mail of each of those desks about the case."""
    query = (
        select(col(MessageRow.sender), col(MessageRow.message_id), col(MessageRow.subject))
        .where(
            col(MessageRow.case_number) == number, col(MessageRow.sender).in_(desks),
            col(MessageRow.status) == MessageStatus.HANDLED, col(MessageRow.message_id) != "",
        )
        .order_by(col(MessageRow.id))
    )  # fmt: skip
    return {row[0]: LastLetter(row[1], row[2], row[0]) for row in session.execute(query)}


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
