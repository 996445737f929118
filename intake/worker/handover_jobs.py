"""Jobs about departments: reminders of cases that wait, and the summary of each week."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import structlog

from intake.config.loader import Config
from intake.letters.handover import CaseNow, Handover, Written, addresses, case_values
from intake.letters.handover_reminders import (
    lost_answer,
    reminder,
    summary,
)
from intake.letters.letter import Letter
from intake.letters.staff_answers import file_follows
from intake.model.context import Known
from intake.model.departments import WaitingCase
from intake.model.staff import Staff
from intake.model.states import CaseStatus
from intake.store import attachments
from intake.store.engine import Engine, Session, reading, writing
from intake.store.handover import times, undelivered
from intake.store.handover.directory import whole_staff
from intake.store.messages.context import look_up
from intake.store.outbox import put_letter
from intake.triage.staff_rules import readers
from intake.worker.bootstrap import Application
from intake.worker.judgement import JudgementContext
from intake.worker.lookup_keys import keys_of_case

log = structlog.get_logger("intake.handover")
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def setup_of(context: JudgementContext) -> Handover:
    """What letters to departments depend on."""
    return Handover(context.departments, context.letter_context, context.attach_bytes)


def remind(config: Config, app: Application) -> int:
    """Reminds departments and their leads of cases that wait; returns how many letters are new."""
    context, now = app.collector.context, app.collector.clock()
    if not context.departments:
        return 0
    put = 0
    with writing(app.collector.engine) as session:
        staff = whole_staff(session)
        late, worse = times.due(session, context.departments, now)
        for one in late:
            put += _remind(session, one, staff, context, now, lead=False)
        for one in worse:
            put += _remind(session, one, staff, context, now, lead=True)
        put += _summaries(session, config, context, now)
    if put:
        log.info("departments-reminded", letters=put)
    return put


def file_is_clean(
    session: Session, context: JudgementContext, numbers: Sequence[str], digest: str, now: datetime
) -> int:
    """Hands on a file that has left quarantine; returns how many letters are new."""
    put = 0
    for number in numbers if context.departments else ():
        answer, writer = attachments.answered_with(session, number, digest)
        keys = replace(keys_of_case(number, context.departments), sender=writer)
        known = look_up(session, keys, now, context.case_prefix)
        for one in _about_file(known, context, digest, now, answer=bool(answer)):
            put += put_letter(session, one, answer, now)
    return put


def _about_file(
    known: Known, context: JudgementContext, digest: str, now: datetime, *, answer: bool
) -> tuple[Letter, ...]:
    """The letters with a clean file: to the contacts if staff answered with it, else to staff."""
    case, setup = known.case, setup_of(context)
    place = context.departments.get(case.department) if case else None
    files = [one for one in known.files if one.sha256 == digest and not one.note][:1]
    if case is None or place is None or case.status == CaseStatus.DRAFT or not files:
        return ()
    if answer and known.staff is not None:
        return file_follows(known, known.staff, readers(known), files[0], setup, now)
    shown = CaseNow(case.number, case.type, case.priority, case.department, "", None, "",
                    case.subject, {}, owner=case.owner)  # fmt: skip
    values = case_values(shown, Known(), setup, whole=False) | {
        "headline": "A file of this case has passed the virus scanner."
    }
    letter = Written(setup, shown, values, f"file:{digest}", now)
    return letter.to_all(place, known.colleagues_of_staff, files)


def tell_writers(engine: Engine, context: JudgementContext, now: datetime) -> int:
    """Tells staff whose words did not reach a contact, or perhaps did not; returns how many."""
    if not context.departments:
        return 0
    with reading(engine) as session:
        if not undelivered.waiting(session, now):
            return 0
    put = 0
    with writing(engine) as session:
        for one in undelivered.waiting(session, now):
            letter = lost_answer(one, undelivered.cause_of(one), setup_of(context), now)
            put += put_letter(session, letter, 0, now)
    return put


def _remind(
    session: Session,
    one: WaitingCase,
    staff: Sequence[Staff],
    context: JudgementContext,
    now: datetime,
    *,
    lead: bool,
) -> int:
    place = context.departments[one.department]
    there = (place.lead,) if lead else addresses(place, one.owner, staff)
    letters = reminder(one, there, setup_of(context), now, lead=lead)
    times.note(session, one.number, now, lead=lead)
    return sum(put_letter(session, letter, 0, now) for letter in letters)


def _summaries(session: Session, config: Config, context: JudgementContext, now: datetime) -> int:
    """The summary of the last seven days, once a week, to each address that wants it."""
    given = config.shape.handover
    local = now.astimezone(ZoneInfo(config.service.timezone))
    today = WEEKDAYS[local.weekday()] == given.summary_day
    if not given.summary or not today or local.hour < given.summary_hour:
        return 0
    last = local.replace(hour=0, minute=0, second=0, microsecond=0)
    first = last - timedelta(days=7)
    found = times.week(session, first, last)
    late = times.late(session, context.departments, now)
    labels = {name: kind.label for name, kind in context.catalogue.types.items()}
    values = {
        "first": first.date().isoformat(),
        "last": (last - timedelta(days=1)).date().isoformat(),
        "figures": [
            f"{found.opened:5} cases opened", f"{found.answered:5} answered for the first time",
            f"{found.closed:5} resolved or closed", f"{found.waiting:5} wait for an answer now",
            f"{len(late):5} are late", f"Longest wait: {found.oldest}",
        ],
        "tables": [
            ("Opened, by account", [f"{count:5} {name}" for name, count in found.by_account]),
            ("Opened, by type",
             [f"{count:5} {labels.get(name, name)}" for name, count in found.by_type]),
        ],
    }  # fmt: skip
    cause = first.date().isoformat()
    return sum(
        put_letter(session, summary(one, values, cause, setup_of(context), now), 0, now)
        for one in given.summary
    )
