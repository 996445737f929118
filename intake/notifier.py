"""Incidents and maintenances: which one a case is about, and which contacts one concerns, and why.

Pure: incidents, contacts and preferences are given. Who is told is decided once, with a reason for
each person, so that an operator can read the list before anything is sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from intake.addresses import ascii_lower
from intake.known import Account, Contact, Incident, Update
from intake.labels import fold
from intake.parsers.submission import Submission

INCIDENT_STATES = ("investigating", "identified", "monitoring", "resolved")
MAINTENANCE_STATES = ("scheduled", "in progress", "verifying", "completed", "cancelled")
MAX_SEARCHED_CHARS = 5000  # of a description in which an incident's words are looked for


@dataclass(frozen=True, slots=True)
class Recipient:
    """One person to be told, once, and why."""

    contact_id: str
    name: str
    address: str
    accounts: tuple[str, ...]  # those of theirs that are concerned
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Audience:
    """Who is told and who is left out, each with a reason."""

    told: tuple[Recipient, ...]
    left_out: tuple[tuple[str, str], ...]  # contact id, why


@dataclass(frozen=True, slots=True)
class Notice:
    """What a letter tells: one update, with the older ones that its readers have not had."""

    incident: Incident
    update: Update
    zone: str  # IANA name: the readers' own time zone
    earlier: tuple[Update, ...] = ()  # never received, oldest first; told below the update
    plain: bool = False  # of a correction: for those who never got the wrong text
    cases: tuple[str, ...] = ()  # numbers of the reader's own cases about it
    was: Update | None = None  # corrected by this one, or with the plan that this one changes


@dataclass(frozen=True, slots=True)
class Addressee:
    """One reader, and what makes their copy theirs."""

    contact_id: str
    name: str
    address: str
    reasons: tuple[str, ...]  # "Authorized at Bayside School District, SIS"
    message_id: str
    root_id: str  # head of their thread about the incident; never a letter by itself
    last_id: str = ""  # of the last letter they got about it
    unsubscribe: str = ""  # token; empty: no way to unsubscribe is offered
    row: int = 0  # id in the ledger, for the bounce address; 0: there is none yet


def about(submission: Submission, account: str, incidents: Sequence[Incident]) -> Incident | None:
    """The open incident that a case is about: by its module, or by the operator's words."""
    module = submission.fields.get("module")
    named = fold(str(module.value), {}) if module is not None and module.value else ""
    text = fold(f"{submission.subject} {submission.description[:MAX_SEARCHED_CHARS]}", {})
    for one in incidents:
        if not one.open or one.kind != "incident" or (one.accounts and account not in one.accounts):
            continue
        if named and named in {fold(name, {}) for name in one.modules}:
            return one
        if any(f" {fold(word, {})} " in f" {text} " for word in one.words if fold(word, {})):
            return one
    return None


def audience(
    incident: Incident,
    contacts: Iterable[Contact],
    accounts: Mapping[str, Account],
    contact_types: Sequence[str],
    suspended: Mapping[str, str],
) -> Audience:
    """Accounts and areas and contact types, every person once, at the first stored address.

    ``suspended`` are address keys that get no notices, with the reason.
    """
    told: dict[str, Recipient] = {}
    left_out: list[tuple[str, str]] = []
    for contact in sorted(contacts, key=lambda one: one.id):
        why, recipient = _judge(incident, contact, accounts, contact_types, suspended)
        if recipient is None:
            left_out.append((contact.id, why))
        elif ascii_lower(recipient.address) in told:
            left_out.append((contact.id, "the address is told already"))
        else:
            told[ascii_lower(recipient.address)] = recipient
    return Audience(tuple(told.values()), tuple(left_out))


def _judge(
    incident: Incident,
    contact: Contact,
    accounts: Mapping[str, Account],
    contact_types: Sequence[str],
    suspended: Mapping[str, str],
) -> tuple[str, Recipient | None]:
    """Why a contact is not told, or how."""
    if not contact.active:
        return "the contact is disabled", None
    if not contact.emails:
        return "no address is stored", None
    reasons: dict[str, str] = {}
    for member in contact.memberships:
        account = accounts.get(member.account_id)
        concerned = not incident.accounts or member.account_id in incident.accounts
        if account is None or not account.active or not concerned:
            continue
        if member.contact_type not in contact_types:
            continue
        shared = [area for area in member.areas if area in incident.areas]
        if incident.areas and not shared:
            continue
        areas = f", {', '.join(shared)}" if shared else ""
        reasons[member.account_id] = f"{member.contact_type} at {account.name}{areas}"
    if not reasons:
        return "no account, area and contact type of theirs is concerned", None
    address = contact.emails[0]
    if ascii_lower(address) in suspended:
        return suspended[ascii_lower(address)], None
    return "", Recipient(
        contact.id, contact.name, address, tuple(sorted(reasons)), tuple(reasons.values())
    )
