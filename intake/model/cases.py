"""Cases as a decision uses them: stored fields, lists, and the request that a reply answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from intake.model.accounts import Contact


@dataclass(frozen=True, slots=True)
class StoredField:
    """One field of a case as stored: the typed value, its original text and its source."""

    value: (
        object  # str, list[str] or bool; dates are ISO 8601 strings; None when only words are known
    )
    words: str
    source: str


@dataclass(frozen=True, slots=True)
class CaseBrief:
    """A case that a valid reference names."""

    number: str
    account_id: str  # empty until the writer has named one of their accounts
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
    received_at: datetime | None = None  # of the mail that opened it
    owner: str = ""  # id of the staff member whose case it is
    answered_at: datetime | None = None  # when a staff member first answered

    @property
    def writer(self) -> str:
        """Return the id of the contact who wrote it, for themselves or for a colleague."""
        return self.submitted_by or self.contact_id

    def is_for(self, contact: Contact | None) -> bool:
        """Return whether the contact may see it: by its account; without one, as its writer."""
        if contact is None:
            return False
        if not self.account_id:
            return contact.id == self.writer
        return contact.at(self.account_id) is not None


@dataclass(frozen=True, slots=True)
class CaseLine:
    """A case as a list of cases shows it, without the text that was written in it."""

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
    """Cases of the sender's accounts, newest first, and the number of further ones."""

    cases: tuple[CaseLine, ...] = ()
    more: int = 0


@dataclass(frozen=True, slots=True)
class PendingForm:
    """A question to a contact and the letter that asked it; a blank form has no case yet."""

    case_number: str
    contact_id: str
    asked: tuple[str, ...]  # field names, in the order asked
    message_id: str  # of the letter that asked
    text: str  # the body of that letter, for the comparison with the answer
    round: int  # 1 for the first request


NO_CASES = CaseList()
