"""Handles the mails of a batch in runs: one look-up, judged in memory, then written in sets.

A run is a part of the batch, in the mailbox's order, in which no mail refers to what an earlier one
changes. What the mails of one sender or account count for each other is added in memory, so each
mail is judged as if the earlier ones had been stored. A mail that needs more of the database than
the look-up holds is looked up alone. A mail that changes what is stored of a person ends its run
and is written alone.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

import structlog

from intake.adapters.blob_store import BlobError
from intake.authentication.dkim import Proof
from intake.mail.message import Arrival
from intake.model.context import Keys, PastMail
from intake.model.fault_points import reached
from intake.model.states import MessageStatus
from intake.store.engine import Session, StoreError, asking, intact, savepoint
from intake.store.messages import deferred
from intake.store.messages.context import NotLoadedError, Snapshot
from intake.store.messages.record import (
    Decided,
    Entry,
    Recorded,
    decided,
    record,
    record_all,
    wrote_in,
)
from intake.worker import pipeline
from intake.worker.counter import Counter
from intake.worker.judgement import JudgementContext, in_database, keys_of
from intake.worker.parser_process import ReadMail

SHORT = 4  # mails that are looked up after a run that ended early; then twice its length
log = structlog.get_logger("intake.collect")


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail to handle."""

    arrival: Arrival
    read: ReadMail
    proof: Proof | None
    row: int = 0  # of the mail in the messages table, if it has been tried before


@dataclass(frozen=True, slots=True)
class Run:
    """What a run needs of its pass."""

    session: Session
    context: JudgementContext
    now: datetime
    counter: Counter


@dataclass(frozen=True, slots=True)
class _Failed:
    """A mail whose handling raised, with the traceback."""

    arrival: Arrival
    trace: str


Handled = tuple[Arrival, Recorded | None]


def handle_all(run: Run, mails: Sequence[Mail]) -> Iterator[Handled]:
    """Handles the mails in their order; None for one that another worker has decided.

    Raises StoreError and BlobError. Any other exception counts against the mail that raised it.
    """
    begin, length = 0, len(mails)
    while begin < len(mails):
        taken = list(_judged(run, mails[begin : begin + length]))
        reached("K11")
        if taken:
            yield from _written(run, taken)
        else:
            yield _alone(run, mails[begin])
        begin += len(taken) or 1
        length = max(SHORT, 2 * len(taken))


def _judged(run: Run, mails: Sequence[Mail]) -> Iterator[Decided | _Failed]:
    """The results of the first mails; none if the very first has to be handled alone."""
    keys = [_keys(run, one) for one in mails]
    good = [one for one in keys if isinstance(one, Keys)]
    if not good:
        yield from (one for one in keys if isinstance(one, _Failed))
        return
    snapshot = Snapshot(run.session, good, run.now, run.context.case_prefix)
    for mail, wanted in zip(mails, keys, strict=True):
        if isinstance(wanted, _Failed):
            yield wanted
            continue
        if snapshot.depends(wanted):
            return
        found = _judge(run, mail, snapshot)
        if found is None:
            return
        yield found
        if isinstance(found, Decided):
            if found.changes_people:
                return
            _add(snapshot, wanted, found)
            first = found.results[0].decision
            if first.is_person and snapshot.waits(first.contact):
                return  # its letters are let go now, and not those that later mails cause


def _keys(run: Run, mail: Mail) -> Keys | _Failed:
    try:
        return keys_of(mail.read.message, mail.read.scan, run.context)
    except Exception:  # noqa: BLE001 - one bad mail must not stop its batch
        return _failed(mail.arrival)


def _judge(run: Run, mail: Mail, snapshot: Snapshot) -> Decided | _Failed | None:
    """The mail's results; None if it needs more of the database than the snapshot holds."""
    began = time.monotonic()
    try:
        with asking(run.session):
            judged = pipeline.judge(snapshot.known, mail.read, run.context, run.now, mail.proof)
        entry = Entry(mail.arrival, mail.read.message, mail.row)
        found = decided(entry, pipeline.results(judged), run.now, run.context.stamp)
    except NotLoadedError:
        return None
    except (StoreError, BlobError):
        raise  # not caused by the mail; the transaction may be lost
    except Exception:  # noqa: BLE001 - one bad mail must not stop its batch
        return _failed(mail.arrival)
    run.counter.judged(time.monotonic() - began)
    return found


def _add(snapshot: Snapshot, keys: Keys, found: Decided) -> None:
    """Tells the snapshot what later mails of the run must know."""
    first = found.results[0]
    decision, status = first.decision, str(found.message["status"])
    counts = decision.contact and status in (MessageStatus.HANDLED, MessageStatus.IGNORED)
    subject, at = str(found.message["subject"]), found.entry.arrival.received_at
    past = PastMail(at, decision.sketch, subject) if counts else None
    snapshot.add_mail(keys, status, decision.rule, past)
    wrote = wrote_in(first)
    for number, one in enumerate(found.results):
        language: Mapping[str, str] = dict([wrote]) if wrote and not number else {}
        snapshot.add_matter(one.decision.change, one.letters, language)


def _written(run: Run, taken: Sequence[Decided | _Failed]) -> Iterator[Handled]:
    """Writes a run: in sets what is only added, and one by one what changes something."""
    for added, group in groupby(taken, lambda one: isinstance(one, Decided) and one.in_sets):
        if added:
            yield from _in_sets(run, [one for one in group if isinstance(one, Decided)])
            continue
        for one in group:
            if isinstance(one, _Failed):
                yield one.arrival, _shelve(run, one)
            else:
                yield one.entry.arrival, _changed(run, one)


def _in_sets(run: Run, mails: Sequence[Decided]) -> Iterator[Handled]:
    """Writes mails together; if that raises, writes each alone, so that only its cause is kept."""
    try:
        with savepoint(run.session):
            done: list[Recorded | None] = [
                *record_all(run.session, mails, run.now, run.context.stamp)
            ]
    except (StoreError, BlobError):
        raise  # not caused by a mail; the transaction may be lost
    except Exception:
        log.warning("run-taken-apart", mails=len(mails), exc_info=True)
        done = [_changed(run, one) for one in mails]
    yield from zip((one.entry.arrival for one in mails), done, strict=True)


def _changed(run: Run, mail: Decided) -> Recorded | None:
    """Writes one mail that changes something; if that raises, keeps it with its traceback."""
    try:
        with savepoint(run.session):
            return record(run.session, mail.entry, mail.results, run.now, run.context.stamp)
    except (StoreError, BlobError):
        raise  # not caused by the mail; the transaction may be lost
    except Exception:  # noqa: BLE001 - one bad mail must not stop its batch
        return _shelve(run, _failed(mail.entry.arrival))


def _alone(run: Run, mail: Mail) -> Handled:
    """Handles one mail with look-ups of its own."""
    try:
        with asking(run.session):
            look_up = in_database(run.session, run.context, run.now)
            judged = pipeline.judge(look_up, mail.read, run.context, run.now, mail.proof)
        entry = Entry(mail.arrival, mail.read.message, mail.row)
        found = decided(entry, pipeline.results(judged), run.now, run.context.stamp)
    except (StoreError, BlobError):
        raise  # not caused by the mail; the transaction may be lost
    except Exception:  # noqa: BLE001 - one bad mail must not stop its batch
        return mail.arrival, _shelve(run, _failed(mail.arrival))
    return mail.arrival, _changed(run, found)


def _shelve(run: Run, failed: _Failed) -> Recorded | None:
    intact(run.session)
    return deferred.shelve(run.session, failed.arrival, failed.trace, run.now)


def _failed(arrival: Arrival) -> _Failed:
    """The mail with the traceback of the exception that is being handled."""
    log.error(
        "handling-raised", mailbox=arrival.mailbox, uid=arrival.uid, digest=arrival.digest[:12]
    )
    return _Failed(arrival, traceback.format_exc(limit=20))
