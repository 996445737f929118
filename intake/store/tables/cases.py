"""Tables for cases, their fields, open requests, counters and unknown labels."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Index,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from intake.model.states import RequestState
from intake.store.tables.columns import Base, _text, id_column, json_column

MERGED = text("merged_into != ''")  # few rows
OVER = text("closed_at IS NOT NULL AND (pruned_at IS NULL OR pruned_at < closed_at)")


class CaseRow(Base, table=True):
    """A case. status: draft (required fields missing), open, waiting, resolved, closed."""

    __tablename__ = "cases"
    __table_args__ = (
        Index("ix_cases_contact_id_created_at", "contact_id", "created_at"),
        Index("ix_cases_account_id_created_at", "account_id", "created_at"),
        Index("ix_cases_unpruned", "closed_at", sqlite_where=OVER, postgresql_where=OVER),
        Index("ix_cases_merged", "merged_into", sqlite_where=MERGED, postgresql_where=MERGED),
    )
    number: str = Field(primary_key=True)  # "CASE-1001"
    account_id: str = Field(foreign_key="accounts.id")  # or NOBODY
    contact_id: str = Field(foreign_key="contacts.id")
    submitted_by: str = ""  # contact id, if a colleague wrote
    type: str
    priority: str
    department: str
    billable: bool = False
    status: str = Field(index=True)
    subject: str = Field(sa_column=_text())
    description: str = Field(sa_column=_text())
    incident_id: str = Field(default="", index=True)  # the known incident that it is about
    flag: str = ""  # why an operator should look: "rounds used up", "expired"
    closed_at: datetime | None = None  # when it was resolved or closed; otherwise None
    pruned_at: datetime | None = None  # when its words were removed, because they were old
    merged_into: str = Field(default="", index=True)  # number of the case in which this one goes on
    follows: str = ""  # number of the closed case that this one continues
    owner: str = ""  # id of the staff member whose case it is; empty: the department's
    handed_at: datetime | None = None  # when a letter to the department was first sent
    answered_at: datetime | None = None  # when a staff member first answered the contact
    waits_since: datetime | None = None  # when the contact wrote what nobody has answered yet
    reminded_at: datetime | None = None  # when the department was reminded of that
    escalated_at: datetime | None = None  # when its lead was told
    message_id: int = Field(sa_type=BigInteger)  # messages.id of the mail that created it
    received_at: datetime  # arrival of that mail
    created_at: datetime
    updated_at: datetime


class CaseFieldRow(Base, table=True):
    """One value of a case; the history is in events."""

    __tablename__ = "case_fields"
    case_number: str = Field(foreign_key="cases.number", primary_key=True)
    name: str = Field(primary_key=True)  # catalogue field name
    value: object = Field(
        default=None, sa_column=Column(JSON().with_variant(JSONB(), "postgresql"), nullable=True)
    )
    words: str = Field(default="", sa_column=_text())  # as written in the mail
    source: str = ""  # reader, "default", "stored", "contact record"
    label: str = ""  # the label as written
    start: int = 0  # characters, in the body that was read
    end: int = 0
    message_id: int = Field(sa_type=BigInteger)  # messages.id the value came from


class PendingFormRow(Base, table=True):
    """A request: what was asked, of which contact, in which letter; open until it is answered."""

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
    state: str = RequestState.OPEN  # open, answered, superseded, expired


class CounterRow(Base, table=True):
    """The last number assigned, by name: "case"."""

    __tablename__ = "counters"
    name: str = Field(primary_key=True)
    value: int = Field(default=0, sa_type=BigInteger)


class UnknownLabelRow(Base, table=True):
    """A label in mails that the catalogue does not know: a possible alias."""

    __tablename__ = "unknown_labels"
    key: str = Field(primary_key=True)  # folded label
    label: str  # as last written
    type: str  # case type of the last mail with it; empty if there was none
    times: int = 0  # number of mails with it
    last_at: datetime
