"""Accounts, contacts, their roles at an account, and their preferences for notices."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AccountEntry:
    """One account as the directory file gives it."""

    id: str
    name: str
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ContactEntry:
    """One contact as the directory file gives it; types and areas have the catalogue's spelling."""

    id: str
    name: str
    emails: tuple[str, ...]
    accounts: tuple[str, ...]
    contact_type: str
    areas: tuple[str, ...] = ()
    schema_bootcamp: bool = False
    title: str = ""
    phone: str = ""
    language: str = ""  # ISO 639 code; empty leaves the stored one


@dataclass(frozen=True, slots=True)
class Entries:
    """A whole directory file; usable only when there are no mistakes."""

    accounts: tuple[AccountEntry, ...] = ()
    contacts: tuple[ContactEntry, ...] = ()
    mistakes: tuple[str, ...] = ()  # "contact 3 (zack): emails: found …, wanted …"


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
    """The role of one contact at one account: contact type (seed L157) and areas (seed L158)."""

    account_id: str
    contact_type: str
    areas: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MustReach:
    """Which notices must reach which contacts: nobody can simply switch them off."""

    classes: tuple[str, ...] = ()  # of notices
    contact_types: tuple[str, ...] = ()  # ContactType.must_be_reached of the catalogue
    task_types: tuple[str, ...] = ()  # ContactType.bounce_is_a_task: an operator settles it

    def binds(self, contact: Contact) -> bool:
        """Whether such a notice must reach this contact, or another one instead."""
        return any(one.contact_type in self.contact_types for one in contact.memberships)


NOTHING_MUST = MustReach()


MAX_LANGUAGE_MAILS = 20  # beyond these the counts of languages are halved: the newest count most


def majority(counts: Iterable[tuple[str, int]]) -> str:
    """Return the language with the most mails; empty for none or a tie."""
    ranked = sorted(counts, key=lambda one: -one[1])
    if not ranked or (len(ranked) > 1 and ranked[0][1] == ranked[1][1]):
        return ""
    return ranked[0][0]


def one_more(counts: Iterable[tuple[str, int]], language: str) -> tuple[tuple[str, int], ...]:
    """Return the counts after one more mail in that language."""
    made = dict(counts)
    made[language] = made.get(language, 0) + 1
    if sum(made.values()) > MAX_LANGUAGE_MAILS:
        made = {code: count // 2 for code, count in made.items() if count > 1}
    return tuple(sorted(made.items()))


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
    allow_automated: bool = False  # mail that a program sent in this contact's name may file a case
    wants_acknowledgements: bool = True
    accept_unproved: bool = False  # answers to our letters count even if the sender is not proved
    version: str = ""  # when the record was changed last, ISO 8601
    language: str = ""  # ISO 639 code that was chosen for letters; empty: none was
    wrote_in: tuple[tuple[str, int], ...] = ()  # language -> mails that showed it, of late

    @property
    def reads(self) -> str:
        """The language of letters to them: the chosen one, else that of most of their mails."""
        return self.language or majority(self.wrote_in)

    def at(self, account_id: str) -> Membership | None:
        """Return the membership at that account, if there is one."""
        return next((m for m in self.memberships if m.account_id == account_id), None)


@dataclass(frozen=True, slots=True)
class Preference:
    """How a contact wants notices of one class."""

    mode: str = "each"  # each, digest, off
    replacement: str = ""  # id of the contact who gets the notices instead


@dataclass(frozen=True, slots=True)
class Listener:
    """A contact that a notice was sent to, with the existing choices about their notices."""

    contact_id: str
    off: tuple[str, ...] = ()  # classes they do not get
    relied_on: tuple[str, ...] = ()  # classes they get as the stand-in of another contact
