"""How contacts want notices, and who gets them instead of contacts who switched them off.

A class that must reach an account (``notices.mandatory_classes``) can be switched off for an
Authorized or Technical contact only if a stand-in is named: an active contact of the same accounts
who gets these notices. A stand-in cannot have a stand-in, so there are no chains and no cycles. If
a stand-in is disabled later, this becomes a task for the operator.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select
from sqlmodel import col

from intake.mail.addresses import ascii_lower
from intake.model.accounts import Contact, MustReach, Preference
from intake.model.authorship import By
from intake.model.incidents import NOTICE_CLASSES
from intake.store.contacts.directory import PeopleError
from intake.store.contacts.read import whole_contacts
from intake.store.engine import Session
from intake.store.sql import upsert
from intake.store.tables.contacts import ContactRow, SuppressionRow
from intake.store.tables.incidents import NoticePreferenceRow
from intake.store.tables.outbox import EventRow

MODES = ("each", "digest", "off")

Chosen = Mapping[str, Mapping[str, Preference]]  # contact id -> class -> preference


class PreferenceError(PeopleError):
    """The preference is not possible; the text names what was found and wanted."""


def preferences(session: Session) -> dict[str, dict[str, Preference]]:
    """What contacts chose: contact id -> class -> preference. The default is "each"."""
    found: dict[str, dict[str, Preference]] = {}
    columns = ("contact_id", "notice_class", "mode", "replacement")
    query = select(*(col(getattr(NoticePreferenceRow, name)) for name in columns))
    for contact_id, notice_class, mode, replacement in session.execute(query):
        found.setdefault(contact_id, {})[notice_class] = Preference(mode, replacement)
    return found


def of(session: Session, contact_id: str) -> dict[str, Preference]:
    """One contact's preferences, each class in order. Raises PreferenceError for an unknown id."""
    if session.get(ContactRow, contact_id) is None:
        raise PreferenceError(_unknown(contact_id))
    rows = session.scalars(
        select(NoticePreferenceRow).where(col(NoticePreferenceRow.contact_id) == contact_id)
    )
    chosen = {row.notice_class: Preference(row.mode, row.replacement) for row in rows}
    return {name: chosen.get(name, Preference()) for name in NOTICE_CLASSES}


def set_(
    session: Session,
    contact_id: str,
    notice_class: str,
    wanted: Preference,
    by: By,
    *,
    must: MustReach,
) -> None:
    """Sets how notices of that class are sent: each at once, in the daily summary, or not at all.

    Raises PreferenceError and then changes nothing.
    """
    mode, replacement = wanted.mode, wanted.replacement
    if notice_class not in NOTICE_CLASSES:
        raise PreferenceError(
            f"class: found {notice_class!r}, wanted one of {', '.join(NOTICE_CLASSES)}"
        )
    if mode not in MODES:
        raise PreferenceError(f"mode: found {mode!r}, wanted one of {', '.join(MODES)}")
    if replacement and mode != "off":
        raise PreferenceError(f"somebody is told instead only with off; found {mode!r}")
    contact, other = _locked(session, contact_id, replacement)
    if contact is None:
        raise PreferenceError(_unknown(contact_id))
    if notice_class in must.classes and mode == "digest":
        raise PreferenceError(
            f"{notice_class} notices are sent at once; the summary of the day is too late for them"
        )
    if mode == "off":
        _may_be_off(session, _Swap(contact, other, replacement, notice_class), by.at, must)
    _put(session, contact_id, notice_class, wanted, by)


@dataclass(frozen=True, slots=True)
class _Swap:
    """A contact who wants no notices of a class, and the stand-in who gets them instead."""

    contact: Contact
    other: Contact | None  # None: no stand-in is named, or the id is unknown
    replacement: str  # the id that was named; empty if none
    notice_class: str


def _may_be_off(session: Session, swap: _Swap, now: datetime, must: MustReach) -> None:
    contact, notice_class = swap.contact, swap.notice_class
    bound = notice_class in must.classes and must.binds(contact)
    if bound and not swap.replacement:
        raise PreferenceError(
            f"{notice_class} notices must reach somebody: name a contact of the same account "
            "who is told instead"
        )
    if swap.replacement == contact.id:
        raise PreferenceError(f"{contact.id} cannot be told instead of themselves")
    relying = _relying(session, contact.id, notice_class)
    if relying:
        raise PreferenceError(
            f"{contact.id} gets the {notice_class} notices of {', '.join(relying)}; "
            "somebody else has to be named for them first"
        )
    if swap.replacement:
        why = _unfit(session, swap, preferences(session), now, must)
        if why:
            raise PreferenceError(f"{notice_class} notices instead of {contact.id}: {why}")


def _locked(
    session: Session, contact_id: str, replacement: str
) -> tuple[Contact | None, Contact | None]:
    """Both contacts, locked in order of id, so that two changes at once cannot make a cycle."""
    ids = sorted({contact_id, replacement} - {""})
    query = (
        select(col(ContactRow.id)).where(col(ContactRow.id).in_(ids)).order_by(col(ContactRow.id))
    )
    session.execute(query.with_for_update()).all()
    found = {one.id: one for one in whole_contacts(session, ids)}
    return found.get(contact_id), found.get(replacement)


def _relying(session: Session, contact_id: str, notice_class: str) -> list[str]:
    """Active contacts who named this one as their stand-in."""
    query = (
        select(col(NoticePreferenceRow.contact_id))
        .join(ContactRow, col(ContactRow.id) == col(NoticePreferenceRow.contact_id))
        .where(
            col(NoticePreferenceRow.replacement) == contact_id,
            col(NoticePreferenceRow.notice_class) == notice_class,
            col(NoticePreferenceRow.mode) == "off",
            col(ContactRow.active).is_(True),
        )
        .order_by(col(NoticePreferenceRow.contact_id))
    )
    return list(session.scalars(query))


def _unfit(session: Session, swap: _Swap, chosen: Chosen, now: datetime, must: MustReach) -> str:
    """Why that person cannot be told instead; empty when they can."""
    contact, other = swap.contact, swap.other
    if other is None:
        return _unknown(swap.replacement)
    if not other.active:
        return f"{other.id} is disabled"
    if not other.emails:
        return f"no address of {other.id} is stored"
    stopped = session.get(SuppressionRow, ascii_lower(other.emails[0]))
    if stopped is not None and (stopped.until is None or stopped.until > now):
        return f"notices to {other.id} are suspended: {stopped.reason}"
    needed = [
        one.account_id for one in contact.memberships if one.contact_type in must.contact_types
    ]
    needed = needed or [one.account_id for one in contact.memberships]
    missing = [account for account in needed if other.at(account) is None]
    if missing:
        return f"{other.id} is no contact of {', '.join(missing)}"
    if chosen.get(other.id, {}).get(swap.notice_class, Preference()).mode == "off":
        return f"{other.id} gets no {swap.notice_class} notices either"
    return ""


def _unknown(contact_id: str) -> str:
    return f"there is no contact {contact_id!r}; `intake contacts list` shows all"


def _put(
    session: Session,
    contact_id: str,
    notice_class: str,
    wanted: Preference,
    by: By,
) -> None:
    """The row, and a line of history."""
    values = {"mode": wanted.mode, "replacement": wanted.replacement, "who": by.who, "at": by.at}
    statement = upsert(session, NoticePreferenceRow).values(
        contact_id=contact_id, notice_class=notice_class, **values
    )
    session.execute(
        statement.on_conflict_do_update(index_elements=["contact_id", "notice_class"], set_=values)
    )
    detail = {
        "contact": contact_id, "class": notice_class, "mode": wanted.mode,
        "instead": wanted.replacement,
    }  # fmt: skip
    session.add(EventRow(at=by.at, kind="notices-chosen", who=by.who, detail=detail))
    session.flush()


def unsubscribe(
    session: Session, contact_id: str, who: str, now: datetime, must: MustReach
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Switches off everything optional: (classes that are now off, classes that still come).

    If no class must reach the contact, everything is optional, except notices that the contact gets
    as a stand-in. Raises PreferenceError for an unknown id.
    """
    contact, _ = _locked(session, contact_id, "")
    if contact is None:
        raise PreferenceError(_unknown(contact_id))
    stopped, kept = [], []
    for name, chosen in of(session, contact_id).items():
        relied = must.binds(contact) or bool(_relying(session, contact_id, name))
        if chosen.mode != "off" and name in must.classes and relied:
            kept.append(name)
            continue
        if chosen.mode != "off":
            _put(session, contact_id, name, Preference("off"), By(who, now))
        stopped.append(name)
    return tuple(stopped), tuple(kept)


def tasks(session: Session, now: datetime, must: MustReach) -> list[str]:
    """Contacts instead of whom nobody is told any more, a line each."""
    row = NoticePreferenceRow
    query = (
        select(col(row.contact_id), col(row.notice_class), col(row.replacement))
        .join(ContactRow, col(ContactRow.id) == col(row.contact_id))
        .where(
            col(row.mode) == "off",
            col(ContactRow.active).is_(True),
            or_(col(row.replacement) != "", col(row.notice_class).in_(must.classes)),
        )
        .order_by(col(row.contact_id), col(row.notice_class))
    )
    rows = list(session.execute(query))
    people = _people(session, {name for one in rows for name in (one[0], one[2]) if name})
    chosen = preferences(session) if rows else {}
    found = []
    for contact_id, notice_class, replacement in rows:
        contact = people[contact_id]
        if replacement:
            swap = _Swap(contact, people.get(replacement), replacement, notice_class)
            why = _unfit(session, swap, chosen, now, must)
        else:
            why = "nobody is named" if must.binds(contact) else ""
        if why:
            found.append(f"{notice_class} notices: nobody is told instead of {contact_id}: {why}")
    return found


def _people(session: Session, ids: Collection[str]) -> dict[str, Contact]:
    """Complete contacts, looked up in parts that fit into one statement."""
    wanted = sorted(ids)
    parts = (wanted[start : start + 500] for start in range(0, len(wanted), 500))
    return {one.id: one for part in parts for one in whole_contacts(session, part)}
