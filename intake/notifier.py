"""Incidents and maintenances: which one a case is about, and whom one concerns, and why.

Pure: incidents, contacts and preferences are given. Who is told is decided once, with a reason for
each person, so that an operator can read the list before anything is sent.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from intake.catalogue.labels import fold
from intake.mail.addresses import ascii_lower
from intake.model.accounts import NOTHING_MUST, Account, Contact, MustReach, Preference
from intake.model.incidents import Incident, Update
from intake.parsers.submission import Submission

MAX_SEARCHED_CHARS = 5000  # of a description in which an incident's words are looked for
DEFAULT_PREFERENCE = Preference()


@dataclass(frozen=True, slots=True)
class Recipient:
    """One person to be told, once, and why."""

    contact_id: str
    name: str
    address: str
    accounts: tuple[str, ...]  # those of theirs that are concerned
    reasons: tuple[str, ...]
    priority: int = 2  # 0: filed a case; 1: at an affected account; 3: Read Only, last
    zone: str = "UTC"  # IANA name
    cases: tuple[str, ...] = ()  # numbers of their own cases about it
    digest: bool = False  # told in the daily summary

    @property
    def key(self) -> str:
        """What makes two addresses the same one (Address.key)."""
        return ascii_lower(self.address)


@dataclass(frozen=True, slots=True)
class Audience:
    """Who is told and who is left out, each with a reason."""

    told: tuple[Recipient, ...]
    left_out: tuple[tuple[str, str], ...]  # contact id, why


@dataclass(frozen=True, slots=True)
class AudienceInputs:
    """Everything about people that decides who is told."""

    contacts: tuple[Contact, ...]
    accounts: Mapping[str, Account]
    contact_types: tuple[str, ...]  # told when the incident names none itself
    zone: str = "UTC"  # of people whose account has none
    must: MustReach = NOTHING_MUST  # what cannot simply be muted
    suspended: Mapping[str, str] = field(default_factory=dict)  # address key -> why it gets none
    preferences: Mapping[str, Mapping[str, Preference]] = field(default_factory=dict)
    filed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # contact -> cases about it
    affected: frozenset[str] = frozenset()  # accounts with a case about it
    told_before: frozenset[str] = frozenset()  # contacts that got an earlier update of it


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
    named = str(module.value) if module is not None and module.value else ""
    text = f"{submission.subject} {submission.description}"
    for one in incidents:
        if not one.open or one.kind != "incident" or (one.accounts and account not in one.accounts):
            continue
        if fits(one, named, text):
            return one
    return None


def fits(incident: Incident, module: str, text: str) -> str:
    """Why a case of that module and those words is about the incident; empty when it is not."""
    if module and fold(module, {}) in {fold(name, {}) for name in incident.modules}:
        return f"its module is {module}"
    flat = f" {fold(text[:MAX_SEARCHED_CHARS], {})} "
    words = (word for word in incident.words if fold(word, {}) and f" {fold(word, {})} " in flat)
    word = next(words, "")
    return f"it says {word!r}" if word else ""


def audience(incident: Incident, world: AudienceInputs) -> Audience:
    """Accounts and areas and contact types, who filed a case, who was told before; each once.

    Whoever is told in place of somebody else comes in by that reason. Everybody is accounted for.
    """
    told: dict[str, Recipient] = {}
    left_out: dict[str, str] = {}
    instead: dict[str, list[str]] = {}  # contact told -> names of those they stand in for
    people = {one.id: one for one in sorted(world.contacts, key=lambda one: one.id)}
    for contact in people.values():
        why, recipient = _judge(incident, contact, world)
        if recipient is None:
            left_out[contact.id] = why
            continue
        stands_in = _muted(incident, contact, recipient, people, world)
        if stands_in is None:
            told[contact.id] = recipient
        else:
            left_out[contact.id] = stands_in[1]
            if stands_in[0]:
                instead.setdefault(stands_in[0], []).append(contact.name)
    for contact_id, names in instead.items():
        told[contact_id] = _stand_in(people[contact_id], names, told.get(contact_id), world)
        left_out.pop(contact_id, None)
    return _once(told, left_out)


def told_again(incident: Incident, world: AudienceInputs) -> Audience:
    """Only those who were told before or filed a case: whom the clock writes to on its own."""
    return audience(replace(incident, contact_types=("",)), world)


def _once(told: Mapping[str, Recipient], left_out: Mapping[str, str]) -> Audience:
    """Every address once, those who need it most first."""
    kept: dict[str, Recipient] = {}
    out = dict(left_out)
    for recipient in sorted(told.values(), key=lambda one: (one.priority, one.contact_id)):
        if recipient.key in kept:
            out[recipient.contact_id] = "the address is told already"
        else:
            kept[recipient.key] = recipient
    return Audience(tuple(kept.values()), tuple(sorted(out.items())))


def _judge(
    incident: Incident, contact: Contact, world: AudienceInputs
) -> tuple[str, Recipient | None]:
    """Why a contact is not concerned or not reachable, or how they are told."""
    if not contact.active:
        return "the contact is disabled", None
    if not contact.emails:
        return "no address is stored", None
    accounts = {
        member.account_id: account
        for member in contact.memberships
        if (account := world.accounts.get(member.account_id)) is not None and account.active
    }
    if not accounts:
        return "no account of theirs is in force", None
    reasons = _by_rule(incident, contact, accounts, world)
    also = []
    cases = world.filed.get(contact.id, ())
    if cases:
        also.append(f"filed {', '.join(cases)}")
    here = not incident.accounts or set(incident.accounts) & set(accounts)
    if contact.id in world.told_before and here:
        also.append("was told of it before")
    if not reasons and not also:
        return "no account, area and contact type of theirs is concerned", None
    address = next((one for one in contact.emails if ascii_lower(one) not in world.suspended), "")
    if not address and incident.notice_class in world.must.classes:
        address = contact.emails[0]  # what came back, or looked like a loop, stops no such notice
    if not address:
        return world.suspended[ascii_lower(contact.emails[0])], None
    concerned = tuple(sorted(reasons)) or tuple(sorted(accounts))
    return "", Recipient(
        contact.id, contact.name, address, concerned, (*reasons.values(), *also),
        _priority(incident, contact, concerned, world), _zone(concerned, world), cases,
    )  # fmt: skip


def _by_rule(
    incident: Incident, contact: Contact, accounts: Mapping[str, Account], world: AudienceInputs
) -> dict[str, str]:
    """Account -> why: the incident's accounts, areas and contact types all meet there."""
    types = incident.contact_types or world.contact_types
    reasons: dict[str, str] = {}
    for member in contact.memberships:
        account = accounts.get(member.account_id)
        named = not incident.accounts or member.account_id in incident.accounts
        if account is None or not named or member.contact_type not in types:
            continue
        shared = [area for area in member.areas if area in incident.areas]
        if incident.areas and not shared:
            continue
        areas = f", {', '.join(shared)}" if shared else ""
        reasons[member.account_id] = f"{member.contact_type} at {account.name}{areas}"
    return reasons


def _priority(
    incident: Incident, contact: Contact, accounts: Sequence[str], world: AudienceInputs
) -> int:
    """Who has a case, then affected accounts, then Authorized and Technical, then the rest."""
    if contact.id in world.filed:
        return 0
    if incident.accounts or world.affected & set(accounts):
        return 1
    return 2 if world.must.binds(contact) else 3


def _zone(accounts: Sequence[str], world: AudienceInputs) -> str:
    zones = (world.accounts[one].timezone for one in accounts if one in world.accounts)
    return next((zone for zone in zones if zone), world.zone)


def _muted(
    incident: Incident,
    contact: Contact,
    recipient: Recipient,
    people: Mapping[str, Contact],
    world: AudienceInputs,
) -> tuple[str, str] | None:
    """(who is told instead, why they are not), or None when they are told.

    Whoever filed a case hears of it, whatever they muted. A mandatory class cannot be muted by an
    Authorized or Technical contact unless somebody who can be reached stands in.
    """
    wish = _wish(incident, contact.id, world)
    if wish.mode != "off" or recipient.cases:
        return None
    if incident.notice_class not in world.must.classes or not world.must.binds(contact):
        return "", f"does not want notices of the class {incident.notice_class}"
    other = people.get(wish.replacement)
    if other is None or not _reachable(other, recipient, world) or other.id == contact.id:
        return None
    if _wish(incident, other.id, world).mode == "off":
        return None
    return other.id, f"{other.name} is told instead"


def _wish(incident: Incident, contact_id: str, world: AudienceInputs) -> Preference:
    return world.preferences.get(contact_id, {}).get(incident.notice_class, DEFAULT_PREFERENCE)


def _reachable(other: Contact, concerned: Recipient, world: AudienceInputs) -> bool:
    """Whether that person can be told, and works for every account for which this one is told."""
    theirs = {
        member.account_id
        for member in other.memberships
        if member.account_id in world.accounts and world.accounts[member.account_id].active
    }
    free = [one for one in other.emails if ascii_lower(one) not in world.suspended]
    return bool(other.active and free) and set(concerned.accounts) <= theirs


def _stand_in(
    other: Contact, names: Sequence[str], already: Recipient | None, world: AudienceInputs
) -> Recipient:
    """The person who is told in somebody's place, with that reason beside their own."""
    reason = f"in place of {', '.join(names)}"
    if already is not None:
        return replace(already, reasons=(*already.reasons, reason))
    accounts = tuple(
        sorted(
            member.account_id
            for member in other.memberships
            if member.account_id in world.accounts and world.accounts[member.account_id].active
        )
    )
    address = next(one for one in other.emails if ascii_lower(one) not in world.suspended)
    return Recipient(
        other.id, other.name, address, accounts, (reason,), 2, _zone(accounts, world),
        world.filed.get(other.id, ()),
    )  # fmt: skip


def with_digests(incident: Incident, found: Audience, world: AudienceInputs) -> Audience:
    """The same people; those who want a daily summary of this class are marked.

    Mandatory classes are told at once, and so is whoever filed a case.
    """
    if incident.notice_class in world.must.classes:
        return found
    told = tuple(
        replace(one, digest=True)
        if _wish(incident, one.contact_id, world).mode == "digest" and not one.cases
        else one
        for one in found.told
    )
    return Audience(told, found.left_out)


def approval_hash(
    incident: Incident, update: Update, found: Audience, send_at: datetime | None
) -> str:
    """What an approval binds: every word, every reader and the time; 16 hexadecimal digits.

    object change of text, title, plan, list or time gives another one.
    """
    bound = {
        "incident": [
            incident.id, incident.kind, incident.notice_class, incident.title, incident.impact,
            list(incident.modules), incident.short_notice,
        ],
        "update": [
            update.number, update.kind, update.status, update.text, update.wrong_number,
            *(_iso(one) for one in (update.next_update_at, update.starts_at, update.ends_at)),
        ],
        "to": sorted([one.key, one.contact_id, one.digest] for one in found.told),
        "at": _iso(send_at),
    }  # fmt: skip
    text = json.dumps(bound, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _iso(moment: datetime | None) -> str:
    return moment.isoformat() if moment else ""


def by_account(recipients: Iterable[Recipient]) -> dict[str, int]:
    """How many people of each account are told; who works for two is counted at both."""
    counts: dict[str, int] = {}
    for one in recipients:
        for account in one.accounts:
            counts[account] = counts.get(account, 0) + 1
    return dict(sorted(counts.items()))
