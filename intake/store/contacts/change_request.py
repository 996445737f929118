"""A case that asks for a change of contacts: an operator sees the difference, then applies it.

A mail alone grants nothing. What an operator applies is recorded in the case's history. A new
address is used only after a mail from it has answered ours. A replaced contact is informed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, update
from sqlmodel import col

from intake.letters.letter import Reached
from intake.mail.addresses import Address, ascii_lower, read_address
from intake.model.states import CaseStatus
from intake.store.contacts import lookups, undeliverable
from intake.store.contacts.directory import PeopleError
from intake.store.engine import Session
from intake.store.tables.cases import CaseFieldRow, CaseRow
from intake.store.tables.contacts import AccountRow, ContactEmailRow, ContactRow, MembershipRow
from intake.store.tables.outbox import EventRow

KINDS = ("Add", "Modify", "Replace", "Remove")


@dataclass(frozen=True, slots=True)
class ContactChange:
    """What applying the case would change."""

    case_number: str
    kind: str  # one of KINDS
    account_id: str
    account_name: str
    contact_id: str
    is_new: bool
    name: str
    email: str
    email_is_new: bool
    title: str
    phone: str
    contact_type: str
    areas: tuple[str, ...]
    replaced: Reached | None
    difference: tuple[tuple[str, str, str], ...]  # what, before, after
    others: tuple[str, ...] = ()  # names of other customers with the same contact
    asked: Reached | None = None  # the contact who must agree before joining this account


def plan(session: Session, number: str) -> ContactChange:
    """The change that the case asks for. Raises PeopleError, one reason per line."""
    case = session.get(CaseRow, number)
    if case is None:
        raise PeopleError(f"there is no case {number!r}; `intake cases list` shows all")
    if case.status != CaseStatus.OPEN:
        raise PeopleError(f"{number} is {case.status}; only an open case can be applied")
    rows = session.scalars(select(CaseFieldRow).where(col(CaseFieldRow.case_number) == number))
    fields = {row.name: row.value for row in rows}
    kind = str(fields.get("request_type", ""))
    if kind not in KINDS:
        raise PeopleError(f"{number}: request_type: found {kind!r}, wanted {', '.join(KINDS)}")
    name = f"{fields.get('contact_first_name', '')} {fields.get('contact_last_name', '')}".strip()
    if kind == "Remove":
        named = name or str(fields.get("contact_replacement_name") or "")
        return _removal(session, case, named, fields)
    read = read_address(str(fields.get("contact_email", "")))
    if not name or not isinstance(read, Address):
        raise PeopleError(f"{number}: the new contact's name or address is missing or unreadable")
    contact = _existing(session, case.account_id, name, read.key, kind)
    account = session.get(AccountRow, case.account_id)
    replaced = _replaced(session, number, case.account_id, fields) if kind == "Replace" else None
    if replaced and contact and replaced.contact_id == contact.id:
        raise PeopleError(f"{number}: {name} cannot replace themselves")
    asked = _Asked(case, account, kind, name, read, fields)
    return _change(session, asked, contact, replaced)


def _removal(
    session: Session, case: CaseRow, name: str, fields: dict[str, object]
) -> ContactChange:
    """Whoever is named leaves the account, and nobody takes their place.

    If two people have the same name, the address decides. It must belong to the named contact.
    """
    key = ascii_lower(str(fields.get("contact_email") or ""))
    owner = session.get(ContactEmailRow, key) if key else None
    found = lookups.named(session, case.account_id, name)
    if owner is not None:
        found = [one for one in found if one.id == owner.contact_id]
    if len(found) != 1:
        raise PeopleError(
            f"{case.number}: found {len(found)} active contacts named {name!r} "
            f"{f'with {key} ' if key else ''}at {case.account_id}, wanted 1"
        )
    contact, account = found[0], session.get(AccountRow, case.account_id)
    gone = lookups.reached(session, contact)
    here = session.get(MembershipRow, (contact.id, case.account_id))
    difference = [(f"contact {contact.id}", contact.name, "no longer")]
    if not lookups.left(session, case.account_id, contact.id):
        difference.append(("active contacts", "1", "none; nobody may write for this customer"))
    return ContactChange(
        case.number, "Remove", case.account_id, account.name if account else case.account_id,
        contact.id, False, contact.name, gone.address, False, contact.title, contact.phone,
        here.contact_type if here else "", tuple(here.areas if here else ()), gone,
        tuple(difference), lookups.others(session, contact.id, case.account_id),
    )  # fmt: skip


def _existing(session: Session, account: str, name: str, key: str, kind: str) -> ContactRow | None:
    """The contact with that address, otherwise the one with that name at the account.

    An unconfirmed address at another account does not identify a contact.
    """
    owner = session.get(ContactEmailRow, key)
    if owner is not None and (
        owner.verified or session.get(MembershipRow, (owner.contact_id, account)) is not None
    ):
        return session.get(ContactRow, owner.contact_id)
    found = lookups.named(session, account, name)
    if kind == "Modify" and len(found) != 1:
        raise PeopleError(
            f"Modify: found {len(found)} contacts named {name!r} at {account}, wanted 1"
        )
    return found[0] if kind == "Modify" else None


def _replaced(session: Session, number: str, account: str, fields: dict[str, object]) -> Reached:
    old = str(fields.get("contact_replacement_name") or "")
    found = lookups.named(session, account, old)
    if len(found) != 1:
        raise PeopleError(
            f"{number}: contact_replacement_name: found {len(found)} active contacts named {old!r} "
            f"at {account}, wanted 1"
        )
    return lookups.reached(session, found[0])


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a case asks for, as far as it is readable."""

    case: CaseRow
    account: AccountRow | None
    kind: str  # one of KINDS
    name: str
    address: Address
    fields: Mapping[str, Any]  # values of the case's fields, by name


def _change(
    session: Session, asked: _Asked, contact: ContactRow | None, replaced: Reached | None
) -> ContactChange:
    case, account, name, address = asked.case, asked.account, asked.name, asked.address
    fields = asked.fields
    owner = session.get(ContactEmailRow, address.key)
    if owner is not None and (contact is None or owner.contact_id != contact.id):
        owner = None  # listed for another contact, but unconfirmed
    others = lookups.others(session, contact.id, case.account_id) if contact else ()
    here = session.get(MembershipRow, (contact.id, case.account_id)) if contact else None
    areas = fields.get("area_of_responsibility") or []
    after = {
        "name": name,
        "address": str(address),
        "title": str(fields.get("contact_title") or (contact.title if contact else "")),
        "phone": str(fields.get("contact_primary_phone") or (contact.phone if contact else "")),
        f"type at {case.account_id}": str(fields.get("contact_type") or ""),
        f"areas at {case.account_id}": ", ".join(map(str, areas)),
    }
    before = dict.fromkeys(after, "") | _before(session, contact, owner, here)
    if others:  # shared with other customers: only the entries for this account may change
        after |= {what: before[what] for what in ("name", "address", "title", "phone")}
    difference = [
        (what, before[what], after[what]) for what in after if before[what] != after[what]
    ]
    if others:
        stays = "is asked first" if here is None else "name, address, title and phone stay"
        difference.append((f"also a contact of {', '.join(others)}", name, stays))
    if replaced is not None:
        difference.append((f"contact {replaced.contact_id}", replaced.name, "no longer"))
    return ContactChange(
        case_number=case.number,
        kind=asked.kind,
        account_id=case.account_id,
        account_name=account.name if account else case.account_id,
        contact_id=contact.id if contact else lookups.new_id(session, name),
        is_new=contact is None,
        name=after["name"],
        email=str(address),
        email_is_new=owner is None and not others,
        title=after["title"],
        phone=after["phone"],
        contact_type=after[f"type at {case.account_id}"],
        areas=tuple(map(str, areas)),
        replaced=replaced,
        difference=tuple(difference),
        others=others,
        asked=lookups.reached(session, contact) if contact and others and here is None else None,
    )


def _before(
    session: Session,
    contact: ContactRow | None,
    owner: ContactEmailRow | None,
    here: MembershipRow | None,
) -> dict[str, str]:
    """The stored values of the contact, and the contact's role at the account."""
    found: dict[str, str] = {}
    if contact is not None:
        found |= {"name": contact.name, "title": contact.title, "phone": contact.phone}
        found["address"] = owner.address if owner else lookups.first_address(session, contact.id)
    if here is not None:
        found[f"type at {here.account_id}"] = here.contact_type
        found[f"areas at {here.account_id}"] = ", ".join(here.areas)
    return found


def apply(session: Session, change: ContactChange, who: str, now: datetime) -> None:
    """Writes the change, with the difference in the case's history.

    A contact of another customer is only asked: nothing about that contact changes before a yes.
    """
    kind = "contacts-applied" if change.asked is None else "contacts-asked"
    _note(session, change, kind, who, now)
    if change.asked is not None:
        return
    if change.kind == "Remove":
        _leave(session, change.contact_id, change.account_id, now)
        return
    row = session.get(ContactRow, change.contact_id)
    if row is None:
        row = ContactRow(id=change.contact_id, name=change.name, created_at=now, updated_at=now)
        session.add(row)
    row.name, row.title, row.phone = change.name, change.title, change.phone
    row.updated_at = now
    session.flush()
    if change.email_is_new:
        key = ascii_lower(change.email)
        session.execute(
            delete(ContactEmailRow).where(col(ContactEmailRow.key) == key)
        )  # an unconfirmed entry
        session.add(
            ContactEmailRow(
                key=key, contact_id=row.id, address=change.email,
                domain=key.rpartition("@")[2], position=0 if change.is_new else 100, verified=False,
            )
        )  # fmt: skip
    _belongs(session, change, now)


def _belongs(session: Session, change: ContactChange, now: datetime) -> None:
    """Sets the contact's role at the account; a contact who is replaced leaves the account."""
    here = session.get(MembershipRow, (change.contact_id, change.account_id))
    if here is None:
        here = MembershipRow(
            contact_id=change.contact_id,
            account_id=change.account_id,
            contact_type=change.contact_type,
        )
        session.add(here)
    here.contact_type, here.areas = change.contact_type, list(change.areas)
    if change.replaced is not None:
        _leave(session, change.replaced.contact_id, change.account_id, now)


def show(session: Session, change: ContactChange, who: str, now: datetime) -> None:
    """Records that an operator has seen the change; only what was seen is applied later."""
    _note(session, change, "contacts-shown", who, now)


def check_shown(session: Session, change: ContactChange) -> None:
    """Raises PeopleError if the change now differs from what was shown."""
    seen = _newest(session, change.case_number, "contacts-shown")
    if seen is not None and seen != _detail(change):
        raise PeopleError(f"{change.case_number} was changed since it was shown; look at it again")


def join(
    session: Session, number: str, contact_id: str, message: int, now: datetime
) -> ContactChange | None:
    """The contact has agreed: carries out exactly what the operator applied.

    Returns None if the case is closed or has changed since; then it is flagged for an operator.
    """
    try:
        change = plan(session, number)
    except PeopleError:
        change = None
    if change is None or _newest(session, number, "contacts-asked") != _detail(change):
        case = session.get(CaseRow, number)
        if case is not None:
            case.flag = "changed since the contact was asked"
        return None
    if change.contact_id != contact_id or change.asked is None:
        return None
    _belongs(session, change, now)
    _note(session, change, "contacts-applied", contact_id, now, message)
    case = session.get(CaseRow, number)
    if case is not None and change.replaced is not None:
        case.flag = f"{change.replaced.name} was replaced and should be told"
    return change


def _detail(change: ContactChange) -> dict[str, object]:
    return {"changes": [list(one) for one in change.difference], "contact": change.contact_id}


def _note(
    session: Session, change: ContactChange, kind: str, who: str, now: datetime, message: int = 0
) -> None:
    row = EventRow(at=now, kind=kind, who=who, detail=_detail(change), message_id=message)
    row.case_number = change.case_number
    session.add(row)
    session.flush()


def _newest(session: Session, number: str, kind: str) -> dict[str, object] | None:
    """What the newest event of that kind of the case says."""
    query = select(col(EventRow.detail)).where(
        col(EventRow.case_number) == number, col(EventRow.kind) == kind
    )
    found: dict[str, object] | None = session.scalar(
        query.order_by(col(EventRow.id).desc()).limit(1)
    )
    return found


def _leave(session: Session, contact_id: str, account: str, now: datetime) -> None:
    """Removes the contact from the account; disables a contact without another account."""
    left = select(col(MembershipRow.account_id)).where(col(MembershipRow.contact_id) == contact_id)
    if len(list(session.scalars(left))) > 1:
        session.execute(
            delete(MembershipRow).where(
                col(MembershipRow.contact_id) == contact_id,
                col(MembershipRow.account_id) == account,
            )
        )
        return
    session.execute(
        update(ContactRow)
        .where(col(ContactRow.id) == contact_id)
        .values(active=False, updated_at=now)
    )


def verify(session: Session, key: str, contact_id: str, message: int, now: datetime) -> None:
    """The address has answered: it now belongs to the contact, as the first address."""
    query = select(ContactEmailRow).where(col(ContactEmailRow.contact_id) == contact_id)
    rows = list(session.scalars(query))
    for row in rows:
        row.position = 0 if row.key == key else row.position + 1
        row.verified = row.verified or row.key == key
    undeliverable.settle(session, contact_id, [row.key for row in rows], "intake", now)
    detail = {"contact": contact_id, "address": key}
    session.add(
        EventRow(at=now, kind="address-verified", who="intake", detail=detail, message_id=message)
    )
