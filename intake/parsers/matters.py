"""Separate several matters in one mail: each filled form, and each answer under a case number.

Each part is the whole mail with another body, so all code that reads mails can read a part.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from intake.catalogue.catalogue import Catalogue
from intake.mail.message import Attachment, Html, Message
from intake.mail.tokens import number_pattern
from intake.parsers import body_lines
from intake.parsers.attached_forms import MIN_FIELDS, AttachedForm, attached_forms, candidates
from intake.parsers.case_type import type_of
from intake.parsers.label_index import Named, Table, named, table
from intake.parsers.scanner import scan
from intake.parsers.submission import Matter, Scan
from intake.parsers.values import WEAK

MAX_MATTERS = 10  # in one mail; with more of them it is read as one
MAX_NUMBERED_CHARS = 50_000  # of a reply that is searched for case numbers
PARTIES = ("account", "contact")  # above the first form they apply to all forms


def read(message: Message, catalogue: Catalogue) -> Scan:
    """Return everything the mail contains, and each of its filled forms separately.

    Never raises.
    """
    whole = scan(message, catalogue)
    if not any(one.code in ("two-forms", "form-differs") for one in whole.warnings):
        return whole
    return replace(whole, matters=_forms(message, whole, catalogue))


def _forms(message: Message, whole: Scan, catalogue: Catalogue) -> tuple[Matter, ...]:
    """Return the filled forms; none when fewer than two can be separated with certainty."""
    files = _form_files(message, catalogue)
    bodies = _in_the_text(message, whole, catalogue) or [replace(message, attachments=())]
    written = [Matter(one, scan(one, catalogue)) for one in bodies]
    if not _are_forms(written):
        written = []
    told = {one.scan.type for one in written}
    attached = [
        Matter(one, scan(one, catalogue), from_file=True)
        for one in (_with_file(message, file) for file in files)
    ]
    if written:  # the same form as a file is not another matter
        attached = [one for one in attached if one.scan.type not in told]
    elif attached:
        first = replace(attached[0].message, plain=message.plain, html=message.html)
        attached[0] = Matter(first, scan(first, catalogue), from_file=True)
    found = [*written, *attached]
    if not 1 < len(found) <= MAX_MATTERS or not _are_forms(found):
        return ()
    return tuple(
        replace(
            one, message=replace(one.message, attachments=()), scan=replace(one.scan, wish=None)
        )
        for one in found
    )


def _are_forms(found: Sequence[Matter]) -> bool:
    """Return whether each names its type and has a value besides type, account and contact."""
    return all(
        one.scan.type
        and not any(warning.code == "two-forms" for warning in one.scan.warnings)
        and any(
            given.field not in ("case_type", *PARTIES)
            for given in one.scan.candidates
            if given.words.strip() and given.source not in WEAK
        )
        for one in found
    )


def _form_files(message: Message, catalogue: Catalogue) -> list[Attachment]:
    """Return the attached forms that name their type; of two with the same answers, the first."""
    files: list[Attachment] = []
    seen: set[tuple[tuple[str, str], ...]] = set()
    for file in message.attachments:
        for form in attached_forms(replace(message, attachments=(file,)), catalogue).forms:
            given = _answers(form, catalogue)
            names_type = any(
                type_of(words, catalogue, near=True) for name, words in given if name == "case_type"
            )
            if names_type and len(given) > MIN_FIELDS and given not in seen:
                seen.add(given)
                files.append(file)
    return files


def _answers(form: AttachedForm, catalogue: Catalogue) -> tuple[tuple[str, str], ...]:
    found = ((one.field, one.words.casefold()) for one in candidates(form, catalogue, ""))
    return tuple(sorted(set(found)))


def _with_file(message: Message, file: Attachment) -> Message:
    return replace(message, attachments=(file,), plain="", html=Html())


# ---------------------------------------------------------------- forms one below the other


def _in_the_text(message: Message, whole: Scan, catalogue: Catalogue) -> list[Message]:
    """Cut the body where another form begins; empty when it holds one form or none."""
    lines = body_lines.split(whole.text)
    labels = table(catalogue, "")
    own = {line.start for line in body_lines.own(lines) if line.depth == 0}
    starts = [
        number
        for number, line in enumerate(lines)
        if line.start in own and _names_type(lines, number, labels, catalogue)
    ]
    if not 1 < len(starts) <= MAX_MATTERS:
        return []
    head = _labelled(lines[: starts[0]], labels)
    shared = [line for name, line in head if name in PARTIES]
    repeated = {name for name, _ in head}
    cuts = [0, *(_top(lines, one, labels, repeated) for one in starts[1:]), len(lines)]
    rows = _rows(message.html.rows, labels, len(starts)) if whole.body == "html" else ()
    parts = []
    for number, (first, end) in enumerate(pairwise(cuts)):
        inside = _without_rules(lines[first:end])
        there = {name for name, _ in _labelled(inside, labels)}
        above = [line for line in shared if number and _name(line, labels) not in there]
        text = "\n".join(">" * line.depth + line.text for line in (*above, *inside))
        body = Html(text, rows[number] if rows else ())
        parts.append(
            replace(message, plain="", html=body, attachments=())
            if whole.body == "html"
            else replace(message, plain=text, html=Html(), attachments=())
        )
    return parts


def _names_type(
    lines: Sequence[body_lines.Line], number: int, labels: Table, catalogue: Catalogue
) -> bool:
    """Return whether the line is the label of the case type, with a type after or below it."""
    found = named(lines[number].text, labels)
    if found is None or found.label.field != "case_type" or found.label.weak:
        return False
    below = (line.text.strip() for line in lines[number + 1 : number + 3])
    words = found.value or next((text for text in below if text), "")
    return bool(type_of(words, catalogue, near=True))


def _labelled(lines: Sequence[body_lines.Line], labels: Table) -> list[tuple[str, body_lines.Line]]:
    return [(name, line) for line in lines if (name := _name(line, labels))]


def _name(line: body_lines.Line, labels: Table) -> str:
    found: Named | None = None if line.depth else named(line.text, labels)
    return found.label.field if found else ""


def _top(lines: Sequence[body_lines.Line], start: int, labels: Table, repeated: set[str]) -> int:
    """Return where the form begins whose type is in that line.

    Lines above the first type may repeat above the others.
    """
    top = number = start
    while number:
        number -= 1
        line = lines[number]
        if _name(line, labels) in repeated or body_lines.is_rule(line.text):
            top = number
        elif line.text.strip():
            break
    return top


def _without_rules(lines: Sequence[body_lines.Line]) -> list[body_lines.Line]:
    """Remove blank lines and lines of dashes from the top and the end."""
    found = list(lines)
    while found and (not found[0].text.strip() or body_lines.is_rule(found[0].text)):
        found.pop(0)
    while found and (not found[-1].text.strip() or body_lines.is_rule(found[-1].text)):
        found.pop()
    return found


def _rows(
    rows: tuple[tuple[str, ...], ...], labels: Table, wanted: int
) -> tuple[tuple[tuple[str, ...], ...], ...]:
    """Return the table rows of each form; empty when the rows do not divide as the text does."""
    starts = [
        number
        for number, row in enumerate(rows)
        if row and (found := labels.find(row[0])) is not None and found.field == "case_type"
    ]
    if len(starts) != wanted:
        return ()
    cuts = [0, *starts[1:], len(rows)]
    return tuple(rows[first:end] for first, end in pairwise(cuts))


# ---------------------------------------------------------------- answers under numbers of cases


@dataclass(frozen=True, slots=True)
class Section:
    """The part of a mail about one case: the mail with only that part as its body."""

    number: str  # of the case; empty: the case that the mail refers to
    message: Message


def by_number(message: Message, case_prefix: str, own: str) -> tuple[Section, ...]:
    """Cut a mail at lines such as ``CASE-1002: Attendance``; empty when it has none.

    ``own`` is the number of the case that the mail refers to, or empty. The text above the first
    number and the copy of our letter below belong to that case.
    """
    body = message.plain if message.plain.strip() else message.html.text
    if len(body) > MAX_NUMBERED_CHARS or case_prefix.rstrip("-").casefold() not in body.casefold():
        return ()
    lines = body_lines.split(body)
    end = _end_of_own(lines)
    sections: dict[str, list[str]] = {"": []}
    number = ""
    for line in lines[:end]:
        found = heading(line.text, case_prefix)
        if found is not None:
            number = "" if found[0] == own else found[0]
        sections.setdefault(number, []).append(line.text if found is None else found[1])
    if not 1 < len(sections) <= MAX_MATTERS:
        return ()
    first = sections.pop("")
    copied = [">" * line.depth + line.text for line in lines[end:]]
    if own:
        sections = {"": [*first, *copied], **sections}
    else:  # an introduction to all of them
        newest = next(reversed(sections))
        sections[newest] += copied
        opening = next(iter(sections))
        sections[opening] = [*_said(first), *sections[opening]]
    return tuple(
        Section(
            number,
            replace(message, plain="\n".join(said).strip("\n"), html=Html(), attachments=()),
        )
        for number, said in sections.items()
    )


def heading(text: str, case_prefix: str) -> tuple[str, str] | None:
    """Return the case whose number begins the line, and the text after it; None for other lines.

    The number is alone on the line, or a colon or a dash follows it.
    """
    found = re.match(
        rf"[\s*_#•(\[-]{{0,4}}{number_pattern(case_prefix)}(?:-[A-Z2-7]{{8}})?[\])*_]{{0,3}}\s{{0,3}}"
        r"(?:(?::|[–—-](?=\s))[*_]{0,2}\s*(?P<rest>.*))?\Z",
        text[:1000],
        re.IGNORECASE | re.DOTALL,
    )
    if found is None:
        return None
    return f"{case_prefix}{int(found[1])}", (found["rest"] or "").strip()


def _end_of_own(lines: list[body_lines.Line]) -> int:
    """Return how many lines come before the first line that is quoted or begins an older mail."""
    for number, line in enumerate(lines):
        if line.depth or body_lines.is_attribution(lines, number):
            return number
        if body_lines.ends_own_text(lines, number):
            return number
    return len(lines)


def _said(lines: Sequence[str]) -> list[str]:
    """Return the lines, or nothing if they only greet."""
    words = [line for line in lines if line.strip() and not body_lines.is_courtesy(line)]
    return list(lines) if words else []
