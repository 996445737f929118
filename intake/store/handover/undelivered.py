"""Answers of staff that did not reach a contact, or perhaps did not: their writers are told."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Text, cast, exists, literal, select
from sqlalchemy.orm import aliased
from sqlmodel import col

from intake.model.staff import LostAnswer
from intake.model.states import LetterState
from intake.store.engine import Session
from intake.store.sql import stored_id
from intake.store.tables.cases import CaseRow
from intake.store.tables.handover import ConversationRow, StaffEmailRow, StaffRow
from intake.store.tables.outbox import OutboxRow

LOST = (LetterState.FAILED, LetterState.SUPPRESSED, LetterState.IN_DOUBT)
BATCH = 100
WITHIN = timedelta(days=14)
CAUSE = "staff_reply:undelivered:"


def cause_of(one: LostAnswer) -> str:
    """The cause of the letter to its writer: there is one for each lost letter."""
    return f"{CAUSE}{one.letter}"


def waiting(session: Session, now: datetime) -> list[LostAnswer]:
    """Those of the last days whose writer has not been told yet, oldest first."""
    told = aliased(OutboxRow)
    own = OutboxRow
    query = (
        select(
            stored_id(own.id), col(own.case_number), col(CaseRow.subject), col(own.recipient),
            col(own.state), col(own.reply), col(StaffRow.name), col(StaffEmailRow.address),
            col(ConversationRow.text),
        )
        .join(CaseRow, col(CaseRow.number) == col(own.case_number))
        .join(
            ConversationRow,
            (col(ConversationRow.message_id) == col(own.message_id))
            & (col(ConversationRow.case_number) == col(own.case_number))
            & (col(ConversationRow.kind) == "staff"),
        )
        .join(StaffRow, col(StaffRow.id) == col(ConversationRow.who))
        .join(StaffEmailRow, col(StaffEmailRow.staff_id) == col(StaffRow.id))
        .where(
            col(own.kind) == "answer",
            col(own.state).in_(LOST),
            col(own.finished_at) > now - WITHIN,
            col(StaffEmailRow.position) == 0,
            col(StaffRow.active),
            ~exists().where(
                col(told.cause) == literal(CAUSE) + cast(stored_id(own.id), Text)
            ),
        )
        .order_by(stored_id(own.id))
        .limit(BATCH)
    )  # fmt: skip
    return [LostAnswer(*row) for row in session.execute(query)]
