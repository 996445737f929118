"""Inserts the gathered rows of one mail or of many, with one statement for each table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import insert
from sqlmodel import SQLModel

from intake.store.engine import Session
from intake.store.messages.gather import Rows
from intake.store.outbox import put_letters
from intake.store.sql import table_of, upsert
from intake.store.tables.cases import (
    CaseFieldRow,
    CaseRow,
    CounterRow,
    PendingFormRow,
    UnknownLabelRow,
)
from intake.store.tables.contacts import AccountRow
from intake.store.tables.handover import ConversationRow, ParticipantRow
from intake.store.tables.incidents import HookEventRow
from intake.store.tables.messages import AttachmentRow, MessageRow
from intake.store.tables.outbox import EventRow, OutboxRow

IN_ORDER = (  # a table comes after those that its foreign keys name
    AccountRow, CaseRow, CaseFieldRow, PendingFormRow, AttachmentRow, ConversationRow,
    ParticipantRow, EventRow, HookEventRow,
)  # fmt: skip
KEPT = {AccountRow: ["id"], ParticipantRow: ["case_number", "contact_id"]}
"""Tables in which a row that is there already stays as it is, with their keys."""


def messages(session: Session, rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """Inserts rows of mails; returns their ids in the same order."""
    place = ("mailbox", "uidvalidity", "uid")  # unique
    table = table_of(MessageRow)
    statement = insert(table).returning(table.c.id, *(table.c[name] for name in place))
    made = session.connection().execute(statement, [{"attempts": 0, **one} for one in rows])
    ids = {tuple(row[1:]): int(row[0]) for row in made}
    return [ids[tuple(one[name] for name in place)] for one in rows]


def everything(session: Session, gathered: Iterable[Rows]) -> set[str]:
    """Inserts all rows; returns the causes of the letters that are new in the outbox."""
    of: dict[type[SQLModel], list[dict[str, Any]]] = {}
    for one in gathered:
        for table, rows in one.of.items():
            of.setdefault(table, []).extend(rows)
    _count(session, of.get(CounterRow, ()))
    for table in IN_ORDER:
        if table in of:
            _insert(session, table, of[table])
    _labels(session, of.get(UnknownLabelRow, ()))
    return put_letters(session, of.get(OutboxRow, ()))


def _insert(session: Session, of: type[SQLModel], rows: list[dict[str, Any]]) -> None:
    if of in KEPT:
        statement = upsert(session, of).on_conflict_do_nothing(index_elements=KEPT[of])
        session.connection().execute(statement, rows)
    else:
        session.connection().execute(insert(table_of(of)), rows)


def _count(session: Session, rows: Iterable[Mapping[str, Any]]) -> None:
    """The last case number that was given out."""
    last = max((one["value"] for one in rows), default=0)
    if last:
        statement = upsert(session, CounterRow).values(name="case", value=last)
        put = statement.on_conflict_do_update(index_elements=["name"], set_={"value": last})
        session.execute(put)


def _labels(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """One more mail with each of those labels."""
    if not rows:
        return
    statement = upsert(session, UnknownLabelRow)
    table, new = table_of(UnknownLabelRow), statement.excluded
    again = {"label": new.label, "type": new.type, "last_at": new.last_at}
    put = statement.on_conflict_do_update(
        index_elements=["key"], set_={**again, "times": table.c.times + 1}
    )
    session.connection().execute(put, list(rows))
