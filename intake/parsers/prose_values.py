"""Fill a form with what ordinary prose says, in this mail and in the one that began a draft.

Labels and stored values are never replaced. What is sure is taken. What is likely is offered in the
question; after that question it counts, unless the answer corrects it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from intake.catalogue.catalogue import CaseType, Field
from intake.model.states import CaseStatus
from intake.parsers.dates import Calendar
from intake.parsers.form_rules import Form
from intake.parsers.prose.reading import SURE, Reading
from intake.parsers.prose.values import values_in_prose
from intake.parsers.submission import PROSE, Candidate, FieldValue
from intake.parsers.values import WEAK, take

FORM_LABELS = 2  # fields under labels of their own that make a mail a form
NOT_READ = ("account", "contact", "subject", "description")


def fill(
    form: Form, case: CaseType | None, subject: str, candidates: Sequence[Candidate], free: str
) -> None:
    """Put the values that prose shows into the form. A mail that is a form is left alone."""
    stored = form.circumstances.case
    if case is None or (stored is not None and stored.status != CaseStatus.DRAFT):
        return
    if form.sealed or len(_labelled(candidates)) >= FORM_LABELS:
        return
    told = {one.field for one in candidates if one.words.strip()}
    told |= {problem.field for problem in form.problems}
    _read(form, "" if stored else subject, free, form.calendar, told, certain=False)
    if stored is not None:
        written = stored.received_at or form.calendar.written_at
        calendar = replace(form.calendar, written_at=written)
        _read(form, stored.subject, stored.description, calendar, told, certain=True)


def completed(form: Form, missing: tuple[str, ...]) -> tuple[str, ...]:
    """Return what is missing; when likely values would fill all of it, they are taken."""
    if not missing or not all(name in form.likely for name in missing):
        return missing
    for name in missing:
        form.values[name] = form.likely.pop(name)
    return ()


def _labelled(candidates: Sequence[Candidate]) -> set[str]:
    return {
        one.field
        for one in candidates
        if one.words.strip() and one.source not in (*WEAK, "reply") and one.label
    }


def _read(
    form: Form, subject: str, text: str, calendar: Calendar, told: set[str], *, certain: bool
) -> None:
    found = values_in_prose(subject, text, form.type, form.catalogue, calendar)
    for name, reading in found.items():
        field = form.catalogue.fields[name]
        if name in NOT_READ or name in told or name in form.values:
            continue
        value = _value(form, field, reading, calendar)
        if value is None:
            continue
        if name == "priority":
            _priority(form, value, reading)
        elif certain or reading.strength == SURE:
            form.values[name] = value
        else:
            form.likely.setdefault(name, value)


def _priority(form: Form, value: FieldValue, reading: Reading) -> None:
    """Set a priority that the words ask for, where none is given otherwise."""
    case = form.catalogue.types[form.type]
    default = case.default_priority or form.catalogue.default_priority
    if form.priority == default and reading.strength == SURE and isinstance(value.value, str):
        form.priority = value.value


def _value(form: Form, field: Field, reading: Reading, calendar: Calendar) -> FieldValue | None:
    """Return the typed value of a reading; None when it does not fit the field."""
    words = reading.value or reading.words
    if field.keep_text and not reading.value:
        return FieldValue(None, reading.words, PROSE, "", reading.start, reading.end)
    taken = take(words, field, form.type, form.catalogue, calendar)
    if taken.value is None or taken.code:
        return None
    shown = reading.words or words
    return FieldValue(taken.value, shown, PROSE, "", reading.start, reading.end)
