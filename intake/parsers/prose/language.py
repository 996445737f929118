"""Tell the language of a text by its most common small words."""

from __future__ import annotations

import re
from collections.abc import Mapping

MAX_CHARS = 4000  # of a text that are looked at
LEAST = 2  # different small words that show a language
CLEAR = 6  # different ones that show it without any doubt


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_SMALL: Mapping[str, frozenset[str]] = {
    "en": _words(
        "the and is are was we you it this that they our have has when not can with for but of to"
        " in on from been there what how would please hi hello thanks i'm it's don't can't he she"
        " their your my if or an at be as do does did will all any just who which"
    ),
    "es": _words(
        "el la los las que de y en no se es un una por con para del al nos lo le su sus pero como"
        " está están hay cuando ya muy más esta este hola gracias buenos buenas días tardes desde"
        " sale puede pueden tenemos favor saludos porque qué cómo"
    ),
    "fr": _words(
        "le la les des du de et en ne pas est un une pour avec dans sur que qui nous vous je il"
        " elle on au aux ce cette mais bonjour merci depuis notre nos votre c'est n'est j'ai sont"
        " plus où été fait cordialement s'il"
    ),
    "de": _words(
        "der die das und ist nicht ein eine einen wir sie ich es den dem des mit für auf im in zu"
        " von bei aber seit auch noch wird werden sind haben kann können bitte hallo danke vielen"
        " grüße guten tag uns unsere unser beim zum zur wie was er sein seine mehr wenn mir mein"
        " meine nur nach vom einem einer als oder kommt geht ihr ihre hat mich keine kein nichts"
    ),
    "pt": _words(
        "o os as de do da dos das e em no na nos nas não que é um uma para com por mas se está"
        " estão nosso nossa nossos ao à foi são já mais quando olá obrigado obrigada bom boa dia"
        " tarde você vocês desde isso esta este pode podem temos também"
    ),
}


def language_of(text: str, default: str = "en") -> str:
    """Return the language with the most small words in the text, as an ISO 639 code.

    ``default`` if no language is clearly ahead: a text of few words shows none.
    """
    points = language_points(text)
    ranked = sorted(points, key=lambda code: -points[code])
    if points[ranked[0]] < LEAST or points[ranked[0]] == points[ranked[1]]:
        return default
    return ranked[0]


def shown_language(text: str) -> tuple[str, bool]:
    """Return the language that a text shows, or an empty text, and whether it shows it clearly."""
    code = language_of(text, "")
    words = {one.casefold().replace("’", "'") for one in _WORD.findall(text[:MAX_CHARS])}
    return code, bool(code) and len(words & _SMALL[code]) >= CLEAR


def is_small(word: str) -> bool:
    """Return whether a word is one of the common small words of any language."""
    flat = word.casefold().replace("’", "'")
    return any(flat in small for small in _SMALL.values())


def language_points(text: str) -> dict[str, float]:
    """Return for each language how much of a text is its small words: different words count 1.

    A further occurrence counts a tenth, so that one sentence that is repeated decides nothing.
    """
    words = [one.casefold().replace("’", "'") for one in _WORD.findall(text[:MAX_CHARS])]
    kinds = set(words)
    return {
        code: len(kinds & small) + 0.1 * sum(word in small for word in words)
        for code, small in _SMALL.items()
    }
