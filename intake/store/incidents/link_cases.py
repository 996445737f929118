"""Cases older than their incident: finds them, links them, informs their contacts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select
from sqlmodel import col

from intake.letters.letter import LetterContext, Occasion
from intake.model.authorship import By
from intake.model.incidents import Incident
from intake.notifier import fits
from intake.store import webhooks
from intake.store.engine import Session
from intake.store.incidents.read import open_ones
from intake.store.incidents.recipients import IncidentError
from intake.store.incidents.resolve_cases import ANSWERED, in_thread
from intake.store.outbox import put_letter
from intake.store.tables.cases import CaseFieldRow, CaseRow
from intake.store.tables.outbox import EventRow


@dataclass(frozen=True, slots=True)
class Candidate:
    """An open case that may be about the incident, and the reason."""

    number: str
    account_id: str
    contact_id: str
    subject: str
    received_at: datetime
    why: str


def candidates(
    session: Session, incident_id: str, since: datetime, outages: Sequence[str] = ()
) -> tuple[Candidate, ...]:
    """Cases that arrived since then, belong to no incident, and look like this one.

    The reason is the module, one of the operator's words, or a case type (one of ``outages``) that
    reports an outage for everyone. Raises IncidentError.
    """
    incident = _open(session, incident_id)
    query = (
        select(CaseRow)
        .where(
            col(CaseRow.incident_id) == "",
            col(CaseRow.status).in_(ANSWERED),
            col(CaseRow.received_at) >= since,
        )
        .order_by(col(CaseRow.message_id))
    )
    found = []
    for case in session.scalars(query).all():
        why = _why(session, incident, case, outages)
        if why:
            found.append(
                Candidate(
                    case.number, case.account_id, case.contact_id, case.subject, case.received_at,
                    why,
                )
            )  # fmt: skip
    return tuple(found)


def _why(session: Session, incident: Incident, case: CaseRow, outages: Sequence[str]) -> str:
    if incident.accounts and case.account_id not in incident.accounts:
        return ""
    row = session.get(CaseFieldRow, (case.number, "module"))
    module = str(row.value) if row is not None and row.value else ""
    why = fits(incident, module, f"{case.subject} {case.description}")
    return why or ("it reports an outage" if case.type in outages else "")


def _open(session: Session, incident_id: str, *, approved: bool = False) -> Incident:
    found = next(
        (one for one in open_ones(session, approved=approved) if one.id == incident_id), None
    )
    if found is None:
        raise IncidentError(
            f"there is no open incident {incident_id!r}; `intake incidents list` shows them"
        )
    return found


def link(
    session: Session,
    incident_id: str,
    numbers: Sequence[str],
    by: By,
    letter_context: LetterContext,
    *,
    approved: bool = False,
) -> tuple[str, ...]:
    """Links the cases to the incident and informs each contact once, in the case's thread.

    Returns the contacts who are informed. All cases are linked or none: the error names a number
    that cannot be linked. ``approved``: the letters repeat only text that a second person approved.
    Raises IncidentError, LetterError.
    """
    incident = _open(session, incident_id, approved=approved)
    cases = [_tieable(session, number, incident_id) for number in dict.fromkeys(numbers)]
    told = []
    for case in cases:
        occasion = Occasion("linked", f"{case.number}:{incident_id}", incident=incident)
        letter, why = in_thread(session, case, occasion, letter_context, by.at)
        case.incident_id, case.updated_at = incident_id, by.at
        payload = webhooks.linked_payload(incident_id, case.number, case.account_id)
        webhooks.emit(session, "case.linked", payload, by.at)
        if letter is not None and put_letter(session, letter, 0, by.at):
            told.append(case.contact_id)
        detail = {"field": "incident_id", "old": "", "new": incident_id}
        _note(session, case.number, "linked", detail | ({"no letter": why} if why else {}), by)
    return tuple(dict.fromkeys(told))


def _tieable(session: Session, number: str, incident_id: str) -> CaseRow:
    case = session.get(CaseRow, number)
    if case is None:
        raise IncidentError(f"there is no case {number!r}; `intake cases list` shows all")
    if case.incident_id:
        raise IncidentError(f"{number} is about {case.incident_id} already")
    if case.status not in ANSWERED:
        raise IncidentError(f"{number} is {case.status}; only what is open can be tied")
    return case


def unlink(session: Session, number: str, who: str, now: datetime) -> str:
    """Removes a case from its incident and returns the incident; no letter is sent."""
    case = session.get(CaseRow, number)
    if case is None or not case.incident_id:
        raise IncidentError(f"{number} is about no incident")
    before, case.incident_id, case.updated_at = case.incident_id, "", now
    detail = {"field": "incident_id", "old": before, "new": ""}
    _note(session, number, "unlinked", detail, By(who, now))
    return before


def _note(session: Session, number: str, kind: str, detail: dict[str, Any], by: By) -> None:
    session.flush()
    session.execute(
        insert(EventRow).values(
            at=by.at, kind=kind, case_number=number, message_id=0, who=by.who, detail=detail
        )
    )
