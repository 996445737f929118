"""Exceptions that operators make for senders, and addresses that get no letters for now."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, insert, select
from sqlmodel import col

from intake.model.states import SuppressionKind
from intake.store.contacts.directory import PeopleError
from intake.store.engine import Session
from intake.store.sql import Row
from intake.store.tables.contacts import (
    AcceptedDomainRow,
    ContactEmailRow,
    ContactRow,
    SuppressionRow,
)
from intake.store.tables.incidents import NoticeRecipientRow
from intake.store.tables.messages import MessageRow
from intake.store.tables.outbox import EventRow, OutboxRow
from intake.triage import rules

LOOPS = 3  # our own mails that come back from one sender before it gets no letters
LOOP_WINDOW = timedelta(minutes=10)
BROKEN_FOR = timedelta(hours=24)


def accepted(session: Session, senders: Sequence[str]) -> set[str]:
    """The domains of those addresses whose contacts' replies are accepted without proof."""
    domains = sorted({one.rpartition("@")[2] for one in senders})
    query = select(col(AcceptedDomainRow.domain)).where(col(AcceptedDomainRow.domain).in_(domains))
    return set(session.scalars(query)) if domains else set()


def accept_domain(session: Session, domain: str, who: str, why: str, now: datetime) -> None:
    """Accepts unproved replies from that domain from now on."""
    if session.get(AcceptedDomainRow, domain) is None:
        session.add(AcceptedDomainRow(domain=domain, since=now, who=who, why=why))
        session.flush()


def refuse_domain(session: Session, domain: str) -> bool:
    """Revokes the acceptance; False if the domain was not accepted."""
    row = session.get(AcceptedDomainRow, domain)
    if row is not None:
        session.delete(row)
    return row is not None


def accepted_domains(session: Session) -> list[Row]:
    """Every such domain, with who decided it and why."""
    rows = session.scalars(select(AcceptedDomainRow).order_by(col(AcceptedDomainRow.domain)))
    return [
        {"domain": one.domain, "since": one.since.isoformat(), "who": one.who, "why": one.why}
        for one in rows
    ]


def set_choices(
    session: Session, contact_id: str, choices: Mapping[str, bool | str], now: datetime
) -> None:
    """Sets an operator's choices for one contact. Raises PeopleError for an unknown id."""
    row = session.get(ContactRow, contact_id)
    if row is None:
        raise PeopleError(f"there is no contact {contact_id!r}; `intake contacts list` shows all")
    for name, value in choices.items():
        setattr(row, name, value)
    row.updated_at = now


def stopped(session: Session, sender: str, now: datetime) -> str:
    """Why no letter goes to that address for now; a bounce stops only notices."""
    return all_stopped(session, [sender] if sender else [], now).get(sender, "")


def all_stopped(session: Session, senders: Sequence[str], now: datetime) -> dict[str, str]:
    """Those of the addresses to which no letter goes for now, and why."""
    if not senders:
        return {}
    query = select(SuppressionRow).where(col(SuppressionRow.key).in_(senders))
    rows = session.scalars(query.execution_options(populate_existing=True))
    return {
        row.key: row.reason
        for row in rows
        if row.kind != SuppressionKind.BOUNCED and (row.until is None or row.until > now)
    }


def was_sent(session: Session, message_id: str, address: str) -> bool:
    """Whether a letter or notice with that Message-ID was sent to exactly that address."""
    if not message_id or not address:
        return False
    letter = select(col(OutboxRow.id)).where(
        col(OutboxRow.message_id_header) == message_id,
        func.lower(col(OutboxRow.recipient)) == address,
    )
    notice = select(col(NoticeRecipientRow.id)).where(
        col(NoticeRecipientRow.message_id_header) == message_id,
        col(NoticeRecipientRow.key) == address,
    )
    return any(session.scalar(query.limit(1)) is not None for query in (letter, notice))


def note_loop(session: Session, sender: str, message: int, now: datetime) -> bool:
    """Counts our mails that came back from a sender; the third in ten minutes suspends it."""
    if not sender:
        return False
    query = select(func.count()).where(
        col(MessageRow.sender) == sender,
        col(MessageRow.rule).in_(rules.LOOPS),
        col(MessageRow.recorded_at) > now - LOOP_WINDOW,
    )
    count = session.scalar(query) or 0
    if count < LOOPS or stopped(session, sender, now):
        return False
    reason = f"loop: {count} mails of ours came back within ten minutes"
    return end_loop(session, sender, reason, message, now)


def end_loop(session: Session, sender: str, reason: str, message: int, now: datetime) -> bool:
    """Sends no letters to that address for a day; False if none are sent already."""
    if stopped(session, sender, now):
        return False
    why = Suspension(SuppressionKind.LOOP, reason, now + BROKEN_FOR)
    suspend(session, sender, why, message, now)
    return True


@dataclass(frozen=True, slots=True)
class Suspension:
    """Why an address gets fewer letters, and until when."""

    kind: SuppressionKind
    reason: str  # for people
    until: datetime | None


def suspend(session: Session, key: str, why: Suspension, message: int, now: datetime) -> None:
    """The address gets no letters for now, and the operator is told."""
    row = session.get(SuppressionRow, key)
    if row is None:
        row = SuppressionRow(key=key, reason=why.reason, since=now)
        session.add(row)
    row.kind, row.reason, row.since, row.until = why.kind, why.reason, now, why.until
    detail = {"address": key, "why": why.reason}
    session.execute(
        insert(EventRow).values(
            at=now, kind="suspended", case_number="", message_id=message, who="intake",
            detail=detail,
        )
    )  # fmt: skip


def suspended(session: Session, now: datetime) -> list[Row]:
    """Addresses that get fewer letters for now, and why."""
    rows = session.scalars(
        select(SuppressionRow)
        .where((col(SuppressionRow.until).is_(None)) | (col(SuppressionRow.until) > now))
        .order_by(col(SuppressionRow.since).desc())
        .limit(1000)
    )
    return [
        {
            "address": one.key, "reason": one.reason, "since": one.since.isoformat(),
            "until": one.until.isoformat() if one.until else "",
        }
        for one in rows
    ]  # fmt: skip


def lift(session: Session, key: str, who: str, now: datetime) -> bool:
    """Allows letters to the address again; False if nothing stopped them."""
    row = session.get(SuppressionRow, key)
    if row is None:
        return False
    detail = {"address": key, "was": row.reason}
    session.delete(row)
    session.add(EventRow(at=now, kind="lifted", who=who, detail=detail))
    return True


def registered(session: Session, domains: Collection[str]) -> set[str]:
    """The domains at which a contact has an address."""
    query = select(col(ContactEmailRow.domain)).where(col(ContactEmailRow.domain).in_(domains))
    return set(session.scalars(query.distinct())) if domains else set()
