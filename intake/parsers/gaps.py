"""Find the fields of a submission that are missing, worth asking for, or changed by a reply."""

from __future__ import annotations

from collections.abc import Sequence

from intake.catalogue.catalogue import CaseType
from intake.parsers import account_and_contact, notice_replies
from intake.parsers.form_rules import Form
from intake.parsers.submission import Candidate, Circumstances, Problem, Scan

OWN_COLUMNS = ("case_type", "account", "contact", "priority", "subject", "description")


def missing(
    form: Form,
    case: CaseType | None,
    scan: Scan,
    party: account_and_contact.Parties,
    description: str,
) -> tuple[str, ...]:
    """Return the required fields without a value, in the order of the form, the type first."""
    if case is None:
        if scan.type_words:
            labels = tuple(one.label for one in form.catalogue.types.values())
            form.problems.append(
                Problem("case_type", "unknown-choice", scan.type_words, "", labels, blocking=True)
            )
        first = ("case_type",)
        return (*first, "account") if not party.account else first
    blocked = {problem.field for problem in form.problems if problem.blocking}
    stored = form.circumstances.case
    there = {
        "subject": True,
        "priority": True,
        "contact": True,
        "account": bool(party.account),
        "description": bool(description or (stored and stored.description)),
    }
    gaps = []
    for name in case.fields:
        wanted = form.required(name) or name in form.needed or (name == "account")
        given = there.get(name, name in form.values)
        if name in blocked or (wanted and not given):
            gaps.append(name)
    return tuple(gaps)


def recommended(form: Form, case: CaseType | None, missing: tuple[str, ...]) -> tuple[str, ...]:
    """Return the helpful fields; they are asked for only together with missing ones."""
    if case is None or not missing:
        return ()
    empty = (name for name in case.recommended if name not in missing)
    return tuple(
        name
        for name in empty
        if name not in OWN_COLUMNS
        and (name not in form.values or form.values[name].source == "default")
    )


def changed(
    form: Form, candidates: Sequence[Candidate], circumstances: Circumstances
) -> tuple[str, ...]:
    """Return the fields to which a reply gives another value than the stored one."""
    case = circumstances.case
    if case is None:
        return ()
    named = {one.field for one in candidates if one.words.strip()}
    changed = []
    if "priority" in named and form.priority != case.priority:
        changed.append("priority")
    changed += [name for name in ("subject", "description") if name in named]
    for name, one in form.values.items():
        before = case.fields.get(name)
        if one.source not in ("stored", "default", notice_replies.SOURCE) and (
            before is None or before.words != one.words
        ):
            changed.append(name)
    return tuple(dict.fromkeys(changed))
