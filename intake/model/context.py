"""What the database knows that a mail is judged against, as frozen values without a database.

The store fills these once per mail; the pure rooms above read them and never ask again.
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
