"""The contacts, accounts and colleagues of all senders of a batch, in a fixed number of queries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlmodel import col

from intake.model.accounts import Account, Contact, one_more
from intake.model.context import Keys
from intake.store.contacts.read import whole_accounts, whole_contacts
from intake.store.engine import Session
from intake.store.tables.contacts import ContactEmailRow, ContactRow, MembershipRow


@dataclass(slots=True)
class People:
    """Who writes, and for whom."""

    ids_of: dict[str, list[str]]  # address -> ids of the contacts who own it
    contacts: dict[str, Contact]
    accounts: dict[str, Account]
    members: dict[str, list[str]]  # account -> its active contacts, if a mail may name one
    domains: set[str]  # at which a contact has an address

    def of(self, sender: str) -> tuple[Contact, ...]:
        """The contacts whose address that is."""
        return tuple(self.contacts[one] for one in self.ids_of.get(sender, ()))

    def accounts_of(self, contacts: Iterable[Contact]) -> tuple[Account, ...]:
        """All accounts of those contacts, by id."""
        ids = sorted({one.account_id for contact in contacts for one in contact.memberships})
        return tuple(self.accounts[one] for one in ids if one in self.accounts)

    def colleagues(self, contacts: Iterable[Contact]) -> tuple[Contact, ...]:
        """The active contacts of the same accounts, by id."""
        own = {one.id for one in contacts}
        accounts = {one.account_id for contact in contacts for one in contact.memberships}
        ids = {one for account in accounts for one in self.members.get(account, ())}
        return tuple(self.contacts[one] for one in sorted(ids - own))

    def wrote_in(self, contact: str, language: str) -> None:
        """One more mail of the contact shows that language."""
        before = self.contacts.get(contact)
        if before is not None:
            counts = tuple(sorted(one_more(before.wrote_in, language)))
            self.contacts[contact] = replace(before, wrote_in=counts)


def people(session: Session, keys: Sequence[Keys]) -> People:
    """Reads everything that mails with those keys may ask about people."""
    senders = sorted({one.sender for one in keys} - {""})
    ids_of: dict[str, list[str]] = defaultdict(list)
    query = select(col(ContactEmailRow.key), col(ContactEmailRow.contact_id)).where(
        col(ContactEmailRow.key).in_(senders), col(ContactEmailRow.verified)
    )
    for key, contact_id in session.execute(query) if senders else ():
        ids_of[key].append(contact_id)
    writers = whole_contacts(session, {one for ids in ids_of.values() for one in ids})
    contacts = {one.id: one for one in writers}
    accounts = sorted({one.account_id for contact in writers for one in contact.memberships})
    naming = {one.sender for one in keys if one.names_contact}
    named = {
        membership.account_id
        for sender in naming
        for one in ids_of.get(sender, ())
        for membership in contacts[one].memberships
    }
    members = _members(session, sorted(named))
    rest = {one for ids in members.values() for one in ids} - set(contacts)
    contacts |= {one.id: one for one in whole_contacts(session, rest)}
    found = {one.id: one for one in whole_accounts(session, accounts)}
    return People(ids_of, contacts, found, members, _domains(session, senders, ids_of))


def _members(session: Session, accounts: Sequence[str]) -> dict[str, list[str]]:
    if not accounts:
        return {}
    query = (
        select(col(MembershipRow.account_id), col(MembershipRow.contact_id))
        .join(ContactRow, col(ContactRow.id) == col(MembershipRow.contact_id))
        .where(col(MembershipRow.account_id).in_(accounts), col(ContactRow.active).is_(True))
    )
    found: dict[str, list[str]] = defaultdict(list)
    for account, contact in session.execute(query):
        found[account].append(contact)
    return found


def _domains(session: Session, senders: Sequence[str], known: Collection[str]) -> set[str]:
    """The domains of known senders, and those of the others at which a contact has an address."""
    domains = {one.rpartition("@")[2] for one in known}
    others = {one.rpartition("@")[2] for one in senders} - domains
    query = select(col(ContactEmailRow.domain)).where(col(ContactEmailRow.domain).in_(others))
    return domains | (set(session.scalars(query.distinct())) if others else set())
