"""Learn from mails with a known type which words speak for which type of case.

One linear support vector machine for each type against the others, by dual coordinate descent
(Hsieh et al., A Dual Coordinate Descent Method for Large-scale Linear SVM, ICML 2008, algorithm 1,
with the squared hinge loss). The same mails in the same order give the same weights.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import log, sqrt

from intake.catalogue.word_weights import WordWeights, words_of

LEAST_MAILS = 3  # in which a word must stand, so that the name of one person is not kept
LEAST_WEIGHT = 0.15  # of a word for some type; others are left out
LEAST_OF_A_TYPE = 5  # mails that a type must have
ROUNDS = 60
COST = 0.5  # of a mail on the wrong side
DIGITS = 2
STRIDE, MODULUS = 7919, 1_000_003  # primes that bring the mails into another order at each turn
PARTS = 5  # of the mails, each kept aside once to see how good the rest is

Row = dict[int, float]


@dataclass(frozen=True, slots=True)
class Example:
    """A mail whose type is known."""

    type: str
    subject: str
    text: str


def usable(examples: Sequence[Example]) -> list[Example]:
    """Return the mails of types that have enough of them."""
    counts = Counter(one.type for one in examples)
    return [one for one in examples if counts[one.type] >= LEAST_OF_A_TYPE]


def learned(examples: Sequence[Example]) -> WordWeights:
    """Return the weights that tell the types of these mails apart."""
    sets = [words_of(one.subject, one.text) for one in examples]
    seen = Counter(word for words in sets for word in words)
    kept = sorted(word for word, count in seen.items() if count >= LEAST_MAILS)
    rarity = {word: log((1 + len(sets)) / (1 + seen[word])) + 1 for word in kept}
    places = {word: place for place, word in enumerate(kept)}
    rows = [_row(words, places, rarity) for words in sets]
    counts = Counter(one.type for one in examples)
    types = tuple(sorted(counts))
    found = []
    for name in types:
        ours = COST * len(rows) / (len(types) * counts[name])  # rare types count for as much
        theirs = COST * len(rows) / (2 * max(len(rows) - counts[name], 1))
        wanted = [(1.0, ours) if one.type == name else (-1.0, theirs) for one in examples]
        found.append(_machine(rows, wanted, len(kept)))
    rounded = {
        word: tuple(round(one, DIGITS) for one in (rarity[word], *(w[place] for w in found)))
        for word, place in places.items()
    }
    strong = {word: row for word, row in rounded.items() if max(map(abs, row[1:])) >= LEAST_WEIGHT}
    return WordWeights(types, tuple(round(weights[-1], DIGITS) for weights in found), strong)


def _row(words: frozenset[str], places: Mapping[str, int], rarity: Mapping[str, float]) -> Row:
    """Return a mail as a vector of length 1, with 1 more for the bias in the last place."""
    known = [word for word in sorted(words) if word in places]
    length = sqrt(sum(rarity[word] ** 2 for word in known)) or 1.0
    row = {places[word]: rarity[word] / length for word in known}
    return row | {len(places): 1.0}


def _machine(rows: Sequence[Row], wanted: Sequence[tuple[float, float]], size: int) -> list[float]:
    """Return the weight of each place. ``wanted`` has a sign and a cost for each row."""
    weights, alphas = [0.0] * (size + 1), [0.0] * len(rows)
    squares = [sum(value * value for value in row.values()) for row in rows]
    for turn in range(1, ROUNDS + 1):
        for number in sorted(range(len(rows)), key=partial(_place, turn)):
            row, (sign, cost) = rows[number], wanted[number]
            told = sign * sum(weights[place] * value for place, value in row.items())
            slope = told - 1 + alphas[number] / (2 * cost)
            better = max(alphas[number] - slope / (squares[number] + 1 / (2 * cost)), 0.0)
            step = (better - alphas[number]) * sign
            if step:
                alphas[number] = better
                for place, value in row.items():
                    weights[place] += step * value
    return weights


def _place(turn: int, number: int) -> int:
    """Return where a row stands in a turn: in another order each time, and always the same."""
    return number * STRIDE * turn % MODULUS


def tried(examples: Sequence[Example]) -> int:
    """Return how many mails get the right type from what the other parts of the mails teach."""
    right = 0
    for part in range(PARTS):
        aside = examples[part::PARTS]
        rest = [one for number, one in enumerate(examples) if number % PARTS != part]
        weights = learned(rest)
        for one in aside:
            margins = weights.margins(one.subject, one.text)
            right += bool(margins) and max(margins, key=margins.__getitem__) == one.type
    return right
