"""What a mail says about a case: candidates as found, and the submission they amount to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from intake.mail.field_library import Warning
from intake.mail.message import Message
from intake.model.accounts import Account, Contact
from intake.model.cases import CaseBrief, PendingForm
from intake.model.incidents import Incident

ATTACHED_FORM = "attached-form"  # source of a value that stood in a file


@dataclass(frozen=True, slots=True)
class Candidate:
    """A value for a field as found in the mail, with its place."""

    field: str  # catalogue name
    words: str  # as written, white space trimmed
    source: str  # reader: "label", "weak-label", "near-label", "table", "reply"
    label: str = ""  # the label as written
    start: int = 0  # character range in Scan.text that the words came from
    end: int = 0


@dataclass(frozen=True, slots=True)
class Wish:
    """What a mail asks of the service itself, instead of telling about a case."""

    kind: str  # "form", "cases", "close", "unsubscribe"
    type: str = ""  # case type of the form, empty: any
    number: str = ""  # of the case, as written in capital letters; empty: all of them
    state: str = ""  # "open" or "closed", empty: both
    token: str = ""  # of an unsubscription, as written, not checked yet; empty: a reply's words
    bare: bool = False  # nothing but the number of a case stood in the subject


@dataclass(frozen=True, slots=True)
class Return:
    """What a program's mail says about a letter of ours."""

    kind: str  # bounce, delay, delivered, receipt, absence, complaint, automatic
    recipient: str  # key of the address it is about; empty when it is not told
    status: str  # RFC 3463 code, "5.1.1"; "5.0.0" where only the class is known; empty
    hard: bool  # the address will not work tomorrow either
    ids: tuple[str, ...]  # texts of the form of our Message-IDs, not checked yet
    words: str  # the server's own, or the subject


@dataclass(frozen=True, slots=True)
class Scan:
    """Everything a mail offers, before it is known who wrote it."""

    type: str  # catalogue name of the case type, empty when none was named
    type_source: str  # "label", "subject", "plus-address", or empty
    type_words: str  # as written
    candidates: tuple[Candidate, ...]
    leftover: str  # text under no label
    body: str  # "plain", "html" or "none": which body was read
    text: str  # the text that ranges point into
    subject: str  # without Re:, Fwd:, tags and type prefix
    warnings: tuple[Warning, ...] = ()
    wish: Wish | None = None
    unknown: tuple[str, ...] = ()  # what looks like a label and is none of the catalogue's
    read_from: str = ""  # name of an attached file that was read as the form
    returned: Return | None = None  # for a program's mail
    cut: str = ""  # what is quoted or forwarded, without signatures
    tidings: str = ""  # what a program tells in the writer's name, asking for nothing
    matters: tuple[Matter, ...] = ()  # the filled forms in it, when there are several

    def without_files(self) -> Scan:
        """The same without what stood in an attached form: nobody has proved to have sent it."""
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
    """What interpretation may know beside the mail."""

    contact: Contact | None  # the proved sender; None when there is none
    accounts: tuple[Account, ...]  # of that contact
    colleagues: tuple[Contact, ...]
    written_at: datetime  # aware: the mail's arrival; what "yesterday" is counted from
    now: datetime
    timezone: str  # IANA name of the service
    case: CaseBrief | None = None  # the case a reply completes or corrects
    pending: PendingForm | None = None
    required: Mapping[str, Mapping[str, bool]] = field(default_factory=dict)
    """Operator's overrides: type name -> field name -> required or not."""
    replied: Incident | None = None  # whose notice the mail answers
    sent: tuple[str, ...] = ()  # texts of such notices, as the mail may have copied them
    ours: tuple[str, ...] = ()  # texts of our letters about the case, as the mail may quote them
    earlier: tuple[str, ...] = ()  # what was added to the case by mail before
    is_answer: bool = False  # the mail refers to a letter of ours
    earlier_type: str = ""  # of the closed case that the mail goes on from, when it names none
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
class Problem:
    """A value that was adjusted or could not be taken. Codes: see ``intake.parsers.form_rules``."""

    field: str
    code: (
        str  # "capped", "unknown-choice", "bad-date", "bad-email", "too-old", "past", "not-yours" …
    )
    found: str
    used: str = ""  # what was taken instead, empty when nothing
    choices: tuple[str, ...] = ()
    blocking: bool = False  # the field counts as missing
    near: str = ""  # a listed value that may have been meant
    rule: str = ""  # id of the catalogue rule that stands behind it


@dataclass(frozen=True, slots=True)
class Submission:
    """A typed case as far as the mail gives it."""

    type: str  # empty: no type could be told
    subject: str
    description: str
    priority: str
    department: str
    billable: bool
    account: str  # account id, empty when it must be asked
    contact: str  # contact id the case is for
    submitted_by: str  # contact id of the sender, when different from ``contact``; else empty
    fields: Mapping[str, FieldValue]  # the type's own fields, those above not among them
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
    may_close: bool = False  # it says nothing but that the case may be closed
    tidings: str = ""  # what it tells, asking for nothing: "a receipt in plain words"
    thanks: bool = False  # the mail says nothing but thanks and brings no file
    returned: Return | None = None  # Scan.returned
