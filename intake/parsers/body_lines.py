"""Split a body into lines with their places, and find where the person's own new text ends."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from intake.catalogue.catalogue import Catalogue, Normalise
from intake.catalogue.labels import FORM_BILLABLE, FORM_DIVIDER, FORM_INCLUDED, FORM_INTRO, visible
from intake.parsers import attributions

_SENT_FROM = (
    "sent from my ",
    "get outlook for ",
    "sent via ",
    "sent with ",
    "von meinem ",
    "gesendet von ",
    "gesendet mit ",
    "verstuurd vanaf ",
    "verzonden vanaf ",
    "verzonden met ",
    "outlook voor ",
    "inviato da ",
    "inviato dal ",
    "ottieni outlook per ",
    "télécharger outlook ",
    "enviado a partir ",
    "enviado con ",
    "enviado com ",
    "enviado desde ",
    "enviado do meu ",
    "enviado do outlook",
    "obtener outlook para ",
    "obter o outlook para ",
    "envoyé de mon ",
    "envoyé depuis ",
    "envoyé à partir de ",
    "outlook für ",
    "téléchargez outlook ",
)
SIGNATURE = ("-- ", "--")
HELP_CHARS = 40  # of a help text are enough to recognise it
MAX_HELP_LINES = 16
MAX_WRAPPED_CHARS = 80
MAX_HEAD_CHARS = 300  # of a header line are examined
MAX_BANNER_LINES = 8
_MARKS = "*_>!⚠ \ufe0f"
MAX_LINES = 10_000  # are separated; the rest stays one piece of text
_RULE = re.compile(r"[-_=*\s]{10,200}\Z")
_FENCE = re.compile(r"[ \t]{0,8}(?:```|~~~)")
_YEAR = re.compile(r"\d{4}")
_FORWARDS = ("begin forwarded message:", "anfang der weitergeleiteten", "inicio del mensaje reenv")
_CLOSINGS = (
    "thanks", "thank you", "many thanks", "regards", "best", "best regards", "kind regards",
    "sincerely", "cheers", "respectfully", "yours", "thx", "thanks a lot", "thanks so much",
    "thank you very much", "thanks in advance", "warm regards", "all the best", "take care",
    "gracias", "muchas gracias", "saludos", "un saludo", "saludos cordiales", "atentamente",
    "merci", "merci beaucoup", "cordialement", "bien cordialement", "danke", "vielen dank",
    "mit freundlichen grüßen", "viele grüße", "beste grüße", "mfg", "obrigado", "obrigada",
    "muito obrigado", "atenciosamente", "abraços", "best wishes", "with kind regards", "rgds",
    "un cordial saludo", "un saludo cordial", "reciban un cordial saludo", "saludos cordiales",
    "un abrazo", "atte", "sincères salutations", "meilleures salutations", "bien à vous",
    "bonne journée", "cdt", "salutations", "freundliche grüße", "mit freundlichem gruß",
    "liebe grüße", "herzliche grüße", "mit besten grüßen", "mit freundlichen grüssen",
    "freundliche grüsse", "gruß", "grüße", "lg", "vg", "bg", "besten dank", "att",
    "com os melhores cumprimentos", "melhores cumprimentos", "cumprimentos", "um abraço",
    "com os meus cumprimentos", "met vriendelijke groet", "met vriendelijke groeten",
    "vriendelijke groet", "vriendelijke groeten", "hartelijke groet", "groet", "groeten",
    "groetjes",
    "mvg", "bedankt", "cordiali saluti", "distinti saluti", "un cordiale saluto", "saluti",
    "un saluto", "cordialmente", "grazie",
    "warmly", "blessings", "with warm regards", "warmest regards", "kindest regards",
    "with gratitude", "with thanks", "thanks a bunch", "thank you so much", "thank you kindly",
    "have a nice day", "have a great day", "have a good day", "grata", "grato", "muito obrigada",
    "abraço", "beijos", "desde já agradeço", "quedo atento", "quedo atenta", "mil gracias",
    "gracias de antemano", "que tengan buen día", "amicalement", "sincèrement", "amitiés",
    "salutations distinguées", "merci d'avance", "herzlich", "herzlichst", "schöne grüße",
    "viele grüsse", "gruss", "lieben gruß", "lieben dank", "danke und gruß", "danke schön",
    "danke im voraus", "vielen dank im voraus",
)  # fmt: skip
_THANKS_AND = re.compile(  # "Danke und einen schönen Tag"
    r"(?:many |vielen |herzlichen )?(?:thanks|thank you|danke|dank|merci|gracias|obrigad[oa])"
    r"(?: so much| beaucoup| schön| bien)?,? (?:and|und|et|y|e) (?:(?:have |que |liebe |viele )?"
    r"(?:an?|ein\w*|bonne|bon|good|buen\w*|tengan?|bom|boa|uma?|une?|excelente|gr[uü][sß]\w*"
    r"|saludos|abra[çz]os?))(?: \S+){0,4}"
)
_FORMAL = re.compile(  # "Sin otro particular, reciban un cordial saludo"
    r"(?:sin (?:otro|más) (?:particular|por el momento)|veuillez (?:agréer|recevoir|croire)"
    r"|je vous prie d'agréer|sem mais(?: para o momento)?|reciban? un)\b[^.!?]*"
)
_CLOSED = frozenset(one.casefold() for one in _CLOSINGS)
_GREETINGS = (
    "hi",
    "hello",
    "dear",
    "good morning",
    "good afternoon",
    "good day",
    "good evening",
    "hey",
    "hola",
    "bonjour",
    "buenos días",
    "buenas tardes",
    "estimado",
    "estimada",
    "estimados",
    "hallo",
    "guten tag",
    "guten morgen",
    "liebes team",
    "olá",
    "oi",
    "prezado",
    "prezados",
    "salut",
    "greetings",
)
_GREETING_STARTS = tuple(f"{one}{end}" for one in _GREETINGS for end in (" ", ","))
_EVERYBODY = (
    "all", "everyone", "everybody", "team", "support", "there", "again", "folks", "desk", "sir",
    "madam", "or", "and", "to", "y", "a", "todos", "equipo", "zusammen", "à", "tous", "toda",
)  # fmt: skip
MAX_COURTESY_CHARS = 80
MAX_GREETING_WORDS = 4


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a body."""

    text: str  # without quote marks
    start: int  # index of ``text`` in the body
    depth: int  # number of quote marks in front of it


def split(body: str) -> list[Line]:
    """Return every line with its place; ``>`` marks are counted and removed."""
    found: list[Line] = []
    at = 0
    for raw in body.split("\n", MAX_LINES):
        index, depth = 0, 0
        while index < len(raw) and raw[index] in "> ":
            if raw[index] == ">":
                depth += 1
            elif depth == 0 or raw[index : index + 2] == "  ":
                break
            index += 1
        index = index if depth else 0
        found.append(Line(raw[index:], at + index, depth))
        at += len(raw) + 1
    return found


def wraps(lines: Iterable[Line]) -> bool:
    """Return whether a mail program may have wrapped the lines: none is longer than its limit."""
    return all(len(line.text) <= MAX_WRAPPED_CHARS for line in lines)


def without_form(lines: list[Line], catalogue: Catalogue) -> list[Line]:
    """Return the lines without the fixed text of our forms: intro, divider, help in brackets."""
    helps, known = _form_texts(catalogue)
    kept: list[Line] = []
    number = 0
    while number < len(lines):
        flat = " ".join(visible(lines[number].text).split())
        size = _help_size(lines, number, helps) if flat.startswith("(") else 0
        if not size and flat not in known:
            kept.append(lines[number])
        number += size or 1
    return kept


def _help_size(lines: list[Line], number: int, helps: Sequence[str]) -> int:
    """Return how many lines a help in brackets takes here; 0 when the person wrote the bracket."""
    block = ""
    for size, line in enumerate(lines[number : number + MAX_HELP_LINES], 1):
        block = f"{block} {' '.join(visible(line.text).split())}".strip()
        if block.endswith(")"):
            inner = block[1:-1]
            known = any(one and inner.startswith(one) for one in helps)
            return size if known else 0
    return 0


@lru_cache(maxsize=16)
def _form_texts(catalogue: Catalogue) -> tuple[tuple[str, ...], frozenset[str]]:
    """Return how the helps of our forms begin, and their fixed lines, in every language."""
    helps = [field.help for field in catalogue.fields.values()]
    helps += [" ".join(FORM_BILLABLE)[1:], "One of: "]
    lines = [*FORM_INTRO, *FORM_INCLUDED, FORM_DIVIDER]
    for one in catalogue.translations.values():
        helps += [*one.helps.values(), " ".join(one.form.get("billable", ()))[1:]]
        helps += one.form.get("one_of", ())
        for part in ("intro", "included", "divider"):
            lines += one.form.get(part, ())
    begins = (" ".join(text.split())[:HELP_CHARS] for text in helps)
    return tuple(filter(None, begins)), frozenset(" ".join(line.split()) for line in lines)


def own(lines: list[Line], end: int | None = None) -> Iterator[Line]:
    """Yield the person's own new lines.

    Quotes are left out, and everything after a signature or the head of an old mail.
    """
    fenced = False
    fences = [n for n, line in enumerate(lines[:end]) if not line.depth and _FENCE.match(line.text)]
    closed = set(fences[: len(fences) // 2 * 2])  # a fence without a partner is an ordinary line
    for number, line in enumerate(lines[:end]):
        if line.depth:
            continue
        if number in closed:
            fenced = not fenced
        if ends_own_text(lines, number):
            return
        if is_attribution(lines, number):
            continue
        yield Line(line.text, line.start, -1) if fenced else line


def ends_own_text(lines: list[Line], number: int) -> bool:
    """Return whether a signature, a separator or the header block of an older mail begins here."""
    text = lines[number].text
    if is_signature(text) or attributions.is_divider(text):
        return True
    if text.strip().lower().startswith(_FORWARDS):
        return True
    return is_old_head(lines, number + 1 if _RULE.match(text) else number)


def is_rule(text: str) -> bool:
    """Return True for a line of dashes, stars or the like that is only a divider."""
    return bool(_RULE.match(text))


def is_signature(text: str) -> bool:
    """Return True for ``-- `` and for the line that phones add below a mail."""
    return text in SIGNATURE or text.strip().lower().startswith(_SENT_FROM)


def is_courtesy(text: str) -> bool:
    """Return True for a line that only greets or closes.

    The name in a greeting begins with a capital, or means everybody, or the line ends in a comma.
    So "Hi it broke" and "Hi HELP" are not courtesies.
    """
    flat = text.strip().casefold().rstrip(",.!: ") if len(text) <= MAX_COURTESY_CHARS else ""
    if flat in _CLOSED or flat in _GREETINGS:
        return bool(flat)
    greeting = max((one for one in _GREETING_STARTS if flat.startswith(one)), key=len, default="")
    words = text.split()
    if not greeting or len(words) > MAX_GREETING_WORDS:
        return False
    return text.rstrip().endswith(",") or all(
        (word[:1].isupper() and not word.isupper()) or word.casefold().rstrip(",.!:") in _EVERYBODY
        for word in words[len(greeting.split()) :]
    )


def is_closing(text: str) -> bool:
    """Return True for a line that only closes a mail."""
    flat = text.strip().casefold().rstrip(",.!: ") if len(text) <= MAX_COURTESY_CHARS else ""
    return bool(flat) and all(
        one in _CLOSED or _THANKS_AND.fullmatch(one) or _FORMAL.fullmatch(one)
        for one in flat.split(" / ")
    )


def banner_end(lines: Sequence[Line], normal: Normalise) -> int:
    """Return how many lines a gateway added at the top, judged by their beginning and content."""
    end, open_ = 0, False
    for number, line in enumerate(lines[:MAX_BANNER_LINES]):
        flat = " ".join(line.text.lower().split())
        if not flat:
            open_ = False
            continue
        marked = flat in normal.subject_marks
        holds = any(one in flat for one in normal.banners)
        begins = flat.lstrip(_MARKS).startswith(normal.banner_starts or ("\0",))
        if not (marked or (holds and (begins or open_))):
            break
        end, open_ = number + 1, not marked
    return end


def without_courtesies(lines: list[Line]) -> tuple[Line, ...]:
    """Remove a greeting at the top and a closing at the end, unless nothing would remain."""
    first, last = 0, len(lines)
    while first < last and (not lines[first].text.strip() or is_courtesy(lines[first].text)):
        first += 1
    while last > first and (not lines[last - 1].text.strip() or is_courtesy(lines[last - 1].text)):
        last -= 1
    return tuple(lines[first:last] if first < last else lines)


def is_old_head(lines: list[Line], number: int) -> bool:
    """Return True for From: and two more header lines within five, one with an address or date."""
    if number >= len(lines) or not attributions.FROM.match(lines[number].text):
        return False
    block = [line.text for line in lines[number : number + 6]]
    heads = [text[:MAX_HEAD_CHARS] for text in block if attributions.HEADER.match(text)]
    return len(heads) >= 3 and any("@" in text or _YEAR.search(text) for text in heads)


def is_frame(lines: list[Line], number: int) -> bool:
    """Return True for a line that only introduces an older mail, or greets or closes in it."""
    text = lines[number].text
    return bool(
        attributions.is_divider(text)
        or _RULE.match(text)
        or attributions.HEADER.match(text)
        or text.strip().lower().startswith(_FORWARDS)
        or is_courtesy(text)
        or is_signature(text)
        or is_attribution(lines, number)
    )


def is_attribution(lines: list[Line], number: int) -> bool:
    """Return True for a line of ``On … wrote:``, which programs may fold over up to three lines."""
    for back in range(min(attributions.MAX_FOLDED, number + 1)):
        texts = [
            line.text for line in lines[number - back : number - back + attributions.MAX_FOLDED]
        ]
        if attributions.size_at(texts, 0) > back:
            return True
    return False
