"""Fill a form with what ordinary prose says, in this mail and in the one that began a draft.

Labels and stored values are never replaced. What is sure is taken. What is likely is offered in the
question; after that question it counts, unless the answer corrects it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from intake.catalogue.catalogue import CaseType, Field
from intake.catalogue.translation import labels_of
from intake.model.states import CaseStatus
from intake.parsers import forwarded, own_record, quoted_text
from intake.parsers.dates import Calendar
from intake.parsers.form_rules import Form
from intake.parsers.prose.kinds import is_form, two_matters
from intake.parsers.prose.reading import FAINT, SURE, Reading
from intake.parsers.prose.values import values_in_prose, without_closing
from intake.parsers.submission import FORWARDED, PROSE, Candidate, FieldValue, Problem, Scan
from intake.parsers.values import MAX_UNLISTED_WORDS, take

EARLIER = "earlier"
PRIORITY = "priority"
UNLISTED = "unknown-choice"  # a module that is not in the open list, kept as written
MAX_CHANGE_WORDS = 4  # of a sentence that names another value
MAX_OFFERED_CHARS = 250  # of a line; a longer value was cut
NOT_READ = ("account", "contact", "subject", "description")


@dataclass(frozen=True, slots=True)
class Part:
    """A text of the conversation, with the day on which it was written."""

    subject: str
    text: str
    calendar: Calendar
    origin: str = PROSE  # PROSE: this mail; FORWARDED; EARLIER: the mail that began the draft


def fill(
    form: Form, case: CaseType | None, candidates: Sequence[Candidate], parts: Sequence[Part]
) -> None:
    """Put the values that prose shows into the form. A mail that is a form is left alone."""
    stored = form.circumstances.case
    if case is None or (stored is not None and stored.status != CaseStatus.DRAFT):
        return
    if form.sealed or is_form(_labelled(candidates), form.catalogue):
        return
    told = {one.field for one in candidates if one.words.strip()}
    told |= {problem.field for problem in form.problems}
    talk = {problem.field for problem in form.problems if _is_talk(problem)}
    told -= talk
    faint: dict[str, FieldValue] = {}
    for part in parts:
        _read(form, part, told, faint)
    for name, value in faint.items():
        if name not in form.values:
            form.likely.setdefault(name, value)
    own_record.fill(form, [part.text for part in parts if part.origin != FORWARDED])
    _untouched(form, told)
    answered = talk & form.values.keys()
    form.problems = [one for one in form.problems if one.field not in answered]


def _is_talk(problem: Problem) -> bool:
    """Return whether a sentence stands where a listed value was asked: "It is all in my mail"."""
    words = problem.found.rstrip()
    sentence = len(words.split()) > MAX_UNLISTED_WORDS or words.endswith("?")
    return problem.code == UNLISTED and problem.blocking and sentence


def parts_of(form: Form, scan: Scan, free: str, candidates: Sequence[Candidate]) -> list[Part]:
    """Return the texts to read: this mail, what it passes on, the mail that began the draft.

    Text under the label of a long field is prose, too.
    """
    long = {name for name, field in form.catalogue.fields.items() if field.kind == "multiline"}
    under = [one.words for one in candidates if one.field in long]
    if under:  # below the closing line they would be a signature
        ended = (f"{one}." if one[-1:].isalnum() else one for one in under)
        free = quoted_text.joined(without_closing(free), *ended)
    stored, calendar = form.circumstances.case, form.calendar
    if stored is None:
        free = two_matters(free, form.catalogue)[0]
        header, words = forwarded.split(scan.forwarded)
        passed_on = forwarded.calendar_of(header, calendar, words)
        return [Part(scan.subject, free, calendar), Part("", words, passed_on, FORWARDED)]
    before = replace(calendar, written_at=stored.received_at or calendar.written_at)
    own = stored.description.partition(quoted_text.MARK)[0]
    own = two_matters(own, form.catalogue)[0]
    return [Part("", free, calendar), Part(stored.subject, own, before, EARLIER)]


def completed(form: Form, missing: tuple[str, ...]) -> tuple[str, ...]:
    """Return what is missing; when likely values would fill all of it, they are taken.

    So is a likely module that nothing asks for, because no request will offer it. They are not
    taken where the type itself is always confirmed: data restores, access, contacts.
    """
    asks = any(cue.asks and cue.type == form.type for cue in form.catalogue.cues)
    if asks or not all(name in form.likely for name in missing):
        return missing
    for name in dict.fromkeys((*missing, *filter(partial(_is_choice, form), form.likely))):
        form.values[name] = form.likely.pop(name)
    return ()


def _is_choice(form: Form, name: str) -> bool:
    """Return whether a field is one of listed values, and not what is judged by words alone."""
    return form.catalogue.fields[name].kind == "choice" and name != PRIORITY


def _untouched(form: Form, told: set[str]) -> None:
    """Take what our letter offered with a question, when the answer does not correct it."""
    pending = form.circumstances.pending
    for name in pending.asked if pending and form.circumstances.case else ():
        field = form.catalogue.fields.get(name)
        if field is None or name in (*NOT_READ, PRIORITY) or name in told:
            continue
        if pending is None or _is_given(form, name):
            continue
        words = _offered(pending.text, labels_of(form.catalogue, name))
        value = _value(form, field, Reading(name, words, SURE), Part("", "", form.calendar))
        if words and value is not None:
            form.values[name] = value


def _offered(letter: str, labels: Sequence[str]) -> str:
    """Return the text behind the label in our letter, if it stands on the line of the label."""
    for line in letter.splitlines():
        head, colon, rest = line.partition(":")
        if colon and head in labels:
            return rest.strip() if len(line) <= MAX_OFFERED_CHARS else ""
    return ""


def _labelled(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return what stands under labels of the mail's own."""
    return [one for one in candidates if one.source != "reply" and one.label]


def _read(form: Form, part: Part, told: set[str], faint: dict[str, FieldValue]) -> None:
    """Take or offer what one text says; ``faint`` gets what counts only if no text says more."""
    found = values_in_prose(part.subject, part.text, form.type, form.catalogue, part.calendar)
    for name, reading in found.items():
        field = form.catalogue.fields[name]
        if name in NOT_READ or name in told:
            continue
        if _is_given(form, name) and not _is_changed(form, field, reading, part):
            continue
        value = _value(form, field, reading, part)
        if value is None:
            continue
        if name == PRIORITY:
            _priority(form, value, reading, part)
        elif reading.strength == FAINT:
            faint.setdefault(name, value)
        elif _is_taken(field, part, reading):
            form.values[name] = value
        else:
            form.likely.setdefault(name, value)


def _is_taken(field: Field, part: Part, reading: Reading) -> bool:
    """Return whether a value is taken without a question.

    Personal data cannot be offered in a letter, so what is likely counts.
    """
    if part.origin == EARLIER or field.personal_data:
        return True
    return part.origin == PROSE and reading.strength == SURE


def _is_changed(form: Form, field: Field, reading: Reading, part: Part) -> bool:
    """Return whether a reply begins with another listed value than prose showed: "Replace."."""
    stored = form.circumstances.case
    before = stored.fields.get(field.name) if stored else None
    if before is None or before.source != PROSE or part.origin != PROSE or field.kind != "choice":
        return False
    first = re.split(r"[.!\n]", part.text.strip()[:MAX_OFFERED_CHARS], maxsplit=1)[0]
    short = reading.words in first and len(first.split()) <= MAX_CHANGE_WORDS
    listed = {one.value for one in field.choices_on(form.type).values}
    return short and reading.strength == SURE and reading.value in listed


def _is_given(form: Form, name: str) -> bool:
    """Return whether the field has a value that was given, and not one that stands for none."""
    stored = form.circumstances.case
    before = stored.fields.get(name) if stored else None
    stands_in = before is not None and before.source == "default"
    return name in form.values and not (stands_in and form.values[name].source == "stored")


def _priority(form: Form, value: FieldValue, reading: Reading, part: Part) -> None:
    """Set a priority that the writer's own words ask for, where none is given otherwise."""
    if part.origin == FORWARDED:
        return
    case = form.catalogue.types[form.type]
    default = case.default_priority or form.catalogue.default_priority
    if form.priority == default and reading.strength == SURE and isinstance(value.value, str):
        form.priority = value.value


def _value(form: Form, field: Field, reading: Reading, part: Part) -> FieldValue | None:
    """Return the typed value of a reading; None when it does not fit the field."""
    source = FORWARDED if part.origin == FORWARDED else PROSE
    words = reading.value or reading.words
    if not reading.value and (field.keep_text or field.kind == "date"):  # "the week of March 16"
        return FieldValue(None, reading.words, source, "", reading.start, reading.end)
    taken = take(words, field, form.type, form.catalogue, part.calendar)
    if taken.value is None or taken.code not in ("", UNLISTED):
        return None
    shown = reading.words or words
    return FieldValue(taken.value, shown, source, "", reading.start, reading.end)
