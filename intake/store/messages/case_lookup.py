"""What the store knows about a single case or letter that a mail refers to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import and_, case, func, or_, select
from sqlmodel import col

from intake.mail.addresses import ascii_lower
from intake.model.cases import CaseBrief, CaseLine, CaseList, PendingForm, StoredField
from intake.model.context import Keys, SaidLine, SentLetter
from intake.model.states import CASE_OVER, CaseStatus, RequestState
from intake.store.engine import Session
from intake.store.handover.conversation import OPEN_TO_ALL
from intake.store.incidents import notice_lookup
from intake.store.tables.cases import CaseFieldRow, CaseRow, PendingFormRow
from intake.store.tables.handover import ConversationRow
from intake.store.tables.messages import NOBODY
from intake.store.tables.outbox import OutboxRow

MAX_SAID = 30  # lines of a conversation in a letter
MAX_LISTED = 50  # cases in one letter


def briefs(session: Session, numbers: Iterable[str]) -> dict[str, CaseBrief]:
    """Those cases that exist, by number; for a merged one, the case in which it goes on."""
    wanted = sorted(set(numbers))
    rows = (
        {
            row.number: row
            for row in session.scalars(select(CaseRow).where(col(CaseRow.number).in_(wanted)))
        }
        if wanted
        else {}
    )
    further = sorted({row.merged_into for row in rows.values() if row.merged_into} - set(rows))
    goes_on = dict(rows)
    if further:
        query = select(CaseRow).where(col(CaseRow.number).in_(further))
        goes_on |= {row.number: row for row in session.scalars(query)}
    fields: dict[str, dict[str, StoredField]] = {}
    found = select(CaseFieldRow).where(col(CaseFieldRow.case_number).in_(sorted(goes_on)))
    for one in session.scalars(found) if goes_on else ():
        stored = StoredField(one.value, one.words, one.source)
        fields.setdefault(one.case_number, {})[one.name] = stored
    made = {number: _brief(row, fields.get(number, {})) for number, row in goes_on.items()}
    ends = {number: row.merged_into or number for number, row in rows.items()}
    return {number: made[end] for number, end in ends.items() if end in made}


def _brief(row: CaseRow, fields: dict[str, StoredField]) -> CaseBrief:
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
        fields=fields,
        closed_at=row.closed_at,
        incident=row.incident_id,
        received_at=row.received_at,
        owner=row.owner,
        answered_at=row.answered_at,
    )


def returned(session: Session, keys: Keys) -> SentLetter | None:
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


def listed(session: Session, keys: Keys, accounts: list[str], owners: list[str]) -> CaseList:
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
    missing = asked(session, drafts)
    lines = (
        CaseLine(
            row.number, row.account_id, row.type, row.subject, row.status, row.received_at,
            row.updated_at, missing.get(row.number, ()),
        )
        for row in rows
    )  # fmt: skip
    return CaseList(tuple(lines), more)


def said(session: Session, listed: CaseList) -> tuple[SaidLine, ...]:
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


def blank_form(session: Session, ids: tuple[str, ...]) -> PendingForm | None:
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


def asked(session: Session, numbers: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """What the newest open request about each case asks for."""
    query = (
        select(col(PendingFormRow.case_number), col(PendingFormRow.asked))
        .where(
            col(PendingFormRow.case_number).in_(numbers),
            col(PendingFormRow.state) == RequestState.OPEN,
        )
        .order_by(col(PendingFormRow.id))
    )
    return {row[0]: tuple(row[1]) for row in session.execute(query)} if numbers else {}
