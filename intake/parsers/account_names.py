"""Find which of the writer's accounts a mail names without a label, in its subject or text.

This is done only for a writer with several accounts, and only a single named account is used. When
the mail names two accounts or none, the service asks for the account (seed L120).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from intake.catalogue.catalogue import Catalogue
from intake.catalogue.labels import fold
from intake.model.accounts import Account
from intake.parsers.submission import Candidate, Circumstances

SHORTEST = 4  # letters of a name that is searched for inside other text
BESIDE = 3  # words besides the name in a line of a signature
MAX_CHARS = 20_000
_NUMBER = re.compile(r"\(?#?([0-9]{1,2})[.)]?(?:\s|\Z)")


def from_words(
    candidates: tuple[Candidate, ...],
    free: str,
    subject: str,
    circumstances: Circumstances,
    catalogue: Catalogue,
) -> tuple[Candidate, ...]:
    """Return the candidates, and the account that the mail's own text names, if it is only one."""
    own, case, pending = circumstances.accounts, circumstances.case, circumstances.pending
    asked = case is not None and not case.account_id
    if len(own) < 2 or not (case is None or asked) or _told(candidates):
        return candidates
    first = next((line.strip() for line in free.splitlines() if line.strip()), "")
    waits = pending is not None and "account" in pending.asked
    found = by_number(first, own) if asked and waits else None
    if found is None:
        lines = free[:MAX_CHARS].splitlines()
        if not asked:
            found = _one(named([subject], own, catalogue))
            lines = [line for line in lines if _is_prose(line, own, catalogue)]
        found = found or _one(named(lines, own, catalogue))
    if found is None:
        return candidates
    return (*candidates, Candidate("account", found.name, "prose"))


def by_number(words: str, accounts: Sequence[Account]) -> Account | None:
    """Return the account at that place in the list of our question, counted from 1."""
    match = _NUMBER.match(words.strip())
    place = int(match[1]) if match else 0
    return accounts[place - 1] if 0 < place <= len(accounts) else None


def _told(candidates: Sequence[Candidate]) -> bool:
    return any(one.field == "account" and one.words.strip() for one in candidates)


def _one(accounts: Sequence[Account]) -> Account | None:
    return accounts[0] if len(accounts) == 1 else None


def _is_prose(line: str, own: Sequence[Account], catalogue: Catalogue) -> bool:
    """Return whether a line says more than a name and its bearer's position."""
    letters = catalogue.normalise.confusables
    names = [fold(one, letters) for account in own for one in (account.name, *account.aliases)]
    words = fold(line, letters)
    there = [len(name.split()) for name in names if name in words]
    return len(words.split()) - max(there, default=0) > BESIDE


def named(lines: Sequence[str], own: Sequence[Account], catalogue: Catalogue) -> list[Account]:
    """Return the accounts that these lines name.

    The longest names are tried first, so each word counts for one name only.
    """
    letters = catalogue.normalise.confusables
    text = "\n".join(fold(line, letters) for line in lines)
    names: dict[str, list[Account]] = {}
    for account in own:
        for one in {fold(name, letters) for name in (account.name, *account.aliases)}:
            names.setdefault(one, []).append(account)
    found: dict[str, Account] = {}
    for name in sorted(names, key=lambda one: (-len(one), one)):
        text, times = re.subn(rf"(?<!\w){re.escape(name)}(?!\w)", "\0", text)
        if times and len(name) >= SHORTEST:
            found |= {one.id: one for one in names[name]}
    return list(found.values())
