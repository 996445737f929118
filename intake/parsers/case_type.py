"""Find the case type that a mail names under a label, in its address or in its subject."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from rapidfuzz import fuzz, process

from intake.catalogue.catalogue import Catalogue
from intake.catalogue.labels import fold, visible
from intake.mail.message import Message
from intake.parsers.body_lines import Line
from intake.parsers.html_rows import cells
from intake.parsers.label_index import Label, Named, Table, named, nearly, table

NEAR = 85  # rapidfuzz ratio from which a misspelt type name is taken
MAX_ANSWER_WORDS = 8  # of an answer that names a type among other words
_NOT = frozenset(("not", "no", "nor", "never", "isnt", "nicht", "kein", "keine", "pas", "ni"))
MAX_CHARS = 200  # of a text that may name a type
MAX_TRIES = 50  # labels of the case type whose values are checked
MAX_NEAR_LINES = 200  # that are tried as a misspelt label of the type
_BRACKET = re.compile(r"\s*\[([^\]]{2,60})\]\s*")


@dataclass(frozen=True, slots=True)
class Told:
    """The case type that the mail names; ``type`` is empty when it names none."""

    type: str = ""
    source: str = ""  # "label", "plus-address", "subject", or empty
    words: str = ""  # as written
    label: str = ""  # the label above or in front of them
    subject: str = ""  # without the type


def type_of(words: str, catalogue: Catalogue, *, near: bool = False) -> str:
    """Return the type that the text names by label, alias or name; if ``near``, misspelt, too."""
    names = _type_names(catalogue)
    folded = fold(words[:MAX_CHARS], catalogue.normalise.confusables)
    if folded in names:
        return names[folded]
    if not near or len(folded) < 6:
        return ""
    if inside := _named_inside(folded, names):
        return inside
    best = process.extract(folded[:80], list(names), scorer=fuzz.ratio, score_cutoff=NEAR, limit=3)
    found = {names[one[0]] for one in best}
    return found.pop() if len(found) == 1 else ""


def _named_inside(folded: str, names: Mapping[str, str]) -> str:
    """Return the one type whose name of two words or more is in a short answer: "… please"."""
    words = [word.strip(",.;:!()") for word in folded.split()]
    if len(words) > MAX_ANSWER_WORDS or not _NOT.isdisjoint(words):
        return ""
    text = f" {' '.join(words)} "
    found = {names[name] for name in names if " " in name and f" {name} " in text}
    return found.pop() if len(found) == 1 else ""


@lru_cache(maxsize=8)
def _type_names(catalogue: Catalogue) -> dict[str, str]:
    """Return every folded name of a type with the type."""
    names: dict[str, str] = {}
    for case in catalogue.types.values():
        for word in (case.label, case.name, case.name.replace("_", " "), *case.aliases):
            names.setdefault(fold(word, catalogue.normalise.confusables), case.name)
    return names


def tell(
    message: Message, bodies: Iterable[Sequence[Line]], subject: str, catalogue: Catalogue
) -> Told:
    """Find the type under a label, else in the recipient address, else in the subject."""
    from_subject = _subject_type(subject, catalogue)
    rest = from_subject.subject
    under_label = _label_type(message, bodies, catalogue)
    if under_label.type:
        return replace(under_label, subject=rest)
    plus = plus_type(message, catalogue)
    if plus.type:
        return replace(plus, subject=rest)
    if from_subject.type:
        return from_subject
    return replace(under_label, subject=subject)


def _subject_type(subject: str, catalogue: Catalogue) -> Told:
    """Read ``[Type] topic``, ``Type: topic``, ``Type - topic`` or a subject that names a type."""
    bracket = _BRACKET.match(subject)
    found = type_of(bracket[1], catalogue) if bracket else ""
    if bracket and found:
        rest = subject[bracket.end() :].strip() or subject
        return Told(found, "subject", bracket[1], "", rest)
    for separator in (":", " - ", " – ", " — "):
        head, cut, rest = subject.partition(separator)
        found = type_of(head, catalogue) if cut and len(head) <= 60 else ""
        if found:
            return Told(found, "subject", head.strip(), "", rest.strip() or subject)
    found = type_of(subject, catalogue) if len(subject) <= 60 else ""
    return Told(found, "subject" if found else "", subject if found else "", "", subject)


def plus_type(message: Message, catalogue: Catalogue) -> Told:
    """Read ``support+data-restore@…``: a name, label or alias of a type, with any separators."""
    for key in (*message.recipients, *message.to, *message.cc):
        _, plus, tag = key.partition("@")[0].partition("+")
        found = type_of(re.sub(r"[-_.]+", " ", tag), catalogue) if plus else ""
        found = found or (_squeezed(catalogue).get(_letters(tag), "") if plus else "")
        if found:
            return Told(found, "plus-address", tag)
    return Told()


@lru_cache(maxsize=8)
def _squeezed(catalogue: Catalogue) -> dict[str, str]:
    """Return the names of types without separators: ``reportanoutage`` names a type, too."""
    names = {_letters(word): name for word, name in _type_names(catalogue).items()}
    names.pop("", None)
    return names


def _letters(word: str) -> str:
    return re.sub(r"[^a-z0-9]", "", word.lower())


def _label_type(message: Message, bodies: Iterable[Sequence[Line]], catalogue: Catalogue) -> Told:
    """Return the first label in the person's own text whose value names a type."""
    unknown = Told()
    pairs = _pairs(message, bodies, catalogue)
    for (label, words, value), _ in zip(pairs, range(MAX_TRIES), strict=False):
        found = type_of(value, catalogue, near=not label.weak)
        if found:
            return Told(found, "label", value, words)
        if not label.weak and value and not unknown.words:
            unknown = Told("", "", value, words)
    return unknown


@lru_cache(maxsize=8)
def _type_labels(catalogue: Catalogue) -> Table:
    whole = table(catalogue, "")
    field = catalogue.fields.get("case_type")
    weak = field.weak_aliases if field else ()
    strong = field.aliases_on("") if field else ()
    labels = {fold(word, whole.confusables): Label("case_type", weak=True) for word in weak}
    sure = {fold(word, whole.confusables): Label("case_type") for word in strong}
    return replace(whole, labels={**labels, **sure}, guessable=sure)


def _pairs(
    message: Message, bodies: Iterable[Sequence[Line]], catalogue: Catalogue
) -> Iterable[tuple[Label, str, str]]:
    """Yield (meaning, label, value) from the table rows and the lines of both bodies."""
    labels = _type_labels(catalogue)
    for _, words, value in cells(message.html.rows, table(catalogue, "").find):
        label = labels.find(words)
        if label:
            yield label, words, value
    for lines in bodies:
        tries = MAX_NEAR_LINES
        for number, line in enumerate(lines):
            if line.depth:
                continue
            found = named(line.text, labels)
            if found is None and tries and line.text.strip():
                tries -= 1
                found = _misspelt(line.text, labels, catalogue)
            if found:
                yield found.label, found.words, found.value or _next(lines, number)


def _misspelt(text: str, labels: Table, catalogue: Catalogue) -> Named | None:
    """Return a misspelt label of the case type, unless it is a correct label of another field."""
    found = nearly(text, labels)
    return found if found and named(text, table(catalogue, "")) is None else None


def _next(lines: Sequence[Line], number: int) -> str:
    """Return the next line that is not blank."""
    for line in lines[number + 1 : number + 4]:
        if visible(line.text).strip():
            return line.text.strip()
    return ""
