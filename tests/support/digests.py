"""Summaries of the day: people, hours, incidents."""

from __future__ import annotations

from datetime import UTC, date, datetime

from sqlalchemy import select

from intake.incidents import digest as letter_digest
from intake.incidents.digest import Digest, Entry
from intake.letters.letter import Letter, Reached
from intake.store.engine import reading, writing
from intake.store.incidents import write as incidents
from intake.store.incidents.write import Opening
from intake.store.tables.outbox import OutboxRow
from intake.worker.digest_sender import send_digests
from tests.support.notice_service import Desk
from tests.support.notices import STYLE, letter_context

ZACK = Reached("zack", "Zack Morris", "zack.morris@bayside.example")

DAY = date(2026, 3, 3)

SEVEN = datetime(2026, 3, 3, 13, 0, tzinfo=UTC)  # seven in Chicago on that day

CHICAGO = "America/Chicago"


# ---------------------------------------------------------------- the letter


def digest(*entries: Entry, row: int = 17) -> Digest:
    """Zack's summary of that day."""
    return Digest(ZACK, DAY, CHICAGO, entries, row)


def written(*entries: Entry, row: int = 17) -> Letter:
    """The letter about them."""
    return letter_digest.write(digest(*entries, row=row), letter_context(), STYLE, SEVEN)


def opened(desk: Desk, title: str = "Something new", words: str = "First words.") -> str:
    """An incident of the class informational, approved and frozen; its id."""
    with writing(desk.engine) as session:
        opening = Opening("incident", title, words, notice_class="informational")
        made = incidents.open_(session, opening, "operator:ann", desk.now)
    desk.approve(made)
    return made


def passed(desk: Desk, hour: int = 7) -> int:
    """One look for summaries that are due."""
    return send_digests(desk.engine, letter_context(), STYLE, hour, desk.now)


def letters(desk: Desk, who: str = "p00000") -> list[OutboxRow]:
    """The summaries of one person, oldest first."""
    with reading(desk.engine) as session:
        query = select(OutboxRow).where(OutboxRow.contact_id == who, OutboxRow.kind == "digest")
        found = list(session.scalars(query.order_by(OutboxRow.id)))
        session.expunge_all()
    return found
