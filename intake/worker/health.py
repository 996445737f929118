"""The health of the service, from the heartbeat, the disks and the database.

`intake status`, the metrics and the alerts all use these functions, so they never differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from intake.adapters import heartbeat
from intake.adapters.heartbeat import Beat
from intake.config import loader as settings
from intake.config.loader import Config
from intake.model.health import Trouble
from intake.store import overdue, rejections, reports, restore_check
from intake.store.contacts import preferences
from intake.store.engine import Engine, Session, StoreError, open_engine, reading
from intake.store.handover import times
from intake.store.handover.served import Served, served
from intake.store.incidents import schedule
from intake.store.migrate import check
from intake.store.reports import Status
from intake.worker.departments import departments
from intake.worker.journal import journal_of

MAX_NAMED = 5  # cases in one line
SERVED_FOR = timedelta(days=30)  # whose cases count in the figures of departments


@dataclass(frozen=True, slots=True)
class Health:
    """The state of the service at one moment."""

    status: Status | None  # None: the database cannot be read
    tasks: tuple[str, ...]  # what waits for a person, apart from mails
    troubles: tuple[Trouble, ...]  # what fails
    beat: Beat | None
    beat_seconds: float | None  # age of the heartbeat
    served: tuple[Served, ...] = ()  # how soon departments answer

    @property
    def is_well(self) -> bool:
        """True if nothing fails and nothing waits for a person."""
        waits = self.tasks or (self.status is not None and self.status.needs_attention)
        return not (self.troubles or waits)


def look(config: Config, now: datetime) -> Health:
    """The health of the service; a database that cannot be read is one of the troubles."""
    beat = heartbeat.read(config.state_folder)
    status, tasks, kept = None, list[str](), list[Served]()
    found = local_troubles(config, beat, now)
    try:
        engine = open_engine(config.database_url, read_only=True)
        try:
            check(engine)
            with reading(engine) as session:
                must = settings.must_reach(config, settings.load_catalogue(config))
                status = reports.status(session, must)
                tasks += preferences.tasks(session, now, must) + schedule.debts(session, now)
                tasks += _late(session, config, now)
                found += stored_in(session, config, beat, now)
                kept = served(session, departments(config), now - SERVED_FOR)
        finally:
            engine.dispose()
    except StoreError as error:
        found.append(Trouble("database", str(error)))
    seconds = heartbeat.seconds_since(beat, now) if beat else None
    return Health(status, tuple(tasks), one_each(found), beat, seconds, tuple(kept))


def stored_troubles(config: Config, engine: Engine, beat: Beat, now: datetime) -> list[Trouble]:
    """What the database shows; a database that fails is a trouble itself."""
    try:
        with reading(engine) as session:
            return stored_in(session, config, beat, now)
    except StoreError as error:
        return [Trouble("database", str(error))]


def local_troubles(config: Config, beat: Beat | None, now: datetime) -> list[Trouble]:
    """What the heartbeat and the free disk space show."""
    places = (config.state_folder, config.blob_folder, config.database_folder)
    return [*heartbeat.troubles(beat, now), *heartbeat.low_disks(filter(None, places))]


def stored_in(session: Session, config: Config, beat: Beat | None, now: datetime) -> list[Trouble]:
    """What the database shows: an older copy, failing mailboxes, letters that are late."""
    older = restore_check.older(session, journal_of(config).tail())
    found = [Trouble("database", f"{older}; {restore_check.ADVICE}")] if older else []
    names = [box.name for box in config.mailbox]
    found += reports.failing_mailboxes(session, names)
    found += rejections.troubles(session, now)
    found += _not_handed_over(session, config, now)
    return found + overdue.troubles(session, now, now - _patience(config, beat))


def _not_handed_over(session: Session, config: Config, now: datetime) -> list[Trouble]:
    """Cases whose letter to the department failed, came back, or was not sent in time."""
    wait = timedelta(minutes=config.shape.handover.late_minutes)
    found = times.not_handed_over(session, departments(config), now, wait)
    more = f" and {len(found) - MAX_NAMED} more" if len(found) > MAX_NAMED else ""
    words = f"{', '.join(found[:MAX_NAMED])}{more}: not handed over to the department"
    return [Trouble("handover", words)] if found else []


def _late(session: Session, config: Config, now: datetime) -> list[str]:
    """One task for all cases that wait too long for their department."""
    count = len(times.late(session, departments(config), now))
    verb = "case is" if count == 1 else "cases are"
    return [f"{count} {verb} late: `intake cases list --late`"] if count else []


def _patience(config: Config, beat: Beat | None) -> timedelta:
    """How long a letter may be due; with `intake once` at least until the next pass."""
    wait = timedelta(minutes=config.shape.alerts.late_minutes)
    if beat is not None and beat.command == heartbeat.ONCE:
        wait = max(wait, timedelta(seconds=heartbeat.longest_gap(beat)))
    return wait


def one_each(found: Iterable[Trouble]) -> tuple[Trouble, ...]:
    """One trouble for each part; the database's own record has the time, so a later one wins."""
    kept: dict[str, Trouble] = {}
    for one in found:
        older = kept.get(one.part)
        if older is None or one.since is not None or older.since is None:
            kept[one.part] = one
    return tuple(kept.values())


def in_words(found: Sequence[Trouble]) -> list[str]:
    """One line for each trouble."""
    return [str(one) for one in found]
