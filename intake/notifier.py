"""Find the incident that a case is about, and the contacts who get an incident's notices, and why.

Pure: the caller gives incidents, contacts and preferences. The audience is decided once, with a
reason for each person, so that an operator can read the list before anything is sent.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

from intake.catalogue.labels import fold
from intake.mail.addresses import ascii_lower
from intake.model.accounts import NOTHING_MUST, Account, Contact, MustReach, Preference
from intake.model.incidents import Incident, Update

if TYPE_CHECKING:
    from intake.parsers.submission import Submission

MAX_SEARCHED_CHARS = 5000  # of a description in which an incident's words are looked for
DEFAULT_PREFERENCE = Preference()

# The reasons for which people get a notice, as operators read them.
MEMBER = "{role} at {account}"
FILED = "filed {cases}"
TOLD_BEFORE = "was told of it before"
IN_PLACE_OF = "in place of {names}"
REASONS = {"filed": FILED, "told": TOLD_BEFORE, "stand-in": IN_PLACE_OF, "member": MEMBER}


@dataclass(frozen=True, slots=True)
class Recipient:
    """One person who gets a notice once, and the reasons."""

    contact_id: str
    name: str
    address: str
    accounts: tuple[str, ...]  # their accounts that are concerned
    reasons: tuple[str, ...]
    priority: int = 2  # 0: filed a case; 1: at an affected account; 3: Read Only, last
    zone: str = "UTC"  # IANA name
    cases: tuple[str, ...] = ()  # numbers of their own cases about it
    digest: bool = False  # gets it in the daily summary
    language: str = ""  # ISO 639 code of their letters; empty: the service's own

    @property
    def key(self) -> str:
        """Return the form in which addresses are compared (Address.key)."""
        return ascii_lower(self.address)


@dataclass(frozen=True, slots=True)
class Audience:
    """The contacts who get the notices and those who do not, each with a reason."""

    told: tuple[Recipient, ...]
    left_out: tuple[tuple[str, str], ...]  # contact id, why


@dataclass(frozen=True, slots=True)
class AudienceInputs:
    """All data about people that decides who gets the notices."""

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
    """The content of a notice: one update, with older ones that its readers have not had."""

    incident: Incident
    update: Update
    zone: str  # IANA name: the readers' own time zone
    earlier: tuple[Update, ...] = ()  # not received yet, oldest first; shown below the update
    plain: bool = False  # of a correction: for readers who never got the wrong text
    cases: tuple[str, ...] = ()  # numbers of the reader's own cases about it
    was: Update | None = None  # the update that this one corrects, or whose plan it changes
    language: str = ""  # ISO 639 code of the readers' letters; empty: the service's own


@dataclass(frozen=True, slots=True)
class Addressee:
    """One reader, with the data that makes their copy personal."""

    contact_id: str
    name: str
    address: str
    reasons: tuple[str, ...]  # "Authorized at Bayside School District, SIS"
    message_id: str
    root_id: str  # first ID of their thread about the incident; no letter has it
    last_id: str = ""  # of the last letter they got about it
    unsubscribe: str = ""  # token; empty: no way to unsubscribe is offered
    row: int = 0  # id in notice_recipients, for the bounce address; 0: none yet


def about(submission: Submission, account: str, incidents: Sequence[Incident]) -> Incident | None:
    """Return the open incident that a case is about: by its module, or by the operator's words."""
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
    """Return why a case with that module and text is about the incident; empty when it is not."""
    if module and fold(module, {}) in {fold(name, {}) for name in incident.modules}:
        return f"its module is {module}"
    flat = f" {fold(text[:MAX_SEARCHED_CHARS], {})} "
    words = (word for word in incident.words if fold(word, {}) and f" {fold(word, {})} " in flat)
    word = next(words, "")
    return f"it says {word!r}" if word else ""


def audience(incident: Incident, world: AudienceInputs) -> Audience:
    """Return who gets the notices, each person once, and who does not.

    The reasons are: account, area and contact type; a filed case; an earlier notice; being the
    stand-in of another contact. Every contact is in one of the two lists.
    """
    told: dict[str, Recipient] = {}
    left_out: dict[str, str] = {}
    instead: dict[str, list[str]] = {}  # stand-in -> names of the contacts whom they replace
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
    """Return only those who got a notice before or filed a case, for automatic updates."""
    return audience(replace(incident, contact_types=("",)), world)


def _once(told: Mapping[str, Recipient], left_out: Mapping[str, str]) -> Audience:
    """Keep every address once, in the order of priority."""
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
    """Return why a contact gets no notice, or the recipient that they become."""
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
        also.append(FILED.format(cases=", ".join(cases)))
    here = not incident.accounts or set(incident.accounts) & set(accounts)
    if contact.id in world.told_before and here:
        also.append(TOLD_BEFORE)
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
        language=contact.reads,
    )  # fmt: skip


def _by_rule(
    incident: Incident, contact: Contact, accounts: Mapping[str, Account], world: AudienceInputs
) -> dict[str, str]:
    """Return a reason per account for which the incident's accounts, areas and types all match."""
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
        reason = MEMBER.format(role=member.contact_type, account=account.name)
        reasons[member.account_id] = f"{reason}{areas}"
    return reasons


def reason_parts(reason: str) -> tuple[str, dict[str, str]]:
    """Return which of ``REASONS`` a reason is, and what stands in its places; "" for another."""
    for name, pattern in REASONS.items():
        parts = [re.escape(part) for part in re.split(r"\{\w+\}", pattern)]
        found = re.fullmatch("(.+?)".join(parts), reason, re.DOTALL)
        if found:
            return name, dict(zip(re.findall(r"\{(\w+)\}", pattern), found.groups(), strict=True))
    return "", {}


def _priority(
    incident: Incident, contact: Contact, accounts: Sequence[str], world: AudienceInputs
) -> int:
    """Return the order: who filed a case, affected accounts, Authorized and Technical, the rest."""
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
    """Return (who gets the notice instead, why), or None when the contact gets it.

    A contact who filed a case gets it even if they muted the class. An Authorized or Technical
    contact can mute a mandatory class only if a stand-in who can be reached gets it instead.
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
    """Return whether the stand-in can be reached and belongs to every account that is concerned."""
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
    """Return the stand-in as a recipient, with that reason in addition to their own."""
    reason = IN_PLACE_OF.format(names=", ".join(names))
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
        world.filed.get(other.id, ()), language=other.reads,
    )  # fmt: skip


def with_digests(incident: Incident, found: Audience, world: AudienceInputs) -> Audience:
    """Mark those who want a daily summary of this class; the people stay the same.

    Notices of mandatory classes go out at once, and those to contacts who filed a case.
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
    """Return the hash that an approval is bound to: all text, all readers and the time.

    Any change of text, title, plan, list or time gives another one.
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
    """Return how many people of each account are notified; one at two accounts counts twice."""
    counts: dict[str, int] = {}
    for one in recipients:
        for account in one.accounts:
            counts[account] = counts.get(account, 0) + 1
    return dict(sorted(counts.items()))
