"""Complete contacts and accounts as values, by id."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select
from sqlmodel import col

from intake.model.accounts import Account, Contact, Membership
from intake.store.engine import Session
from intake.store.tables.contacts import (
    AccountAliasRow,
    AccountRow,
    ContactEmailRow,
    ContactRow,
    MembershipRow,
)


def whole_contacts(session: Session, ids: Iterable[str]) -> tuple[Contact, ...]:
    """Contacts with their addresses and memberships, by id."""
    wanted = sorted(set(ids))
    if not wanted:
        return ()
    emails: dict[str, list[str]] = {}
    query = (
        select(col(ContactEmailRow.contact_id), col(ContactEmailRow.address))
        .where(col(ContactEmailRow.contact_id).in_(wanted), col(ContactEmailRow.verified))
        .order_by(col(ContactEmailRow.position))
    )
    for contact_id, address in session.execute(query):
        emails.setdefault(contact_id, []).append(address)
    members: dict[str, list[Membership]] = {}
    for row in session.scalars(
        select(MembershipRow).where(col(MembershipRow.contact_id).in_(wanted))
    ):
        members.setdefault(row.contact_id, []).append(
            Membership(row.account_id, row.contact_type, tuple(row.areas))
        )
    rows = session.scalars(select(ContactRow).where(col(ContactRow.id).in_(wanted)))
    return tuple(_contact(row, emails.get(row.id, []), members.get(row.id, [])) for row in rows)


def _contact(row: ContactRow, emails: list[str], members: list[Membership]) -> Contact:
    return Contact(
        id=row.id,
        name=row.name,
        emails=tuple(emails),
        memberships=tuple(sorted(members, key=lambda one: one.account_id)),
        active=row.active,
        schema_bootcamp=row.schema_bootcamp,
        title=row.title,
        phone=row.phone,
        allow_automated=row.allow_automated,
        wants_acknowledgements=row.wants_acknowledgements,
        accept_unproved=row.accept_unproved,
        version=row.updated_at.isoformat(),
        language=row.language,
        wrote_in=tuple(sorted(row.wrote_in.items())),
    )


def whole_accounts(session: Session, ids: list[str]) -> tuple[Account, ...]:
    """Accounts with their aliases, by id."""
    if not ids:
        return ()
    aliases: dict[str, list[str]] = {}
    for row in session.scalars(
        select(AccountAliasRow).where(col(AccountAliasRow.account_id).in_(ids))
    ):
        aliases.setdefault(row.account_id, []).append(row.alias)
    rows = session.scalars(
        select(AccountRow).where(col(AccountRow.id).in_(ids)).order_by(AccountRow.id)
    )
    return tuple(
        Account(
            row.id,
            row.name,
            tuple(aliases.get(row.id, ())),
            row.active,
            row.timezone,
            row.date_order,
        )
        for row in rows
    )
