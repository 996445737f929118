"""What an operator writes into cases: values, notes, other owners, new and merged cases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select, update
from sqlmodel import col

from intake.model.authorship import By
from intake.model.states import CASE_OVER, CaseStatus, RequestState
from intake.parsers.submission import FieldValue
from intake.store.cases.write import next_number
from intake.store.engine import Session
from intake.store.sql import clean, clean_all, upsert
from intake.store.tables.cases import CaseFieldRow, CaseRow, CounterRow, PendingFormRow
from intake.store.tables.contacts import AccountRow, ContactRow, MembershipRow
from intake.store.tables.messages import AttachmentRow
from intake.store.tables.outbox import EventRow

COLUMNS = ("type", "priority", "department", "subject", "description", "billable", "flag")
MAX_NOTE_CHARS = 20_000


class CaseError(Exception):
    """The change is impossible, and nothing was changed; one line."""


@dataclass(frozen=True, slots=True)
class NewCase:
    """A case that an operator opens, for example for a caller on the phone."""

    account_id: str
    contact_id: str
    type: str
    priority: str
    department: str
    subject: str
    description: str = ""
    billable: bool = False
    fields: Mapping[str, FieldValue] = field(default_factory=dict)


def find(session: Session, number: str) -> CaseRow:
    """The case of that number. Raises CaseError."""
    row = session.get(CaseRow, number)
    if row is None:
        raise CaseError(f"there is no case {number!r}; `intake cases list` shows all")
    return row


def set_columns(
    session: Session, number: str, new: Mapping[str, object], by: By, why: str = ""
) -> None:
    """Changes columns of COLUMNS; each change is in the history. Raises CaseError."""
    row = find(session, number)
    for name, value in new.items():
        old = getattr(row, name)
        if old == value:
            continue
        setattr(row, name, clean(value) if isinstance(value, str) else value)
        _changed(session, row, by, {"field": name, "old": old, "new": value, "why": why})
    row.updated_at = by.at


def set_fields(
    session: Session, number: str, new: Mapping[str, FieldValue], by: By, why: str = ""
) -> None:
    """Changes fields of the catalogue; each change is in the history. Raises CaseError."""
    row = find(session, number)
    for name, one in new.items():
        before = session.get(CaseFieldRow, (number, name))
        old = before.words if before is not None else ""
        values: dict[str, Any] = {
            "value": clean_all(one.value), "words": clean(one.words), "source": one.source,
            "label": "", "start": 0, "end": 0, "message_id": 0,
        }  # fmt: skip
        statement = upsert(session, CaseFieldRow).values(case_number=number, name=name, **values)
        session.execute(
            statement.on_conflict_do_update(index_elements=["case_number", "name"], set_=values)
        )
        detail = {"field": name, "old": old, "new": one.words, "why": why}
        _changed(session, row, by, detail)
    row.updated_at = by.at


def note(session: Session, number: str, text: str, by: By) -> None:
    """Adds a note for colleagues; nobody else is told. Raises CaseError."""
    row = find(session, number)
    _event(session, "note", number, by, {"text": clean(text)[:MAX_NOTE_CHARS]})
    row.updated_at = by.at


def move(session: Session, number: str, account_id: str, contact_id: str, by: By) -> None:
    """Gives the case to another account or contact; letters go to the new one. Raises CaseError."""
    row = find(session, number)
    account_id = account_id or row.account_id
    contact_id = contact_id or row.contact_id
    _check_member(session, account_id, contact_id)
    old = f"{row.contact_id} of {row.account_id}"
    row.account_id, row.contact_id, row.updated_at = account_id, contact_id, by.at
    _event(session, "moved", number, by, {"old": old, "new": f"{contact_id} of {account_id}"})


def _check_member(session: Session, account_id: str, contact_id: str) -> None:
    if session.get(AccountRow, account_id) is None:
        raise CaseError(f"there is no account {account_id!r}; `intake accounts list` shows all")
    if session.get(ContactRow, contact_id) is None:
        raise CaseError(f"there is no contact {contact_id!r}; `intake contacts list` shows all")
    if session.get(MembershipRow, (contact_id, account_id)) is None:
        raise CaseError(f"contact {contact_id} is not of account {account_id}")


def create(session: Session, made: NewCase, prefix: str, by: By) -> str:
    """Opens a case and returns its number; nobody is written to. Raises CaseError."""
    _check_member(session, made.account_id, made.contact_id)
    count = next_number(session)
    number = f"{prefix}{count}"
    row = upsert(session, CounterRow).values(name="case", value=count)
    session.execute(row.on_conflict_do_update(index_elements=["name"], set_={"value": count}))
    session.add(
        CaseRow(
            number=number, account_id=made.account_id, contact_id=made.contact_id, type=made.type,
            priority=made.priority, department=made.department, billable=made.billable,
            status=CaseStatus.OPEN, subject=clean(made.subject),
            description=clean(made.description), message_id=0, received_at=by.at,
            created_at=by.at, updated_at=by.at, waits_since=by.at,
        )
    )  # fmt: skip
    session.flush()
    for name, one in made.fields.items():
        session.add(
            CaseFieldRow(
                case_number=number, name=name, value=clean_all(one.value), words=clean(one.words),
                source=one.source, message_id=0,
            )
        )  # fmt: skip
    _event(session, "created", number, by, {})
    return number


def merge(session: Session, source: str, target: str, by: By, why: str = "") -> None:
    """Closes a case that is about the same matter as another one, in which it goes on.

    Its files and what its contact wrote are copied over, and replies to its letters reach the other
    case. Raises CaseError.
    """
    old, new = find(session, source), find(session, target)
    if source == target:
        raise CaseError(f"{source} cannot be merged into itself")
    if old.account_id != new.account_id:
        both = f"{old.account_id} and {new.account_id}"
        raise CaseError(f"the cases are of two accounts, {both}; move one of them first")
    for row in (old, new):
        if row.merged_into:
            raise CaseError(f"{row.number} was merged into {row.merged_into} already")
    session.execute(
        update(AttachmentRow)
        .where(col(AttachmentRow.case_number) == source)
        .values(case_number=target)
    )
    session.execute(
        update(CaseRow).where(col(CaseRow.merged_into) == source).values(merged_into=target)
    )
    _carry_over(session, old, target, by)
    session.execute(
        update(PendingFormRow)
        .where(
            col(PendingFormRow.case_number) == source,
            col(PendingFormRow.state) == RequestState.OPEN,
        )
        .values(state=RequestState.SUPERSEDED)
    )
    if old.status not in CASE_OVER:
        old.status, old.closed_at, old.waits_since = CaseStatus.CLOSED, by.at, None
    old.merged_into, old.flag, old.updated_at, new.updated_at = target, "", by.at, by.at
    detail = {"source": source, "target": target, "why": why}
    for number in (source, target):
        _event(session, "merged", number, by, detail)


def _carry_over(session: Session, old: CaseRow, target: str, by: By) -> None:
    """What was said in the old case, as comments of the new one."""
    said = [old.description] if old.description else []
    fields = select(CaseFieldRow).where(col(CaseFieldRow.case_number) == old.number)
    said += [f"{one.name}: {one.words}" for one in session.scalars(fields) if one.words]
    if said:
        text = "\n".join((f"from {old.number}:", *said))
        _event(session, "comment", target, By(old.contact_id, by.at), {"text": text})
    comments = select(EventRow).where(
        col(EventRow.case_number) == old.number, col(EventRow.kind).in_(("comment", "note"))
    )
    for one in session.scalars(comments.order_by(col(EventRow.id))).all():
        _event(session, one.kind, target, By(one.who, one.at), dict(one.detail))


def _changed(session: Session, row: CaseRow, by: By, detail: Mapping[str, object]) -> None:
    kept = {key: value for key, value in detail.items() if value not in ("", None) or key == "new"}
    _event(session, "changed", row.number, by, kept)


def _event(session: Session, kind: str, number: str, by: By, detail: Mapping[str, object]) -> None:
    kept = {key: value for key, value in detail.items() if not (key == "why" and not value)}
    session.add(EventRow(at=by.at, kind=kind, who=by.who, case_number=number, detail=kept))
