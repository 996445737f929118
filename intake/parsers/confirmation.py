"""Decide whether a text gives a confirmation (seed L102): explicit, by the writer, not denied.

A doubtful sentence is not a confirmation: a second question costs one mail, a wrong yes costs data.
"""

from __future__ import annotations

import re

from intake.catalogue.catalogue import Catalogue, Field
from intake.catalogue.labels import visible

MAX_CHARS = 20_000
_SENTENCE = re.compile(r"[^.!?;]+[.!?;]*")
_DOUBT = re.compile(
    r"\b(?:not|never|without|cannot|cant|dont|wont|neither|nor|refuse\w*|den(?:y|ied)|unable"
    r"|if|unless|until|whether|nunca|sin|todavía|pas|sans|jamais|nicht|kein\w*|ohne|nie|falls"
    r"|wenn|sofern|não|nao|sem|ainda|si(?!\s*[,.!])|caso|siempre que|desde que|sauf)\b"
    r"|n't\b|(?:\A\W*|[,;]\s*)se\b",
    re.IGNORECASE,
)
_NO = re.compile(r"\bno\b", re.IGNORECASE)


def consent(text: str, field: Field) -> str:
    """Return the words that confirm by one of the field's phrases; empty when no sentence does.

    A question does not confirm. A sentence with "no", "not" or "if" before the phrase does not
    either.
    """
    for sentence in _sentences(text):
        for phrase in field.phrases:
            match = re.search(phrase, sentence, re.IGNORECASE)
            if match is None or sentence.endswith("?"):
                continue
            before = sentence[: match.end()]
            if not _DOUBT.search(before) and not _NO.search(before):
                return match[0]
    return ""


def says_yes(text: str, catalogue: Catalogue) -> bool:
    """Return whether the first sentence is a plain yes in one of the catalogue's languages."""
    first = next(iter(_sentences(text)), "")
    low = first.casefold().strip(" .!\"'")
    word = re.split(r"[\s,:]", low, maxsplit=1)[0]
    if first.endswith("?"):
        return False
    if low in catalogue.normalise.yes_words:
        return True  # "si" alone is a yes without its accent, though it may be an "if" elsewhere
    return not _DOUBT.search(low) and word in catalogue.normalise.yes_words


def says_no(text: str, catalogue: Catalogue) -> bool:
    """Return whether the first sentence begins with a no in one of the catalogue's languages."""
    first = next(iter(_sentences(text)), "")
    low = first.casefold().strip(" .!\"'")
    word = re.split(r"[\s,:]", low, maxsplit=1)[0]
    return word in catalogue.normalise.no_words and not first.endswith("?")


def confirmed(text: str, field: Field, catalogue: Catalogue) -> bool:
    """Return whether the answer under the field's own label is a yes."""
    first = next(iter(_sentences(text)), "")
    low = first.casefold().strip(" .!\"'")
    word = re.split(r"[\s,:]", low, maxsplit=1)[0]
    normal = catalogue.normalise
    if word in normal.no_words or low in normal.no_words or first.endswith("?"):
        return False
    if low in normal.yes_words or (word in normal.yes_words and not _DOUBT.search(low)):
        return True
    return bool(consent(text, field))


def _sentences(text: str) -> list[str]:
    """Return the sentences, each on one line.

    A blank line ends a sentence, a line break does not.
    """
    paragraphs: list[list[str]] = [[]]
    for line in visible(text)[:MAX_CHARS].splitlines():
        paragraphs[-1] += line.split()
        if not line.strip():
            paragraphs.append([])
    return [
        sentence.strip()
        for words in paragraphs
        for sentence in _SENTENCE.findall(" ".join(words))
        if sentence.strip()
    ]
