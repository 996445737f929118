"""Accounts and contacts as operators manage them: import, add, disable, list."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session
from sqlmodel import col

from intake.mail.addresses import ascii_lower
from intake.model.accounts import AccountEntry, ContactEntry, Entries
from intake.store.contacts import undeliverable
from intake.store.tables.contacts import (
    AccountAliasRow,
    AccountRow,
    ContactEmailRow,
    ContactRow,
    MembershipRow,
)
from intake.store.tables.handover import StaffEmailRow
from intake.store.tables.messages import NOBODY


class PeopleError(Exception):
    """The change is impossible and nothing was changed; one mistake per line."""


@dataclass(slots=True)
class Changes:
    """The result of an import, by id."""

    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    unchanged: int = 0
    disabled: list[str] = field(default_factory=list)  # contacts that the file does not name
    lines: list[str] = field(default_factory=list)  # one line for each change, for people

    @property
    def word(self) -> str:
        """The result for a single entry."""
        return "added" if self.added else "changed" if self.changed else "unchanged"


@dataclass(frozen=True, slots=True)
class AccountView:
    """One account as shown to operators."""

    id: str
    name: str
    aliases: tuple[str, ...]
    active: bool
    contacts: int


@dataclass(frozen=True, slots=True)
class ContactView:
    """One contact as shown to operators."""

    id: str
    name: str
    emails: tuple[str, ...]
    accounts: tuple[str, ...]
    contact_type: str
    areas: tuple[str, ...]
    active: bool
    schema_bootcamp: bool
    title: str
    phone: str
    language: str = ""  # the chosen one
    unconfirmed: tuple[str, ...] = ()  # addresses that have not answered our question yet
    unreachable_since: datetime | None = None  # when mail to the contact began to bounce
    allow_automated: bool = False
    wants_acknowledgements: bool = True
    accept_unproved: bool = False


def load(session: Session, entries: Entries, now: datetime, who: str = "operator") -> Changes:
    """Stores all entries or none; a repetition changes nothing. Raises PeopleError.

    A contact whose addresses have changed counts as reachable again.
    """
    mistakes = [*entries.mistakes, *_conflicts(session, entries)]
    if mistakes:
        raise PeopleError("\n".join(mistakes))
    changes = Changes()
    for account in entries.accounts:
        what = _put_account(session, account, now)
        _note(changes, account.id, what)
        if what != "unchanged":
            changes.lines.append(f"{what} account {account.id} ({account.name})")
    session.flush()
    present = _present(session, entries.contacts)
    for contact in entries.contacts:
        before = present.get(contact.id)
        what = _put_contact(session, contact, before, now)
        _note(changes, contact.id, what)
        if what != "unchanged":
            changes.lines.append(_difference(contact, before))
        if before is not None:
            session.flush()
            undeliverable.changed(session, contact.id, before.emails, contact.emails, who, now)
    session.flush()
    return changes


def _difference(contact: ContactEntry, before: ContactEntry | None) -> str:
    """What a line of an import changes, in one line."""
    if before is None:
        return f"added {contact.id} ({contact.name}) of {', '.join(contact.accounts)}"
    said = []
    for one in fields(ContactEntry):
        old, new = getattr(before, one.name), getattr(contact, one.name)
        if one.name == "accounts":
            old, new = sorted(old), sorted(new)
        if old != new:
            said.append(f"{one.name}: {_plain(old)} -> {_plain(new)}")
    return f"changed {contact.id}: {'; '.join(said)}"


def _plain(value: object) -> str:
    if isinstance(value, (list, tuple)):
        value = ", ".join(map(str, value))
    return str(value) or "(nothing)"


def disable_missing(session: Session, entries: Entries, now: datetime) -> list[str]:
    """Disables active contacts that the file does not name; returns their ids."""
    named = {one.id for one in entries.contacts}
    rows = session.scalars(select(ContactRow).where(col(ContactRow.active)).order_by(ContactRow.id))
    gone = [row for row in rows if row.id not in named]
    for row in gone:
        row.active, row.updated_at = False, now
    return [row.id for row in gone]


def _conflicts(session: Session, entries: Entries) -> list[str]:
    """Unknown accounts, and addresses that belong to another contact."""
    mistakes: list[str] = []
    known = set(session.scalars(select(col(AccountRow.id))))
    known.update(account.id for account in entries.accounts)
    rows = session.execute(select(col(ContactEmailRow.key), col(ContactEmailRow.contact_id)))
    owners = {row.key: row.contact_id for row in rows}
    keys = {ascii_lower(email): one.id for one in entries.contacts for email in one.emails}
    staff = select(StaffEmailRow).where(col(StaffEmailRow.key).in_(keys))
    for row in session.scalars(staff):
        mistakes.append(
            f"contact {keys[row.key]}: emails: found {row.key!r}, which is the staff member "
            f"{row.staff_id}'s; a person who is both needs two addresses"
        )
    for contact in entries.contacts:
        for account in contact.accounts:
            if account not in known:
                mistakes.append(
                    f"contact {contact.id}: accounts: found {account!r}, wanted a known id"
                )
        for email in contact.emails:
            owner = owners.get(ascii_lower(email), contact.id)
            if owner != contact.id:
                mistakes.append(
                    f"contact {contact.id}: emails: found {email!r}, which is {owner}'s"
                )
    return mistakes


def _note(changes: Changes, entry_id: str, what: str) -> None:
    if what == "unchanged":
        changes.unchanged += 1
    else:
        getattr(changes, what).append(entry_id)


def _put_account(session: Session, account: AccountEntry, now: datetime) -> str:
    row = session.get(AccountRow, account.id)
    aliases = set(session.scalars(_aliases_of(account.id)))
    if row is None:
        session.add(AccountRow(id=account.id, name=account.name, created_at=now, updated_at=now))
        session.flush()
    elif row.name == account.name and aliases == set(account.aliases):
        return "unchanged"
    else:
        row.name, row.updated_at = account.name, now
    session.execute(delete(AccountAliasRow).where(_is(AccountAliasRow.account_id, account.id)))
    for alias in dict.fromkeys(account.aliases):
        session.add(AccountAliasRow(account_id=account.id, alias=alias))
    return "added" if row is None else "changed"


def _aliases_of(account_id: str) -> Any:
    return select(col(AccountAliasRow.alias)).where(_is(AccountAliasRow.account_id, account_id))


def _is(column: Any, value: object) -> Any:
    """``column = value``, typed for a table class."""
    return column == value


def _present(session: Session, contacts: Iterable[ContactEntry]) -> dict[str, ContactEntry]:
    """The stored contacts as entries."""
    wanted = {contact.id for contact in contacts}
    views = {view.id: view for view in contact_views(session) if view.id in wanted}
    return {
        view.id: ContactEntry(
            view.id, view.name, view.emails, view.accounts, view.contact_type, view.areas,
            view.schema_bootcamp, view.title, view.phone, view.language,
        )
        for view in views.values()
    }  # fmt: skip


def _put_contact(
    session: Session, contact: ContactEntry, present: ContactEntry | None, now: datetime
) -> str:
    language = contact.language or (present.language if present else "")
    contact = replace(contact, language=language)
    if present == replace(contact, accounts=tuple(sorted(set(contact.accounts)))):
        return "unchanged"
    row = session.get(ContactRow, contact.id)
    if row is None:
        row = ContactRow(id=contact.id, name=contact.name, created_at=now, updated_at=now)
        session.add(row)
    row.name, row.title, row.phone = contact.name, contact.title, contact.phone
    row.schema_bootcamp, row.updated_at = contact.schema_bootcamp, now
    row.language = contact.language
    session.flush()
    if present is not None:
        session.execute(delete(ContactEmailRow).where(_is(ContactEmailRow.contact_id, contact.id)))
        session.execute(delete(MembershipRow).where(_is(MembershipRow.contact_id, contact.id)))
    for position, email in enumerate(contact.emails):
        session.add(
            ContactEmailRow(
                key=ascii_lower(email),
                contact_id=contact.id,
                address=email,
                domain=ascii_lower(email).rpartition("@")[2],
                position=position,
            )
        )
    for account in dict.fromkeys(contact.accounts):
        session.add(
            MembershipRow(
                contact_id=contact.id,
                account_id=account,
                contact_type=contact.contact_type,
                areas=list(contact.areas),
            )
        )
    return "added" if present is None else "changed"


def set_active(session: Session, contact_id: str, active: bool, now: datetime) -> None:
    """Disables or enables a contact. Raises PeopleError for an unknown id."""
    row = session.get(ContactRow, contact_id)
    if row is None:
        raise PeopleError(f"there is no contact {contact_id!r}; `intake contacts list` shows all")
    row.active, row.updated_at = active, now


def set_account_active(session: Session, account_id: str, active: bool, now: datetime) -> None:
    """Disables or enables an account. Raises PeopleError for an unknown id."""
    row = session.get(AccountRow, account_id)
    if row is None:
        raise PeopleError(f"there is no account {account_id!r}; `intake accounts list` shows all")
    row.active, row.updated_at = active, now


def add_address(session: Session, contact_id: str, address: str, now: datetime) -> None:
    """Adds an address to a contact. Raises PeopleError if a contact already has it."""
    row = session.get(ContactRow, contact_id)
    if row is None:
        raise PeopleError(f"there is no contact {contact_id!r}; `intake contacts list` shows all")
    key = ascii_lower(address)
    found = session.get(ContactEmailRow, key)
    if found is not None:
        raise PeopleError(f"{address} is {found.contact_id}'s already")
    domain = key.rpartition("@")[2]
    session.add(
        ContactEmailRow(
            key=key, contact_id=contact_id, address=address, domain=domain, position=100
        )
    )
    row.updated_at = now
    session.flush()


def contact_views(
    session: Session, contact_id: str = "", account_id: str = ""
) -> list[ContactView]:
    """Contacts with their addresses and memberships, by name; filtered by id or account."""
    rows = list(session.scalars(select(ContactRow).order_by(ContactRow.name, ContactRow.id)))
    emails: dict[str, list[str]] = {}
    unconfirmed: dict[str, list[str]] = {}
    for email in session.scalars(select(ContactEmailRow).order_by(col(ContactEmailRow.position))):
        if email.verified:
            emails.setdefault(email.contact_id, []).append(email.address)
        else:
            unconfirmed.setdefault(email.contact_id, []).append(email.address)
    members: dict[str, list[MembershipRow]] = {}
    for member in session.scalars(select(MembershipRow).order_by(MembershipRow.account_id)):
        members.setdefault(member.contact_id, []).append(member)
    views = [
        _view(
            row, emails.get(row.id, []), members.get(row.id, []), tuple(unconfirmed.get(row.id, ()))
        )
        for row in rows
    ]
    return [
        view
        for view in views
        if (not contact_id or view.id == contact_id)
        and (not account_id or account_id in view.accounts)
    ]


def _view(
    row: ContactRow, emails: list[str], members: list[MembershipRow], unconfirmed: tuple[str, ...]
) -> ContactView:
    return ContactView(
        id=row.id,
        name=row.name,
        emails=tuple(emails),
        accounts=tuple(member.account_id for member in members),
        contact_type=", ".join(dict.fromkeys(member.contact_type for member in members)),
        areas=tuple(members[0].areas) if members else (),
        active=row.active,
        schema_bootcamp=row.schema_bootcamp,
        title=row.title,
        phone=row.phone,
        language=row.language,
        unconfirmed=unconfirmed,
        unreachable_since=row.undeliverable_since,
        allow_automated=row.allow_automated,
        wants_acknowledgements=row.wants_acknowledgements,
        accept_unproved=row.accept_unproved,
    )


def account_views(session: Session) -> list[AccountView]:
    """Accounts with their aliases and number of contacts, by id."""
    counts = {
        row[0]: row[1]
        for row in session.execute(
            select(col(MembershipRow.account_id), func.count()).group_by(
                col(MembershipRow.account_id)
            )
        )
    }
    return [
        AccountView(
            row.id,
            row.name,
            tuple(session.scalars(_aliases_of(row.id))),
            row.active,
            counts.get(row.id, 0),
        )
        for row in session.scalars(
            select(AccountRow).where(col(AccountRow.id) != NOBODY).order_by(AccountRow.id)
        )
    ]
