"""What a mail says about a case: the candidates that were found, and the resulting submission."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from intake.mail.field_library import Warning
from intake.mail.message import Message
from intake.model.accounts import Account, Contact
from intake.model.cases import CaseBrief, PendingForm
from intake.model.incidents import Incident

PROSE = "prose"  # source of a type that the words of an ordinary text show
CASE_TYPE = "case_type"  # the field that holds the type
FORWARDED = "forwarded"  # source of a value in a message that the writer passes on
ATTACHED_FORM = "attached-form"  # source of a value that was in a file


@dataclass(frozen=True, slots=True)
class Candidate:
    """A value for a field as found in the mail, with its place."""

    field: str  # catalogue name
    words: str  # as written, white space trimmed
    source: str  # reader: "label", "weak-label", "near-label", "table", "reply"
    label: str = ""  # the label as written
    start: int = 0  # character range of the words in Scan.text
    end: int = 0


@dataclass(frozen=True, slots=True)
class Wish:
    """A request of the mail to the service itself, instead of a text about a case."""

    kind: str  # "form", "cases", "close", "unsubscribe"
    type: str = ""  # case type of the form, empty: any
    number: str = ""  # of the case, as written in capital letters; empty: all of them
    state: str = ""  # "open" or "closed", empty: both
    token: str = ""  # of an unsubscription, as written, not checked yet; empty: the text of a reply
    bare: bool = False  # the subject was nothing but a case number


@dataclass(frozen=True, slots=True)
class Return:
    """What a mail written by a program says about a letter of ours."""

    kind: str  # bounce, delay, delivered, receipt, absence, complaint, automatic
    recipient: str  # key of the address it is about; empty when the mail names none
    status: str  # RFC 3463 code, "5.1.1"; "5.0.0" where only the class is known; empty
    hard: bool  # a permanent failure of the address
    ids: tuple[str, ...]  # texts that look like our Message-IDs, not checked yet
    words: str  # the server's own text, or the subject
    about_us: bool = False  # the other server refused us, not this address


@dataclass(frozen=True, slots=True)
class Scan:
    """Everything a mail contains, before its sender is known."""

    type: str  # catalogue name of the case type, empty when none was named
    type_source: str  # "label", "subject", "plus-address", "prose", or empty
    type_words: str  # as written
    candidates: tuple[Candidate, ...]
    leftover: str  # text under no label
    body: str  # "plain", "html" or "none": which body was read
    text: str  # the text that ranges point into
    subject: str  # without Re:, Fwd:, tags and type prefix
    warnings: tuple[Warning, ...] = ()
    wish: Wish | None = None
    unknown: tuple[str, ...] = ()  # texts that look like labels but are not in the catalogue
    read_from: str = ""  # name of an attached file that was read as the form
    returned: Return | None = None  # for a program's mail
    cut: str = ""  # quoted or forwarded text, without signatures
    tidings: str = ""  # what a program reports in the writer's name, asking for nothing
    invited: str = ""  # the time, place and text of a calendar invitation
    forwarded: str = ""  # the message that it passes on, with its header lines
    guesses: tuple[str, ...] = ()  # likeliest types of a mail that names none; "" first: a tie
    other_matter: str = ""  # type of a second matter in ordinary prose
    matters: tuple[Matter, ...] = ()  # the filled forms in it, when there are several

    @property
    def guess(self) -> str:
        """Return the likeliest type of a mail that names none, if it is ahead of the others."""
        return self.guesses[0] if self.guesses else ""

    def without_files(self) -> Scan:
        """Return the scan without the values of attached forms, whose sender is not proved."""
        told = self.type_source == ATTACHED_FORM
        return replace(
            self,
            type="" if told else self.type,
            type_source="" if told else self.type_source,
            type_words="" if told else self.type_words,
            candidates=tuple(one for one in self.candidates if one.source != ATTACHED_FORM),
            read_from="",
            matters=tuple(
                replace(one, scan=one.scan.without_files())
                for one in self.matters
                if not one.from_file
            ),
        )


@dataclass(frozen=True, slots=True)
class Matter:
    """One of several filled forms in a mail: the mail as if it held that form alone."""

    message: Message
    scan: Scan
    from_file: bool = False  # the form is an attached file


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What the interpretation may know in addition to the mail."""

    contact: Contact | None  # the proved sender; None when there is none
    accounts: tuple[Account, ...]  # of that contact
    colleagues: tuple[Contact, ...]
    written_at: datetime  # aware: the mail's arrival; "yesterday" is relative to it
    now: datetime
    timezone: str  # IANA name of the service
    case: CaseBrief | None = None  # the case a reply completes or corrects
    pending: PendingForm | None = None
    required: Mapping[str, Mapping[str, bool]] = field(default_factory=dict)
    """Operator's overrides: type name -> field name -> required or not."""
    replied: Incident | None = None  # the incident whose notice the mail answers
    sent: tuple[str, ...] = ()  # texts of such notices, as the mail may have copied them
    ours: tuple[str, ...] = ()  # texts of our letters about the case, as the mail may quote them
    earlier: tuple[str, ...] = ()  # texts that earlier mails added to the case
    is_answer: bool = False  # the mail refers to a letter of ours
    earlier_type: str = ""  # type of the closed case that the mail continues, when it names none
    reply_type: str = ""  # the type of such a mail when it names none
    may_unsubscribe: bool = False  # the notice it answers was sent to its own writer


@dataclass(frozen=True, slots=True)
class FieldValue:
    """A value accepted for a field."""

    value: object  # str, list[str], bool; ISO 8601 for dates; None when only the words are kept
    words: str
    source: str  # Candidate.source, or "default", "contact record", "stored", "notice"
    label: str = ""
    start: int = 0
    end: int = 0


@dataclass(frozen=True, slots=True)
class StaffOrders:
    """What a staff mail asks for, in the words of the catalogue."""

    text: str = ""  # for the contacts, or the note
    is_note: bool = False
    status: str = ""  # the wanted CaseStatus
    asks: tuple[str, ...] = ()  # names of fields
    question: str = ""  # a question in the writer's own words
    assign: str = ""  # "me", a name or an id, "none"
    department: str = ""  # key
    priority: str = ""
    type: str = ""
    fields: Mapping[str, FieldValue] = field(default_factory=dict)
    merge: str = ""  # number of the case that goes on
    split: str | None = None  # subject of the new case; None: no split
    incident: str | None = None  # id, "" to untie; None: unchanged
    cc: tuple[str, ...] = ()  # Address.key of contacts
    uncc: tuple[str, ...] = ()
    sends: bool = False  # the answer that was kept back may leave
    helps: bool = False
    slips: tuple[str, ...] = ()
    doubt: str = ""

    @property
    def changes(self) -> bool:
        """Return whether anything but words is asked for."""
        plain = replace(self, text="", is_note=False, doubt="", sends=False)
        return plain != StaffOrders()


@dataclass(frozen=True, slots=True)
class Problem:
    """A value that was adjusted or not accepted. Codes: see ``intake.parsers.form_rules``."""

    field: str
    code: (
        str  # "capped", "unknown-choice", "bad-date", "bad-email", "too-old", "past", "not-yours" …
    )
    found: str
    used: str = ""  # the value used instead, empty when there is none
    choices: tuple[str, ...] = ()
    blocking: bool = False  # the field counts as missing
    near: str = ""  # a listed value that may have been meant
    rule: str = ""  # id of the catalogue rule that caused it


@dataclass(frozen=True, slots=True)
class Submission:
    """A typed case, as far as the mail describes it."""

    type: str  # empty: the type is unknown
    subject: str
    description: str
    priority: str
    department: str
    billable: bool
    account: str  # account id, empty when it must be asked
    contact: str  # contact id the case is for
    submitted_by: str  # contact id of the sender, when different from ``contact``; else empty
    fields: Mapping[str, FieldValue]  # the type's own fields, without those above
    missing: tuple[str, ...]  # required and absent, or blocking problems; order of the form
    recommended: tuple[str, ...]  # asked for along with missing ones
    problems: tuple[Problem, ...]
    warnings: tuple[Warning, ...]
    notices: tuple[str, ...] = ()  # ids of catalogue rules to be stated in the letter
    changed: tuple[str, ...] = ()  # for a reply: fields that differ from what was stored
    comment: str = ""  # for a reply: new text under no label
    wish: Wish | None = None
    unknown: tuple[str, ...] = ()  # Scan.unknown
    read_from: str = ""  # Scan.read_from
    may_close: bool = False  # the mail says only that the case may be closed
    tidings: str = ""  # what it reports, asking for nothing: "a receipt in plain words"
    thanks: bool = False  # the mail says only thanks and has no file
    returned: Return | None = None  # Scan.returned
    likely: Mapping[str, FieldValue] = field(default_factory=dict)  # offered with the questions
    guesses: tuple[str, ...] = ()  # types to offer first, when "case_type" is missing
    other_matter: str = ""  # type of a second matter that the mail seems to be about
    orders: StaffOrders | None = None  # of a mail of staff
