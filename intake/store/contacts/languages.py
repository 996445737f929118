"""Counts the languages that a contact's mails show."""

from __future__ import annotations

from intake.model.accounts import one_more
from intake.store.engine import Session
from intake.store.tables.contacts import ContactRow


def note(session: Session, contact: str, language: str) -> None:
    """One more mail of the contact in that language; an unknown contact is ignored."""
    row = session.get(ContactRow, contact)
    if row is not None:
        row.wrote_in = dict(one_more(row.wrote_in.items(), language))
