"""Read the person that a change of contacts is about: name, address, telephone numbers."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

from intake.catalogue.catalogue import Catalogue, Role
from intake.parsers.prose.reading import LIKELY, Prose, Reading, pattern

MAX_NAMES = 40
MAX_SIGNED_WORDS = 3  # in front of a name that ends a mail: "Thank you all,"
_UPPER = r"[A-ZÀ-ÖØ-ÞŁŚŠŽÇ]"
_NO_NAME = (  # words with a capital letter that are no part of a name
    r"(?!(?:Mr|Mrs|Ms|Mme|Mlle|Dr|Prof|Sra?|Srta|Ing|Lic|Frau|Herrn?|Meine?|My|Mon|Mes|Meu|Minha|Sie|Ihnen|Ihre?|Wir|Unsere?|Es|Der"
    r"|Die|Das|Please|Bitte|Por|Favor|Merci|Tel|Title|Phone|Dear|Hello|Hi|Hallo|Hola|Bonjour|Olá"
    r"|Kontakt|Contacto|Contact|Contato|Ansprechpartner(?:in)?|Direct(?:or|ora|eur|rice)|Diretora?|Leiter(?:in)?|Sekretärin"
    r"|Co+rd(?:inator|inador|inadora|enador|enadora|onnateur|onnatrice)|Responsable|Responsável"
    r"|\w+(?:referent|leiter|lehrer|sekretär|sachbearbeiter|koordinator|administrator|assistent"
    r"|verwalter|direktor)(?:in)?|\w+beauftragte[rn]?)"
    r"\b)"
)
_PART = rf"(?:{_NO_NAME}(?!\w['’][a-zà-ÿ]){_UPPER}[\w'’]+(?:-{_UPPER}?[\w'’]+)*)"
_NAME = re.compile(
    r"(?<![\w@.])(?:(?:Mr|Mrs|Ms|Mme|Mlle|Dr|Prof|Sra?|Srta|Frau|Herrn?|M|D|Kolleg(?:e|in|en))"
    rf"\.?[ \t]+){{0,3}}(?P<first>{_PART}(?:[ \t]{_PART}(?=[ \t]{_PART}[ \t]{_PART}(?!\w)))?)"
    rf"(?:[ \t]{_UPPER}\.)?[ \t]"
    r"(?P<last>(?:(?:de|da|do|dos|del|van|von|der|la|le)[ \t]){0,2}"
    rf"{_PART}(?:[ \t]{_PART})?)(?!\w)"
)
_TITLES = frozenset(
    (
        "mr", "mrs", "ms", "mme", "mlle", "dr", "prof", "sr", "sra", "srta", "frau", "herr",
        "herrn", "dear", "hello", "hi",
    )
)  # fmt: skip
_ADDRESS = re.compile(r"(?<![\w.@])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,6}")
_PHONE = re.compile(r"(?<![\w/.-])\+?\(?\d[\d() ./-]{6,20}\d(?![\w/-])")


def read_address(prose: Prose, role: Role) -> Iterator[Reading]:
    """Yield the address in the text; of several the new one, or else the first."""
    match = _address(prose)
    if match:
        yield Reading(role.field, match[0].rstrip("."), LIKELY, match.start(), match.end())


_NEW = re.compile(r"\b(?:new|now|nuev[oa]|ahora|nouve\w*|neu\w*|jetzt|nov[oa]|agora)\b")


def _address(prose: Prose) -> re.Match[str] | None:
    """Return the first address with a word such as "new" shortly before it, else the first."""
    found = [one for one, _ in zip(_ADDRESS.finditer(prose.text), range(MAX_NAMES), strict=False)]
    names = _names(prose)
    told = {_plain(one[0]) for one in names if not _signed(prose.text, one)}
    signed = [one for one in names if _plain(one[0]) not in told]
    if told:
        last = [_plain(one["last"].split()[-1])[:5] for one in names if _plain(one[0]) in told]
        found = [
            one
            for one in found
            if not _is_below(prose.text, one, signed)
            or any(name in _plain(one[0]) for name in last)
        ]
    new = (one for one in found if _NEW.search(prose.low, max(0, one.start() - 30), one.start()))
    return next(new, found[0] if found else None)


def _is_below(text: str, address: re.Match[str], signed: list[re.Match[str]]) -> bool:
    """Return whether the address belongs to the signature: the last lines."""
    last = max(text.rstrip().rfind("\n\n"), 0)
    return address.start() > last and any(last <= one.start() < address.start() for one in signed)


def read_phone(prose: Prose, role: Role) -> Iterator[Reading]:
    """Yield the first telephone number, or the one with a word of the role in front of it."""
    cue, taken = pattern(role.sure), {one.start for one in prose.seen.values()}
    numbers = [one for one in _PHONE.finditer(prose.text) if 7 <= _digits(one[0]) <= 15]
    for match in numbers:
        before = prose.low[max(0, match.start() - 30) : match.start()]
        if match.start() in taken or (cue and not cue.search(before)):
            continue
        yield Reading(role.field, match[0].strip(), LIKELY, match.start(), match.end())
        return


def _digits(text: str) -> int:
    return sum(char.isdigit() for char in text)


def read_first_name(prose: Prose, role: Role) -> Iterator[Reading]:
    """Yield the first name of the person with the address, or of the one behind a word."""
    found = _person(prose, role)
    if found is not None:
        first, start = found["first"], found.start("first")
        yield Reading(role.field, first, LIKELY, start, start + len(first))


def read_last_name(prose: Prose, role: Role) -> Iterator[Reading]:
    """Yield the last name of the same person."""
    found = _person(prose, role)
    if found is not None:
        last, start = found["last"], found.start("last")
        yield Reading(role.field, last, LIKELY, start, start + len(last))


def read_name(prose: Prose, role: Role) -> Iterator[Reading]:
    """Yield a whole name: behind a word in ``sure``, or in front of one in ``likely``."""
    cue, after = pattern(role.sure), pattern(role.likely)
    for match in _names(prose):
        before = prose.low[max(0, match.start() - 40) : match.start()]
        behind = prose.low[match.end() : match.end() + 40].lstrip(" ,")
        if (cue and cue.search(before)) or (after and after.match(behind)):
            name = f"{match['first']} {match['last']}"
            yield Reading(role.field, name, LIKELY, match.start("first"), match.end("last"))
            return


def _person(prose: Prose, role: Role) -> re.Match[str] | None:
    """Return the name that fits the address, else the one behind a word of the role."""
    names = _names(prose)
    gone = _replaced(prose)
    others = [one for one in names if f"{one['first']} {one['last']}" != gone]
    if any(not _signed(prose.text, one) for one in others):
        names = others
    address = _address(prose)
    box = _plain(address[0].partition("@")[0]) if address else ""
    for match in names:
        last = _plain(match["last"].split()[0])
        if box and (last[:5] in box or _plain(match["last"])[:5] in box):
            return match
    cue, never = pattern(role.sure), pattern(role.never)
    for match in names:
        before = prose.low[max(0, match.start() - 50) : match.start()]
        behind = prose.low[match.end() : match.end() + 30]
        near = cue and (cue.search(before) or cue.match(behind.lstrip(" ,(")))
        close = near or _COMES.match(prose.low, match.end())
        if close and not (never and never.search(before)):
            return match
    told = [one for one in names if not _signed(prose.text, one)]
    return told[0] if len({_plain(one[0]) for one in told}) == 1 else None


_COMES = re.compile(  # behind the name of the one who comes
    r"[^.\n]{0,80}?\b(?:replaces|is replacing|will replace|takes over|is taking over|remplace"
    r"|remplacera|reemplaza|sustituye|ersetzt|übernimmt|substitui|assume)\b"
)


def _replaced(prose: Prose) -> str:
    """Return the name of the person who leaves, as a field for that name reads it."""
    for role in prose.catalogue.roles:
        if role.reads == "name":
            return next((one.words for one in read_name(prose, role)), "")
    return ""


def _signed(text: str, name: re.Match[str]) -> bool:
    """Return whether the name ends a line with a word or two in front of it: a signature."""
    start = text.rfind("\n", 0, name.start()) + 1
    end = text.find("\n", name.end())
    behind = text[name.end() : len(text) if end < 0 else end]
    return not behind.strip(" ,.-") and len(text[start : name.start()].split()) <= MAX_SIGNED_WORDS


@lru_cache(maxsize=8)
def _listed(catalogue: Catalogue) -> frozenset[str]:
    """Return the listed values of all fields: "Online Payments" is no person."""
    choices = [catalogue.areas, catalogue.modules]
    choices += [one.choices_on("*") for one in catalogue.fields.values()]
    return frozenset(one.value.lower() for group in choices for one in group.values)


def _names(prose: Prose) -> list[re.Match[str]]:
    found = []
    listed = _listed(prose.catalogue)
    for match in _NAME.finditer(prose.text):
        whole = f"{match['first']} {match['last']}".lower()
        if match["first"].lower().rstrip(".") not in _TITLES and whole not in listed:
            found.append(match)
        if len(found) >= MAX_NAMES:
            break
    return found


def _plain(text: str) -> str:
    """Return the letters of a text without accents, in small letters."""
    flat = unicodedata.normalize("NFKD", text).casefold()
    return "".join(char for char in flat if char.isalpha() and char.isascii())
