"""Recognise an answer that says only thanks, that it works now, or that the case may be closed.

A sentence is an ending if all its words are in the catalogue's vocabulary of endings and one of
them carries the meaning. There is no "not", no "but" and no number in that vocabulary: with any
other word the mail is an ordinary one, so nothing that a person adds is taken for thanks. Below the
sentences only a signature may stand.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from intake.catalogue.catalogue import Catalogue
from intake.catalogue.labels import fold
from intake.mail.message import Message
from intake.parsers import attributions, body_lines, signatures

MAX_CHARS = 400  # of the writer's own text above the signature
MAX_LINES = 40  # of a signature
MAX_OWN_LINES = 60
MAX_NAME_WORDS = 4
_SENTENCE = re.compile(r"[\n.,;:!¡…()]+|\s[-–—]\s")
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_SMILES = re.compile(r"[:;]-?[)D]|<3|\^\^|\b[xX]{1,3}\b")
_PICTURES = re.compile("[\U0001f300-\U0001faff\u2600-\u27bf\ufe0f\u200d\U0001f3fb-\U0001f3ff]")
_NODS = re.compile(
    "[\U0001f44d\U0001f64f\U0001f44c\u2764\U0001f60a\U0001f642\U0001f600-\U0001f606]"
)
_FORWARDED = re.compile(r"\s*(?:fwd?|wg|tr|rv|enc|i|doorst|inoltrato)\s?:", re.IGNORECASE)
_POSTSCRIPT = re.compile(r"(?:p\.?\s?s|n\.?\s?b)\b", re.IGNORECASE)
_YES = frozenset(("yes", "yep", "yeah", "sí", "si", "oui", "ja", "sim", "sì"))
_INITIALS = re.compile(r"(?:[A-ZÀ-Þ]\.?\s?){1,3}\Z")


@dataclass(frozen=True, slots=True)
class _Words:
    """The catalogue's vocabulary of endings, folded."""

    thanks: frozenset[str]
    over: frozenset[str]
    plain: frozenset[str]
    every: frozenset[str]  # all of them


def ending(message: Message, names: Sequence[str], catalogue: Catalogue) -> str:
    """Return "close", "thanks" or, for any other mail, an empty text.

    "close" also means that it works. ``names`` are the writer's, folded.
    """
    if any(not one.inline for one in message.attachments) or _FORWARDED.match(message.subject):
        return ""  # a file and a forwarded mail say more than the words above them
    letters = catalogue.normalise.confusables
    words = _vocabulary(catalogue)
    lines = _own_lines(message)
    found: set[str] = set()
    last = 0  # lines up to the last one that says something
    for number, line in enumerate(lines):
        kinds = _kinds(line, words, names, letters, first=not found)
        if "other" in kinds:
            break
        found |= kinds
        last = number + 1
    told = "\n".join(lines[:last])
    rest = [line for line in lines[last:] if line.strip()]
    if not found & {"thanks", "close"} or len(told) > MAX_CHARS or "?" in told:
        return ""
    if rest and not _is_signed(rest, names):
        return ""
    if "close" not in found and _says_yes(told, catalogue):
        return ""  # the answer to a question
    return "close" if "close" in found else "thanks"


def _says_yes(told: str, catalogue: Catalogue) -> bool:
    """Return whether a word of the text is a yes; "ok" is none here."""
    yes = (set(catalogue.normalise.yes_words) | _YES) - {"ok", "okay"}
    return not yes.isdisjoint(_told(told, {}))


def _vocabulary(catalogue: Catalogue) -> _Words:
    kinds = ("thanks_words", "over_words", "ending_words")
    return _words(*(catalogue.subjects.get(kind, ()) for kind in kinds))


@lru_cache(maxsize=8)
def _words(thanks: tuple[str, ...], over: tuple[str, ...], plain: tuple[str, ...]) -> _Words:
    first, second, third = (
        frozenset(fold(one, {}) for one in words) for words in (thanks, over, plain)
    )
    return _Words(first, second, third, first | second | third)


def _own_lines(message: Message) -> list[str]:
    """Return the writer's own lines: above the quoted letter, or below it."""
    body = message.plain if message.plain.strip() else message.html.text
    lines = body_lines.split(body.replace("\u00a0", " ").replace("\ufeff", ""))
    texts = [line.text for line in lines]
    own: list[str] = []
    number = 0
    while number < len(lines):
        if len(own) > MAX_OWN_LINES:
            return ["?"]  # too long for an ending
        line = lines[number]
        taken = attributions.size_at(texts, number)
        if taken:
            number += taken
            if _is_quoted_below(lines, number) or not _has_words(own):
                continue
            break  # the old mail has no quote marks: all below it is old
        if not line.depth:
            if attributions.is_forward(line.text):
                return ["?"]  # what is forwarded is new to us
            if body_lines.ends_own_text(lines, number):
                break
            own.append(line.text)
        number += 1
    return own


def _is_quoted_below(lines: Sequence[body_lines.Line], number: int) -> bool:
    after = next((line for line in lines[number:] if line.text.strip() or line.depth), None)
    return after is None or after.depth > 0


def _has_words(own: Sequence[str]) -> bool:
    return any(line.strip() for line in own)


def _kinds(
    line: str,
    words: _Words,
    names: Sequence[str],
    letters: Mapping[str, str],
    *,
    first: bool,
) -> set[str]:
    """Return what a line says: "thanks", "close", "courtesy", "other"; nothing for a blank one."""
    bare = _SMILES.sub(" ", _PICTURES.sub(" ", line)).strip(" *_")
    if not bare:
        return {"thanks"} if _NODS.search(line) else set()
    greets = first and line.rstrip().endswith(",") and len(bare.split()) <= MAX_NAME_WORDS
    if body_lines.is_courtesy(bare) or (greets and words.over.isdisjoint(_told(bare, letters))):
        return {"thanks"} if _thanked(bare, words) else {"courtesy"}
    found: set[str] = set()
    sentences = [one.strip(" \"'«»“”") for one in _SENTENCE.split(bare)]
    for place, sentence in enumerate(sentences):
        told = _told(sentence, letters)
        if any(char.isdigit() for char in sentence):
            return {"other"}
        if not told:
            continue
        if all(word in words.every for word in told):
            said = set(told)
            found.add(
                "thanks" if said & words.thanks else "close" if said & words.over else "courtesy"
            )
            continue
        named = place == len(sentences) - 1 or not any(sentences[place + 1 :])
        if " ".join(told) in names or (named and found and _is_name(sentence)):
            found.add("courtesy")
            continue
        return {"other"}
    return found


def _thanked(text: str, words: _Words) -> bool:
    return any(word in words.thanks for word in _told(text, {}))


def _told(sentence: str, letters: Mapping[str, str]) -> list[str]:
    return _WORD.findall(fold(sentence.replace("’", "'"), letters))


def _is_name(text: str) -> bool:
    """Return True for what signs behind a comma or on a line of its own: "Tom", "M. Dole", "P."."""
    words = text.split()
    return (
        bool(words)
        and len(words) <= MAX_NAME_WORDS
        and all(
            word[:1].isupper() or word in ("v.", "von", "de", "da", "van", "di") for word in words
        )
    )


def _is_signed(rest: Sequence[str], names: Sequence[str]) -> bool:
    """Return whether the lines below the last sentence only sign: names, titles, numbers."""
    if len(rest) > MAX_LINES:
        return False
    for number, line in enumerate(rest):
        flat = line.strip(" *_-–—~|")
        if not flat or body_lines.is_courtesy(flat):
            continue
        if signatures.is_disclaimer(flat):
            return not any("?" in one for one in rest[number:])
        if _POSTSCRIPT.match(flat):
            return False
        if flat.endswith(("?", "!", ":")) or len(flat) > signatures.MAX_LINE_CHARS:
            return False
        if _is_name(flat) or _INITIALS.match(flat) or signatures.reaches(flat):
            continue
        if not signatures.is_signing(flat):
            return False
    return True
