"""Looks up contacts, their accounts and addresses for a change of contacts."""

from __future__ import annotations

import re
import unicodedata

from sqlalchemy import select
from sqlmodel import col

from intake.letters.letter import Reached
from intake.model.accounts import majority
from intake.store.engine import Session
from intake.store.tables.contacts import AccountRow, ContactEmailRow, ContactRow, MembershipRow


def named(session: Session, account: str, name: str) -> list[ContactRow]:
    """Active contacts of that name at the account."""
    query = (
        select(ContactRow)
        .join(MembershipRow, col(MembershipRow.contact_id) == col(ContactRow.id))
        .where(col(MembershipRow.account_id) == account, col(ContactRow.active).is_(True))
    )
    return [row for row in session.scalars(query) if _flat(row.name) == _flat(name)]


def _flat(name: str) -> str:
    return " ".join(name.casefold().split())


def others(session: Session, contact_id: str, account: str) -> tuple[str, ...]:
    """Names of the other accounts that the contact belongs to."""
    query = (
        select(col(AccountRow.name))
        .join(MembershipRow, col(MembershipRow.account_id) == col(AccountRow.id))
        .where(col(MembershipRow.contact_id) == contact_id, col(AccountRow.id) != account)
        .order_by(col(AccountRow.name))
    )
    return tuple(session.scalars(query))


def reached(session: Session, contact: ContactRow) -> Reached:
    """The contact with the first confirmed address."""
    query = (
        select(col(ContactEmailRow.address))
        .where(col(ContactEmailRow.contact_id) == contact.id, col(ContactEmailRow.verified))
        .order_by(col(ContactEmailRow.position))
    )
    language = contact.language or majority(contact.wrote_in.items())
    return Reached(contact.id, contact.name, session.scalar(query) or "", language)


def first_address(session: Session, contact_id: str) -> str:
    """The first stored address, confirmed or not."""
    query = (
        select(col(ContactEmailRow.address))
        .where(col(ContactEmailRow.contact_id) == contact_id)
        .order_by(col(ContactEmailRow.position))
    )
    return session.scalar(query) or ""


def new_id(session: Session, name: str) -> str:
    """An id such as ``jessie.spano``, with a number at the end if it is already taken."""
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    base = ".".join(re.findall(r"[a-z0-9]+", ascii_name))[:60] or "contact"
    found, count = base, 1
    while session.get(ContactRow, found) is not None:
        count += 1
        found = f"{base}.{count}"
    return found


def left(session: Session, account: str, without: str) -> int:
    """How many active contacts the account has apart from that one."""
    query = (
        select(col(ContactRow.id))
        .join(MembershipRow, col(MembershipRow.contact_id) == col(ContactRow.id))
        .where(
            col(MembershipRow.account_id) == account,
            col(ContactRow.active).is_(True),
            col(ContactRow.id) != without,
        )
    )
    return len(list(session.scalars(query)))
