"""Find phrases by which people name a type or a listed value and that the catalogue lacks."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from intake.catalogue.catalogue import Catalogue
from intake.parsers.prose.language import is_small
from intake.parsers.prose.reading import pattern

MAX_CHARS = 6000  # of each case's text
MAX_WORDS = 3  # of a phrase
LEAST = 2  # cases of two different people or days that must say it
MOST = 12  # phrases for each type or value
_WORD = re.compile(r"[^\W\d_][\w'’-]{1,30}")
_BREAK = re.compile(r"[.,;:!?()\[\]\"“”«»\n]+")


@dataclass(frozen=True, slots=True)
class Told:
    """What a case was in the end, and how its first mail said it."""

    type: str
    text: str  # subject and description
    values: Mapping[str, str] = field(default_factory=dict)  # listed values: field -> value


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A phrase of several cases of one type or value, and of none of the others."""

    table: str  # "prose.ask_question" or "roles.module.values"
    key: str  # "likely" or the value
    phrase: str
    cases: int


def suggestions(cases: Sequence[Told], catalogue: Catalogue) -> list[Suggestion]:
    """Return the phrases for types, then those for listed values; the most frequent first."""
    found = _for_types(cases, catalogue)
    for role in catalogue.roles:
        if role.reads == "choice" and catalogue.fields[role.field].kind == "choice":
            found += _for_values(role.field, cases, catalogue)
    return found


def _for_types(cases: Sequence[Told], catalogue: Catalogue) -> list[Suggestion]:
    known = pattern(tuple(word for cue in catalogue.cues for word in cue.words))
    groups = ((one.type, one.text) for one in cases if one.type in catalogue.types)
    return [
        Suggestion(f"prose.{name}", "likely", phrase, count)
        for name, phrase, count in _distinctive(groups, known)
    ]


def _for_values(name: str, cases: Sequence[Told], catalogue: Catalogue) -> list[Suggestion]:
    role = next(one for one in catalogue.roles if one.field == name)
    words = [word for _, group in role.values for word in group]
    listed = [one.value for one in catalogue.fields[name].choices_on("*").values]
    known = pattern((*words, *listed))
    groups = ((one.values[name], one.text) for one in cases if one.values.get(name) in listed)
    return [
        Suggestion(f"roles.{name}.values", value, phrase, count)
        for value, phrase, count in _distinctive(groups, known)
    ]


def _distinctive(
    groups: Iterable[tuple[str, str]], known: re.Pattern[str] | None
) -> list[tuple[str, str, int]]:
    """Return (group, phrase, cases) for phrases of one group alone that the catalogue lacks."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for name, text in groups:
        counts[name].update(_phrases(text))
    found = []
    for name, own in counts.items():
        others = [other for key, other in counts.items() if key != name]
        good = [
            (phrase, count)
            for phrase, count in sorted(own.items(), key=_frequent)
            if count >= LEAST and not any(phrase in other for other in others)
        ]
        new = [one for one in _longest(good) if not (known and known.search(one[0]))]
        found += [(name, phrase, count) for phrase, count in new[:MOST]]
    return found


def _frequent(one: tuple[str, int]) -> tuple[int, int, str]:
    """Return the order of phrases: in more cases first, then longer ones, then by letters."""
    return -one[1], -len(one[0].split()), one[0]


def _longest(phrases: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """Leave out a phrase that stands in a longer one which as many cases say."""
    return [
        (phrase, count)
        for phrase, count in phrases
        if not any(
            phrase != other and f" {phrase} " in f" {other} " and more == count
            for other, more in phrases
        )
    ]


def _phrases(text: str) -> set[str]:
    """Return the phrases of a text, each once: up to three words, no small word at the ends."""
    found: set[str] = set()
    for part in _BREAK.split(text[:MAX_CHARS].lower()):
        words = _WORD.findall(part)
        for start in range(len(words)):
            for size in range(1, MAX_WORDS + 1):
                phrase = words[start : start + size]
                if len(phrase) == size and not is_small(phrase[0]) and not is_small(phrase[-1]):
                    found.add(" ".join(phrase))
    return found
