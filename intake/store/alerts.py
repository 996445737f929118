"""Decides whether to write to the operator: something waits that the last letter did not list."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Text, cast, func, select
from sqlalchemy.sql.elements import ColumnElement
from sqlmodel import col

from intake.model.accounts import MustReach
from intake.model.states import DeliveryState, LetterState, MessageStatus
from intake.store import reports
from intake.store.contacts import preferences, undeliverable
from intake.store.engine import Session
from intake.store.tables.cases import CaseRow
from intake.store.tables.messages import MessageRow
from intake.store.tables.outbox import EventRow, OutboxRow


@dataclass(frozen=True, slots=True)
class Due:
    """What the next letter to the operator says."""

    newest: int  # id of the newest thing in it; the letter after it needs a higher one
    waiting: int  # things that wait for a person
    lines: tuple[str, ...]


def due(session: Session, now: datetime, every_hours: int, must: MustReach) -> Due | None:
    """What the operator is to be told; None when there is nothing new to say."""
    last = session.execute(
        select(col(OutboxRow.created_at), col(OutboxRow.message_id))
        .where(col(OutboxRow.kind) == "alert")
        .order_by(col(OutboxRow.id).desc())
        .limit(1)
    ).first()
    if last is not None and last[0] > now - timedelta(hours=every_hours):
        return None
    waits = col(MessageRow.status).in_((MessageStatus.HELD, MessageStatus.SHELVED))
    newest = session.scalar(select(func.max(col(MessageRow.id))).where(waits)) or 0
    newest = max(
        newest, session.scalar(select(func.max(_flagged())).where(col(CaseRow.flag) != "")) or 0
    )
    newest = max(newest, undeliverable.newest(session, must))
    told = last[1] if last is not None else 0
    since = session.scalar(select(func.max(col(EventRow.message_id))).where(*_told_of(told))) or 0
    newest = max(newest, since)
    if newest <= told and not (last is not None and _flagged_since(session, last[0])):
        return None
    waiting, said = lines(session, now, must)
    return Due(newest, waiting, (*said, *_since(session, told)))


TOLD = {
    "suspended": "addresses that get fewer letters for now: `intake contacts suspended`",
    "rate-limited": "letters that wait because of a rate: `intake outbox list --state due`",
    "claim-denied": "mails in a contact's name that the contact did not write",
    "forged": "mails forged in a contact's name",
}


def _told_of(after: int) -> tuple[ColumnElement[bool], ...]:
    """Events that an operator hears of, of mails after that one."""
    return col(EventRow.message_id) > after, col(EventRow.kind).in_(tuple(TOLD))


def _since(session: Session, after: int) -> list[str]:
    """What happened since the last letter, one line per kind; for forgeries also the contacts."""
    found: dict[str, int] = {}
    whose: dict[str, int] = {}
    query = select(col(EventRow.kind), col(EventRow.detail)).where(*_told_of(after)).limit(10_000)
    for kind, detail in session.execute(query):
        found[kind] = found.get(kind, 0) + 1
        if kind == "forged":
            name = str(detail.get("contact") or "an address of two contacts")
            whose[name] = whose.get(name, 0) + 1
    said = [f"{found[kind]:6} {what}" for kind, what in TOLD.items() if kind in found]
    most = sorted(whose.items(), key=lambda one: (-one[1], one[0]))[:10]
    return said + [f"       {count} of them in the name of {name}" for name, count in most]


def _flagged_since(session: Session, then: datetime) -> bool:
    """Whether a case was flagged since then: this may happen long after the mail that opened it."""
    query = (
        select(col(CaseRow.number))
        .join(EventRow, col(EventRow.case_number) == col(CaseRow.number))
        .where(col(CaseRow.flag) != "", col(EventRow.kind) == "expired", col(EventRow.at) > then)
    )
    return session.scalar(query.limit(1)) is not None


def _flagged() -> Any:
    """The mail that opened a case that an operator should look at."""
    return col(CaseRow.message_id)


def lines(session: Session, now: datetime, must: MustReach) -> tuple[int, list[str]]:
    """How much waits for a person, and what, by rule; nothing of what anybody wrote."""
    status = reports.status(session, must)
    rules = session.execute(
        select(col(MessageRow.rule), func.count())
        .where(col(MessageRow.status) == MessageStatus.HELD)
        .group_by(col(MessageRow.rule))
        .order_by(col(MessageRow.rule))
    )
    found = [f"{count:6} held by {rule}" for rule, count in rules]
    waiting = status.messages.get(MessageStatus.HELD, 0)
    for count, what in (
        (
            status.messages.get(MessageStatus.SHELVED, 0),
            "on the shelf: handling raised, or their server did not give them",
        ),
        (status.flagged, "cases a person should look at"),
        (status.letters.get(LetterState.FAILED, 0), "letters that could not be delivered"),
        (status.letters.get(LetterState.IN_DOUBT, 0), "letters in doubt"),
        (status.hooks.get(DeliveryState.FAILED, 0), "events that a program was not told of"),
        (status.unreachable, "authorized contacts whose mail comes back"),
    ):
        if count:
            found.append(f"{count:6} {what}")
            waiting += count
    counted = session.scalar(
        select(func.count()).where(
            col(MessageRow.status) == MessageStatus.DROPPED,
            col(MessageRow.recorded_at) > now - timedelta(days=1),
            cast(col(MessageRow.reasons), Text).like('%"limits: %'),
        )
    )
    if counted:
        found.append(f"{counted:6} mails over a limit of the day, counted only")
    found += [f"       mailbox {name} fails" for name in status.failing]
    tasks = preferences.tasks(session, now, must)
    return waiting + len(tasks), found + [f"       {task}" for task in tasks]
