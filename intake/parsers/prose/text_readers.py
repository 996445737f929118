"""Read what ordinary prose says of steps, places in the product, changes and expectations."""

from __future__ import annotations

import re
from collections.abc import Iterator

from intake.catalogue.catalogue import Role
from intake.parsers.prose.error_reader import QUOTES
from intake.parsers.prose.reading import LIKELY, SURE, Prose, Reading, pattern
from intake.parsers.prose.sentences import Sentence

_PATH = re.compile(
    r"[^\W\d_][\w.&/()'-]*(?:[ \t][\w.&/()'-]+){0,3}?(?:\s?(?:>|›|→|->|»(?=\s\w))\s{1,2}"
    r"[^\W_][\w.&/()'-]*(?:[ ](?!(?:and|y|et|und|e|to|para|pour)\b)[\w.&/()'-]+){0,3}){1,5}"
)
_NUMBERED = re.compile(r"^[ \t]{0,6}\(?(\d{1,2}|[a-j])[.)][ \t]+\S", re.MULTILINE)
_STEP_END = re.compile(r"\n[ \t]*\n(?![ \t]{0,6}\(?(?:\d{1,2}|[a-j])[.)][ \t])")


def read_clause(prose: Prose, role: Role) -> Iterator[Reading]:
    """Yield the sentence with a word of the role, or the part of it that holds the word."""
    for words, how in ((role.sure, SURE), (role.likely, LIKELY)):
        cue, never = pattern(words), pattern(role.never)
        for sentence in prose.sentences if cue else ():
            low = prose.low[sentence.start : sentence.end]
            match = cue.search(low) if cue else None
            if match is None or sentence.asks or (never and never.search(low)):
                continue
            place = sentence.start + match.start()
            if _in_message(prose, place) or (how == LIKELY and _is_day(prose, place)):
                continue
            start, end = _part(low, match.start(), match.end())
            start, end = sentence.start + start, sentence.start + end
            said = prose.text[start:end].strip(" ,;.\n")
            if len(said.split()) >= 3:
                yield Reading(role.field, said, how, start, end)
                return
    yield from _what_was_done(prose, role)


_GONE = re.compile(  # that something is gone, which does not say why
    r"desapar|verschw|verloren|abhanden|sumi|disparu|vanish|missing|perdi|c'était|it was|noch da"
)


def _what_was_done(prose: Prose, role: Role) -> Iterator[Reading]:
    """Yield the sentence that says most of what somebody did by mistake.

    Only for a type that is always confirmed: the writer sees the words before they count.
    """
    confirmed = any(cue.asks and cue.type == prose.type for cue in prose.catalogue.cues)
    if not confirmed or role.field not in prose.catalogue.types[prose.type].required:
        return
    best: tuple[int, Sentence] | None = None
    for sentence in prose.sentences:
        low = prose.low[sentence.start : sentence.end]
        points = sum(bool(sign.search(low)) for sign in (_SOMEBODY, _DID, _WRONGLY))
        if sentence.asks or points < 2 or _ASKED.search(low) or len(low) > MAX_TOLD_CHARS:
            continue
        if best is None or points > best[0]:
            best = points, sentence
    if best is not None:
        yield Reading(role.field, best[1].text, LIKELY, best[1].start, best[1].end)


_SOMEBODY = re.compile(
    r"\b(?:i|we|she|he|they|someone|somebody|(?:my|our|one of our|an?|the) (?:\w+ ){0,2}?(?:sub"
    r"|clerk|teacher|aide|secretary|intern|temp|colleague|assistant|registrar)|una? \w+|un[e]? \w+"
    r"|eine? \w+|uma? \w+|ella?|elle|il|on|je|j'ai|ich|er|sie|ele|ela|eu|yo|me|mi \w+|meine? \w+"
    r"|mon \w+|ma \w+|minha \w+|meu \w+|la \w+|a \w+)\b"
)
_DID = re.compile(
    r"\b(?:merg|load|import|clear|copi|chang|delet|hit|press|click|ran\b|marked|unmarked|closed|dropp"
    r"|replac|overw|upload|reset|roll|vaci|vid[ée]|borr|carg|eliminó|cerró|marcó|pulsó|corrió|cambi"
    r"|charg|lancé|effac|supprim|suppression|écras|cliqu|lösch|gelöscht|eingel|einles|überschr"
    r"|angekr|geklickt|apag|carreg|sobres|exclu|clic|limp|rodou|troc)"
)
_WRONGLY = re.compile(
    r"\b(?:wrong|instead|insted|by mistake|mistake|accident|meant|thinking|thought|equivocad"
    r"|sin querer|por error|en vez|encima|mauvais|au lieu|par erreur|en voulant|falsch|versehen"
    r"|statt|aus versehen|errad|sem querer|por engano|em vez|achando|pensando|creyendo)"
)
_ASKED = re.compile(
    r"\b(?:please|can you|could you|por favor|s'il vous pla|bitte|permis|autori|erlaub|genehm"
    r"|restor|restaur|wiederher|recuper|necesit|we need|nobody|no one|nadie|personne ne|niemand"
    r"|keiner|ninguém|ningu[eé]m|don't know|no sé|not sure|idea)"
)


def _is_day(prose: Prose, place: int) -> bool:
    """Return whether the place is inside of what says since when: "since the update"."""
    return any(
        one.start <= place < one.end and not one.value and role.reads == "day"
        for role in prose.catalogue.roles
        if (one := prose.seen.get(role.field)) is not None
    )


def _in_message(prose: Prose, place: int) -> bool:
    """Return whether the place is inside what was read as an error message."""
    return any(
        one.start <= place < one.end and not one.value
        for name, one in prose.seen.items()
        if (role := next((r for r in prose.catalogue.roles if r.field == name), None))
        and role.reads == "error"
    )


_CUT = re.compile(
    r"[;:] |, (?:so|but|although|though|sino|pero|pues|aber|sondern|mais|car|mas|porque"
    r"|no sé|não sei|weiß)\b|\n\n"
)


def _part(low: str, at: int, to: int) -> tuple[int, int]:
    """Return the part of a sentence around a word, between semicolons and "but"."""
    start, end = 0, len(low)
    for cut in _CUT.finditer(low):
        if cut.end() <= at:
            start = cut.end()
        elif cut[0] == ": " and _LABEL.fullmatch(low, start, cut.start()):
            start = cut.end()  # "What I'd expect: lunch stays where it was"
        elif cut.start() >= to:
            end = cut.start()
            break
    return start, end


_LABEL = re.compile(  # in front of a colon, behind which the answer stands
    r"\s*(?:what|lo que|ce qu[e']|o que|was|expected|esperado|attendu|erwartet)(?:\s\S+){0,4}"
)


def read_steps(prose: Prose, role: Role) -> Iterator[Reading]:
    """Yield the numbered steps, or the sentence that tells what is clicked where."""
    verbs = pattern(role.sure)
    numbered = _numbered(prose) or _bulleted(prose, verbs)
    if numbered is not None:
        start, end = numbered
        low = prose.low[start:end]
        count = len(set(verbs.findall(low))) if verbs else 0
        strong = count >= 2 or bool(_PATH.search(prose.text[start:end]))
        yield Reading(
            role.field, prose.text[start:end].strip(), SURE if strong else LIKELY, start, end
        )
        return
    best: tuple[int, Sentence] | None = None
    for sentence in prose.sentences if verbs else ():
        low = prose.low[sentence.start : sentence.end]
        path = bool(_PATH.search(prose.text[sentence.start : sentence.end]))
        told_by = _FAILS.sub(" ", QUOTES.sub(" ", low))  # a message has verbs of its own
        done = len(set(verbs.findall(told_by))) if verbs else 0
        told = _told(low) if len(low) <= MAX_TOLD_CHARS else 0
        shown = done >= 2 and told == 0 and bool(_SHOWN.search(low))
        points = done + 2 * path + sentence.item + told + (told > 0) + shown
        few = not path and len(low.split()) < MIN_CLAUSE_WORDS  # "Report cards print blank."
        if sentence.asks or done < 1 or points < 3 or few:
            continue
        if best is None or points > best[0]:
            best = points, sentence
    if best is not None:
        points, sentence = best
        how = SURE if points >= 5 else LIKELY
        yield Reading(role.field, sentence.text, how, sentence.start, sentence.end)
        return
    yield from _when_clause(prose, role)


def _when_clause(prose: Prose, role: Role) -> Iterator[Reading]:
    """Yield "when you move a course", if the rest of the sentence tells what comes of it."""
    for sentence in prose.sentences:
        when = _WHEN.search(prose.low, sentence.start, sentence.end)
        if when is None or sentence.asks:
            continue
        comma = prose.low.find(",", when.end(), sentence.end)
        shown = _SHOWN.search(prose.low, when.end(), sentence.end)
        ends = [place for place in (comma, shown.start() if shown else -1) if place >= 0]
        end = min(ends, default=sentence.end)
        words = prose.text[when.start() : end].strip(" ,.\n")
        if ends and shown and MIN_CLAUSE_WORDS <= len(words.split()) <= MAX_CLAUSE_WORDS:
            yield Reading(role.field, words, LIKELY, when.start(), end)
            return


MIN_CLAUSE_WORDS, MAX_CLAUSE_WORDS = 5, 30  # of "when …"
_SHOWN = re.compile(  # what comes of it
    r"\b(?:shows?|says?|sees?|sieht|sehen|voit|voient|veo|ven|vê|veem"
    r"|appears?|pops? up|comes? up|get|gets|crash\w*|freez\w*|spins?|sale|aparece"
    r"|muestra|dice|queda|affiche|appara[iî]t|dit|reste|zeigt|erscheint|kommt|bleibt|passiert"
    r"|mostra|diz|fica|trava|fecha|cierra|ferme)\b|[\"“„«]"
)
MAX_TOLD_CHARS = 260  # of a sentence; a longer one says too much besides
_FAILS = re.compile(  # "won't save" says what fails, not what is done
    r"\b(?:(?:ca|wo|do|does|did|is|are|could)n'?t|cannot|not|unable to|nicht|ne|pas|não|nao|no)"
    r"\s(?:(?:se|me|nos|les?|s')\s)?\w+"
    r"|\b(?:impossible d[e'] ?|imposible |impossível )\w+|\bcheck-(?:in|out)s?\b"
)
_WHEN = re.compile(
    r"\b(?:when(?:ever)?|every time|each time|if|as soon as|once) (?:i|we|you|they|she|he|someone"
    r"|a \w+|the \w+|our \w+)\b|\b(?:cuando|cada vez q(?:ue)?|si) \w+"
    r"|\bal \w+(?:ar|er|ir)(?:se|lo|la|le)?\b|\b(?:quand|lorsqu\w*|dès qu\w*"
    r"|chaque fois qu\w*) ?\w*|\b(?:wenn|sobald|jedes mal) \w+"
    r"|\b(?:quando|sempre que|ao|assim que) \w+"
)
_THEN = re.compile(
    r"\b(?:then|next(?! (?:morning|day|week|month|year|to|class))"
    r"|afterwards|luego|después|puis|ensuite|dann|danach|anschließend|depois"
    r"|em seguida)\b"
)
_RESULT = re.compile(
    r"nothing (?:happens|hapens|comes)|goes (?:blank|white|back)|comes up|freez|spins|disappears"
    r"|no pasa nada|se queda|me sale|sale (?:en )?blanco|plus rien|rien ne|tourne|écran blanc"
    r"|nichts|leer|hängt|dreht sich|springt zurück|nada acontece|não acontece nada|fica|trava"
    r"|zerad|vací[oa]s?"
    r"|não aparece|tela branca|white|blank"
)


def _told(low: str) -> int:
    """Return how many signs say that a sentence tells what is done and what comes of it."""
    return sum(bool(sign.search(low)) for sign in (_WHEN, _THEN, _RESULT))


def _bulleted(prose: Prose, verbs: re.Pattern[str] | None) -> tuple[int, int] | None:
    """Return the range of the first list of which two items say what is clicked."""
    run: list[Sentence] = []
    for sentence in (*prose.sentences, None):
        if sentence is not None and sentence.item:
            run.append(sentence)
            continue
        lows = [prose.low[one.start : one.end] for one in run]
        done = sum(bool(verbs and verbs.search(low)) or bool(_PATH.search(low)) for low in lows)
        if len(run) >= 2 and done >= max(2, len(run) / 2):
            return run[0].start, run[-1].end
        run = []
    return None


def _count(mark: str) -> int:
    """Return the number of a list mark: "2" and "b" are 2."""
    return int(mark) if mark.isdigit() else ord(mark) - ord("a") + 1


def _numbered(prose: Prose) -> tuple[int, int] | None:
    """Return the range of the first list that counts 1, 2 …"""
    marks = [(_count(one[1]), one.start()) for one in _NUMBERED.finditer(prose.text)]
    for place, (number, start) in enumerate(marks):
        if number != 1:
            continue
        last = place
        while last + 1 < len(marks) and marks[last + 1][0] == marks[last][0] + 1:
            last += 1
        if last == place:
            continue
        end = _STEP_END.search(prose.text, marks[last][1])
        return start, end.start() if end else len(prose.text)
    return None


def read_path(prose: Prose, role: Role) -> Iterator[Reading]:
    """Yield the place in the product: "Attendance > Reports > Daily"."""
    french = "«" in prose.text  # there "»" ends a quotation
    paths = _PATH.finditer(prose.text)
    match = next((one for one in paths if not french or "»" not in one[0]), None)
    if match is not None:
        start, end = _trimmed(match[0])
        words = match[0][start:end].strip(" .")
        yield Reading(role.field, words, SURE, match.start() + start, match.start() + end)


def _trimmed(path: str) -> tuple[int, int]:
    """Return the range of a path without small words in front of it and the next sentence."""
    first = re.split(r"[>›→»]|->", path, maxsplit=1)[0]
    capital = re.search(r"(?<![\w])[A-ZÀ-ÖØ-Þ]", first)
    last = re.search(r"[.!?]\s", path[len(first) :])
    end = len(first) + last.start() if last else len(path)
    return capital.start() if capital else 0, end
