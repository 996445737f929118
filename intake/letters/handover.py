"""Letters to departments about a case, and the words of staff on their way to the contacts.

What goes to a department holds everything; what goes to a contact holds the words that were written
for them, the name and the department of who wrote them, and nothing else of the staff mail.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from intake.letters import wording
from intake.letters.handover_files import as_a_file, file_lines, mail_files, split
from intake.letters.incident_summary import incident_lines
from intake.letters.letter import Letter, LetterContext
from intake.letters.locale import Locale, locale
from intake.letters.masking import masked
from intake.letters.text import one_line, tidy, wrap
from intake.mail import tokens
from intake.mail.encoder import Envelope, encode
from intake.mail.message import Message
from intake.model.accounts import Contact
from intake.model.cases import StoredField
from intake.model.context import FileRef, Known, LastLetter
from intake.model.departments import Department, Departments
from intake.model.staff import Staff
from intake.model.states import CASE_OVER, CaseStatus
from intake.parsers.conversation_text import Said, said
from intake.parsers.submission import FieldValue
from intake.triage.decision import Decision

MAX_SUBJECT = 200
MAX_LINES = 600  # of a mail that is repeated
MAX_LINE = 300
HEADLINES = {
    "create": "A new case for {department}.",
    "complete": "A new case for {department}: {writer} has answered what was missing.",
    "append": "{writer} has written again.",
    "ask": "A new case for {department}; some answers are still to come.",
}


@dataclass(frozen=True, slots=True)
class Handover:
    """What the letters to departments depend on apart from the mail."""

    departments: Departments
    letters: LetterContext
    attach_bytes: int
    quarantined: bool = False  # files wait for the virus scanner


@dataclass(frozen=True, slots=True)
class CaseNow:
    """A case as it is after the change, as a letter to a department shows it."""

    number: str
    type: str
    priority: str
    department: str
    account: str
    contact: Contact | None
    writer: str
    subject: str
    fields: Mapping[str, FieldValue | StoredField]
    incident: str = ""
    missing: tuple[str, ...] = ()
    owner: str = ""
    joined: tuple[str, ...] = ()  # contacts who take part from now on


def to_department(
    decision: Decision, known: Known, mail: Message, setup: Handover, now: datetime
) -> tuple[Letter, ...]:
    """Return the letters about a contact's mail; none for a draft. Raises LetterError."""
    change = decision.change
    if change is None or decision.work is not None or change.status == CaseStatus.DRAFT:
        return ()
    if (
        decision.submission is not None
        and decision.submission.thanks
        and change.status in CASE_OVER
    ):
        return ()  # thanks for a closed case ask nobody for anything
    case = case_now(decision, known)
    place = setup.departments.get(case.department)
    if place is None or not (place.by_letter or place.desk):
        return ()
    text = said(mail)
    was = known.case.status if known.case else ""
    before = known.case.description if known.case and was == CaseStatus.DRAFT else ""
    whole = decision.action != "append" or was in CASE_OVER or was == CaseStatus.DRAFT
    files = _files(decision, mail, known if whole else None, setup)
    headline = HEADLINES.get(decision.action, HEADLINES["append"])
    if change.status == CaseStatus.CLOSED != was:
        headline = "{writer} has closed the case."
    elif was in CASE_OVER and change.status == CaseStatus.OPEN:
        headline = "{writer} has written again; the case is open again."
    headline = headline.format(department=place.name, writer=case.writer)
    values = case_values(case, known, setup, whole=whole) | {
        "headline": headline,
        "writer": case.writer,
        "words": lines(text.own),
        "before": lines(before),
        "quoted": lines(text.quoted) if decision.action != "append" else [],
        "changed": []
        if decision.submission is None or whole
        else wording.corrected_lines(decision.submission, locale(setup.letters, "en")),
    }
    letter = Written(setup, case, values, f"{mail.digest}", now)
    made = letter.to_all(place, known.colleagues_of_staff, files)
    if before:  # what the draft began with; nobody has told it to the desk yet
        text = replace(text, own=f"{text.own.rstrip()}\n\n{before}")
    return made + _to_desk(place, letter, text, files, known.desk_mails.get(place.desk.lower()))


@dataclass(frozen=True, slots=True)
class Written:
    """One letter to several people of a department."""

    setup: Handover
    case: CaseNow
    values: Mapping[str, object]
    cause: str
    now: datetime
    kind: str = "handover"

    def to_all(
        self, place: Department, staff: Sequence[Staff], files: Sequence[FileRef] = ()
    ) -> tuple[Letter, ...]:
        """Return a letter to the owner, else to the group, else to each member."""
        return tuple(self.to(one, files) for one in addresses(place, self.case.owner, staff))

    def to(self, address: str, files: Sequence[FileRef] = ()) -> Letter:
        """Return the letter to one address."""
        attached, _ = split(files, self.setup.attach_bytes)
        context, number = self.setup.letters, self.case.number
        templates = context.templates
        whole = {**self.values, "files": file_lines(files, self.setup.attach_bytes, context)}
        cause = f"{self.kind}:{number}:{self.cause}:{address}"
        tag = tokens.subject_tag(context.secrets, number) if number else ""
        whole |= {"service": context.service, "number": number, "tag": tag}
        envelope = Envelope(
            sender_name=context.service,
            sender=context.address,
            recipient=address,
            subject=one_line(
                masked(templates.fill(f"{self.kind}/subject.txt", whole)), MAX_SUBJECT
            ),
            text=tidy(templates.fill(f"{self.kind}/body.txt", whole)),
            message_id=tokens.message_id(
                context.secrets, self.kind.replace("_", "-"), number, cause, context.domain
            ),
            date=self.now,
            references=(thread_id(context, number),) if number else (),
            auto_submitted="auto-generated",
        )
        return Letter(
            kind=self.kind, cause=cause, message_id=envelope.message_id, recipient=address,
            subject=envelope.subject, text=envelope.text, raw=encode(envelope), case_number=number,
            files=attached,
        )  # fmt: skip


def hand_over(
    case: CaseNow, headline: str, words: str, known: Known, like: Written
) -> tuple[Letter, ...]:
    """Return the letters with the whole case for who has it now, and for its desk."""
    place = like.setup.departments.get(case.department)
    if place is None:
        return ()
    values = case_values(case, known, like.setup, whole=True)
    values |= {"headline": headline, "words": lines(words), "writer": case.writer}
    letter = replace(like, case=case, values=values, cause=f"{like.cause}:{case.number}")
    made = letter.to_all(place, known.colleagues_of_staff, known.files)
    return made + _to_desk(
        place, letter, Said(words, ""), known.files, known.desk_mails.get(place.desk.lower())
    )


def thread_id(context: LetterContext, number: str) -> str:
    """Return the Message-ID that all letters about a case to its department refer to."""
    return tokens.message_id(context.secrets, "thread", number, "department", context.domain)


def addresses(place: Department, owner: str, staff: Sequence[Staff]) -> tuple[str, ...]:
    """Return where a letter goes: to the owner of the case, else to the department."""
    theirs = [one for one in staff if one.id == owner and one.active and one.emails]
    if owner and theirs:
        return (theirs[0].emails[0],)
    if place.address:
        return (place.address,)
    members = [one for one in staff if one.id in place.members and one.active and one.emails]
    return tuple(one.emails[0] for one in members)


def case_now(decision: Decision, known: Known) -> CaseNow:
    """Return the case after the change: what is not changed stays as it was."""
    change, case, found = decision.change, known.case, decision.submission
    assert change is not None
    case = case if case is not None and case.number == change.number else None
    fields: dict[str, FieldValue | StoredField] = {**(case.fields if case else {})}
    fields |= change.fields
    people = {one.id: one for one in (*known.colleagues, *known.contacts, *known.participants)}
    contact = change.contact or (case.contact_id if case else "")
    account = change.account or (case.account_id if case else "")
    writer = decision.sender.contact if decision.sender else None
    return CaseNow(
        number=change.number,
        type=change.type or (case.type if case else ""),
        priority=change.priority or (case.priority if case else ""),
        department=change.department or (case.department if case else ""),
        account=_account_name(account, known),
        contact=people.get(contact),
        writer=writer.name if writer else "",
        subject=change.subject or (case.subject if case else ""),
        fields=fields,
        incident=change.incident or (case.incident if case else ""),
        missing=change.asked or (found.missing if found and change.asked else ()),
        owner=change.owner if change.owner is not None else (case.owner if case else ""),
        joined=decision.joined,
    )


def _account_name(account: str, known: Known) -> str:
    names = {one.id: one.name for one in known.accounts}
    return names.get(account) or known.account_name or account


def case_values(case: CaseNow, known: Known, setup: Handover, *, whole: bool) -> dict[str, object]:
    """Return what a letter to a department says about the case itself."""
    english = locale(setup.letters, "en")
    kind = english.catalogue.types.get(case.type)
    label = kind.label if kind else "no type yet"
    fields = english.catalogue.fields
    contact = case.contact
    incidents = (*known.incidents, *((known.replied,) if known.replied else ()))
    facts = wrap("Case", f"{case.number}, {case.priority}, {label}")
    facts += wrap("Account", case.account) if case.account else []
    facts += wrap("Contact", _who(contact)) if contact else []
    if contact and case.writer and case.writer != contact.name:
        facts += wrap("Written by", case.writer)
    taking_part = {one.id: one.name for one in known.participants}
    taking_part |= {one.id: one.name for one in known.colleagues if one.id in case.joined}
    if taking_part:
        facts += wrap("Takes part", ", ".join(taking_part.values()))
    began = case.fields.get("issue_began")
    facts += wrap("Since", _shown(began, english)) if began else []
    return {
        "priority": case.priority,
        "type": label,
        "account": one_line(case.account, 60),
        "title": one_line(case.subject, 120),
        "contact": contact.name if contact else "the contact",
        "facts": facts,
        "incident": incident_lines(incidents, case.incident, setup.letters, english),
        "missing": [fields[name].label for name in case.missing if name in fields],
        "fields": _field_lines(case, english) if whole else [],
        "words": [],
        "quoted": [],
        "changed": [],
        "writer": "",
    }


def _who(contact: Contact) -> str:
    """Return everything by which a department reaches a contact."""
    mail = f"<{contact.emails[0]}>" if contact.emails else ""
    return ", ".join(filter(None, (f"{contact.name} {mail}".strip(), contact.title, contact.phone)))


def _shown(value: FieldValue | StoredField, english: Locale) -> str:
    shown = (
        FieldValue(value.value, value.words, value.source)
        if isinstance(value, StoredField)
        else value
    )
    text = wording.shown_value(shown, english)
    words = " ".join(shown.words.split())
    return f"{text} ({words})" if words and words.casefold() != text.casefold() else text


def _field_lines(case: CaseNow, english: Locale) -> list[str]:
    """Return every field with its value; a long one on lines of its own."""
    kind = english.catalogue.types.get(case.type)
    found: list[str] = []
    for name in kind.fields if kind else case.fields:
        value, field = case.fields.get(name), english.catalogue.fields.get(name)
        if value is None or field is None or value.source == "default":
            continue
        words = str(value.value) if isinstance(value.value, str) else ""
        if field.kind == "multiline" and "\n" in (words or value.words):
            found += [f"{field.label}:", *(f"    {one}" for one in lines(words or value.words))]
        else:
            found += wrap(field.label, one_line(_shown(value, english), 2000))
    return found


def lines(text: str) -> list[str]:
    """Return the lines of a person's text, as they were written, without control characters."""
    if not text.strip():
        return []
    lines = text.strip("\n").split("\n")
    shown = [one_line(line, MAX_LINE * 10) if line.strip() else "" for line in lines[:MAX_LINES]]
    left = len(lines) - MAX_LINES
    return shown + ([f"… {left} more lines"] if left > 0 else [])


def _files(
    decision: Decision, mail: Message, known: Known | None, setup: Handover
) -> tuple[FileRef, ...]:
    """Return the files of the mail, and of the case before it when the whole case is shown."""
    before = known.files if known is not None else ()
    return before + mail_files(decision, mail, quarantined=setup.quarantined)


def _to_desk(
    place: Department,
    letter: Written,
    text: Said,
    files: Sequence[FileRef],
    last: LastLetter | None,
) -> tuple[Letter, ...]:
    """Return the plain mail for another ticket system: the contact's words, nothing of ours.

    Answers go to the case's own address, so they come back through this service to the contact.
    What follows answers the desk's newest mail about the case, so that it finds its ticket again.
    """
    case, setup = letter.case, letter.setup
    if not place.desk:
        return ()
    context = setup.letters
    attached, named = split(files, setup.attach_bytes)
    attached = tuple(map(as_a_file, attached))
    cause = f"desk:{case.number}:{letter.cause}:{place.desk}"
    name = case.contact.name if case.contact else case.writer
    mailbox = f"{case.contact.emails[0]}" if case.contact and case.contact.emails else ""
    who = f"{name} <{mailbox}>, {case.account}" if mailbox else f"{name}, {case.account}"
    left = [f"[not attached: {one_line(one.name, 80)}]" for one in named]
    body = "\n".join((*lines(text.own), "", *left, "-- ", who))
    envelope = Envelope(
        sender_name=name,
        sender=tokens.reply_address(context.secrets, case.number, context.address),
        recipient=place.desk,
        subject=one_line(_desk_subject(case, last, context), MAX_SUBJECT),
        text=tidy(body),
        message_id=tokens.message_id(context.secrets, "desk", case.number, cause, context.domain),
        date=letter.now,
        in_reply_to=last.message_id if last else "",
        references=(thread_id(context, case.number), *((last.message_id,) if last else ())),
        auto_submitted="no",
    )
    return (
        Letter(
            kind="desk", cause=cause, message_id=envelope.message_id, recipient=place.desk,
            subject=envelope.subject, text=envelope.text, raw=encode(envelope),
            case_number=case.number, files=attached,
        ),
    )  # fmt: skip


def _desk_subject(case: CaseNow, last: LastLetter | None, context: LetterContext) -> str:
    """Return the subject of the desk's own mail, which has its number, else ours."""
    tag = tokens.subject_tag(context.secrets, case.number)
    subject = masked(last.subject if last else case.subject)
    return subject if tag in subject else f"{subject} {tag}"
