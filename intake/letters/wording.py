"""The lines of letters about a case, at most 72 characters: values, questions, problems.

Student data is never sent out: a letter names a field that the catalogue marks as personal, but it
does not repeat its text.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from intake.letters.locale import Locale
from intake.letters.masking import masked
from intake.letters.text import WIDTH, indented, one_line, wrap
from intake.mail.message import Message
from intake.model.accounts import Account
from intake.model.cases import CaseLine
from intake.model.context import SaidLine
from intake.model.incidents import NOTICE_CLASSES
from intake.parsers.submission import CASE_TYPE, FieldValue, Problem, Submission

MAX_VALUE_CHARS = 300
MAX_BRIEF_CHARS = 50  # of a free text in a request, so that the question stays in sight on a phone
MAX_ATTACHMENTS_NAMED = 20
MAX_SAID_CHARS = 1500  # of one mail in a conversation

THEIRS = ("subject", "description")  # are left out of a request: they are the person's own mail
FREE_WORDS = ("text", "multiline")  # kinds of fields that hold free text


def read_lines(
    submission: Submission,
    locale: Locale,
    accounts: Sequence[Account],
    repeat: str = "all",
    *,
    brief: bool = False,
) -> list[str]:
    """Return ``Label: value`` for every value that was read, in the order of the form.

    ``repeat`` "fields" leaves out free text, "none" leaves out everything but the type. ``brief``
    shows only the beginning of a long text, and not the mail itself.
    """
    catalogue = locale.catalogue
    case_type = catalogue.types.get(submission.type)
    label = case_type.label if case_type else locale.say("type-unknown")
    guessed = case_type is not None and CASE_TYPE in submission.missing
    shown = [] if guessed else wrap(locale.say("type"), label)
    first = ("account", "priority", "subject", "description")  # known before the type is
    order = case_type.fields if case_type else tuple(dict.fromkeys((*first, *submission.fields)))
    for name in order if repeat != "none" else ():
        if brief and name in THEIRS:
            continue
        field = catalogue.fields.get(name)
        if repeat == "fields" and field is not None and field.kind in FREE_WORDS:
            continue
        limit = MAX_BRIEF_CHARS if brief else MAX_VALUE_CHARS
        shown += _read_line(name, submission, locale, accounts, limit)
    return shown


def _read_line(
    name: str, submission: Submission, locale: Locale, accounts: Sequence[Account], limit: int
) -> list[str]:
    field = locale.catalogue.fields.get(name)
    if field is None or name in submission.missing:
        return []
    if name == "account":
        names = [account.name for account in accounts if account.id == submission.account]
        return wrap(field.label, names[0]) if names else []
    if name == "contact":
        value = submission.fields.get("contact")
        behalf = submission.submitted_by and value
        return wrap(field.label, shown_value(value, locale)) if behalf and value else []
    own = {
        "priority": locale.value(submission.priority),
        "subject": submission.subject,
        "description": submission.description,
    }
    value = submission.fields.get(name)
    words = own[name] if name in own else shown_value(value, locale)
    stands_in = value is not None and value.source == "default" and name in submission.recommended
    if not words or stands_in:  # a value that is still asked for is not shown as if it were given
        return []
    if field.personal_data:
        return wrap(field.label, locale.say("withheld"))
    return wrap(field.label, one_line(words, limit))


def shown_value(value: FieldValue | None, locale: Locale) -> str:
    """Return a value as people read it; its text when there is no typed value."""
    if value is None:
        return ""
    if isinstance(value.value, bool):
        return locale.say("yes" if value.value else "no")
    if isinstance(value.value, (list, tuple)):
        return ", ".join(locale.value(str(item)) for item in value.value)
    if value.value is None or (value.value == "none" and value.words):
        return value.words  # "aucun message": that there is none, in the writer's language
    return locale.value(str(value.value))


def _item(text: str) -> list[str]:
    return textwrap.wrap(
        f"- {text}", WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )


def type_label(name: str, locale: Locale) -> str:
    """Return the label of a type; empty for none."""
    kind = locale.catalogue.types.get(name)
    return kind.label if kind else ""


def problem_lines(submission: Submission, locale: Locale) -> list[str]:
    """Return one item for each value that was adjusted or not accepted, with the reason."""
    shown: list[str] = []
    for problem in submission.problems:
        shown += _item(_problem_text(problem, locale))
    return shown


def _problem_text(problem: Problem, locale: Locale) -> str:
    field = locale.catalogue.fields.get(problem.field)
    usual = "critical_only_outage" if problem.code == "capped" else "restore_retention"
    rule = locale.catalogue.rule(problem.rule or usual)
    name = f"problem.{problem.code}"
    if name not in locale.words:
        name = "problem.other"
    if field is not None and field.personal_data:
        name = "problem.personal"
    near = locale.value(problem.near)
    text = locale.say(
        name,
        label=field.label if field else problem.field,
        found=one_line(problem.found, 80),
        used=locale.value(one_line(problem.used, 80)),
        kept=_kept(problem, locale),
        near=f" {locale.say('near', near=near)}" if near else "",
        rule=rule.text if rule else "",
    )
    return text.strip()


def _kept(problem: Problem, locale: Locale) -> str:
    """Return what was done with a text that is not on a list."""
    if not problem.used:
        return ""
    if problem.used == problem.found:
        return f"; {locale.say('kept')}"
    return f"; {locale.say('kept-as', used=locale.value(one_line(problem.used, 80)))}"


def corrected_lines(submission: Submission, locale: Locale) -> list[str]:
    """Return ``Label: new value`` for every field that a reply changed."""
    own = {
        "priority": locale.value(submission.priority),
        "subject": submission.subject,
        "description": submission.description,
    }
    shown: list[str] = []
    for name in submission.changed:
        field = locale.catalogue.fields.get(name)
        if field is None:
            continue
        words = own[name] if name in own else shown_value(submission.fields.get(name), locale)
        hidden = locale.say("withheld")
        shown += wrap(field.label, hidden if field.personal_data else one_line(words, 300))
    return shown


def notice_lines(submission: Submission, locale: Locale) -> list[str]:
    """Return the catalogue's rules that this letter must state."""
    rules = (locale.catalogue.rule(rule_id) for rule_id in submission.notices)
    return [line for rule in rules if rule for line in _item(rule.text)]


def attachment_lines(
    mail: Message,
    locale: Locale,
    read_from: str = "",
    withheld: Mapping[str, str] | None = None,
) -> list[str]:
    """Return the name and size of every attached file; pictures inside the text do not count.

    ``read_from`` is the file that was read as the form; ``withheld`` says which files are withheld.
    """
    files = [attachment for attachment in mail.attachments if not attachment.inline]
    shown: list[str] = []
    for attachment in files[:MAX_ATTACHMENTS_NAMED]:
        as_form = f", {locale.say('read-as-form')}" if attachment.name == read_from else ""
        why = (withheld or {}).get(attachment.part, "")
        kept_back = f"; {locale.say('not-handed-on', why=why)}" if why else ""
        note = f"{size_text(attachment.size, locale)}{as_form}{kept_back}"
        shown += _item(f"{one_line(attachment.name, 60)} ({note})")
    if len(files) > MAX_ATTACHMENTS_NAMED:
        more = len(files) - MAX_ATTACHMENTS_NAMED
        shown.append(f"- {locale.say('more-files', count=more)}")
    return shown


def size_text(size: int, locale: Locale) -> str:
    """Return a size for people: 900 bytes, 12 KB, 3.4 MB."""
    if size < 1000:
        return locale.say("bytes", count=size)
    if size < 1_000_000:
        return f"{round(size / 1000)} KB"
    return f"{size / 1_000_000:.1f} MB"


@dataclass(frozen=True, slots=True)
class TypeLine:
    """A case type as the list of forms shows it."""

    label: str
    description: tuple[str, ...]  # wrapped and indented lines


def type_lines(locale: Locale) -> list[TypeLine]:
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
        for one in locale.catalogue.types.values()
    ]


def case_lines(case: CaseLine, locale: Locale, zone: str, accounts: Mapping[str, str]) -> list[str]:
    """Return one case of a list: number, state, dates and subject, but none of its text."""
    kind = locale.catalogue.types.get(case.type)
    label = kind.label if kind else locale.say("no-type")
    since = case.received_at.astimezone(ZoneInfo(zone)).date().isoformat()
    changed = case.updated_at.astimezone(ZoneInfo(zone)).date().isoformat()
    shown = [f"{case.number}  {locale.say(f'state.{case.status}')}"]
    shown += indented(one_line(case.subject, MAX_VALUE_CHARS))
    if case.account_id in accounts:
        label = locale.say("case-for", type=label, account=accounts[case.account_id])
    shown += indented(locale.say("case-dates", type=label, since=since, changed=changed))
    fields = (locale.catalogue.fields.get(name) for name in case.missing)
    names = ", ".join(field.label for field in fields if field)
    return shown + (indented(locale.say("still-open", names=names)) if names else [])


def conversation_lines(said: Sequence[SaidLine], locale: Locale, zone: str) -> list[str]:
    """Return what was said in a case: a line with day and name, then the words, indented."""
    shown = [locale.say("said-so-far")] if said else []
    for one in said:
        at = one.at.astimezone(ZoneInfo(zone))
        shown += ["", f"{at:%Y-%m-%d %H:%M}  {one_line(one.name, 80)}"]
        words = masked(one.text[:MAX_SAID_CHARS]).split("\n")
        shown += [line for text in words for line in indented(one_line(text, MAX_SAID_CHARS))]
        shown += ["    …"] if len(one.text) > MAX_SAID_CHARS else []
    return shown


def class_lines(kept: Sequence[str], locale: Locale, *, stopped: bool) -> list[str]:
    """Return the kinds of notices that continue, or those that stopped, one item each."""
    names = (one for one in NOTICE_CLASSES if (one in kept) is not stopped)
    return [line for one in names for line in _item(locale.say(f"class.{one}"))]


def megabytes(size: int) -> str:
    """Return "52.4 MB": in millions of bytes, as mail programs show it; a small size in kB."""
    return f"{size / 1_000_000:.1f} MB" if size >= 100_000 else f"{size / 1000:.1f} kB"
