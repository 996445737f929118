"""Find the type of case that ordinary prose is about, by weighed words of the catalogue.

The type is taken only if it wins clearly. A type that overwrites data or changes who may do what is
recognised, so that the mail is not taken for something else, but never taken from prose.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache

from intake.catalogue.catalogue import Catalogue, Cue
from intake.parsers.case_type import Told
from intake.parsers.prose.reading import pattern
from intake.parsers.prose.topics import divided
from intake.parsers.submission import PROSE, Candidate
from intake.parsers.values import WEAK

MAX_CHARS = 6000  # of a mail's own text
ENOUGH = 4.0  # points of the winner
ENOUGH_TO_OPEN = 3.0  # of one that opens with nothing but the mail itself
AHEAD = 1.5  # points that it must have more than any other type
OWN_FIELD = 1.0  # points for words of a field that few types have
MOST_TYPES = 2  # that may have such a field
MANY_STEPS = 3  # different words for what is clicked that make steps
IN_SUBJECT = 1.5  # what a word counts there
_QUOTED = re.compile(r"[\"“„«][^\"”“»\n]{6,200}[\"”“»]")
_STEPS = re.compile(r"^\s{0,4}[1-9][.)]\s+\S", re.MULTILINE)
FAULT_CODE = re.compile(r"\b[A-Z]{2,8}-\d{2,6}\b|\b0x[0-9a-fA-F]{4,}|\b\w{3,40}Exception\b")
_SPACE = re.compile(r"\s+")


FORM_LABELS = 2  # fields under labels of their own that make a mail a form
GUESS = 2.0  # points from which a type is offered in the question
MOST_GUESSES = 3


def guesses(subject: str, text: str, catalogue: Catalogue) -> tuple[str, ...]:
    """Return the likeliest types of a mail, at most three; an empty first one if two are alike."""
    points = ranked(subject, text, catalogue)
    if not points or points[0][1] < GUESS:
        return ()
    found = tuple(name for name, _ in points[:MOST_GUESSES])
    alike = len(points) > 1 and points[0][1] == points[1][1]
    return ("", *found) if alike else found


def ranked(subject: str, text: str, catalogue: Catalogue) -> list[tuple[str, float]]:
    """Return the types with their points, the likeliest first.

    Types with as many points stand in the order of the catalogue.
    """
    points = scores(subject, text, catalogue)
    order = list(catalogue.types)
    return sorted(points.items(), key=lambda one: (-one[1], order.index(one[0])))


def type_in_prose(subject: str, text: str, catalogue: Catalogue) -> str:
    """Return the type that a mail without labels is clearly about; empty if none is. Pure.

    It must be well ahead of every other type; further ahead of one that overwrites data or changes
    who may do what.
    """
    points = ranked(subject, text, catalogue)
    if not points:
        return ""
    name, most = points[0]
    case = catalogue.types[name]
    opens = not case.opens_at_once and not set(case.required) - {"subject", "description"}
    if most < (ENOUGH_TO_OPEN if opens else ENOUGH):
        return ""
    asks = {cue.type for cue in catalogue.cues if cue.asks}
    close = any(most - other < (2 if kind in asks else 1) * AHEAD for kind, other in points[1:])
    return "" if close or name in asks else name


def is_form(found: Iterable[Candidate], catalogue: Catalogue) -> bool:
    """Return whether a mail with those labels is a form; what stands in signatures makes none."""
    labels = {one.field for one in found if one.words and one.source not in WEAK}
    return len(labels - set(catalogue.normalise.signature_fields)) >= FORM_LABELS


def told_by_prose(
    told: Told, found: Sequence[Candidate], text: str, below: str, catalogue: Catalogue
) -> tuple[Told, tuple[str, ...], str]:
    """Return the type that ordinary prose is clearly about, and the likeliest ones if none is.

    A mail with two labels is a form, and its words show no type. The message that a mail passes on
    (``below``) counts for the likeliest ones only. Of two matters the first one shows the type; the
    type of the other one is returned, too.
    """
    if told.type or told.words or is_form(found, catalogue):
        return told, (), ""
    text = "\n\n".join((text, *(one.words for one in found)))
    whole = told.subject, f"{text[:MAX_CHARS]}\n\n{below}"
    first, other = two_matters(text, catalogue)
    subject, words = ("", first) if other else (told.subject, text)
    name = type_in_prose(subject, words, catalogue)
    likeliest = guesses(subject, words, catalogue) if other else guesses(*whole, catalogue)
    if name:
        return replace(told, type=name, source=PROSE), (), other
    return told, likeliest, other


def two_matters(text: str, catalogue: Catalogue) -> tuple[str, str]:
    """Return the text of the first matter and the type of the second one; empty if there is one.

    A mail is about two matters only if each of them shows a type, and not the same.
    """
    told = catalogue.subjects
    first, more = divided(text, told.get("other_matter", ()), told.get("several_matters", ()))
    if not more:
        return text, ""
    one, other = (ranked("", part, catalogue)[:1] for part in (first, more))
    if not one or not other or one[0][0] == other[0][0] or one[0][1] < GUESS:
        return text, ""
    return first, other[0][0]


def scores(subject: str, text: str, catalogue: Catalogue) -> dict[str, float]:
    """Return the points of each type for which a word of the catalogue stands in the mail."""
    own = text[: 2 * MAX_CHARS]
    body, head = _folded(own), _folded(subject)
    points: dict[str, float] = {}
    any_cue = _any_cue(catalogue)
    if any_cue is not None:
        in_body, above = set(any_cue.findall(body)), set(any_cue.findall(head))
        for words in in_body | above:
            weight = IN_SUBJECT if words in above else 1.0
            for cue in _cues_of(words, catalogue):
                points[cue.type] = points.get(cue.type, 0.0) + cue.weight * weight
    for name in _told_fields(body, catalogue):
        points[name] = points.get(name, 0.0) + OWN_FIELD
    for name, more, alone in _structure(own):
        if alone or name in points:
            points[name] = points.get(name, 0.0) + more
    return points


def _told_fields(low: str, catalogue: Catalogue) -> Iterable[str]:
    """Yield a type for each field of few types that the text speaks of: steps, what should be."""
    asks = {cue.type for cue in catalogue.cues if cue.asks}
    for role in catalogue.roles:
        words = pattern(role.sure) if role.reads in ("clause", "steps", "people") else None
        if words is None:
            continue
        types = [kind.name for kind in catalogue.types.values() if role.field in kind.fields]
        if len(types) > MOST_TYPES or not asks.isdisjoint(types):
            continue
        named = dict(role.values)
        hit = pattern(named.get("hit", ()))
        if role.reads == "people":
            said = hit is not None and hit.search(low) is not None and words.search(low) is not None
        elif role.reads == "steps":
            said = len(set(words.findall(low))) >= MANY_STEPS
        else:
            said = words.search(low) is not None
        if said:
            yield from types


def _structure(text: str) -> Iterable[tuple[str, float, bool]]:
    """Yield what the shape of a text says, and whether it says that without any word.

    A question mark, quoted text, an error code, numbered steps.
    """
    if "?" in text:
        yield "ask_question", 1.0, True
    if _QUOTED.search(text) or len(_STEPS.findall(text)) > 1:
        yield "application_issue", 1.0, False
    if FAULT_CODE.search(text):
        yield "application_issue", 1.0, True


def _folded(text: str) -> str:
    return _SPACE.sub(" ", text.casefold().replace("’", "'"))


@lru_cache(maxsize=8)
def _any_cue(catalogue: Catalogue) -> re.Pattern[str] | None:
    """Return one pattern for the words of all cues: a text is gone through once."""
    return pattern(tuple(dict.fromkeys(word for cue in catalogue.cues for word in cue.words)))


@lru_cache(maxsize=8192)
def _cues_of(words: str, catalogue: Catalogue) -> tuple[Cue, ...]:
    """Return the cues that the words belong to, one of each type: the weightiest."""
    best: dict[str, Cue] = {}
    for cue in catalogue.cues:
        shape = pattern(cue.words)
        known = best.get(cue.type)
        fits = shape is not None and shape.fullmatch(words) is not None
        if fits and (known is None or known.weight < cue.weight):
            best[cue.type] = cue
    return tuple(best.values())
