"""Read what ordinary prose says of errors, steps, people, places in the product and changes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from intake.catalogue.catalogue import Role
from intake.parsers.prose.reading import LIKELY, SURE, Prose, Reading, pattern
from intake.parsers.prose.sentences import Sentence

MAX_QUOTES = 60  # that are looked at in one text
MAX_VALUE_CHARS = 1500
MAX_AFTER_COLON = 400  # characters of a message behind "it says:"
_QUOTES = re.compile(
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
    r"|\b\w+(?:Exception|Error)\b|\bcode\s?\d{2,6}|código \d+|ORA-\d+"
)
_FAULT = re.compile(
    r"error|erreur|fehler|erro\b|fail|falha|falló|échou|exception|unable|cannot|can't|could not"
    r"|not found|no encontrad|introuvable|nicht gefunden|não (?:foi|é|encontr|permit)|denied"
    r"|denegad"
    r"|refus|verweigert|negad|invalid|inválid|ungültig|expired|caduc|expir|abgelaufen|timed? ?out"
    r"|timeout|is full|voll\b|lleno|plein\b|cheio|unavailable|indisponi"
    r"|nicht verfügbar|mismatch|locked|bloquead|bloqueio|verrouill"
    r"|gesperrt|not enough|do not have|no tiene|conflict|conflit|konflikt|wrong|terminated"
    r"|something went|longer than|overhead|rights|gateway"
)
_BARE = re.compile(
    r"(?:\b[\w.]{3,60}(?:Exception|Error): [^\n]{4,300}(?:\n[ \t]{2,}[^\n]{2,200})*)"
    r"|(?:\b(?:http )?(?:error |erreur |fehler |erro )?[45]\d\d (?:bad gateway|service unavailable"
    r"|internal server error|gateway time-?out|forbidden|not found|service temporarily unavailable)"
    r"(?: [-–] \w{3,12})?)"
    r"|(?-i:\b[A-Z]{3,12}(?:_[A-Z]{2,14}){1,6}\b)"
    r"|(?-i:\b[A-Z]{2,6}-\d{2,6}: [^\n]{5,200})"
    r"|(?:^[ \t>]*(?:error|erreur|fehler|erro)(?: \w{1,12})?: ?\w[^\n]{4,300}$)"
    r"|(?:\b(?:event|event id|evento|ereignis|événement|msg) \d{2,6}[,:] [^\n]{5,250})"
    r"|(?:\bhttp error \d{3}\b(?:\. [^.\n]{3,80}\.?)?)"
    r"|(?:\b(?:error|erreur|fehler|erro|ora)[ -](?:code |código |code )?\d{3,6}\b)",
    re.IGNORECASE | re.MULTILINE,
)
_NEXT_SENTENCE = re.compile(r"(?<=[a-zà-ÿ)\d])\.[ \t]+(?=[A-ZÀ-ÖØ-Þ¿¡][a-zà-ÿ]+[ ,])")
_COLON = re.compile(r":\s+(?=\S)")
_PATH = re.compile(
    r"[^\W\d_][\w.&/()'-]*(?:[ \t][\w.&/()'-]+){0,3}?(?:\s?(?:>|›|→|->|»(?=\s\w))\s{1,2}"
    r"[^\W_][\w.&/()'-]*(?:[ ](?!(?:and|y|et|und|e|to|para|pour)\b)[\w.&/()'-]+){0,3}){1,5}"
)
_NUMBERED = re.compile(r"^[ \t]{0,6}\(?(\d{1,2}|[a-j])[.)][ \t]+\S", re.MULTILINE)
_STEP_END = re.compile(r"\n[ \t]*\n(?![ \t]{0,6}\(?(?:\d{1,2}|[a-j])[.)][ \t])")


def read_error(prose: Prose, role: Role) -> Iterator[Reading]:
    """Yield the error message: quoted, behind a colon or known by its form; or none."""
    after = _after_colon(prose, role)
    if after is not None and _PERSON.match(after.words):
        after = None
    found = [*_quoted(prose, role)]
    found += [one for one in _bare(prose) if not any(q[1] <= one[1] < q[2] for q in found)]
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
    for count, match in enumerate(_QUOTES.finditer(prose.text)):
        if count >= MAX_QUOTES:
            return
        name = match.lastgroup or "a"
        start, end = match.span(name)
        words = match[name]
        sentence = prose.sentence_at(match.start())
        begin = sentence.start if sentence else max(0, match.start() - 80)
        before = prose.low[begin : match.start()][-90:]
        points = 2.0 if _FAULT.search(words.lower()) or _CODE.search(words) else 0.0
        if cue and cue.search(before):
            points += 1.5
        if never and any(len(before) - one.end() <= 5 for one in never.finditer(before)):
            points -= 3.0
        if len(words.split()) >= 4:
            points += 0.5
        if _PERSON.search(words):  # a colleague is quoted, who may quote the message
            inner = _QUOTED_INSIDE.search(words)
            if inner is None and not _CODE.search(words):
                continue
            if inner is not None:
                start, end = start + inner.start(1), start + inner.end(1)
        if points > 0:
            yield points, start, end


def _bare(prose: Prose) -> Iterator[tuple[float, int, int]]:
    for match in _BARE.finditer(prose.text):
        end = _NEXT_SENTENCE.search(prose.text, match.start() + 12, match.end())
        yield 3.0, match.start(), end.start() if end else match.end()


def _after_colon(prose: Prose, role: Role) -> Reading | None:
    """Return what stands behind "it says:", up to the end of the sentence or of the paragraph."""
    cue = pattern(role.sure)
    for place, sentence in enumerate(prose.sentences):
        colons = list(_COLON.finditer(prose.low, sentence.start, sentence.end))
        colon = colons[-1] if colons else None
        ends = prose.low[sentence.start : sentence.end].rstrip().endswith(":")
        before = prose.low[sentence.start : colon.start() if colon else sentence.end]
        if ends and (alone := _pasted(prose, role, place)):
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
        elif cut.start() >= to:
            end = cut.start()
            break
    return start, end


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
        told_by = _FAILS.sub(" ", _QUOTES.sub(" ", low))  # a message has verbs of its own
        done = len(set(verbs.findall(told_by))) if verbs else 0
        told = _told(low) if len(low) <= MAX_TOLD_CHARS else 0
        shown = done >= 2 and told == 0 and bool(_SHOWN.search(low))
        points = done + 2 * path + sentence.item + told + (told > 0) + shown
        if sentence.asks or done < 1 or points < 3:
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
    r"\b(?:shows?|says?|appears?|pops? up|comes? up|get|gets|crash\w*|freez\w*|spins?|sale|aparece"
    r"|muestra|dice|queda|affiche|appara[iî]t|dit|reste|zeigt|erscheint|kommt|bleibt|passiert"
    r"|mostra|diz|fica|trava|fecha|cierra|ferme)\b|[\"“„«]"
)
MAX_TOLD_CHARS = 260  # of a sentence; a longer one says too much besides
_FAILS = re.compile(  # "won't save" says what fails, not what is done
    r"\b(?:(?:ca|wo|do|does|did|is|are|could)n'?t|cannot|not|unable to|nicht|ne|pas|não|nao|no)"
    r"\s(?:(?:se|me|nos|les?|s')\s)?\w+|\bcheck-(?:in|out)s?\b"
)
_WHEN = re.compile(
    r"\b(?:when(?:ever)?|every time|each time|if|as soon as|once) (?:i|we|you|they|she|he|someone"
    r"|a \w+|the \w+|our \w+)\b|\b(?:cuando|cada vez q(?:ue)?|si) \w+"
    r"|\bal \w+(?:ar|er|ir)(?:se|lo|la|le)?\b|\b(?:quand|lorsqu\w*|dès qu\w*"
    r"|chaque fois qu\w*) ?\w*|\b(?:wenn|sobald|jedes mal) \w+"
    r"|\b(?:quando|sempre que|ao|assim que) \w+"
)
_THEN = re.compile(
    r"\b(?:then|next|afterwards|luego|después|puis|ensuite|dann|danach|anschließend|depois"
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
        if len(run) >= 2 and done >= 2:
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
