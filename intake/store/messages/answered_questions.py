"""Finds which question, sent to its sender, a mail answers: address, account, case to close.

It also finds the contact who may have written a mail from an unregistered address.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlmodel import col

from intake.model.accounts import Contact
from intake.model.context import Keys
from intake.store.contacts.read import whole_contacts
from intake.store.engine import Session
from intake.store.tables.contacts import ContactEmailRow, ContactRow
from intake.store.tables.outbox import OutboxRow

CLAIM = "claim"  # the kind of the letter that asks whose an address is
MAX_CLAIMS, CLAIM_WINDOW = 3, timedelta(days=7)  # such letters to one contact
MAX_NAMES = 5000  # contacts at one domain
ANSWERED_FOR = timedelta(days=60)  # a yes to one of them is accepted for this time


def answered(session: Session, keys: Keys, owners: Sequence[str], now: datetime) -> dict[str, Any]:
    """The fields of Known about it: ``confirms``, ``joins``, ``claim`` and ``closes``."""
    return {
        "confirms": _confirms(session, keys, now),
        "joins": _asked(session, keys, keys.join_ids, "join", owners, now),
        "claim": _claimed(session, keys, owners, now),
        "closes": _asked(session, keys, keys.close_ids, "ask_close", owners, now),
    }


def _confirms(session: Session, keys: Keys, now: datetime) -> str:
    """The contact whose unconfirmed address answers our question with this mail."""
    if not keys.verify_ids:
        return ""
    query = (
        select(col(ContactEmailRow.contact_id))
        .join(OutboxRow, col(OutboxRow.contact_id) == col(ContactEmailRow.contact_id))
        .where(
            col(ContactEmailRow.key) == keys.sender,
            col(ContactEmailRow.verified).is_(False),
            col(OutboxRow.message_id_header).in_(keys.verify_ids),
            col(OutboxRow.kind) == "verify",
            col(OutboxRow.created_at) > now - ANSWERED_FOR,
            func.lower(col(OutboxRow.recipient)) == keys.sender,
        )
    )
    return session.scalar(query) or ""


def _asked(
    session: Session,
    keys: Keys,
    ids: Sequence[str],
    kind: str,
    owners: Sequence[str],
    now: datetime,
) -> str:
    """The case of the newest of those letters that was sent to this sender."""
    if not ids or not owners:
        return ""
    query = select(col(OutboxRow.case_number)).where(
        col(OutboxRow.message_id_header).in_(ids),
        col(OutboxRow.kind) == kind,
        col(OutboxRow.created_at) > now - ANSWERED_FOR,
        col(OutboxRow.contact_id).in_(owners),
        func.lower(col(OutboxRow.recipient)) == keys.sender,
    )
    return session.scalar(query.order_by(col(OutboxRow.id).desc()).limit(1)) or ""


def _claimed(session: Session, keys: Keys, owners: Sequence[str], now: datetime) -> str:
    """The address that the newest of our questions to this sender was about."""
    if not keys.claim_ids or not owners:
        return ""
    query = select(col(OutboxRow.cause)).where(
        col(OutboxRow.message_id_header).in_(keys.claim_ids),
        col(OutboxRow.kind) == CLAIM,
        col(OutboxRow.created_at) > now - ANSWERED_FOR,
        col(OutboxRow.contact_id).in_(owners),
        func.lower(col(OutboxRow.recipient)) == keys.sender,
    )
    cause = session.scalar(query.order_by(col(OutboxRow.id).desc()).limit(1)) or ""
    return cause.rpartition(" ")[2]


def namesake(session: Session, keys: Keys, now: datetime) -> Contact | None:
    """The one active contact at the sender's domain whose name the mail shows.

    None if there are two of that name, or if the contact was asked about other addresses lately.
    """
    domain = keys.sender.rpartition("@")[2]
    if not domain or not keys.author_name:
        return None
    query = (
        select(col(ContactRow.id), col(ContactRow.name))
        .join(ContactEmailRow, col(ContactEmailRow.contact_id) == col(ContactRow.id))
        .where(
            col(ContactEmailRow.domain) == domain,
            col(ContactEmailRow.verified),
            col(ContactRow.active),
        )
        .distinct()
        .limit(MAX_NAMES)
    )
    found = [row[0] for row in session.execute(query) if _folded(row[1]) == keys.author_name]
    if len(found) != 1:
        return None
    asked = select(func.count()).where(
        col(OutboxRow.contact_id) == found[0],
        col(OutboxRow.kind) == CLAIM,
        col(OutboxRow.created_at) > now - CLAIM_WINDOW,
    )
    if (session.scalar(asked) or 0) >= MAX_CLAIMS:
        return None
    return next(iter(whole_contacts(session, found)), None)


def _folded(name: str) -> str:
    return " ".join(name.casefold().split())
