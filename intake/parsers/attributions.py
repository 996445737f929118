"""Find where an older mail begins: ``On … wrote:``, header blocks and dividers, in any language.

Mail programs build an attribution from the same parts in every language: a date, the author and a
verb. So the table has the words of the languages, and few shapes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

MAX_CHARS = 300  # of an attribution
MAX_FOLDED = 3  # lines

_VERBS = (
    "wrote", "writes", "schrieb", "a écrit", "escribió", "escreveu", "ha scritto", "scrisse",
    "schreef", "skrev", "napisał", "napisała", "napisał(a)", "написал", "написал(а)", "пишет",
    "folgendes geschrieben", "het volgende geschreven", "geschreven", "geschrieben",
)  # fmt: skip
_STARTS = ("on", "am", "le", "el", "em", "op", "il", "den", "il giorno", "no dia", "w dniu")
_DIVIDERS = (
    "original message", "original mail", "original appointment", "forwarded message",
    "reply message",
    "ursprüngliche nachricht", "ursprüngliche mail", "originalnachricht",
    "weitergeleitete nachricht",
    "mensaje original", "mensaje reenviado", "message d'origine", "message original",
    "message transféré", "mail original", "mensagem original", "mensagem encaminhada",
    "messaggio originale", "messaggio inoltrato", "oorspronkelijk bericht", "oorspronkelijke mail",
    "doorgestuurd bericht",
)  # fmt: skip
_NAMES = {
    "from": ("from", "von", "de", "da", "van", "expéditeur", "remitente", "remetente", "mittente"),
    "sent": (
        "sent", "gesendet", "enviado", "enviado el", "enviados", "enviada", "enviada em", "envoyé",
        "envoyé le", "inviato", "verzonden", "date", "datum", "fecha", "data", "am",
    ),
    "to": ("to", "an", "para", "à", "a", "aan", "destinataire", "destinatario", "destinatário"),
    "subject": ("subject", "betreff", "asunto", "objet", "assunto", "oggetto", "onderwerp"),
    "cc": ("cc", "kopie", "copie"),
}  # fmt: skip


def _words(words: Sequence[str]) -> str:
    return "|".join(re.escape(one) for one in sorted(words, key=len, reverse=True))


_ALL_NAMES = [name for names in _NAMES.values() for name in names]
HEADER = re.compile(rf"[*>\s\ufeff]{{0,4}}(?:{_words(_ALL_NAMES)})\*?\s{{0,12}}:", re.IGNORECASE)
FROM = re.compile(rf"[*>\s\ufeff]{{0,4}}(?:{_words(_NAMES['from'])})\*?\s{{0,12}}:", re.IGNORECASE)
SEPARATOR = re.compile(rf"[-_=*\s]{{2,40}}(?:{_words(_DIVIDERS)})[-_=*\s]{{0,40}}\Z", re.IGNORECASE)
_FORWARD = re.compile(
    r"\W{0,40}(?:(?:begin )?forwarded message|(?:anfang der )?weitergeleitete"
    r"|(?:inicio del )?mensaje reenviado|(?:début du )?message transféré"
    r"|(?:início da )?mensagem (?:encaminhada|reencaminhada)"
    r"|(?:inizio del )?messaggio inoltrato|(?:begin )?doorgestuurd bericht)\b",
    re.IGNORECASE,
)
_ABOVE = re.compile(r"##-.{5,80}-##\Z")  # "please type your reply above this line"
_VERB = rf"(?:{_words(_VERBS)})"
_ENDS = re.compile(rf"\b{_VERB}\s?:\Z", re.IGNORECASE)
_LAST = (":", ">", "-")  # characters with which an attribution ends
_BEGINS = re.compile(rf"(?:{_words(_STARTS)})[\s,]", re.IGNORECASE)
_HAS_VERB = re.compile(rf"(?<!\w){_VERB}(?!\w)", re.IGNORECASE)
_DASHED = re.compile(rf"-{{2,}}\s.{{5,250}}\b{_VERB}\s?:?\s?-{{2,}}\Z", re.IGNORECASE)
_ARROWS = re.compile(r">>>\s.{3,200}\d[\d:.]{3,}.{0,12}>>>\Z")  # GroupWise
_DATED = re.compile(r"(?=.*\b\d{4}\b)(?=.*\d{1,2}[:.h]\d{2}).{5,250}<[^<>\s@]+@[^<>\s@]+>\s?:\Z")
_NAMED = re.compile(rf".{{2,200}}<[^<>\s@]+@[^<>\s@]+>\s{_VERB}\s?\(?.{{0,80}}:\Z", re.IGNORECASE)


def size_at(texts: Sequence[str], number: int) -> int:
    """Return how many lines the attribution takes that begins here; 0 if none does."""
    joined = ""
    for size, text in enumerate(texts[number : number + MAX_FOLDED], 1):
        flat = text.replace("\u00a0", " ").replace("\u202f", " ").strip(" \t*_\ufeff")
        if size > 1 and not flat:
            return 0
        if size == 1 and flat[-1:] not in _LAST and not _BEGINS.match(flat):
            return 0
        joined = f"{joined} {flat}".strip()
        if len(joined) > MAX_CHARS or not joined:
            return 0
        if _is_whole(joined, folded=size > 1):
            return size
        if not _BEGINS.match(joined):
            return 0
    return 0


def _is_whole(text: str, *, folded: bool) -> bool:
    dated = any(char.isdigit() for char in text)  # "On Monday she wrote on the board:" is none
    inside = dated and text.endswith(":") and _HAS_VERB.search(text)
    if _BEGINS.match(text) and (inside or _ENDS.search(text)):
        return True
    if folded:
        return False
    shapes = (_ENDS.search, _DASHED.match, _ARROWS.match, _DATED.match, _NAMED.match)
    return any(shape(text) for shape in shapes)


def is_forward(text: str) -> bool:
    """Return True for ``------ Forwarded message ------`` and ``Begin forwarded message:``."""
    return bool(_FORWARD.match(text))


def is_divider(text: str) -> bool:
    """Return True for ``-----Original Message-----`` and the like."""
    return bool(SEPARATOR.match(text) or _ABOVE.match(text.strip()))
