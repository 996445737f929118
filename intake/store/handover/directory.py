"""The directory of staff: all entries of a file or none; a repetition changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import delete, select
from sqlmodel import col

from intake.mail.addresses import ascii_lower
from intake.model.staff import Staff
from intake.store.contacts.directory import PeopleError
from intake.store.engine import Session
from intake.store.tables.contacts import ContactEmailRow
from intake.store.tables.handover import StaffEmailRow, StaffRow

MAX_STAFF = 2000


def whole_staff(session: Session, ids: Iterable[str] | None = None) -> tuple[Staff, ...]:
    """Staff members with their addresses, by id; all of them if no ids are given."""
    query = select(StaffRow).order_by(col(StaffRow.id)).limit(MAX_STAFF)
    if ids is not None:
        query = query.where(col(StaffRow.id).in_(sorted(set(ids))))
    rows = list(session.scalars(query))
    emails: dict[str, list[str]] = {}
    found = select(StaffEmailRow).where(col(StaffEmailRow.staff_id).in_([one.id for one in rows]))
    for email in session.scalars(found.order_by(col(StaffEmailRow.position))) if rows else ():
        emails.setdefault(email.staff_id, []).append(email.address)
    return tuple(
        Staff(
            one.id, one.name, tuple(emails.get(one.id, ())), tuple(one.departments),
            tuple(one.rights), one.active,
        )
        for one in rows
    )  # fmt: skip


def load(session: Session, staff: Sequence[Staff], now: datetime) -> dict[str, list[str]]:
    """Stores the staff members; returns ids by "added", "changed" and "unchanged".

    Raises PeopleError with every address that belongs to somebody else.
    """
    mistakes = list(_conflicts(session, staff))
    if mistakes:
        raise PeopleError("\n".join(mistakes))
    present = {one.id: one for one in whole_staff(session, [one.id for one in staff])}
    done: dict[str, list[str]] = {"added": [], "changed": [], "unchanged": []}
    for one in staff:
        before = present.get(one.id)
        what = "added" if before is None else "unchanged" if _same(one, before) else "changed"
        done[what].append(one.id)
        if what != "unchanged":
            _put(session, one, before, now)
    return done


def _same(one: Staff, before: Staff) -> bool:
    parts = ("name", "emails", "departments", "rights")
    return all(getattr(one, name) == getattr(before, name) for name in parts)


def _conflicts(session: Session, staff: Sequence[Staff]) -> Iterable[str]:
    """Yield the addresses that a contact or another staff member has."""
    keys = {ascii_lower(email): one.id for one in staff for email in one.emails}
    theirs = select(col(ContactEmailRow.key), col(ContactEmailRow.contact_id))
    for key, contact in session.execute(theirs.where(col(ContactEmailRow.key).in_(keys))):
        yield (
            f"staff {keys[key]}: emails: found {key!r}, which is the contact {contact}'s; a person"
            " who is both needs two addresses"
        )
    named = {one.id for one in staff}
    others = select(StaffEmailRow).where(col(StaffEmailRow.key).in_(keys))
    for row in session.scalars(others):
        if row.staff_id != keys[row.key] and row.staff_id not in named:
            yield f"staff {keys[row.key]}: emails: found {row.key!r}, which is {row.staff_id}'s"


def _put(session: Session, one: Staff, before: Staff | None, now: datetime) -> None:
    row = session.get(StaffRow, one.id)
    if row is None:
        row = StaffRow(id=one.id, name=one.name, created_at=now, updated_at=now)
        session.add(row)
    row.name, row.updated_at = one.name, now
    row.departments, row.rights = list(one.departments), list(one.rights)
    session.flush()
    keys = [ascii_lower(email) for email in one.emails]
    session.execute(
        delete(StaffEmailRow).where(
            (col(StaffEmailRow.staff_id) == one.id) | col(StaffEmailRow.key).in_(keys)
        )
    )
    for position, email in enumerate(dict.fromkeys(one.emails)):
        session.add(
            StaffEmailRow(key=ascii_lower(email), staff_id=one.id, address=email, position=position)
        )
    session.flush()


def set_active(session: Session, staff_id: str, now: datetime, *, active: bool) -> None:
    """Enables or disables a staff member. Raises PeopleError for an unknown id."""
    row = session.get(StaffRow, staff_id)
    if row is None:
        raise PeopleError(f"there is no staff member {staff_id!r}; `intake staff list` shows all")
    row.active, row.updated_at = active, now
