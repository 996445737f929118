"""Informs the colleagues of a contact whose mails wait for a reason that the account can mend.

It is off by default. The letter never answers a mail, since its sender may be forged: it goes to
other people of the account, once a week for each contact, and contains only stored data.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlmodel import col

from intake.letters.compose import to_person
from intake.letters.letter import LetterContext, Occasion, Reached
from intake.model.states import MessageStatus
from intake.store.contacts.read import whole_contacts
from intake.store.engine import Session
from intake.store.outbox import put_letter
from intake.store.tables.contacts import AccountRow, ContactRow, MembershipRow
from intake.store.tables.messages import MessageRow
from intake.triage import rules

WITHIN = timedelta(days=7)
MAX_CONTACTS = 200  # in one pass
WHO = "Authorized"  # the contact type that is told


def tell(session: Session, letter_context: LetterContext, now: datetime) -> int:
    """One letter a week to each colleague of those whose mails wait; returns how many are new."""
    why = col(MessageRow.rule)
    query = (
        select(col(MessageRow.contact_id), func.min(why), func.count())
        .where(
            col(MessageRow.status) == MessageStatus.HELD,
            why.in_(rules.MENDABLE),
            col(MessageRow.contact_id) != "",
            col(MessageRow.recorded_at) > now - WITHIN,
        )
        .group_by(col(MessageRow.contact_id))
        .limit(MAX_CONTACTS)
    )
    return sum(
        _tell_of(session, letter_context, (contact, rules.MENDABLE[rule], count), now)
        for contact, rule, count in session.execute(query).all()
    )


def _tell_of(
    session: Session, letter_context: LetterContext, held: tuple[str, str, int], now: datetime
) -> int:
    contact, why, count = held
    writer = session.get(ContactRow, contact)
    if writer is None:
        return 0
    year, week, _ = now.isocalendar()
    put = 0
    for colleague in whole_contacts(session, _colleagues(session, contact)):
        if not colleague.active or not colleague.emails:
            continue
        values: Mapping[str, object] = {"writer": writer.name, "why": why, "count": count}
        occasion = Occasion("held", f"{contact}:{year}-{week}:{colleague.id}", values)
        person = Reached.at(colleague)
        put += put_letter(session, to_person(letter_context, person, occasion, now), 0, now)
    return put


def _colleagues(session: Session, contact: str) -> list[str]:
    """The other contacts of the same active accounts who may do everything."""
    mine = (
        select(col(MembershipRow.account_id))
        .join(AccountRow, col(AccountRow.id) == col(MembershipRow.account_id))
        .where(col(MembershipRow.contact_id) == contact, col(AccountRow.active))
    )
    query = select(col(MembershipRow.contact_id)).where(
        col(MembershipRow.account_id).in_(mine),
        col(MembershipRow.contact_type) == WHO,
        col(MembershipRow.contact_id) != contact,
    )
    return sorted(set(session.scalars(query)))
