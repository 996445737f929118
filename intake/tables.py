"""The schema. Every column and every state is explained here; migrations must produce the same.

Rules: NOT NULL with a default wherever a value can be absent without meaning; the meaning of a
column never changes; datetimes are aware UTC; enumerations are stored by value as text.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

NAMING = {
    "ix": "ix_%(column_0_N_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(SQLModel):
    """Keeps the naming convention that both databases and alembic rely on."""

    metadata = MetaData(naming_convention=NAMING)


def id_column() -> Any:
    """An integer key that both SQLite and PostgreSQL count up by themselves."""
    return Column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    )


def json_column() -> Any:
    """A JSON document; assign a new one, a change inside it is not noticed."""
    return Column(JSON().with_variant(JSONB(), "postgresql"), nullable=False)


def _text() -> Any:
    return Column(Text, nullable=False)


NOBODY = ""  # the account of a case whose writer has not said which of theirs it is about


class AccountRow(Base, table=True):
    """A customer (seed L120: the school district that is reporting).

    The row of ``NOBODY`` is made when it is needed, is never in force and is shown to nobody: no
    contact belongs to it, so no query by a contact's accounts finds its cases.
    """

    __tablename__ = "accounts"
    id: str = Field(primary_key=True)  # the operator's own short id: "bayside"
    name: str
    active: bool = True  # False: its people's mail is held
    timezone: str = ""  # IANA name, empty: the service's
    date_order: str = ""  # "MDY", "DMY", empty: the catalogue's
    created_at: datetime
    updated_at: datetime


class AccountAliasRow(Base, table=True):
    """Another name by which people call an account."""

    __tablename__ = "account_aliases"
    account_id: str = Field(foreign_key="accounts.id", primary_key=True)
    alias: str = Field(primary_key=True)


class ContactRow(Base, table=True):
    """One registered person."""

    __tablename__ = "contacts"
    id: str = Field(primary_key=True)  # the operator's own id: "zack"
    name: str
    active: bool = True  # False: mail is held, no letter is sent
    schema_bootcamp: bool = (
        False  # has completed the training that SQL Server access needs (seed L104)
    )
    title: str = ""
    phone: str = ""
    allow_automated: bool = False  # mail a program sends in this person's name may file a case
    wants_acknowledgements: bool = True
    accept_unproved: bool = False  # answers to our letters count though nothing proves the sender
    undeliverable_since: datetime | None = None  # first of an unbroken row of hard bounces
    created_at: datetime
    updated_at: datetime


class ContactEmailRow(Base, table=True):
    """A stored address of a contact: the only kind of address letters go to."""

    __tablename__ = "contact_emails"
    key: str = Field(primary_key=True)  # Address.key; unique over all contacts
    contact_id: str = Field(foreign_key="contacts.id", index=True)
    address: str  # as given
    domain: str = Field(index=True)
    position: int = 0  # 0 is the primary address
    verified: bool = True  # False: a letter to it waits for its answer; until then it is nobody's


class MembershipRow(Base, table=True):
    """What a contact is at an account (seed L157, L158)."""

    __tablename__ = "memberships"
    contact_id: str = Field(foreign_key="contacts.id", primary_key=True)
    account_id: str = Field(foreign_key="accounts.id", primary_key=True, index=True)
    contact_type: str  # Authorized, Technical, Read Only
    areas: list[str] = Field(default_factory=list, sa_column=json_column())


class MailboxRow(Base, table=True):
    """How far a mailbox has been collected."""

    __tablename__ = "mailboxes"
    name: str = Field(primary_key=True)
    uidvalidity: int = Field(default=0, sa_type=BigInteger)
    next_uid: int = Field(
        default=1, sa_type=BigInteger
    )  # every UID below has a terminal status, or is older than the baseline
    baseline_at: datetime | None = (
        None  # mail that lay there and arrived before is not ours; None: all is
    )
    dated_below: int | None = Field(default=None, sa_type=BigInteger)  # UIDs the date counts for
    checked_at: datetime | None = None  # end of the last poll that succeeded
    failing_since: datetime | None = None
    failure: str = ""  # the last error, one line


class MessageRow(Base, table=True):
    """The ledger: one row for every mail ever seen, with the evidence and the decision.

    status: handled (case or letter), ignored (duplicate, own mail), dropped, held (waits for a
    person), rejected (a person said no), deferred (left in the mailbox, tried again), shelved
    (handling raised three times), vanished (gone from the mailbox before it was read).
    deferred and shelved may become any other; held becomes handled or rejected; the rest stay.
    """

    __tablename__ = "messages"
    __table_args__ = (
        UniqueConstraint("mailbox", "uidvalidity", "uid"),
        Index("ix_messages_status_id", "status", "id"),
        Index("ix_messages_mailbox_settled", "mailbox", "settled"),
    )
    id: int | None = Field(default=None, sa_column=id_column())
    mailbox: str
    uidvalidity: int = Field(sa_type=BigInteger)
    uid: int = Field(sa_type=BigInteger)
    digest: str = Field(index=True)  # sha256 of the raw mail, key of its blob
    body_digest: str = ""
    size: int = Field(default=0, sa_type=BigInteger)  # bytes
    received_at: datetime
    recorded_at: datetime
    status: str
    settled: bool = False  # the server was told (moved), verified
    folder: str = ""  # "processed" or "held": where it belongs on the server
    action: str = ""  # Decision.action
    rule: str = ""
    reasons: list[str] = Field(default_factory=list, sa_column=json_column())
    level: str = ""
    evidence: dict[str, Any] = Field(
        default_factory=dict, sa_column=json_column()
    )  # IDENTITY evidence row
    sender: str = Field(default="", index=True)  # Address.key, or what stood in From
    subject: str = Field(default="", sa_column=_text())
    message_id_hash: str = Field(
        default="", index=True
    )  # sha256 of the Message-ID; empty when there is none
    message_id: str = Field(default="", sa_column=_text())
    signature_hash: str = Field(default="", index=True)  # of the author's DKIM signature, sha256
    contact_id: str = ""
    account_id: str = ""
    case_number: str = Field(default="", index=True)
    submission: dict[str, Any] = Field(
        default_factory=dict, sa_column=json_column()
    )  # what was read, without personal fields
    policy_hash: str = ""
    version: str = ""  # of the program that decided
    attempts: int = 0  # times handling raised
    failure: str = Field(default="", sa_column=_text())  # traceback of the last raise


class CaseRow(Base, table=True):
    """A case. status: draft (required fields missing), open, waiting, resolved, closed."""

    __tablename__ = "cases"
    number: str = Field(primary_key=True)  # "CASE-1001"
    account_id: str = Field(foreign_key="accounts.id", index=True)  # or NOBODY
    contact_id: str = Field(foreign_key="contacts.id", index=True)
    submitted_by: str = ""  # contact id, when a colleague wrote
    type: str
    priority: str
    department: str
    billable: bool = False
    status: str = Field(index=True)
    subject: str = Field(sa_column=_text())
    description: str = Field(sa_column=_text())
    incident_id: str = Field(default="", index=True)  # the known incident that it is about
    flag: str = ""  # why a person should look: "rounds used up", "expired"
    closed_at: datetime | None = None  # when it was resolved or closed; None while it is not
    follows: str = ""  # number of the closed case that this one goes on from
    message_id: int = Field(sa_type=BigInteger)  # messages.id of the mail that created it
    received_at: datetime  # arrival of that mail
    created_at: datetime
    updated_at: datetime


class CaseFieldRow(Base, table=True):
    """One value of a case; the history is in events."""

    __tablename__ = "case_fields"
    case_number: str = Field(foreign_key="cases.number", primary_key=True)
    name: str = Field(primary_key=True)  # catalogue field name
    value: Any = Field(
        default=None, sa_column=Column(JSON().with_variant(JSONB(), "postgresql"), nullable=True)
    )
    words: str = Field(default="", sa_column=_text())  # as the person wrote it
    source: str = ""  # reader, "default", "stored", "contact record"
    label: str = ""  # the label as written
    start: int = 0  # characters, in the body that was read
    end: int = 0
    message_id: int = Field(sa_type=BigInteger)  # messages.id the value came from


class AttachmentRow(Base, table=True):
    """A file that came with a mail.

    state: stored, withheld (kept, and handed out only by name), quarantined (not looked at by the
    virus scanner yet; becomes stored or withheld).
    """

    __tablename__ = "attachments"
    id: int | None = Field(default=None, sa_column=id_column())
    message_id: int = Field(sa_type=BigInteger, foreign_key="messages.id", index=True)
    case_number: str = Field(default="", index=True)
    name: str = Field(sa_column=_text())
    declared_type: str
    detected_type: str = ""
    size: int = Field(sa_type=BigInteger)
    sha256: str = Field(index=True)  # key of its blob
    inline: bool = False
    part: str  # place in the MIME tree
    state: str = Field(default="stored", index=True)
    reason: str = ""  # why it is withheld or quarantined


class EventRow(Base, table=True):
    """Append-only history of a case or a message."""

    __tablename__ = "events"
    __table_args__ = (Index("ix_events_kind_at", "kind", "at"),)
    id: int | None = Field(default=None, sa_column=id_column())
    at: datetime
    case_number: str = Field(default="", index=True)
    message_id: int = Field(default=0, sa_type=BigInteger, index=True)
    kind: str  # received, decided, opened, asked, completed, appended, changed, released, sent …
    who: str = ""  # contact id, "operator:NAME", or "intake"
    detail: dict[str, Any] = Field(default_factory=dict, sa_column=json_column())


class OutboxRow(Base, table=True):
    """A letter on its way. state: due, claimed, in_doubt, sent, failed, suppressed, cancelled.

    due -> claimed (attempt counted, lease and fence written) -> in_doubt (just before the final
    dot) -> sent | failed | due again (4xx). An in_doubt acknowledgement or request stays so.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        UniqueConstraint("cause"),
        Index("ix_outbox_state_due_at", "state", "due_at"),
        Index("ix_outbox_contact_id_created_at", "contact_id", "created_at"),
        Index("ix_outbox_created_at", "created_at"),
    )
    id: int | None = Field(default=None, sa_column=id_column())
    cause: str  # "ack:<mailbox>:<uidvalidity>:<uid>" …: one letter of a kind for one mail
    kind: str
    message_id_header: str = Field(index=True)  # our Message-ID
    contact_id: str = Field(index=True)
    recipient: str
    case_number: str = Field(default="", index=True)
    message_id: int = Field(default=0, sa_type=BigInteger)  # messages.id of the cause
    subject: str = Field(sa_column=_text())
    text: str = Field(sa_column=_text())
    raw: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    state: str = "due"
    due_at: datetime
    created_at: datetime
    attempts: int = 0  # counted before the attempt
    lease_until: datetime | None = None
    fence: int = 0  # grows with each claim; a write with an older one is refused
    reply: str = Field(
        default="", sa_column=_text()
    )  # the server's words, or the reason of suppression
    finished_at: datetime | None = None


class PendingFormRow(Base, table=True):
    """What was asked of whom, in which letter; open until answered or given up."""

    __tablename__ = "pending_forms"
    id: int | None = Field(default=None, sa_column=id_column())
    case_number: str = Field(foreign_key="cases.number", index=True)
    contact_id: str
    asked: list[str] = Field(default_factory=list, sa_column=json_column())
    message_id_header: str  # of the letter that asked
    text: str = Field(sa_column=_text())
    round: int
    asked_at: datetime
    answered_at: datetime | None = None
    reminded_at: datetime | None = None
    state: str = "open"  # open, answered, superseded, expired


class CounterRow(Base, table=True):
    """The last number given out, by name: "case"."""

    __tablename__ = "counters"
    name: str = Field(primary_key=True)
    value: int = Field(default=0, sa_type=BigInteger)


class SuppressionRow(Base, table=True):
    """An address that gets no letters for now.

    "bounced …": no notices; answers go out all the same. "loop: …": none at all.
    """

    __tablename__ = "suppressions"
    key: str = Field(primary_key=True)  # Address.key
    reason: str
    since: datetime
    until: datetime | None = None


class AcceptedDomainRow(Base, table=True):
    """A domain whose contacts may answer our letters though nothing proves the sender."""

    __tablename__ = "accepted_domains"
    domain: str = Field(primary_key=True)
    since: datetime
    who: str  # the operator
    why: str = ""


class UnknownLabelRow(Base, table=True):
    """A label that people write and no catalogue knows: a candidate for an alias."""

    __tablename__ = "unknown_labels"
    key: str = Field(primary_key=True)  # folded label
    label: str  # as it was last written
    type: str  # case type of the mail it stood in last; empty when there was none
    times: int = 0  # mails it stood in
    last_at: datetime
