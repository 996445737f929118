"""Informs the colleagues of a contact whose notices bounce, once a month.

This letter never answers a mail: a bounce report may be forged. It contains only stored data.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlmodel import col

from intake.letters.compose import to_person
from intake.letters.letter import LetterContext, Occasion, Reached
from intake.model.accounts import MustReach
from intake.model.states import NoticeState
from intake.store.contacts import undeliverable
from intake.store.contacts.read import whole_accounts, whole_contacts
from intake.store.engine import Session
from intake.store.outbox import put_letter
from intake.store.tables.contacts import MembershipRow
from intake.store.tables.incidents import NoticeRecipientRow


def tell(session: Session, letter_context: LetterContext, must: MustReach, now: datetime) -> int:
    """One letter a month to each colleague of those whose notices come back; how many are new."""
    return sum(
        _tell_of(session, one, letter_context, must, now)
        for one in undeliverable.waiting(session, must)
    )


def _tell_of(
    session: Session,
    one: undeliverable.Unreached,
    letter_context: LetterContext,
    must: MustReach,
    now: datetime,
) -> int:
    returned = (
        select(col(NoticeRecipientRow.id))
        .where(
            col(NoticeRecipientRow.contact_id) == one.contact_id,
            col(NoticeRecipientRow.state) == NoticeState.BOUNCED,
            col(NoticeRecipientRow.finished_at) >= one.since,
        )
        .limit(1)
    )
    if session.scalar(returned) is None:
        return 0  # only a reply bounced: no notice to the contact is known to be lost
    mine = select(MembershipRow).where(
        col(MembershipRow.contact_id) == one.contact_id,
        col(MembershipRow.contact_type).in_(must.task_types),
    )
    ids = [row.account_id for row in session.scalars(mine)]
    accounts = {row.id: row.name for row in whole_accounts(session, ids) if row.active}
    theirs: dict[str, list[str]] = {}
    others = select(MembershipRow).where(
        col(MembershipRow.account_id).in_(accounts),
        col(MembershipRow.contact_type).in_(must.contact_types),
        col(MembershipRow.contact_id) != one.contact_id,
    )
    for row in session.scalars(others.order_by(col(MembershipRow.account_id))):
        theirs.setdefault(row.contact_id, []).append(accounts[row.account_id])
    put = 0
    for colleague in whole_contacts(session, theirs):
        if not colleague.active or not colleague.emails:
            continue
        person = Reached.at(colleague)
        values = {"unreachable": one.name, "accounts": ", ".join(theirs[colleague.id])}
        cause = f"{one.contact_id}:{now:%Y-%m}:{colleague.id}"
        occasion = Occasion("unreachable", cause, values)
        put += put_letter(session, to_person(letter_context, person, occasion, now), 0, now)
    return put
