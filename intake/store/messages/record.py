"""Writes everything about mails in the transaction: rows, cases, files, history, letters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update
from sqlmodel import col

from intake.mail.addresses import Mailbox
from intake.mail.message import Arrival, Message
from intake.model.states import CASE_OVER, MessageStatus, RequestState, undecided
from intake.store import waiting_letters
from intake.store.cases import write
from intake.store.contacts import change_request, claims, languages, preferences, suppressions
from intake.store.engine import Session, StoreError
from intake.store.handover import acts
from intake.store.handover import events as case_events
from intake.store.messages import bounces
from intake.store.messages import insert as in_sets
from intake.store.messages.gather import (
    STATUS,
    Entry,
    RecordMetadata,
    Result,
    Rows,
    files,
    matter_rows,
    message_row,
    number_of,
    waits_since,
)
from intake.store.tables.cases import PendingFormRow
from intake.store.tables.messages import AttachmentRow, MessageRow
from intake.store.tables.outbox import EventRow
from intake.triage.decision import Decision
from intake.triage.facts import CaseChange

__all__ = [
    "STATUS",
    "Decided",
    "Entry",
    "RecordMetadata",
    "Recorded",
    "Result",
    "put_result",
    "record",
    "record_all",
]


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was written for one mail."""

    row: int  # messages.id
    action: str
    rule: str
    folder: str  # the target folder on the server; empty: it stays
    case_number: str
    letters: int  # put into the outbox


@dataclass(frozen=True, slots=True)
class Decided:
    """A mail with its results, and the rows that they add."""

    entry: Entry
    results: Sequence[Result]
    message: dict[str, object]
    rows: Sequence[Rows]  # of each result

    @property
    def changes_people(self) -> bool:
        """Whether it changes what is stored of a person, or how often one may be written to."""
        one = self.results[0].decision
        acts_on_them = (
            one.returned, one.is_loop, one.is_forgery, one.loop, one.confirms, one.claims,
            one.disowns, one.joins, one.unsubscribes, one.owner, one.work,
        )  # fmt: skip
        return any(acts_on_them)

    @property
    def in_sets(self) -> bool:
        """Whether it can be recorded together with others."""
        numbers = [one.decision.change.number for one in self.results if one.decision.change]
        apart = len(numbers) == len(set(numbers))
        return apart and not self.entry.row and not self.changes_people


def decided(
    entry: Entry, results: Sequence[Result], now: datetime, stamp: RecordMetadata
) -> Decided:
    """The rows of a mail; nothing is asked and nothing is written.

    The mail's own row describes the first result. Each further result is another case.
    """
    message = message_row(entry, results[0].decision, now, stamp)
    rows = [matter_rows(entry, one, now) for one in results]
    return Decided(entry, results, message, rows)


def record(
    session: Session, entry: Entry, results: Sequence[Result], now: datetime, stamp: RecordMetadata
) -> Recorded:
    """Writes everything about one mail; a repetition overwrites only a row without an outcome."""
    entry = replace(entry, row=entry.row or _existing(session, entry.arrival))
    found = decided(entry, results, now, stamp)
    row = _write_row(session, found)
    where = {"mailbox": entry.arrival.mailbox, "uid": entry.arrival.uid}
    received = {"at": now, "kind": "received", "who": "", "detail": where, "case_number": ""}
    session.execute(insert(EventRow).values(message_id=row, **received))
    put = 0
    for one, rows in zip(results, found.rows, strict=True):
        rows.name(row)
        put += _put(session, entry, one, rows, now, stamp)
    _people(session, replace(entry, row=row), results[0], now)
    return _recorded(found, row, put)


def record_all(
    session: Session, mails: Sequence[Decided], now: datetime, stamp: RecordMetadata
) -> list[Recorded]:
    """Writes mails that can be recorded together, with few statements for each table.

    No two of them may change the same case.
    """
    if not mails:
        return []
    ids = in_sets.messages(session, [one.message for one in mails])
    history = _change(session, list(zip(mails, ids, strict=True)), now, stamp)
    gathered = []
    for one, row in zip(mails, ids, strict=True):
        arrival, received = one.entry.arrival, Rows()
        where = {"mailbox": arrival.mailbox, "uid": arrival.uid}
        received.event(now, "received", "", "", where)
        received.name(row)
        gathered.append(received)
        for result, rows in zip(one.results, one.rows, strict=True):
            change = result.decision.change
            changed = Rows()
            for line in history.get(change.number, ()) if change else ():
                changed.add(EventRow, line)
            rows.name(row)
            gathered += (changed, rows)
    new = in_sets.everything(session, gathered)
    first = [one.results[0] for one in mails]
    languages.note_all(session, [wrote for one in first if (wrote := wrote_in(one))])
    last = first[-1].decision  # a run ends with a mail that lets letters go
    waiting_letters.release(session, [last.contact] if last.is_person else [], now)
    if stamp.case_events:
        for decision in (result.decision for mail in mails for result in mail.results):
            if told := case_events.kind_of(decision):
                case_events.emit(session, number_of(decision), told, now)
    causes = [[one.cause for part in mail.results for one in part.letters] for mail in mails]
    return [
        _recorded(one, row, sum(cause in new for cause in theirs))
        for one, row, theirs in zip(mails, ids, causes, strict=True)
    ]


def _change(
    session: Session, mails: Sequence[tuple[Decided, int]], now: datetime, stamp: RecordMetadata
) -> dict[str, list[dict[str, Any]]]:
    """Changes the cases that exist already; returns new lines of their history."""
    applied = [
        write.Applied(change, row, waits_since(one.decision))
        for mail, row in mails
        for one in mail.results
        if (change := one.decision.change) is not None and not change.new
    ]
    history = write.apply_all(session, applied, now, stamp.personal_fields)
    _end_requests(session, [one.change for one in applied], now)
    return history


def _recorded(mail: Decided, row: int, put: int) -> Recorded:
    decision = mail.results[0].decision
    folder, number = str(mail.message["folder"]), str(mail.message["case_number"])
    return Recorded(row, decision.action, decision.rule, folder, number, put)


def put_result(
    session: Session, entry: Entry, result: Result, now: datetime, stamp: RecordMetadata
) -> int:
    """Writes the case, its history, files and letters; returns how many letters are new."""
    rows = matter_rows(entry, result, now)
    rows.name(entry.row)
    return _put(session, entry, result, rows, now, stamp)


def _put(
    session: Session,
    entry: Entry,
    result: Result,
    rows: Rows,
    now: datetime,
    stamp: RecordMetadata,
) -> int:
    decision, change = result.decision, result.decision.change
    number = change.number if change else ""
    changed = Rows()
    if change is not None and not change.new:
        applied = write.Applied(change, rows.message_id, waits_since(decision))
        history = write.apply_all(session, [applied], now, stamp.personal_fields)
        for line in history[number]:
            changed.add(EventRow, line)
        _end_requests(session, [change], now)
    new = in_sets.everything(session, [changed, rows])
    if isinstance(entry.mail, Message) and entry.row:
        _files(session, entry.mail, decision, rows.message_id, number)
    if decision.work is not None:
        acts.by_staff(session, decision.work, result.next_number, rows.message_id, now)
    if stamp.case_events and (told := case_events.kind_of(decision)):
        case_events.emit(session, number, told, now)
    return len(new)


def _people(session: Session, entry: Entry, result: Result, now: datetime) -> None:
    """What a mail changes about its sender: addresses, wishes, loops, letters that wait."""
    decision, mail, row = result.decision, entry.mail, entry.row
    if decision.returned is not None and decision.about is not None:
        bounces.note(session, decision.about, decision.returned, row, now)
    if decision.is_loop or decision.is_forgery or decision.loop:
        _hostile(session, decision, row, now)
    if wrote := wrote_in(result):
        languages.note_all(session, [wrote])
    if decision.is_person:
        waiting_letters.release(session, [decision.contact], now)
    if decision.confirms and isinstance(mail, Message) and isinstance(mail.sender, Mailbox):
        change_request.verify(session, mail.sender.address.key, decision.confirms, row, now)
    claims.settle(session, decision, row, now)
    if decision.joins:
        change_request.join(session, decision.joins, decision.contact, row, now)
    if decision.unsubscribes:
        wish = (decision.unsubscribes, decision.unsubscribes, now, decision.must)
        preferences.unsubscribe(session, *wish)


def wrote_in(result: Result) -> tuple[str, str] | None:
    """The contact of a proved mail and the language that it shows, if it shows one."""
    decision = result.decision
    if result.language and decision.sender and decision.sender.proved and decision.contact:
        return decision.contact, result.language
    return None


def _hostile(session: Session, decision: Decision, row: int, now: datetime) -> None:
    """Counts and ends mail loops, and records forgeries (R5) with the contact concerned."""
    sender = decision.sender.address if decision.sender else ""
    if decision.loop:
        suppressions.end_loop(session, sender, decision.loop, row, now)
        waiting_letters.stop(session, decision.contact, decision.loop, now)
        return
    if decision.is_loop:
        suppressions.note_loop(session, sender, row, now)
        return
    detail = {"contact": decision.contact, "address": sender}
    forged = {"at": now, "kind": "forged", "who": "intake", "detail": detail, "case_number": ""}
    session.execute(insert(EventRow).values(message_id=row, **forged))


def _write_row(session: Session, mail: Decided) -> int:
    """A new row, or the unfinished one of the same mail in the same place.

    A row with an outcome is never overwritten: StoreError reports that another worker was first.
    """
    found = mail.entry.row
    if not found:
        return in_sets.messages(session, [mail.message])[0]
    done = session.execute(
        update(MessageRow)
        .where(col(MessageRow.id) == found, col(MessageRow.status).in_(undecided()))
        .values(**mail.message)
        .returning(col(MessageRow.id))
    ).first()
    if done is None:
        raise StoreError("constraint", f"message {found} has been decided by somebody else")
    return found


def _existing(session: Session, arrival: Arrival) -> int:
    query = select(col(MessageRow.id)).where(
        col(MessageRow.mailbox) == arrival.mailbox,
        col(MessageRow.uidvalidity) == arrival.uidvalidity,
        col(MessageRow.uid) == arrival.uid,
        col(MessageRow.status) == MessageStatus.DEFERRED,
    )
    return session.scalar(query) or 0


def _end_requests(session: Session, changes: Sequence[CaseChange], now: datetime) -> None:
    """Ends the requests that mails answer."""
    ended: dict[RequestState, list[str]] = {}
    for change in changes:
        if not change.keeps_request:
            over = change.status in CASE_OVER
            state = RequestState.SUPERSEDED if over else RequestState.ANSWERED
            ended.setdefault(state, []).append(change.number)
    for state, numbers in ended.items():
        session.execute(
            update(PendingFormRow)
            .where(
                col(PendingFormRow.case_number).in_(numbers),
                col(PendingFormRow.state) == RequestState.OPEN,
            )
            .values(state=state, answered_at=now)
        )


def _files(session: Session, mail: Message, decision: Decision, row: int, number: str) -> None:
    """Stores each file of the mail once for each of its cases, or once if there is none."""
    if not mail.attachments:
        return
    found = select(col(AttachmentRow.part), col(AttachmentRow.case_number)).where(
        col(AttachmentRow.message_id) == row
    )
    there = {(part, case) for part, case in session.execute(found)}
    if number and any(not case for _, case in there):  # the mail was held and is handled now
        of_nobody = (col(AttachmentRow.message_id) == row, col(AttachmentRow.case_number) == "")
        session.execute(update(AttachmentRow).where(*of_nobody).values(case_number=number))
        there = {(part, case or number) for part, case in there}
    rows = Rows()
    for values in files(mail, decision, number):
        if (values["part"], number) not in there:
            rows.add(AttachmentRow, values)
    rows.name(row)
    in_sets.everything(session, [rows])
