"""A person's rights: everything that is stored about a contact, and its erasure (GDPR 15 and 17).

Erasing keeps what the organisation needs to keep its own records true: that a mail was handled
(otherwise it could be handled twice), and that a case of an account existed, with its type, states
and times. It removes names, addresses and everything that the person wrote.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Text, cast, delete, func, literal, or_, select, update
from sqlalchemy.sql.elements import ColumnElement
from sqlmodel import SQLModel, col

from intake.model.events import WITH_PEOPLE
from intake.model.states import LetterState, MessageStatus, NoticeState, RequestState
from intake.store import search
from intake.store.contacts.directory import PeopleError
from intake.store.engine import Session
from intake.store.sql import rows_of
from intake.store.tables.cases import CaseFieldRow, CaseRow, PendingFormRow
from intake.store.tables.contacts import (
    ContactEmailRow,
    ContactRow,
    MembershipRow,
    SuppressionRow,
)
from intake.store.tables.handover import ConversationRow, ParticipantRow
from intake.store.tables.incidents import (
    HookEventRow,
    NoticePreferenceRow,
    NoticeRecipientRow,
)
from intake.store.tables.messages import AttachmentRow, MessageRow
from intake.store.tables.outbox import EventRow, OutboxRow

ERASED = "erased"  # action of a mail whose text was removed
KEPT = (
    "that each mail arrived and was handled: mailbox, UID, size, digest, times, rule, case",
    "that each case existed: number, account, type, priority, department, states and times",
    "that each letter and notice was sent: kind, times, outcome, a hash as Message-ID",
)


@dataclass(frozen=True, slots=True)
class Holdings:
    """Everything that is stored about one contact: table -> rows as plain values."""

    contact_id: str
    rows: dict[str, list[dict[str, Any]]]
    digests: tuple[str, ...]  # of the mails and files in the blob store


@dataclass(slots=True)
class Erasure:
    """What was erased: table -> rows, the new id, and the blobs that nothing needs any more."""

    contact_id: str
    counts: dict[str, int] = field(default_factory=dict)
    digests: tuple[str, ...] = ()


class _About:
    """The conditions that select a contact's rows."""

    def __init__(self, session: Session, contact_id: str) -> None:
        if session.get(ContactRow, contact_id) is None:
            wanted = "`intake contacts list` shows all"
            raise PeopleError(f"there is no contact {contact_id!r}; {wanted}")
        self.id = contact_id
        self.name = session.get_one(ContactRow, contact_id).name
        keys = select(col(ContactEmailRow.key)).where(col(ContactEmailRow.contact_id) == contact_id)
        self.keys = list(session.scalars(keys))
        self.mails = or_(
            col(MessageRow.contact_id) == contact_id, col(MessageRow.sender).in_(self.keys)
        )
        self.mail_ids = select(col(MessageRow.id)).where(self.mails)
        self.own_cases = col(CaseRow.contact_id) == contact_id
        self.numbers = select(col(CaseRow.number)).where(self.own_cases)

    def tables(self) -> dict[type[SQLModel], ColumnElement[bool]]:
        """Table -> the rows in it that are about this person."""
        fields, files, events = CaseFieldRow, AttachmentRow, EventRow
        return {
            ContactRow: col(ContactRow.id) == self.id,
            ContactEmailRow: col(ContactEmailRow.contact_id) == self.id,
            MembershipRow: col(MembershipRow.contact_id) == self.id,
            NoticePreferenceRow: or_(
                col(NoticePreferenceRow.contact_id) == self.id,
                col(NoticePreferenceRow.replacement) == self.id,
            ),
            SuppressionRow: col(SuppressionRow.key).in_(self.keys),
            MessageRow: self.mails,
            AttachmentRow: or_(
                col(files.message_id).in_(self.mail_ids), col(files.case_number).in_(self.numbers)
            ),
            CaseRow: or_(self.own_cases, col(CaseRow.submitted_by) == self.id),
            CaseFieldRow: col(fields.case_number).in_(self.numbers),
            PendingFormRow: col(PendingFormRow.contact_id) == self.id,
            OutboxRow: or_(
                col(OutboxRow.contact_id) == self.id, col(OutboxRow.recipient).in_(self.keys),
                col(OutboxRow.case_number).in_(self.numbers),
            ),
            ConversationRow: or_(
                col(ConversationRow.who) == self.id,
                col(ConversationRow.case_number).in_(self.numbers),
                col(ConversationRow.message_id).in_(self.mail_ids),
            ),
            ParticipantRow: col(ParticipantRow.contact_id) == self.id,
            NoticeRecipientRow: or_(
                col(NoticeRecipientRow.contact_id) == self.id,
                col(NoticeRecipientRow.key).in_(self.keys),
            ),
            EventRow: or_(
                col(events.who) == self.id, col(events.message_id).in_(self.mail_ids),
                col(events.case_number).in_(self.numbers),
            ),
        }  # fmt: skip


def holdings(session: Session, contact_id: str) -> Holdings:
    """Everything about the contact. Raises PeopleError for an unknown id."""
    about = _About(session, contact_id)
    rows = {
        str(table.__tablename__): [
            one.model_dump(mode="json", exclude={"raw"})
            for one in session.scalars(select(table).where(where))
        ]
        for table, where in about.tables().items()
    }
    return Holdings(contact_id, rows, _digests(session, about))


def _digests(session: Session, about: _About) -> tuple[str, ...]:
    mails = select(col(MessageRow.digest)).where(about.mails, col(MessageRow.digest) != "")
    files = select(col(AttachmentRow.sha256)).where(about.tables()[AttachmentRow])
    return tuple(sorted({*session.scalars(mails), *session.scalars(files)}))


def erase(session: Session, contact_id: str, who: str, now: datetime) -> Erasure:
    """Removes what identifies the contact and what the contact wrote. Raises PeopleError.

    The contact gets another id, because people choose ids from names. Letters and notices that have
    not left are cancelled. The blobs are for the caller to remove, after the commit.
    """
    about = _About(session, contact_id)
    digests = _digests(session, about)
    count = session.scalar(select(func.count()).where(col(ContactRow.id).startswith(f"{ERASED}-")))
    made = Erasure(f"{ERASED}-{(count or 0) + 1}")
    row = session.get_one(ContactRow, contact_id)
    session.add(
        ContactRow(
            id=made.contact_id, name="(erased)", active=False, created_at=row.created_at,
            updated_at=now,
        )
    )  # fmt: skip
    session.flush()
    _overwrite_deleted(session)
    search.forget(session, list(session.scalars(about.numbers)))
    search.scrub(session)
    _letters(session, about, made, now)
    _cases(session, about, made, now)
    _mails(session, about, made)
    gone = (SuppressionRow, NoticePreferenceRow, ParticipantRow, MembershipRow, ContactEmailRow,
            ContactRow)  # fmt: skip
    for table in gone:
        done = session.execute(delete(table).where(about.tables()[table]))
        made.counts[str(table.__tablename__)] = rows_of(done)
    detail = {"rows": made.counts, "as": made.contact_id}
    session.add(EventRow(at=now, kind="person-erased", who=who, detail=detail))
    session.flush()
    made.digests = _unneeded(session, digests)
    return made


def _overwrite_deleted(session: Session) -> None:
    """SQLite: what is deleted is overwritten with zeros instead of staying in free pages."""
    if session.get_bind().dialect.name == "sqlite":
        session.connection().exec_driver_sql("PRAGMA secure_delete=ON")


def _set(
    session: Session, made: Erasure, table: type[SQLModel], where: ColumnElement[bool], **new: Any
) -> None:
    done = session.execute(
        update(table).where(where).values(**new).execution_options(synchronize_session=False)
    )
    name = str(table.__tablename__)
    made.counts[name] = max(made.counts.get(name, 0), rows_of(done))


def _letters(session: Session, about: _About, made: Erasure, now: datetime) -> None:
    tables = about.tables()
    due = (LetterState.DUE, LetterState.CLAIMED)
    _set(
        session, made, OutboxRow, tables[OutboxRow] & col(OutboxRow.state).in_(due),
        state=LetterState.CANCELLED, finished_at=now,
    )  # fmt: skip
    _set(
        session, made, OutboxRow, tables[OutboxRow],
        contact_id=made.contact_id, recipient="", subject="", text="", raw=b"", reply="",
        files=[],
        cause=_numbered(made, OutboxRow.id),
    )  # fmt: skip
    waiting = (NoticeState.QUEUED, NoticeState.DEFERRED, NoticeState.DIGEST)
    notices = tables[NoticeRecipientRow]
    _set(
        session, made, NoticeRecipientRow, notices & col(NoticeRecipientRow.state).in_(waiting),
        state=NoticeState.SKIPPED, finished_at=now,
    )  # fmt: skip
    _set(
        session, made, NoticeRecipientRow, notices,
        contact_id=made.contact_id, key=_numbered(made, NoticeRecipientRow.id), address="",
        domain="", name="", reply="", reasons=[],
    )  # fmt: skip
    _set(
        session, made, PendingFormRow,
        tables[PendingFormRow] & (col(PendingFormRow.state) == RequestState.OPEN),
        state=RequestState.SUPERSEDED,
    )  # fmt: skip
    _set(session, made, PendingFormRow, tables[PendingFormRow], contact_id=made.contact_id, text="")


def _numbered(made: Erasure, column: Any) -> ColumnElement[str]:
    """A value that is different in each row and names nobody; some causes hold an address."""
    return literal(f"{made.contact_id}:") + cast(col(column), Text)


def _names(words: str) -> ColumnElement[bool]:
    """Whether the details of an event hold the words as a value, or before a server's reply."""
    detail = cast(col(EventRow.detail), Text)
    ends = (f'"{words}"', f'"{words}: ')
    return or_(*(detail.icontains(end, autoescape=True) for end in ends))


def _cases(session: Session, about: _About, made: Erasure, now: datetime) -> None:
    tables = about.tables()
    events = tables[EventRow]
    named = [_names(one) for one in (about.id, about.name, *about.keys) if one]
    _set(session, made, EventRow, or_(events, *named), detail={})
    _set(session, made, EventRow, col(EventRow.who) == about.id, who=made.contact_id)
    done = session.execute(delete(CaseFieldRow).where(tables[CaseFieldRow]))
    made.counts["case_fields"] = rows_of(done)
    done = session.execute(delete(AttachmentRow).where(tables[AttachmentRow]))
    made.counts["attachments"] = rows_of(done)
    _set(
        session, made, CaseRow, col(CaseRow.submitted_by) == about.id,
        submitted_by=made.contact_id, updated_at=now,
    )  # fmt: skip
    said = tables[ConversationRow]
    own = col(ConversationRow.who) == about.id
    _set(session, made, ConversationRow, said & own, who=made.contact_id, name="(erased)")
    _set(session, made, ConversationRow, said, text="", quoted="")
    for number in session.scalars(about.numbers).all():
        told = cast(col(HookEventRow.payload), Text).contains(f'"{number}"', autoescape=True)
        whole = col(HookEventRow.kind).in_(WITH_PEOPLE) & told
        _set(session, made, HookEventRow, whole, payload={})
    _set(
        session, made, CaseRow, about.own_cases,
        contact_id=made.contact_id, subject="(erased)", description="", flag="", updated_at=now,
    )  # fmt: skip


def _mails(session: Session, about: _About, made: Erasure) -> None:
    """Nobody can decide any more about a mail that waits and has no text."""
    waiting = (MessageStatus.HELD, MessageStatus.SHELVED)
    _set(
        session, made, MessageRow, about.mails & col(MessageRow.status).in_(waiting),
        status=MessageStatus.REJECTED,
    )  # fmt: skip
    _set(
        session, made, MessageRow, about.mails,
        action=ERASED, reasons=[], evidence={}, submission={}, sender="", subject="",
        message_id="", message_id_hash="", signature_hash="", sketch="",
        contact_id=made.contact_id, failure="",
    )  # fmt: skip


def _unneeded(session: Session, digests: Sequence[str]) -> tuple[str, ...]:
    """Those digests that no other mail and no file names."""
    mails = select(col(MessageRow.digest)).where(
        col(MessageRow.digest).in_(digests), col(MessageRow.action) != ERASED
    )
    files = select(col(AttachmentRow.sha256)).where(col(AttachmentRow.sha256).in_(digests))
    kept = {*session.scalars(mails), *session.scalars(files)}
    return tuple(one for one in digests if one not in kept)
