"""How contacts want notices: what they switch off, on record with who did it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import insert

from intake.known import NOTICE_CLASSES
from intake.notice_tables import NoticePreferenceRow
from intake.store.engine import Unit
from intake.tables import EventRow


def unsubscribe(
    unit: Unit, contact_id: str, who: str, now: datetime, mandatory: Sequence[str]
) -> tuple[str, ...]:
    """Every class off that is not mandatory; gives those classes. Again changes nothing."""
    stopped = tuple(one for one in NOTICE_CLASSES if one not in mandatory)
    changed = []
    for notice_class in stopped:
        row = unit.get(NoticePreferenceRow, (contact_id, notice_class))
        if row is None:
            row = NoticePreferenceRow(
                contact_id=contact_id, notice_class=notice_class, mode="each", who=who, at=now
            )
            unit.add(row)
        if row.mode != "off":
            row.mode, row.replacement, row.who, row.at = "off", "", who, now
            changed.append(notice_class)
    unit.flush()
    if changed:
        detail: dict[str, Any] = {"contact": contact_id, "off": changed}
        unit.execute(
            insert(EventRow).values(
                at=now, kind="unsubscribed", case_number="", message_id=0, who=who, detail=detail
            )
        )
    return stopped
