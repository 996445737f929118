"""Build a Letter from a decision and templates: a complete, checked RFC 5322 message.

Templates are a mapping of names to sources (``ack/body.txt``). An operator's own file replaces the
shipped one of the same name and may extend it as ``builtin/ack/body.txt``. The text of a mail is
only ever a value, never a template. The written message is parsed again before it is returned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import quote

from intake.catalogue.catalogue import Catalogue
from intake.catalogue.labels import FORM_BILLABLE, FORM_DIVIDER, FORM_INCLUDED, FORM_INTRO
from intake.letters import outlook_thread, wording
from intake.letters.incident_summary import incident_lines, is_maintenance
from intake.letters.letter import (
    MAX_REFERENCES,
    MAX_SUBJECT_CHARS,
    Letter,
    LetterContext,
    Occasion,
    Reached,
    Reminded,
    Templates,
)
from intake.letters.masking import masked
from intake.letters.text import one_line, tidy
from intake.mail import tokens
from intake.mail.encoder import Envelope, LetterError, encode
from intake.mail.message import Message
from intake.model.accounts import Account
from intake.model.cases import NO_CASES, CaseList
from intake.model.incidents import Incident
from intake.model.states import CASE_OVER, CaseStatus
from intake.parsers.submission import CASE_TYPE, Submission
from intake.triage.decision import Decision, LetterOrder

__all__ = ["Answered", "Letter", "LetterContext", "LetterError", "Templates", "blank_form", "write"]


REPEATING = ("ack", "appended")  # kinds that repeat the values that were read


@dataclass(frozen=True, slots=True)
class Answered:
    """The mail that a letter answers, and other data that the letter may mention."""

    mail: Message
    accounts: Sequence[Account]
    listed: CaseList = NO_CASES  # the cases that a letter of the kind "cases" shows
    incidents: Sequence[Incident] = ()  # the open ones
    also_named: Sequence[str] = ()  # other cases that the subject names


def write(
    decision: Decision, answered: Answered, letter_context: LetterContext, now: datetime
) -> tuple[Letter, ...]:
    """Return every letter that the decision wants, complete and checked. Raises LetterError."""
    return tuple(
        _letter(order, decision, answered, letter_context, now) for order in decision.letters
    )


def _letter(
    order: LetterOrder,
    decision: Decision,
    answered: Answered,
    letter_context: LetterContext,
    now: datetime,
) -> Letter:
    mail = answered.mail
    number = decision.change.number if decision.change else ""
    values = _values(order, decision, answered, letter_context)
    if order.kind in ("form", "cases"):
        values |= _asked(decision, letter_context, answered.listed, answered.accounts)
    subject = masked(letter_context.templates.fill(f"{order.kind}/subject.txt", values))
    text = masked(tidy(letter_context.templates.fill(f"{order.kind}/body.txt", values)))
    cause = f"{order.kind}:{mail.digest}"
    message_id = tokens.message_id(
        letter_context.secrets, order.kind.replace("_", "-"), number, cause, letter_context.domain
    )
    envelope = Envelope(
        sender_name=letter_context.service,
        sender=letter_context.address,
        recipient=order.address,
        subject=one_line(subject, MAX_SUBJECT_CHARS + 40),
        text=text,
        message_id=message_id,
        date=now,
        reply_to=tokens.reply_address(letter_context.secrets, number, letter_context.address)
        if number and letter_context.reply_to_case
        else "",
        in_reply_to=mail.message_id,
        references=_references(mail),
        extra=outlook_thread.fields(mail, cause, now),
    )
    letter = _posted(order.kind, cause, envelope, order.contact.id, number)
    if order.later is None:
        return letter
    return replace(letter, due_at=order.later.until, put_off=order.later.why)


def _values(
    order: LetterOrder,
    decision: Decision,
    answered: Answered,
    letter_context: LetterContext,
) -> dict[str, object]:
    mail, accounts, incidents = answered.mail, answered.accounts, answered.incidents
    submission, change = decision.submission, decision.change
    number = change.number if change else ""
    values: dict[str, object] = {
        "service": letter_context.service,
        "name": one_line(order.contact.name, 100),
        "number": number,
        "tag": tokens.subject_tag(letter_context.secrets, number) if number else "",
        "subject": _thread_subject(mail),
        "reason": order.reason,
        "size": wording.megabytes(mail.unread_bytes),
        "limit": wording.megabytes(letter_context.max_mail_bytes),
        "reopen_days": letter_context.reopen_days,
        "also_named": answered.also_named,
        "stopped": wording.class_lines(decision.kept, stopped=True),
        "kept": wording.class_lines(decision.kept, stopped=False),
    }
    if submission is None or change is None:
        return values
    before = decision.case.status if decision.case else ""
    repeat = letter_context.repeat if order.kind in REPEATING else "all"
    silent = repeat == "none"
    return values | {
        "link": f"mailto:{letter_context.address}?subject={quote(str(values['tag']))}",
        "follows": change.follows,
        "matters": decision.matters,
        "incident": incident_lines(
            incidents, change.incident, letter_context.timezone, letter_context.page_url
        ),
        "maintenance": is_maintenance(incidents, change.incident),
        "reopened": before in CASE_OVER and change.status == CaseStatus.OPEN,
        "department": letter_context.department(submission.department),
        "billable": submission.billable,
        "completed": decision.action == "complete",
        "opened": change.status == CaseStatus.OPEN,
        "repeated": change.round > 1,
        "flagged": bool(change.flag),
        "understood": wording.understood(submission, letter_context.catalogue),
        "other_matter": wording.type_label(submission.other_matter, letter_context.catalogue),
        "guessed": CASE_TYPE in submission.missing,
        "read": wording.read_lines(submission, letter_context.catalogue, accounts, repeat),
        "changes": [] if silent else wording.problem_lines(submission, letter_context.catalogue),
        "corrected": []
        if silent
        else wording.corrected_lines(submission, letter_context.catalogue),
        "notices": wording.notice_lines(submission, letter_context.catalogue),
        "attachments": []
        if silent
        else wording.attachment_lines(mail, submission.read_from, decision.withheld),
        "questions": wording.questions(submission, letter_context.catalogue, submission.missing),
        "optional": wording.questions(submission, letter_context.catalogue, submission.recommended),
    }


def _asked(
    decision: Decision, letter_context: LetterContext, listed: CaseList, accounts: Sequence[Account]
) -> dict[str, object]:
    """What a letter says that answers a question to the service itself."""
    wish = decision.submission.wish if decision.submission else None
    several = len({one.account_id for one in listed.cases}) > 1
    names = {one.id: one.name for one in accounts} if several else {}
    shown: dict[str, object] = {
        "wanted": one_line(wish.number, 30) if wish else "",
        "state": wish.state if wish else "",
        "cases": [
            wording.case_lines(one, letter_context.catalogue, letter_context.timezone, names)
            for one in listed.cases
        ],
        "more": listed.more,
        "type": "",
        "types": wording.type_lines(letter_context.catalogue),
    }
    if wish is None or wish.type not in letter_context.catalogue.types:
        return shown
    return shown | _form_values(letter_context.catalogue, wish.type)


def reminder(
    letter_context: LetterContext, request: Reminded, message_id: str, now: datetime
) -> Letter:
    """Send the request once more with a line above it; answers count as answers to the request."""
    values = {
        "service": letter_context.service,
        "name": one_line(request.contact_name, 100),
        "number": request.case_number,
        "subject": request.subject,
        "text": request.text.rstrip("\n"),
    }
    cause = f"reminder:{message_id}"
    envelope = Envelope(
        sender_name=letter_context.service,
        sender=letter_context.address,
        recipient=request.recipient,
        subject=one_line(
            letter_context.templates.fill("reminder/subject.txt", values), MAX_SUBJECT_CHARS + 40
        ),
        text=tidy(letter_context.templates.fill("reminder/body.txt", values)),
        message_id=tokens.message_id(
            letter_context.secrets, "reminder", request.case_number, cause, letter_context.domain
        ),
        date=now,
        in_reply_to=message_id,
        references=(message_id,),
    )
    return _posted("reminder", cause, envelope, request.contact_id, request.case_number)


def to_person(
    letter_context: LetterContext, person: Reached, occasion: Occasion, now: datetime
) -> Letter:
    """Return a letter that answers no mail. Raises LetterError."""
    kind, cause, thread = occasion.kind, f"{occasion.kind}:{occasion.cause}", occasion.thread
    whole: dict[str, object] = {
        "service": letter_context.service, "name": one_line(person.name, 100), **occasion.values,
    }  # fmt: skip
    number, last_id, reply_to = "", "", ""
    if thread is not None:
        number, last_id = thread.case_number, thread.last_id
        tag = tokens.subject_tag(letter_context.secrets, number)
        subject = masked(_without_re(tokens.strip_tags(thread.subject)))
        whole |= {"number": number, "tag": tag, "subject": subject}
        if letter_context.reply_to_case:
            reply_to = tokens.reply_address(letter_context.secrets, number, letter_context.address)
    subject = letter_context.templates.fill(f"{kind}/subject.txt", whole)
    envelope = Envelope(
        sender_name=letter_context.service,
        sender=letter_context.address,
        recipient=person.address,
        subject=one_line(subject, MAX_SUBJECT_CHARS + 40),
        text=tidy(letter_context.templates.fill(f"{kind}/body.txt", whole)),
        message_id=tokens.message_id(
            letter_context.secrets, kind, number, cause, letter_context.domain
        ),
        date=now,
        reply_to=reply_to,
        in_reply_to=last_id,
        references=(last_id,) if last_id else (),
        auto_submitted="auto-generated",
    )
    return _posted(kind, cause, envelope, person.contact_id, number)


def _posted(kind: str, cause: str, envelope: Envelope, contact: str, number: str) -> Letter:
    return Letter(
        kind=kind,
        cause=cause,
        message_id=envelope.message_id,
        recipient=envelope.recipient,
        subject=envelope.subject,
        text=envelope.text,
        raw=encode(envelope),
        contact=contact,
        case_number=number,
    )


def _references(mail: Message) -> tuple[str, ...]:
    """Return the whole thread, as RFC 5322 §3.6.4 has it: the first and the last ones of many."""
    ids = (*mail.references, mail.message_id)
    return ids if len(ids) <= MAX_REFERENCES else (ids[0], *ids[1 - MAX_REFERENCES :])


def _thread_subject(mail: Message) -> str:
    """Return the person's own subject without our tag or any Re:, cut to a sensible length."""
    return _without_re(tokens.strip_tags(mail.subject)) or "your mail"


def _without_re(subject: str) -> str:
    while subject[:3].lower() == "re:":
        subject = subject[3:].lstrip()
    return one_line(subject, MAX_SUBJECT_CHARS)


def blank_form(catalogue: Catalogue, type_name: str, templates: Templates) -> str:
    """Return the empty form of a case type as text; KeyError when there is no such type."""
    return tidy(templates.fill("blank_form/body.txt", _form_values(catalogue, type_name)))


def _form_values(catalogue: Catalogue, type_name: str) -> dict[str, object]:
    case_type = catalogue.types[type_name]
    empty = Submission(type_name, "", "", "", "", False, "", "", "", {}, (), (), (), ())
    required = [name for name in case_type.fields if name in case_type.required]
    rest = [name for name in case_type.fields if name not in case_type.required]
    return {
        "intro": FORM_INTRO,
        "divider": FORM_DIVIDER,
        "type": case_type.label,
        "charge": FORM_BILLABLE if case_type.billable else FORM_INCLUDED,
        "required": wording.questions(empty, catalogue, required, numbered=False),
        "optional": wording.questions(empty, catalogue, rest, numbered=False),
    }
