"""Delivery reports which say that other servers refuse us, whoever the recipient is."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlmodel import col

from intake.model.health import Trouble
from intake.store.engine import Session
from intake.store.tables.outbox import EventRow

DOMAINS = 3  # of recipients; a single domain that blocks us is its own affair
WITHIN = timedelta(days=1)
MAX_REPORTS = 500
KINDS = ("returned-bounce", "returned-delay")


def troubles(session: Session, now: datetime) -> list[Trouble]:
    """One trouble if the servers of several domains have refused our letters within a day."""
    query = (
        select(col(EventRow.at), col(EventRow.detail))
        .where(col(EventRow.kind).in_(KINDS), col(EventRow.at) > now - WITHIN)
        .order_by(col(EventRow.at).desc(), col(EventRow.id).desc())  # as the index has them
    )
    found: dict[str, tuple[datetime, str]] = {}
    for at, detail in session.execute(query.limit(MAX_REPORTS)):
        if detail.get("about_us"):
            domain = str(detail.get("recipient", "")).rpartition("@")[2]
            found[domain] = (at, str(detail.get("words", "")))
    if len(found) < DOMAINS:
        return []
    since, words = min(found.values())
    return [Trouble("reputation", f"servers of {len(found)} domains refuse us: {words}", since)]
