"""Lists for operators: filtered, newest first, in pages, with the number of all matches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import ColumnElement
from sqlmodel import col

from intake.store.reports import as_dict
from intake.store.sql import Row
from intake.store.tables.cases import CaseRow
from intake.store.tables.contacts import AccountRow, ContactRow
from intake.store.tables.messages import MessageRow
from intake.store.tables.outbox import OutboxRow


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list is wanted."""

    limit: int = 50
    number: int = 1  # the first page

    @property
    def offset(self) -> int:
        """Rows before this page."""
        return (self.number - 1) * self.limit


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of a list."""

    rows: list[Row]
    total: int  # of all pages
    page: Page


@dataclass(frozen=True, slots=True)
class MessagesWanted:
    """Which mails to list; an empty value restricts nothing."""

    status: str = ""
    rule: str = ""
    sender: str = ""  # a part of the address
    account: str = ""
    contact: str = ""
    case: str = ""
    mailbox: str = ""
    since: datetime | None = None
    until: datetime | None = None
    text: str = ""  # a part of the subject or of the sender
    ids: Sequence[int] = field(default=())

    def conditions(self) -> list[ColumnElement[bool]]:
        """The same as conditions on the table."""
        row = MessageRow
        exact = (
            (row.status, self.status), (row.rule, self.rule), (row.account_id, self.account),
            (row.contact_id, self.contact), (row.case_number, self.case.upper()),
            (row.mailbox, self.mailbox),
        )  # fmt: skip
        found = [col(column) == value for column, value in exact if value]
        if self.sender:
            found.append(_contains(row.sender, self.sender))
        if self.text:
            found.append(or_(_contains(row.subject, self.text), _contains(row.sender, self.text)))
        if self.ids:
            found.append(col(row.id).in_(self.ids))
        return found + _between(row.received_at, self.since, self.until)


@dataclass(frozen=True, slots=True)
class CasesWanted:
    """Which cases to list; an empty value restricts nothing."""

    status: str = ""
    account: str = ""
    contact: str = ""
    department: str = ""
    type: str = ""
    priority: str = ""
    incident: str = ""
    since: datetime | None = None
    until: datetime | None = None
    text: str = ""  # a part of the subject or description
    owner: str = ""  # id of the staff member
    flagged: bool = False
    numbers: Sequence[str] | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """The same as conditions on the table."""
        row = CaseRow
        exact = (
            (row.status, self.status), (row.account_id, self.account), (row.type, self.type),
            (row.contact_id, self.contact), (row.department, self.department),
            (row.priority, self.priority), (row.incident_id, self.incident.upper()),
            (row.owner, self.owner),
        )  # fmt: skip
        found = [col(column) == value for column, value in exact if value]
        if self.text:
            parts = (_contains(row.subject, self.text), _contains(row.description, self.text))
            found.append(or_(*parts))
        if self.flagged:
            found.append(col(row.flag) != "")
        if self.numbers is not None:
            found.append(col(row.number).in_(self.numbers))
        return found + _between(row.received_at, self.since, self.until)


@dataclass(frozen=True, slots=True)
class LettersWanted:
    """Which letters to list; an empty value restricts nothing."""

    state: str = ""
    kind: str = ""
    recipient: str = ""  # a part of the address
    case: str = ""
    since: datetime | None = None
    ids: Sequence[int] = field(default=())

    def conditions(self) -> list[ColumnElement[bool]]:
        """The same as conditions on the table."""
        row = OutboxRow
        exact = (
            (row.state, self.state),
            (row.kind, self.kind),
            (row.case_number, self.case.upper()),
        )
        found = [col(column) == value for column, value in exact if value]
        if self.recipient:
            found.append(_contains(row.recipient, self.recipient))
        if self.ids:
            found.append(col(row.id).in_(self.ids))
        return found + _between(row.created_at, self.since, None)


def _contains(column: Any, text: str) -> ColumnElement[bool]:
    """Whether the column holds the text; upper and lower case letters are the same."""
    return col(column).icontains(text, autoescape=True)


def _between(
    column: Any, since: datetime | None, until: datetime | None
) -> list[ColumnElement[bool]]:
    found = []
    if since is not None:
        found.append(col(column) >= since)
    if until is not None:
        found.append(col(column) < until)
    return found


def messages(session: Session, wanted: MessagesWanted, page: Page) -> Listed:
    """Mails, newest first."""
    left_out = ("evidence", "submission", "failure")
    query = select(MessageRow).where(*wanted.conditions()).order_by(col(MessageRow.id).desc())
    found = session.scalars(query.limit(page.limit).offset(page.offset))
    rows = [as_dict(row, *left_out) for row in found]
    return Listed(rows, _total(session, MessageRow, wanted.conditions()), page)


def message_ids(session: Session, wanted: MessagesWanted, limit: int) -> list[int]:
    """The ids of all mails that match, oldest first."""
    query = select(col(MessageRow.id)).where(*wanted.conditions()).order_by(col(MessageRow.id))
    return [one for one in session.scalars(query.limit(limit)) if one is not None]


def cases(session: Session, wanted: CasesWanted, page: Page) -> Listed:
    """Cases with the names of account and contact, newest first."""
    query = (
        select(CaseRow, col(AccountRow.name), col(ContactRow.name))
        .join(AccountRow, col(AccountRow.id) == col(CaseRow.account_id), isouter=True)
        .join(ContactRow, col(ContactRow.id) == col(CaseRow.contact_id), isouter=True)
        .where(*wanted.conditions())
        .order_by(col(CaseRow.message_id).desc(), col(CaseRow.number).desc())
    )
    rows = [
        {**as_dict(row, "description"), "account": account or "", "contact": contact or ""}
        for row, account, contact in session.execute(query.limit(page.limit).offset(page.offset))
    ]
    return Listed(rows, _total(session, CaseRow, wanted.conditions()), page)


def letters(session: Session, wanted: LettersWanted, page: Page) -> Listed:
    """The outbox, newest first, without the bytes."""
    query = select(OutboxRow).where(*wanted.conditions()).order_by(col(OutboxRow.id).desc())
    found = session.scalars(query.limit(page.limit).offset(page.offset))
    rows = [as_dict(row, "raw", "text") for row in found]
    return Listed(rows, _total(session, OutboxRow, wanted.conditions()), page)


def letter_ids(session: Session, wanted: LettersWanted, limit: int) -> list[int]:
    """The ids of all letters that match, oldest first."""
    query = select(col(OutboxRow.id)).where(*wanted.conditions()).order_by(col(OutboxRow.id))
    return [one for one in session.scalars(query.limit(limit)) if one is not None]


def _total(session: Session, table: type, conditions: Sequence[ColumnElement[bool]]) -> int:
    counted = select(func.count()).select_from(table).where(*conditions)
    return session.scalar(counted) or 0
