"""Read listed values that ordinary prose names: a module, a priority, a kind of request."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import lru_cache

from intake.catalogue.catalogue import Catalogue, Choices, Role
from intake.parsers.prose.reading import LIKELY, SURE, Prose, Reading, pattern

IN_SUBJECT = 1.0
FIRST, FURTHER = 1.0, 0.4  # points of the first place in the text, and of each further one
QUOTED = 0.5  # what a place inside quotation marks counts: an error message, a button
HEADS_PATH, INSIDE_PATH = 2.0, 0.4  # what a place counts at the start of a path, and inside it
MAX_UNDECIDED = 400  # characters of a sentence that are looked at
MOST = 3  # places of one value that count
AHEAD = 0.5  # points that the winner must have more to be sure


def read_choice(prose: Prose, role: Role) -> Iterator[Reading]:
    """Yield the value that is named most, or each one for a field of several values."""
    field = prose.catalogue.fields[role.field]
    choices = field.choices_on(prose.type)
    table = _patterns(role, prose.type, choices, prose.catalogue)
    points: dict[str, float] = defaultdict(float)
    places: dict[str, tuple[int, int]] = {}
    denied = pattern(role.never)
    found: dict[str, list[tuple[int, int]]] = {}
    for value, (folded, exact) in table.items():
        if (folded and folded.search(prose.subject.lower())) or (
            exact and exact.search(prose.subject)
        ):
            points[value] += IN_SUBJECT
        spans = [one.span() for one in folded.finditer(prose.low)] if folded else []
        spans += [one.span() for one in exact.finditer(prose.text)] if exact else []
        spans = [one for one in spans if not (_denied(prose, denied, one) or _open(prose, one))]
        found[value] = sorted(set(spans))
    for value, spans in found.items():
        apart = [span for span in spans if not _inside(span, value, found)][:MOST]
        for count, span in enumerate(apart):
            quoted = QUOTED if _quoted(prose, span) else 1
            points[value] += (FURTHER if count else FIRST) * quoted * _in_path(prose, span)
            places.setdefault(value, span)
    by_rank = bool(role.values_by_type) or not choices.open
    order = list(table) if by_rank else []  # the stronger of two words is first
    ranked = sorted(
        points,
        key=lambda one: (
            -points[one], order.index(one) if order else 0, places.get(one, (-1, 0)),
        ),
    )  # fmt: skip
    if not ranked:
        yield from _by_weaker_words(prose, role)
        yield from _unlisted(prose, role, choices)
        return
    if choices.multi or field.kind == "multichoice":
        chosen = ", ".join(sorted(places, key=lambda one: places[one]))
        if places:
            yield _reading(prose, role, chosen, min(places.values()), LIKELY)
        return
    more = points[ranked[0]] - (points[ranked[1]] if len(ranked) > 1 else 0.0)
    case = prose.catalogue.types[prose.type]
    once = points[ranked[0]] <= FIRST and role.field not in case.required
    if not more and not by_rank and role.field not in case.required:
        return  # two are named alike
    clear = more >= AHEAD or not choices.open  # of a closed list the higher one counts
    listed = any(ranked[0] == one.value for one in choices.values)
    how = SURE if clear and listed and not (once and choices.open) else LIKELY
    yield _reading(prose, role, ranked[0], places.get(ranked[0], (0, 0)), how)


def _by_weaker_words(prose: Prose, role: Role) -> Iterator[Reading]:
    """Yield the value with the most weaker words in the mail, if two different ones stand there."""
    best, place = ("", 1), (0, 0)
    for value, words in role.weaker_on(prose.type):
        shown = pattern(words)
        spans = {one[0]: one.span() for one in shown.finditer(prose.low)} if shown else {}
        above = shown.findall(prose.subject.lower()) if shown else []
        count = len({*spans, *above})
        if count > best[1]:
            best, place = (value, count), min(spans.values(), default=(0, 0))
    if best[0]:
        yield _reading(prose, role, best[0], place, LIKELY)


_CAPITAL = r"[A-ZÀ-ÖØ-Þ]"
_BEHIND = re.compile(
    rf"\s(?:(?:de|do|da|du|d'|la|o|a)\s?)?[\"“«]?({_CAPITAL}[\w/-]{{2,30}}(?:\s{_CAPITAL}[\w/-]{{2,30}})?)"
)
_BEFORE = re.compile(rf"({_CAPITAL}[\w/-]{{2,30}}(?:\s{_CAPITAL}[\w/-]{{2,30}})?)\s\Z")


def _unlisted(prose: Prose, role: Role, choices: Choices) -> Iterator[Reading]:
    """Yield a value that is not in an open list, from "the Health module", "im Modul Verhalten"."""
    words = pattern(role.sure) if choices.open else None
    for match in words.finditer(prose.low) if words else ():
        found = _BEHIND.match(prose.text, match.end())
        if found is None:
            found = _BEFORE.search(prose.text[max(0, match.start() - 60) : match.start()])
            start = max(0, match.start() - 60) + (found.start(1) if found else 0)
        else:
            start = found.start(1)
        if found is not None:
            yield Reading(role.field, found[1], LIKELY, start, start + len(found[1]))
            return
    told = pattern(role.likely) if words and _is_required(prose, role) else None
    own = told.search(prose.low) if told is not None else None
    if own is not None:
        yield Reading(role.field, prose.text[own.start() : own.end()], LIKELY, *own.span())
        return
    path = _PATH_HEAD.search(prose.text) if words and _is_required(prose, role) else None
    if path is not None and not _MENU.fullmatch(path[1]):
        yield Reading(role.field, path[1], LIKELY, *path.span(1))


def _is_required(prose: Prose, role: Role) -> bool:
    return role.field in prose.catalogue.types[prose.type].required


_PATH_HEAD = re.compile(rf"(?<![\w>›→])({_CAPITAL}[\w-]{{3,30}})\s?(?:>|›|→|->)\s{_CAPITAL}")
_MENU = re.compile(  # where a path may start that is in no module
    r"(?:reporte?s?|informes?|rapports?|berichte?|relatórios?|students?|alumn\w+|estudiantes?"
    r"|schüler|élèves?|alunos?|adm\w+|syst\w+|sistema|settings|config\w+|einstellungen"
    r"|paramètres|file|archivo|datei|fichier|arquivo|home|inicio|início|accueil|start|search"
    r"|buscar|index|users?|usuarios?|benutzer|utilisateurs?|tools|extras|herramientas|outils"
    r"|ferramentas|setup|men[uú]|teacher|help|ayuda|aide|hilfe|ajuda|portal|info|\w*verwaltung)",
    re.IGNORECASE,
)


def _inside(span: tuple[int, int], value: str, found: Mapping[str, list[tuple[int, int]]]) -> bool:
    """Return whether longer words of another value stand around: "not urgent"."""
    return any(
        one[0] <= span[0] and span[1] <= one[1] and one != span
        for other, spans in found.items()
        if other != value
        for one in spans
    )


_QUOTED = re.compile(r"\"[^\"\n]{2,300}\"|[“„][^“”„\n]{2,300}[”“]|«[^«»\n]{2,300}»")


_STEP = re.compile(r"\s?(?:>|›|→|->)\s")


def _in_path(prose: Prose, span: tuple[int, int]) -> float:
    """Return what a place counts for: the start of "Data Warehouse > Enrollment" is the module."""
    if _STEP.search(prose.text[max(0, span[0] - 4) : span[0]]):
        return INSIDE_PATH
    return HEADS_PATH if _STEP.match(prose.text, span[1]) else 1.0


def _quoted(prose: Prose, span: tuple[int, int]) -> bool:
    """Return whether a place stands inside quotation marks."""
    start = prose.text.rfind("\n", 0, span[0]) + 1
    end = prose.text.find("\n", span[1])
    line = prose.text[start : len(prose.text) if end < 0 else end]
    inside = (span[0] - start, span[1] - start)
    return any(one.start() < inside[0] and inside[1] < one.end() for one in _QUOTED.finditer(line))


_UNDECIDED = re.compile(
    r"\b(?:don'?t know|not sure|no sé|no se si|ne sais pas|weiß nicht|não sei|which of|whether)\b"
    r".*\b(?:or|o|ou|oder)\b"
)


def _open(prose: Prose, span: tuple[int, int]) -> bool:
    """Return whether the writer does not know which: "I don't know if SQL or SSRS"."""
    sentence = prose.sentence_at(span[0])
    low = prose.low[sentence.start : sentence.end][:MAX_UNDECIDED] if sentence else ""
    return _UNDECIDED.search(low.replace("\n", " ")) is not None


def _denied(prose: Prose, never: re.Pattern[str] | None, span: tuple[int, int]) -> bool:
    if never is None:
        return False
    before = prose.low[max(0, span[0] - 24) : span[0]]
    return any(len(before) - one.end() <= 3 for one in never.finditer(before))


def _reading(prose: Prose, role: Role, value: str, span: tuple[int, int], how: str) -> Reading:
    words = prose.text[span[0] : span[1]] or prose.subject
    return Reading(role.field, words, how, *span, value=value)


Pair = tuple[re.Pattern[str] | None, re.Pattern[str] | None]


@lru_cache(maxsize=64)
def _patterns(
    role: Role, type_name: str, choices: Choices, catalogue: Catalogue
) -> Mapping[str, Pair]:
    """Return for each value a pattern in small letters, and one for its own name as it stands."""
    listed = [
        one.value for one in choices.values if not one.only_types or type_name in one.only_types
    ]
    table: dict[str, Pair] = {}
    for value, words in role.values_on(type_name):
        if listed and value not in listed and not choices.open:
            continue
        table[value] = (pattern(words), None)
    for value in dict.fromkeys((*listed, *table)):
        if value == choices.not_listed:
            continue
        named = choices.open or choices.multi  # "High" and "Add" stand in other company, too
        exact = re.compile(rf"(?<!\w){re.escape(value)}(?!\w)") if named else None
        table[value] = (table.get(value, (None, None))[0], exact)
    return table
