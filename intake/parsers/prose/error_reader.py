"""Read the error message from ordinary prose: quoted, behind a colon, or known by its form."""

from __future__ import annotations

import re
from collections.abc import Iterator

from intake.catalogue.catalogue import Role
from intake.parsers.prose.reading import LIKELY, SURE, Prose, Reading, pattern
from intake.parsers.prose.sentences import Sentence

MAXQUOTES = 60  # that are looked at in one text
MAX_VALUE_CHARS = 1500
MAX_AFTER_COLON = 400  # characters of a message behind "it says:"
QUOTES = re.compile(
    r"\"(?P<a>[^\"\n]{4,400}(?:\n[^\"\n]{1,300})?)\"|[“„](?P<b>[^“”„\"]{4,400})[”“\"]"
    r"|[«»]\s?(?P<c>[^«»]{4,400}?)\s?[«»]|(?<!\w)'(?P<d>[^'\n]{6,200})'(?!\w)"
    r"|`(?P<e>[^`]{4,400})`|‘(?P<f>[^‘’]{6,200})’"
)
_PERSON = re.compile(  # people speak of themselves, messages do not
    r"(?<![\w/-])(?:I|i|I'm|i'm|I've|[Ee]u|perdi|[Yy]o|[Jj]e|[Jj]'ai|[Ii]ch)(?=\s)"  # not "I/O"
)
_QUOTED_INSIDE = re.compile(r"(?<!\w)['‘‚“]([^'’‘“”\n]{6,200})['’”](?!\w)")
_CODE = re.compile(
    r"\b[A-Z]{2,10}-\d{2,6}\b|\b0x[0-9a-fA-F]{4,}|\b[45]\d\d\b|\(E-?\d+\)|\b[A-Z]-\d{3,6}\b|#REF"
    r"|\b\w+(?:Exception|Error)\b|\b[Cc]ode\s?\d{2,6}|código \d+|ORA-\d+"
)
_FAULT = re.compile(
    r"error|erreur|fehler|erro\b|fail|falha|falló|échou|exception|unable|cannot|can't|could not"
    r"|not found|no encontrad|introuvable|nicht gefunden|não (?:foi|é|encontr|permit)|denied"
    r"|denegad|set to an instance"
    r"|refus|verweigert|negad|invalid|inválid|ungültig|expired|caduc|expir|abgelaufen|timed? ?out"
    r"|timeout|is full|voll\b|lleno|plein\b|cheio|unavailable|indispon[ií]"
    r"|nicht verfügbar|mismatch|locked|bloquead|bloqueio|verrouill"
    r"|gesperrt|not enough|do not have|no tiene|conflict|conflit|konflikt|wrong|terminated"
    r"|not an? valid|no es válid|n'est pas valide"
    r"|konnten? nicht|no pud\w+|n.(?:a|ont) pas pu|não pôde|paged out"
    r"|\bclosed\b|not enough|insufficient"
    r"|something went|longer than|overhead|rights|gateway"
)
_BARE = re.compile(
    r"(?:\b[\w.]{3,60}(?:Exception|Error): [^\n]{4,300}(?:\n[ \t]{2,}[^\n]{2,200})*)"
    r"|(?:\b(?:http )?(?:error |erreur |fehler |erro )?[45]\d\d (?:bad gateway|service unavailable"
    r"|internal server error|gateway time-?out|forbidden|not found|service temporarily unavailable)"
    r"(?: [-–] [^\n]{3,100})?)"
    r"|(?-i:\b[A-Z]{3,12}(?:_[A-Z]{2,14}){1,6}\b)"
    r"|(?-i:\b[A-Z]{2,6}-\d{2,6}: [^\n]{5,200})"
    r"|(?-i:^[A-Z][^\n.!?:]{8,100}\s\([A-Z]{2,6}-\d{2,6}\))"
    r"|(?:^[ \t>]*(?:error|erreur|fehler|erro)(?: \w{1,12})?: ?\w[^\n]{4,300}$)"
    r"|(?:\b(?:event|event id|evento|ereignis|événement|msg) \d{2,6}[,:] [^\n]{5,250})"
    r"|(?:\bhttp error \d{3}\b(?:\. [^.\n]{3,80}\.?)?)"
    r"|(?:\b(?:error|erreur|fehler|erro|ora)[ -](?:code |código |code )?\d{3,6}\b)",
    re.IGNORECASE | re.MULTILINE,
)
_NEXT_SENTENCE = re.compile(r"(?<=[a-zà-ÿ)\d])\.[ \t]+(?=[A-ZÀ-ÖØ-Þ¿¡][a-zà-ÿ]+[ ,])")
_COLON = re.compile(r":\s+(?=\S)")


def read_error(prose: Prose, role: Role) -> Iterator[Reading]:
    """Yield the error message: quoted, behind a colon or known by its form; or none."""
    after = _after_colon(prose, role)
    if after is not None and _PERSON.match(after.words):
        after = None
    found = [*_quoted(prose, role)]
    bare = (*_bare(prose), *_unquoted(prose))
    found += [one for one in bare if not any(q[1] <= one[1] < q[2] for q in found)]
    found.sort(key=lambda one: -one[0])
    whole = after is not None and after.strength == SURE
    if after is not None and whole and (not found or found[0][1] >= after.start):
        yield after
        return
    if found and found[0][0] >= 2:
        points, start, end = found[0]
        words = prose.text[start:end].strip()
        yield Reading(role.field, words, SURE if points >= 3 else LIKELY, start, end)
        return
    if after is not None:
        yield after
        return
    yield from said_none(prose, role)


def said_none(prose: Prose, role: Role) -> Iterator[Reading]:
    """Yield that there is none, when a word of the role says so."""
    none = pattern(role.none)
    match = none.search(prose.low) if none else None
    if match is None:
        return
    sentence = prose.sentence_at(match.start())
    if sentence is not None and not sentence.asks:
        yield Reading(role.field, match[0], SURE, match.start(), match.end(), "none")


def _quoted(prose: Prose, role: Role) -> Iterator[tuple[float, int, int]]:
    """Yield (points, start, end) of quoted texts that may be an error message."""
    cue, never = pattern(role.sure), pattern(role.never)
    for count, match in enumerate(QUOTES.finditer(prose.text)):
        if count >= MAXQUOTES:
            return
        name = match.lastgroup or "a"
        start = match.start(name)
        words = match[name]
        sentence = prose.sentence_at(match.start())
        begin = sentence.start if sentence else max(0, match.start() - 80)
        before = prose.low[begin : match.start()][-90:]
        if not before.strip() and sentence is not None:
            before = _line_above(prose, sentence)
        points = 2.0 if _FAULT.search(words.lower()) or _CODE.search(words) else 0.0
        if cue and cue.search(before):
            points += 1.5
        if never and any(len(before) - one.end() <= 5 for one in never.finditer(before)):
            points -= 3.0
        if len(words.split()) >= 4:
            points += 0.5
        inside = _said_inside(words)
        if points > 0 and inside is not None:
            yield points, start + inside[0], start + inside[1]


def _said_inside(words: str) -> tuple[int, int] | None:
    """Return which part of a quoted text can be a message; a colleague may quote one, too."""
    inner = _QUOTED_INSIDE.search(words)
    if not _PERSON.search(words):
        return 0, len(words)
    if inner is not None:
        return inner.span(1)
    return (0, len(words)) if _CODE.search(words) else None


def _bare(prose: Prose) -> Iterator[tuple[float, int, int]]:
    for match in _BARE.finditer(prose.text):
        end = _NEXT_SENTENCE.search(prose.text, match.start() + 12, match.end())
        yield 3.0, match.start(), end.start() if end else match.end()


_UNQUOTED = re.compile(
    r"\b(?:says?|saying|shows?|showing|displays?|reads|sale|saca|aparece|dice|marca|muestra|affiche"
    r"|indique|dit|zeigt|steht|meldet|(?i:meldung|message|mensaje|mensagem) (?:is|ist|es|est|é)|diz"
    r"|mostra|dá)(?: (?:just|only|solo|sólo|só|nur|dann|immer))? "
    r"(?P<words>[A-ZÀ-ÖØ-Þ][^\n\"“„«]{7,120}?)"
    r"(?= (?:y|and|et|und|e|pero|but|aber|mais|mas) |[.!?;,](?:\s|\Z)|\n|\Z)"
)


def _unquoted(prose: Prose) -> Iterator[tuple[float, int, int]]:
    """Yield a message without quotation marks: "it just says This site can't be reached"."""
    for match in _UNQUOTED.finditer(prose.text):
        start, end = match.span("words")
        if _FAULT.search(prose.low, start, end):
            yield 2.0, start, end


def _line_above(prose: Prose, sentence: Sentence) -> str:
    """Return the sentence in front, in small letters, if it ends in a colon."""
    place = prose.sentences.index(sentence)
    above = prose.sentences[place - 1].text.lower() if place else ""
    return above[-90:] if above.endswith(":") else ""


def _after_colon(prose: Prose, role: Role) -> Reading | None:
    """Return what stands behind "it says:", up to the end of the sentence or of the paragraph."""
    cue = pattern(role.sure)
    for place, sentence in enumerate(prose.sentences):
        colons = list(_COLON.finditer(prose.low, sentence.start, sentence.end))
        colon = colons[-1] if colons else None
        ends = prose.low[sentence.start : sentence.end].rstrip().endswith(":")
        before = prose.low[sentence.start : colon.start() if colon else sentence.end]
        open_end = cue and before[-1:].isalnum() and cue.search(before[-60:])  # "the log says"
        if (ends or open_end) and (alone := _pasted(prose, role, place)):
            return alone
        if cue is None or not (colon or ends) or not cue.search(before[-60:]):
            continue
        if ends and place + 1 < len(prose.sentences):
            return _paragraph(prose, role, prose.sentences[place + 1])
        if colon:
            return _rest(prose, role, colon.end(), sentence)
    return None


def _paragraph(prose: Prose, role: Role, first: Sentence) -> Reading | None:
    end = prose.text.find("\n\n", first.start)
    end = len(prose.text) if end < 0 else end
    words = prose.text[first.start : end].strip()
    fault = _FAULT.search(words.lower()) or _CODE.search(words)
    if first.item or not words or len(words) > MAX_VALUE_CHARS or not fault:
        return None
    return Reading(role.field, words, SURE, first.start, first.start + len(words))


def _pasted(prose: Prose, role: Role, place: int) -> Reading | None:
    """Return the paragraph of one sentence behind a line with a colon, if it tells of a fault."""
    following = prose.sentences[place + 1 : place + 3]
    if not following or "\n\n" not in prose.text[prose.sentences[place].end : following[0].start]:
        return None
    alone = len(following) == 1 or "\n\n" in prose.text[following[0].end : following[1].start]
    return _paragraph(prose, role, following[0]) if alone else None


def _rest(prose: Prose, role: Role, start: int, sentence: Sentence) -> Reading | None:
    """Return the rest of a sentence, with the next ones that still speak of a fault."""
    end = sentence.end
    place = prose.sentences.index(sentence)
    for following in prose.sentences[place + 1 :]:
        gap = prose.text[end : following.start]
        words = prose.text[following.start : following.end]
        if "\n\n" in gap or not (_FAULT.search(words.lower()) or _CODE.search(words)):
            break
        end = following.end
    said = prose.text[start:end].strip().strip('"“”«»')
    fault = _FAULT.search(said.lower()) or _CODE.search(said)
    if not said or not fault or len(said) > MAX_AFTER_COLON:
        return None
    return Reading(role.field, said, LIKELY, start, start + len(said))
