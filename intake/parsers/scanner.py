"""Message -> Scan: the case type first, then what stands under the labels of that type.

Order: type from a label, a plus address or the subject; then HTML rows and lines, plain and HTML
read independently and compared; kinds decide where a value ends; the rest is the description.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache

from rapidfuzz import fuzz, process

from intake.catalogue import Catalogue
from intake.labels import fold, visible
from intake.message import Message, Warning
from intake.parsers import lines as text_lines
from intake.parsers.submission import Candidate, Scan
from intake.parsers.table import Label, Named, Table, named, table

LONG_KINDS = ("multiline",)
NEAR = 85  # rapidfuzz ratio from which a misspelt type name is taken
_REPLY = re.compile(r"\s*(re|aw|fw|fwd|wg|sv|antw|tr|rv|enc)\s?(\[\d+\])?\s?:", re.IGNORECASE)
_TAG = re.compile(r"\[[A-Z0-9]{0,20}-?\d{1,12}-[A-Z2-7]{8}\]")
_LISTED = re.compile(r"\s*(?:\d{1,3}[.)]|[-*•])\s")
_BRACKET = re.compile(r"\s*\[([^\]]{2,60})\]\s*")


@dataclass(frozen=True, slots=True)
class Reading:
    """What one body gives."""

    candidates: tuple[Candidate, ...]
    leftover: str
    text: str
    body: str
    forms: int = 1  # how many forms seem to stand in it


def scan(message: Message, catalogue: Catalogue) -> Scan:
    """Everything the mail offers. Total: any mail gives a Scan."""
    subject = clean_subject(message.subject)
    type_name, source, words, subject = _type(message, subject, catalogue)
    labels = table(catalogue, type_name)
    plain = _read(message.plain, labels, catalogue, type_name, "plain")
    html = _read(message.html.text, labels, catalogue, type_name, "html")
    html = _with_rows(html, message.html.rows, labels)
    chosen = html if _weight(html) > _weight(plain) or not plain.text.strip() else plain
    warnings = _disagreements(plain, html) if plain.text and html.text else []
    if chosen.forms > 1:
        warnings.append(Warning("two-forms", "the mail seems to hold more than one filled form"))
    return Scan(
        type=type_name,
        type_source=source,
        type_words=words,
        candidates=chosen.candidates,
        leftover=chosen.leftover,
        body=chosen.body if chosen.text.strip() else "none",
        text=chosen.text,
        subject=subject,
        warnings=tuple(warnings),
    )


def clean_subject(subject: str) -> str:
    """The subject without our tags and any row of Re:, Fwd: and their kin."""
    text = " ".join(_TAG.sub(" ", subject).split())
    while match := _REPLY.match(text):
        text = text[match.end() :].strip()
    return text


# ---------------------------------------------------------------- the case type


def type_of(words: str, catalogue: Catalogue, *, near: bool = False) -> str:
    """The case type that the words name: by label, alias or name; by near match when asked."""
    names = _type_names(catalogue)
    folded = fold(words, catalogue.normalise.confusables)
    if folded in names:
        return names[folded]
    if not near or len(folded) < 6:
        return ""
    best = process.extract(folded[:80], list(names), scorer=fuzz.ratio, score_cutoff=NEAR, limit=3)
    found = {names[one[0]] for one in best}
    return found.pop() if len(found) == 1 else ""


@lru_cache(maxsize=8)
def _type_names(catalogue: Catalogue) -> dict[str, str]:
    """Every folded word for a type."""
    names: dict[str, str] = {}
    for case in catalogue.types.values():
        for word in (case.label, case.name, case.name.replace("_", " "), *case.aliases):
            names.setdefault(fold(word, catalogue.normalise.confusables), case.name)
    return names


def _type(message: Message, subject: str, catalogue: Catalogue) -> tuple[str, str, str, str]:
    """(type, where from, words, subject without a type prefix)."""
    from_subject, words, rest = _subject_type(subject, catalogue)
    by_label = _label_type(message, catalogue)
    if by_label and by_label[0]:
        return by_label[0], "label", by_label[1], rest if from_subject else subject
    plus = _plus_type(message, catalogue)
    if plus[0]:
        return plus[0], "plus-address", plus[1], rest if from_subject else subject
    if from_subject:
        return from_subject, "subject", words, rest
    return "", "", by_label[1] if by_label else "", subject


def _subject_type(subject: str, catalogue: Catalogue) -> tuple[str, str, str]:
    """``[Type] topic``, ``Type: topic``, ``Type - topic`` or a subject that is a type's name."""
    bracket = _BRACKET.match(subject)
    if bracket:
        found = type_of(bracket[1], catalogue)
        if found:
            return found, bracket[1], subject[bracket.end() :].strip() or subject
    for separator in (":", " - ", " – ", " — "):
        head, cut, rest = subject.partition(separator)
        found = type_of(head, catalogue) if cut and len(head) <= 60 else ""
        if found:
            return found, head.strip(), rest.strip() or subject
    found = type_of(subject, catalogue) if len(subject) <= 60 else ""
    return found, subject if found else "", subject


def _plus_type(message: Message, catalogue: Catalogue) -> tuple[str, str]:
    for key in (*message.recipients, *message.to, *message.cc):
        _, plus, tag = key.partition("@")[0].partition("+")
        if plus:
            found = type_of(re.sub(r"[-_.]+", " ", tag), catalogue)
            found = found or _squeezed(tag, catalogue)
            if found:
                return found, tag
    return "", ""


def _squeezed(tag: str, catalogue: Catalogue) -> str:
    """``reportanoutage`` names a type too."""
    wanted = re.sub(r"[^a-z0-9]", "", tag.lower())
    for case in catalogue.types.values():
        for word in (case.label, case.name):
            if re.sub(r"[^a-z0-9]", "", word.lower()) == wanted:
                return case.name
    return ""


def _label_type(message: Message, catalogue: Catalogue) -> tuple[str, str] | None:
    """The first label in the person's own text whose value names a type."""
    labels = _type_labels(catalogue)
    unknown: tuple[str, str] | None = None
    for name, value, label in _pairs(message, labels):
        found = type_of(value, catalogue, near=not label.weak)
        if found:
            return found, value
        if name and not label.weak and value and unknown is None:
            unknown = ("", value)
    return unknown


@lru_cache(maxsize=8)
def _type_labels(catalogue: Catalogue) -> Table:
    whole = table(catalogue, "")
    field = catalogue.fields.get("case_type")
    words = {*(field.aliases_on("") if field else ()), *(field.weak_aliases if field else ())}
    folded = {fold(word, whole.confusables) for word in words}
    strong = {fold(word, whole.confusables) for word in (field.aliases_on("") if field else ())}
    labels = {word: Label("case_type", word not in strong) for word in folded}
    return replace(whole, labels=labels)


def _pairs(message: Message, labels: Table) -> Iterable[tuple[str, str, Label]]:
    """(label, value, what it stands for) over rows and lines of both bodies."""
    for row in message.html.rows:
        label = labels.find(row[0]) if len(row) == 2 else None
        if label:
            yield row[0], row[1].strip(), label
    for body in (message.plain, message.html.text):
        lines = list(text_lines.own(text_lines.split(body)))
        for number, line in enumerate(lines):
            found = named(line.text, labels) if line.depth == 0 else None
            if found:
                yield found.words, found.value or _next(lines, number), found.label


def _next(lines: list[text_lines.Line], number: int) -> str:
    """The next line with something on it."""
    for line in lines[number + 1 : number + 4]:
        if visible(line.text).strip():
            return line.text.strip()
    return ""


# ---------------------------------------------------------------- one body


class _Walk:
    """The state of one walk down the lines of a body."""

    def __init__(self, labels: Table, catalogue: Catalogue, source: str) -> None:
        self.labels = labels
        self.catalogue = catalogue
        self.source = source
        self.found: list[Candidate] = []
        self.leftover: list[str] = []
        self.open: Named | None = None  # the label whose value goes on
        self.parts: list[str] = []
        self.start = self.end = 0
        self.bulleted = False  # labels themselves stand in a list
        self.types = 0

    def feed(self, line: text_lines.Line) -> None:
        """One more line."""
        found = named(line.text, self.labels) if line.depth == 0 else None
        if found is not None and self._counts(found):
            self.close()
            self._begin(found, line)
        elif self.open is None:
            self.leftover.append(line.text)
        else:
            self._more(line)

    def _counts(self, found: Named) -> bool:
        """Inside a long value a list item or a weak word is text, not a label."""
        if self.open is None or self._kind(self.open) not in LONG_KINDS:
            return True
        if found.listed and not self.bulleted:
            return False
        return not found.label.weak

    def _kind(self, found: Named) -> str:
        field = self.catalogue.fields.get(found.label.field)
        return field.kind if field else "text"

    def _begin(self, found: Named, line: text_lines.Line) -> None:
        self.bulleted = self.bulleted or found.listed
        self.types += found.label.field == "case_type" and not found.label.weak
        self.open = found
        self.start = line.start + found.at
        self.end = line.start + len(line.text)
        self.parts = [found.value] if found.value else []
        if found.value and self._kind(found) not in LONG_KINDS:
            self.close()

    def _more(self, line: text_lines.Line) -> None:
        """A further line of an open value; a short kind takes the first line with words on it."""
        if self.open is None:
            return
        if self._kind(self.open) in LONG_KINDS:
            self.parts.append(line.text)
            self.end = line.start + len(line.text)
        elif visible(line.text).strip():
            self.parts = [line.text.strip()]
            self.start, self.end = line.start, line.start + len(line.text)
            self.close()

    def end_of_text(self) -> None:
        """The last long value ends at a blank line, if it began behind its label.

        ``Error Message: Login failed``, a blank line and a paragraph: the paragraph is no error.
        """
        if self.open is None or self.open.label.field == "description" or not self.open.value:
            return
        blank = next((n for n, part in enumerate(self.parts) if not visible(part).strip()), 0)
        rest = self.parts[blank + 1 :] if blank else []
        if rest and not any(_LISTED.match(part) for part in rest):
            self.leftover += ["", *rest]
            self.parts = self.parts[:blank]

    def close(self) -> None:
        """The open value ends here."""
        if self.open is None:
            return
        words = "\n".join(self.parts).strip("\n \t\u00a0")
        weak = self.open.label.weak
        self.found.append(
            Candidate(
                self.open.label.field,
                words,
                "weak-label" if weak else "label",
                self.open.words,
                self.start,
                self.end,
            )
        )
        self.open = None
        self.parts = []


def _read(text: str, labels: Table, catalogue: Catalogue, type_name: str, body: str) -> Reading:
    """Labels and leftovers of the person's own lines."""
    walk = _Walk(labels, catalogue, body)
    lines = text_lines.without_form(text_lines.split(text), catalogue)
    for line in text_lines.own(lines):
        walk.feed(line)
    walk.end_of_text()
    walk.close()
    leftover = _paragraphs(walk.leftover)
    return Reading(tuple(walk.found), leftover, text, body, max(1, walk.types))


def _paragraphs(lines: list[str]) -> str:
    """The lines without blank ones at the ends or in rows."""
    out: list[str] = []
    for line in lines:
        kept = visible(line).rstrip()
        if kept.strip() or (out and out[-1]):
            out.append(kept if kept.strip() else "")
    return "\n".join(out).strip("\n")


def _with_rows(reading: Reading, rows: tuple[tuple[str, ...], ...], labels: Table) -> Reading:
    """Table cells say more exactly than lines where a value ends."""
    found = {candidate.field: candidate for candidate in reversed(_rows(rows, labels))}
    if not found:
        return reading
    kept = [found.pop(one.field) if one.field in found else one for one in reading.candidates]
    return replace(reading, candidates=(*kept, *found.values()))


def _rows(rows: tuple[tuple[str, ...], ...], labels: Table) -> list[Candidate]:
    """Label beside value, or a row of labels above a row of values."""
    made: list[Candidate] = []
    for number, row in enumerate(rows):
        heads = [labels.find(cell) for cell in row]
        if len(row) == 2 and heads[0] and not (heads[1] and not heads[1].weak):
            made.append(_cell(heads[0], row[0], row[1]))
        elif len(row) >= 2 and all(heads) and number + 1 < len(rows):
            below = rows[number + 1]
            if len(below) == len(row):
                pairs = zip(heads, row, below, strict=True)
                made += [_cell(head, label, value) for head, label, value in pairs if head]
    return made


def _cell(label: Label, words: str, value: str) -> Candidate:
    source = "weak-label" if label.weak else "table"
    return Candidate(label.field, value.strip(), source, words.strip())


def _weight(reading: Reading) -> int:
    """How many fields a body gives under strong labels, with something in them."""
    strong = {one.field for one in reading.candidates if one.source != "weak-label" and one.words}
    return len(strong)


def _disagreements(plain: Reading, html: Reading) -> list[Warning]:
    """Fields that the two bodies of one mail give differently."""
    other = {one.field: one.words for one in reversed(html.candidates)}
    found: list[Warning] = []
    for one in plain.candidates:
        words = other.get(one.field, one.words)
        if "".join(words.split()).lower() != "".join(one.words.split()).lower():
            found.append(
                Warning("bodies-differ", f"{one.field}: text and HTML say different things")
            )
    return found[:20]
