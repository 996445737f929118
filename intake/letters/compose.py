"""Build a Letter from a decision and templates: a complete, checked RFC 5322 message.

Templates are a mapping of names to sources (``ack/body.txt``). An operator's own file replaces the
shipped one of the same name and may extend it as ``builtin/ack/body.txt``. The text of a mail is
only ever a value, never a template. The written message is parsed again before it is returned.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import quote

from intake.catalogue.catalogue import Catalogue
from intake.letters import outlook_thread, wording
from intake.letters.html_part import html_part
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
from intake.letters.locale import Locale, locale
from intake.letters.masking import masked
from intake.letters.questions import questions, understood
from intake.letters.text import one_line, tidy
from intake.mail import tokens
from intake.mail.encoder import Envelope, LetterError, encode
from intake.mail.message import Message
from intake.model.accounts import Account
from intake.model.cases import NO_CASES, CaseList
from intake.model.context import SaidLine
from intake.model.incidents import Incident
from intake.model.states import CASE_OVER, CaseStatus
from intake.parsers import body_lines
from intake.parsers.submission import CASE_TYPE, Submission
from intake.triage.decision import Decision, LetterOrder

__all__ = ["Answered", "Letter", "LetterContext", "LetterError", "Templates", "blank_form", "write"]


MAX_ASKED_CHARS = 20_000  # of a mail, in which a question is looked for
REPEATING = ("ack", "appended")  # kinds that repeat the values that were read


@dataclass(frozen=True, slots=True)
class Answered:
    """The mail that a letter answers, and other data that the letter may mention."""

    mail: Message
    accounts: Sequence[Account]
    listed: CaseList = NO_CASES  # the cases that a letter of the kind "cases" shows
    incidents: Sequence[Incident] = ()  # the open ones
    also_named: Sequence[str] = ()  # other cases that the subject names
    language: str = ""  # ISO 639 code of the letter; empty: the service's own
    said: Sequence[SaidLine] = ()  # in the one case that is listed


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
    said = locale(letter_context, answered.language)
    values = _values(order, decision, answered, letter_context, said)
    if order.kind in ("form", "cases"):
        values |= _asked(decision, said, answered, letter_context.timezone)
    templates = letter_context.templates
    subject = masked(templates.fill(f"{order.kind}/subject.txt", values, said.code))
    text = masked(tidy(templates.fill(f"{order.kind}/body.txt", values, said.code)))
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
        html=_html(text, said),
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
    said: Locale,
) -> dict[str, object]:
    mail, accounts, incidents = answered.mail, answered.accounts, answered.incidents
    submission, change = decision.submission, decision.change
    number = change.number if change else ""
    values: dict[str, object] = {
        "service": letter_context.service,
        "name": one_line(order.contact.name, 100),
        "number": number,
        "tag": tokens.subject_tag(letter_context.secrets, number) if number else "",
        "subject": _thread_subject(mail) or said.say("your-mail"),
        "reason": order.reason,
        "size": wording.megabytes(mail.unread_bytes),
        "limit": wording.megabytes(letter_context.max_mail_bytes),
        "reopen_days": letter_context.reopen_days,
        "also_named": answered.also_named,
        "stopped": wording.class_lines(decision.kept, said, stopped=True),
        "kept": wording.class_lines(decision.kept, said, stopped=False),
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
        "incident": incident_lines(incidents, change.incident, letter_context, said),
        "maintenance": is_maintenance(incidents, change.incident),
        "reopened": before in CASE_OVER and change.status == CaseStatus.OPEN,
        "handed": submission.department in letter_context.handed_over,
        "department": _department(letter_context, said, submission.department),
        "billable": submission.billable,
        "completed": decision.action == "complete",
        "asks_back": decision.case is not None and _asks(mail, letter_context.catalogue),
        "opened": change.status == CaseStatus.OPEN,
        "repeated": change.round > 1,
        "flagged": bool(change.flag),
        "understood": understood(submission, said),
        "other_matter": wording.type_label(submission.other_matter, said),
        "guessed": CASE_TYPE in submission.missing,
        "read": wording.read_lines(
            submission, said, accounts, repeat, brief=order.kind == "missing_fields"
        ),
        "changes": [] if silent else wording.problem_lines(submission, said),
        "corrected": [] if silent else wording.corrected_lines(submission, said),
        "notices": wording.notice_lines(submission, said),
        "attachments": []
        if silent
        else wording.attachment_lines(mail, said, submission.read_from, decision.withheld),
        "questions": questions(submission, said, submission.missing),
        "optional": questions(submission, said, submission.recommended),
    }


def _department(context: LetterContext, said: Locale, key: str) -> str:
    """Return the name of the department as people use it; the operator's own counts first."""
    label = context.departments.get(key) or said.catalogue.departments.get(key, "")
    return label or context.service


def _asked(
    decision: Decision, said: Locale, answered: Answered, timezone: str
) -> dict[str, object]:
    """What a letter says that answers a question to the service itself."""
    wish = decision.submission.wish if decision.submission else None
    listed = answered.listed
    several = len({one.account_id for one in listed.cases}) > 1
    names = {one.id: one.name for one in answered.accounts} if several else {}
    shown: dict[str, object] = {
        "wanted": one_line(wish.number, 30) if wish else "",
        "state": wish.state if wish else "",
        "cases": [wording.case_lines(one, said, timezone, names) for one in listed.cases],
        "more": listed.more,
        "said": wording.conversation_lines(answered.said, said, timezone),
        "type": "",
        "types": wording.type_lines(said),
    }
    if wish is None or wish.type not in said.catalogue.types:
        return shown
    return shown | _form_values(said, wish.type)


def _asks(mail: Message, catalogue: Catalogue) -> bool:
    """Return whether the writer's own new words, without our letter, hold a question."""
    lines = body_lines.split((mail.plain or mail.html.text)[:MAX_ASKED_CHARS])
    told = body_lines.own(body_lines.without_form(lines, catalogue))
    words = " ".join(line.text.strip() for line in told if not line.depth)
    return re.search(r"\w\s?\?(?:\s|$)", words) is not None


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
    said = locale(letter_context, request.language)
    cause = f"reminder:{message_id}"
    text = tidy(letter_context.templates.fill("reminder/body.txt", values, said.code))
    envelope = Envelope(
        sender_name=letter_context.service,
        sender=letter_context.address,
        recipient=request.recipient,
        subject=one_line(
            letter_context.templates.fill("reminder/subject.txt", values, said.code),
            MAX_SUBJECT_CHARS + 40,
        ),
        text=text,
        html=_html(text, said),
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
    said = locale(letter_context, person.language)
    if occasion.incident is not None:
        known = occasion.incident
        whole["incident"] = incident_lines((known,), known.id, letter_context, said)
        whole["maintenance"] = is_maintenance((known,), known.id)
    if thread is not None:
        number, last_id = thread.case_number, thread.last_id
        tag = tokens.subject_tag(letter_context.secrets, number)
        subject = masked(_without_re(tokens.strip_tags(thread.subject)))
        whole |= {"number": number, "tag": tag, "subject": subject}
        if letter_context.reply_to_case:
            reply_to = tokens.reply_address(letter_context.secrets, number, letter_context.address)
    subject = letter_context.templates.fill(f"{kind}/subject.txt", whole, said.code)
    text = tidy(letter_context.templates.fill(f"{kind}/body.txt", whole, said.code))
    envelope = Envelope(
        sender_name=letter_context.service,
        sender=letter_context.address,
        recipient=person.address,
        subject=one_line(subject, MAX_SUBJECT_CHARS + 40),
        text=text,
        html=_html(text, said, as_written=occasion.as_written) if person.contact_id else "",
        message_id=tokens.message_id(
            letter_context.secrets, kind.replace("_", "-"), number, cause, letter_context.domain
        ),
        date=now,
        reply_to=reply_to,
        in_reply_to=last_id,
        references=(last_id,) if last_id else (),
        auto_submitted="auto-generated",
    )
    letter = _posted(kind, cause, envelope, person.contact_id, number)
    return replace(letter, files=occasion.files) if occasion.files else letter


def _html(text: str, said: Locale, *, as_written: bool = False) -> str:
    labels = {one.label for one in said.catalogue.fields.values()}
    return html_part(text, labels | {said.say("type")}, said.code, as_written=as_written)


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
    return _without_re(tokens.strip_tags(mail.subject))


def _without_re(subject: str) -> str:
    while subject[:3].lower() == "re:":
        subject = subject[3:].lstrip()
    return one_line(subject, MAX_SUBJECT_CHARS)


def blank_form(letter_context: LetterContext, type_name: str, language: str = "") -> str:
    """Return the empty form of a case type as text; KeyError when there is no such type."""
    said = locale(letter_context, language)
    values = _form_values(said, type_name)
    return tidy(letter_context.templates.fill("blank_form/body.txt", values, said.code))


def _form_values(said: Locale, type_name: str) -> dict[str, object]:
    case_type = said.catalogue.types[type_name]
    empty = Submission(type_name, "", "", "", "", False, "", "", "", {}, (), (), (), ())
    required = [name for name in case_type.fields if name in case_type.required]
    rest = [name for name in case_type.fields if name not in case_type.required]
    return {
        "intro": said.form("intro"),
        "divider": said.form("divider")[0],
        "type": case_type.label,
        "type_field": said.say("type"),
        "charge": said.form("billable" if case_type.billable else "included"),
        "required": questions(empty, said, required, numbered=False),
        "optional": questions(empty, said, rest, numbered=False),
    }
