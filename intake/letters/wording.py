"""The lines of letters about a case, at most 72 characters: values, questions, problems.

Student data is never sent out: a letter names a field that the catalogue marks as personal, but it
does not repeat its text.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from intake.catalogue.catalogue import Catalogue, Field
from intake.letters.text import (
    WIDTH,
    indented,
    one_line,
    wrap,
)
from intake.mail.message import Message
from intake.model.accounts import Account
from intake.model.cases import CaseLine
from intake.model.incidents import NOTICE_CLASSES
from intake.model.states import CaseStatus
from intake.parsers.submission import CASE_TYPE, FieldValue, Problem, Submission

MAX_VALUE_CHARS = 300
MAX_ATTACHMENTS_NAMED = 20
MAX_NUMBERED = 12  # choices that stand in lines of their own
MAX_UNDERSTOOD_CHARS = 60  # of a value in the sentence that says what was read
WHAT_IS_IT = "What is it about? Write the"
_PLACE = re.compile(r"\{(\w+)\}")

PROBLEMS = {
    "capped": "{label}: you wrote {found!r}; we set it to {used!r}. {rule}",
    "unknown-choice": "{label}: {found!r} is not on our list{kept}.{near}",
    "bad-date": "{label}: {found!r} could not be read as a date.",
    "bad-email": "{label}: {found!r} is not an email address.",
    "bad-phone": "{label}: {found!r} could not be read as a phone number.",
    "past": "{label}: {found!r} has already passed.",
    "future": "{label}: {found!r} lies ahead.",
    "too-old": "{label}: {found!r} is further back than our backups reach. {rule}",
    "not-yours": "{label}: {found!r} is not one of yours{kept}.",
    "ambiguous": "{label}: {found!r} could be more than one person. Please give the address.",
    "same-person": "{label}: this is the new contact. Whom do they replace?",
    "not-lost": "{label}: you wrote {found!r}. {rule}",
    "said-no": "{label}: you wrote {found!r}. {rule}",
    "sealed": "Your mail is encrypted or wrapped, and we cannot read it. Please send it once more"
    " without that.",
    "not-confirmed": "{label}: we could not read a yes in {found!r}.",
    "several": "{label}: you work for more than one. Which one is this about?",
    "two-forms": "Your mail holds two filled forms. Please send one mail for each case.",
}


@dataclass(frozen=True, slots=True)
class Question:
    """One field as a letter asks for it."""

    label: str
    help: tuple[str, ...]  # lines in brackets, above the label
    value: str = ""  # " Medium": the text already after the colon


FREE_WORDS = ("text", "multiline")  # kinds of fields that hold free text


def read_lines(
    submission: Submission, catalogue: Catalogue, accounts: Sequence[Account], repeat: str = "all"
) -> list[str]:
    """Return ``Label: value`` for every value that was read, in the order of the form.

    ``repeat`` "fields" leaves out free text, "none" leaves out everything but the type.
    """
    case_type = catalogue.types.get(submission.type)
    label = case_type.label if case_type else "not told yet"
    guessed = case_type is not None and CASE_TYPE in submission.missing
    shown = [] if guessed else wrap("Case Type", label)
    first = ("account", "priority", "subject", "description")  # known before the type is
    order = case_type.fields if case_type else tuple(dict.fromkeys((*first, *submission.fields)))
    for name in order if repeat != "none" else ():
        field = catalogue.fields.get(name)
        if repeat == "fields" and field is not None and field.kind in FREE_WORDS:
            continue
        shown += _read_line(name, submission, catalogue, accounts)
    return shown


def _read_line(
    name: str, submission: Submission, catalogue: Catalogue, accounts: Sequence[Account]
) -> list[str]:
    field = catalogue.fields.get(name)
    if field is None or name in submission.missing:
        return []
    if name == "account":
        names = [account.name for account in accounts if account.id == submission.account]
        return wrap(field.label, names[0]) if names else []
    if name == "contact":
        value = submission.fields.get("contact")
        behalf = submission.submitted_by and value
        return wrap(field.label, shown_value(value)) if behalf and value else []
    own = {
        "priority": submission.priority,
        "subject": submission.subject,
        "description": submission.description,
    }
    value = submission.fields.get(name)
    words = own[name] if name in own else shown_value(value)
    stands_in = value is not None and value.source == "default" and name in submission.recommended
    if not words or stands_in:  # a value that is still asked for is not shown as if it were given
        return []
    if field.personal_data:
        return wrap(field.label, "received, not repeated here")
    return wrap(field.label, one_line(words, MAX_VALUE_CHARS))


def shown_value(value: FieldValue | None) -> str:
    """Return a value as people read it; its text when there is no typed value."""
    if value is None:
        return ""
    if isinstance(value.value, bool):
        return "yes" if value.value else "no"
    if isinstance(value.value, (list, tuple)):
        return ", ".join(str(item) for item in value.value)
    return str(value.value) if value.value is not None else value.words


def _item(text: str) -> list[str]:
    return textwrap.wrap(
        f"- {text}", WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )


def questions(
    submission: Submission, catalogue: Catalogue, names: Iterable[str], *, numbered: bool = True
) -> list[Question]:
    """Return the fields with those names as questions, each with its help and its choices.

    ``numbered``: choices stand in lines of their own with a number, which is an answer, too.
    """
    return [_question(submission, catalogue, name, numbered=numbered) for name in names]


def _question(
    submission: Submission, catalogue: Catalogue, name: str, *, numbered: bool
) -> Question:
    field = catalogue.fields[name]
    hints = [field.help] if field.help else []
    offered = _offered(submission, catalogue, field)
    rows: tuple[str, ...] = ()
    if numbered and _is_numbered(field, offered):
        guess = catalogue.types.get(submission.type) if name == CASE_TYPE else None
        if name == CASE_TYPE:
            hints = [f"Is it {guess.label}? Write yes, or else the" if guess else WHAT_IS_IT]
            hints[0] += " number or the name:"
        else:
            hints.append("One of:")
        rows = tuple(f" {place}. {one}" for place, one in enumerate(offered, 1))
    elif offered:
        hints.append(f"One of: {', '.join(offered)}.")
    text = " ".join(hints)
    helped = textwrap.wrap(f"({text}", WIDTH - 1, break_long_words=False) if text else []
    lines = [*helped, *rows]
    if lines:
        lines[-1] += ")"
    value = f" {catalogue.default_priority}" if name == "priority" else ""
    likely = submission.likely.get(name)
    if likely is not None and not field.personal_data:
        value = f" {one_line(shown_value(likely), MAX_VALUE_CHARS)}"
    return Question(field.label, tuple(lines), value)


def _is_numbered(field: Field, offered: Sequence[str]) -> bool:
    """Return whether the choices stand in lines of their own; their numbers are answers, too."""
    one_line_each = field.name == CASE_TYPE or field.kind in ("account_ref", "choice")
    return one_line_each and field.name != "priority" and 1 < len(offered) <= MAX_NUMBERED


def type_label(name: str, catalogue: Catalogue) -> str:
    """Return the label of a type; empty for none."""
    kind = catalogue.types.get(name)
    return kind.label if kind else ""


def understood(submission: Submission, catalogue: Catalogue) -> str:
    """Return in a few words what was read: "Application Issue about Attendance"."""
    kind = catalogue.types.get(submission.type)
    if kind is None:
        return ""
    shown = [kind.label]
    for part in kind.summary:
        name = _PLACE.search(part)
        value = submission.fields.get(name[1]) if name else None
        field = catalogue.fields.get(name[1]) if name else None
        if name is None or value is None or field is None or field.personal_data:
            continue
        words = value.words if field.kind == "date" else shown_value(value)
        if value.source != "default" and len(words) <= MAX_UNDERSTOOD_CHARS:
            shown.append(part.replace(name[0], one_line(words, MAX_UNDERSTOOD_CHARS)))
    return " ".join(shown).replace(" ,", ",")


def _offered(submission: Submission, catalogue: Catalogue, field: Field) -> tuple[str, ...]:
    """Return the choices that a problem offers (the sender's own districts), else the type's."""
    for problem in submission.problems:
        if problem.field == field.name and problem.choices:
            return problem.choices
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
        return tuple(allowed)
    return tuple(choice.value for choice in field.choices_on(submission.type).values)


def problem_lines(submission: Submission, catalogue: Catalogue) -> list[str]:
    """Return one item for each value that was adjusted or not accepted, with the reason."""
    shown: list[str] = []
    for problem in submission.problems:
        shown += _item(_problem_text(problem, catalogue))
    return shown


def _problem_text(problem: Problem, catalogue: Catalogue) -> str:
    field = catalogue.fields.get(problem.field)
    usual = "critical_only_outage" if problem.code == "capped" else "restore_retention"
    rule = catalogue.rule(problem.rule or usual)
    form = PROBLEMS.get(problem.code, "{label}: {found!r} could not be taken{kept}.")
    if field is not None and field.personal_data:
        form = "{label}: what you wrote could not be taken."
    text = form.format(
        label=field.label if field else problem.field,
        found=one_line(problem.found, 80),
        used=one_line(problem.used, 80),
        kept=_kept(problem),
        near=f" Did you mean {problem.near}?" if problem.near else "",
        rule=rule.text if rule else "",
    )
    return text.strip()


def _kept(problem: Problem) -> str:
    """Return what was done with a text that is not on a list."""
    if not problem.used:
        return ""
    if problem.used == problem.found:
        return "; we kept it as you wrote it"
    return f"; we used {one_line(problem.used, 80)!r}"


def corrected_lines(submission: Submission, catalogue: Catalogue) -> list[str]:
    """Return ``Label: new value`` for every field that a reply changed."""
    own = {
        "priority": submission.priority,
        "subject": submission.subject,
        "description": submission.description,
    }
    shown: list[str] = []
    for name in submission.changed:
        field = catalogue.fields.get(name)
        if field is None:
            continue
        words = own[name] if name in own else shown_value(submission.fields.get(name))
        hidden = "received, not repeated here"
        shown += wrap(field.label, hidden if field.personal_data else one_line(words, 300))
    return shown


def notice_lines(submission: Submission, catalogue: Catalogue) -> list[str]:
    """Return the catalogue's rules that this letter must state."""
    rules = (catalogue.rule(rule_id) for rule_id in submission.notices)
    return [line for rule in rules if rule for line in _item(rule.text)]


def attachment_lines(
    mail: Message, read_from: str = "", withheld: Mapping[str, str] | None = None
) -> list[str]:
    """Return the name and size of every attached file; pictures inside the text do not count.

    ``read_from`` is the file that was read as the form; ``withheld`` says which files are withheld.
    """
    files = [attachment for attachment in mail.attachments if not attachment.inline]
    shown: list[str] = []
    for attachment in files[:MAX_ATTACHMENTS_NAMED]:
        as_form = ", read as the form" if attachment.name == read_from else ""
        why = (withheld or {}).get(attachment.part, "")
        kept_back = f"; not handed on: {why}" if why else ""
        note = f"{size_text(attachment.size)}{as_form}{kept_back}"
        shown += _item(f"{one_line(attachment.name, 60)} ({note})")
    if len(files) > MAX_ATTACHMENTS_NAMED:
        shown.append(f"- and {len(files) - MAX_ATTACHMENTS_NAMED} more")
    return shown


def size_text(size: int) -> str:
    """Return a size for people: 900 bytes, 12 KB, 3.4 MB."""
    if size < 1000:
        return f"{size} bytes"
    if size < 1_000_000:
        return f"{round(size / 1000)} KB"
    return f"{size / 1_000_000:.1f} MB"


@dataclass(frozen=True, slots=True)
class TypeLine:
    """A case type as the list of forms shows it."""

    label: str
    description: tuple[str, ...]  # wrapped and indented lines


def type_lines(catalogue: Catalogue) -> list[TypeLine]:
    """Return every case type with its description."""
    return [
        TypeLine(
            one.label,
            tuple(
                textwrap.wrap(
                    one.description, WIDTH, initial_indent="    ", subsequent_indent="    "
                )
            ),
        )
        for one in catalogue.types.values()
    ]


STATES: Mapping[str, str] = {
    CaseStatus.DRAFT: "waits for your answer",
    CaseStatus.OPEN: CaseStatus.OPEN,
    CaseStatus.WAITING: "waits",
    CaseStatus.RESOLVED: CaseStatus.RESOLVED,
    CaseStatus.CLOSED: CaseStatus.CLOSED,
}


def case_lines(
    case: CaseLine, catalogue: Catalogue, zone: str, accounts: Mapping[str, str]
) -> list[str]:
    """Return one case of a list: number, state, dates and subject, but none of its text."""
    kind = catalogue.types.get(case.type)
    label = kind.label if kind else "no type yet"
    since = case.received_at.astimezone(ZoneInfo(zone)).date().isoformat()
    changed = case.updated_at.astimezone(ZoneInfo(zone)).date().isoformat()
    shown = [f"{case.number}  {STATES.get(case.status, case.status)}"]
    shown += indented(one_line(case.subject, MAX_VALUE_CHARS))
    where = f" for {accounts[case.account_id]}" if case.account_id in accounts else ""
    shown += indented(f"{label}{where}, of {since}, last changed {changed}")
    fields = (catalogue.fields.get(name) for name in case.missing)
    names = ", ".join(field.label for field in fields if field)
    return shown + (indented(f"still open: {names}") if names else [])


CLASSES = {
    "outage": "outages and other incidents",
    "security": "security matters",
    "maintenance": "planned maintenance",
    "informational": "general information",
}


def class_lines(kept: Sequence[str], *, stopped: bool) -> list[str]:
    """Return the kinds of notices that continue, or those that stopped, one item each."""
    names = (one for one in NOTICE_CLASSES if (one in kept) is not stopped)
    return [line for one in names for line in _item(CLASSES[one])]


def megabytes(size: int) -> str:
    """Return "52.4 MB": in millions of bytes, as mail programs show it; a small size in kB."""
    return f"{size / 1_000_000:.1f} MB" if size >= 100_000 else f"{size / 1000:.1f} kB"
