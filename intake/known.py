"""What the database knows that a mail is judged against, as frozen values without a database.

The store fills these once per mail; the pure rooms above read them and never ask again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

OPEN_STATES = (  # of incidents and maintenances
    "investigating", "identified", "monitoring", "scheduled", "in progress", "verifying",
)  # fmt: skip
CLOSED_STATES = ("resolved", "completed", "cancelled")
NOTICE_CLASSES = ("outage", "security", "maintenance", "informational")
EVENT_KINDS = (  # what other programs may hear of; docs/events.md is the contract
    "incident.opened", "incident.updated", "incident.corrected", "incident.resolved",
    "maintenance.scheduled", "maintenance.updated", "maintenance.corrected",
    "maintenance.rescheduled", "maintenance.reminded", "maintenance.started",
    "maintenance.completed", "maintenance.cancelled",
    "notice.approved", "notice.sent", "case.linked",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Account:
    """A customer; in the seed a school district (seed L120)."""

    id: str
    name: str
    aliases: tuple[str, ...] = ()
    active: bool = True
    timezone: str = ""  # IANA name; empty: the service's own
    date_order: str = ""  # "MDY" or "DMY"; empty: the catalogue's own


@dataclass(frozen=True, slots=True)
class Membership:
    """What one contact is at one account: contact type (seed L157) and areas (seed L158)."""

    account_id: str
    contact_type: str
    areas: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Contact:
    """One registered person. Letters go to ``emails`` and to no other address."""

    id: str
    name: str
    emails: tuple[str, ...]  # as stored; the first is the primary one
    memberships: tuple[Membership, ...] = ()
    active: bool = True
    schema_bootcamp: bool = False
    title: str = ""
    phone: str = ""
    allow_automated: bool = (
        False  # mail that a program wrote in this contact's name may file a case
    )
    wants_acknowledgements: bool = True
    accept_unproved: bool = False  # answers to our letters count though nothing proves the sender
    version: str = ""  # when the record was changed last, ISO 8601

    def at(self, account_id: str) -> Membership | None:
        """The membership at that account, if there is one."""
        return next((m for m in self.memberships if m.account_id == account_id), None)


@dataclass(frozen=True, slots=True)
class StoredField:
    """One field of a case as stored: the typed value, the words it came from, and where from."""

    value: Any  # str, list[str] or bool; dates are ISO 8601 strings; None when only words are known
    words: str
    source: str


@dataclass(frozen=True, slots=True)
class CaseBrief:
    """A case that a valid reference names."""

    number: str
    account_id: str  # empty while the writer has not said which of theirs it is about
    contact_id: str
    submitted_by: str
    type: str
    priority: str
    department: str
    status: str  # draft, open, waiting, resolved, closed
    subject: str
    description: str = ""
    fields: Mapping[str, StoredField] = field(default_factory=dict)
    closed_at: datetime | None = None  # when it was resolved or closed
    incident: str = ""  # id of the known incident that it is about

    @property
    def writer(self) -> str:
        """Contact id of who wrote it, for themselves or for a colleague."""
        return self.submitted_by or self.contact_id

    def is_for(self, contact: Contact | None) -> bool:
        """Whether that contact may see it: by its account, or while it has none, its writer."""
        if contact is None:
            return False
        if not self.account_id:
            return contact.id == self.writer
        return contact.at(self.account_id) is not None


@dataclass(frozen=True, slots=True)
class CaseLine:
    """A case as a list of cases shows it: nothing of what was written in it."""

    number: str
    account_id: str
    type: str
    subject: str
    status: str
    received_at: datetime
    updated_at: datetime
    missing: tuple[str, ...] = ()  # field names that a draft waits for


@dataclass(frozen=True, slots=True)
class CaseList:
    """Cases of the sender's accounts, newest first, and how many more there are."""

    cases: tuple[CaseLine, ...] = ()
    more: int = 0


@dataclass(frozen=True, slots=True)
class PendingForm:
    """What was asked of whom, and in which letter; a blank form belongs to no case yet."""

    case_number: str
    contact_id: str
    asked: tuple[str, ...]  # field names, in the order asked
    message_id: str  # of the letter that asked
    text: str  # the body of that letter, for the comparison with the answer
    round: int  # 1 for the first request


@dataclass(frozen=True, slots=True)
class SentLetter:
    """A letter of ours that a program's mail is about."""

    message_id: str
    kind: str
    recipient: str  # Address.key
    contact_id: str
    case_number: str
    notice_row: int = 0  # notice_recipients.id; 0: the letter is one of the outbox
    incident: str = ""  # id of the incident that a notice tells of
    by_address: bool = False  # found by the address that it came back to (VERP)
    sent_at: datetime | None = None  # None: not known


@dataclass(frozen=True, slots=True)
class Incident:
    """An incident or a maintenance as its newest update left it."""

    id: str
    kind: str  # "incident" or "maintenance"
    title: str
    status: str
    impact: str = ""
    modules: tuple[str, ...] = ()  # none: whatever the words say
    areas: tuple[str, ...] = ()  # of responsibility; none: all
    accounts: tuple[str, ...] = ()  # ids; none: all
    words: tuple[str, ...] = ()
    next_update_at: datetime | None = None
    notice_class: str = "outage"  # one of NOTICE_CLASSES
    contact_types: tuple[str, ...] = ()  # who is told; none: the configured ones
    public: bool = True  # stands on the notifications page
    starts_at: datetime | None = None  # aware UTC; of an incident: since when
    ends_at: datetime | None = None  # of a maintenance, as planned
    sequence: int = 0  # of the calendar entry
    short_notice: str = ""  # why a maintenance was announced later than the lead time
    closed_at: datetime | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    told: str = ""  # the newest words that a letter may repeat

    @property
    def open(self) -> bool:
        """Whether people should know of it."""
        return self.status not in CLOSED_STATES


@dataclass(frozen=True, slots=True)
class Update:
    """One update of an incident or a maintenance, as it was written."""

    incident_id: str
    number: int  # 1 is the first
    kind: str  # update, correction, reminder, reschedule, automatic, cancellation
    status: str
    text: str  # paragraphs of plain text, "- " begins an item of a list
    at: datetime
    who: str = ""
    wrong_number: int = 0  # of a correction: the update that was wrong
    next_update_at: datetime | None = None
    starts_at: datetime | None = None  # the plan as this update told it
    ends_at: datetime | None = None
    sequence: int = 0


def as_told(incident: Incident, update: Update) -> Incident:
    """The incident as that update left it: its state, its promise and its plan."""
    return replace(
        incident,
        status=update.status,
        next_update_at=update.next_update_at,
        starts_at=update.starts_at or incident.starts_at,
        ends_at=update.ends_at or incident.ends_at,
        sequence=update.sequence,
    )


@dataclass(frozen=True, slots=True)
class Preference:
    """How a contact wants notices of one class."""

    mode: str = "each"  # each, digest, off
    replacement: str = ""  # contact id that is told instead


@dataclass(frozen=True, slots=True)
class Listener:
    """A contact that a notice was sent to, and what is already chosen about their notices."""

    contact_id: str
    off: tuple[str, ...] = ()  # classes they do not get
    relied_on: tuple[str, ...] = ()  # classes they get instead of somebody else


@dataclass(frozen=True, slots=True)
class Twin:
    """A message recorded before that is the same mail as this one."""

    message_row: int
    case_number: str
    status: str  # the recorded message's status


@dataclass(frozen=True, slots=True)
class Recent:
    """Automatic letters of late."""

    hour: int = 0  # to the sender's contact
    day: int = 0
    subjects: tuple[tuple[str, str], ...] = ()  # (kind, subject) of those of the day
    domain_hour: int = 0  # to any address of the sender's domain
    everybody_hour: int = 0
    refused_week: int = 0  # refusals of seven days to the sender's address
    cases_hour: int = 0  # new cases of the contact
    account_cases: Mapping[str, int] = field(default_factory=dict)  # new ones, by account
    full: frozenset[str] = frozenset()  # rules that held as many mails within a day as they may


NO_LETTERS = Recent()
NO_CASES = CaseList()


@dataclass(frozen=True, slots=True)
class Keys:
    """What the store looks up for one mail."""

    digest: str  # sha256 of the raw mail, hex
    sender: str  # Address.key, empty when the gate refused the From field
    message_id: str  # "<…>" or empty
    body_digest: str
    case_numbers: tuple[str, ...] = ()  # named by references whose MAC is valid, best first
    plain_numbers: tuple[str, ...] = ()  # in the subject, without a MAC: for the account's own only
    outbox_ids: tuple[str, ...] = ()  # our own Message-IDs that this mail refers to, MAC valid
    names_contact: bool = True  # the mail names a contact, so colleagues are needed
    list_state: str = "-"  # cases to list: "open", "closed", "" for all, "-" for none
    list_number: str = ""  # only the case of that number
    form_ids: tuple[str, ...] = ()  # letters with a blank form that this mail refers to
    verify_ids: tuple[str, ...] = ()  # letters that asked to confirm an address
    return_ids: tuple[str, ...] = ()  # letters that a program's mail is about, MAC valid
    return_rows: tuple[int, ...] = ()  # notices whose own address it came back to, MAC valid
    return_letters: tuple[int, ...] = ()  # letters of the outbox, likewise
    notice_ids: tuple[str, ...] = ()  # notices that this mail refers to, MAC valid
    notice_incidents: tuple[str, ...] = ()  # the incidents these ids name, best first
    token_row: int | None = None  # of an unsubscribe token; 0: not ours; None: there is none
    join_ids: tuple[str, ...] = ()  # our questions that it answers: whether to be a contact of …
    close_ids: tuple[str, ...] = ()  # our questions that it answers: whether to close a case
    own_id: str = ""  # its Message-ID, where that is one of ours, MAC valid
    signatures: tuple[str, ...] = ()  # hashes of the DKIM signatures in the author's name
    only_approved: bool = False  # of incidents: only words that a second person approved
    max_strangers: int = 1000  # held mails of strangers in a day that are told apart
    max_unproved: int = 100  # the same in one contact's name that nothing proves


@dataclass(frozen=True, slots=True)
class Known:
    """Everything stored that the decision about one mail may depend on."""

    contacts: tuple[Contact, ...] = ()  # whose stored address equals the sender's
    accounts: tuple[Account, ...] = ()  # all accounts of those contacts
    colleagues: tuple[
        Contact, ...
    ] = ()  # active contacts of those accounts, the sender not among them
    domain_registered: bool = False  # another contact has an address at the sender's domain
    case: CaseBrief | None = None
    case_people: tuple[str, ...] = ()  # contact ids of the active contacts of the case's account
    earlier: CaseBrief | None = None  # closed too long ago to be opened again; a new one follows
    pending: PendingForm | None = None
    sent_texts: tuple[str, ...] = ()  # bodies of our letters about the case that it may quote
    comments: tuple[str, ...] = ()  # what was added to that case by mail before
    listed: CaseList = NO_CASES
    twin: Twin | None = None
    recent: Recent = NO_LETTERS
    next_number: str = ""  # the number that a case created now would get
    joins: str = ""  # number of the case whose question to its very sender the mail answers
    closes: str = ""  # the same of the question whether that case may be closed
    says_yes: bool = False  # its own words begin with a yes
    bears_own_id: bool = False  # its Message-ID is one that only we can have made
    is_own_letter: bool = False  # it bears the Message-ID of a letter that went to its very sender
    answered_letters: tuple[str, ...] = ()  # our Message-IDs it refers to, MAC valid
    replies: bool = False  # one of those letters went to the sender's address within 30 days
    domain_accepted: bool = False  # accept_unproved for everybody at the sender's domain
    stopped: str = ""  # why no letter goes to the sender's address for now
    incidents: tuple[Incident, ...] = ()  # open ones, newest first
    returned: SentLetter | None = None  # our letter that this program's mail is about
    confirms: str = ""  # id of the contact whose new address this is, when it answers our question
    replied: Incident | None = None  # whose notice this mail answers, open or closed
    replied_updates: tuple[Update, ...] = ()  # of that incident: what its notices told
    notified: tuple[Listener, ...] = ()  # whom the named notices, or the token, were sent to
