"""Queries for operators: lists, single items, and the state of the service."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session
from sqlmodel import col

from intake.model.accounts import NOTHING_MUST, MustReach
from intake.model.health import Trouble
from intake.model.states import DeliveryState, LetterState, MessageStatus
from intake.store import webhooks as hooks
from intake.store.contacts import undeliverable as unreachable
from intake.store.sql import Row
from intake.store.tables.cases import CaseFieldRow, CaseRow
from intake.store.tables.contacts import AccountRow, ContactRow
from intake.store.tables.incidents import IncidentRow
from intake.store.tables.messages import AttachmentRow, MailboxRow, MessageRow
from intake.store.tables.outbox import EventRow, OutboxRow


@dataclass(frozen=True, slots=True)
class Status:
    """The state of the service in numbers."""

    messages: dict[str, int]  # by status
    cases: dict[str, int]  # by status
    letters: dict[str, int]  # by state
    oldest_held: datetime | None
    flagged: int  # cases a person should look at
    mailboxes: list[Row]
    hooks: dict[str, int] = field(default_factory=dict)  # deliveries of events by state
    unreachable: int = 0  # Authorized contacts whose mail bounces
    not_handed_over: int = 0  # mails that a server lists but does not deliver; tried again

    @property
    def needs_attention(self) -> bool:
        """True if something failed or waits for an operator."""
        failed = self.letters.get(LetterState.FAILED, 0) + self.hooks.get(DeliveryState.FAILED, 0)
        return bool(
            failed or self.waiting or self.failing or self.flagged or self.unreachable
            or self.not_handed_over
        )  # fmt: skip

    @property
    def waiting(self) -> int:
        """The number of mails that wait for an operator."""
        return self.messages.get(MessageStatus.HELD, 0) + self.messages.get(
            MessageStatus.SHELVED, 0
        )

    @property
    def failing(self) -> list[str]:
        """Mailboxes whose last pass failed."""
        return [box["name"] for box in self.mailboxes if box["failing_since"]]


def failing_mailboxes(session: Session, names: Sequence[str]) -> list[Trouble]:
    """Those of the named mailboxes whose last pass failed."""
    query = (
        select(MailboxRow)
        .where(col(MailboxRow.name).in_(names), col(MailboxRow.failing_since).is_not(None))
        .order_by(col(MailboxRow.name))
    )
    rows = session.scalars(query)
    return [Trouble(f"mailbox {one.name}", one.failure, one.failing_since) for one in rows]


def as_dict(row: Any, *left_out: str) -> dict[str, object]:
    """A row as plain values, datetimes as ISO 8601."""
    values = row.model_dump(exclude=set(left_out))
    return {key: _plain(value) for key, value in values.items()}


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value


def status(session: Session, must: MustReach = NOTHING_MUST) -> Status:
    """Counts by state and the mailboxes' last words."""
    held = select(func.min(MessageRow.received_at)).where(
        col(MessageRow.status) == MessageStatus.HELD
    )
    flagged = select(func.count()).select_from(CaseRow).where(col(CaseRow.flag) != "")
    kept = select(func.count()).where(
        col(MessageRow.status) == MessageStatus.DEFERRED, col(MessageRow.digest) == ""
    )
    boxes = session.scalars(select(MailboxRow).order_by(MailboxRow.name))
    return Status(
        messages=_counts(session, MessageRow.status),
        cases=_counts(session, CaseRow.status),
        letters=_counts(session, OutboxRow.state),
        oldest_held=session.scalar(held),
        flagged=session.scalar(flagged) or 0,
        mailboxes=[as_dict(box) for box in boxes],
        hooks=hooks.totals(session),
        unreachable=unreachable.count(session, must),
        not_handed_over=session.scalar(kept) or 0,
    )


def _counts(session: Session, column: Any) -> dict[str, int]:
    return {
        row[0]: row[1] for row in session.execute(select(column, func.count()).group_by(column))
    }


def messages(session: Session, *, state: str = "", limit: int = 50, before: int = 0) -> list[Row]:
    """The ledger, newest first; ``before`` is the id to go on from."""
    query = select(MessageRow).order_by(col(MessageRow.id).desc()).limit(limit)
    if state:
        query = query.where(col(MessageRow.status) == state)
    if before:
        query = query.where(col(MessageRow.id) < before)
    left_out = ("evidence", "submission", "failure")
    return [as_dict(row, *left_out) for row in session.scalars(query)]


def message(session: Session, message_id: int) -> Row | None:
    """One mail with its evidence, files, history and letters."""
    row = session.get(MessageRow, message_id)
    if row is None:
        return None
    files = select(AttachmentRow).where(col(AttachmentRow.message_id) == message_id)
    letters = select(OutboxRow).where(col(OutboxRow.message_id) == message_id)
    return {
        **as_dict(row),
        "attachments": list({one.part: as_dict(one) for one in session.scalars(files)}.values()),
        "cases": _cases_of(session, row),
        "events": _events(session, EventRow.message_id, message_id),
        "letters": [as_dict(one, "raw") for one in session.scalars(letters)],
    }


def _cases_of(session: Session, row: MessageRow) -> list[str]:
    """The cases that the mail opened or changed: one, or one for each matter in it."""
    query = (
        select(col(EventRow.case_number))
        .where(
            col(EventRow.message_id) == row.id,
            col(EventRow.kind) == "decided",
            col(EventRow.case_number) != "",
        )
        .order_by(col(EventRow.id))
    )
    found = (row.case_number, *session.scalars(query))
    return [number for number in dict.fromkeys(found) if number]


def _events(session: Session, column: Any, value: object) -> list[dict[str, object]]:
    query = select(EventRow).where(column == value).order_by(col(EventRow.id))
    return [as_dict(row) for row in session.scalars(query)]


def cases(session: Session, *, state: str = "", account: str = "", limit: int = 50) -> list[Row]:
    """Cases, newest first."""
    query = select(CaseRow).order_by(col(CaseRow.message_id).desc()).limit(limit)
    if state:
        query = query.where(col(CaseRow.status) == state)
    if account:
        query = query.where(col(CaseRow.account_id) == account)
    return [as_dict(row, "description") for row in session.scalars(query)]


def case(session: Session, number: str) -> Row | None:
    """One case with its fields, files, history and letters."""
    row = session.get(CaseRow, number)
    if row is None:
        return None
    fields = select(CaseFieldRow).where(col(CaseFieldRow.case_number) == number)
    files = select(AttachmentRow).where(col(AttachmentRow.case_number) == number)
    letters = select(OutboxRow).where(col(OutboxRow.case_number) == number)
    return {
        **as_dict(row),
        "fields": {
            one.name: as_dict(one, "case_number", "name") for one in session.scalars(fields)
        },
        "attachments": [as_dict(one) for one in session.scalars(files)],
        "events": _events(session, EventRow.case_number, number),
        "letters": [as_dict(one, "raw", "text") for one in session.scalars(letters)],
        **_names(session, row),
    }


def _names(session: Session, row: CaseRow) -> Row:
    """The names behind the ids in a case and its history."""
    writers = select(col(EventRow.who)).where(col(EventRow.case_number) == row.number)
    people = select(col(ContactRow.id), col(ContactRow.name)).where(
        or_(col(ContactRow.id).in_((row.contact_id, row.submitted_by)),
            col(ContactRow.id).in_(writers))
    )  # fmt: skip
    account = session.get(AccountRow, row.account_id)
    incident = session.get(IncidentRow, row.incident_id) if row.incident_id else None
    return {
        "people": {one[0]: one[1] for one in session.execute(people)},
        "account_name": account.name if account is not None else "",
        "incident_title": incident.title if incident is not None else "",
    }


def case_numbers(session: Session, *, since: datetime | None = None) -> list[str]:
    """The numbers of all cases changed since then, in order of creation."""
    query = select(col(CaseRow.number)).order_by(col(CaseRow.message_id))
    if since is not None:
        query = query.where(col(CaseRow.updated_at) >= since)
    return list(session.scalars(query))


def letters(session: Session, *, state: str = "", limit: int = 50) -> list[Row]:
    """The outbox, newest first, without the bytes."""
    query = select(OutboxRow).order_by(col(OutboxRow.id).desc()).limit(limit)
    if state:
        query = query.where(col(OutboxRow.state) == state)
    return [as_dict(row, "raw", "text") for row in session.scalars(query)]


def letter(session: Session, letter_id: int) -> dict[str, object] | None:
    """One letter with its text."""
    row = session.get(OutboxRow, letter_id)
    return None if row is None else as_dict(row, "raw")
