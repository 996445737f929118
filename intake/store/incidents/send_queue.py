"""The notice_recipients table as a sending queue: claim, mark in doubt, record, park domains.

queued -> sending -> uncertain -> sent | failed | deferred. If a worker dies before the final dot,
the row is queued again. If it dies after the dot, the letter is sent once more, with identical
bytes, and counted as a doubt. The pace is computed from the rows themselves, so it holds across all
workers and restarts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.sql.elements import ColumnElement
from sqlmodel import col

from intake.adapters.smtp import Failed, InDoubt, Outcome, Retry, Sent
from intake.model.states import SENDABLE, UNDER_WAY, NoticeState, SendState
from intake.store import backoff, letter_checks
from intake.store.engine import Session
from intake.store.incidents.audience import REACHED
from intake.store.incidents.recipients import finish, skip
from intake.store.letter_checks import Claimed
from intake.store.tables.cases import CounterRow
from intake.store.tables.incidents import (
    IncidentRow,
    IncidentUpdateRow,
    NoticeRecipientRow,
    ParkedDomainRow,
)

MAX_DOUBTS_CRASH = 5  # times a letter is sent again because its worker died at the dot
MAX_DOUBTS_SILENCE = 1  # times it is sent again because the server never answered the dot
SILENCE_SECONDS = 60  # until a letter in doubt is tried once more
SERVER_WAIT_SECONDS = 60  # if the server accepts no letter at all
LONGEST_PARK = timedelta(hours=2)
MINUTE = timedelta(minutes=1)
TIDIED = 5000  # rows in one step
Row = NoticeRecipientRow


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast notices are sent, and when a domain is parked."""

    per_minute: int = 60
    per_minute_domain: int = 30
    smooth: bool = True  # at most one second's share in a second
    park_after: int = 3
    park_minutes: int = 5
    mandatory: tuple[str, ...] = ("outage", "security")  # classes that no suspension stops


def _ready(now: datetime) -> ColumnElement[bool]:
    """Rows that somebody could send now, of broadcasts that run."""
    fresh = and_(col(Row.state).in_(SENDABLE), col(Row.due_at) <= now)
    left = and_(col(Row.state).in_(UNDER_WAY), col(Row.lease_until) < now)
    return or_(fresh, left)


def any_due(session: Session, now: datetime) -> bool:
    """Whether a waiting notice may be sent."""
    query = (
        select(col(Row.id))
        .join(IncidentUpdateRow, col(IncidentUpdateRow.id) == col(Row.update_id))
        .where(
            _ready(now),
            col(IncidentUpdateRow.send_state).in_((SendState.SENDING, SendState.CANCELLED)),
        )
        .limit(1)
    )
    return session.scalar(query) is not None


def claim(
    session: Session, now: datetime, lease_seconds: float, limit: int, pace: Pace
) -> list[Claimed]:
    """Claims as many letters as the pace allows, by priority; their bytes are written later."""
    # one claim at a time across all workers, so that the pace is not counted twice (PostgreSQL)
    session.execute(select(CounterRow).where(col(CounterRow.name) == "incident").with_for_update())
    _tidy(session, now)
    room = min(limit, _room(session, now, pace))
    rows = _candidates(session, now, room, pace) if room > 0 else []
    rows = _not_superseded(session, rows, now)
    must = _mandatory(session, rows, pace.mandatory)
    letters = [replace(_claimed(row), must=row.incident_id in must) for row in rows]
    aside = letter_checks.barred(session, letters, now)
    skipped = [row for row in rows if row.id in aside]
    for row in skipped:
        skip(session, [row.id or 0], f"suppressed: {aside[row.id or 0]}", now)
    good = [row for row in rows if row.id not in aside]
    for row in good:
        row.doubts += row.state == NoticeState.UNCERTAIN
        row.state, row.attempts, row.fence = NoticeState.SENDING, row.attempts + 1, row.fence + 1
        row.attempted_at, row.lease_until = now, now + timedelta(seconds=lease_seconds)
        row.reply = ""
    session.flush()
    _finish(session, skipped, now)
    return [_claimed(row) for row in good]


def _mandatory(
    session: Session, rows: Sequence[NoticeRecipientRow], classes: Sequence[str]
) -> set[str]:
    """The incidents whose notices are sent to an address even after bounces."""
    query = select(col(IncidentRow.id)).where(
        col(IncidentRow.id).in_({row.incident_id for row in rows}),
        col(IncidentRow.notice_class).in_(classes),
    )
    return set(session.scalars(query)) if rows else set()


def _claimed(row: NoticeRecipientRow) -> Claimed:
    return Claimed(
        row.id or 0, row.fence, "notice", row.address, row.contact_id, row.incident_id,
        row.message_id_header, b"", row.attempts,
    )  # fmt: skip


def _tidy(session: Session, now: datetime) -> None:
    """Ends rows that are not sent any more: expired, cancelled, or in doubt too often."""
    joined = select(Row).join(IncidentUpdateRow, col(IncidentUpdateRow.id) == col(Row.update_id))
    expired = col(IncidentUpdateRow.expires_at) <= now
    cancelled = col(IncidentUpdateRow.send_state) == SendState.CANCELLED
    left = col(Row.lease_until) < now
    unsent = or_(
        col(Row.state).in_(SENDABLE),
        and_(col(Row.state) == NoticeState.SENDING, left),
    )
    running = col(IncidentUpdateRow.send_state).in_((SendState.SENDING, SendState.PAUSED))
    gone = []
    for where, why in (
        (and_(expired, running), "expired: its moment has passed"),
        (cancelled, "cancelled"),
    ):
        rows = list(session.scalars(joined.where(unsent, where).limit(TIDIED)))
        skip(session, [row.id or 0 for row in rows], why, now)
        gone += rows
    doubted = or_(
        col(Row.doubts) >= MAX_DOUBTS_CRASH,
        and_(col(Row.reply) != "", col(Row.doubts) >= MAX_DOUBTS_SILENCE),
    )
    over = joined.where(
        col(Row.state) == NoticeState.UNCERTAIN, left, or_(cancelled, expired, doubted)
    )
    for row in session.scalars(over.limit(TIDIED)):
        row.finished_at, row.lease_until = now, None
        row.reply = f"perhaps delivered, not sent again. {row.reply}".strip()
        gone.append(row)
    session.flush()
    _finish(session, gone, now)


def _room(session: Session, now: datetime, pace: Pace) -> int:
    """How many attempts the pace allows now, across all workers."""

    def since(span: timedelta) -> int:
        query = select(func.count()).where(col(Row.attempted_at) > now - span)
        return session.scalar(query) or 0

    room = pace.per_minute - since(MINUTE)
    if pace.smooth and room > 0:
        share = -(-pace.per_minute // 60)
        room = min(room, share - since(timedelta(seconds=1)))
    return max(room, 0)


def _candidates(session: Session, now: datetime, room: int, pace: Pace) -> list[NoticeRecipientRow]:
    """Rows by priority, without parked domains and within the share of each domain."""
    counted = (
        select(col(Row.domain), func.count())
        .where(col(Row.attempted_at) > now - MINUTE)
        .group_by(col(Row.domain))
    )
    used = {domain: count for domain, count in session.execute(counted)}
    parked = select(col(ParkedDomainRow.domain)).where(col(ParkedDomainRow.until) > now)
    full = {domain for domain, count in used.items() if count >= pace.per_minute_domain}
    closed = full | set(session.scalars(parked))
    taken: list[NoticeRecipientRow] = []
    seen: set[int | None] = set()
    while len(taken) < room:
        query = (
            select(Row)
            .join(IncidentUpdateRow, col(IncidentUpdateRow.id) == col(Row.update_id))
            .where(
                _ready(now),
                col(IncidentUpdateRow.send_state) == SendState.SENDING,
                col(Row.domain).not_in(closed),
                col(Row.id).not_in(seen),
            )
            .order_by(col(Row.priority), col(Row.id))
            .limit(room - len(taken))
            .with_for_update(skip_locked=True, of=Row)
        )
        rows = list(session.scalars(query))
        if not rows:
            break
        for row in rows:
            seen.add(row.id)
            if used.get(row.domain, 0) < pace.per_minute_domain:
                used[row.domain] = used.get(row.domain, 0) + 1
                taken.append(row)
            else:
                closed.add(row.domain)
    return taken


def _not_superseded(
    session: Session, rows: Sequence[NoticeRecipientRow], now: datetime
) -> list[NoticeRecipientRow]:
    """The rows without those that a newer letter about the same incident replaces.

    A letter may have been deferred after the newer one was frozen. The newer letter then includes
    it, unless the newer one has already been tried.
    """
    kept: list[NoticeRecipientRow] = []
    gone: list[NoticeRecipientRow] = []
    for row in rows:
        others = _about_the_same(session, row)
        newer = next((one for one in others if one.number > row.number), None)
        if newer is None:
            moving = [one for one in others if one.state in UNDER_WAY and one.finished_at is None]
            if not moving:  # an older one that is being sent goes first
                kept.append(row)
            continue
        if newer.attempts == 0 and not newer.plain:
            newer.first_number = min(newer.first_number, row.first_number)
        doubt, reason = row.state == NoticeState.UNCERTAIN, f"superseded by update {newer.number}"
        row.state = NoticeState.UNCERTAIN if doubt else NoticeState.SKIPPED
        row.reply = f"perhaps delivered; {reason}" if doubt else reason
        row.finished_at, row.lease_until = now, None
        gone.append(row)
    session.flush()
    _finish(session, gone, now)
    return kept


def _about_the_same(session: Session, row: NoticeRecipientRow) -> list[NoticeRecipientRow]:
    """The other letters to that address about the same incident, the oldest first."""
    query = (
        select(Row)
        .where(
            col(Row.incident_id) == row.incident_id,
            col(Row.key) == row.key,
            col(Row.id) != row.id,
            col(Row.state) != NoticeState.SKIPPED,
        )
        .order_by(col(Row.number))
    )
    return list(session.scalars(query))


def mark_in_doubt(
    session: Session, letters: Sequence[tuple[int, int]], until: datetime
) -> list[int]:
    """Marks letters (id, fence) before the final dot is sent; returns those that must not be sent.

    After ``until`` an answer has arrived, or the worker that waits for it is dead. If the broadcast
    was just paused or cancelled, its letters go back into the queue instead.
    """
    refused = []
    running = select(col(IncidentUpdateRow.id)).where(
        col(IncidentUpdateRow.send_state) == SendState.SENDING
    )
    for letter_id, fence in letters:
        mine = (
            col(Row.id) == letter_id,
            col(Row.fence) == fence,
            col(Row.state) == NoticeState.SENDING,
        )
        done = session.execute(
            update(Row)
            .where(*mine, col(Row.update_id).in_(running))
            .values(state=NoticeState.UNCERTAIN, lease_until=until)
            .returning(col(Row.id))
        ).first()
        if done is None:
            session.execute(
                update(Row).where(*mine).values(state=NoticeState.QUEUED, lease_until=None)
            )
            refused.append(letter_id)
    return refused


def settle(
    session: Session,
    outcomes: Sequence[tuple[int, int, Outcome]],
    now: datetime,
    jitter: float,
    pace: Pace,
) -> list[int]:
    """Records (id, fence, outcome); returns the ids that another worker holds now."""
    refused, done = [], []
    for letter_id, fence, outcome in outcomes:
        row = session.scalar(
            select(Row).where(
                col(Row.id) == letter_id,
                col(Row.fence) == fence,
                col(Row.state).in_(UNDER_WAY),
                col(Row.finished_at).is_(None),
            )
        )
        if row is None:
            refused.append(letter_id)
            continue
        _settle_one(session, row, outcome, now, jitter, pace)
        done.append(row)
    session.flush()
    _finish(session, [row for row in done if row.finished_at is not None], now)
    return refused


def _settle_one(
    session: Session,
    row: NoticeRecipientRow,
    outcome: Outcome,
    now: datetime,
    jitter: float,
    pace: Pace,
) -> None:
    row.reply, row.lease_until = outcome.reply[:1000], None
    if isinstance(outcome, Sent):
        row.state, row.finished_at = NoticeState.SENT, now
        _went_well(session, row.domain)
    elif isinstance(outcome, Failed):
        row.state, row.finished_at = NoticeState.FAILED, now
    elif isinstance(outcome, InDoubt):
        row.state, row.lease_until = NoticeState.UNCERTAIN, now + timedelta(seconds=SILENCE_SECONDS)
        row.reply = row.reply or "no answer to the final dot"
    else:
        wait = backoff.LETTERS.after(row.attempts).total_seconds()
        if outcome.everybody:
            wait = SERVER_WAIT_SECONDS
        else:
            _put_off(session, row.domain, outcome, now, pace)
        row.state, row.due_at = NoticeState.DEFERRED, now + timedelta(seconds=wait * jitter)


def _went_well(session: Session, domain: str) -> None:
    parked = session.get(ParkedDomainRow, domain)
    if parked is not None:
        session.delete(parked)


def _put_off(session: Session, domain: str, outcome: Retry, now: datetime, pace: Pace) -> None:
    """Counts one more failure; enough in a row park the domain, each time for twice as long."""
    parked = session.get(ParkedDomainRow, domain)
    if parked is None:
        parked = ParkedDomainRow(domain=domain)
        session.add(parked)
    parked.failures, parked.reply = parked.failures + 1, outcome.reply[:1000]
    more = parked.failures - pace.park_after
    if more >= 0:
        span = timedelta(minutes=pace.park_minutes) * 2 ** min(more, 10)
        parked.until = now + min(span, LONGEST_PARK)
    session.flush()


@dataclass(frozen=True, slots=True)
class Entry:
    """The data of a claimed letter and of its recipient."""

    row: NoticeRecipientRow
    last_id: str  # Message-ID of the last letter to this person about it


def entries(session: Session, ids: Sequence[int]) -> dict[int, Entry]:
    """The claimed rows, each with the last Message-ID of the recipient's thread."""
    rows = list(session.scalars(select(Row).where(col(Row.id).in_(ids))))
    found: dict[int, Entry] = {}
    for row in rows:
        last = session.scalar(
            select(col(Row.message_id_header))
            .where(
                col(Row.incident_id) == row.incident_id,
                col(Row.key) == row.key,
                col(Row.number) < row.number,
                col(Row.state).in_(REACHED),
            )
            .order_by(col(Row.number).desc())
            .limit(1)
        )
        found[row.id or 0] = Entry(row, last or "")
    return found


def _finish(session: Session, rows: Sequence[NoticeRecipientRow], now: datetime) -> None:
    for incident_id, number in {(row.incident_id, row.number) for row in rows}:
        finish(session, incident_id, number, now)
