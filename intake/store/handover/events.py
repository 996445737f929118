"""Events about cases for other programs: the whole case, in the transaction of its change."""

from __future__ import annotations

from datetime import datetime

from intake.model.states import CASE_OVER, CaseStatus
from intake.store import reports, webhooks
from intake.store.engine import Session
from intake.store.handover import conversation
from intake.store.sql import Row
from intake.triage.decision import Decision

OPENED, COMPLETED, UPDATED = "case.opened", "case.completed", "case.updated"
ANSWERED, CLOSED, REOPENED = "case.answered", "case.closed", "case.reopened"
_COLUMNS = (
    "number", "status", "type", "priority", "department", "owner", "subject", "description",
    "billable", "incident_id", "follows", "merged_into", "received_at", "updated_at",
    "answered_at", "closed_at",
)  # fmt: skip


def kind_of(decision: Decision) -> str:
    """What happened to the case of a decision; empty for a draft and for nothing."""
    change, case, work = decision.change, decision.case, decision.work
    if change is None or change.status == CaseStatus.DRAFT:
        return ""
    before = case.status if case else ""
    if change.new:
        return OPENED
    if change.status in CASE_OVER and before not in CASE_OVER:
        return CLOSED
    if before in CASE_OVER and change.status not in CASE_OVER:
        return REOPENED
    if before == CaseStatus.DRAFT:
        return COMPLETED
    return ANSWERED if work is not None and work.answer else UPDATED


def emit(session: Session, number: str, kind: str, now: datetime) -> None:
    """One event with the case as it is now; nothing for an unknown case."""
    session.flush()
    session.expire_all()
    payload = whole(session, number)
    if payload is not None:
        webhooks.emit(session, kind, {"case": payload}, now)


def whole(session: Session, number: str) -> Row | None:
    """The case as docs/events.md describes it."""
    row = reports.case(session, number)
    if row is None:
        return None
    people = row["people"]
    return {
        **{key: row[key] for key in _COLUMNS},
        "account": {"id": row["account_id"], "name": row["account_name"]},
        "contact": {"id": row["contact_id"], "name": people.get(row["contact_id"], "")},
        "submitted_by": row["submitted_by"],
        "participants": conversation.participants(session, number),
        "fields": {name: one["value"] for name, one in row["fields"].items()},
        "fields_text": {name: one["words"] for name, one in row["fields"].items()},
        "attachments": [
            {key: one[key] for key in ("name", "size", "sha256", "detected_type", "state")}
            for one in row["attachments"]
            if not one["inline"]
        ],
        "conversation": [
            {key: one[key] for key in ("at", "direction", "kind", "who", "name", "text")}
            for one in conversation.lines(session, number)
            if one["kind"] != "letter"
        ],
    }
