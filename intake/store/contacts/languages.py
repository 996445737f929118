"""Counts the languages that contacts' mails show."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select
from sqlmodel import col

from intake.model.accounts import one_more
from intake.store.engine import Session
from intake.store.tables.contacts import ContactRow


def note_all(session: Session, mails: Iterable[tuple[str, str]]) -> None:
    """One more mail of each contact in that language; an unknown contact is ignored."""
    wrote = list(mails)
    if not wrote:
        return
    ids = sorted({contact for contact, _ in wrote})
    query = select(ContactRow).where(col(ContactRow.id).in_(ids))
    rows = {row.id: row for row in session.scalars(query)}
    for contact, language in wrote:
        if contact in rows:
            row = rows[contact]
            row.wrote_in = dict(one_more(row.wrote_in.items(), language))
    session.flush()
