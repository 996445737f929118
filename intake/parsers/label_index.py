"""The labels that are valid on one case type, and how a line of text names one of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as dc_field
from functools import lru_cache

from rapidfuzz import process
from rapidfuzz.distance import OSA

from intake.catalogue.catalogue import Catalogue
from intake.catalogue.labels import EDGE, fold, visible

MAX_LABEL_CHARS = 60
MIN_NEAR_CHARS = 6  # of a label that is recognised with a wrong letter
LONG_LABEL_CHARS = 10  # from this length on two letters may be wrong
_LIST_MARK = re.compile(r"[ \t]*(?:\d{1,3}[.)]|[-*•▪◦‣+])[ \t]+")
_CHECKBOX = re.compile(r"\[[ xX]?\][ \t]*")


@dataclass(frozen=True, slots=True)
class Label:
    """What a label means. A weak label counts only if its value fits the field."""

    field: str
    weak: bool = False
    near: str = ""  # the correct label, when this one is misspelt


@dataclass(frozen=True, slots=True)
class Named:
    """A line that names a field: the label as written, and where its value begins."""

    label: Label
    words: str  # the label as written
    value: str
    at: int  # index of the value in the line
    listed: bool  # the line began with a bullet or number


@dataclass(frozen=True, slots=True)
class Table:
    """Maps each folded label to its meaning."""

    labels: Mapping[str, Label]
    confusables: Mapping[str, str]
    separators: tuple[str, ...]
    guessable: Mapping[str, Label] = dc_field(default_factory=dict)  # recognised when misspelt

    def find(self, text: str) -> Label | None:
        """Return the field that this text alone names."""
        if len(text) > MAX_LABEL_CHARS:
            return None
        return self.labels.get(fold(text, self.confusables))

    def near(self, text: str) -> Label | None:
        """Return the one field whose label is meant: one letter is wrong, two in a long label."""
        folded = fold(text[:MAX_LABEL_CHARS], self.confusables)
        if len(folded) < MIN_NEAR_CHARS - 1:
            return None
        close = process.extract(folded, list(self.guessable), scorer=OSA.distance, score_cutoff=2)
        good: dict[str, str] = {}
        order = list(self.guessable)  # a field's own label comes before its aliases
        for word, distance, _ in sorted(close, key=lambda one: (one[1], order.index(one[0]))):
            if distance <= (2 if len(word) >= LONG_LABEL_CHARS else 1):
                good.setdefault(self.guessable[word].field, word)
        if len(good) != 1:
            return None
        ((name, word),) = good.items()
        return Label(name, near=word)


@lru_cache(maxsize=64)
def table(catalogue: Catalogue, type_name: str) -> Table:
    """Return the labels of that type; of every type when none is known yet."""
    labels: dict[str, Label] = {}
    confusables = catalogue.normalise.confusables
    case = catalogue.types.get(type_name)
    names = case.fields if case else tuple(catalogue.fields)
    for name in ("case_type", *names):
        field = catalogue.fields.get(name)
        if field is None:
            continue
        for word in field.aliases_on(type_name):
            labels.setdefault(fold(word, confusables), Label(name))
        for word in field.split_from:
            labels.setdefault(fold(word, confusables), Label(name))
    for name in ("case_type", *names):
        field = catalogue.fields.get(name)
        for word in field.weak_aliases if field else ():
            labels.setdefault(fold(word, confusables), Label(name, weak=True))
    labels.pop("", None)
    return Table(labels, confusables, catalogue.normalise.separators, _guessable(labels, catalogue))


def _guessable(labels: Mapping[str, Label], catalogue: Catalogue) -> dict[str, Label]:
    """Return the strong labels that are long enough to be misspelt.

    A misspelt label never names an account or a person.
    """
    return {
        word: label
        for word, label in labels.items()
        if len(word) >= MIN_NEAR_CHARS
        and not label.weak
        and catalogue.fields[label.field].kind not in ("account_ref", "contact_ref")
    }


def named(line: str, labels: Table) -> Named | None:
    """Return the field that the line names at its start, or None.

    A colon separates anywhere. Every other separator counts only after a known label and with space
    around it. A line that consists of a label alone names the field, too.
    """
    mark = _LIST_MARK.match(line)
    start = mark.end() if mark else len(line) - len(line.lstrip())
    box = _CHECKBOX.match(line, start)
    start = box.end() if box else start
    rest = line[start:]
    for length, width in _splits(rest, labels.separators):
        label = labels.find(rest[:length])
        if label is not None:
            return _named(label, rest, start, length, width, listed=bool(mark))
    label = labels.find(rest) if rest.strip() else None
    if label is None or label.weak:
        return None
    return Named(label, _clean(rest), "", len(line), bool(mark))


def list_mark(line: str) -> int:
    """Return the length of a bullet or number at the start; 0 when there is none."""
    mark = _LIST_MARK.match(line)
    return mark.end() if mark else 0


def nearly(line: str, labels: Table) -> Named | None:
    """Return the field that a misspelt label before a colon means, if a value follows."""
    mark = _LIST_MARK.match(line)
    start = len(line) - len(line.lstrip())
    at = line.find(":", start, start + MAX_LABEL_CHARS)
    if mark or at < 0 or not line[at + 1 :].strip():
        return None
    label = labels.near(line[start:at])
    return _named(label, line[start:], start, at - start, 1, listed=False) if label else None


def _named(label: Label, rest: str, start: int, length: int, width: int, *, listed: bool) -> Named:
    value = rest[length + width :]
    lead = len(value) - len(value.lstrip(" \t*_\u00a0"))
    return Named(
        label,
        _clean(rest[:length]),
        value.lstrip(" \t*_\u00a0").rstrip(" \t\u00a0"),
        start + length + width + lead,
        listed,
    )


def _splits(rest: str, separators: tuple[str, ...]) -> list[tuple[int, int]]:
    """Return (end of the label, width of the separator) for each way to cut it, best first."""
    found: list[tuple[int, int]] = []
    head = rest[: MAX_LABEL_CHARS + 2]
    for colon in (":", "："):
        at = head.find(colon)
        if at > 0:
            found.append((at, 1))
    for separator in separators:
        if separator in (":", "："):
            continue
        wanted = separator if separator in ("\t", "|") else f" {separator} "
        at = head.find(wanted)
        if at > 0:
            found.append((at, len(wanted)))
    equals = head.find("=")
    if equals > 0:
        found.append((equals, 1))
    question = head.find("? ")
    if question > 0:
        found.append((question + 1, 1))
    return found


def _clean(text: str) -> str:
    return visible(text).strip(EDGE + " ")
