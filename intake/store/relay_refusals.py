"""Finds out that the relay refuses every letter, and puts those letters off."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, update
from sqlmodel import col

from intake.mail.addresses import ascii_lower
from intake.model.delivery import is_about_us
from intake.model.states import LetterState
from intake.store import backoff
from intake.store.engine import Session
from intake.store.outbox import GIVE_UP, About, note_event
from intake.store.tables.outbox import OutboxRow

REFUSED_IN_A_ROW = 3  # letters to different people
LOOKED_AT = 200  # newest finished letters


def take_back(session: Session, refused: Sequence[int], now: datetime) -> int:
    """Makes due later what the relay refused since it last accepted a letter; returns how many.

    Only refusals that may be meant for every letter count, and only if different people are
    concerned. ``refused`` are ids that the worker knows of; those in the table are found here, so a
    worker that was started for one pass sees the earlier ones, too.
    """
    query = (
        select(
            col(OutboxRow.id), col(OutboxRow.state), col(OutboxRow.recipient),
            col(OutboxRow.reply), col(OutboxRow.attempts), col(OutboxRow.case_number),
            col(OutboxRow.message_id), col(OutboxRow.created_at),
        )
        .where(col(OutboxRow.finished_at).is_not(None))
        .order_by(col(OutboxRow.finished_at).desc(), col(OutboxRow.id).desc())
        .limit(LOOKED_AT)
    )  # fmt: skip
    found = []
    for row in session.execute(query):
        if row.state == LetterState.SENT:
            break
        if row.state == LetterState.FAILED and is_about_us(row.reply):
            found.append(row)
    people = {ascii_lower(row.recipient) for row in found}
    if len(people | _put_off_before(session)) < REFUSED_IN_A_ROW:
        return 0
    young = [row for row in found if now - row.created_at < GIVE_UP]
    for row in young:
        session.execute(
            update(OutboxRow)
            .where(col(OutboxRow.id) == row.id, col(OutboxRow.state) == LetterState.FAILED)
            .values(
                state=LetterState.DUE,
                due_at=now + backoff.LETTERS.after(row.attempts),
                finished_at=None,
            )
        )
        words = "the relay refuses every letter; this one is tried again"
        note_event(session, now, "put_off", About(row.id, row.case_number, row.message_id), words)
    return len(young)


def _put_off_before(session: Session) -> set[str]:
    """The people whose letters wait because the relay refused everybody."""
    query = select(col(OutboxRow.recipient), col(OutboxRow.reply)).where(
        col(OutboxRow.state) == LetterState.DUE, col(OutboxRow.reply) != ""
    )
    rows = session.execute(query.limit(LOOKED_AT))
    return {ascii_lower(row[0]) for row in rows if row[1][:1] == "5" and is_about_us(row[1])}
