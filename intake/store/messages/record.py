"""Writes everything about one mail in the transaction: row, case, files, history, letters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from sqlalchemy import insert, select, update
from sqlmodel import col

from intake.authentication.sender import signature_hashes
from intake.letters.letter import Letter
from intake.mail.addresses import Mailbox
from intake.mail.message import Arrival, Message, Refusal
from intake.model.states import (
    CASE_OVER,
    CaseStatus,
    FileState,
    MessageStatus,
    RequestState,
    undecided,
)
from intake.parsers.submission import Submission
from intake.store import waiting_letters
from intake.store.cases import write
from intake.store.contacts import change_request, claims, languages, preferences, suppressions
from intake.store.engine import Session, StoreError
from intake.store.handover import acts
from intake.store.handover import events as case_events
from intake.store.messages import bounces, evidence
from intake.store.messages.context import message_id_hash
from intake.store.outbox import put_letter
from intake.store.sql import clean, clean_all, stored_id, upsert
from intake.store.tables.cases import PendingFormRow, UnknownLabelRow
from intake.store.tables.messages import AttachmentRow, MessageRow
from intake.store.tables.outbox import EventRow
from intake.triage.decision import Decision
from intake.triage.facts import CaseChange

STATUS = {
    "create": MessageStatus.HANDLED,
    "ask": MessageStatus.HANDLED,
    "complete": MessageStatus.HANDLED,
    "append": MessageStatus.HANDLED,
    "answer": MessageStatus.HANDLED,
    "refuse": MessageStatus.HANDLED,
    "hold": MessageStatus.HELD,
    "ignore": MessageStatus.IGNORED,
    "drop": MessageStatus.DROPPED,
    "defer": MessageStatus.DEFERRED,
    "staff": MessageStatus.HANDLED,
}
FOLDER = {"hold": "held", "defer": ""}
MAX_SUBJECT = 1000
MAX_HEADER = 2000
EVENT = {
    "create": "opened", "ask": "asked", "complete": "completed", "append": "appended",
    "staff": "staffed",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class RecordMetadata:
    """Data about the program that is stored with every record."""

    policy_hash: str
    version: str
    personal_fields: frozenset[str] = frozenset()  # not stored in messages and events
    case_events: bool = False  # another program hears of changes of cases


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
class Result:
    """The decision about one matter of a mail, and its letters."""

    decision: Decision
    letters: Sequence[Letter] = ()
    next_number: str = ""  # of a case that a staff member divides off
    language: str = ""  # ISO 639 code that the mail shows; empty: none


@dataclass(frozen=True, slots=True)
class Entry:
    """The mail that a row is about."""

    arrival: Arrival
    mail: Message | Refusal
    row: int = 0  # the row of a held or shelved mail that is decided again; 0: a new mail


def record(
    session: Session, entry: Entry, results: Sequence[Result], now: datetime, stamp: RecordMetadata
) -> Recorded:
    """Writes everything about one mail; a repetition overwrites only a row without an outcome.

    The row describes the first result. Each further result is another case that the mail is about.
    """
    arrival, mail, decision = entry.arrival, entry.mail, results[0].decision
    number = decision.change.number if decision.change else ""
    number = number or (decision.work.number if decision.work else "")
    folder = FOLDER.get(decision.action, "processed")
    values = _values(arrival, mail, decision, now, stamp)
    values |= {"case_number": number, "folder": folder}
    row_id = _write_row(session, arrival, values, entry.row)
    where = {"mailbox": arrival.mailbox, "uid": arrival.uid}
    session.execute(insert(EventRow), [_event(now, "received", "", row_id, "", where)])
    put = sum(put_result(session, replace(entry, row=row_id), one, now, stamp) for one in results)
    if decision.returned is not None and decision.about is not None:
        bounces.note(session, decision.about, decision.returned, row_id, now)
    if decision.is_loop or decision.is_forgery or decision.loop:
        _hostile(session, decision, row_id, now)
    if results[0].language and decision.sender and decision.sender.proved and decision.contact:
        languages.note(session, decision.contact, results[0].language)
    if decision.is_person:
        waiting_letters.release(session, decision.contact, now)
    if decision.confirms and isinstance(mail, Message) and isinstance(mail.sender, Mailbox):
        change_request.verify(session, mail.sender.address.key, decision.confirms, row_id, now)
    claims.settle(session, decision, row_id, now)
    if decision.joins:
        change_request.join(session, decision.joins, decision.contact, row_id, now)
    if decision.unsubscribes:
        wish = (decision.unsubscribes, decision.unsubscribes, now, decision.must)
        preferences.unsubscribe(session, *wish)
    return Recorded(row_id, decision.action, decision.rule, folder, number, put)


def put_result(
    session: Session, entry: Entry, result: Result, now: datetime, stamp: RecordMetadata
) -> int:
    """Writes the case, its history, files and letters; returns how many letters."""
    decision, change, row_id = result.decision, result.decision.change, entry.row
    number = change.number if change else ""
    why = {"rule": decision.rule, "reasons": list(decision.reasons), "action": decision.action}
    events = [_event(now, "decided", number, row_id, "intake", why)]
    if change is not None:
        write.apply(session, change, entry.arrival, row_id, now, stamp.personal_fields)
        detail = {"missing": list(change.asked)} if change.asked else {}
        before = decision.case.status if decision.case else ""
        closes = change.status == CaseStatus.CLOSED != before
        kind = "closed" if closes else EVENT[decision.action]
        events.append(_event(now, kind, number, row_id, decision.contact, detail))
        _pending(session, change, decision, result.letters, now)
    session.execute(insert(EventRow), events)
    if isinstance(entry.mail, Message):
        _attachments(session, entry.mail, decision, row_id, number)
        if change is not None and decision.work is None:
            acts.by_contact(session, number, entry.mail, decision, row_id, now)
    if decision.work is not None:
        acts.by_staff(session, decision.work, result.next_number, row_id, now)
    if decision.submission is not None and change is not None:
        _unknown_labels(session, decision.submission, now)
    if stamp.case_events and (told := case_events.kind_of(decision)):
        case_events.emit(session, number, told, now)
    if decision.held_back:
        _held_back(session, decision, row_id, now)
    return sum(put_letter(session, letter, row_id, now) for letter in result.letters)


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
    session.execute(insert(EventRow), [_event(now, "forged", "", row, "intake", detail)])


def _held_back(session: Session, decision: Decision, row: int, now: datetime) -> None:
    """Records a letter that a rate limit put off, so that the operator is informed."""
    why = "; ".join(one.later.why for one in decision.letters if one.later)
    detail = {"why": why, "contact": decision.contact}
    session.execute(insert(EventRow), [_event(now, "rate-limited", "", row, "intake", detail)])


def _values(
    arrival: Arrival,
    mail: Message | Refusal,
    decision: Decision,
    now: datetime,
    stamp: RecordMetadata,
) -> dict[str, object]:
    return {
        "mailbox": arrival.mailbox,
        "uidvalidity": arrival.uidvalidity,
        "uid": arrival.uid,
        "digest": arrival.digest,
        "body_digest": mail.body_digest if isinstance(mail, Message) else "",
        "size": arrival.size,
        "received_at": arrival.received_at,
        "recorded_at": now,
        "status": STATUS[decision.action],
        "settled": False,
        "action": decision.action,
        "rule": decision.rule,
        "reasons": [clean(reason)[:500] for reason in decision.reasons],
        "level": decision.level,
        "evidence": evidence.evidence(mail, decision),
        "sender": clean(_sender(mail))[:320],
        "subject": clean(mail.subject)[:MAX_SUBJECT],
        "message_id_hash": message_id_hash(mail.message_id),
        "message_id": clean(mail.message_id)[:MAX_HEADER],
        "dated": mail.date if isinstance(mail, Message) else None,
        "signature_hash": next(iter(signature_hashes(mail)), "")
        if isinstance(mail, Message)
        else "",
        "sketch": decision.sketch,
        "contact_id": decision.contact,
        "account_id": decision.account,
        "submission": _submission(decision.submission, stamp.personal_fields),
        "policy_hash": stamp.policy_hash,
        "version": stamp.version,
        "failure": "",
    }


def _sender(mail: Message | Refusal) -> str:
    if isinstance(mail, Refusal):
        return mail.sender_text
    if isinstance(mail.sender, Mailbox):
        return mail.sender.address.key
    return next(iter(mail.all("from")), "")


def _submission(submission: Submission | None, personal: frozenset[str]) -> dict[str, object]:
    """What was read, without the values of personal fields."""
    if submission is None:
        return {}
    shown = {
        name: {
            "value": clean_all(one.value),
            "words": clean(one.words)[:500],
            "source": one.source,
        }
        for name, one in submission.fields.items()
        if name not in personal
    }
    return {
        "type": submission.type,
        "priority": submission.priority,
        "account": submission.account,
        "fields": shown,
        "withheld": sorted(set(submission.fields) & personal),
        "missing": list(submission.missing),
        "problems": [
            {"field": one.field, "code": one.code}
            if one.field in personal
            else {key: clean_all(value) for key, value in asdict(one).items() if key != "choices"}
            for one in submission.problems
        ],
        "warnings": [[one.code, clean(one.detail)[:300]] for one in submission.warnings[:50]],
    }


def _write_row(session: Session, arrival: Arrival, values: Mapping[str, object], row: int) -> int:
    """A new row, or the unfinished one of the same mail in the same place.

    A row with an outcome is never overwritten: StoreError reports that another worker was first.
    """
    found = row or _existing(session, arrival)
    if not found:
        made = session.execute(
            insert(MessageRow).values(attempts=0, **values).returning(stored_id(MessageRow.id))
        )
        return int(made.scalar_one())
    done = session.execute(
        update(MessageRow)
        .where(col(MessageRow.id) == found, col(MessageRow.status).in_(undecided()))
        .values(**values)
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


def _event(
    now: datetime, kind: str, case: str, message: int, who: str, detail: Mapping[str, object]
) -> dict[str, object]:
    """A row of the history."""
    return {
        "at": now, "kind": kind, "case_number": case, "message_id": message, "who": who,
        "detail": dict(detail),
    }  # fmt: skip


def _pending(
    session: Session,
    change: CaseChange,
    decision: Decision,
    letters: Sequence[Letter],
    now: datetime,
) -> None:
    """Ends the answered request, and stores the new one with its letter."""
    if not change.new and not change.keeps_request:
        over = change.status in CASE_OVER
        ended = RequestState.SUPERSEDED if over else RequestState.ANSWERED
        session.execute(
            update(PendingFormRow)
            .where(
                col(PendingFormRow.case_number) == change.number,
                col(PendingFormRow.state) == RequestState.OPEN,
            )
            .values(state=ended, answered_at=now)
        )
    if not change.asked:
        return
    letter = next((one for one in letters if one.kind == "missing_fields"), None)
    session.execute(
        insert(PendingFormRow).values(
            case_number=change.number,
            contact_id=letter.contact if letter else decision.contact,
            asked=list(change.asked),
            message_id_header=letter.message_id if letter else "",
            text=letter.text if letter else "",
            round=change.round,
            asked_at=now,
            state=RequestState.OPEN,
        )
    )


def _attachments(
    session: Session, mail: Message, decision: Decision, row: int, number: str
) -> None:
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
    otherwise = FileState.QUARANTINED if decision.quarantined else FileState.STORED
    rows = [
        {
            "message_id": row,
            "case_number": number,
            "name": clean(one.name),
            "declared_type": clean(one.declared_type)[:200],
            "detected_type": one.detected_type,
            "size": one.size,
            "sha256": one.sha256,
            "inline": one.inline,
            "part": one.part,
            "state": FileState.WITHHELD if one.part in decision.withheld else otherwise,
            "reason": decision.withheld.get(one.part, ""),
        }
        for one in mail.attachments
        if (one.part, number) not in there
    ]
    if rows:
        session.execute(insert(AttachmentRow), rows)


def _unknown_labels(session: Session, submission: Submission, now: datetime) -> None:
    """One more mail with each label that the catalogue does not know."""
    for label in submission.unknown:
        words = clean(label)[:60]
        values = {"label": words, "type": submission.type, "last_at": now}
        statement = upsert(session, UnknownLabelRow).values(
            key=" ".join(words.casefold().split()), times=1, **values
        )
        again = {**values, "times": col(UnknownLabelRow.times) + 1}
        session.execute(statement.on_conflict_do_update(index_elements=["key"], set_=again))
