"""Events for other programs: written in the transaction of what happened, sent afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import insert

from intake.known import Incident, Update
from intake.notice_tables import HookEventRow
from intake.store.engine import Unit


def emit(unit: Unit, kind: str, payload: Mapping[str, Any], now: datetime) -> None:
    """One event, for whoever listens. ``payload`` is JSON and holds no addresses of people."""
    unit.execute(
        insert(HookEventRow).values(at=now, kind=kind, payload=dict(payload), fanned_out=False)
    )


def incident_payload(incident: Incident, update: Update) -> dict[str, Any]:
    """An incident and its update as other programs get them: nothing about people."""
    return {
        "id": incident.id, "kind": incident.kind, "status": update.status, "title": incident.title,
        "update": update.number, "text": update.text,
    }  # fmt: skip
