"""The input and the output of the rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from intake.authentication.sender import Sender
from intake.mail.message import Message, Refusal
from intake.mail.mime.auto_submitted import strong
from intake.mail.word_sketch import sketch
from intake.model.accounts import Contact
from intake.model.context import Known, PastMail
from intake.model.staff import Staff
from intake.parsers.submission import FieldValue, Return, Submission
from intake.triage.policy import Policy


@dataclass(frozen=True, slots=True)
class CaseChange:
    """The change that the transaction makes to a case; what is left empty stays as it is."""

    number: str
    new: bool
    status: str  # the status after the change: draft, open, …
    account: str
    contact: str = ""
    submitted_by: str = ""
    type: str = ""
    priority: str = ""
    department: str = ""
    billable: bool | None = None
    subject: str = ""
    description: str = ""
    fields: Mapping[str, FieldValue] = field(default_factory=dict)  # set or overwritten
    comment: str = ""  # new text to keep with the case, when it was a reply
    asked: tuple[str, ...] = ()  # fields that the letter asks for; empty: nothing is pending
    keeps_request: bool = False  # the earlier request still waits for its answer
    round: int = 0
    flag: str = ""  # why an operator should check the case; empty: the flag is removed
    incident: str = ""  # id of the known incident that the case is about
    follows: str = ""  # number of the closed case that a new case continues
    who: str = ""  # id of the staff member who changes it
    owner: str | None = None  # id of its new owner, "" for the department; None: unchanged
    untie: bool = False  # it is about no incident any more


@dataclass(frozen=True, slots=True)
class StaffWork:
    """What a staff member's mail did, and whom it concerns."""

    staff: Staff
    number: str = ""  # of the case
    text: str = ""  # their own words
    answer: str = ""  # what goes to the contacts
    is_note: bool = False
    asks: tuple[str, ...] = ()  # fields that the contact is asked for
    merge: str = ""  # number of the case that goes on
    split: str | None = None  # subject of the new case that ``text`` becomes
    joins: tuple[str, ...] = ()  # ids of contacts who take part from now on
    leaves: tuple[str, ...] = ()
    sends: bool = False  # the answer that was kept back leaves
    readers: tuple[Contact, ...] = ()  # who gets the answer or the question
    was: tuple[str, str] = ("", "")  # department and owner before
    refused: tuple[str, ...] = ()  # why nothing was done, for its writer
    held: str = ""  # why the words are kept back, for its writer
    helps: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that a rule may use."""

    mail: Message | Refusal
    sender: Sender
    submission: Submission
    known: Known
    policy: Policy
    now: datetime
    no_place_left: bool = False  # the rule that is asked held as much today as it may

    @property
    def contact(self) -> Contact | None:
        """Return the proved or claimed contact of the sender's address."""
        return self.sender.contact

    @property
    def returned(self) -> Return | None:
        """Return what a program's mail says about a letter."""
        return self.submission.returned

    @property
    def proved(self) -> bool:
        """Return True when the sender was authenticated."""
        return self.sender.proved

    @property
    def automatic(self) -> tuple[str, ...]:
        """Return the marks of a program's mail; none for a refused mail."""
        return self.mail.automatic if isinstance(self.mail, Message) else ()

    @property
    def machine(self) -> tuple[str, ...]:
        """Return why a program wrote the mail; for a proved contact only strong marks count."""
        if self.proved and self.contact is not None:
            return strong(self.automatic)
        return self.automatic

    def as_past(self) -> PastMail | None:
        """Return what helps to recognise a loop; None unless a proved contact wrote the mail."""
        mail = self.mail
        if not isinstance(mail, Message) or self.contact is None or not self.proved:
            return None
        text = mail.plain if mail.plain.strip() else mail.html.text
        return PastMail(mail.received_at, sketch(text, mail.subject), mail.subject)

    @property
    def active_accounts(self) -> tuple[str, ...]:
        """Return the active accounts of the contact."""
        return tuple(account.id for account in self.known.accounts if account.active)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer of a rule that matches."""

    action: str
    reasons: tuple[str, ...]
    change: CaseChange | None = None
    letter: str = ""  # kind, empty for none
    reason: str = ""  # of a refusal
    returned: Return | None = None  # to be recorded with the letter it is about
    joins: str = ""  # number of the case whose account's question was answered with yes
    confirms: str = ""  # id of the contact whose new address this mail confirms
    asks_owner: bool = False  # the contact of the sender's name is asked whose the address is
    claims: str = ""  # address that becomes the contact's
    disowns: str = ""  # address that is not the contact's
    unsubscribes: str = ""  # id of the contact who wants no more optional notices
    kept: tuple[str, ...] = ()  # classes of notices that continue
    work: StaffWork | None = None  # of a mail of staff


STRANGERS, UNPROVED = "strangers", "unproved"


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the table.

    ``holds`` says whose mail it may hold: a flood of one kind takes no place from another kind.
    """

    id: str  # as in the identity rules and in every record
    ask: Callable[[Facts], Verdict | None]
    holds: str = ""  # STRANGERS: each rule has so many places a day; UNPROVED: each address has
    is_loop: bool = False  # it is our own mail that came back: enough of these break a circuit
    is_forgery: bool = False  # made in a contact's name: the operator hears of it by contact
    when_held_back: str = ""  # the id instead, when a rate keeps the letter back
