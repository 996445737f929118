"""Incidents as operators keep them: opened, updated, listed; every update a row of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from intake.known import CLOSED_STATES, Account, Contact, Incident
from intake.notice_tables import IncidentRow, IncidentUpdateRow
from intake.notifier import INCIDENT_STATES, MAINTENANCE_STATES
from intake.store.engine import Unit
from intake.store.known_incidents import value
from intake.store.look_up import whole_accounts, whole_contacts
from intake.tables import (
    AccountRow,
    CaseRow,
    ContactRow,
    CounterRow,
    SuppressionRow,
)  # fmt: skip


class IncidentError(Exception):
    """The change cannot be made; the text names what was found and wanted."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What an operator says of a new incident or maintenance."""

    kind: str
    title: str
    text: str
    impact: str = ""
    modules: tuple[str, ...] = ()
    areas: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    starts_at: datetime | None = None  # None: now
    ends_at: datetime | None = None
    next_update_at: datetime | None = None


def _c(column: Any) -> Any:
    return column


def open_(unit: Unit, opening: Opening, who: str, now: datetime) -> str:
    """A new one with its first update; gives its id. Raises IncidentError."""
    states = INCIDENT_STATES if opening.kind == "incident" else MAINTENANCE_STATES
    for account in opening.accounts:
        if unit.get(AccountRow, account) is None:
            raise IncidentError(
                f"there is no account {account!r}; `intake accounts list` shows all"
            )
    if not opening.title.strip() or not opening.text.strip():
        raise IncidentError("a title and a first text are needed: what is known, and what to do")
    counter = unit.get(CounterRow, "incident")
    if counter is None:
        counter = CounterRow(name="incident", value=0)
        unit.add(counter)
    counter.value += 1
    made = f"INC-{counter.value}"
    unit.add(
        IncidentRow(
            id=made, kind=opening.kind, title=" ".join(opening.title.split()), status=states[0],
            impact=" ".join(opening.impact.split()), modules=list(opening.modules),
            areas=list(opening.areas), accounts=list(opening.accounts),
            words=list(opening.words), starts_at=opening.starts_at or now,
            ends_at=opening.ends_at, next_update_at=opening.next_update_at, created_at=now,
            updated_at=now,
        )
    )  # fmt: skip
    unit.flush()
    unit.add(
        IncidentUpdateRow(
            incident_id=made,
            number=1,
            cause=f"{made}:1",
            status=states[0],
            text=opening.text,
            who=who,
            at=now,
        )
    )
    return made


def update(
    unit: Unit,
    incident_id: str,
    text: str,
    who: str,
    now: datetime,
    *,
    status: str = "",
    next_update_at: datetime | None = None,
) -> int:
    """A further update, in a new state or the same; gives its number. Raises IncidentError."""
    row = unit.get(IncidentRow, incident_id)
    if row is None:
        raise IncidentError(
            f"there is no incident {incident_id!r}; `intake incidents list` shows all"
        )
    states = INCIDENT_STATES if row.kind == "incident" else MAINTENANCE_STATES
    wanted = status or row.status
    if row.status in CLOSED_STATES:
        raise IncidentError(f"{incident_id} is {row.status}; open a new one")
    if wanted not in states:
        raise IncidentError(f"status: found {status!r}, wanted one of {', '.join(states)}")
    if not text.strip():
        raise IncidentError("an update needs a text: what is new, and what to do")
    last = unit.scalar(
        select(func.max(_c(IncidentUpdateRow.number))).where(
            _c(IncidentUpdateRow.incident_id) == incident_id
        )
    )
    number = (last or 0) + 1
    unit.add(
        IncidentUpdateRow(
            incident_id=incident_id,
            number=number,
            cause=f"{incident_id}:{number}",
            status=wanted,
            text=text,
            who=who,
            at=now,
        )
    )
    row.status, row.updated_at, row.next_update_at = wanted, now, next_update_at
    row.closed_at = now if wanted in CLOSED_STATES else None
    return number


def find(unit: Unit, incident_id: str) -> Incident:
    """One of them. Raises IncidentError."""
    row = unit.get(IncidentRow, incident_id)
    if row is None:
        raise IncidentError(
            f"there is no incident {incident_id!r}; `intake incidents list` shows all"
        )
    return value(row)


def listed(unit: Unit, *, everything: bool) -> list[dict[str, Any]]:
    """The open ones, or all, newest first, with the number of cases."""
    query = select(IncidentRow).order_by(_c(IncidentRow.created_at).desc())
    if not everything:
        query = query.where(_c(IncidentRow.status).not_in(CLOSED_STATES))
    counts = {
        name: count
        for name, count in unit.execute(
            select(_c(CaseRow.incident_id), func.count())
            .where(_c(CaseRow.incident_id) != "")
            .group_by(_c(CaseRow.incident_id))
        )
    }
    return [
        {
            "id": row.id, "kind": row.kind, "status": row.status, "title": row.title,
            "modules": row.modules, "cases": counts.get(row.id, 0),
            "updated_at": row.updated_at.isoformat(),
        }
        for row in unit.scalars(query)
    ]  # fmt: skip


def shown(unit: Unit, incident_id: str) -> dict[str, Any]:
    """One with its updates and its cases by account. Raises IncidentError."""
    find(unit, incident_id)
    row = unit.get(IncidentRow, incident_id)
    updates = unit.scalars(
        select(IncidentUpdateRow)
        .where(_c(IncidentUpdateRow.incident_id) == incident_id)
        .order_by(_c(IncidentUpdateRow.number))
    )
    cases = unit.execute(
        select(_c(CaseRow.account_id), _c(CaseRow.number))
        .where(_c(CaseRow.incident_id) == incident_id)
        .order_by(_c(CaseRow.message_id))
    )
    by_account: dict[str, list[str]] = {}
    for account, number in cases:
        by_account.setdefault(account, []).append(number)
    plain = row.model_dump(mode="json") if row is not None else {}
    return {
        **plain,
        "updates": [one.model_dump(mode="json", exclude={"id"}) for one in updates],
        "cases": by_account,
    }


def people(unit: Unit) -> tuple[tuple[Contact, ...], dict[str, Account], dict[str, str]]:
    """Every contact, every account, and the addresses that get no notices for now."""
    contacts = whole_contacts(unit, list(unit.scalars(select(_c(ContactRow.id)))))
    accounts: Sequence[Account] = whole_accounts(
        unit, list(unit.scalars(select(_c(AccountRow.id))))
    )
    suspended = {row.key: row.reason for row in unit.scalars(select(SuppressionRow))}
    return contacts, {one.id: one for one in accounts}, suspended
