"""Counts of a sender's recent activity, each with an upper limit, for the rate limits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.sql.elements import ColumnElement
from sqlmodel import col

from intake.mail.word_sketch import sketch
from intake.model.context import Keys, PastLetter, PastMail, Recent
from intake.model.states import LetterState, MessageStatus
from intake.store.engine import Session
from intake.store.letter_states import is_due
from intake.store.sql import unindexed
from intake.store.tables.cases import CaseRow
from intake.store.tables.messages import MessageRow
from intake.store.tables.outbox import EventRow, OutboxRow
from intake.triage.rules import OF_STRANGERS, OF_UNPROVED

MAX_RECENT = 200  # letters to one contact that are examined
MAX_MAILS = 100  # of one sender that are examined
MAX_ECHOED = 3  # letters whose text a program may send back
PAST = timedelta(days=14)  # for which mails and letters are examined
MAX_COMMENTS = 50  # of a case, which a mail may quote
REPLY_DAYS = 30  # a reply to a letter of ours is accepted for this time


def of_late(
    session: Session, contacts: list[str], accounts: list[str], keys: Keys, now: datetime
) -> Recent:
    """Recent mails of the sender, letters to those contacts and to others; cases; strangers."""
    hour_ago = now - timedelta(hours=1)
    there, everybody = _letters_all(session, keys.sender, hour_ago)
    return Recent(
        mails=_mails_of(session, keys.sender, now) if contacts else (),
        letters=_letters_to(session, contacts, now) if contacts else (),
        domain_hour=there,
        everybody_hour=everybody,
        refused_week=_refused(session, contacts or [""], keys.sender, now),
        cases_hour=max(_cases(session, CaseRow.contact_id, contacts, hour_ago).values(), default=0),
        account_cases=_cases(session, CaseRow.account_id, accounts, hour_ago),
        full=_full(session, keys, now),
    )


def _letters_all(session: Session, sender: str, hour_ago: datetime) -> tuple[int, int]:
    """Letters in the last hour and later ones: to the sender's domain, and to everyone."""
    domain = sender.rpartition("@")[2]
    to_domain = func.lower(col(OutboxRow.recipient)).like(f"%@{_literal(domain)}", escape="\\")
    query = select(func.count().filter(to_domain), func.count()).where(
        unindexed(OutboxRow.contact_id) != "",  # letters to departments are none to people
    )
    newer = query.where(
        col(OutboxRow.created_at) > hour_ago,
        unindexed(OutboxRow.state).not_in((LetterState.SUPPRESSED, LetterState.CANCELLED)),
    )
    later = query.where(  # two queries: for an OR a planner reads the whole table
        is_due(),
        col(OutboxRow.put_off) != "",
        unindexed(OutboxRow.created_at) <= hour_ago,
    )
    found = [session.execute(one).one() for one in (newer, later)]
    there, everybody = (sum(one[place] for one in found) for place in (0, 1))
    return (there if domain else 0), everybody


def _counted() -> ColumnElement[bool]:
    return col(OutboxRow.state).not_in((LetterState.SUPPRESSED, LetterState.CANCELLED))


def _mails_of(session: Session, sender: str, now: datetime) -> tuple[PastMail, ...]:
    """The sender's proved mails of the last days, the newest first."""
    query = (
        select(col(MessageRow.received_at), col(MessageRow.sketch), col(MessageRow.subject))
        .where(
            col(MessageRow.sender) == sender,
            col(MessageRow.contact_id) != "",
            col(MessageRow.received_at) > now - PAST,
            unindexed(MessageRow.status).in_((MessageStatus.HANDLED, MessageStatus.IGNORED)),
        )
        .order_by(col(MessageRow.received_at).desc(), col(MessageRow.id).desc())
    )
    rows = session.execute(query.limit(MAX_MAILS))
    return tuple(PastMail(at, words, subject) for at, words, subject in rows)


def _letters_to(session: Session, contacts: list[str], now: datetime) -> tuple[PastLetter, ...]:
    """The letters to those contacts of the last days, and those that are due, the newest first."""
    sent_or_due = func.coalesce(col(OutboxRow.finished_at), col(OutboxRow.due_at))
    columns = map(col, (OutboxRow.kind, OutboxRow.subject, OutboxRow.put_off))
    query = select(sent_or_due, *columns).where(
        col(OutboxRow.contact_id).in_(contacts),
        col(OutboxRow.created_at) > now - PAST,
        _counted(),
    )
    newest = query.order_by(col(OutboxRow.created_at).desc(), col(OutboxRow.id).desc())
    texts = list(session.execute(newest.add_columns(col(OutboxRow.text)).limit(MAX_ECHOED)))
    rest = list(session.execute(newest.offset(len(texts)).limit(MAX_RECENT)))
    return tuple(
        PastLetter(_utc(at), kind, subject, put_off, sketch(next(iter(text), ""), subject))
        for at, kind, subject, put_off, *text in (*texts, *rest)
    )


def _utc(at: datetime) -> datetime:
    """SQLite loses the zone in an expression."""
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _literal(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _refused(session: Session, contacts: list[str], sender: str, now: datetime) -> int:
    """Refusals sent to that address in seven days."""
    if not sender:
        return 0
    query = select(func.count()).where(
        col(OutboxRow.contact_id).in_(contacts),
        col(OutboxRow.created_at) > now - timedelta(days=7),
        col(OutboxRow.kind) == "refusal",
        func.lower(col(OutboxRow.recipient)) == sender,
        _counted(),
    )
    return session.scalar(query) or 0


def _cases(session: Session, column: Any, ids: list[str], hour_ago: datetime) -> dict[str, int]:
    """The number of new cases since then for each id."""
    if not ids:
        return {}
    query = (
        select(col(column), func.count())
        .where(col(column).in_(ids), col(CaseRow.created_at) > hour_ago)
        .group_by(col(column))
    )
    return {row[0]: row[1] for row in session.execute(query)}


def _full(session: Session, keys: Keys, now: datetime) -> frozenset[str]:
    """The rules that reached their limit of held mails per day; R7 is counted per sender."""
    newest = (
        select(col(MessageRow.rule), col(MessageRow.recorded_at), col(MessageRow.sender))
        .where(col(MessageRow.status) == MessageStatus.HELD)
        .order_by(col(MessageRow.id).desc())
        .limit(len(OF_STRANGERS) * keys.max_strangers + keys.max_unproved)
        .subquery()
    )
    theirs = func.count().filter(newest.c.sender == keys.sender)
    counts = (
        select(newest.c.rule, func.count(), theirs)
        .where(newest.c.recorded_at > now - timedelta(days=1))
        .group_by(newest.c.rule)
    )
    return frozenset(
        rule
        for rule, count, own in session.execute(counts)
        if (rule in OF_STRANGERS and count >= keys.max_strangers)
        or (rule in OF_UNPROVED and own >= keys.max_unproved)
    )


def replies(session: Session, contacts: list[str], keys: Keys, now: datetime) -> bool:
    """Whether the mail refers to a letter that was recently sent to exactly that address."""
    if not contacts or not keys.outbox_ids:
        return False
    query = select(col(OutboxRow.id)).where(
        col(OutboxRow.message_id_header).in_(keys.outbox_ids),
        col(OutboxRow.contact_id).in_(contacts),
        func.lower(col(OutboxRow.recipient)) == keys.sender,
        col(OutboxRow.created_at) > now - timedelta(days=REPLY_DAYS),
        col(OutboxRow.state).in_((LetterState.SENT, LetterState.IN_DOUBT)),
    )
    return session.scalar(query.limit(1)) is not None


def comments(session: Session, case_number: str) -> tuple[str, ...]:
    """What mails have added to that case, the newest first."""
    query = select(col(EventRow.detail)).where(
        col(EventRow.case_number) == case_number, col(EventRow.kind) == "comment"
    )
    newest = query.order_by(col(EventRow.id).desc()).limit(MAX_COMMENTS)
    return tuple(str(detail.get("text", "")) for detail in session.scalars(newest))
