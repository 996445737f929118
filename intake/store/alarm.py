"""Whether the operator should be written to: something waits that was not there the last time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select

from intake.store import preferences, reports, unreachable
from intake.store.engine import Unit
from intake.tables import CaseRow, MessageRow, OutboxRow


def _c(column: Any) -> Any:
    return column


def due(unit: Unit, now: datetime, every_hours: int) -> tuple[int, list[str]] | None:
    """(newest waiting thing, lines that say what waits), or None when there is nothing to say.

    The newest thing is kept with the letter; the next one is sent only when it has grown.
    """
    last = unit.execute(
        select(_c(OutboxRow.created_at), _c(OutboxRow.message_id))
        .where(_c(OutboxRow.kind) == "alert")
        .order_by(_c(OutboxRow.id).desc())
        .limit(1)
    ).first()
    if last is not None and last[0] > now - timedelta(hours=every_hours):
        return None
    waits = _c(MessageRow.status).in_(("held", "shelved"))
    newest = unit.scalar(select(func.max(_c(MessageRow.id))).where(waits)) or 0
    newest = max(
        newest, unit.scalar(select(func.max(_flagged())).where(_c(CaseRow.flag) != "")) or 0
    )
    newest = max(newest, unreachable.newest(unit))
    if newest <= (last[1] if last is not None else 0):
        return None
    return newest, lines(unit, now)


def _flagged() -> Any:
    """The mail that opened a case that a person should look at."""
    return _c(CaseRow.message_id)


def lines(unit: Unit, now: datetime) -> list[str]:
    """What waits, in numbers and rules; nothing of what anybody wrote."""
    status = reports.status(unit)
    rules = unit.execute(
        select(_c(MessageRow.rule), func.count())
        .where(_c(MessageRow.status) == "held")
        .group_by(_c(MessageRow.rule))
        .order_by(_c(MessageRow.rule))
    )
    found = [f"{count:6} held by {rule}" for rule, count in rules]
    for count, what in (
        (status.messages.get("shelved", 0), "on the shelf: handling raised three times"),
        (status.flagged, "cases a person should look at"),
        (status.letters.get("failed", 0), "letters that could not be delivered"),
        (status.letters.get("in_doubt", 0), "letters in doubt"),
        (status.hooks.get("failed", 0), "events that a program was not told of"),
        (status.unreachable, "authorized contacts whose mail comes back"),
    ):
        if count:
            found.append(f"{count:6} {what}")
    found += [f"       mailbox {name} fails" for name in status.failing]
    found += [f"       {task}" for task in preferences.tasks(unit, now)]
    return found
