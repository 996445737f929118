"""Daily summaries: who is due one, what is in it, and which recipient rows it completes.

A person's summary is due when the configured hour begins in the person's time zone and a notice has
waited since before that hour. Its cause is the person and the local date, and causes are unique in
the outbox. So there is at most one a day, even after a crash. A summary that could not be written
within twelve hours waits for the next day, so that nobody gets two in one morning.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time

from sqlalchemy import func, select, update
from sqlalchemy.sql.elements import ColumnElement
from sqlmodel import col

from intake.incidents.digest import Digest, Entry, cause
from intake.incidents.times import zone_of
from intake.letters.letter import Letter, Reached
from intake.mail.addresses import ascii_lower
from intake.model.accounts import Preference
from intake.model.states import SENT_TO_PEOPLE, NoticeState, SendState
from intake.store.contacts import preferences
from intake.store.contacts.read import whole_contacts
from intake.store.engine import Session
from intake.store.incidents.read import update_value, value
from intake.store.incidents.recipients import skip
from intake.store.outbox import put_letter
from intake.store.sql import stored_id
from intake.store.tables.contacts import SuppressionRow
from intake.store.tables.incidents import IncidentRow, IncidentUpdateRow, NoticeRecipientRow
from intake.store.tables.outbox import OutboxRow

WINDOW = timedelta(hours=12)  # after the hour; later it waits for the next day
CHUNK = 500
Row = NoticeRecipientRow


@dataclass(frozen=True, slots=True)
class Due:
    """A person whose summary should be written now."""

    contact_id: str
    zone: str  # IANA name
    day: date  # local


@dataclass(slots=True)
class Gathered:
    """The contents of a summary, and what is left out of it, with the reasons."""

    day: date
    digest: Digest | None = None  # None: there is nothing to send
    rows: list[int] = field(default_factory=list)  # the notice_recipients rows that it completes
    skipped: dict[str, list[int]] = field(default_factory=dict)  # reason -> rows

    def leave(self, why: str, rows: Iterable[NoticeRecipientRow]) -> None:
        """Marks those rows as not to be sent."""
        ids = [row.id for row in rows if row.id is not None]
        if ids:
            self.skipped.setdefault(why, []).extend(ids)


def struck(now: datetime, zone: str, hour: int) -> tuple[date, datetime]:
    """When that hour last began in that zone: the local date, and the moment in UTC.

    If a clock change skips the hour, it begins at the change. If the hour occurs twice, the first
    one counts.
    """
    place = zone_of(zone)
    day = now.astimezone(place).date()
    at = datetime.combine(day, clock_time(hour), place).astimezone(UTC)
    if at > now:
        day -= timedelta(days=1)
        at = datetime.combine(day, clock_time(hour), place).astimezone(UTC)
    return day, at


def _waiting() -> tuple[ColumnElement[bool], ...]:
    """Rows that wait for a summary, of broadcasts that are not held."""
    return (
        col(Row.state) == NoticeState.DIGEST,
        col(IncidentUpdateRow.send_state).not_in((SendState.PAUSED, SendState.CANCELLED)),
    )


def due(session: Session, now: datetime, hour: int) -> list[Due]:
    """Everyone whose hour has begun since a notice started to wait, by id."""
    query = (
        select(col(Row.contact_id), func.min(col(Row.due_at)), func.max(stored_id(Row.id)))
        .join(IncidentUpdateRow, col(IncidentUpdateRow.id) == col(Row.update_id))
        .where(*_waiting(), col(Row.due_at) <= now)
        .group_by(col(Row.contact_id))
        .order_by(col(Row.contact_id))
    )
    people = list(session.execute(query))
    zones: dict[int, str] = {}
    for part in _parts([newest for _, _, newest in people]):
        rows = select(stored_id(Row.id), col(Row.zone)).where(col(Row.id).in_(part))
        zones |= {row_id: zone for row_id, zone in session.execute(rows)}
    found = []
    for contact_id, oldest, newest in people:
        day, at = struck(now, zones[newest], hour)
        if oldest < at and now - at < WINDOW:
            found.append(Due(contact_id, zones[newest], day))
    written: set[str] = set()
    for part in _parts([cause(one.contact_id, one.day) for one in found]):
        written |= set(
            session.scalars(select(col(OutboxRow.cause)).where(col(OutboxRow.cause).in_(part)))
        )
    return [one for one in found if cause(one.contact_id, one.day) not in written]


def _parts(values: Sequence[object]) -> Iterator[Sequence[object]]:
    return (values[start : start + CHUNK] for start in range(0, len(values), CHUNK))


def gather(session: Session, one: Due, now: datetime) -> Gathered:
    """The contents of the person's summary: each incident once, with the newest waiting update."""
    query = (
        select(Row, IncidentUpdateRow)
        .join(IncidentUpdateRow, col(IncidentUpdateRow.id) == col(Row.update_id))
        .where(*_waiting(), col(Row.contact_id) == one.contact_id, col(Row.due_at) <= now)
        .order_by(col(Row.incident_id), col(Row.number))
        .with_for_update(of=Row)
    )
    rows = [(row, told) for row, told in session.execute(query)]
    found = Gathered(one.day)
    person, why = _person(session, one.contact_id, now)
    if person is None:
        found.leave(why, [row for row, _ in rows])
        return found
    wanted = preferences.of(session, one.contact_id)
    by_incident: dict[str, list[tuple[NoticeRecipientRow, IncidentUpdateRow]]] = {}
    for row, told in rows:
        if told.expires_at is not None and told.expires_at <= now:
            found.leave("expired: its moment has passed", [row])
        else:
            by_incident.setdefault(row.incident_id, []).append((row, told))
    entries = []
    for incident_id, waiting in by_incident.items():
        incident = session.get(IncidentRow, incident_id)
        own = [row for row, _ in waiting]
        chosen = wanted.get(incident.notice_class, Preference()) if incident else Preference("off")
        if incident is None or chosen.mode == "off":
            found.leave("switched off", own)
            continue
        newest = waiting[-1][1]
        count = _updates(session, incident_id, min(row.first_number for row in own), newest.number)
        entries.append(Entry(value(incident), update_value(newest), count))
        found.rows += [row.id for row in own if row.id is not None]
    if entries:
        newest_row = max(found.rows)
        found.digest = Digest(person, one.day, one.zone, tuple(entries), newest_row)
    return found


def _person(session: Session, contact_id: str, now: datetime) -> tuple[Reached | None, str]:
    """The contact with the first stored address, or why nothing is sent."""
    contact = next(iter(whole_contacts(session, [contact_id])), None)
    if contact is None or not contact.active:
        return None, "the contact was disabled"
    if not contact.emails:
        return None, "no address is stored"
    stopped = session.get(SuppressionRow, ascii_lower(contact.emails[0]))
    if stopped is not None and (stopped.until is None or stopped.until > now):
        return None, f"suppressed: {stopped.reason}"
    return Reached.at(contact), ""


def _updates(session: Session, incident_id: str, first: int, last: int) -> int:
    """How many updates from ``first`` to ``last`` were sent to people."""
    query = select(func.count()).where(
        col(IncidentUpdateRow.incident_id) == incident_id,
        col(IncidentUpdateRow.number).between(first, last),
        col(IncidentUpdateRow.send_state).in_(SENT_TO_PEOPLE),
    )
    return max(session.scalar(query) or 0, 1)


def settle(session: Session, found: Gathered, letter: Letter | None, now: datetime) -> bool:
    """Puts the letter into the outbox and completes its rows, in one transaction.

    Returns False without a letter. If that day's letter already exists, the rows wait for the next
    day.
    """
    for why, rows in found.skipped.items():
        skip(session, rows, why, now)
    if letter is None or not put_letter(session, letter, 0, now):
        return False
    session.execute(
        update(Row)
        .where(col(Row.id).in_(found.rows), col(Row.state) == NoticeState.DIGEST)
        .values(
            state=NoticeState.SENT,
            reply=f"in the digest of {found.day.isoformat()}",
            message_id_header=letter.message_id,
            finished_at=now,
        )
    )
    return True
