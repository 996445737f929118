"""Find labelled lines that changed nothing; they are kept visible as they were written."""

from __future__ import annotations

from collections.abc import Sequence

from intake.catalogue.catalogue import Catalogue
from intake.catalogue.labels import fold
from intake.model.states import CaseStatus
from intake.parsers.case_type import type_of
from intake.parsers.submission import Candidate, Circumstances
from intake.parsers.values import WEAK, is_blank

TOLD_ONCE = ("account", "contact", "case_type")  # a case keeps them unless it asks for them


def unused(
    candidates: Sequence[Candidate],
    type_name: str,
    circumstances: Circumstances,
    catalogue: Catalogue,
) -> str:
    """Return such lines, one below the other, without those that say what is already known.

    In a new mail the first line under a label counts. An existing case does not take another type,
    account or contact from a mail, unless the case asks for it.
    """
    used = _used(candidates, circumstances, catalogue)
    known = _known(used, circumstances, catalogue)
    taken = frozenset(used)
    found: list[str] = []
    for one in candidates:
        field = catalogue.fields.get(one.field)
        if field is None or one.source in WEAK or is_blank(one.words, field, catalogue):
            continue
        words = _flat(one.words, catalogue)
        if one in taken or words in known.get(one.field, ()):
            continue
        if one.field == "case_type" and type_of(one.words, catalogue, near=True) == type_name:
            continue
        known.setdefault(one.field, set()).add(words)
        found.append(f"{one.label or field.label}: {one.words.strip()}")
    return "\n".join(found)


def _used(
    candidates: Sequence[Candidate], circumstances: Circumstances, catalogue: Catalogue
) -> list[Candidate]:
    """Return the lines from which a value is taken."""
    case, pending = circumstances.case, circumstances.pending
    if case is not None:
        asked = set(pending.asked if pending and case.status == CaseStatus.DRAFT else ())
        asked |= {"account"} - ({"account"} if case.account_id else set())
        asked |= {"case_type"} - ({"case_type"} if case.type else set())
        return [one for one in candidates if one.field not in TOLD_ONCE or one.field in asked]
    used: list[Candidate] = []
    for one in candidates:
        field = catalogue.fields.get(one.field)
        if field is None or is_blank(one.words, field, catalogue) or one.source in WEAK:
            continue
        first = all(other.field != one.field for other in used)
        if first or field.list_split:
            used.append(one)
    return used


def _known(
    used: Sequence[Candidate], circumstances: Circumstances, catalogue: Catalogue
) -> dict[str, set[str]]:
    """Return for each field the folded texts that say nothing new."""
    known: dict[str, set[str]] = {}
    for one in used:
        known.setdefault(one.field, set()).add(_flat(one.words, catalogue))
    case = circumstances.case
    for name, stored in case.fields.items() if case else ():
        words = {str(stored.value), stored.words}
        known.setdefault(name, set()).update(_flat(text, catalogue) for text in words)
    if case is not None:
        own = {"subject": case.subject, "description": case.description, "priority": case.priority}
        for name, text in own.items():
            known.setdefault(name, set()).add(_flat(text, catalogue))
    people = [one for one in (circumstances.contact, *circumstances.colleagues) if one]
    here = case.account_id if case else ""
    theirs = case.contact_id if case else ""
    names = {a.name for a in circumstances.accounts if a.id == here}
    names |= {alias for a in circumstances.accounts if a.id == here for alias in a.aliases}
    known.setdefault("account", set()).update(_flat(text, catalogue) for text in names)
    known.setdefault("contact", set()).update(
        _flat(text, catalogue) for p in people if p.id == theirs for text in (p.name, *p.emails)
    )
    return known


def _flat(text: str, catalogue: Catalogue) -> str:
    return fold(text, catalogue.normalise.confusables)
