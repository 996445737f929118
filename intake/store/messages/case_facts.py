"""What the mails of a batch must know about the cases that they continue, in a few queries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import func, literal_column, select
from sqlmodel import col

from intake.model.accounts import Contact
from intake.model.cases import CaseBrief, PendingForm
from intake.model.context import FileRef, Keys, LastLetter
from intake.model.states import FileState, MessageStatus, RequestState
from intake.store.contacts.read import whole_contacts
from intake.store.engine import Session
from intake.store.sql import stored_id
from intake.store.tables.cases import CaseRow, PendingFormRow
from intake.store.tables.contacts import AccountRow, MembershipRow
from intake.store.tables.handover import ParticipantRow
from intake.store.tables.messages import AttachmentRow, MessageRow
from intake.store.tables.outbox import EventRow, OutboxRow

MAX_SENT = 3  # the most letters that one mail may quote
MAX_FILES = 200  # of a case
MAX_COMMENTS = 50  # of a case, which a mail may quote


@dataclass(frozen=True, slots=True)
class CaseFacts:
    """Requests, letters, comments, people and files of some cases, by case number."""

    pending: Mapping[str, PendingForm]  # the newest open request
    named: Mapping[str, Sequence[tuple[str, str]]]  # Message-ID and text of letters that are named
    newest: Mapping[str, str]  # text of the newest letter to a contact
    comments: Mapping[str, tuple[str, ...]]  # what mails have added, the newest first
    participants: Mapping[str, tuple[Contact, ...]]
    files: Mapping[str, tuple[FileRef, ...]]
    desk_mails: Mapping[str, Mapping[str, LastLetter]]  # the newest of each desk
    accounts: Mapping[str, str]  # account id -> name

    def sent_texts(self, number: str, ids: Sequence[str]) -> tuple[str, ...]:
        """The texts of our letters that a mail may quote: those it names, and the newest one."""
        wanted = set(ids[:MAX_SENT])
        found = [text for name, text in self.named.get(number, ()) if name in wanted]
        found += [self.newest[number]] if number in self.newest else []
        return tuple(dict.fromkeys(found))


def case_facts(session: Session, cases: Sequence[CaseBrief], keys: Sequence[Keys]) -> CaseFacts:
    """Reads what mails with those keys may ask about those cases."""
    if not cases:
        return CaseFacts({}, {}, {}, {}, {}, {}, {}, {})
    numbers = sorted({one.number for one in cases})
    ids = {one for key in keys for one in key.outbox_ids[:MAX_SENT]}
    desks = {one for key in keys for one in key.desks}
    goes_on = _goes_on(session, numbers)
    return CaseFacts(
        _pending(session, numbers),
        _named(session, goes_on, ids),
        _newest(session, goes_on),
        _comments(session, numbers),
        _participants(session, cases),
        _files(session, numbers),
        _desk_mails(session, numbers, desks),
        _accounts(session, cases),
    )


def _goes_on(session: Session, numbers: Sequence[str]) -> dict[str, str]:
    """Each case, and each that was merged into it, with the case in which it goes on."""
    merged = select(col(CaseRow.number), col(CaseRow.merged_into)).where(
        col(CaseRow.merged_into).in_(numbers),
        col(CaseRow.merged_into) != literal_column("''"),  # so ix_cases_merged is used
    )
    return {row[0]: row[1] for row in session.execute(merged)} | {one: one for one in numbers}


def _pending(session: Session, numbers: Sequence[str]) -> dict[str, PendingForm]:
    query = (
        select(PendingFormRow)
        .where(
            col(PendingFormRow.case_number).in_(numbers),
            col(PendingFormRow.state) == RequestState.OPEN,
        )
        .order_by(col(PendingFormRow.id))
    )
    return {
        row.case_number: PendingForm(
            row.case_number, row.contact_id, tuple(row.asked), row.message_id_header, row.text,
            row.round,
        )
        for row in session.scalars(query)
    }  # fmt: skip


def _named(
    session: Session, goes_on: Mapping[str, str], ids: set[str]
) -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    query = (
        select(col(OutboxRow.case_number), col(OutboxRow.message_id_header), col(OutboxRow.text))
        .where(
            col(OutboxRow.message_id_header).in_(sorted(ids)),
            col(OutboxRow.case_number).in_(sorted(goes_on)),
        )
        .order_by(col(OutboxRow.id))
    )
    for number, name, text in session.execute(query) if ids else ():
        found[goes_on[number]].append((name, text))
    return found


def _newest(session: Session, goes_on: Mapping[str, str]) -> dict[str, str]:
    newest = (
        select(func.max(stored_id(OutboxRow.id)))
        .where(col(OutboxRow.case_number).in_(sorted(goes_on)), col(OutboxRow.contact_id) != "")
        .group_by(col(OutboxRow.case_number))
    )
    ids = list(session.scalars(newest))
    query = (
        select(col(OutboxRow.case_number), col(OutboxRow.text))
        .where(col(OutboxRow.id).in_(ids))
        .order_by(col(OutboxRow.id))
    )
    return {goes_on[row[0]]: row[1] for row in session.execute(query)} if ids else {}


def _comments(session: Session, numbers: Sequence[str]) -> dict[str, tuple[str, ...]]:
    place = func.row_number().over(
        partition_by=col(EventRow.case_number), order_by=col(EventRow.id).desc()
    )
    numbered = (
        select(col(EventRow.case_number), col(EventRow.detail), place.label("place"))
        .where(col(EventRow.case_number).in_(numbers), col(EventRow.kind) == "comment")
        .subquery()
    )
    query = select(numbered).where(numbered.c.place <= MAX_COMMENTS)
    found: dict[str, list[str]] = defaultdict(list)
    for row in session.execute(query.order_by(numbered.c.case_number, numbered.c.place)):
        found[row.case_number].append(str(row.detail.get("text", "")))
    return {number: tuple(texts) for number, texts in found.items()}


def _participants(session: Session, cases: Sequence[CaseBrief]) -> dict[str, tuple[Contact, ...]]:
    """The contacts who take part in each case: active ones who still belong to its account."""
    account = {one.number: one.account_id for one in cases}
    query = (
        select(col(ParticipantRow.case_number), col(ParticipantRow.contact_id))
        .add_columns(col(MembershipRow.account_id))
        .join(MembershipRow, col(MembershipRow.contact_id) == col(ParticipantRow.contact_id))
        .where(col(ParticipantRow.case_number).in_(sorted(account)))
    )
    found: dict[str, set[str]] = defaultdict(set)
    for number, contact, member_of in session.execute(query):
        if account[number] == member_of:
            found[number].add(contact)
    people = whole_contacts(session, {one for ids in found.values() for one in ids})
    known = {one.id: one for one in people if one.active}
    return {
        number: tuple(known[one] for one in sorted(ids) if one in known)
        for number, ids in found.items()
    }


def _files(session: Session, numbers: Sequence[str]) -> dict[str, tuple[FileRef, ...]]:
    """The files of each case, the oldest first, without the pictures inside texts."""
    place = func.row_number().over(
        partition_by=col(AttachmentRow.case_number), order_by=col(AttachmentRow.id)
    )
    numbered = (
        select(stored_id(AttachmentRow.id).label("id"), place.label("place"))
        .where(col(AttachmentRow.case_number).in_(numbers), ~col(AttachmentRow.inline))
        .subquery()
    )
    first = select(numbered.c.id).where(numbered.c.place <= MAX_FILES)
    query = select(AttachmentRow).where(col(AttachmentRow.id).in_(first))
    found: dict[str, list[FileRef]] = defaultdict(list)
    for one in session.scalars(query.order_by(col(AttachmentRow.id))):
        waits = one.reason or "it waits for the virus scanner"
        note = "" if one.state == FileState.STORED else waits
        kind = one.detected_type or one.declared_type
        found[one.case_number].append(FileRef(one.name, kind, one.size, one.sha256, note))
    return {number: tuple(files) for number, files in found.items()}


def _desk_mails(
    session: Session, numbers: Sequence[str], desks: set[str]
) -> dict[str, dict[str, LastLetter]]:
    """The newest mail of each of those desks about each case."""
    found: dict[str, dict[str, LastLetter]] = defaultdict(dict)
    query = (
        select(
            col(MessageRow.case_number), col(MessageRow.sender), col(MessageRow.message_id),
            col(MessageRow.subject),
        )
        .where(
            col(MessageRow.case_number).in_(numbers), col(MessageRow.sender).in_(sorted(desks)),
            col(MessageRow.status) == MessageStatus.HANDLED, col(MessageRow.message_id) != "",
        )
        .order_by(col(MessageRow.id))
    )  # fmt: skip
    for number, sender, message_id, subject in session.execute(query) if desks else ():
        found[number][sender] = LastLetter(message_id, subject, sender)
    return found


def _accounts(session: Session, cases: Sequence[CaseBrief]) -> dict[str, str]:
    ids = sorted({one.account_id for one in cases})
    query = select(col(AccountRow.id), col(AccountRow.name)).where(col(AccountRow.id).in_(ids))
    return {row[0]: row[1] for row in session.execute(query)}
