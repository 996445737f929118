"""Determine the account and the contact of a case, within what the sender may name.

A contact of one account files cases there, whatever the mail says. A contact of several accounts
must name one of them (seed L120). A colleague must be an active contact of that account
(seed L121).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from intake.catalogue.catalogue import Catalogue
from intake.catalogue.labels import fold
from intake.mail.message import Message
from intake.model.accounts import Account, Contact
from intake.model.states import CaseStatus
from intake.parsers import account_names, signatures
from intake.parsers.replies import names_of
from intake.parsers.submission import Candidate, Circumstances, Problem
from intake.parsers.values import WEAK, is_blank

ONESELF = ("me", "myself", "self", "same", "i")
MAX_CHARS = 1000
_REMARK = re.compile(r"\s*\([^()]{0,60}\)\s*\Z")
_ADDRESS = re.compile(r"[^\s<>,;:()\"\[\]]{1,64}@[^\s<>,;:()\"\[\]]{1,255}")


@dataclass(frozen=True, slots=True)
class Parties:
    """Account and contact of a case."""

    account: str = ""  # id, empty when it must be asked
    contact: str = ""  # id of the contact that the case is for
    submitted_by: str = ""  # id of the writer, when that is another contact
    behalf: str = ""  # name of the contact, when the writer is another one
    zone: str = ""
    date_order: str = ""
    problems: tuple[Problem, ...] = ()


def resolve(
    candidates: Sequence[Candidate], circumstances: Circumstances, catalogue: Catalogue
) -> Parties:
    """Return the account and the contact under the rules of the form; never raises."""
    sender = circumstances.contact
    if sender is None:
        return Parties()
    account, problems = _account(candidates, circumstances, catalogue)
    found = account or Account("", "")
    case = circumstances.case
    if case is not None and not _is_asked("contact", circumstances):
        return Parties(
            found.id if _is_asked("account", circumstances) else case.account_id,
            case.contact_id,
            case.submitted_by,
            "",
            found.timezone,
            found.date_order,
            problems,
        )
    colleague, more = _contact(candidates, circumstances, found.id, catalogue)
    return Parties(
        account=found.id,
        contact=colleague.id if colleague else sender.id,
        submitted_by=sender.id if colleague else "",
        behalf=colleague.name if colleague else "",
        zone=found.timezone,
        date_order=found.date_order,
        problems=(*problems, *more),
    )


def _is_asked(name: str, circumstances: Circumstances) -> bool:
    """Return whether the draft waits for that answer; until then its value is provisional."""
    case, pending = circumstances.case, circumstances.pending
    if name == "account" and case is not None and not case.account_id:
        return True  # it is still unknown, whatever else has been asked meanwhile
    draft = case is not None and case.status == CaseStatus.DRAFT
    return draft and pending is not None and name in pending.asked


def _account(
    candidates: Sequence[Candidate], circumstances: Circumstances, catalogue: Catalogue
) -> tuple[Account | None, tuple[Problem, ...]]:
    own = circumstances.accounts
    if circumstances.case is not None and not _is_asked("account", circumstances):
        wanted = circumstances.case.account_id
        return next((one for one in own if one.id == wanted), None), ()
    words = _words(candidates, "account", catalogue)
    named = _named_accounts(candidates, own, catalogue)
    if len(named) == 1 or not own:
        return next(iter(named), None), ()
    if len(own) == 1:
        problem = Problem("account", "not-yours", words, own[0].name)
        return own[0], (problem,) if words else ()
    names = tuple(account.name for account in own)
    code = "not-yours" if words and not named else "several"
    return None, (Problem("account", code, words, "", names, blocking=True),)


def _words(candidates: Sequence[Candidate], name: str, catalogue: Catalogue) -> str:
    """Return the first text under a label of the field. Weak labels do not choose people."""
    return next(iter(_all_words(candidates, name, catalogue)), "")


def _all_words(candidates: Sequence[Candidate], name: str, catalogue: Catalogue) -> tuple[str, ...]:
    field = catalogue.fields.get(name)
    return tuple(
        one.words
        for one in candidates
        if field is not None
        and one.field == name
        and one.source not in WEAK
        and not is_blank(one.words, field, catalogue)
    )


def _named_accounts(
    candidates: Sequence[Candidate], own: Sequence[Account], catalogue: Catalogue
) -> list[Account]:
    """Return the sender's accounts that the mail names; both of two accounts with one name."""
    told = _all_words(candidates, "account", catalogue)
    if not told:
        contacts = _all_words(candidates, "contact", catalogue)
        told = tuple(one for one in contacts if _names_account(one, own, catalogue))
    wanted = {fold(words, catalogue.normalise.confusables) for words in told} - {""}
    found = [
        account
        for account in own
        if wanted
        & {
            fold(name, catalogue.normalise.confusables)
            for name in (account.id, account.name, *account.aliases)
        }
    ]
    placed = [account_names.by_number(one, own) for one in told]
    return found or [one for one in placed if one] or account_names.named(told, own, catalogue)


def names(message: Message, circumstances: Circumstances) -> tuple[str, ...]:
    """Return the writer's names, folded: from the mail and from the contact record."""
    stored = circumstances.contact.name.casefold() if circumstances.contact else ""
    return (*names_of(message), " ".join(stored.split()), stored.partition(" ")[0])


def unsigned(
    candidates: tuple[Candidate, ...],
    free: str,
    message: Message,
    catalogue: Catalogue,
    circumstances: Circumstances,
) -> tuple[tuple[Candidate, ...], str]:
    """Return the candidates and the free text without the lines of the writer's signature."""
    own = names(message, circumstances)
    places = [account.name for account in circumstances.accounts]
    long = {name for name, field in catalogue.fields.items() if field.kind == "multiline"}
    told = tuple(
        replace(one, words=signatures.cut(one.words, own, places)[0]) if one.field in long else one
        for one in candidates
    )
    return told, signatures.cut(free, own, places, alone=bool(candidates))[0]


def named(
    candidates: tuple[Candidate, ...],
    free: str,
    subject: str,
    circumstances: Circumstances,
    catalogue: Catalogue,
) -> tuple[tuple[Candidate, ...], str]:
    """Add the account or person that the mail names without a label; return the other text, too."""
    told, rest = _person_below(candidates, free, circumstances, catalogue)
    return account_names.from_words(told, rest, subject, circumstances, catalogue), rest


def _person_below(
    candidates: tuple[Candidate, ...], free: str, circumstances: Circumstances, catalogue: Catalogue
) -> tuple[tuple[Candidate, ...], str]:
    """Seed L170: the text under "Contact" is the district, and the line below it is the person.

    Then the person's line is the contact, and it is no part of the description.
    """
    words = _words(candidates, "contact", catalogue)
    first, _, rest = free.lstrip().partition("\n")
    people = [one for one in (circumstances.contact, *circumstances.colleagues) if one]
    if not _names_account(words, circumstances.accounts, catalogue) or not first.strip():
        return candidates, free
    if not any(_is(one, first, catalogue) for one in people):
        return candidates, free
    told = tuple(
        replace(one, words=first.strip()) if one.field == "contact" and one.words == words else one
        for one in candidates
    )
    return told, rest.lstrip("\n")


def _names_account(words: str, accounts: Sequence[Account], catalogue: Catalogue) -> bool:
    letters = catalogue.normalise.confusables
    names = {fold(one, letters) for a in accounts for one in (a.name, *a.aliases)}
    return bool({fold(words, letters), fold(_REMARK.sub("", words), letters)} & names)


def _contact(
    candidates: Sequence[Candidate],
    circumstances: Circumstances,
    account: str,
    catalogue: Catalogue,
) -> tuple[Contact | None, tuple[Problem, ...]]:
    """Return the colleague who is named as the contact; None for the sender."""
    words = _words(candidates, "contact", catalogue)
    sender = circumstances.contact
    if not words or sender is None or _is(sender, words, catalogue):
        return None, ()
    if fold(words, catalogue.normalise.confusables) in ONESELF:
        return None, ()
    if _names_account(words, circumstances.accounts, catalogue):
        return None, ()  # seed L170: the web form shows the district above the person
    found = [
        one
        for one in circumstances.colleagues
        if one.active and one.at(account) and _is(one, words, catalogue)
    ]
    if len(found) == 1:
        return found[0], ()
    code = "ambiguous" if found else "not-yours"
    return None, (Problem("contact", code, words, blocking=True),)


def _is(contact: Contact, words: str, catalogue: Catalogue) -> bool:
    """Return whether the text is the contact's name or ID, or contains one of their addresses.

    A remark in brackets after the name is ignored: "Zack Morris (TESTING)", seed L170.
    """
    letters = catalogue.normalise.confusables
    wanted = {fold(words, letters), fold(_REMARK.sub("", words), letters)}
    if wanted & {fold(name, letters) for name in (contact.name, contact.id)}:
        return True
    written = {address.casefold() for address in _ADDRESS.findall(words[:MAX_CHARS])}
    return bool(written & {email.casefold() for email in contact.emails})
