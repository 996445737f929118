"""Find the type of case that ordinary prose is about, by the catalogue's cues and learned words.

The type is taken only if it wins clearly. A type that overwrites data or changes who may do what is
recognised, so that the mail is not taken for something else, but never taken from prose.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from intake.catalogue.catalogue import Catalogue
from intake.parsers.case_type import Told
from intake.parsers.prose.cue_points import phrases, ranked
from intake.parsers.prose.topics import divided
from intake.parsers.subjects import without_list_tags
from intake.parsers.submission import PROSE, Candidate
from intake.parsers.values import WEAK

MAX_CHARS = 6000  # of a mail's own text
A_POINT = 0.05  # what a point of the cues adds to a margin of the learned words
UNKNOWN = -1.0  # margin of a type that nothing was learned about
NO_CUE = -0.2  # what a type loses for which no cue speaks
FORM_LABELS = 2  # fields under labels of their own that make a mail a form
MOST_GUESSES = 3
MOST_WORDS = 8  # learned words that are shown as the reason for a type


@dataclass(frozen=True, slots=True)
class Bars:
    """How much a type must weigh."""

    possible: float  # to be offered in the question
    enough: float  # to be taken
    enough_to_open: float  # to be taken, of a type that opens with nothing but the mail itself
    ahead: float  # more than any other type, to be taken


OF_CUES = Bars(possible=2.0, enough=4.0, enough_to_open=3.0, ahead=1.5)
OF_LEARNED_WORDS = Bars(possible=-0.35, enough=-0.3, enough_to_open=-0.3, ahead=0.25)


def weighed(subject: str, text: str, catalogue: Catalogue) -> tuple[list[tuple[str, float]], Bars]:
    """Return the types that a text may be about, the heaviest first, and how much is enough.

    With learned words all types have a weight: their margin, and a little for each point of the
    cues. Where too few words are known, the points of the cues are the weights.
    """
    subject = without_list_tags(subject)
    points = ranked(subject, text, catalogue)
    margins = catalogue.learned.margins(subject, text)
    if not margins:
        return points, OF_CUES
    cues = dict(points)
    both = {
        name: margins.get(name, UNKNOWN) + (A_POINT * cues[name] if name in cues else NO_CUE)
        for name in catalogue.types
    }
    return sorted(both.items(), key=lambda one: -one[1]), OF_LEARNED_WORDS


@dataclass(frozen=True, slots=True)
class Likely:
    """A type that a mail may be about, and what speaks for it."""

    type: str
    weight: float
    phrases: tuple[str, ...]  # of the catalogue's cues
    words: tuple[str, ...]  # learned ones, the strongest first


def likeliest(subject: str, text: str, catalogue: Catalogue) -> list[Likely]:
    """Return the likeliest types of a mail and why, for an operator; at most three."""
    subject = without_list_tags(subject)
    weights, _ = weighed(subject, text, catalogue)
    return [
        Likely(
            name,
            round(weight, 2),
            phrases(subject, text, name, catalogue),
            catalogue.learned.speaking(subject, text, name, MOST_WORDS),
        )
        for name, weight in weights[:MOST_GUESSES]
    ]


def guesses(subject: str, text: str, catalogue: Catalogue) -> tuple[str, ...]:
    """Return the likeliest types of a mail, at most three; an empty first one if two are alike."""
    return _guessed(*weighed(subject, text, catalogue))


def _guessed(weights: list[tuple[str, float]], bars: Bars) -> tuple[str, ...]:
    if not weights or weights[0][1] < bars.possible:
        return ()
    found = tuple(name for name, _ in weights[:MOST_GUESSES])
    alike = len(weights) > 1 and weights[0][1] == weights[1][1]
    return ("", *found) if alike else found


def type_in_prose(subject: str, text: str, catalogue: Catalogue) -> str:
    """Return the type that a mail without labels is clearly about; empty if none is. Pure.

    It must be well ahead of every other type; further ahead of one that overwrites data or changes
    who may do what.
    """
    return _clear(*weighed(subject, text, catalogue), catalogue)


def _clear(weights: list[tuple[str, float]], bars: Bars, catalogue: Catalogue) -> str:
    if not weights:
        return ""
    name, most = weights[0]
    case = catalogue.types[name]
    opens = not case.opens_at_once and not set(case.required) - {"subject", "description"}
    if most < (bars.enough_to_open if opens else bars.enough):
        return ""
    asks = {cue.type for cue in catalogue.cues if cue.asks}
    close = any(
        most - other < (2 if kind in asks else 1) * bars.ahead for kind, other in weights[1:]
    )
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
    weights, bars = weighed(subject, words, catalogue)
    name = _clear(weights, bars, catalogue)
    if not other and below:
        weights, bars = weighed(*whole, catalogue)
    likeliest = _guessed(weights, bars)
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
    one, other = (guesses("", part, catalogue)[:1] for part in (first, more))
    if not one or not other or not one[0] or one == other:
        return text, ""
    return first, other[0]
