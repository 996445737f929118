"""Incidents and sent notices in a test's database, as the ledger of a broadcast leaves them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select

from intake.mail import tokens
from intake.mail.addresses import ascii_lower
from intake.store.engine import Session
from intake.store.tables.incidents import IncidentRow, IncidentUpdateRow, NoticeRecipientRow
from tests.support.mailbag import SERVICE

DOMAIN = SERVICE.rpartition("@")[2]
TITLE = "Grade Book posting delayed"
TEXT = "Teachers cannot post grades; the Post button is grey.\n\n- Grades already posted are safe."


def incident(session: Session, now: datetime, **changes: Any) -> str:
    """An open incident about the Grade Book with one update; gives its id."""
    count = len(list(session.scalars(select(IncidentRow))))
    values: dict[str, Any] = {
        "id": f"INC-{count + 1}", "kind": "incident", "title": TITLE, "status": "investigating",
        "modules": ["Grade Book"], "starts_at": now, "created_at": now, "updated_at": now,
    } | changes  # fmt: skip
    session.add(IncidentRow(**values))
    session.flush()
    session.add(
        IncidentUpdateRow(
            incident_id=values["id"], number=1, cause=f"{values['id']}:1", status="investigating",
            text=TEXT, who="operator:test", at=now, send_state="done",
        )
    )  # fmt: skip
    session.flush()
    return str(values["id"])


def notice_id(secrets: Sequence[bytes], incident_id: str, number: int, address: str) -> str:
    """The Message-ID of that update's notice to that address; number 0 is the thread's root."""
    cause = f"{incident_id}:{number}:{ascii_lower(address)}"
    return tokens.message_id(secrets, "notice", incident_id, cause, DOMAIN)


def sent(
    session: Session,
    secrets: Sequence[bytes],
    incident_id: str,
    person: tuple[str, str],
    now: datetime,
    **changes: Any,
) -> NoticeRecipientRow:
    """The row of (contact id, address) for the newest update, sent unless ``changes`` say else."""
    contact, address = person
    update = session.scalars(
        select(IncidentUpdateRow)
        .where(IncidentUpdateRow.incident_id == incident_id)
        .order_by(IncidentUpdateRow.number.desc())  # type: ignore[attr-defined]  # a column
    ).first()
    assert update is not None
    values: dict[str, Any] = {
        "update_id": update.id, "incident_id": incident_id, "number": update.number,
        "key": ascii_lower(address), "address": address, "domain": address.rpartition("@")[2],
        "contact_id": contact, "name": contact, "zone": "UTC", "first_number": 1,
        "message_id_header": notice_id(secrets, incident_id, update.number, address),
        "root_id": notice_id(secrets, incident_id, 0, address), "state": "sent", "due_at": now,
        "created_at": now, "attempts": 1, "attempted_at": now, "finished_at": now, "fence": 1,
    } | changes  # fmt: skip
    row = NoticeRecipientRow(**values)
    session.add(row)
    session.flush()
    return row
