"""The checks that every automatic letter must pass: may this mail be answered at all?

They follow RFC 3834 §2 and RFC 5321 §4.5.5; each one names its reason for silence. A letter goes
only to the stored address of a contact who was proved to have written from it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from intake.authentication.sender import Sender
from intake.mail.addresses import ascii_lower, without_plus
from intake.mail.message import Message, Refusal
from intake.mail.mime.auto_submitted import strong
from intake.model.context import Known
from intake.triage.policy import Policy

UNASKED = ("ack", "appended", "closed", "unsubscribed")  # kinds of letters that ask nothing


@dataclass(frozen=True, slots=True)
class Attempt:
    """A letter that a rule wants to send in answer to a mail."""

    kind: str  # LetterOrder.kind
    reason: str  # of a refusal
    mail: Message | Refusal
    sender: Sender


def silence(attempt: Attempt, known: Known, policy: Policy, now: datetime) -> str:
    """Return why the letter is not written; empty when it may be."""
    whys = (gate(attempt, known, policy, now) for gate in GATES)
    return next((why for why in whys if why), "")


def _unproved(attempt: Attempt, known: Known, policy: Policy, now: datetime) -> str:
    contact = attempt.sender.contact
    if _to_a_stranger(attempt) and policy.refuse_unknown and attempt.sender.level == "L3":
        return ""  # the only exception that an operator can configure
    stored = {ascii_lower(mail) for mail in contact.emails} if contact else set()
    if not attempt.sender.proved or attempt.sender.address not in stored:
        return "the sender was not proved to be a stored address of a contact"
    return ""


def _to_a_stranger(attempt: Attempt) -> bool:
    return (attempt.kind, attempt.reason) == ("refusal", "unknown")


def _stopped(attempt: Attempt, known: Known, policy: Policy, now: datetime) -> str:
    """Write nothing to an address in a loop but questions: these wait for an operator."""
    return known.stopped if attempt.kind in UNASKED else ""


def _told_lately(attempt: Attempt, known: Known, policy: Policy, now: datetime) -> str:
    """Tell a sender only once in seven days that they are not registered."""
    if attempt.reason not in ("inactive", "unknown") or not known.recent.refused_week:
        return ""
    return "rate: it was told so within the last seven days"


def _envelope(attempt: Attempt, known: Known, policy: Policy, now: datetime) -> str:
    """Refuse an answer when Return-Path is ours, or is missing although the server writes it."""
    if not isinstance(attempt.mail, Message):
        return ""
    paths = [path.strip().strip("<>") for path in attempt.mail.all("return-path")]
    if not paths and attempt.mail.mailbox in policy.writes_return_path:
        return "there is no Return-Path, though the server writes one"
    ours = {without_plus(key) for key in policy.own_addresses}
    if any(without_plus(ascii_lower(path)) in ours for path in paths if "@" in path):
        return "its Return-Path is an address of this service"
    return ""


def _inactive(attempt: Attempt, known: Known, policy: Policy, now: datetime) -> str:
    contact = attempt.sender.contact
    told = _to_a_stranger(attempt) or (attempt.kind, attempt.reason) == ("refusal", "inactive")
    return "" if told or (contact and contact.active) else "the contact is disabled"


def _automatic(attempt: Attempt, known: Known, policy: Policy, now: datetime) -> str:
    """Send nothing to a program; with only a weak mark, leave out the letters that ask nothing."""
    marks = attempt.mail.automatic if isinstance(attempt.mail, Message) else ("unreadable",)
    marks = marks if attempt.kind in UNASKED else strong(marks)
    return f"the mail is automatic: {marks[0]}" if marks else ""


def _not_addressed(attempt: Attempt, known: Known, policy: Policy, now: datetime) -> str:
    """Answer a stranger only if the mail names us in To or Cc (RFC 3834 §2).

    A proved contact is answered at the stored address, however the mail was addressed: by Bcc, an
    alias or a distribution list.
    """
    if not isinstance(attempt.mail, Message) or not policy.own_addresses:
        return ""
    if attempt.sender.proved and attempt.sender.contact is not None:
        return ""
    named = {without_plus(key) for key in (*attempt.mail.to, *attempt.mail.cc)}
    ours = {without_plus(key) for key in policy.own_addresses}
    return "" if named & ours else "none of the service's addresses is in To or Cc"


def _by_choice(attempt: Attempt, known: Known, policy: Policy, now: datetime) -> str:
    if attempt.kind not in ("ack", "appended", "closed"):
        return ""
    if not policy.acknowledge:
        return "acknowledgements are switched off"
    contact = attempt.sender.contact
    wanted = contact is None or contact.wants_acknowledgements
    return "" if wanted else "the contact wants no acknowledgements"


def _old(attempt: Attempt, known: Known, policy: Policy, now: datetime) -> str:
    hours = policy.max_letter_age_hours
    old = now - attempt.mail.received_at > timedelta(hours=hours)
    return f"the mail is older than {hours} hours" if old else ""


GATES: tuple[Callable[[Attempt, Known, Policy, datetime], str], ...] = (
    _unproved,
    _inactive,
    _automatic,
    _envelope,
    _not_addressed,
    _by_choice,
    _old,
    _stopped,
    _told_lately,
)
