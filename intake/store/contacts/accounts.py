"""Accounts as operators change them: another name, two that are one, one that is over."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, func, select, update
from sqlmodel import col

from intake.store.contacts.directory import PeopleError
from intake.store.engine import Session
from intake.store.sql import rows_of
from intake.store.tables.cases import CaseRow
from intake.store.tables.contacts import AccountAliasRow, AccountRow, MembershipRow
from intake.store.tables.incidents import IncidentRow
from intake.store.tables.messages import NOBODY, MessageRow
from intake.store.tables.outbox import EventRow


def _find(session: Session, account_id: str) -> AccountRow:
    row = session.get(AccountRow, account_id) if account_id != NOBODY else None
    if row is None:
        raise PeopleError(f"there is no account {account_id!r}; `intake accounts list` shows all")
    return row


def rename(session: Session, account_id: str, name: str, who: str, now: datetime) -> None:
    """Gives an account another name; the old one stays as an alias. Raises PeopleError."""
    row = _find(session, account_id)
    if not name.strip():
        raise PeopleError("rename: found an empty name")
    old = row.name
    if old == name:
        return
    if session.get(AccountAliasRow, (account_id, old)) is None:
        session.add(AccountAliasRow(account_id=account_id, alias=old))
    session.execute(
        delete(AccountAliasRow).where(
            col(AccountAliasRow.account_id) == account_id, col(AccountAliasRow.alias) == name
        )
    )
    row.name, row.updated_at = name, now
    detail = {"account": account_id, "old": old, "new": name}
    session.add(EventRow(at=now, kind="account-renamed", who=who, detail=detail))


def merge(session: Session, source: str, target: str, who: str, now: datetime) -> dict[str, int]:
    """Moves contacts, cases and mails to another account and removes the first one.

    Its names become aliases of the other. A contact at both keeps the role at the target. Returns
    how much was moved. Raises PeopleError.
    """
    old, new = _find(session, source), _find(session, target)
    if source == target:
        raise PeopleError("merge: found the same account twice")
    both = select(col(MembershipRow.contact_id)).where(col(MembershipRow.account_id) == target)
    session.execute(
        delete(MembershipRow).where(
            col(MembershipRow.account_id) == source, col(MembershipRow.contact_id).in_(both)
        )
    )
    moved = {}
    for name, table in (("contacts", MembershipRow), ("cases", CaseRow), ("mails", MessageRow)):
        done = session.execute(
            update(table).where(col(table.account_id) == source).values(account_id=target)
        )
        moved[name] = rows_of(done)
    for incident in session.scalars(select(IncidentRow)):
        if source in incident.accounts:
            incident.accounts = sorted({*incident.accounts, target} - {source})
    names = [old.name, *session.scalars(
        select(col(AccountAliasRow.alias)).where(col(AccountAliasRow.account_id) == source)
    )]  # fmt: skip
    session.execute(delete(AccountAliasRow).where(col(AccountAliasRow.account_id) == source))
    for name in dict.fromkeys(names):
        if name != new.name and session.get(AccountAliasRow, (target, name)) is None:
            session.add(AccountAliasRow(account_id=target, alias=name))
            session.flush()
    new.updated_at = now
    session.delete(old)
    detail = {"source": source, "target": target, **moved}
    session.add(EventRow(at=now, kind="account-merged", who=who, detail=detail))
    return moved


def remove(session: Session, account_id: str, who: str, now: datetime) -> None:
    """Removes an account that has neither contacts nor cases. Raises PeopleError."""
    row = _find(session, account_id)
    for table, what in ((MembershipRow, "contacts"), (CaseRow, "cases")):
        count = session.scalar(
            select(func.count()).select_from(table).where(col(table.account_id) == account_id)
        )
        if count:
            raise PeopleError(
                f"account {account_id} has {count} {what}; merge it into another one, or disable it"
            )
    session.execute(delete(AccountAliasRow).where(col(AccountAliasRow.account_id) == account_id))
    session.delete(row)
    detail = {"account": account_id, "name": row.name}
    session.add(EventRow(at=now, kind="account-removed", who=who, detail=detail))
