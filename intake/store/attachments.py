"""Files that wait for the virus scanner, and the scanner's results."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import insert, select, update
from sqlmodel import col

from intake.model.states import FileState
from intake.store.engine import Session
from intake.store.sql import stored_id
from intake.store.tables.handover import ConversationRow
from intake.store.tables.messages import AttachmentRow, MessageRow
from intake.store.tables.outbox import EventRow


def waiting(session: Session, limit: int, after: int) -> tuple[int, list[str]]:
    """Digests of files that have not been scanned, oldest first, each once; and the last id read.

    ``after`` is the last id that the previous call returned.
    """
    query = (
        select(stored_id(AttachmentRow.id), col(AttachmentRow.sha256))
        .where(col(AttachmentRow.state) == FileState.QUARANTINED, col(AttachmentRow.id) > after)
        .order_by(col(AttachmentRow.id))
        .limit(limit)
    )
    rows = session.execute(query).all()
    return (rows[-1][0] if rows else after), list(dict.fromkeys(row[1] for row in rows))


def answered_with(session: Session, number: str, digest: str) -> tuple[int, str]:
    """The mail with the answer to the contact that the file belongs to, and its sender; or 0, "".

    A file below a note, or of an answer that was kept back, belongs to no answer.
    """
    query = (
        select(stored_id(MessageRow.id), col(MessageRow.sender))
        .join(AttachmentRow, col(AttachmentRow.message_id) == col(MessageRow.id))
        .join(ConversationRow, col(ConversationRow.message_id) == col(MessageRow.id))
        .where(
            col(AttachmentRow.case_number) == number, col(AttachmentRow.sha256) == digest,
            col(ConversationRow.case_number) == number, col(ConversationRow.kind) == "staff",
        )
        .order_by(col(MessageRow.id).desc())
        .limit(1)
    )  # fmt: skip
    found = session.execute(query).first()
    return (found[0], found[1]) if found is not None else (0, "")


def settle(session: Session, digest: str, found: str, now: datetime) -> list[str]:
    """Records the scanner's result for every waiting file with that digest.

    Returns the cases whose file is clean.
    """
    where = (col(AttachmentRow.sha256) == digest, col(AttachmentRow.state) == FileState.QUARANTINED)
    columns = (
        col(AttachmentRow.case_number),
        col(AttachmentRow.message_id),
        col(AttachmentRow.name),
    )
    rows = session.execute(select(*columns).where(*where)).all()
    state, reason = (
        (FileState.WITHHELD, f"virus scanner: {found}") if found else (FileState.STORED, "")
    )
    session.execute(update(AttachmentRow).where(*where).values(state=state, reason=reason))
    for number, message, name in rows if found else ():
        session.execute(
            insert(EventRow).values(
                at=now, kind="withheld", case_number=number, message_id=message, who="intake",
                detail={"file": name, "why": reason},
            )
        )  # fmt: skip
    return [] if found else list(dict.fromkeys(number for number, _, _ in rows if number))
