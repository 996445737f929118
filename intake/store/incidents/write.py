"""Incidents as operators manage them: open, update, list; every update is a row of its own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlmodel import col

from intake.model.authorship import By
from intake.model.incidents import (
    CLOSED_STATES,
    INCIDENT_STATES,
    MAINTENANCE_STATES,
    NOTICE_CLASSES,
    Change,
    Incident,
    Window,
)
from intake.model.states import IncidentStatus, SendState
from intake.store import webhooks
from intake.store.engine import Session
from intake.store.incidents.read import update_value, updates, value
from intake.store.incidents.recipients import IncidentError, chosen, counts, note
from intake.store.sql import Row
from intake.store.tables.cases import CaseRow, CounterRow
from intake.store.tables.contacts import AccountRow
from intake.store.tables.incidents import IncidentRow, IncidentUpdateRow, NoticeRecipientRow
from intake.store.tables.outbox import EventRow


@dataclass(frozen=True, slots=True)
class Opening:
    """The details of a new incident or maintenance."""

    kind: str
    title: str
    text: str
    impact: str = ""
    modules: tuple[str, ...] = ()
    areas: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    contact_types: tuple[str, ...] = ()
    notice_class: str = ""  # empty: "outage", or "maintenance"
    public: bool = True
    starts_at: datetime | None = None  # None: now
    ends_at: datetime | None = None
    next_update_at: datetime | None = None
    short_notice: str = ""


def open_(session: Session, opening: Opening, who: str, now: datetime) -> str:
    """Creates one with its first update; returns its id. Raises IncidentError."""
    states = INCIDENT_STATES if opening.kind == "incident" else MAINTENANCE_STATES
    _sound(session, opening)
    counter = session.get(CounterRow, "incident")
    if counter is None:
        counter = CounterRow(name="incident", value=0)
        session.add(counter)
    counter.value += 1
    made = f"INC-{counter.value}"
    usual = "outage" if opening.kind == "incident" else "maintenance"
    row = IncidentRow(
        id=made, kind=opening.kind, title=" ".join(opening.title.split()), status=states[0],
        notice_class=opening.notice_class or usual, public=opening.public,
        impact=" ".join(opening.impact.split()), modules=list(opening.modules),
        areas=list(opening.areas), accounts=list(opening.accounts), words=list(opening.words),
        contact_types=list(opening.contact_types), starts_at=opening.starts_at or now,
        ends_at=opening.ends_at, next_update_at=opening.next_update_at, created_at=now,
        updated_at=now, short_notice=" ".join(opening.short_notice.split()),
    )  # fmt: skip
    session.add(row)
    session.flush()
    kind = "incident.opened" if opening.kind == "incident" else "maintenance.scheduled"
    _written(session, row, _Words("update", opening.text, kind), By(who, now))
    return made


def _sound(session: Session, opening: Opening) -> None:
    for account in opening.accounts:
        if session.get(AccountRow, account) is None:
            raise IncidentError(
                f"there is no account {account!r}; `intake accounts list` shows all"
            )
    if not opening.title.strip() or not opening.text.strip():
        raise IncidentError("a title and a first text are needed: what is known, and what to do")
    if opening.notice_class and opening.notice_class not in NOTICE_CLASSES:
        raise IncidentError(
            f"class: found {opening.notice_class!r}, wanted one of {', '.join(NOTICE_CLASSES)}"
        )


NO_CHANGE = Change()


@dataclass(frozen=True, slots=True)
class _Words:
    """An update to be written."""

    kind: str
    text: str
    event: str  # the kind of event for webhooks
    cause: str = ""
    wrong_number: int = 0  # the update that a correction is about


def _written(session: Session, row: IncidentRow, words: _Words, by: By) -> IncidentUpdateRow:
    """Writes the incident's next update in its current state, and the event for webhooks."""
    last = session.scalar(
        select(func.max(col(IncidentUpdateRow.number))).where(
            col(IncidentUpdateRow.incident_id) == row.id
        )
    )
    made = IncidentUpdateRow(
        incident_id=row.id, number=(last or 0) + 1, kind=words.kind,
        cause=words.cause or f"{row.id}:{(last or 0) + 1}", status=row.status,
        text=words.text.strip(), wrong_number=words.wrong_number, who=by.who, at=by.at,
        next_update_at=row.next_update_at,
        starts_at=row.starts_at if row.kind == "maintenance" else None, ends_at=row.ends_at,
        sequence=row.sequence,
    )  # fmt: skip
    session.add(made)
    session.flush()
    payload = webhooks.incident_payload(value(row), update_value(made))
    webhooks.emit(session, words.event, payload, by.at)
    return made


def row_of(session: Session, incident_id: str) -> IncidentRow:
    """The incident's row. Raises IncidentError."""
    row = session.get(IncidentRow, incident_id)
    if row is None:
        raise IncidentError(
            f"there is no incident {incident_id!r}; `intake incidents list` shows all"
        )
    return row


def _open_row(session: Session, incident_id: str, text: str) -> IncidentRow:
    row = row_of(session, incident_id)
    if row.status in CLOSED_STATES:
        raise IncidentError(f"{incident_id} is {row.status}; open a new one")
    if not text.strip():
        raise IncidentError("an update needs a text: what is new, and what to do")
    return row


def update(
    session: Session, incident_id: str, text: str, by: By, change: Change = NO_CHANGE
) -> int:
    """Adds an update, with or without a new status; returns its number. Raises IncidentError."""
    row = _open_row(session, incident_id, text)
    states = INCIDENT_STATES if row.kind == "incident" else MAINTENANCE_STATES
    wanted = change.status or row.status
    if wanted not in states:
        raise IncidentError(f"status: found {change.status!r}, wanted one of {', '.join(states)}")
    if wanted == IncidentStatus.CANCELLED and change.kind != "cancellation":
        raise IncidentError(f"{incident_id}: wanted `intake incidents cancel` for that")
    event = _event(row, wanted)
    row.status, row.updated_at, row.next_update_at = wanted, by.at, change.next_update_at
    row.closed_at = by.at if wanted in CLOSED_STATES else None
    words = _Words(change.kind, text, event, change.cause)
    return _written(session, row, words, by).number


def _event(row: IncidentRow, wanted: str) -> str:
    """The kind of event for a change to that status."""
    if row.kind == "incident":
        return "incident.resolved" if wanted == IncidentStatus.RESOLVED else "incident.updated"
    if wanted == row.status:
        return "maintenance.updated"
    if wanted == IncidentStatus.IN_PROGRESS:
        return "maintenance.started"
    return f"maintenance.{wanted if wanted in CLOSED_STATES else 'updated'}"


def remind(session: Session, incident_id: str, text: str, cause: str, now: datetime) -> int:
    """Adds a reminder of the current plan; nothing else changes."""
    row = row_of(session, incident_id)
    event = "maintenance.reminded"
    words = _Words("reminder", text, event, cause)
    return _written(session, row, words, By("intake", now)).number


def correct(
    session: Session, incident_id: str, wrong: int, text: str, who: str, now: datetime
) -> int:
    """Adds a correction of an update; returns its number. Raises IncidentError."""
    row = row_of(session, incident_id)
    if not text.strip():
        raise IncidentError("a correction needs a text: what is right")
    chosen = next((one for one in updates(session, incident_id) if one.number == wrong), None)
    if chosen is None or chosen.kind == "reminder":
        raise IncidentError(f"{incident_id} has no update {wrong} that could be corrected")
    row.updated_at = now
    words = _Words("correction", text, f"{row.kind}.corrected", wrong_number=wrong)
    return _written(session, row, words, By(who, now)).number


def reschedule(session: Session, incident_id: str, window: Window, text: str, by: By) -> int:
    """Moves a maintenance that has not begun; returns the update. Raises IncidentError."""
    row = _open_row(session, incident_id, text)
    if row.kind != "maintenance" or row.status != IncidentStatus.SCHEDULED:
        raise IncidentError(f"{incident_id} is {row.status}; wanted a maintenance not begun yet")
    row.starts_at, row.ends_at, row.updated_at = window.starts_at, window.ends_at, by.at
    row.sequence, row.short_notice = row.sequence + 1, " ".join(window.short_notice.split())
    words = _Words("reschedule", text, "maintenance.rescheduled")
    return _written(session, row, words, by).number


def call_off(session: Session, incident_id: str, text: str, who: str, now: datetime) -> int:
    """Cancels a maintenance, or ends it early; returns the update. Raises IncidentError."""
    row = _open_row(session, incident_id, text)
    if row.kind != "maintenance":
        raise IncidentError(f"{incident_id} is an incident; wanted a maintenance")
    row.sequence += 1
    return update(
        session,
        incident_id,
        text,
        By(who, now),
        Change(status=IncidentStatus.CANCELLED, kind="cancellation"),
    )


def edit(session: Session, incident_id: str, text: str, who: str, now: datetime) -> int:
    """Changes the newest update's text before it is sent to anyone; voids its approval.

    Raises IncidentError once a letter was tried; then a correction is needed.
    """
    row = chosen(session, incident_id)
    if not text.strip():
        raise IncidentError("an update needs a text: what is new, and what to do")
    mine = col(NoticeRecipientRow.update_id) == row.id
    tried = session.scalar(
        select(col(NoticeRecipientRow.id))
        .where(mine, col(NoticeRecipientRow.attempts) > 0)
        .limit(1)
    )
    if tried is not None or row.send_state == SendState.DONE:
        raise IncidentError(
            f"{incident_id}: update {row.number} has been sent; "
            f"wanted `intake incidents correct {incident_id} {row.number}`"
        )
    session.execute(delete(NoticeRecipientRow).where(mine))
    detail = {"update": row.number, "was": row.text, "void": row.approval_hash}
    row.text, row.send_state, row.approval_hash = text.strip(), SendState.DRAFT, ""
    row.approved_by, row.approved_at, row.proposed_by = "", None, ""
    row_of(session, incident_id).updated_at = now
    note(session, incident_id, "edited", By(who, now), detail)
    return row.number


def hold_back(session: Session, incident_id: str, held: bool, who: str, now: datetime) -> None:
    """Stops or allows the automatic start and end of a maintenance. Raises IncidentError."""
    row = row_of(session, incident_id)
    if row.kind != "maintenance" or row.status in CLOSED_STATES:
        raise IncidentError(f"{incident_id} is {row.status}; wanted a maintenance not over yet")
    row.held_back = held
    note(session, incident_id, "held-back" if held else "let-go", By(who, now), {})


def find(session: Session, incident_id: str) -> Incident:
    """One incident or maintenance. Raises IncidentError."""
    return value(row_of(session, incident_id))


def listed(session: Session, *, everything: bool) -> list[dict[str, object]]:
    """The open ones, or all, newest first, with the number of cases."""
    query = select(IncidentRow).order_by(col(IncidentRow.created_at).desc())
    if not everything:
        query = query.where(col(IncidentRow.status).not_in(CLOSED_STATES))
    linked = {
        name: count
        for name, count in session.execute(
            select(col(CaseRow.incident_id), func.count())
            .where(col(CaseRow.incident_id) != "")
            .group_by(col(CaseRow.incident_id))
        )
    }
    return [
        {
            "id": row.id, "kind": row.kind, "status": row.status, "title": row.title,
            "modules": row.modules, "cases": linked.get(row.id, 0),
            "letters": chosen(session, row.id).send_state,
            "updated_at": row.updated_at.isoformat(),
        }
        for row in session.scalars(query)
    ]  # fmt: skip


def shown(session: Session, incident_id: str) -> Row:
    """One with its updates and its cases by account. Raises IncidentError."""
    row = row_of(session, incident_id)
    written = session.scalars(
        select(IncidentUpdateRow)
        .where(col(IncidentUpdateRow.incident_id) == incident_id)
        .order_by(col(IncidentUpdateRow.number))
    )
    cases = session.execute(
        select(col(CaseRow.account_id), col(CaseRow.number))
        .where(col(CaseRow.incident_id) == incident_id)
        .order_by(col(CaseRow.message_id))
    )
    by_account: dict[str, list[str]] = {}
    for account, number in cases:
        by_account.setdefault(account, []).append(number)
    history = session.scalars(
        select(EventRow).where(col(EventRow.case_number) == incident_id).order_by(col(EventRow.id))
    )
    return {
        **row.model_dump(mode="json"),
        "updates": [
            {**one.model_dump(mode="json", exclude={"id"}), "letters": counts(session, one.id)}
            for one in written
        ],
        "cases": by_account,
        "history": [
            {"at": one.at.isoformat(), "kind": one.kind, "who": one.who, "detail": one.detail}
            for one in history
        ],
    }
