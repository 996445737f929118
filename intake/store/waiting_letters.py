"""Letters that wait because of a rate: let go when a person writes, or gathered into one letter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from sqlalchemy import select, update
from sqlmodel import col

from intake.letters.letter import Letter
from intake.model.accounts import majority
from intake.model.states import LetterState
from intake.store.engine import Session
from intake.store.letter_states import is_due
from intake.store.outbox import About, note_event, put_letter
from intake.store.sql import stored_id, unindexed
from intake.store.tables.cases import CaseRow
from intake.store.tables.contacts import ContactRow
from intake.store.tables.outbox import OutboxRow
from intake.triage.loops import LOOP, PERSON


@dataclass(frozen=True, slots=True)
class Gathered:
    """The acknowledgements to one contact that one letter replaces."""

    letters: tuple[int, ...]  # rows of the outbox
    contact_id: str
    name: str
    recipient: str
    cases: tuple[tuple[str, str, str], ...]  # number, type, subject
    language: str = ""  # ISO 639 code of the contact's letters; empty: the service's own


def release(session: Session, contacts: Sequence[str], now: datetime) -> None:
    """Sends the letters to those contacts that waited because of a suspected loop."""
    if not contacts:
        return
    session.execute(
        update(OutboxRow)
        .where(
            unindexed(OutboxRow.contact_id).in_(contacts),
            is_due(),
            col(OutboxRow.due_at) > now,
            col(OutboxRow.put_off).startswith(LOOP),
        )
        .values(due_at=now, put_off=PERSON)
    )


def stop(session: Session, contact: str, why: str, now: datetime) -> None:
    """Keeps the letters to a contact that wait because of a suspected loop, for an operator."""
    waits = (
        update(OutboxRow)
        .where(
            col(OutboxRow.contact_id) == contact,
            is_due(),
            col(OutboxRow.put_off).startswith(LOOP),
        )
        .values(state=LetterState.SUPPRESSED, reply=why, finished_at=now)
        .returning(stored_id(OutboxRow.id), col(OutboxRow.case_number))
    )
    for letter, number in session.execute(waits).all():
        note_event(session, now, "suppressed", About(letter, number), why)


def gathered(session: Session, now: datetime, *, lock: bool = False) -> list[Gathered]:
    """The acknowledgements that waited and are due now, where a contact gets two or more."""
    letter = (col(OutboxRow.id), col(OutboxRow.contact_id), col(OutboxRow.recipient))
    query = (
        select(*letter, col(ContactRow.name), col(CaseRow.number))
        .add_columns(col(CaseRow.type), col(CaseRow.subject))
        .add_columns(col(ContactRow.language), col(ContactRow.wrote_in))
        .join(ContactRow, col(ContactRow.id) == col(OutboxRow.contact_id))
        .join(CaseRow, col(CaseRow.number) == col(OutboxRow.case_number))
        .where(
            is_due(),
            col(OutboxRow.kind) == "ack",
            col(OutboxRow.put_off) != "",
            col(OutboxRow.attempts) == 0,
            col(OutboxRow.due_at) <= now,
        )
        .order_by(col(OutboxRow.contact_id), col(OutboxRow.recipient), col(OutboxRow.id))
    )
    query = query.with_for_update(of=OutboxRow, skip_locked=True) if lock else query
    found = []
    for _, group in groupby(session.execute(query).all(), key=lambda row: (row[1], row[2])):
        rows = list(group)
        if len(rows) > 1:
            letters = tuple(int(row[0]) for row in rows)
            cases = tuple((row[4], row[5], row[6]) for row in rows)
            first = rows[0]
            language = first[7] or majority(first[8].items())
            found.append(Gathered(letters, first[1], first[3], first[2], cases, language))
    return found


def replace(session: Session, found: Gathered, letter: Letter, now: datetime) -> None:
    """Puts the letter that lists the cases into the outbox, in place of the acknowledgements."""
    put_letter(session, letter, 0, now)
    words = f"the letter {letter.message_id} lists its case"
    closed = {"state": LetterState.SUPPRESSED, "reply": words, "finished_at": now}
    session.execute(update(OutboxRow).where(col(OutboxRow.id).in_(found.letters)).values(**closed))
    for one, (number, _, _) in zip(found.letters, found.cases, strict=True):
        note_event(session, now, "suppressed", About(one, number), words)
