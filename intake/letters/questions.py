"""The questions of a request and of a blank form, and the sentence that says what was read."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from intake.catalogue.catalogue import Field
from intake.letters.locale import Locale
from intake.letters.text import WIDTH, one_line
from intake.letters.wording import MAX_VALUE_CHARS, shown_value
from intake.parsers.submission import CASE_TYPE, Submission

MAX_NUMBERED = 12  # choices that stand in lines of their own
MAX_UNDERSTOOD_CHARS = 60  # of a value in the sentence that says what was read
_PLACE = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Question:
    """One field as a letter asks for it."""

    label: str
    help: tuple[str, ...]  # lines in brackets, above the label
    value: str = ""  # " Medium": the text already after the colon


def questions(
    submission: Submission, locale: Locale, names: Iterable[str], *, numbered: bool = True
) -> list[Question]:
    """Return the fields with those names as questions, each with its help and its choices.

    ``numbered``: choices stand in lines of their own with a number, which is an answer, too.
    """
    return [_question(submission, locale, name, numbered=numbered) for name in names]


def _question(submission: Submission, locale: Locale, name: str, *, numbered: bool) -> Question:
    catalogue = locale.catalogue
    field = catalogue.fields[name]
    hints = [field.help] if field.help else []
    offered = _offered(submission, locale, field)
    rows: tuple[str, ...] = ()
    if numbered and _is_numbered(field, offered):
        guess = catalogue.types.get(submission.type) if name == CASE_TYPE else None
        if name == CASE_TYPE:
            hints = [locale.say("is-it", type=guess.label) if guess else locale.say("what-is-it")]
        else:
            hints.append(locale.say("one-of-list"))
        rows = tuple(f" {place}. {one}" for place, one in enumerate(offered, 1))
    elif offered:
        hints.append(locale.say("one-of", choices=", ".join(offered)))
    text = " ".join(hints)
    helped = textwrap.wrap(f"({text}", WIDTH - 1, break_long_words=False) if text else []
    lines = [*helped, *rows]
    if lines:
        lines[-1] += ")"
    value = f" {locale.value(catalogue.default_priority)}" if name == "priority" else ""
    likely = submission.likely.get(name)
    if likely is not None and not field.personal_data:
        value = f" {one_line(shown_value(likely, locale), MAX_VALUE_CHARS)}"
    return Question(field.label, tuple(lines), value)


def _is_numbered(field: Field, offered: Sequence[str]) -> bool:
    """Return whether the choices stand in lines of their own; their numbers are answers, too."""
    one_line_each = field.name == CASE_TYPE or field.kind in ("account_ref", "choice")
    return one_line_each and field.name != "priority" and 1 < len(offered) <= MAX_NUMBERED


def _offered(submission: Submission, locale: Locale, field: Field) -> tuple[str, ...]:
    """Return the choices that a problem offers (the sender's own districts), else the type's."""
    catalogue = locale.catalogue
    for problem in submission.problems:
        if problem.field == field.name and problem.choices and field.name != CASE_TYPE:
            return tuple(locale.value(one) for one in problem.choices)
    if field.name == CASE_TYPE:
        first = [name for name in (submission.type, *submission.guesses) if name]
        names = dict.fromkeys((*first, *catalogue.types))
        return tuple(catalogue.types[name].label for name in names)
    if field.name == "priority":
        allowed = [
            choice.value
            for choice in catalogue.priorities.values
            if not choice.only_types or submission.type in choice.only_types
        ]
        return tuple(map(locale.value, allowed))
    return tuple(locale.value(one.value) for one in field.choices_on(submission.type).values)


def understood(submission: Submission, locale: Locale) -> str:
    """Return in a few words what was read: "Application Issue about Attendance"."""
    kind = locale.catalogue.types.get(submission.type)
    if kind is None:
        return ""
    shown = [kind.label]
    for part in kind.summary:
        name = _PLACE.search(part)
        value = submission.fields.get(name[1]) if name else None
        field = locale.catalogue.fields.get(name[1]) if name else None
        if name is None or value is None or field is None or field.personal_data:
            continue
        words = value.words if field.kind == "date" else shown_value(value, locale)
        if value.source != "default" and len(words) <= MAX_UNDERSTOOD_CHARS:
            shown.append(part.replace(name[0], one_line(words, MAX_UNDERSTOOD_CHARS)))
    return " ".join(shown).replace(" ,", ",")
