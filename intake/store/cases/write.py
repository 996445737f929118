"""Opens and changes cases; the history gets the old and the new value of each change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlmodel import col

from intake.mail.message import Arrival
from intake.model.states import CASE_OVER
from intake.parsers.submission import FieldValue
from intake.store import webhooks
from intake.store.engine import Session, StoreError
from intake.store.sql import clean, clean_all, table_of, upsert
from intake.store.tables.cases import CaseFieldRow, CaseRow, CounterRow
from intake.store.tables.messages import NOBODY
from intake.triage.facts import CaseChange

FIRST_NUMBER = 1001
MAX_COMMENT = 20_000  # characters of new text that are kept in the history
CHANGEABLE = (
    "status", "type", "priority", "department", "billable", "subject", "description",
    "account_id", "contact_id", "submitted_by", "incident_id", "flag", "owner",
)  # fmt: skip
NOBODY_WAITS: dict[str, object] = {"waits_since": None, "reminded_at": None, "escalated_at": None}


@dataclass(frozen=True, slots=True)
class Applied:
    """A change of an existing case, and the mail that makes it."""

    change: CaseChange
    row: int  # of the mail in the messages table
    waits: bool = False  # the contact waits for an answer from now on


def apply_all(
    session: Session, applied: Sequence[Applied], now: datetime, personal: frozenset[str]
) -> dict[str, list[dict[str, Any]]]:
    """Changes existing cases, no case twice; returns new lines of the history, by case."""
    if not applied:
        return {}
    numbers = [one.change.number for one in applied]
    history: dict[str, list[dict[str, Any]]] = {number: [] for number in numbers}
    _update_all(session, applied, history, now)
    _fields(session, applied, history, now, personal)
    for one in applied:
        if one.change.comment:
            detail = {"text": clean(one.change.comment)[:MAX_COMMENT]}
            history[one.change.number].append(_line(now, "comment", one, detail, who=""))
    return history


def _line(
    now: datetime, kind: str, one: Applied, detail: Mapping[str, object], who: str | None = None
) -> dict[str, Any]:
    """A line of the history."""
    return {
        "at": now, "kind": kind, "case_number": one.change.number, "message_id": one.row,
        "who": one.change.who if who is None else who, "detail": dict(detail),
    }  # fmt: skip


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


def _new_values(one: Applied, old: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """An empty text in a change means that the case keeps what it has; a flag is taken away."""
    change = one.change
    new: dict[str, Any] = {
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
    if change.status not in CASE_OVER:
        new["closed_at"] = None
    elif old["status"] not in CASE_OVER:
        new |= {"closed_at": now, **NOBODY_WAITS}
    if one.waits and new.get("waits_since", old["waits_since"]) is None:
        new["waits_since"] = now
    return new


def _update_all(
    session: Session,
    applied: Sequence[Applied],
    history: Mapping[str, list[dict[str, Any]]],
    now: datetime,
) -> None:
    """One question for what the cases were, and one statement for what they are now.

    The rows are locked in between: all columns are written, and nobody else's change may be lost.
    """
    table = table_of(CaseRow)
    kept = (*CHANGEABLE, "closed_at", *NOBODY_WAITS)
    columns = [table.c.number, *(table.c[name] for name in kept)]
    asked = select(*columns).where(table.c.number.in_(list(history))).order_by(table.c.number)
    asked = asked.with_for_update()
    before = {row["number"]: dict(row) for row in session.execute(asked).mappings()}
    rows = []
    for one in applied:
        number = one.change.number
        if number not in before:
            raise StoreError("constraint", f"case {number} was removed by somebody else")
        old = before[number]
        new = _new_values(one, old, now)
        rows.append({f"new_{name}": value for name, value in (old | new).items()})
        if old["incident_id"] != new.get("incident_id", old["incident_id"]):
            account = str(new.get("account_id", old["account_id"]))
            _linked(session, one.change.incident, number, account, now)
        history[number].extend(
            _line(now, "changed", one, {"field": name, "old": old[name], "new": value})
            for name, value in new.items()
            if name in CHANGEABLE and old[name] != value
        )
    values = {name: bindparam(f"new_{name}", type_=table.c[name].type) for name in kept}
    put = update(table).where(table.c.number == bindparam("new_number"))
    session.connection().execute(put.values(**values, updated_at=now), rows)


def _fields(
    session: Session,
    applied: Sequence[Applied],
    history: Mapping[str, list[dict[str, Any]]],
    now: datetime,
    personal: frozenset[str],
) -> None:
    """The values that mails add to existing cases."""
    fresh = [
        (one, name, value)
        for one in applied
        for name, value in one.change.fields.items()
        if value.source != "stored"
    ]
    if not fresh:
        return
    query = select(
        col(CaseFieldRow.case_number), col(CaseFieldRow.name), col(CaseFieldRow.words)
    ).where(col(CaseFieldRow.case_number).in_(sorted({one.change.number for one, _, _ in fresh})))
    before = {(number, name): words for number, name, words in session.execute(query)}
    rows = []
    for one, name, value in fresh:
        number = one.change.number
        values = {**_field_values(value), "message_id": one.row}
        rows.append({"case_number": number, "name": name, **values})
        was = before.get((number, name))
        if was != values["words"]:
            detail = {"field": name}
            if name not in personal:
                detail |= {"old": was or "", "new": values["words"]}
            history[number].append(_line(now, "changed", one, detail))
    put = upsert(session, CaseFieldRow)
    new = {name: put.excluded[name] for name in rows[0] if name not in ("case_number", "name")}
    again = put.on_conflict_do_update(index_elements=["case_number", "name"], set_=new)
    session.connection().execute(again, rows)


def _field_values(one: FieldValue) -> dict[str, Any]:
    return {
        "value": clean_all(one.value),
        "words": clean(one.words),
        "source": one.source,
        "label": clean(one.label),
        "start": one.start,
        "end": one.end,
    }


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
