"""Resolves all cases about an incident when it ends, and informs their contacts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import insert, select, update
from sqlmodel import col

from intake.letters.compose import to_person
from intake.letters.letter import Letter, LetterContext, Occasion, Reached, Thread
from intake.letters.text import text_lines
from intake.model.authorship import By
from intake.model.states import CaseStatus, LetterState, RequestState
from intake.store.contacts.read import whole_contacts
from intake.store.engine import Session
from intake.store.incidents.read import value
from intake.store.incidents.recipients import IncidentError
from intake.store.outbox import put_letter
from intake.store.tables.cases import CaseRow, PendingFormRow
from intake.store.tables.incidents import IncidentRow
from intake.store.tables.outbox import EventRow, OutboxRow

ANSWERED = (CaseStatus.DRAFT, CaseStatus.OPEN, CaseStatus.WAITING)
CHUNK = 500  # values of one query
NEVER_READ = (LetterState.SUPPRESSED, LetterState.CANCELLED, LetterState.FAILED)


def answer(
    session: Session,
    incident_id: str,
    number: int,
    text: str,
    by: By,
    letter_context: LetterContext,
) -> tuple[str, ...]:
    """Resolves every open case about the incident and informs each contact once; returns them.

    ``number`` is the update with the answer. A repetition writes nothing twice and returns the same
    contacts. A case that was answered with that update and reopened since stays open. Raises
    IncidentError, LetterError.
    """
    row = session.get(IncidentRow, incident_id)
    if row is None:
        raise IncidentError(
            f"there is no incident {incident_id!r}; `intake incidents list` shows all"
        )
    query = select(CaseRow).where(col(CaseRow.incident_id) == incident_id)
    cases = list(session.scalars(query.order_by(col(CaseRow.message_id), col(CaseRow.number))))
    causes = {case.number: f"resolved:{case.number}:{incident_id}:{number}" for case in cases}
    told = _told(session, list(causes.values()))
    values = {"text": text_lines(text), "reopen_days": letter_context.reopen_days}
    for case in cases:
        if case.status not in ANSWERED or causes[case.number] in told:
            continue
        whole = values | {"draft": case.status == CaseStatus.DRAFT}
        cause = causes[case.number].removeprefix("resolved:")
        occasion = Occasion("resolved", cause, whole, incident=value(row))
        letter, why = in_thread(session, case, occasion, letter_context, by.at)
        if letter is not None and put_letter(session, letter, 0, by.at):
            told[letter.cause] = case.contact_id
        detail = {"incident": incident_id, "update": number, "text": text[:20_000]}
        _resolve(session, case, detail | ({"no letter": why} if why else {}), by)
    return tuple(dict.fromkeys(told.values()))


def _told(session: Session, causes: Sequence[str]) -> dict[str, str]:
    """Cause -> contact, for the answers that are already written."""
    found: dict[str, str] = {}
    columns = (col(OutboxRow.cause), col(OutboxRow.contact_id))
    for start in range(0, len(causes), CHUNK):
        part = causes[start : start + CHUNK]
        query = select(*columns).where(col(OutboxRow.cause).in_(part)).order_by(col(OutboxRow.id))
        found |= {cause: contact for cause, contact in session.execute(query)}
    return found


def in_thread(
    session: Session,
    case: CaseRow,
    occasion: Occasion,
    letter_context: LetterContext,
    now: datetime,
) -> tuple[Letter | None, str]:
    """A letter of that kind in the case's thread, or why there is none."""
    contact = next(iter(whole_contacts(session, [case.contact_id])), None)
    if contact is None or not contact.active:
        return None, "the contact is disabled"
    if case.account_id and contact.at(case.account_id) is None:
        return None, "the contact is no longer one of the account"
    if not contact.emails:
        return None, "no address is stored"
    last = session.execute(
        select(col(OutboxRow.message_id_header), col(OutboxRow.subject), col(OutboxRow.recipient))
        .where(
            col(OutboxRow.case_number) == case.number,
            col(OutboxRow.contact_id) == contact.id,
            col(OutboxRow.state).not_in(NEVER_READ),
        )
        .order_by(col(OutboxRow.id).desc())
        .limit(1)
    ).first()
    address = last.recipient if last and last.recipient in contact.emails else contact.emails[0]
    thread = Thread(
        case.number, last.subject if last else case.subject, last.message_id_header if last else ""
    )
    person = Reached.at(contact, address)
    return to_person(letter_context, person, replace(occasion, thread=thread), now), ""


def _resolve(session: Session, case: CaseRow, detail: dict[str, object], by: By) -> None:
    """The new state with the old one in the history; a question that is open asks no more."""
    before = case.status
    session.execute(
        update(PendingFormRow)
        .where(
            col(PendingFormRow.case_number) == case.number,
            col(PendingFormRow.state) == RequestState.OPEN,
        )
        .values(state=RequestState.SUPERSEDED)
    )
    case.status, case.updated_at, case.closed_at = CaseStatus.RESOLVED, by.at, by.at
    session.flush()
    session.execute(
        insert(EventRow).values(
            at=by.at, kind="resolved", case_number=case.number, message_id=0, who=by.who,
            detail={"field": "status", "old": before, "new": CaseStatus.RESOLVED, **detail},
        )
    )  # fmt: skip
