"""Count the points that the cues of the catalogue, and the shape of a text, give to each type."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from intake.catalogue.catalogue import Catalogue, Cue
from intake.parsers.prose.reading import pattern

MAX_CHARS = 6000  # of a mail's own text
OWN_FIELD = 1.0  # points for words of a field that few types have
MOST_TYPES = 2  # that may have such a field
MANY_STEPS = 3  # different words for what is clicked that make steps
IN_SUBJECT = 1.5  # what a word counts there
_QUOTED = re.compile(r"[\"“„«][^\"”“»\n]{6,200}[\"”“»]")
_STEPS = re.compile(r"^\s{0,4}[1-9][.)]\s+\S", re.MULTILINE)
FAULT_CODE = re.compile(r"\b[A-Z]{2,8}-\d{2,6}\b|\b0x[0-9a-fA-F]{4,}|\b\w{3,40}Exception\b")
_SPACE = re.compile(r"\s+")


def ranked(subject: str, text: str, catalogue: Catalogue) -> list[tuple[str, float]]:
    """Return the types with their points, the likeliest first.

    Types with as many points stand in the order of the catalogue.
    """
    points = scores(subject, text, catalogue)
    order = list(catalogue.types)
    return sorted(points.items(), key=lambda one: (-one[1], order.index(one[0])))


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


def phrases(subject: str, text: str, name: str, catalogue: Catalogue) -> tuple[str, ...]:
    """Return the words of cues in the mail that speak for a type, in the order of the letters."""
    any_cue = _any_cue(catalogue)
    found = any_cue.findall(_folded(f"{subject}\n{text[:MAX_CHARS]}")) if any_cue else []
    return tuple(
        words
        for words in sorted(set(found))
        if any(cue.type == name for cue in _cues_of(words, catalogue))
    )


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
