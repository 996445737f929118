"""What operators do with a broadcast: propose, approve, pause, cancel, retry."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlmodel import col

from intake.model.authorship import By
from intake.model.incidents import Incident, Update
from intake.model.states import NoticeState, SendState
from intake.notifier import Audience, approval_hash
from intake.store.engine import Session
from intake.store.incidents.audience import Habits, gather
from intake.store.incidents.read import update_value
from intake.store.incidents.recipients import (
    UNSENT,
    IncidentError,
    Terms,
    chosen,
    freeze,
    has_wrong_text,
    left,
    listed,
    note,
    skip,
)
from intake.store.incidents.write import find
from intake.store.sql import Row
from intake.store.tables.incidents import IncidentUpdateRow, NoticeRecipientRow
from intake.store.tables.outbox import OutboxRow


@dataclass(frozen=True, slots=True)
class Proposal:
    """What would be sent and to whom, and the hash that an approval must name."""

    incident: Incident
    update: Update
    state: str  # send_state
    audience: Audience
    hash: str
    send_at: datetime | None


def proposal(
    session: Session,
    incident_id: str,
    habits: Habits,
    now: datetime,
    *,
    number: int = 0,
    send_at: datetime | None = None,
) -> Proposal:
    """The newest update (or the given one) with its list as it would be frozen now.

    Raises IncidentError.
    """
    incident = find(session, incident_id)
    row = chosen(session, incident_id, number)
    people = _audience(session, incident, row, habits, now)
    at = send_at or row.send_at
    told = update_value(row)
    return Proposal(
        incident, told, row.send_state, people, approval_hash(incident, told, people, at), at
    )


def _audience(
    session: Session, incident: Incident, row: IncidentUpdateRow, habits: Habits, now: datetime
) -> Audience:
    """A correction goes to those who got, or may get, the wrong text; others by the normal rules.

    A person who already has this update, as a notice or as the answer to a case, is left out.
    """
    correction = row.kind == "correction"
    by_clock = row.kind in ("automatic", "reminder")
    found = gather(session, incident, habits, now, only_told=by_clock, unmuted=correction)
    there = listed(session, row.incident_id, row.number)
    answered = _answered(session, row)
    told = tuple(
        one for one in found.told if one.key not in there and one.contact_id not in answered
    )
    if correction:
        wrong = has_wrong_text(session, row.incident_id, row.wrong_number)
        told = tuple(one for one in told if one.key in wrong)
    left_out = [(contact, f"answered in {case}") for contact, case in sorted(answered.items())]
    return Audience(told, (*found.left_out, *left_out))


def _answered(session: Session, row: IncidentUpdateRow) -> dict[str, str]:
    """Contact -> case, for contacts whom this update reached as the answer to their case."""
    query = select(col(OutboxRow.contact_id), col(OutboxRow.case_number)).where(
        col(OutboxRow.kind) == "resolved",
        col(OutboxRow.cause).like(f"resolved:%:{row.incident_id}:{row.number}"),
    )
    return {contact: case for contact, case in session.execute(query)}


# ---------------------------------------------------------------- propose, approve


def propose(
    session: Session,
    incident_id: str,
    habits: Habits,
    by: By,
    *,
    number: int = 0,
    send_at: datetime | None = None,
) -> Proposal:
    """Records that an operator wants this sent; another person must approve exactly this.

    Older updates that were never sent are kept only as a record. Raises IncidentError.
    """
    row = chosen(session, incident_id, number)
    _may_be_sent(session, row)
    row.send_at, row.proposed_by, row.send_state = send_at, by.who, SendState.WAITING
    session.execute(
        update(IncidentUpdateRow)
        .where(
            col(IncidentUpdateRow.incident_id) == incident_id,
            col(IncidentUpdateRow.number) < row.number,
            col(IncidentUpdateRow.send_state).in_((SendState.DRAFT, SendState.WAITING)),
        )
        .values(send_state=SendState.RECORD)
    )
    session.flush()
    found = proposal(session, incident_id, habits, by.at, number=row.number, send_at=send_at)
    if not found.audience.told:
        raise IncidentError(f"{incident_id}: nobody is left to be told of update {row.number}")
    row.approval_hash = found.hash
    session.flush()
    note(session, incident_id, "proposed", by, {"update": row.number, "hash": found.hash})
    return found


def _may_be_sent(session: Session, row: IncidentUpdateRow) -> None:
    if row.send_state not in (SendState.DRAFT, SendState.WAITING, SendState.RECORD, SendState.DONE):
        raise IncidentError(
            f"{row.incident_id}: update {row.number} is {row.send_state}; "
            "wanted one that is not being sent"
        )
    newer = chosen(session, row.incident_id)
    if newer.number != row.number:
        raise IncidentError(
            f"{row.incident_id}: update {newer.number} is newer than {row.number}; send that one"
        )


def approve(
    session: Session,
    incident_id: str,
    given: str,
    habits: Habits,
    terms: Terms,
    by: By,
) -> Proposal:
    """A second person approves exactly what was proposed; the list is frozen. Raises IncidentError.

    The hash is computed again from the current text, list and time, so any change since the
    proposal voids it.
    """
    row = chosen(session, incident_id)
    if row.send_state != SendState.WAITING:
        raise IncidentError(
            f"{incident_id}: update {row.number} is {row.send_state}; "
            "wanted one that `intake incidents send` has proposed"
        )
    if by.who in (row.proposed_by, row.who):
        raise IncidentError(
            f"{incident_id}: {by.who} wrote or proposed update {row.number}; "
            "wanted another person's approval (or `send --emergency WHY`)"
        )
    found = proposal(session, incident_id, habits, by.at, number=row.number)
    if given != found.hash:
        raise IncidentError(
            f"{incident_id}: found {given!r}, which is not the hash of text, list and time as they "
            f"are now; look at `intake incidents preview {incident_id}` and approve what it shows"
        )
    row.approved_by, row.approved_at, row.approval_hash = by.who, by.at, found.hash
    detail = {"update": row.number, "hash": found.hash, "people": len(found.audience.told)}
    note(session, incident_id, "approved", by, detail)
    freeze(session, row, found.audience, terms, by.at)
    return found


def send_now(
    session: Session,
    incident_id: str,
    found: Proposal,
    terms: Terms,
    by: By,
    *,
    emergency: str = "",
) -> None:
    """Freezes without a second person: few recipients, or an emergency with a recorded reason."""
    row = chosen(session, incident_id, found.update.number)
    row.approved_by, row.approved_at, row.emergency = by.who, by.at, emergency
    kind = "emergency" if emergency else "sent-alone"
    detail = {"update": row.number, "why": emergency, "people": len(found.audience.told)}
    note(session, incident_id, kind, by, detail)
    freeze(session, row, found.audience, terms, by.at)


# ---------------------------------------------------------------- while it runs


def change(
    session: Session, incident_id: str, verb: str, who: str, now: datetime
) -> tuple[int, int]:
    """Runs ``pause``, ``resume`` or ``cancel``; returns (update, letters not sent yet).

    Raises IncidentError when no update is in a suitable state.
    """
    wanted = {
        "pause": (SendState.SENDING,),
        "resume": (SendState.PAUSED,),
        "cancel": (SendState.SENDING, SendState.PAUSED),
    }[verb]
    query = (
        select(IncidentUpdateRow)
        .where(
            col(IncidentUpdateRow.incident_id) == incident_id,
            col(IncidentUpdateRow.send_state).in_(wanted),
        )
        .order_by(col(IncidentUpdateRow.number).desc())
    )
    rows = list(session.scalars(query))
    if not rows:
        find(session, incident_id)
        raise IncidentError(f"{incident_id}: no update is {' or '.join(wanted)}")
    unsent = 0
    for row in rows:
        unsent += left(session, row.id)
        row.send_state = {
            "pause": SendState.PAUSED,
            "resume": SendState.SENDING,
            "cancel": SendState.CANCELLED,
        }[verb]
        session.flush()
        if verb == "cancel":
            waiting = select(col(NoticeRecipientRow.id)).where(
                col(NoticeRecipientRow.update_id) == row.id,
                col(NoticeRecipientRow.state).in_(UNSENT),
            )
            skip(session, list(session.scalars(waiting)), f"cancelled by {who}", now)
            row.finished_at = now
    note(
        session,
        incident_id,
        f"{verb}d".replace("canceld", "cancelled"),
        By(who, now),
        {"left": unsent},
    )
    return rows[0].number, unsent


def retry(session: Session, incident_id: str, who: str, now: datetime, *, doubtful: bool) -> int:
    """Queues failed letters again (and doubtful ones, if asked); returns how many."""
    row = chosen(session, incident_id)
    states = (NoticeState.FAILED, NoticeState.UNCERTAIN) if doubtful else (NoticeState.FAILED,)
    done = session.execute(
        update(NoticeRecipientRow)
        .where(
            col(NoticeRecipientRow.update_id) == row.id,
            col(NoticeRecipientRow.state).in_(states),
            col(NoticeRecipientRow.finished_at).is_not(None),
        )
        .values(state=NoticeState.QUEUED, due_at=now, finished_at=None, reply="", lease_until=None)
        .returning(col(NoticeRecipientRow.id))
    ).all()
    if done:
        row.send_state, row.expires_at = (
            SendState.SENDING,
            max(row.expires_at or now, now + timedelta(1)),
        )
        note(
            session,
            incident_id,
            "retried",
            By(who, now),
            {"update": row.number, "letters": len(done)},
        )
    return len(done)


def ledger(session: Session, incident_id: str, number: int, state: str, limit: int) -> list[Row]:
    """The rows of an update, as they will be sent or were. Raises IncidentError."""
    row = chosen(session, incident_id, number)
    query = select(NoticeRecipientRow).where(col(NoticeRecipientRow.update_id) == row.id)
    if state:
        query = query.where(col(NoticeRecipientRow.state) == state)
    order = (col(NoticeRecipientRow.priority), col(NoticeRecipientRow.id))
    return [
        one.model_dump(mode="json") for one in session.scalars(query.order_by(*order).limit(limit))
    ]
