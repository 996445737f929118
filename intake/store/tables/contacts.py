"""Tables for accounts, contacts, addresses, memberships and suppressed addresses."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Field

from intake.model.states import SuppressionKind
from intake.store.tables.columns import Base, json_column


class AccountRow(Base, table=True):
    """A customer (seed L120: the school district that is reporting).

    The row of ``NOBODY`` is created when needed, is never enabled and never shown. No contact
    belongs to it, so no query by a contact's accounts finds its cases.
    """

    __tablename__ = "accounts"
    id: str = Field(primary_key=True)  # a short id chosen by the operator: "bayside"
    name: str
    active: bool = True  # False: mail from its contacts is held
    timezone: str = ""  # IANA name, empty: the service's
    date_order: str = ""  # "MDY", "DMY", empty: the catalogue's
    created_at: datetime
    updated_at: datetime


class AccountAliasRow(Base, table=True):
    """Another name that people use for an account."""

    __tablename__ = "account_aliases"
    account_id: str = Field(foreign_key="accounts.id", primary_key=True)
    alias: str = Field(primary_key=True)


class ContactRow(Base, table=True):
    """One registered person."""

    __tablename__ = "contacts"
    id: str = Field(primary_key=True)  # an id chosen by the operator: "zack"
    name: str
    active: bool = True  # False: mail is held, no letters are sent
    schema_bootcamp: bool = (
        False  # has completed the training that SQL Server access needs (seed L104)
    )
    title: str = ""
    phone: str = ""
    allow_automated: bool = False  # mail that a program sends in this person's name may open a case
    wants_acknowledgements: bool = True
    accept_unproved: bool = False  # replies to our letters are accepted without proof
    language: str = ""  # chosen for letters, ISO 639; empty: that of their mails
    wrote_in: dict[str, int] = Field(default_factory=dict, sa_column=json_column())
    undeliverable_since: datetime | None = None  # first of an unbroken series of hard bounces
    created_at: datetime
    updated_at: datetime


class ContactEmailRow(Base, table=True):
    """A stored address of a contact; letters are sent only to such addresses."""

    __tablename__ = "contact_emails"
    key: str = Field(primary_key=True)  # Address.key; unique over all contacts
    contact_id: str = Field(foreign_key="contacts.id", index=True)
    address: str  # as given
    domain: str = Field(index=True)
    position: int = 0  # 0 is the primary address
    verified: bool = True  # False: it has not answered our letter; until then it is not used


class MembershipRow(Base, table=True):
    """The role of a contact at an account (seed L157, L158)."""

    __tablename__ = "memberships"
    contact_id: str = Field(foreign_key="contacts.id", primary_key=True)
    account_id: str = Field(foreign_key="accounts.id", primary_key=True, index=True)
    contact_type: str  # Authorized, Technical, Read Only
    areas: list[str] = Field(default_factory=list, sa_column=json_column())


class SuppressionRow(Base, table=True):
    """An address that gets fewer letters for now."""

    __tablename__ = "suppressions"
    key: str = Field(primary_key=True)  # Address.key
    kind: str = SuppressionKind.LOOP
    reason: str  # for people
    since: datetime
    until: datetime | None = None


class AcceptedDomainRow(Base, table=True):
    """A domain whose contacts may reply to our letters without proof of the sender."""

    __tablename__ = "accepted_domains"
    domain: str = Field(primary_key=True)
    since: datetime
    who: str  # the operator
    why: str = ""
