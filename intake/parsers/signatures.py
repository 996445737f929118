"""Find the signature at the end of a mail that has no ``-- `` line above it.

Only a block at the very end counts. It begins with a closing or the writer's own name and contains
only names, titles, places and numbers. With one more word, the whole block is text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence

from intake.parsers import body_lines

MAX_LINES = 16  # that are not blank
MAX_BELOW_NAME = 8  # lines that are not blank, after the writer's own name
MAX_LINE_CHARS = 120
MAX_TITLE_WORDS = 9
MAX_QUOTE_CHARS = 200
_REACHED = re.compile(
    r"\d[\d\s().\-/x]{5,}\d|[^\s@]+@[^\s@]+\.[a-z]+|\bwww\.|https?://"
    r"|^\W*(?:phone|tel|telephone|office|cell|mobile|fax|ext|direct|main|email|e-mail|web|title|position|role|cargo|puesto|funktion|p|o|c|m|f|t"
    r"|teléfono|móvil|celular|correo|handy|telefon)\b\.?\s?(?:[:#]|\(?\+?\d)",
    re.IGNORECASE,
)
_PLACE = re.compile(
    r"\b[A-Z]{2}\.?,?\s+\d{5}(?:-\d{4})?\b|^\d{1,6}\s+\S.*\b(?:street|st|avenue|ave|road|rd|drive|dr"
    r"|lane|ln|boulevard|blvd|way|court|ct|highway|hwy|suite|place|pl|circle|parkway|pkwy)\b"
    r"|\bp\.?\s?o\.?\s+box\b|\b(?:school|schools|district|isd|usd|university|college|academy|county)\b",
    re.IGNORECASE,
)
_TITLE = re.compile(
    r"\b(?:director|registrar|principal|coordinator|manager|specialist|teacher|secretary|clerk"
    r"|technician|analyst|superintendent|administrator|assistant|officer|supervisor|counselor"
    r"|nurse|engineer|technology|department|office|services|support|head|lead|chief|consultant"
    r"|librarian|treasurer|accountant|bookkeeper|m\.?ed|ph\.?d|m\.?a|b\.?a|ed\.?d"
    r"|directora?|secret[aá]ri[ao]|coordinadora?|maestr[ao]|profesora?|leiter(?:in)?|lehrer(?:in)?"
    r"|sekretariat|schulleitung|auxiliar|administrativ[ao]|jef[ea]|secrétaire|secrétariat|adjointe?"
    r"|analyste|direction|(?:sub)?diretora?|assistente|técnic[ao]|segreteria|ufficio|docente"
    r"|boekhouding|administratie|leerlingadministratie|directeur|buchhaltung|kasse|contabilità"
    r"|schulleiter(?:in)?|schulamtsleiter(?:in)?|professeur|enseignante?|leerkracht|insegnante)\b",
    re.IGNORECASE,
)
_DISCLAIMER = re.compile(
    r"\W*(?:confidential|this (?:e-?mail|message|communication|transmission)"
    r"|the information (?:contained )?in this|if you (?:are not|have received)"
    r"|notice:|disclaimer|privileged|please consider the|pensez à l'env|antes de imprimir"
    r"|prima di stampare|denk aan het milieu|de informatie in|le informazioni|aviso legal"
    r"|avant d'imprimer|pense no meio|informação confidencial|bitte denken sie an die umwelt"
    r"|pursuant to|aviso|este (?:correo|mensaje)|ce (?:message|courriel)"
    r"|diese (?:e-?mail|nachricht)|deze (?:e-?mail|bericht)|dit bericht"
    r"|questa (?:e-?mail|comunicazione)"
    r"|questo messaggio|esta (?:mensagem|mensaje|comunicación)|le présent|ce document|vertraulich)",
    re.IGNORECASE,
)
_ANY_NAME = re.compile(  # directly below a closing, whoever the writer is
    r"(?:[A-ZÀ-ÖØ-Þ][\w'’.-]*\s+(?:(?:de|da|do|dos|del|la|van|von|der|i\. ?A)\.?\s+){0,2}){1,4}"
    r"[A-ZÀ-ÖØ-Þ][\w'’-]+"
)
_RULE = re.compile(r"\s*[-_=*~•·|–—]{2,}\s*\Z")
_QUOTE = re.compile(r"""\s*["“”«'‘].*["“”»'’][\w\s.,–—-]{0,40}\Z""")


def cut(
    text: str, names: Collection[str], places: Sequence[str] = (), *, alone: bool = False
) -> tuple[str, str]:
    """Return the text, and the block that signs it; the block is empty when there is none.

    ``names`` are the writer's, folded; ``places`` are their organisations'. With ``alone`` the
    block may be the whole text.
    """
    lines = text.split("\n")
    worded = [number for number, line in enumerate(lines) if line.strip()]
    for number in worded[-MAX_LINES:]:
        if (number == worded[0] and not alone) or not _begins(lines, number, names):
            continue
        if _is_block(lines[number:], names, places):
            kept = "\n".join(lines[: _above(lines, number)]).rstrip()
            whole = alone or bool(kept.strip())
            return (kept, "\n".join(lines[number:]).strip()) if whole else (text, "")
    return text, ""


def signed_at(
    lines: Sequence[body_lines.Line], name: str, is_label: Callable[[str], bool]
) -> int | None:
    """Return where the writer signs with their own name near the end; None when they do not.

    The name must follow a closing or a blank line and must not be the answer under a label. The
    lines from there on must only sign, because a postscript can be there, too.
    """
    wanted = " ".join(name.casefold().split())
    words = 0  # lines that are not blank, counted from the end
    for number in range(len(lines) - 1, 0, -1):
        line = lines[number]
        flat = " ".join(line.text.casefold().split()).rstrip(",.")
        words += bool(flat) and not line.depth
        if words > MAX_BELOW_NAME + 1:
            break
        if flat and flat in (wanted, wanted.partition(" ")[0]) and not line.depth:
            above = next((one.text for one in reversed(lines[:number]) if one.text.strip()), "")
            last = not any(one.text.strip() for one in lines[number + 1 :])
            blank = (flat == wanted or last) and not lines[number - 1].text.strip()
            apart = blank or body_lines.is_courtesy(above)
            if above and apart and not is_label(above):
                rest = [one.text for one in lines[number:]]
                first = wanted.partition(" ")[0]
                return number if _is_block(rest, (wanted, first), ()) else None
    return None


def closed_at(lines: Sequence[body_lines.Line]) -> int | None:
    """Return where a closing stands above somebody's name, title and numbers; None if none does.

    It finds a signature whose name is not the one that the mail comes from.
    """
    worded = [number for number, line in enumerate(lines) if line.text.strip()]
    for number in worded[-MAX_BELOW_NAME - 1 : -1]:
        rest = [line.text.strip() for line in lines[number:]]
        name = next((one for one in rest[1:] if one), "")
        signs = body_lines.is_closing(rest[0]) and _is_any_name(name)
        if number != worded[0] and signs and not any(line.depth for line in lines[number:]):
            return number if _is_block(rest, (), ()) else None
    return None


def _above(lines: Sequence[str], number: int) -> int:
    """Return where the blank and drawn lines above the block begin."""
    while number and (not lines[number - 1].strip() or _RULE.match(lines[number - 1])):
        number -= 1
    return number


def _begins(lines: Sequence[str], number: int, names: Collection[str]) -> bool:
    """Return True for a closing, or for the writer's own name below an empty or a drawn line."""
    above = lines[number - 1] if number else ""
    if body_lines.is_closing(lines[number]):
        return True
    return _is_name(lines[number], names) and (not above.strip() or bool(_RULE.match(above)))


def _is_name(line: str, names: Collection[str]) -> bool:
    """Return True for the name, perhaps followed by a degree or a title."""
    flat = " ".join(line.casefold().split()).strip("-–— *_")
    whole = flat.partition(",")[0].partition("|")[0].partition("(")[0].strip(" .")
    return whole in names and (whole == flat.strip(" .,") or len(flat.split()) <= MAX_TITLE_WORDS)


def _is_any_name(line: str) -> bool:
    """Return True for two to five words with capitals, as a name directly below a closing."""
    return len(line) <= MAX_LINE_CHARS and _ANY_NAME.fullmatch(line) is not None


def _is_block(lines: Sequence[str], names: Collection[str], places: Sequence[str]) -> bool:
    told = [one.casefold() for one in places if one]
    closed = False  # by the line above that is not blank
    for number, line in enumerate(lines):
        flat = line.strip()
        if not flat or _RULE.match(flat) or body_lines.is_closing(flat):
            closed = closed or bool(flat)
            continue
        below, closed = closed, False
        if below and _is_any_name(flat):
            continue
        if _DISCLAIMER.match(flat):
            return not any("?" in one for one in lines[number:])
        if _is_name(flat, names) or (len(flat) <= MAX_QUOTE_CHARS and _QUOTE.match(flat)):
            continue
        if len(flat) > MAX_LINE_CHARS or flat.endswith(("?", "!", ":")):
            return False
        if _REACHED.search(flat) and len(flat.split()) <= MAX_TITLE_WORDS + 3:
            continue
        named = any(one in flat.casefold() for one in told)
        short = len(flat.split()) <= MAX_TITLE_WORDS and not flat.endswith(".")
        if not (short and flat[:1].isupper() | flat[:1].isdigit() and _is_desk(flat, named=named)):
            return False
    return True


def is_disclaimer(line: str) -> bool:
    """Return True for the first line of a disclaimer."""
    return bool(_DISCLAIMER.match(line))


def reaches(line: str) -> bool:
    """Return True for a short line with a telephone number, an address or a web page."""
    return bool(_REACHED.search(line)) and len(line.split()) <= MAX_TITLE_WORDS + 3


def is_signing(line: str) -> bool:
    """Return True for a short line that looks like a title, an organisation or a place.

    All its longer words have a capital, or it has the word for a title or an institution.
    """
    words = re.findall(r"[^\W\d_]{4,}", line)
    short = len(line.split()) <= MAX_TITLE_WORDS and not line.endswith(".")
    large = sum(word[0].isupper() for word in words)
    titled = bool(_TITLE.search(line) or _PLACE.search(line))
    return short and bool(words) and (large == len(words) or (titled and line[:1].isupper()))


def _is_desk(flat: str, *, named: bool) -> bool:
    """Return True for a title, an organisation or a place whose longer words all have a capital."""
    words = [word for word in re.findall(r"[^\W\d_]{4,}", flat)]
    large = all(word[0].isupper() for word in words)
    return large and bool(named or _TITLE.search(flat) or _PLACE.search(flat))
