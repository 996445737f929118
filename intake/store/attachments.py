"""Files that wait for the virus scanner, and what it said of them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update

from intake.store.engine import Unit
from intake.store.tables.messages import AttachmentRow
from intake.store.tables.outbox import EventRow


def _c(column: Any) -> Any:
    return column


def waiting(unit: Unit, limit: int, after: int) -> tuple[int, list[str]]:
    """Digests of files nobody has looked at yet, the oldest first, each once; and how far they go.

    ``after`` is how far the last answer went.
    """
    query = (
        select(_c(AttachmentRow.id), _c(AttachmentRow.sha256))
        .where(_c(AttachmentRow.state) == "quarantined", _c(AttachmentRow.id) > after)
        .order_by(_c(AttachmentRow.id))
        .limit(limit)
    )
    rows = unit.execute(query).all()
    return (rows[-1][0] if rows else after), list(dict.fromkeys(row[1] for row in rows))


def settle(unit: Unit, digest: str, found: str, now: datetime) -> None:
    """The scanner's word about every waiting file of that digest."""
    where = (_c(AttachmentRow.sha256) == digest, _c(AttachmentRow.state) == "quarantined")
    columns = (_c(AttachmentRow.case_number), _c(AttachmentRow.message_id), _c(AttachmentRow.name))
    rows = unit.execute(select(*columns).where(*where)).all()
    state, reason = ("withheld", f"virus scanner: {found}") if found else ("stored", "")
    unit.execute(update(AttachmentRow).where(*where).values(state=state, reason=reason))
    for number, message, name in rows if found else ():
        unit.execute(
            insert(EventRow).values(
                at=now, kind="withheld", case_number=number, message_id=message, who="intake",
                detail={"file": name, "why": reason},
            )
        )  # fmt: skip
