"""Tables for staff, for what is said in a case, and for the contacts who take part in it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Index
from sqlmodel import Field

from intake.store.tables.columns import Base, _text, id_column, json_column


class StaffRow(Base, table=True):
    """One staff member: a person of a department. Staff are no contacts."""

    __tablename__ = "staff"
    id: str = Field(primary_key=True)  # an id chosen by the operator: "nora"
    name: str
    departments: list[str] = Field(default_factory=list, sa_column=json_column())
    rights: list[str] = Field(default_factory=list, sa_column=json_column())  # of staff.RIGHTS
    active: bool = True  # False: their mail is held, no letters go to them
    created_at: datetime
    updated_at: datetime


class StaffEmailRow(Base, table=True):
    """A stored address of a staff member; no contact has it."""

    __tablename__ = "staff_emails"
    key: str = Field(primary_key=True)  # Address.key
    staff_id: str = Field(foreign_key="staff.id", index=True)
    address: str  # as given
    position: int = 0  # 0 is the primary address


class ConversationRow(Base, table=True):
    """One thing said in a case; rows are only added.

    kind: contact (a mail of a contact), staff (an answer that went to the contacts), note (for
    staff only), held (an answer that has not left: its writer must say that it may).
    """

    __tablename__ = "conversation"
    __table_args__ = (Index("ix_conversation_case_number_id", "case_number", "id"),)
    id: int | None = Field(default=None, sa_column=id_column())
    case_number: str
    at: datetime
    kind: str
    who: str = ""  # id of the contact or of the staff member, or the operator
    name: str = ""  # of that person at the time
    text: str = Field(sa_column=_text())  # their own words, whole
    quoted: str = Field(default="", sa_column=_text())  # quoted, forwarded and older text
    message_id: int = Field(default=0, sa_type=BigInteger)  # messages.id of the mail; 0: none


class ParticipantRow(Base, table=True):
    """A contact who gets what the contact of a case gets, and may add to it."""

    __tablename__ = "participants"
    case_number: str = Field(foreign_key="cases.number", primary_key=True)
    contact_id: str = Field(foreign_key="contacts.id", primary_key=True)
    since: datetime
