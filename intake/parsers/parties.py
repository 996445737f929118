"""Whose case it is: the account and the contact, never beyond what the sender may name.

A contact of one account files there whatever the mail says; of several, one of their own must be
named (seed L120). A colleague must be an active contact of that account (seed L121).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from intake.catalogue import Catalogue
from intake.known import Account, Contact
from intake.labels import fold
from intake.parsers.submission import Candidate, Circumstances, Problem


@dataclass(frozen=True, slots=True)
class Parties:
    """Account and contact of a case."""

    account: str = ""  # id, empty when it must be asked
    contact: str = ""  # id of whom the case is for
    submitted_by: str = ""  # id of the writer, when somebody else
    behalf: str = ""  # name of that somebody else
    zone: str = ""
    date_order: str = ""
    problems: tuple[Problem, ...] = ()


def resolve(
    candidates: Sequence[Candidate], circumstances: Circumstances, catalogue: Catalogue
) -> Parties:
    """The account and the contact under the rules of the page; total."""
    sender = circumstances.contact
    if sender is None:
        return Parties()
    account, problems = _account(candidates, circumstances, catalogue)
    found = account or Account("", "")
    case = circumstances.case
    if case is not None:
        return Parties(
            case.account_id,
            case.contact_id,
            case.submitted_by,
            "",
            found.timezone,
            found.date_order,
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


def _account(
    candidates: Sequence[Candidate], circumstances: Circumstances, catalogue: Catalogue
) -> tuple[Account | None, tuple[Problem, ...]]:
    own = circumstances.accounts
    if circumstances.case is not None:
        wanted = circumstances.case.account_id
        return next((one for one in own if one.id == wanted), None), ()
    words = _words(candidates, "account")
    named = _named_account(words, own, catalogue)
    if named is not None or not own:
        return named, ()
    if len(own) == 1:
        problem = Problem("account", "not-yours", words, own[0].name)
        return own[0], (problem,) if words else ()
    names = tuple(account.name for account in own)
    code = "not-yours" if words else "several"
    return None, (Problem("account", code, words, "", names, blocking=True),)


def _words(candidates: Sequence[Candidate], field: str) -> str:
    """What the mail says under a label of the field; weak labels do not choose people."""
    return next(
        (
            one.words
            for one in candidates
            if one.field == field and one.words.strip() and one.source != "weak-label"
        ),
        "",
    )


def _named_account(words: str, own: Sequence[Account], catalogue: Catalogue) -> Account | None:
    wanted = fold(words, catalogue.normalise.confusables)
    if not wanted:
        return None
    for account in own:
        names = (account.id, account.name, *account.aliases)
        if wanted in {fold(name, catalogue.normalise.confusables) for name in names}:
            return account
    return None


def _contact(
    candidates: Sequence[Candidate],
    circumstances: Circumstances,
    account: str,
    catalogue: Catalogue,
) -> tuple[Contact | None, tuple[Problem, ...]]:
    """The colleague named as the contact; None for the sender."""
    words = _words(candidates, "contact")
    sender = circumstances.contact
    wanted = fold(words, catalogue.normalise.confusables)
    if not wanted or sender is None or _is(sender, wanted, catalogue):
        return None, ()
    found = [
        one
        for one in circumstances.colleagues
        if one.active and one.at(account) and _is(one, wanted, catalogue)
    ]
    if len(found) == 1:
        return found[0], ()
    code = "ambiguous" if found else "not-yours"
    return None, (Problem("contact", code, words, blocking=True),)


def _is(contact: Contact, wanted: str, catalogue: Catalogue) -> bool:
    """Whether folded words are the contact's name, id or address, or hold the address."""
    names = (contact.name, contact.id, *contact.emails)
    if wanted in {fold(name, catalogue.normalise.confusables) for name in names}:
        return True
    return any(email.casefold() in wanted for email in contact.emails)
