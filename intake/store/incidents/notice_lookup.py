"""Finds the notice that a mail answers, the notice that bounced, and their recipients."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import or_, select
from sqlmodel import col

from intake.model.accounts import Listener
from intake.model.context import Keys, SentLetter
from intake.model.incidents import Incident
from intake.store.engine import Session
from intake.store.incidents import read
from intake.store.tables.contacts import ContactRow
from intake.store.tables.incidents import IncidentRow, NoticePreferenceRow, NoticeRecipientRow

MAX_NAMED = 30  # the most notices that are looked up for one mail
MAX_UPDATES = 10  # the newest updates, which a mail may quote


def about(session: Session, keys: Keys, accounts: Iterable[str]) -> dict[str, Any]:
    """The fields of ``Known`` about the notice that a mail answers; none for most mails.

    An incident that concerns only accounts outside ``accounts``, the sender's, is not used.
    """
    found: dict[str, Any] = {}
    if keys.token_row is not None:
        row = session.get(NoticeRecipientRow, keys.token_row) if keys.token_row else None
        found["notified"] = _listeners(session, [row.contact_id] if row else [])
    elif keys.notice_ids:
        found["notified"] = _listeners(session, _notified(session, keys.notice_ids[:MAX_NAMED]))
    incident = _incident(session, keys.notice_incidents, set(accounts))
    if incident is not None:
        updates = read.updates(session, incident.id)
        found |= {"replied": incident, "replied_updates": updates[-MAX_UPDATES:]}
    return found


def _notified(session: Session, ids: tuple[str, ...]) -> list[str]:
    named = or_(
        col(NoticeRecipientRow.message_id_header).in_(ids), col(NoticeRecipientRow.root_id).in_(ids)
    )
    query = select(col(NoticeRecipientRow.contact_id)).where(named).distinct().limit(MAX_NAMED)
    return sorted(session.scalars(query))


def _listeners(session: Session, ids: list[str]) -> tuple[Listener, ...]:
    """Those contacts with the classes they switched off, and those they get as a stand-in."""
    if not ids:
        return ()
    off: dict[str, list[str]] = {}
    relied_on: dict[str, list[str]] = {}
    own, instead = col(NoticePreferenceRow.contact_id), col(NoticePreferenceRow.replacement)
    query = (
        select(own, instead, col(NoticePreferenceRow.notice_class), col(ContactRow.active))
        .join(ContactRow, col(ContactRow.id) == own)
        .where(col(NoticePreferenceRow.mode) == "off", or_(own.in_(ids), instead.in_(ids)))
        .order_by(own, col(NoticePreferenceRow.notice_class))
    )
    for contact_id, replacement, notice_class, active in session.execute(query):
        off.setdefault(contact_id, []).append(notice_class)
        if active and replacement:
            relied_on.setdefault(replacement, []).append(notice_class)
    return tuple(
        Listener(one, tuple(off.get(one, ())), tuple(dict.fromkeys(relied_on.get(one, ()))))
        for one in ids
    )


def _incident(session: Session, ids: tuple[str, ...], accounts: set[str]) -> Incident | None:
    """The first incident named that concerns one of those accounts, in any state."""
    wanted = ids[:MAX_NAMED]
    if not wanted:
        return None
    query = select(IncidentRow).where(col(IncidentRow.id).in_(wanted))
    rows = {row.id: read.value(row) for row in session.scalars(query)}
    there = (rows[one] for one in wanted if one in rows)
    return next((one for one in there if not one.accounts or accounts & set(one.accounts)), None)


def returned(session: Session, keys: Keys) -> SentLetter | None:
    """The notice that a program's mail names, or whose own address the mail came to."""
    for column, wanted in (
        (NoticeRecipientRow.message_id_header, keys.return_ids[:MAX_NAMED]),
        (NoticeRecipientRow.id, keys.return_rows[:MAX_NAMED]),
    ):
        if not wanted:
            continue
        query = select(NoticeRecipientRow).where(col(column).in_(wanted))
        row = session.scalar(query.order_by(col(NoticeRecipientRow.id).desc()).limit(1))
        if row is not None:
            return SentLetter(
                row.message_id_header, "notice", row.key, row.contact_id, "",
                notice_row=row.id or 0, incident=row.incident_id,
                by_address=row.id in keys.return_rows, sent_at=row.finished_at,
            )  # fmt: skip
    return None
