"""The rows that a decided mail adds, as values; nothing here asks or changes the database.

The rows of a whole batch are gathered first and then inserted table by table. A row that names the
mail's own row gets ``message_id`` when that is known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from sqlmodel import SQLModel

from intake.authentication.sender import signature_hashes
from intake.letters.letter import Letter
from intake.mail.addresses import Mailbox
from intake.mail.message import Arrival, Message, Refusal
from intake.model.states import CASE_OVER, CaseStatus, FileState, MessageStatus, RequestState
from intake.parsers.conversation_text import said
from intake.parsers.submission import Submission
from intake.store import webhooks
from intake.store.cases import write
from intake.store.handover import conversation
from intake.store.messages import evidence
from intake.store.messages.twins import message_id_hash
from intake.store.outbox import letter_row
from intake.store.sql import clean, clean_all
from intake.store.tables.cases import (
    CaseFieldRow,
    CaseRow,
    CounterRow,
    PendingFormRow,
    UnknownLabelRow,
)
from intake.store.tables.contacts import AccountRow
from intake.store.tables.handover import ConversationRow, ParticipantRow
from intake.store.tables.incidents import HookEventRow
from intake.store.tables.messages import NOBODY, AttachmentRow
from intake.store.tables.outbox import EventRow, OutboxRow
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


@dataclass(slots=True)
class Rows:
    """New rows, by table, in the order in which they were added."""

    of: dict[type[SQLModel], list[dict[str, Any]]] = field(default_factory=dict)
    message_id: int = 0  # the row of the mail that all these rows came of

    def add(self, table: type[SQLModel], values: Mapping[str, Any]) -> None:
        """One more row."""
        self.of.setdefault(table, []).append(dict(values))

    def event(
        self, now: datetime, kind: str, case: str, who: str, detail: Mapping[str, object]
    ) -> None:
        """One more line of the history."""
        self.add(
            EventRow,
            {"at": now, "kind": kind, "case_number": case, "who": who, "detail": dict(detail)},
        )

    def name(self, message_id: int) -> None:
        """Fills in the row of the mail."""
        self.message_id = message_id
        for table, rows in self.of.items():
            if table in OF_A_MAIL:
                for one in rows:
                    one["message_id"] = message_id


OF_A_MAIL = (CaseRow, CaseFieldRow, AttachmentRow, ConversationRow, EventRow, OutboxRow)


def message_row(
    entry: Entry, decision: Decision, now: datetime, stamp: RecordMetadata
) -> dict[str, Any]:
    """The mail's own row."""
    arrival, mail = entry.arrival, entry.mail
    signed = signature_hashes(mail) if isinstance(mail, Message) else ()
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
        "signature_hash": next(iter(signed), ""),
        "sketch": decision.sketch,
        "contact_id": decision.contact,
        "account_id": decision.account,
        "submission": _submission(decision.submission, stamp.personal_fields),
        "policy_hash": stamp.policy_hash,
        "version": stamp.version,
        "failure": "",
        "case_number": number_of(decision),
        "folder": FOLDER.get(decision.action, "processed"),
    }


def number_of(decision: Decision) -> str:
    """The case that a mail belongs to; empty if there is none."""
    number = decision.change.number if decision.change else ""
    return number or (decision.work.number if decision.work else "")


def matter_rows(entry: Entry, result: Result, now: datetime) -> Rows:
    """What one matter of a mail adds: its case, history, files and letters.

    An existing case is changed elsewhere; the files of a mail that was held are too.
    """
    rows, decision, change = Rows(), result.decision, result.decision.change
    number = change.number if change else ""
    why = {"rule": decision.rule, "reasons": list(decision.reasons), "action": decision.action}
    rows.event(now, "decided", number, "intake", why)
    if change is not None:
        if change.new:
            _case(rows, change, decision, entry, now)
        detail = {"missing": list(change.asked)} if change.asked else {}
        before = decision.case.status if decision.case else ""
        closes = change.status == CaseStatus.CLOSED != before
        kind = "closed" if closes else EVENT[decision.action]
        rows.event(now, kind, number, decision.contact, detail)
        _request(rows, change, decision, result.letters, now)
    if isinstance(entry.mail, Message):
        if not entry.row:
            for values in files(entry.mail, decision, number):
                rows.add(AttachmentRow, values)
        if change is not None and decision.work is None:
            _said(rows, number, entry.mail, decision, now)
    if decision.submission is not None and change is not None:
        _unknown_labels(rows, decision.submission, now)
    if decision.held_back:
        why_later = "; ".join(one.later.why for one in decision.letters if one.later)
        detail_of = {"why": why_later, "contact": decision.contact}
        rows.event(now, "rate-limited", "", "intake", detail_of)
    for letter in result.letters:
        rows.add(OutboxRow, letter_row(letter, now))
    return rows


def _case(rows: Rows, change: CaseChange, decision: Decision, entry: Entry, now: datetime) -> None:
    count = int(change.number.rpartition("-")[2])
    rows.add(CounterRow, {"name": "case", "value": count})
    if change.account == NOBODY:
        rows.add(AccountRow, write.nobody_row(now))
    opened = write.case_row(change, entry.arrival, now)
    rows.add(CaseRow, opened | {"waits_since": now if waits_since(decision) else None})
    if change.incident:
        payload = webhooks.linked_payload(change.incident, change.number, change.account)
        rows.add(HookEventRow, webhooks.event_row("case.linked", payload, now))
    for values in write.new_fields(change):
        rows.add(CaseFieldRow, values)
    if change.comment:
        comment = {"text": clean(change.comment)[: write.MAX_COMMENT]}
        rows.event(now, "comment", change.number, "", comment)


def waits_since(decision: Decision) -> bool:
    """Whether a contact waits for an answer from this mail on."""
    thanks = decision.submission is not None and decision.submission.thanks
    status = decision.change.status if decision.change is not None else CaseStatus.DRAFT
    staff = decision.work is not None
    return not staff and status != CaseStatus.DRAFT and status not in CASE_OVER and not thanks


def _said(rows: Rows, number: str, mail: Message, decision: Decision, now: datetime) -> None:
    """A contact's mail as a line of the conversation; colleagues in its Cc take part, too."""
    writer = decision.sender.contact if decision.sender else None
    text = said(mail)
    who, name = (writer.id, writer.name) if writer else ("", "")
    line = conversation.Line(conversation.CONTACT, who, name, text.own, text.quoted)
    rows.add(ConversationRow, conversation.line_row(number, line, now))
    for contact in decision.joined:
        rows.add(ParticipantRow, {"case_number": number, "contact_id": contact, "since": now})


def _request(
    rows: Rows, change: CaseChange, decision: Decision, letters: Sequence[Letter], now: datetime
) -> None:
    """The open request that a letter makes."""
    if not change.asked:
        return
    letter = next((one for one in letters if one.kind == "missing_fields"), None)
    rows.add(
        PendingFormRow,
        {
            "case_number": change.number,
            "contact_id": letter.contact if letter else decision.contact,
            "asked": list(change.asked),
            "message_id_header": letter.message_id if letter else "",
            "text": letter.text if letter else "",
            "round": change.round,
            "asked_at": now,
            "state": RequestState.OPEN,
        },
    )


def files(mail: Message, decision: Decision, number: str) -> list[dict[str, Any]]:
    """The files of a mail."""
    otherwise = FileState.QUARANTINED if decision.quarantined else FileState.STORED
    return [
        {
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
    ]


def _unknown_labels(rows: Rows, submission: Submission, now: datetime) -> None:
    """One more mail with each label that the catalogue does not know."""
    for label in submission.unknown:
        words = clean(label)[:60]
        key = " ".join(words.casefold().split())
        values = {"key": key, "label": words, "type": submission.type, "last_at": now, "times": 1}
        rows.add(UnknownLabelRow, values)


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
