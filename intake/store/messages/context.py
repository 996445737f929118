"""All stored data that a decision about one mail may need, in a fixed number of queries."""

from __future__ import annotations

import hashlib
from datetime import datetime

from sqlalchemy import Select, and_, case, func, literal_column, or_, select
from sqlmodel import col

from intake.mail.addresses import ascii_lower
from intake.model.accounts import Contact
from intake.model.cases import CaseBrief, CaseLine, CaseList, PendingForm, StoredField
from intake.model.context import Keys, Known, SaidLine, SentLetter, Twin
from intake.model.states import CASE_OVER, CaseStatus, MessageStatus, RequestState
from intake.store.cases.write import next_number
from intake.store.contacts import suppressions
from intake.store.contacts.read import whole_accounts, whole_contacts
from intake.store.engine import Session
from intake.store.handover.conversation import OPEN_TO_ALL
from intake.store.incidents import notice_lookup, read
from intake.store.messages import answered_questions, rate_counts, staff_lookup
from intake.store.sql import stored_id, unindexed
from intake.store.tables.cases import CaseFieldRow, CaseRow, PendingFormRow
from intake.store.tables.contacts import (
    ContactEmailRow,
    ContactRow,
    MembershipRow,
)
from intake.store.tables.handover import ConversationRow
from intake.store.tables.messages import NOBODY, AttachmentRow, MessageRow
from intake.store.tables.outbox import OutboxRow

MAX_SENT = 3  # the most letters that one mail may quote
MAX_SAID = 30  # lines of a conversation in a letter
MAX_LISTED = 50  # cases in one letter
HANDLED = (
    MessageStatus.HANDLED,
    MessageStatus.IGNORED,
)  # a held, dropped or rejected mail does not hide a later copy


def message_id_hash(message_id: str) -> str:
    """The lookup key of a Message-ID of any length; empty if there is none."""
    return hashlib.sha256(message_id.encode()).hexdigest() if message_id else ""


def look_up(
    session: Session, keys: Keys, now: datetime, case_prefix: str = "CASE-", not_row: int = 0
) -> Known:
    """What is known about the mail with those keys. ``not_row`` is its own row if judged again.

    The next number is read first. In a write transaction this locks its row until the end. If two
    workers have the same mail, the second one therefore sees the first one's result.
    """
    number = next_number(session)
    contacts = whole_contacts(session, _contact_ids(session, keys.sender))
    account_ids = sorted({m.account_id for contact in contacts for m in contact.memberships})
    accounts = whole_accounts(session, account_ids)
    in_force = [one.id for one in accounts if one.active]
    twin = _twin(session, keys, not_row)
    referred, also = _referred(session, keys, contacts, twin)
    owners = [contact.id for contact in contacts]
    listed = _listed(session, keys, in_force, owners) if keys.list_state != "-" else CaseList()
    staff = staff_lookup.about(session, keys, referred, owners)
    colleagues = staff.pop("colleagues", ())
    if keys.names_contact and not colleagues:
        colleagues = _colleagues(session, account_ids, {contact.id for contact in contacts})
    return Known(
        contacts=contacts,
        accounts=accounts,
        colleagues=colleagues,
        domain_registered=_domain_registered(session, keys.sender),
        case=referred,
        also_named=also,
        pending=_pending(session, referred.number)
        if referred
        else _blank_form(session, keys.form_ids),
        sent_texts=_sent_texts(session, referred.number, keys.outbox_ids) if referred else (),
        comments=rate_counts.comments(session, referred.number) if referred else (),
        listed=listed,
        twin=twin,
        recent=rate_counts.of_late(session, owners, account_ids, keys, now),
        next_number=f"{case_prefix}{number}",
        returned=_returned(session, keys),
        incidents=read.open_ones(session, approved=keys.only_approved),
        replies=rate_counts.replies(session, owners, keys, now),
        domain_accepted=bool(contacts) and suppressions.domain_accepted(session, keys.sender),
        stopped=suppressions.stopped(session, keys.sender, now) if contacts else "",
        namesake=None if contacts else answered_questions.namesake(session, keys, now),
        is_own_letter=suppressions.was_sent(session, keys.own_id, keys.sender),
        **answered_questions.answered(session, keys, owners, now),
        said=_said(session, listed) if keys.list_number else (),
        other_case=_case(session, (keys.other_number,)) if keys.other_number else None,
        **staff,
        **notice_lookup.about(session, keys, account_ids),
    )


def _referred(
    session: Session, keys: Keys, contacts: tuple[Contact, ...], twin: Twin | None
) -> tuple[CaseBrief | None, tuple[str, ...]]:
    """The case that a mail is about, and the other ones of the sender that its subject names.

    A reference that only we can have written counts first. Anyone can write a Message-ID of
    another person or the number of a case, so these count only for cases of the sender's own
    accounts: first the mail that it answers, then the number in its subject.
    """
    found = _case(session, keys.case_numbers)
    if found is None and not contacts and staff_lookup.is_staff(session, keys.sender):
        return _case(session, keys.plain_numbers), ()
    if found is not None or not contacts:
        return found, ()
    threads = (twin.case_number,) if twin and twin.altered else _threads(session, keys.thread_ids)
    for number in threads:
        one = _case(session, (number,))
        if one is not None and any(map(one.is_for, contacts)):
            return one, ()
    named = [_case(session, (number,)) for number in keys.plain_numbers]
    own = {one.number: one for one in named if one and any(map(one.is_for, contacts))}
    return next(iter(own.values()), None), tuple(own)[1:]


def _threads(session: Session, ids: tuple[str, ...]) -> tuple[str, ...]:
    """The cases that came of the mails with those Message-IDs, in that order."""
    if not ids:
        return ()
    hashes = [message_id_hash(one) for one in ids]
    query = select(col(MessageRow.message_id_hash), col(MessageRow.case_number)).where(
        col(MessageRow.message_id_hash).in_(hashes),
        col(MessageRow.case_number) != "",
        col(MessageRow.status) == MessageStatus.HANDLED,
    )
    found = {row[0]: row[1] for row in session.execute(query)}
    return tuple(dict.fromkeys(found[one] for one in hashes if one in found))


def _contact_ids(session: Session, sender: str) -> list[str]:
    if not sender:
        return []
    query = select(col(ContactEmailRow.contact_id)).where(
        col(ContactEmailRow.key) == sender, col(ContactEmailRow.verified)
    )
    return list(session.scalars(query))


def _returned(session: Session, keys: Keys) -> SentLetter | None:
    """The newest of our letters that a program's mail names."""
    notice = notice_lookup.returned(session, keys)
    if notice is not None or not (keys.return_ids or keys.return_letters):
        return notice
    named = col(OutboxRow.message_id_header).in_(keys.return_ids)
    own = col(OutboxRow.id).in_(keys.return_letters)
    query = select(OutboxRow).where(or_(named, own)).order_by(own.desc(), col(OutboxRow.id).desc())
    row = session.scalar(query.limit(1))
    if row is None:
        return None
    return SentLetter(
        row.message_id_header, row.kind, ascii_lower(row.recipient), row.contact_id,
        row.case_number, by_address=row.id in keys.return_letters, sent_at=row.created_at,
    )  # fmt: skip


def _colleagues(session: Session, accounts: list[str], own: set[str]) -> tuple[Contact, ...]:
    if not accounts:
        return ()
    query = (
        select(col(MembershipRow.contact_id))
        .join(ContactRow, col(ContactRow.id) == col(MembershipRow.contact_id))
        .where(col(MembershipRow.account_id).in_(accounts), col(ContactRow.active).is_(True))
    )
    return whole_contacts(session, set(session.scalars(query)) - own)


def _domain_registered(session: Session, sender: str) -> bool:
    if not sender:
        return False
    domain = sender.rpartition("@")[2]
    query = select(col(ContactEmailRow.key)).where(col(ContactEmailRow.domain) == domain).limit(1)
    return session.scalar(query) is not None


def _case(session: Session, numbers: tuple[str, ...]) -> CaseBrief | None:
    """The first of the referenced cases that exists."""
    if not numbers:
        return None
    rows = {
        row.number: row
        for row in session.scalars(select(CaseRow).where(col(CaseRow.number).in_(numbers)))
    }
    row = next((rows[number] for number in numbers if number in rows), None)
    if row is not None and row.merged_into:
        row = session.get(CaseRow, row.merged_into)
    if row is None:
        return None
    fields = session.scalars(
        select(CaseFieldRow).where(col(CaseFieldRow.case_number) == row.number)
    )
    return CaseBrief(
        number=row.number,
        account_id=row.account_id,
        contact_id=row.contact_id,
        submitted_by=row.submitted_by,
        type=row.type,
        priority=row.priority,
        department=row.department,
        status=row.status,
        subject=row.subject,
        description=row.description,
        fields={one.name: StoredField(one.value, one.words, one.source) for one in fields},
        closed_at=row.closed_at,
        incident=row.incident_id,
        received_at=row.received_at,
        owner=row.owner,
        answered_at=row.answered_at,
    )


def _listed(session: Session, keys: Keys, accounts: list[str], owners: list[str]) -> CaseList:
    """The cases of those accounts, newest first, and no others.

    A case whose account is not known yet belongs only to its writer.
    """
    submitted_by = col(CaseRow.submitted_by)
    writer = case((submitted_by != "", submitted_by), else_=col(CaseRow.contact_id))
    theirs = and_(col(CaseRow.account_id) == NOBODY, writer.in_(owners))
    wanted = [or_(col(CaseRow.account_id).in_(accounts), theirs)]
    if keys.list_state:
        closed = col(CaseRow.status).in_(CASE_OVER)
        wanted.append(closed if keys.list_state == "closed" else ~closed)
    if keys.list_number:
        wanted.append(col(CaseRow.number) == keys.list_number)
    query = select(CaseRow).where(*wanted).order_by(col(CaseRow.message_id).desc())
    rows = list(session.scalars(query.limit(MAX_LISTED)))
    more = 0
    if len(rows) == MAX_LISTED:
        count = select(func.count()).select_from(CaseRow).where(*wanted)
        more = (session.scalar(count) or 0) - len(rows)
    drafts = [row.number for row in rows if row.status == CaseStatus.DRAFT]
    asked = {number: one.asked for number in drafts if (one := _pending(session, number))}
    lines = (
        CaseLine(
            row.number, row.account_id, row.type, row.subject, row.status, row.received_at,
            row.updated_at, asked.get(row.number, ()),
        )
        for row in rows
    )  # fmt: skip
    return CaseList(tuple(lines), more)


def _said(session: Session, listed: CaseList) -> tuple[SaidLine, ...]:
    """What was said in the case, if exactly one is listed; nothing that only staff may read."""
    if len(listed.cases) != 1 or listed.more:
        return ()
    rows = (
        select(ConversationRow)
        .where(
            col(ConversationRow.case_number) == listed.cases[0].number,
            col(ConversationRow.kind).in_(OPEN_TO_ALL),
        )
        .order_by(col(ConversationRow.id).desc())
        .limit(MAX_SAID)
    )
    found = [SaidLine(one.at, one.name, one.text) for one in session.scalars(rows)]
    return tuple(reversed(found))


def _sent_texts(session: Session, number: str, ids: tuple[str, ...]) -> tuple[str, ...]:
    """The texts of our letters that a mail may quote: those it names, and the newest one."""
    merged = select(col(CaseRow.number)).where(
        col(CaseRow.merged_into) == number,
        col(CaseRow.merged_into) != literal_column("''"),  # so ix_cases_merged is used
    )
    numbers = (number, *session.scalars(merged))
    columns = select(col(OutboxRow.text)).where(col(OutboxRow.case_number).in_(numbers))
    named = columns.where(col(OutboxRow.message_id_header).in_(ids[:MAX_SENT]))
    theirs = columns.where(col(OutboxRow.contact_id) != "")
    newest = theirs.order_by(col(OutboxRow.id).desc()).limit(1)
    found = (*(session.scalars(named) if ids else ()), *session.scalars(newest))
    return tuple(dict.fromkeys(found))


def _blank_form(session: Session, ids: tuple[str, ...]) -> PendingForm | None:
    """The blank form that a mail answers, as it was sent."""
    if not ids:
        return None
    query = (
        select(OutboxRow)
        .where(col(OutboxRow.message_id_header).in_(ids), col(OutboxRow.kind) == "form")
        .order_by(col(OutboxRow.id).desc())
        .limit(1)
    )
    row = session.scalar(query)
    if row is None:
        return None
    return PendingForm("", row.contact_id, (), row.message_id_header, row.text, 0)


def _pending(session: Session, number: str) -> PendingForm | None:
    """The newest open request about that case."""
    query = (
        select(PendingFormRow)
        .where(
            col(PendingFormRow.case_number) == number,
            col(PendingFormRow.state) == RequestState.OPEN,
        )
        .order_by(col(PendingFormRow.id).desc())
        .limit(1)
    )
    row = session.scalar(query)
    if row is None:
        return None
    return PendingForm(
        row.case_number,
        row.contact_id,
        tuple(row.asked),
        row.message_id_header,
        row.text,
        row.round,
    )


def _twin(session: Session, keys: Keys, not_row: int) -> Twin | None:
    """An earlier mail with the same bytes, or with the same Message-ID, body and sender.

    Otherwise one with the same DKIM signature and sender: the same mail sent again with additions.
    """
    base = (
        select(stored_id(MessageRow.id), col(MessageRow.case_number), col(MessageRow.status))
        .where(col(MessageRow.id) != not_row)
        .order_by(col(MessageRow.id))
        .limit(1)
    )
    row = session.execute(
        base.where(col(MessageRow.digest) == keys.digest, unindexed(MessageRow.status).in_(HANDLED))
    ).first()
    if row is None and keys.message_id and keys.sender:
        row = session.execute(
            base.where(
                col(MessageRow.message_id_hash) == message_id_hash(keys.message_id),
                col(MessageRow.body_digest) == keys.body_digest,
                unindexed(MessageRow.sender) == keys.sender,
                unindexed(MessageRow.status) == MessageStatus.HANDLED,
            )
        ).first()
    if row is None and keys.signatures and keys.sender:
        row = session.execute(
            base.where(
                col(MessageRow.signature_hash).in_(keys.signatures),
                unindexed(MessageRow.sender) == keys.sender,
                unindexed(MessageRow.status) == MessageStatus.HANDLED,
            )
        ).first()
    if row is not None:
        return Twin(row[0], row[1], row[2])
    return _altered(session, keys, base) if keys.message_id and keys.sender else None


def _altered(session: Session, keys: Keys, base: Select[int, str, str]) -> Twin | None:
    """The same mail of the same sender and Date that a gateway or a scanner has changed."""
    if keys.dated is None:
        return None
    row = session.execute(
        base.where(
            col(MessageRow.message_id_hash) == message_id_hash(keys.message_id),
            unindexed(MessageRow.sender) == keys.sender,
            col(MessageRow.dated) == keys.dated,
            col(MessageRow.contact_id) != "",
            unindexed(MessageRow.status) == MessageStatus.HANDLED,
        )
    ).first()
    if row is None:
        return None
    files = select(col(AttachmentRow.sha256)).where(col(AttachmentRow.message_id) == row[0])
    return Twin(row[0], row[1], row[2], altered=True, files=frozenset(session.scalars(files)))
