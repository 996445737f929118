"""Opens and changes cases; the history gets the old and the new value of each change."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update
from sqlmodel import col

from intake.mail.message import Arrival
from intake.model.authorship import By
from intake.model.states import CASE_OVER
from intake.parsers.submission import FieldValue
from intake.store import webhooks
from intake.store.engine import Session
from intake.store.sql import clean, clean_all, upsert
from intake.store.tables.cases import CaseFieldRow, CaseRow, CounterRow
from intake.store.tables.messages import NOBODY
from intake.store.tables.outbox import EventRow
from intake.triage.facts import CaseChange

FIRST_NUMBER = 1001
MAX_COMMENT = 20_000  # characters of new text that are kept in the history
CHANGEABLE = (
    "status", "type", "priority", "department", "billable", "subject", "description",
    "account_id", "contact_id", "submitted_by", "incident_id", "flag", "owner",
)  # fmt: skip
NOBODY_WAITS: dict[str, object] = {"waits_since": None, "reminded_at": None, "escalated_at": None}


def apply(
    session: Session, change: CaseChange, row: int, now: datetime, personal: frozenset[str]
) -> None:
    """Changes an existing case; ``row`` is the id in the messages table of the mail that does."""
    _update(session, change, row, now)
    _fields(session, change, row, now, personal)
    if change.comment:
        detail = {"text": clean(change.comment)[:MAX_COMMENT]}
        _event(session, By("", now), "comment", change.number, row, detail)


def case_row(change: CaseChange, arrival: Arrival, now: datetime) -> dict[str, Any]:
    """The row of a new case, without the mail that opens it."""
    return {
        "number": change.number,
        "account_id": change.account,
        "contact_id": change.contact,
        "submitted_by": change.submitted_by,
        "type": change.type,
        "priority": change.priority,
        "department": change.department,
        "billable": change.billable,
        "status": change.status,
        "subject": clean(change.subject),
        "description": clean(change.description),
        "incident_id": change.incident,
        "follows": change.follows,
        "flag": change.flag,
        "received_at": arrival.received_at,
        "created_at": now,
        "updated_at": now,
    }


def nobody_row(now: datetime) -> dict[str, Any]:
    """The account of cases whose account nobody has said yet."""
    return {
        "id": NOBODY, "name": "", "active": False, "timezone": "", "date_order": "",
        "created_at": now, "updated_at": now,
    }  # fmt: skip


def new_fields(change: CaseChange) -> list[dict[str, Any]]:
    """The rows of a new case's fields, without the mail that they came of."""
    return [
        {"case_number": change.number, "name": name, **_field_values(one)}
        for name, one in change.fields.items()
        if one.source != "stored"
    ]


def _linked(session: Session, incident: str, number: str, account: str, now: datetime) -> None:
    """Emits an event for webhooks if the case is about an incident."""
    if incident:
        webhooks.emit(
            session, "case.linked", webhooks.linked_payload(incident, number, account), now
        )


def _update(session: Session, change: CaseChange, row: int, now: datetime) -> None:
    """An empty text in a change means that the case keeps what it has; a flag is taken away."""
    new: dict[str, object] = {
        "status": change.status,
        "type": change.type,
        "priority": change.priority,
        "department": change.department,
        "billable": change.billable,
        "subject": clean(change.subject),
        "description": clean(change.description),
        "account_id": change.account,
        "contact_id": change.contact,
        "submitted_by": change.submitted_by,
        "incident_id": change.incident,
    }
    new = {key: value for key, value in new.items() if value not in ("", None)}
    new["flag"] = change.flag
    if change.owner is not None:
        new["owner"] = change.owner
    if change.untie:
        new["incident_id"] = ""
    columns = [col(getattr(CaseRow, name)) for name in CHANGEABLE]
    before = session.execute(select(*columns).where(col(CaseRow.number) == change.number)).one()
    old = dict(zip(CHANGEABLE, before, strict=True))
    if change.status not in CASE_OVER:
        new["closed_at"] = None
    elif old["status"] not in CASE_OVER:
        new |= {"closed_at": now, **NOBODY_WAITS}
    session.execute(
        update(CaseRow).where(col(CaseRow.number) == change.number).values(**new, updated_at=now)
    )
    if old["incident_id"] != new.get("incident_id", old["incident_id"]):
        account = str(new.get("account_id", old["account_id"]))
        _linked(session, change.incident, change.number, account, now)
    for name, value in new.items():
        if name in old and old[name] != value:
            detail = {"field": name, "old": old[name], "new": value}
            _event(session, By(change.who, now), "changed", change.number, row, detail)


def _fields(
    session: Session, change: CaseChange, row: int, now: datetime, personal: frozenset[str]
) -> None:
    fresh = {name: one for name, one in change.fields.items() if one.source != "stored"}
    if not fresh:
        return
    query = select(col(CaseFieldRow.name), col(CaseFieldRow.words)).where(
        col(CaseFieldRow.case_number) == change.number
    )
    before: Mapping[str, str] = {name: words for name, words in session.execute(query)}
    for name, one in fresh.items():
        values = {**_field_values(one), "message_id": row}
        statement = upsert(session, CaseFieldRow).values(
            case_number=change.number, name=name, **values
        )
        session.execute(
            statement.on_conflict_do_update(index_elements=["case_number", "name"], set_=values)
        )
        if before.get(name) != values["words"]:
            detail = {"field": name}
            if name not in personal:
                detail |= {"old": before.get(name, ""), "new": values["words"]}
            _event(session, By(change.who, now), "changed", change.number, row, detail)


def _field_values(one: FieldValue) -> dict[str, Any]:
    return {
        "value": clean_all(one.value),
        "words": clean(one.words),
        "source": one.source,
        "label": clean(one.label),
        "start": one.start,
        "end": one.end,
    }


def _event(
    session: Session, by: By, kind: str, number: str, row: int, detail: Mapping[str, object]
) -> None:
    session.execute(
        insert(EventRow).values(
            at=by.at,
            kind=kind,
            case_number=number,
            message_id=row,
            who=by.who,
            detail=dict(detail),
        )
    )


def next_number(session: Session) -> int:
    """The next number; its row is locked if the database supports row locks."""
    query = select(col(CounterRow.value)).where(col(CounterRow.name) == "case")
    if not session.connection().get_execution_options().get("intake_write"):
        return max(FIRST_NUMBER, (session.scalar(query) or 0) + 1)
    value = session.scalar(query.with_for_update())
    if value is None:  # the very first case: only one of two batches may make the row
        row = upsert(session, CounterRow).values(name="case", value=FIRST_NUMBER - 1)
        session.execute(row.on_conflict_do_nothing(index_elements=["name"]))
        value = session.scalar(query.with_for_update())
    return max(FIRST_NUMBER, (value or 0) + 1)
