"""The outbox as a sending queue: claimed with a lease and a fence, marked in doubt, recorded.

due -> claimed -> in_doubt -> sent | failed | due again. A worker that lost its lease has an old
fence, and every write with an old fence is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, bindparam, func, insert, or_, select, union_all, update
from sqlalchemy.sql.elements import ColumnElement
from sqlmodel import col

from intake.adapters.smtp import Failed, InDoubt, Outcome, Retry, Sent
from intake.letters.letter import Letter
from intake.model.states import LetterState
from intake.store import backoff
from intake.store.engine import Session
from intake.store.letter_checks import HANDS_OVER, Claimed, barred
from intake.store.letter_states import is_claimed, is_due
from intake.store.sql import Row, clean, stored_id, table_of, unindexed, upsert
from intake.store.tables.cases import CaseRow
from intake.store.tables.outbox import EventRow, OutboxRow

GIVE_UP = timedelta(days=5)  # RFC 5321 §4.5.4.1: 4 to 5 days


def _due(now: datetime) -> tuple[ColumnElement[bool], ...]:
    """What makes a letter due, in conditions of their own: for an OR a planner reads the table.

    What was written far ahead of now was written before the clock was set back.
    """
    ahead = now + backoff.FAR_AHEAD
    return (
        and_(is_due(), col(OutboxRow.due_at) <= now),
        and_(is_due(), col(OutboxRow.due_at) > ahead, unindexed(OutboxRow.created_at) > ahead),
        and_(is_claimed(), col(OutboxRow.lease_until) < now),
        and_(is_claimed(), col(OutboxRow.lease_until) > ahead),
    )


def any_due(session: Session, now: datetime) -> bool:
    """Whether a letter waits to be sent."""
    return any(
        session.scalar(select(col(OutboxRow.id)).where(one).limit(1)) is not None
        for one in _due(now)
    )


def any_waiting(session: Session) -> bool:
    """Whether a letter is due now or later."""
    waits = select(col(OutboxRow.id)).where(is_due()).limit(1)
    return session.scalar(waits) is not None


def claim(session: Session, now: datetime, lease_seconds: float, limit: int) -> list[Claimed]:
    """Claims the oldest due letters, each as an attempt; suppresses those it may not send."""
    columns = (
        "id", "fence", "kind", "recipient", "contact_id", "case_number", "message_id_header",
        "raw", "attempts", "files",
    )  # fmt: skip
    due = union_all(*(select(col(OutboxRow.id)).where(one) for one in _due(now)))
    query = (
        select(*(col(getattr(OutboxRow, name)) for name in columns))
        .where(col(OutboxRow.id).in_(due), or_(*_due(now)))  # checked again once it is locked
        .order_by(col(OutboxRow.id))
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    rows = [Claimed(*row) for row in session.execute(query)]
    put_aside = barred(session, rows, now)
    for row in rows:
        if row.id in put_aside:
            _close(session, row.id, LetterState.SUPPRESSED, put_aside[row.id], now)
            note_event(
                session, now, "suppressed", About(row.id, row.case_number), put_aside[row.id]
            )
    good = [row.id for row in rows if row.id not in put_aside]
    if good:
        session.execute(
            update(OutboxRow)
            .where(col(OutboxRow.id).in_(good))
            .values(
                state=LetterState.CLAIMED,
                attempts=col(OutboxRow.attempts) + 1,
                fence=col(OutboxRow.fence) + 1,
                lease_until=now + timedelta(seconds=lease_seconds),
            )
        )
    return [
        Claimed(
            row.id, row.fence + 1, row.kind, row.recipient, row.contact_id, row.case_number,
            row.message_id_header, row.raw, row.attempts + 1, row.files,
        )
        for row in rows
        if row.id not in put_aside
    ]  # fmt: skip


def mark_in_doubt(
    session: Session, letters: Sequence[tuple[int, int]], until: datetime
) -> list[int]:
    """Marks letters (id, fence) before the final dot is sent; returns those that must not be sent.

    After ``until`` an answer has arrived, or the worker that waits for it is dead. A letter that
    was marked already gets the new time.
    """
    marked: set[int] = set()
    for fence in sorted({one[1] for one in letters}):
        ids = [one[0] for one in letters if one[1] == fence]
        values = {"letters": ids, "own": fence, "until": until}
        marked |= set(session.connection().execute(_MARK, values).scalars())
    return [one[0] for one in letters if one[0] not in marked]


UNDER_WAY = (LetterState.CLAIMED, LetterState.IN_DOUBT)

# Each is used once for every few letters, so they are built once: building takes longer than
# running them.
_MINE = (
    col(OutboxRow.id).in_(bindparam("letters", expanding=True)),
    unindexed(OutboxRow.state).in_(UNDER_WAY),
)
_MARK = (
    update(OutboxRow)
    .where(*_MINE, col(OutboxRow.fence) == bindparam("own"), col(OutboxRow.finished_at).is_(None))
    .values(state=LetterState.IN_DOUBT, lease_until=bindparam("until"))
    .returning(stored_id(OutboxRow.id))
)
_SENT = select(
    stored_id(OutboxRow.id), col(OutboxRow.fence), col(OutboxRow.attempts),
    col(OutboxRow.created_at), col(OutboxRow.case_number), col(OutboxRow.message_id),
    col(OutboxRow.recipient), col(OutboxRow.kind),
).where(*_MINE)  # fmt: skip
_CLOSE = (
    update(OutboxRow)
    .where(col(OutboxRow.id) == bindparam("letter"))
    .values(
        state=bindparam("to"), reply=bindparam("said"), finished_at=bindparam("now"),
        lease_until=None,
    )
)  # fmt: skip


def settle(
    session: Session,
    outcomes: Sequence[tuple[int, int, Outcome]],
    now: datetime,
    jitter: float = 1.0,
) -> list[int]:
    """Records (id, fence, outcome); returns the ids that another worker holds now."""
    if not outcomes:
        return []
    found = session.connection().execute(_SENT, {"letters": [one[0] for one in outcomes]})
    rows = {(row.id, row.fence): row for row in found}
    closed: list[Row] = []
    events: list[Row] = []
    handed: list[str] = []
    for letter_id, fence, outcome in outcomes:
        row = rows.get((letter_id, fence))
        if row is None:
            continue
        wait = _wait(outcome, row.attempts, now - row.created_at)
        if wait is not None:
            _put_off(session, letter_id, now + wait * jitter, outcome.reply)
            continue
        state = STATE_OF[type(outcome)]
        closed.append({"letter": letter_id, "to": state, "said": outcome.reply[:1000]})
        about = About(letter_id, row.case_number, row.message_id)
        events.append(_event(now, state, about, f"{row.recipient}: {outcome.reply}"))
        if row.kind in HANDS_OVER and state == LetterState.SENT and row.case_number:
            handed.append(row.case_number)
    _close_all(session, closed, now)
    if events:
        session.connection().execute(insert(EventRow), events)
    if handed:
        first = (col(CaseRow.number).in_(handed), col(CaseRow.handed_at).is_(None))
        session.execute(update(CaseRow).where(*first).values(handed_at=now))
    return [one[0] for one in outcomes if (one[0], one[1]) not in rows]


def _close_all(session: Session, letters: Sequence[Row], now: datetime) -> None:
    """Ends letters: the id ("letter"), the state ("to") and the reply ("said") of each."""
    if letters:
        session.connection().execute(_CLOSE, [{**one, "now": now} for one in letters])


STATE_OF: Mapping[type, LetterState] = {
    Sent: LetterState.SENT,
    Failed: LetterState.FAILED,
    InDoubt: LetterState.IN_DOUBT,
    Retry: LetterState.FAILED,  # after it was tried for days
}


def _wait(outcome: Outcome, attempts: int, age: timedelta) -> timedelta | None:
    """The time until a letter's next attempt; None if there is none."""
    if not isinstance(outcome, Retry) or age >= GIVE_UP:
        return None
    return backoff.LETTERS.after(attempts)


def _put_off(session: Session, letter_id: int, due_at: datetime, reply: str) -> None:
    session.execute(
        update(OutboxRow)
        .where(col(OutboxRow.id) == letter_id)
        .values(state=LetterState.DUE, due_at=due_at, lease_until=None, reply=reply[:1000])
    )


def _close(session: Session, letter_id: int, state: str, reply: str, now: datetime) -> None:
    session.execute(
        update(OutboxRow)
        .where(col(OutboxRow.id) == letter_id)
        .values(state=state, reply=reply[:1000], finished_at=now, lease_until=None)
    )


def after_crash(session: Session, now: datetime) -> int:
    """Reports letters in doubt whose worker died, once; they are not sent again automatically."""
    rows = session.execute(
        select(col(OutboxRow.id), col(OutboxRow.case_number), col(OutboxRow.message_id)).where(
            col(OutboxRow.state) == LetterState.IN_DOUBT,
            col(OutboxRow.finished_at).is_(None),
            col(OutboxRow.lease_until) < now,
        )
    ).all()
    words = "the worker died at the final dot: perhaps delivered, not sent again"
    for row in rows:
        _close(session, row.id, LetterState.IN_DOUBT, words, now)
        note_event(session, now, "in_doubt", About(row.id, row.case_number, row.message_id), words)
    return len(rows)


def counts(session: Session) -> dict[str, int]:
    """How many letters are in each state."""
    query = select(col(OutboxRow.state), func.count()).group_by(col(OutboxRow.state))
    return {row[0]: row[1] for row in session.execute(query)}


@dataclass(frozen=True, slots=True)
class About:
    """The letter that a line of history is about."""

    letter: int
    case: str
    message: int = 0


def note_event(session: Session, now: datetime, kind: str, about: About, words: str) -> None:
    """Adds what happened to a letter to the history of its case and mail."""
    session.execute(insert(EventRow).values(**_event(now, kind, about, words)))


def _event(now: datetime, kind: str, about: About, words: str) -> Row:
    return {
        "at": now, "kind": kind, "case_number": about.case, "message_id": about.message,
        "who": "intake", "detail": {"letter": about.letter, "words": words[:500]},
    }  # fmt: skip


def letter_row(letter: Letter, now: datetime) -> dict[str, Any]:
    """The row of the outbox for a letter, without the mail that caused it."""
    return {
        "cause": letter.cause,
        "kind": letter.kind,
        "message_id_header": letter.message_id,
        "contact_id": letter.contact,
        "recipient": letter.recipient,
        "case_number": letter.case_number,
        "subject": clean(letter.subject),
        "text": clean(letter.text),
        "raw": letter.raw,
        "files": [asdict(one) for one in letter.files],
        "state": LetterState.DUE,
        "due_at": letter.due_at or now,
        "put_off": letter.put_off,
        "created_at": now,
        "attempts": 0,
        "fence": 0,
        "reply": "",
    }


def put_letter(session: Session, letter: Letter, row: int, now: datetime) -> int:
    """Puts a letter into the outbox; 1 when it is new, 0 when its cause was there already."""
    return len(put_letters(session, [{**letter_row(letter, now), "message_id": row}]))


def put_letters(session: Session, rows: Sequence[Mapping[str, Any]]) -> set[str]:
    """One row for each cause, however often a mail is handled; returns the causes that are new."""
    if not rows:
        return set()
    statement = upsert(session, OutboxRow).on_conflict_do_nothing(index_elements=["cause"])
    put = statement.returning(table_of(OutboxRow).c.cause)
    return {row[0] for row in session.connection().execute(put, list(rows))}


SENT_ANEW = (
    LetterState.FAILED, LetterState.IN_DOUBT, LetterState.SUPPRESSED, LetterState.DUE,
    LetterState.CANCELLED,
)  # fmt: skip


def cancel(session: Session, letter_id: int, who: str, now: datetime) -> str:
    """Cancels a letter that is due; returns why it cannot, or an empty text."""
    row = session.get(OutboxRow, letter_id, with_for_update=True)
    if row is None:
        return f"there is no letter {letter_id}; `intake outbox list` shows all"
    if row.state != LetterState.DUE:
        return f"letter {letter_id} is {row.state}; only due ones can be cancelled"
    row.state, row.finished_at = LetterState.CANCELLED, now
    event = EventRow(at=now, kind="cancelled", who=who, detail={"letter": letter_id})
    event.case_number, event.message_id = row.case_number, row.message_id
    session.add(event)
    return ""


def retry(session: Session, letter_id: int, who: str, now: datetime) -> str:
    """Makes a failed or doubtful letter due again; returns why it cannot, or an empty text."""
    row = session.get(OutboxRow, letter_id)
    if row is None:
        return f"there is no letter {letter_id}; `intake outbox list` shows all"
    if row.state not in SENT_ANEW:
        wanted = "only failed, in_doubt, suppressed, cancelled and due ones are sent anew"
        return f"letter {letter_id} is {row.state}; {wanted}"
    detail = {"letter": letter_id, "was": row.state}
    row.state, row.due_at, row.finished_at, row.reply = LetterState.DUE, now, None, ""
    event = EventRow(at=now, kind="retried", who=who, detail=detail)
    event.case_number, event.message_id = row.case_number, row.message_id
    session.add(event)
    return ""
