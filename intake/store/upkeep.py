"""What is done by the clock: drafts nobody answers are flagged, blobs nobody names may go."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, select, update

from intake.store.engine import Unit
from intake.tables import AttachmentRow, CaseRow, EventRow, MessageRow, PendingFormRow


def _c(column: Any) -> Any:
    return column


def expire(unit: Unit, now: datetime, after_days: int) -> list[str]:
    """Numbers of drafts whose question has had no answer for so long; flagged, never removed."""
    query = (
        select(_c(PendingFormRow.id), _c(PendingFormRow.case_number))
        .join(CaseRow, _c(CaseRow.number) == _c(PendingFormRow.case_number))
        .where(
            _c(PendingFormRow.state) == "open",
            _c(PendingFormRow.asked_at) < now - timedelta(days=after_days),
            _c(CaseRow.status) == "draft",
        )
    )
    numbers = []
    for form_id, number in unit.execute(query).all():
        unit.execute(
            update(PendingFormRow).where(_c(PendingFormRow.id) == form_id).values(state="expired")
        )
        flag = f"no answer for {after_days} days"
        unit.execute(update(CaseRow).where(_c(CaseRow.number) == number).values(flag=flag))
        unit.execute(
            insert(EventRow).values(
                at=now, kind="expired", case_number=number, message_id=0, who="intake", detail={}
            )
        )
        numbers.append(number)
    return numbers


STRANGERS = ("R3", "R8", "R10")  # holds that nobody we know waits for


def retire(unit: Unit, now: datetime, after_days: int) -> int:
    """Held mail of people nobody knows, closed after so many days; its bytes are kept."""
    where = (
        _c(MessageRow.status) == "held",
        _c(MessageRow.rule).in_(STRANGERS),
        _c(MessageRow.contact_id) == "",
        _c(MessageRow.recorded_at) < now - timedelta(days=after_days),
    )
    rows = list(unit.scalars(select(_c(MessageRow.id)).where(*where).limit(1000)))
    if rows:
        unit.execute(
            update(MessageRow).where(_c(MessageRow.id).in_(rows)).values(status="rejected")
        )
        unit.execute(
            insert(EventRow),
            [
                {
                    "at": now, "kind": "retired", "case_number": "", "message_id": row,
                    "who": "intake", "detail": {"days": after_days},
                }
                for row in rows
            ],
        )  # fmt: skip
    return len(rows)


def referenced(unit: Unit, digests: Sequence[str]) -> set[str]:
    """Those of the digests that a mail or an attachment still names."""
    found: set[str] = set()
    for start in range(0, len(digests), 500):
        part = digests[start : start + 500]
        found.update(
            unit.scalars(select(_c(MessageRow.digest)).where(_c(MessageRow.digest).in_(part)))
        )
        found.update(
            unit.scalars(select(_c(AttachmentRow.sha256)).where(_c(AttachmentRow.sha256).in_(part)))
        )
    return found
