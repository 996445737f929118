"""Records bounces and other delivery reports with the letter that they are about.

An address that does not exist any more gets no more notices.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import insert, select, update
from sqlmodel import col

from intake.model.context import SentLetter
from intake.model.states import NoticeState, SuppressionKind
from intake.parsers.submission import Return
from intake.store.contacts import suppressions
from intake.store.engine import Session
from intake.store.incidents import recipients
from intake.store.letter_checks import HANDS_OVER
from intake.store.tables.cases import CaseRow
from intake.store.tables.contacts import ContactEmailRow, ContactRow
from intake.store.tables.incidents import NoticeRecipientRow
from intake.store.tables.outbox import EventRow, OutboxRow

HARD_BOUNCES = 2  # of different letters, before an address gets no notices
DECAY = timedelta(days=30)  # after this time it is tried again, and bounces are forgotten


def note(session: Session, letter: SentLetter, told: Return, message: int, now: datetime) -> None:
    """Adds an event to the case and the letter; the second hard bounce suspends the address.

    A notice that was sent and bounces for good stays bounced, whatever a later report says.
    """
    theirs = told.recipient == letter.recipient or (letter.by_address and not told.recipient)
    hard = told.hard and theirs
    detail: dict[str, object] = {
        "letter": letter.message_id, "kind": letter.kind, "status": told.status,
        "recipient": letter.recipient, "words": told.words[:300], "about_us": told.about_us,
    }  # fmt: skip
    if letter.incident:
        detail |= {"incident": letter.incident, "notice": letter.notice_row}
    kind = "bounced" if hard else f"returned-{told.kind}"
    session.execute(
        insert(EventRow).values(
            at=now, kind=kind, case_number=letter.case_number, message_id=message, who="intake",
            detail=detail,
        )
    )  # fmt: skip
    words = f"came back: {told.kind} {told.status} {told.words}".strip()[:1000]
    if not letter.notice_row:
        named = col(OutboxRow.message_id_header) == letter.message_id
        if told.kind != "bounce":  # a bounce is the last word about a letter
            named &= ~col(OutboxRow.reply).startswith("came back: bounce")
        session.execute(update(OutboxRow).where(named).values(reply=words))
    elif hard:
        _bounce(session, letter.notice_row, words, now)
    if hard and letter.kind in HANDS_OVER:
        _not_handed_over(session, letter, told.status, now)
    elif hard:
        _gone(session, letter, told.status, message, now)


def _not_handed_over(session: Session, letter: SentLetter, status: str, now: datetime) -> None:
    """A letter to a department came back: an operator should look at the case."""
    why = f"its letter to {letter.recipient} came back {status}".strip()
    this = col(CaseRow.number) == letter.case_number
    session.execute(update(CaseRow).where(this).values(flag=why, updated_at=now))


def _bounce(session: Session, row: int, words: str, now: datetime) -> None:
    """Changes sent or uncertain to bounced, with a new fence, so a sending worker cannot write."""
    done = session.execute(
        update(NoticeRecipientRow)
        .where(
            col(NoticeRecipientRow.id) == row,
            col(NoticeRecipientRow.state).in_((NoticeState.SENT, NoticeState.UNCERTAIN)),
        )
        .values(
            state=NoticeState.BOUNCED,
            reply=words,
            finished_at=now,
            lease_until=None,
            fence=col(NoticeRecipientRow.fence) + 1,
        )
        .returning(col(NoticeRecipientRow.incident_id), col(NoticeRecipientRow.number))
    ).first()
    if done is not None:
        recipients.finish(session, done.incident_id, done.number, now)


def _gone(session: Session, letter: SentLetter, status: str, message: int, now: datetime) -> None:
    """Records a bounce of an address that the contact still has; a former address is ignored."""
    email = session.get(ContactEmailRow, letter.recipient)
    if email is None or email.contact_id != letter.contact_id:
        return
    since = session.scalar(
        select(col(ContactRow.undeliverable_since)).where(col(ContactRow.id) == letter.contact_id)
    )
    if since is None or now - since > DECAY:
        session.execute(
            update(ContactRow)
            .where(col(ContactRow.id) == letter.contact_id)
            .values(undeliverable_since=now)
        )
        session.execute(
            insert(EventRow).values(
                at=now, kind="unreachable", case_number="", message_id=message, who="intake",
                detail={"contact": letter.contact_id, "recipient": letter.recipient},
            )
        )  # fmt: skip
        return
    events = (
        select(col(EventRow.kind), col(EventRow.detail))
        .where(col(EventRow.kind).in_(("bounced", "reachable")), col(EventRow.at) > now - DECAY)
        .order_by(col(EventRow.id))
    )
    letters: set[str] = set()
    for kind, detail in session.execute(events):
        if kind == "reachable" and letter.recipient in detail.get("recipients", ()):
            letters.clear()  # an operator has resolved the bounces before
        elif kind == "bounced" and detail.get("recipient") == letter.recipient:
            letters.add(str(detail.get("letter", "")))
    if len(letters) < HARD_BOUNCES:
        return
    if not suppressions.stopped(session, letter.recipient, now):
        reason = f"bounced {status}".strip()
        why = suppressions.Suspension(SuppressionKind.BOUNCED, reason, now + DECAY)
        suppressions.suspend(session, letter.recipient, why, message, now)
