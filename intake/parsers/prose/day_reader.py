"""Give the days of a text their roles: since when, lost when, needed by when, which to prefer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from intake.catalogue.catalogue import Role
from intake.parsers.day_words import WORDS
from intake.parsers.days import Day
from intake.parsers.prose.reading import LIKELY, SURE, Prose, Reading, pattern
from intake.parsers.prose.sentences import Sentence

FAR = 70  # characters between a word of the role and its day
CLOSE = 25  # between a word of the role and its day, behind a word that denies it
NEAR_FROM = 12  # between "from" and its day
NEAR_BEHIND = 60  # and when the word stands behind the day
FAR_BEHIND = 110  # the same for a day at the start of its sentence: it is the day of all its words
LONG_AGO = 100  # days
MAX_LEAD = 8  # characters in front of such a day: "On ", "Am "


def read_day(prose: Prose, role: Role, *, ahead: bool) -> Iterator[Reading]:
    """Yield the one day of a role that looks back, or forward to a deadline."""
    found = [(one, _strength(prose, role, one, ahead=ahead)) for one in prose.days]
    good = [(one, how) for one, how in found if how]
    if not good:
        if not ahead and prose.catalogue.fields[role.field].keep_text:
            yield from _since_event(prose, role)
            yield from _only_day(prose, role)
        return
    sure = [one for one, how in good if how == SURE]
    fixed = [one for one in sure if one.on(prose.calendar, ahead=ahead)]
    fixed = [one for one in fixed if ahead or not _is_long_ago(prose, one)] or fixed
    if ahead:  # "fällig am 30. April, also bis zum 17. fertig": the word in front is nearer
        fixed = [one for one in fixed if _is_led(prose, role, one)] or fixed
    best = (fixed or sure or [good[0][0]])[0]
    different = {one.on(prose.calendar, ahead=ahead) for one in fixed}
    how = SURE if sure and len(different) <= 1 else LIKELY
    if not sure and not best.on(prose.calendar, ahead=ahead):
        return
    yield _reading(prose, role.field, best, how, ahead=ahead)


def _is_long_ago(prose: Prose, one: Day) -> bool:
    """Return whether the day is so far back that a later one is meant: when the year began."""
    when = one.on(prose.calendar, ahead=False)
    return when is not None and (prose.calendar.today - when).days > LONG_AGO


_EVENT = re.compile(
    r"\b(?:ever since|since|right after|just after|desde|justo después de|justo tras|depuis"
    r"|juste après|suite à|seit|direkt nach|kurz nach|gleich nach|logo depois d[aeo]s?|logo após"
    r"|(?<=started )after|(?<=began )after|(?<=empezó )después del?|(?<=comenzó )después del?"
    r"|(?<=começou )depois d[aeo]s?|(?<=commencé )après|(?<=begann )nach)\s"
    r"(?:[^\s.,;:!?()]{1,20}\s|ca\.\s|\d{1,4}(?:\.\d{1,4}){1,2}\s){0,4}?"
    r"(?:update|upgrade|weekend|migration|maintenance|patch|release|holidays?|break|vacation|rollover"
    r"|rollout|switch|changeover|password change|outage"
    r"|start of \w+|beginning of \w+|semester|months?|weeks?|days?"
    r"|actualizaci[oó]n|mantenimiento|fin de semana|migraci[oó]n|vacaciones|parche|inicio"
    r"|regreso|cambio de [^\s.,;:!?()]{1,20}"
    r"|semanas?|d[ií]as?|mes(?:es)?|puente|mise [àa] jour|maj|week-end|vacances|rentr[ée]e"
    r"|rel[âa]che|semaines?"
    r"|mois|jours|changement (?:de |d')[^\s.,;:!?()]{1,20}"
    r"|aktualisierung|wartung|wochenende|umstellung|ferien|wochen|tagen|monaten?|halbjahr"
    r"|neustart|passwortwechsel|passwortänderung"
    r"|atualiza[çc][ãa]o|manuten[çc][ãa]o|migra[çc][ãa]o|f[ée]rias|recesso|in[íi]cio|semestre"
    r"|bimestre|troca|mudança de [^\s.,;:!?()]{1,20}"
    r"|feriado|meses|volta)\b"
    r"(?:\s(?:already|or so|over|of|from|in|de|del|da|do|du|des|vom|am|im|on|last|em|na|no)"
    r"(?:\s[^\s.,;:!?()]{1,20}){0,4})?"
)


_SINCE_WE = re.compile(
    r"\b(?:ever )?since (?:i|we|he|she|they) (?:got|changed|switched|moved|updated|upgraded"
    r"|installed|came|started)\b(?:\s[^\s.,;:!?()]{1,20}){0,6}"
)
_LASTING = re.compile(
    r"\bfor (?:about |over |more than |at least |almost |nearly |roughly )?"
    r"(?:(?:the )?(?:last|past) (?:couple of |few )?(?:days|weeks|months)"
    r"|(?:a|\w+|a couple of|a few)"
    r" (?:days?|weeks?|months?),? (?:now|already))\b"
)
_AFTER = re.compile(
    r"\b(?:after|después del?|despues del?|tras|après|apres|nach|depois d[aeo]s?|ap[óo]s)\s"
    r"(?:[^\s.,;:!?()]{1,20}\s){0,3}?"
    r"(?:update|upgrade|migration|maintenance|patch|release|actualizaci[oó]n|mantenimiento"
    r"|migraci[oó]n|mise [àa] jour|maj|aktualisierung|wartung|umstellung|atualiza[çc][ãa]o"
    r"|manuten[çc][ãa]o|migra[çc][ãa]o)\b"
    r"(?:\s(?:of|from|de|del|da|do|du|des|vom|am|im|on|last)(?:\s[^\s.,;:!?()]{1,20}){1,2})?"
)


_DURING = re.compile(
    r"\b(?:over|during|durante|pendant|während|nas|nos|in den|no|na)\s"
    r"(?:(?:the|our|las?|los?|el|nuestr[oa]s?|les?|la|nos|der|dem|den|as|os|o|a|nossas?)\s)?"
    r"(?:\w+\s)?(?:weekend|break|vacation|holidays?|recess|fin de semana|vacaciones|puente|receso"
    r"|vacances|rel[âa]che|semaine de rel[âa]che|week-end|ferien|wochenende|herbstferien"
    r"|f[ée]rias|recesso|feriado|fim de semana)\b"
)
_HOLIDAY = re.compile(
    r"\b(?:around|since|about|right after|after|before)\s(?:valentine'?s(?: day)?"
    r"|presidents'?(?: day)?|thanksgiving|christmas|new year'?s?|mlk day|labor day|halloween)\b"
)


def _since_event(prose: Prose, role: Role) -> Iterator[Reading]:
    """Yield "since the update": no day, but what a person says who does not know it."""
    events = (_EVENT, _SINCE_WE, _AFTER, _LASTING, _HOLIDAY)
    for match in (match for one in events for match in one.finditer(prose.low)):
        sentence = prose.sentence_at(match.start())
        if sentence is None or sentence.asks:
            continue
        words = prose.text[match.start() : match.end()].strip()
        yield Reading(role.field, words, LIKELY, match.start(), match.end())
        return


def _only_day(prose: Prose, role: Role) -> Iterator[Reading]:
    """Yield the day of a text that names just one, if it has passed and the type needs one.

    Only for a type that is always confirmed: the writer sees the day before it counts.
    """
    confirmed = any(cue.asks and cue.type == prose.type for cue in prose.catalogue.cues)
    if not confirmed or role.field not in prose.catalogue.types[prose.type].required:
        return
    today = prose.calendar.today
    dated = [(one, one.on(prose.calendar, ahead=False)) for one in prose.days]
    past = [(one, when) for one, when in dated if when and when <= today and not _is_bare(one)]
    if not past and (during := _DURING.search(prose.low)) is not None:
        words = prose.text[during.start() : during.end()]
        yield Reading(role.field, words, LIKELY, during.start(), during.end())
    if len({when for _, when in past}) != 1:
        return
    one = past[0][0]
    sentence = prose.sentence_at(one.start)
    if sentence is not None and not sentence.asks and not _denied(prose, role, one, sentence):
        reading = _reading(prose, role.field, one, LIKELY, ahead=False)
        yield replace(reading, strength=LIKELY)


def _is_bare(one: Day) -> bool:
    """Return whether only the number of the day is said, which may be of any month: "the 16th"."""
    return one.day > 0 and not one.month and one.weekday < 0


def read_days(prose: Prose, role: Role, names: tuple[str, ...]) -> Iterator[Reading]:
    """Yield the days that a text proposes, in its order, for the fields of a list of choices."""
    given = _proposed(prose, role, periods=False) or _proposed(prose, role, periods=True)[:1]
    for name, (one, how) in zip(names, given, strict=False):
        yield _reading(prose, name, one, how, ahead=True)


def _proposed(prose: Prose, role: Role, *, periods: bool) -> list[tuple[Day, str]]:
    """Return the days that are proposed, or with ``periods`` weeks and times of the year, too."""
    given: list[tuple[Day, str]] = []
    cue = pattern(role.sure)
    named = bool(cue and cue.search(prose.low))
    first = _first_proposal(prose, cue)
    for one in prose.days:
        if one.end <= first:
            continue
        sentence = prose.sentence_at(one.start)
        if sentence is None:
            continue
        if _denied(prose, role, one, sentence) and not (one.period and _FLEXIBLE.match(one.words)):
            continue
        when = one.on(prose.calendar, ahead=True)
        if _GONE.search(one.words):
            continue
        if one.vague and one.weekday >= 0:
            break  # "next Tuesday": which one decides what the others are
        if when is None and not ((periods and one.period) or _is_clear(prose, role, one)):
            continue
        if (one.offset is not None and one.offset <= 0) or (when and when < prose.calendar.today):
            continue
        known = {given_day.on(prose.calendar, ahead=True) for given_day, _ in given}
        if when is None or when not in known:
            given.append((one, SURE if named else LIKELY))
    return given


_FLEXIBLE = re.compile(  # "Am liebsten im Januar, einen festen Termin haben wir noch nicht"
    r"(?:am liebsten|irgendwann|gerne?|jederzeit|any|some|cualquier|puede|podr|qualquer|pode)\b"
)
_GONE = re.compile(r"\b(?:last|past|pasad[oa]|derni[eè]r\w*|letzte\w*|vorige\w*|passad[oa])\b")


def _is_clear(prose: Prose, role: Role, one: Day) -> bool:
    """Return whether a time that is no single day is meant all the same: "early next week"."""
    return one.vague and _strength(prose, role, one, ahead=True) == SURE


def _first_proposal(prose: Prose, cue: re.Pattern[str] | None) -> int:
    """Return where the first sentence starts that has a day and words which propose one."""
    for one in prose.sentences if cue else ():
        holds = any(one.start <= day.start < one.end for day in prose.days)
        if holds and cue and cue.search(prose.low, one.start, one.end):
            return one.start
    return 0


def _reading(prose: Prose, name: str, one: Day, how: str, *, ahead: bool) -> Reading:
    words = prose.text[one.start : one.end].strip(" ,.")
    when = one.on(prose.calendar, ahead=ahead)
    sentence = prose.sentence_at(one.start)
    doubt = _doubt(prose, one, sentence) if sentence is not None and when is not None else None
    if doubt is not None and prose.catalogue.fields[name].keep_text:
        start, end = min(doubt[0], one.start), max(doubt[1], one.end)
        return Reading(name, " ".join(prose.text[start:end].split()).strip(" ,."), how, start, end)
    if doubt is not None:
        how = LIKELY
    if when is not None and _other_order(prose, one, ahead=ahead):
        how = LIKELY
    return Reading(name, words, how, one.start, one.end, when.isoformat() if when else "")


def _other_order(prose: Prose, one: Day, *, ahead: bool) -> bool:
    """Return whether the numbers would be as good a day in the other order, closer to today."""
    month, day = one.other
    if not month or one.weekday >= 0:
        return False
    swapped = Day(one.start, one.end, one.words, one.year, month, day)
    this, that = (two.on(prose.calendar, ahead=ahead) for two in (one, swapped))
    today = prose.calendar.today
    return bool(this and that and abs((that - today).days) < abs((this - today).days))


def _doubt(prose: Prose, one: Day, sentence: Sentence) -> tuple[int, int] | None:
    """Return the range of a word close to the day that makes it uncertain: "the 16th or so"."""
    words = WORDS.get(prose.language)
    start, end = max(sentence.start, one.start - 20), min(sentence.end, one.end + 24)
    doubt = re.compile(rf"\b(?:{words.doubt})\b") if words is not None else None
    found = doubt.search(prose.low, start, end) if doubt is not None else None
    return found.span() if found is not None else None


def _strength(prose: Prose, role: Role, one: Day, *, ahead: bool) -> str:
    """Return how surely a day has the role; empty when it has not."""
    sentence = prose.sentence_at(one.start)
    if sentence is None or _denied(prose, role, one, sentence):
        return ""
    when = one.on(prose.calendar, ahead=ahead)
    if when is not None and (when < prose.calendar.today) == ahead and when != prose.calendar.today:
        return ""
    if when is None and not one.vague and one.weekday < 0:
        return ""
    before, behind = _around(prose, one, sentence)
    for words, how in ((role.sure, SURE), (role.likely, LIKELY)):
        cue = pattern(words)
        if cue is None:
            continue
        last = list(cue.finditer(before))[-1:]
        far = NEAR_FROM if last and last[0][0] in ("from", "ab") else FAR
        if last and len(before) - last[0].end() <= far:
            return how
        far = FAR_BEHIND if one.start - sentence.start <= MAX_LEAD else NEAR_BEHIND
        after = (one for one in cue.finditer(behind[: far + 20]) if one[0] not in _IN_FRONT)
        if any(one.start() <= far for one in after):
            return how
    return ""


def _is_led(prose: Prose, role: Role, one: Day) -> bool:
    """Return whether a word of the role stands directly in front of the day."""
    cue = pattern(role.sure)
    before = prose.low[max(0, one.start - CLOSE) : one.start]
    return cue is not None and any(len(before) - end.end() <= 6 for end in cue.finditer(before))


_IN_FRONT = frozenset(  # "from", "ab": words that stand in front of their day alone
    ("from", "since", "as of", "ab", "seit", "desde", "depuis", "a partir de", "a partir del",
     "by", "before", "until", "bis", "hasta", "antes de", "antes del", "antes do", "avant", "até")
)  # fmt: skip


def _around(prose: Prose, one: Day, sentence: Sentence) -> tuple[str, str]:
    """Return the words before and behind a day, up to the next day of the same sentence."""
    ends = [other.end for other in prose.days if other.end <= one.start]
    starts = [other.start for other in prose.days if other.start >= one.end]
    begin = max([sentence.start, *ends])
    end = min([sentence.end, *starts])
    lead = prose.low[begin : one.start]
    own = prose.low[one.start : one.end]
    if sentence.item and begin == sentence.start:
        lead = f"{sentence.above.lower()} {lead}"
    return f"{lead}{own}", prose.low[one.end : end]


def _denied(prose: Prose, role: Role, one: Day, sentence: Sentence) -> bool:
    """Return whether a word says that the day is meant for something else."""
    never = pattern(role.never)
    if never is None:
        return False
    before = prose.low[sentence.start : one.start]
    meant = pattern(role.sure)
    sure_spans = [match.span() for match in meant.finditer(before)] if meant else []
    last = [match for match in never.finditer(before) if not _within(match, sure_spans)][-1:]
    if not last:
        behind = prose.low[one.end : min(sentence.end, one.end + 40)]
        return _behind_denies(prose, role, behind)
    sure = pattern(role.sure)
    later = list(sure.finditer(before, last[0].end()))[-1:] if sure else []
    nearer = bool(later) and len(before) - later[0].end() <= CLOSE
    return not nearer and len(before) - last[0].end() <= FAR


def _within(match: re.Match[str], spans: list[tuple[int, int]]) -> bool:
    """Return whether longer words hold the match: "by" in "by accident"."""
    return any(
        start <= match.start() and match.end() <= end and (start, end) != match.span()
        for start, end in spans
    )


_OTHERWISE = re.compile(r"[;,]?\s(?:si|if|wenn|falls|se|caso|sinon|or|ou|oder)\s")


def _behind_denies(prose: Prose, role: Role, behind: str) -> bool:
    words = pattern(role.none)
    return words is not None and words.search(_OTHERWISE.split(behind, 1)[0]) is not None
