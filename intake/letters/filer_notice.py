"""Inform the contact who filed a case that a colleague has added to it or completed it.

At most one letter an hour is sent for each case and person, and none while a rate limit holds
letters back. Otherwise programs that answer each other would never stop.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from intake.letters import wording
from intake.letters.compose import to_person
from intake.letters.letter import Letter, LetterContext, Occasion, Reached, Thread
from intake.letters.locale import locale
from intake.letters.masking import masked
from intake.letters.text import WIDTH, one_line
from intake.model.accounts import Contact
from intake.model.context import Known
from intake.model.states import CASE_OVER, CaseStatus
from intake.triage.decision import Decision

ACTIONS = ("append", "complete")
MAX_ADDED_LINES = 12


def to_filers(
    decision: Decision, known: Known, letter_context: LetterContext, now: datetime
) -> tuple[Letter, ...]:
    """Return the letters; none when the writer filed the case alone. Raises LetterError."""
    case, change, sender = decision.case, decision.change, decision.sender
    writer = sender.contact if sender else None
    if case is None or change is None or writer is None or decision.action not in ACTIONS:
        return ()
    if decision.held_back:
        return ()
    filed = {case.contact_id, case.submitted_by} - {"", writer.id}
    told = [one for one in known.colleagues if one.id in filed and _is_told(one)]
    values: dict[str, object] = {
        "writer": one_line(writer.name, 100),
        "completed": decision.action == "complete",
        "closed": change.status == CaseStatus.CLOSED,
        "reopened": case.status in CASE_OVER and change.status == CaseStatus.OPEN,
        "added": _added(change.comment) if letter_context.repeat == "all" else [],
    }
    thread = Thread(case.number, case.subject)
    return tuple(
        to_person(
            letter_context,
            Reached.at(one),
            Occasion(
                "changed",
                f"{case.number}:{one.id}:{now:%Y-%m-%dT%H}",
                values | {"changed": _changed(decision, letter_context, one)},
                thread,
            ),
            now,
        )
        for one in told
        if case.is_for(one)
    )


def _is_told(contact: Contact) -> bool:
    return contact.active and bool(contact.emails) and contact.wants_acknowledgements


def _changed(decision: Decision, letter_context: LetterContext, told: Contact) -> list[str]:
    if decision.submission is None or letter_context.repeat == "none":
        return []
    return wording.corrected_lines(decision.submission, locale(letter_context, told.reads))


def _added(comment: str) -> Sequence[str]:
    told = [one_line(line, WIDTH) for line in masked(comment).splitlines()]
    shown = [line for line in told if line][:MAX_ADDED_LINES]
    return [*shown, "…"] if len(shown) < len([line for line in told if line]) else shown
