"""(mail, sender, submission, known, policy, now) -> Decision: a table of rules, first match wins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from intake.known import CaseBrief, Contact, Known
from intake.identity import Sender
from intake.message import Message, Refusal
from intake.parsers.submission import FieldValue, Submission

ACTIONS = ("create", "ask", "complete", "append", "refuse", "hold", "ignore", "drop", "defer")


@dataclass(frozen=True, slots=True)
class LetterOrder:
    """A letter that the decision wants written."""

    kind: str  # "ack", "missing_fields", "appended", "refusal"
    contact: Contact
    address: str  # one of contact.emails: the stored one the mail came from
    reason: str = ""  # for a refusal: which fixed text


@dataclass(frozen=True, slots=True)
class CaseChange:
    """What the transaction does to a case."""

    number: str
    new: bool
    status: str  # the status after the change: draft, open, …
    account: str
    contact: str
    submitted_by: str
    type: str
    priority: str
    department: str
    billable: bool
    subject: str
    description: str
    fields: Mapping[str, FieldValue]  # set or overwritten by this mail
    comment: str = ""  # new text to keep with the case, when it was a reply
    asked: tuple[str, ...] = ()  # fields that the letter asks for; empty: nothing is pending
    round: int = 0


@dataclass(frozen=True, slots=True)
class Policy:
    """What the operator chose; frozen, hashed into every decision."""

    unknown_sender: str = "hold"  # R10: "hold" or "drop"
    max_rounds: int = 2
    acknowledge: bool = True
    max_letters_per_hour: int = 5
    max_letters_per_day: int = 20
    own_addresses: tuple[str, ...] = ()  # address keys of the service, aliases included
    refuse_inactive: bool = False  # R11/R12 answer with the fixed text at L3
    high_risk_types: tuple[str, ...] = ("modify_support_contacts", "server_access", "data_restore")
    step_up: bool = True  # high-risk types need L3


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of one mail, and why."""

    action: str  # one of ACTIONS
    rule: str  # "R20"
    reasons: tuple[str, ...]  # of the rule that matched
    passed: tuple[str, ...]  # ids of the rules that were asked and did not match
    level: str
    contact: str  # contact id, empty when unknown
    account: str
    submission: Submission | None
    change: CaseChange | None
    letters: tuple[LetterOrder, ...]
    silence: str = ""  # why no letter is written where one would be
    case: CaseBrief | None = None  # the case before the change


def decide(
    mail: Message | Refusal,
    sender: Sender | None,
    submission: Submission | None,
    known: Known,
    policy: Policy,
    now: datetime,
) -> Decision:
    """The first rule of the table whose question is answered yes, with its reasons. Pure."""
    raise NotImplementedError
