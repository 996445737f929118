"""The notice_recipients table as a sending queue: claim, mark in doubt, record, park domains.

queued -> sending -> uncertain -> sent | failed | deferred. If a worker dies before the final dot,
the row is queued again. If it dies after the dot, the letter is sent once more, with identical
bytes, and counted as a doubt. The pace is computed from the rows themselves, so it holds across all
workers and restarts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import and_, func, or_, select, update
from sqlmodel import col

from intake.adapters.smtp import Failed, InDoubt, Outcome, Retry, Sent
from intake.model.states import SENDABLE, UNDER_WAY, NoticeState, SendState
from intake.store import backoff, letter_checks
from intake.store.engine import Session
from intake.store.incidents.audience import REACHED
from intake.store.incidents.due_notices import MINUTE, attempted, ready
from intake.store.incidents.recipients import finish, skip
from intake.store.letter_checks import Claimed
from intake.store.sql import stored_id, unindexed
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
        query = select(func.count()).where(*attempted(now, span))
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
        .where(*attempted(now, MINUTE))
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
                ready(now),
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
    letters = _about_the_same(session, rows)
    for row in rows:
        others = [
            one
            for one in letters[row.incident_id, row.key]
            if one.id != row.id and one.state != NoticeState.SKIPPED
        ]
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


def _about_the_same(
    session: Session, rows: Sequence[NoticeRecipientRow]
) -> Mapping[tuple[str, str], Sequence[NoticeRecipientRow]]:
    """All letters about the same incidents to the same addresses, the oldest first."""
    found: dict[tuple[str, str], list[NoticeRecipientRow]] = defaultdict(list)
    query = (
        select(Row)
        .where(
            col(Row.incident_id).in_({row.incident_id for row in rows}),
            col(Row.key).in_({row.key for row in rows}),
        )
        .order_by(col(Row.number))
    )
    for one in session.scalars(query) if rows else ():
        found[one.incident_id, one.key].append(one)
    return found


def mark_in_doubt(
    session: Session, letters: Sequence[tuple[int, int]], until: datetime
) -> list[int]:
    """Marks letters (id, fence) before the final dot is sent; returns those that must not be sent.

    After ``until`` an answer has arrived, or the worker that waits for it is dead. If the broadcast
    was just paused or cancelled, its letters go back into the queue instead.
    """
    running = select(col(IncidentUpdateRow.id)).where(
        col(IncidentUpdateRow.send_state) == SendState.SENDING
    )
    marked: set[int] = set()
    for fence in sorted({one[1] for one in letters}):
        mine = (
            col(Row.id).in_([one[0] for one in letters if one[1] == fence]),
            col(Row.fence) == fence,
            col(Row.finished_at).is_(None),
        )
        put = (
            update(Row)
            .where(*mine, unindexed(Row.state).in_(UNDER_WAY), col(Row.update_id).in_(running))
            .values(state=NoticeState.UNCERTAIN, lease_until=until)
            .returning(stored_id(Row.id))
        )
        marked |= set(session.scalars(put))
        back = (*mine, col(Row.id).not_in(marked), unindexed(Row.state) == NoticeState.SENDING)
        values = {"state": NoticeState.QUEUED, "lease_until": None}
        session.execute(update(Row).where(*back).values(**values))
    return [one[0] for one in letters if one[0] not in marked]


def settle(
    session: Session,
    outcomes: Sequence[tuple[int, int, Outcome]],
    now: datetime,
    jitter: float,
    pace: Pace,
) -> list[int]:
    """Records (id, fence, outcome); returns the ids that another worker holds now."""
    if not outcomes:
        return []
    query = select(Row).where(
        col(Row.id).in_([one[0] for one in outcomes]),
        unindexed(Row.state).in_(UNDER_WAY),
        col(Row.finished_at).is_(None),
    )
    rows = {(row.id or 0, row.fence): row for row in session.scalars(query)}
    domains = {row.domain for row in rows.values()}
    parked = select(ParkedDomainRow).where(col(ParkedDomainRow.domain).in_(domains))
    aside = {one.domain: one for one in session.scalars(parked)} if domains else {}
    by = _Settling(session, now, jitter, pace, aside)
    for letter_id, fence, outcome in outcomes:
        if (letter_id, fence) in rows:
            _settle_one(rows[letter_id, fence], outcome, by)
    session.flush()
    _finish(session, [row for row in rows.values() if row.finished_at is not None], now)
    return [one[0] for one in outcomes if (one[0], one[1]) not in rows]


@dataclass(frozen=True, slots=True)
class _Settling:
    """What the outcomes of some letters are recorded with."""

    session: Session
    now: datetime
    jitter: float
    pace: Pace
    parked: dict[str, ParkedDomainRow]  # the domains that put letters off lately


def _settle_one(row: NoticeRecipientRow, outcome: Outcome, by: _Settling) -> None:
    row.reply, row.lease_until = outcome.reply[:1000], None
    if isinstance(outcome, Sent):
        row.state, row.finished_at = NoticeState.SENT, by.now
        if row.domain in by.parked:
            by.session.delete(by.parked.pop(row.domain))
            by.session.flush()
    elif isinstance(outcome, Failed):
        row.state, row.finished_at = NoticeState.FAILED, by.now
    elif isinstance(outcome, InDoubt):
        silent_until = by.now + timedelta(seconds=SILENCE_SECONDS)
        row.state, row.lease_until = NoticeState.UNCERTAIN, silent_until
        row.reply = row.reply or "no answer to the final dot"
    else:
        wait = backoff.LETTERS.after(row.attempts).total_seconds()
        if outcome.everybody:
            wait = SERVER_WAIT_SECONDS
        else:
            _put_off(row.domain, outcome, by)
        row.state, row.due_at = NoticeState.DEFERRED, by.now + timedelta(seconds=wait * by.jitter)


def _put_off(domain: str, outcome: Retry, by: _Settling) -> None:
    """Counts one more failure; enough in a row park the domain, each time for twice as long."""
    if domain not in by.parked:
        by.parked[domain] = ParkedDomainRow(domain=domain)
        by.session.add(by.parked[domain])
    parked = by.parked[domain]
    parked.failures, parked.reply = parked.failures + 1, outcome.reply[:1000]
    more = parked.failures - by.pace.park_after
    if more >= 0:
        span = timedelta(minutes=by.pace.park_minutes) * 2 ** min(more, 10)
        parked.until = by.now + min(span, LONGEST_PARK)
    by.session.flush()


@dataclass(frozen=True, slots=True)
class Entry:
    """The data of a claimed letter and of its recipient."""

    row: NoticeRecipientRow
    last_id: str  # Message-ID of the last letter to this person about it


def entries(session: Session, ids: Sequence[int]) -> dict[int, Entry]:
    """The claimed rows, each with the last Message-ID of the recipient's thread."""
    rows = list(session.scalars(select(Row).where(col(Row.id).in_(ids))))
    before = select(
        col(Row.incident_id), col(Row.key), col(Row.number), col(Row.message_id_header)
    ).where(
        col(Row.incident_id).in_({row.incident_id for row in rows}),
        col(Row.key).in_({row.key for row in rows}),
        col(Row.state).in_(REACHED),
    )
    sent: dict[tuple[str, str], list[tuple[int, str]]] = defaultdict(list)
    for incident_id, key, number, message_id in session.execute(before) if rows else ():
        sent[incident_id, key].append((number, message_id))
    found: dict[int, Entry] = {}
    for row in rows:
        earlier = [one for one in sent[row.incident_id, row.key] if one[0] < row.number]
        found[row.id or 0] = Entry(row, max(earlier)[1] if earlier else "")
    return found


def _finish(session: Session, rows: Sequence[NoticeRecipientRow], now: datetime) -> None:
    for incident_id, number in {(row.incident_id, row.number) for row in rows}:
        finish(session, incident_id, number, now)
