"""What is done by the clock: drafts nobody answers are flagged, blobs nobody names may go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, insert, not_, or_, select, update

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
    """Held mail of people nobody knows, closed after so many days; its bytes go later."""
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


@dataclass(frozen=True, slots=True)
class Keep:
    """How long mail that nobody waits for is kept."""

    dropped_days: int  # the bytes of dropped mail
    stranger_days: int  # a stranger's held mail stays open; 0: until somebody decides
    forgotten_days: int  # who wrote it, and what about


def _spent(now: datetime, days: int, stranger_days: int) -> Any:
    """Dropped so many days ago, or a stranger's that was closed so many days ago."""
    dropped = and_(
        _c(MessageRow.status) == "dropped", _c(MessageRow.recorded_at) < now - timedelta(days=days)
    )
    if not stranger_days:
        return dropped
    closed = and_(
        _c(MessageRow.status) == "rejected",
        _c(MessageRow.rule).in_(STRANGERS),
        _c(MessageRow.contact_id) == "",
        _c(MessageRow.recorded_at) < now - timedelta(days=days + stranger_days),
    )
    return or_(dropped, closed)


def forget(unit: Unit, now: datetime, keep: Keep) -> int:
    """Old dropped mail and strangers' loses its names and words; that it was there is kept."""
    where = (
        _c(MessageRow.status).in_(("dropped", "rejected")),
        _spent(now, keep.forgotten_days, keep.stranger_days),
        or_(_c(MessageRow.sender) != "", _c(MessageRow.subject) != ""),
    )
    rows = list(unit.scalars(select(_c(MessageRow.id)).where(*where).limit(1000)))
    if rows:
        unit.execute(
            update(MessageRow)
            .where(_c(MessageRow.id).in_(rows))
            .values(
                sender="", subject="", message_id="", message_id_hash="", signature_hash="",
                evidence={}, submission={},
            )
        )  # fmt: skip
    return len(rows)


def referenced(unit: Unit, digests: Sequence[str], now: datetime, keep: Keep) -> set[str]:
    """Those of the digests that a mail or an attachment still needs."""
    found: set[str] = set()
    needed = not_(_spent(now, keep.dropped_days, keep.stranger_days))
    for start in range(0, len(digests), 500):
        part = digests[start : start + 500]
        found.update(
            unit.scalars(
                select(_c(MessageRow.digest)).where(_c(MessageRow.digest).in_(part), needed)
            )
        )
        found.update(
            unit.scalars(
                select(_c(AttachmentRow.sha256))
                .join(MessageRow, _c(MessageRow.id) == _c(AttachmentRow.message_id))
                .where(_c(AttachmentRow.sha256).in_(part), needed)
            )
        )
    return found
