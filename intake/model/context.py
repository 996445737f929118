"""The stored data that a decision about a mail needs, as frozen values without a database.

The store fills these values once per mail. The pure packages above read them and never query the
store.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from intake.model.accounts import Account, Contact, Listener
from intake.model.cases import NO_CASES, CaseBrief, CaseList, PendingForm
from intake.model.incidents import (
    Incident,
    Update,
)
from intake.model.staff import Staff


@dataclass(frozen=True, slots=True)
class SentLetter:
    """A letter of ours that a mail from a program is about."""

    message_id: str
    kind: str
    recipient: str  # Address.key
    contact_id: str
    case_number: str
    notice_row: int = 0  # notice_recipients.id; 0: the letter is one of the outbox
    incident: str = ""  # id of the incident that a notice is about
    by_address: bool = False  # found by the address to which the report came (VERP)
    sent_at: datetime | None = None  # None: not known


@dataclass(frozen=True, slots=True)
class Twin:
    """An earlier message that is the same mail as this one."""

    message_row: int
    case_number: str
    status: str  # the recorded message's status
    altered: bool = False  # same Message-ID, sender and Date, but other bytes
    files: frozenset[str] = frozenset()  # sha256 of the recorded message's files


@dataclass(frozen=True, slots=True)
class PastMail:
    """A mail of a proved contact, as far as it helps to recognise a loop."""

    at: datetime  # when it was received
    sketch: str = ""  # intake.mail.word_sketch
    subject: str = ""


@dataclass(frozen=True, slots=True)
class PastLetter:
    """A letter to a contact: sent, or still to be sent."""

    at: datetime  # when it was sent or is due
    kind: str
    subject: str
    put_off: str = ""  # why it waits
    sketch: str = ""  # only of the newest ones


@dataclass(frozen=True, slots=True)
class FileRef:
    """A stored file, as a letter names it or has it attached."""

    name: str
    media_type: str
    size: int  # bytes
    sha256: str
    note: str = ""  # why it is not handed on; empty: it is


@dataclass(frozen=True, slots=True)
class LastLetter:
    """The newest letter about a case to one contact."""

    message_id: str
    subject: str
    recipient: str


@dataclass(frozen=True, slots=True)
class SaidLine:
    """What somebody said in a case, as its contacts may read it."""

    at: datetime
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class PastAnswer:
    """An answer of a staff member in a case."""

    at: datetime
    who: str  # id of the staff member
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Recent:
    """What a sender and the service have lately written to each other, and other counts."""

    mails: tuple[PastMail, ...] = ()  # of the sender, the newest first
    letters: tuple[PastLetter, ...] = ()  # to the sender's contact, the newest first
    domain_hour: int = 0  # letters to the sender's domain in the last hour, and later ones
    everybody_hour: int = 0  # the same to everyone
    refused_week: int = 0  # refusals to the sender's address in the last seven days
    cases_hour: int = 0  # new cases of the contact
    account_cases: Mapping[str, int] = field(
        default_factory=dict
    )  # new cases in the last hour, by account
    full: frozenset[str] = frozenset()  # rules that have reached their daily limit of held mails


NO_LETTERS = Recent()


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys with which the store looks up data for one mail."""

    digest: str  # sha256 of the raw mail, hex
    sender: str  # Address.key, empty when the From field was refused
    message_id: str  # "<…>" or empty
    body_digest: str
    case_numbers: tuple[str, ...] = ()  # named by references whose MAC is valid, best first
    plain_numbers: tuple[
        str, ...
    ] = ()  # in the subject, without a MAC: only for the sender's own accounts
    thread_ids: tuple[str, ...] = ()  # other Message-IDs that it refers to, the nearest first
    dated: datetime | None = None  # its Date
    outbox_ids: tuple[str, ...] = ()  # our own Message-IDs that this mail refers to, MAC valid
    names_contact: bool = True  # the mail names a contact, so colleagues are needed
    list_state: str = "-"  # cases to list: "open", "closed", "" for all, "-" for none
    list_number: str = ""  # only the case of that number
    form_ids: tuple[str, ...] = ()  # letters with a blank form that this mail refers to
    verify_ids: tuple[str, ...] = ()  # letters that asked to confirm an address
    return_ids: tuple[str, ...] = ()  # letters that a program's mail is about, MAC valid
    return_rows: tuple[int, ...] = ()  # notices whose bounce address it was sent to, MAC valid
    return_letters: tuple[int, ...] = ()  # the same for letters of the outbox
    notice_ids: tuple[str, ...] = ()  # notices that this mail refers to, MAC valid
    notice_incidents: tuple[str, ...] = ()  # the incidents these ids name, best first
    token_row: int | None = None  # of an unsubscribe token; 0: not ours; None: there is none
    join_ids: tuple[
        str, ...
    ] = ()  # our questions that it answers: whether to become a contact of …
    claim_ids: tuple[str, ...] = ()  # our questions that it answers: whose an address is
    author_name: str = ""  # the display name, in lower case
    close_ids: tuple[str, ...] = ()  # our questions that it answers: whether to close a case
    own_id: str = ""  # its Message-ID, if that is one of ours, MAC valid
    other_number: str = ""  # of the case that a command of staff names
    wants_staff: bool = False  # a department has its members' own addresses
    desks: tuple[str, ...] = ()  # addresses of other ticket systems, in lower case
    signatures: tuple[str, ...] = ()  # hashes of the DKIM signatures in the author's name
    only_approved: bool = False  # of incidents: only text that a second person approved
    max_strangers: int = 1000  # mails of strangers that are held one by one in a day
    max_unproved: int = 100  # the same for unproved mails in one contact's name


@dataclass(frozen=True, slots=True)
class Known:
    """All stored data that the decision about one mail may depend on."""

    contacts: tuple[Contact, ...] = ()  # whose stored address equals the sender's
    accounts: tuple[Account, ...] = ()  # all accounts of those contacts
    colleagues: tuple[Contact, ...] = ()  # active contacts of those accounts, without the sender
    domain_registered: bool = False  # another contact has an address at the sender's domain
    case: CaseBrief | None = None
    also_named: tuple[str, ...] = ()  # other cases of the sender that its subject names
    case_people: tuple[str, ...] = ()  # contact ids of the active contacts of the case's account
    earlier: CaseBrief | None = None  # closed too long ago to be reopened; a new case follows it
    pending: PendingForm | None = None
    sent_texts: tuple[str, ...] = ()  # bodies of our letters about the case that it may quote
    comments: tuple[str, ...] = ()  # texts that earlier mails added to that case
    listed: CaseList = NO_CASES
    twin: Twin | None = None
    recent: Recent = NO_LETTERS
    next_number: str = ""  # the number that a case created now would get
    joins: str = ""  # number of the case whose question to this sender the mail answers
    closes: str = ""  # the same for the question whether that case may be closed
    claim: str = ""  # the unregistered address about which its sender was asked
    namesake: Contact | None = None  # the one contact at the sender's domain with the sender's name
    says_yes: bool = False  # its new text begins with a yes
    says_no: bool = False
    bears_own_id: bool = False  # only we can have made its Message-ID
    is_own_letter: bool = False  # it has the Message-ID of a letter that we sent to this sender
    answered_letters: tuple[str, ...] = ()  # our Message-IDs it refers to, MAC valid
    replies: bool = False  # one of those letters went to the sender's address within 30 days
    domain_accepted: bool = False  # accept_unproved for all contacts at the sender's domain
    stopped: str = ""  # why no letter goes to the sender's address for now
    incidents: tuple[Incident, ...] = ()  # open ones, newest first
    returned: SentLetter | None = None  # our letter that this program's mail is about
    confirms: str = ""  # id of the contact whose new address this is, when it answers our question
    replied: Incident | None = None  # the incident whose notice this mail answers, open or closed
    replied_updates: tuple[Update, ...] = ()  # the updates of that incident
    notified: tuple[Listener, ...] = ()  # the recipients of the named notices, or of the token
    staff: Staff | None = None  # the staff member whose stored address is the sender's
    colleagues_of_staff: tuple[Staff, ...] = ()  # all active staff, when staff or a case needs them
    participants: tuple[Contact, ...] = ()  # contacts who take part in the case, besides its own
    answers: tuple[PastAnswer, ...] = ()  # the answers of staff in that case, the newest first
    held_answer: str = ""  # text of the sender's newest answer that has not left
    seen_until: datetime | None = None  # when the letter that a staff mail answers was written
    account_name: str = ""  # of the case's account
    other_case: CaseBrief | None = None  # the case that a command of staff names, such as #merge
    files: tuple[FileRef, ...] = ()  # of the case, the oldest first
    said: tuple[SaidLine, ...] = ()  # in the one case that a contact asks for, the oldest first
    threads: Mapping[str, LastLetter] = field(default_factory=dict)
    desk_mails: Mapping[str, LastLetter] = field(default_factory=dict)  # the newest of each desk
    """Contact -> the newest letter about the case that went to them."""
