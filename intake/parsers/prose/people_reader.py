"""Read from ordinary prose who is affected: how many, which people, and where."""

from __future__ import annotations

import re
from collections.abc import Iterator

from intake.catalogue.catalogue import Role
from intake.parsers.prose.reading import FAINT, LIKELY, SURE, Prose, Reading, pattern
from intake.parsers.prose.sentences import Sentence


def read_people(prose: Prose, role: Role) -> Iterator[Reading]:
    """Yield who is affected: how many, which people, and where."""
    only = pattern(role.none)
    match = only.search(prose.low) if only else None
    if match is not None and not _AND_MORE.match(prose.low, match.end()):
        yield Reading(role.field, prose.text[match.start() : match.end()], SURE, *match.span())
        return
    found: list[tuple[float, int, int, str]] = []
    for words, how in ((role.sure, SURE), (role.likely, LIKELY)):
        for match in _quantities(prose.low, words, counted=how == SURE):
            one = _group(prose, role, match.start(), match.end())
            if one is not None and _in_steps(prose, match.start()):
                continue
            plain = how == SURE and not match[0][-1].isdigit()
            if one is not None and not _ELSE.match(prose.low, match.end()) and (plain or one[0]):
                points, end = one
                start = _with_owner(prose, role, _phrase_start(prose, match.start()))
                start = _owner_before(prose, start)
                if how == SURE:
                    alone = not points and (not plain or bool(_SMALL.fullmatch(match[0])))
                    points += 0.5 if alone else 2
                points += 1.5 * _it_is(prose, start)
                found.append((points, -start, end, how))
    found += _writer_and_others(prose, role)
    if not found or max(found)[0] < 3:
        found += [*_bare_people(prose, role)] or [*_titled_people(prose, role)]
    found = found or [*_who_told_it(prose, role)]
    if found:
        points, start, end, how = max(found)
        said = prose.text[-start:end].strip(" ,;.\n")
        how = how if points >= 2 or how == FAINT else LIKELY
        yield Reading(role.field, said, how, -start, end)


_AND_MORE = re.compile(r" (?:and|y|et|und|e) (?:the|my|our|mis?|los|las|mes|les|meine|die|os|as)\b")
_ONE_OF = re.compile(
    r"\b(?:one of (?:our|my|the)|from an?|un[ao] de (?:nuestr[oa]s|mis|las|los)|une? de (?:nos|mes)"
    r"|eine[rm]? (?:unserer|meiner)|uma? d[ao]s (?:noss[oa]s|minhas|meus)?)(?=\s)"
    r"|(?:me (?:mandó|envió|escribió|mandou|enviou|escreveu)|m'a (?:envoyé|écrit)|message de"
    r"|mensaje de|mensagem d[ao]|nachricht von|message from|note from)\s(?P<behind>)"
)


def _who_told_it(prose: Prose, role: Role) -> Iterator[tuple[float, int, int, str]]:
    """Yield "one of our science teachers", whose mail is passed on: they have the trouble."""
    who = pattern(_words(role, "who"))
    for match in _ONE_OF.finditer(prose.low):
        end = _phrase_end(prose.low, match.end(), min(len(prose.low), match.end() + 60), role)
        noun = who.search(prose.low, match.end(), end) if who is not None else None
        if noun is not None:
            start = max(match.start(), match.start("behind"))
            yield 0.0, -start, _place_end(prose.low, noun.end(), end, role), FAINT
            return


_ELSE = re.compile(r" (?:else|other)\b")  # "set up like everybody else's"
_SMALL = re.compile(  # numbers in words
    r"two|three|four|five|six|seven|eight|nine|ten|deux|trois|quatre|cinq|zwei|drei|vier|fünf|sechs"
    r"|dos|tres|cuatro|cinco|seis|dois|duas|três|quatro"
)
_AND_OTHERS = re.compile(
    r"\b(?:me and|myself and|(?:bei )?mir und|ich und|(?:chez )?moi et|a m[ií] y al?|yo y"
    r"|comigo e com|eu e|a mim e a"
    r"|both (?:\w+ ){1,6}?and(?= i\b| me\b)|neither (?:i|me) nor|ni yo ni|ni a m[ií] ni a|ni moi ni"
    r"|weder ich noch"
    r"|weder bei mir noch bei|nem eu nem)\s"
    r"(?:(?:my|the|frau|herrn?|dem|der|den|la|el|a|o|mon|ma|mes|mis?|meine|minhas?|meus?|madame)"
    r"\s)?\w+"
    r"(?:\s(?-i:[A-ZÀ-ÖØ-Þ])\w+)?",
    re.IGNORECASE,
)


_AND_I = re.compile(
    r"\b(?:my|our|the|notre|mon|ma|mi|nuestr[oa]|meine?|unsere?|minha|nossa)\s(?:\w+\s){1,6}?"
    r"(?:and (?:me|i)|et moi|y yo|und ich|e eu)\b"
    r"|\b(?:mrs?|ms|frau|herr|mme)\.? \w+ (?:\w+ ){0,4}?(?:and i|et moi|und ich)\b"
)
_TOGETHER = re.compile(r"(?:both|neither|ni|weder|nem)\b", re.IGNORECASE)
_IT_IS = re.compile(r"\b(?:it'?s|it is|es sind|c'est|somos|es|é) (?:just |only |nur |solo )?\Z")


def _it_is(prose: Prose, place: int) -> bool:
    """Return whether "it is" stands in front of the place, which then says who has the trouble."""
    return _IT_IS.search(prose.low[max(0, place - 16) : place]) is not None


def _nouns(role: Role) -> re.Pattern[str] | None:
    return pattern(_words(role, "who"))


def _writer_and_others(prose: Prose, role: Role) -> list[tuple[float, int, int, str]]:
    """Return "bei mir und Frau Ostrau": the writer with somebody else."""
    for match in _AND_I.finditer(prose.low):
        sentence = prose.sentence_at(match.start())
        nouns = None if match[0][:2] in ("mr", "ms", "fr", "he", "mm") else _nouns(role)
        people = nouns is None or nouns.search(match[0]) is not None
        if people and sentence is not None and not sentence.asks:
            return [(2.5, -match.start(), match.end(), LIKELY)]
    for match in _AND_OTHERS.finditer(prose.text):
        sentence = prose.sentence_at(match.start())
        if sentence is not None and not sentence.asks:
            named = _TOGETHER.match(match[0]) or _it_is(prose, match.start())
            points = 3.0 if named else 1.0
            who = pattern(_words(role, "who"))
            end = _phrase_end(prose.low, match.end(), sentence.end, role)
            more = who is not None and who.search(prose.low, match.end(), end) is not None
            return [(points, -match.start(), end if more else match.end(), LIKELY)]
    return []


_AFFECTED = re.compile(
    r"\b(?:it(?:'s| is) (?:just |only |mostly )?(?=(?:me and|mrs?\.|ms\.|the|all|both|our)\s)"
    r"|(?:it|this) (?:only )?happens to|it (?:only )?affects"
    r"|affecting|affected are|afecta a|afectad[oa]s (?:son|están)"
    r"|ça touche|sont (?:touchés|concernés) :?|betroffen (?:sind|ist)|das betrifft|es betrifft"
    r"|(?:isso )?afeta|atinge|afetad[oa]s são)\s+(?=\w)"
)


_TITLED = re.compile(
    r"(?<!\w)(?:(?:M(?:rs?|s|iss)|Coach|[Ff]rau|[Hh]errn?|Mme|Mlle|[Ss]ra?|[Pp]rof[ae]?)\.?"
    r"|(?:la|el|a|o|mi compañer[oa]) (?:maestr[oa]|professora?|profesora?))"
    r"\s[A-ZÀ-ÖØ-Þ][\w'’-]+(?:\s[A-ZÀ-ÖØ-Þ][\w'’-]+)?"
    r"(?: (?:and|y|und|et|e) (?:I|me|yo|ich|moi|eu)\b)?"
)


def _titled_people(prose: Prose, role: Role) -> Iterator[tuple[float, int, int, str]]:
    """Yield "Mr. Hollis" or "Frau Lüttich und ich" in a sentence that says what goes wrong."""
    hit, never = pattern(_words(role, "hit")), pattern(role.never)
    for named in _TITLED.finditer(prose.text):
        sentence = prose.sentence_at(named.start())
        if sentence is None or sentence.asks:
            continue
        low = prose.low[sentence.start : sentence.end]
        if hit and hit.search(low) and not (never and never.search(low)):
            yield 0.0, -named.start(), named.end(), LIKELY
            return


def _bare_people(prose: Prose, role: Role) -> Iterator[tuple[float, int, int, str]]:
    """Yield people without "all" or a number before them, where a text says they have it."""
    for named in _AFFECTED.finditer(prose.low):
        sentence = prose.sentence_at(named.start())
        end = _phrase_end(prose.low, named.end(), sentence.end if sentence else 0, role)
        if sentence is not None and not sentence.asks and end > named.end():
            yield 1.0 + 1.5 * ("happen" in named[0]), -named.end(), end, LIKELY
    yield from _whom(prose, role)
    who, hit = pattern(_words(role, "who")), pattern(_words(role, "hit"))
    for sentence in prose.sentences if who and hit else ():
        low = prose.low[sentence.start : sentence.end]
        match = who.search(low) if who else None
        if sentence.asks or match is None or not (hit and hit.search(low)):
            continue
        lead = low[: match.end()].rstrip()
        group = _SEVERAL.search(lead) or _SEVERAL.search(low[: match.start()])
        if not group and not _INSTITUTION.search(lead):
            continue  # one of them, or people who only stand by
        one = _group(prose, role, sentence.start + match.start(), sentence.start + match.start())
        if one is not None:
            yield one[0], -_owner_before(prose, sentence.start + match.start()), one[1], LIKELY


_OWNED = re.compile(  # "our kindergarten and first grade teachers"
    r"\b(?:our|my)\s(?:(?!for|in|at|of|to|that|who|with|on|from|is|are|the)[\w/&-]+\s){1,5}\Z"
)


def _owner_before(prose: Prose, place: int) -> int:
    """Return where people start whose "our" stands some words before them."""
    begin = max(0, place - MAX_TO_OWNER)
    own = _OWNED.search(prose.low[begin:place])
    return begin + own.start() if own else place


_SEVERAL = re.compile(  # words in front of several people
    r"(?:^|\s)(?:these|those|los|las|nuestr[oa]s|sus|les|nos|leurs|die|unsere[nr]?|den|os|as"
    r"|nossos|nossas)\s(?:\S+\s){0,2}\Z|(?:^|\s)(?:the|our)\s(?:\S+\s){0,2}\S+s\Z"
    r"|^\s*(?:(?!(?:a|an|one|my|the|this|that|in|at|to|for|if|when|un|una|une|mi|ma|mon|ein\w*|um|uma"
    r"|mein\w*)\s)\S+\s){0,3}\S+[sn]\Z"
)
_INSTITUTION = re.compile(
    r"(?:^|\s)(?:the|our|das|unser|la|el|le|notre|nuestra|nuestro|a|nossa)\s"
    r"(?:(?!of|del?|du|des|der|d[ao]s?\s)\S+\s){0,2}"
    r"(?:office|team|department|sekretariat|kollegium|secretar[ií]a|oficina|secrétariat|equipe"
    r"|équipe|equipo|departamento)\Z"
)
_ARTICLE = re.compile(
    r"\s+(?:(?:the|our|my|los|las|mis|les|nos|mes|die|den|der|meinen?|os|as)\s+)?"
)


def _whom(prose: Prose, role: Role) -> Iterator[tuple[float, int, int, str]]:
    """Yield the people behind "for": "it freezes for the teachers of grade 3"."""
    words = pattern(_words(role, "for"))
    for match in words.finditer(prose.low) if words else ():
        gap = _ARTICLE.match(prose.low, match.end())
        one = _group(prose, role, match.end(), gap.end()) if gap else None
        if gap is not None and one is not None and one[0]:
            start = match.end() + len(gap[0]) - len(gap[0].lstrip())
            yield one[0] + 0.5, -start, one[1], LIKELY


def _quantities(low: str, words: tuple[str, ...], *, counted: bool) -> Iterator[re.Match[str]]:
    """Yield the words that begin a group of people; if ``counted``, numbers, too."""
    many = pattern(words)
    if many is not None:
        yield from many.finditer(low)
    if counted:
        yield from _COUNT.finditer(low)


def _phrase_start(prose: Prose, place: int) -> int:
    """Return the place, or the start of its sentence a word or two before: "English teachers"."""
    sentence = prose.sentence_at(place)
    lead = prose.text[sentence.start : place] if sentence else ""
    plain = lead.replace(" ", "").isalpha()
    short = sentence is not None and len(lead) <= MAX_LEAD_CHARS and len(lead.split()) <= 1
    joins = lead.strip().lower() in _JOINING
    return sentence.start if sentence and short and plain and not joins else place


_JOINING = frozenset(("when", "if", "wenn", "cuando", "quand", "quando", "si", "se", "since", "as"))
_ONE_BEFORE = re.compile(r"\b(?:one|some|two|three|four|five|six|several|many) of \Z")
_DETERMINER = re.compile(
    r"\b(?:our|the|my|unsere[nr]?|die|den|nuestr[oa]s|los|las|nos|les|mes|noss[oa]s|os|as)\s\Z"
)
_IN = re.compile(
    r"\s(?:\S+\s){0,2}?(?:at|in|of|from|an|am|der|aus|von|de|des|da|das|dos|du|en|dans|nas|nos)\s"
    r"(?:our|unsere[nr]?|den|die|nuestr[oa]s|las|los|nos|les|noss[oa]s|as|os)?\s?\Z"
)


def _in_steps(prose: Prose, place: int) -> bool:
    """Return whether the place is in an item of the steps: "2. Mark two students"."""
    names = {one.field for one in prose.catalogue.roles if one.reads == "steps"}
    inside = any(one.start <= place < one.end for key, one in prose.seen.items() if key in names)
    sentence = prose.sentence_at(place) if inside else None
    return sentence is not None and sentence.item


def _with_owner(prose: Prose, role: Role, start: int) -> int:
    """Return where a group begins with its "our", or with the people of "four schools"."""
    sentence = prose.sentence_at(start)
    begin = max(sentence.start if sentence else 0, start - MAX_TO_OWNER)
    lead, who = prose.low[begin:start], pattern(_words(role, "who"))
    people = list(who.finditer(lead))[-1:] if who else []
    if people and _IN.fullmatch(lead, people[0].end()):
        start = begin + people[0].start()
        lead = prose.low[begin:start]
    own = _DETERMINER.search(lead)
    start = begin + own.start() if own else start
    one = _ONE_BEFORE.search(prose.low[begin:start])
    return begin + one.start() if one else start


def _group(prose: Prose, role: Role, start: int, end: int) -> tuple[float, int] | None:
    """Return how likely a group of people is meant here, and where its words end."""
    sentence = prose.sentence_at(start)
    who, never = pattern(_words(role, "who")), pattern(role.never)
    if sentence is None or who is None:
        return None
    low = prose.low[sentence.start : sentence.end]
    if sentence.asks and "," not in low[end - sentence.start :]:
        return None  # the question itself
    lead = prose.low[max(sentence.start, start - MAX_TO_NEVER) : end]
    if never and never.search(lead):
        return None
    end_of_phrase = _phrase_end(prose.low, end, sentence.end, role)
    noun = who.search(prose.low, start, end_of_phrase)
    if noun is not None and _THING.match(prose.low, noun.end()):
        return None
    between = prose.low[end : noun.start()].split() if noun else []
    if noun is None or len(between) > MAX_BEFORE_NOUN or not _AND.isdisjoint(between):
        return None
    hit = pattern(_words(role, "hit"))
    points = 1.5 if hit and hit.search(low) else 1.0 if _is_told(prose, sentence) else 0.0
    return points, _place_end(prose.low, noun.end(), end_of_phrase, role)


_THING = re.compile(r" (?:ranks?|sizes?|list|schedules?|periods?|average|book|roster|names?)\b")


def _is_told(prose: Prose, sentence: Sentence) -> bool:
    """Return whether the sentence says since when."""
    told = {one.field for one in prose.catalogue.roles if one.reads == "day"}
    return any(
        name in told and sentence.start <= one.start < sentence.end
        for name, one in prose.seen.items()
    )


def _place_end(low: str, start: int, end: int, role: Role) -> int:
    """Return where the place behind the people ends: "teachers at Cedar Ridge High"."""
    into, who = pattern(_words(role, "into")), pattern(_words(role, "who"))
    while start < end:
        gap = _TO_NEXT.match(low, start, end)
        if gap is None:
            return start
        word = into.match(low, gap.end(), end) if into else None
        more = who.match(low, gap.end(), end) if who else None
        if word is None and more is None:
            return start
        if more is not None:
            start = more.end()
            continue
        return end
    return end


_TO_NEXT = re.compile(r"\s+(?:\S*\d\S*\s+)?")  # "all grade 3-5 teachers"


def _words(role: Role, name: str) -> tuple[str, ...]:
    return dict(role.values).get(name, ())


_PHRASE_STOP = re.compile(r"[,;:.!?()\n]\s|\s[-–—]\s|[.!?)]\Z|\n\n")
_AND = frozenset(("and", "or", "but", "y", "o", "e", "und", "oder", "et", "ou", "u"))
MAX_PHRASE_WORDS = 12
_COUNT = re.compile(
    r"(?:(?:about|around|roughly|some|unos|unas|cerca de|environ|rund|etwa|ungefähr|uns|umas)\s)?"
    r"(?<![\w.:/$€-])\d{1,4}(?![\w.:/%)-])"
)
MAX_LEAD_CHARS = 16  # of a word that belongs to the people at the start of a sentence
MAX_TO_NEVER = 30  # characters from "I checked" to the people who are not meant
MAX_TO_OWNER = 60  # characters from people to the number of their schools
MAX_BEFORE_NOUN = 4  # words between "all" and "teachers"


def _phrase_end(low: str, start: int, end: int, role: Role) -> int:
    """Return where a phrase of people ends: before a verb, at a mark, or after twelve words."""
    stop = pattern(_words(role, "stop"))
    places = [end]
    mark = _PHRASE_STOP.search(low, start, end)
    if mark:
        places.append(mark.start())
    verb = stop.search(low, start, end) if stop else None
    if verb:
        places.append(verb.start())
    words = list(re.finditer(r"\S+", low[start : min(end, start + 300)]))
    if len(words) > MAX_PHRASE_WORDS:
        places.append(start + words[MAX_PHRASE_WORDS].start())
    return min(places)
