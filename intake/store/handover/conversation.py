"""What was said in a case, by whom and when; rows are only added."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlmodel import col

from intake.store.engine import Session
from intake.store.sql import Row, clean, upsert
from intake.store.tables.handover import ConversationRow, ParticipantRow
from intake.store.tables.outbox import OutboxRow

MAX_CHARS = 200_000
CONTACT, STAFF, NOTE, HELD = "contact", "staff", "note", "held"
OPEN_TO_ALL = (CONTACT, STAFF)  # kinds that a contact may read


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that somebody says."""

    kind: str  # CONTACT, STAFF, NOTE or HELD
    who: str
    name: str
    text: str
    quoted: str = ""
    message_id: int = 0


def add(session: Session, number: str, line: Line, now: datetime) -> None:
    """Adds a line to the conversation of a case."""
    session.execute(
        insert(ConversationRow).values(**line_row(number, line, now), message_id=line.message_id)
    )


def line_row(number: str, line: Line, now: datetime) -> dict[str, Any]:
    """The row of a line, without the mail that it came of."""
    return {
        "case_number": number, "at": now, "kind": line.kind, "who": line.who,
        "name": clean(line.name)[:200], "text": clean(line.text)[:MAX_CHARS],
        "quoted": clean(line.quoted)[:MAX_CHARS],
    }  # fmt: skip


def carry_over(session: Session, source: str, target: str) -> None:
    """Everything that was said in a case belongs to the case in which it goes on, too."""
    rows = session.scalars(
        select(ConversationRow)
        .where(col(ConversationRow.case_number) == source)
        .order_by(col(ConversationRow.id))
    )
    values = [
        {**one.model_dump(exclude={"id", "case_number"}), "case_number": target} for one in rows
    ]
    if values:
        session.execute(insert(ConversationRow), values)
    for contact in participants(session, source):
        join(session, target, contact, values[-1]["at"] if values else None)


def release(session: Session, number: str, staff: str) -> None:
    """The answer that was kept back has left; its newest line says so."""
    newest = (
        select(col(ConversationRow.id))
        .where(
            col(ConversationRow.case_number) == number,
            col(ConversationRow.who) == staff,
            col(ConversationRow.kind) == HELD,
        )
        .order_by(col(ConversationRow.id).desc())
        .limit(1)
    )
    found = session.scalar(newest)
    if found is not None:
        session.execute(
            update(ConversationRow).where(col(ConversationRow.id) == found).values(kind=NOTE)
        )


def lines(session: Session, number: str, *, of_all: bool = False) -> list[Row]:
    """The conversation, oldest first: the people's words and our letters to contacts.

    ``of_all`` leaves out what only staff may read.
    """
    query = select(ConversationRow).where(col(ConversationRow.case_number) == number)
    if of_all:
        query = query.where(col(ConversationRow.kind).in_(OPEN_TO_ALL))
    said: list[Row] = [
        {
            "at": one.at.isoformat(), "direction": "out" if one.kind == STAFF else "in",
            "kind": one.kind, "who": one.who, "name": one.name, "text": one.text,
            "quoted": one.quoted, "message_id": one.message_id,
        }
        for one in session.scalars(query)
    ]  # fmt: skip
    letters = select(OutboxRow).where(
        col(OutboxRow.case_number) == number,
        col(OutboxRow.contact_id) != "",
        col(OutboxRow.kind) != "answer",  # its words are a line of their own
    )
    said += [
        {
            "at": one.created_at.isoformat(), "direction": "out", "kind": "letter", "who": "intake",
            "name": one.kind, "text": "" if of_all else one.text, "quoted": "",
            "message_id": one.message_id, "letter": one.id, "to": one.recipient,
            "state": one.state,
        }
        for one in session.scalars(letters)
    ]  # fmt: skip
    return sorted(said, key=lambda one: str(one["at"]))


def with_words(session: Session, row: Row) -> Row:
    """The case of a report with its conversation and the contacts who take part."""
    number = str(row["number"])
    return {
        **row,
        "conversation": lines(session, number),
        "participants": participants(session, number),
    }


def participants(session: Session, number: str) -> list[str]:
    """The ids of the contacts who take part in a case, besides its own."""
    query = select(col(ParticipantRow.contact_id)).where(col(ParticipantRow.case_number) == number)
    return sorted(session.scalars(query))


def join(session: Session, number: str, contact: str, now: datetime | None) -> None:
    """A contact takes part in a case; a second time changes nothing."""
    if now is None:
        return
    row = upsert(session, ParticipantRow).values(case_number=number, contact_id=contact, since=now)
    session.execute(row.on_conflict_do_nothing(index_elements=["case_number", "contact_id"]))


def leave(session: Session, number: str, contacts: Iterable[str]) -> None:
    """Contacts take part in a case no more."""
    session.execute(
        delete(ParticipantRow).where(
            col(ParticipantRow.case_number) == number,
            col(ParticipantRow.contact_id).in_(list(contacts)),
        )
    )
