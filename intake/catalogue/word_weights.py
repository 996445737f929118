"""Words with a weight for each type of case, as they were learned from earlier mails.

A linear classifier: it knows which words a mail has, and nothing about their order; the cues of
the catalogue know phrases. ``intake catalogue learn`` writes the file.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite, sqrt

MAX_CHARS = 6000  # of a mail
MAX_WORDS = 20_000  # of a file
LEAST_KNOWN = 8  # different words of a mail; fewer show nothing
BIAS = "*"  # the line with what a mail without any known word weighs
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*|\?")


class WordsError(ValueError):
    """A file of learned words has a mistake; the text names the line, what was found and wanted."""


@dataclass(frozen=True)
class WordWeights:
    """The learned words. ``words`` maps each to its rarity, then its weight for each type."""

    types: tuple[str, ...] = ()
    bias: tuple[float, ...] = ()  # of each type
    words: Mapping[str, tuple[float, ...]] = field(default_factory=dict, repr=False)

    def margins(self, subject: str, text: str) -> dict[str, float]:
        """Return how clearly a mail is of each type: above 0 for it, below 0 against it.

        Empty when the mail has too few known words.
        """
        rows = [self.words[word] for word in self._known(subject, text)]
        if len(rows) < LEAST_KNOWN:
            return {}
        length = sqrt(sum(row[0] ** 2 for row in rows))
        return {
            name: bias + sum(row[0] * row[place] for row in rows) / length
            for place, (name, bias) in enumerate(zip(self.types, self.bias, strict=True), start=1)
        }

    def speaking(self, subject: str, text: str, name: str, most: int) -> tuple[str, ...]:
        """Return the words of a mail that speak most for a type, at most so many."""
        if name not in self.types:
            return ()
        place = self.types.index(name) + 1
        weights = {word: self.words[word] for word in self._known(subject, text)}
        good = [word for word, row in weights.items() if row[place] > 0]
        good.sort(key=lambda word: -weights[word][0] * weights[word][place])
        return tuple(good[:most])

    def _known(self, subject: str, text: str) -> list[str]:
        return [word for word in sorted(words_of(subject, text)) if word in self.words]


NO_WORDS = WordWeights()


def words_of(subject: str, text: str) -> frozenset[str]:
    """Return the different words of a mail, in lower case without accents, and "?"."""
    low = f"{subject}\n{text[:MAX_CHARS]}".lower().replace("’", "'")
    if not low.isascii():
        parts = unicodedata.normalize("NFKD", low)
        low = "".join(one for one in parts if one.isascii() or not unicodedata.combining(one))
    return frozenset(_WORD.findall(low))


def written(weights: WordWeights) -> str:
    """Return the text of a file: the types, the bias, then a line for each word."""
    lines = [" ".join(weights.types), _line(BIAS, (1.0, *weights.bias))]
    lines += [_line(word, row) for word, row in sorted(weights.words.items())]
    return "\n".join(lines) + "\n"


def _line(word: str, numbers: Sequence[float]) -> str:
    return f"{word}\t{' '.join(f'{number:.2f}' for number in numbers)}"


def read(text: str) -> WordWeights:
    """Return the weights in the text of a file. Raises WordsError for the first mistake."""
    lines = text.strip("\n").splitlines()
    if len(lines) > MAX_WORDS:
        raise WordsError(f"found {len(lines)} lines, wanted at most {MAX_WORDS}")
    types = tuple(lines[0].split()) if lines else ()
    if not types or len(set(types)) != len(types):
        raise WordsError(f"line 1: found {' '.join(types)!r}, wanted the names of types, each once")
    known: dict[str, float] = {}  # equal numbers are kept once
    words: dict[str, tuple[float, ...]] = {}
    for number, line in enumerate(lines[1:], start=2):
        word, _, numbers = line.partition("\t")
        row = tuple(known.setdefault(one, _number(one, number)) for one in numbers.split())
        if not word or word in words or len(row) != len(types) + 1 or row[0] <= 0:
            wanted = f"a word of its own, a tab, a rarity above 0 and {len(types)} weights"
            raise WordsError(f"line {number}: found {line[:60]!r}, wanted {wanted}")
        words[word] = row
    if BIAS not in words:
        raise WordsError(f"found no line {BIAS!r} with the bias of each type")
    return WordWeights(types, words.pop(BIAS)[1:], words)


def only(weights: WordWeights, names: Container[str]) -> WordWeights:
    """Return the weights for the types of those names."""
    places = [place for place, name in enumerate(weights.types) if name in names]
    if len(places) == len(weights.types):
        return weights
    return WordWeights(
        tuple(weights.types[place] for place in places),
        tuple(weights.bias[place] for place in places),
        {
            word: (row[0], *(row[place + 1] for place in places))
            for word, row in weights.words.items()
        },
    )


def _number(text: str, line: int) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not isfinite(value):
        raise WordsError(f"line {line}: found {text[:20]!r}, wanted a number")
    return value
