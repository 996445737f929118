"""Reads from the database what decides who is notified of an incident."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import or_, select
from sqlmodel import col

from intake.model.accounts import Contact, MustReach
from intake.model.incidents import Incident
from intake.model.states import NoticeState
from intake.notifier import Audience, AudienceInputs, audience, told_again, with_digests
from intake.store.contacts.preferences import preferences
from intake.store.contacts.read import whole_accounts, whole_contacts
from intake.store.engine import Session
from intake.store.tables.cases import CaseRow
from intake.store.tables.contacts import AccountRow, ContactRow, SuppressionRow
from intake.store.tables.incidents import NoticeRecipientRow
from intake.store.tables.messages import NOBODY

REACHED = (
    NoticeState.SENT,
    NoticeState.UNCERTAIN,
    NoticeState.BOUNCED,
)  # states of people who were notified, as far as we know


@dataclass(frozen=True, slots=True)
class Habits:
    """The configuration's defaults for notices and audience."""

    contact_types: tuple[str, ...]  # notified when an incident names none
    must: MustReach
    zone: str = "UTC"


def world(session: Session, incident_id: str, habits: Habits, now: datetime) -> AudienceInputs:
    """All contacts and accounts, and those who already have to do with that incident."""
    contacts = whole_contacts(session, list(session.scalars(select(col(ContactRow.id)))))
    accounts = whole_accounts(
        session,
        list(session.scalars(select(col(AccountRow.id)).where(col(AccountRow.id) != NOBODY))),
    )
    until = col(SuppressionRow.until)
    stopped = select(SuppressionRow).where(or_(until.is_(None), until > now))
    filed, affected = _cases(session, incident_id, {one.id: one for one in contacts})
    told = select(col(NoticeRecipientRow.contact_id)).where(
        col(NoticeRecipientRow.incident_id) == incident_id,
        col(NoticeRecipientRow.state).in_(REACHED),
    )
    return AudienceInputs(
        contacts=contacts,
        accounts={one.id: one for one in accounts},
        contact_types=habits.contact_types,
        zone=habits.zone,
        must=habits.must,
        suspended={row.key: row.reason for row in session.scalars(stopped)},
        preferences=preferences(session),
        filed=filed,
        affected=affected,
        told_before=frozenset(session.scalars(told)),
    )


def _cases(
    session: Session, incident_id: str, people: Mapping[str, Contact]
) -> tuple[dict[str, tuple[str, ...]], frozenset[str]]:
    """Who opened which cases about it, and at which accounts; contacts who left are excluded."""
    query = (
        select(
            col(CaseRow.number), col(CaseRow.contact_id), col(CaseRow.submitted_by),
            col(CaseRow.account_id),
        )
        .where(col(CaseRow.incident_id) == incident_id)
        .order_by(col(CaseRow.message_id))
    )  # fmt: skip
    filed: dict[str, list[str]] = {}
    accounts: set[str] = set()
    for number, contact, submitted_by, account in session.execute(query):
        accounts |= {account} - {NOBODY}
        for person in {contact, submitted_by} & set(people):
            if account not in ("", NOBODY) and people[person].at(account) is None:
                continue
            filed.setdefault(person, []).append(number)
    return {person: tuple(numbers) for person, numbers in filed.items()}, frozenset(accounts)


def gather(
    session: Session,
    incident: Incident,
    habits: Habits,
    now: datetime,
    *,
    only_told: bool = False,
    unmuted: bool = False,
) -> Audience:
    """The audience of the incident; ``only_told``: only contacts notified before or with a case.

    ``unmuted`` ignores preferences: a correction reaches everyone who got the wrong text.
    """
    about = world(session, incident.id, habits, now)
    if unmuted:
        about = replace(about, preferences={})
    found = told_again(incident, about) if only_told else audience(incident, about)
    return with_digests(incident, found, about)
