"""Read what a contact asks of the service itself: a form, a list of cases, close one, no notices.

It also recognises a mail that only says thanks.

Only a whole subject counts, and never one that answers or forwards a mail. A mail that says more
than a courtesy is read as a mail about a case instead, so that no information is lost.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from intake.catalogue.catalogue import Catalogue
from intake.catalogue.labels import fold
from intake.mail.message import Message
from intake.parsers.body_lines import is_courtesy
from intake.parsers.case_type import type_of
from intake.parsers.endings import ending
from intake.parsers.submission import Candidate, Wish

MAX_WORDS_CHARS = 80  # of free text that may accompany a wish: "Could you send me the form?"
MAX_LEFTOVER_CHARS = 2000  # of the body; greetings and closings in them do not count
MAX_SUBJECT_CHARS = 120
MAX_THANKS_CHARS = 400
_SENTENCE = re.compile(r"[\n.,;:!…]+|\s[-–—]\s")
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")
_ANSWER = re.compile(r"\s*[a-z]{2,5}\s?(?:\[\d+\])?\s?:", re.IGNORECASE)
_NUMBER = re.compile(r"(?:[A-Z0-9]{0,12}-)?\d{1,12}\Z", re.IGNORECASE)
_BARE = re.compile(r"[\W_]{0,5}([A-Z][A-Z0-9]{0,11}-\d{1,12})[\W_]{0,5}\Z", re.IGNORECASE)
_TOKEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{7,99}\Z")
_TAG_TAIL = re.compile(r"\[([A-Z0-9]{0,20}-?\d{1,12})-[A-Z2-7]{8}\]")


def wish(
    message: Message,
    subject: str,
    candidates: Sequence[Candidate],
    leftover: str,
    plus_type: str,
    catalogue: Catalogue,
) -> Wish | None:
    """Return what the mail asks of the service itself; None for a mail about a case."""
    if _is_answer(message.subject, catalogue) or len(message.subject) > MAX_SUBJECT_CHARS:
        return None
    if any(one.words and one.field != "case_type" for one in candidates):
        return None
    token = _token(message.subject, catalogue)
    if token:
        found: Wish | None = Wish("unsubscribe", token=token)
    else:
        found = _told(_TAG_TAIL.sub(r" \1 ", message.subject), plus_type, catalogue)
        bare = _BARE.match(_TAG_TAIL.sub(r" \1 ", message.subject))
        if found is None and bare:
            found = Wish("cases", number=bare[1].upper(), bare=True)
    if plus_type and not subject.strip():
        found = Wish("form", type=plus_type) if not leftover.strip() else None
    if found is None or (found.kind == "close" and found.number):
        return found
    words = _words(leftover[:MAX_LEFTOVER_CHARS])
    most = (
        0 if found.bare else MAX_WORDS_CHARS
    )  # with more text, the number is only the mail's topic
    return found if len(words) <= most and not _files(message) else None


def _is_answer(subject: str, catalogue: Catalogue) -> bool:
    """Return whether a prefix such as "Re:" stands there; "form:" is a keyword and none."""
    if not _ANSWER.match(subject):
        return False
    first = fold(subject.partition(":")[0], {})
    told = _subjects(catalogue)
    return not any(first in told.get(kind, ()) for kind in ("form", "cases", "close"))


def _token(subject: str, catalogue: Catalogue) -> str:
    """Return the token after the keyword in a subject that a List-Unsubscribe field prepared."""
    word, _, rest = subject.strip().partition(" ")
    known = {"unsubscribe", *(fold(one, {}) for one in catalogue.subjects.get("unsubscribe", ()))}
    return rest.strip() if fold(word, {}) in known and _TOKEN.match(rest.strip()) else ""


def wants_no_notices(message: Message, own_words: str, subject: str, catalogue: Catalogue) -> bool:
    """Return whether an answer to a notice says only that its writer wants no more notices.

    ``own_words`` is the text that was added to the copy of the notice; ``subject`` is without Re:.
    """
    if _files(message) or len(own_words) > MAX_LEFTOVER_CHARS:
        return False
    letters = catalogue.normalise.confusables
    told = {fold(one, letters) for one in catalogue.subjects.get("unsubscribe", ())}
    words = fold(_words(own_words), letters).rstrip("!,; ")
    return words in told if words else fold(subject, letters) in told


def only_thanks(
    message: Message, own_words: str, names: Sequence[str], catalogue: Catalogue
) -> bool:
    """Return whether the writer's own text is only thanks, greetings and their name."""
    return says_only(message, own_words, names, catalogue) == "thanks"


def may_close(message: Message, own_words: str, names: Sequence[str], catalogue: Catalogue) -> bool:
    """Return whether the text says only that the case may be closed or is over, or adds thanks."""
    return says_only(message, own_words, names, catalogue) == "close"


def says_only(message: Message, own_words: str, names: Sequence[str], catalogue: Catalogue) -> str:
    """Return "thanks" or "close" if the mail says nothing else, otherwise an empty text.

    A question, a file or one more word makes it an ordinary mail. ``names`` are folded.
    """
    kinds = _sentences(message, own_words, names, catalogue)
    if "close" in kinds and "other" not in kinds:
        return "close"
    if "thanks" in kinds and kinds <= {"thanks", "courtesy"}:
        return "thanks"
    return ending(message, names, catalogue)


def _sentences(
    message: Message, own_words: str, names: Sequence[str], catalogue: Catalogue
) -> set[str]:
    """Return what the sentences say: "thanks", "close", "courtesy", "other".

    A mail with a file gives only "other".
    """
    if _files(message) or len(own_words) > MAX_THANKS_CHARS or "?" in own_words:
        return {"other"}
    letters = catalogue.normalise.confusables
    told, ends, over = (_said(kind, catalogue) for kind in ("thanks", "thanks_for", "may_close"))
    found = set()
    for sentence in _SENTENCE.split(own_words):
        words = _plain(fold(sentence, letters))
        if not words:
            continue
        ended = any(words.endswith(f" {end}") and words[: -len(end) - 1] in told for end in ends)
        if words in told or ended:
            found.add("thanks")
        elif words in over:
            found.add("close")
        else:
            polite = words in names or is_courtesy(sentence)
            found.add("courtesy" if polite else "other")
    return found


@lru_cache(maxsize=32)
def _said(kind: str, catalogue: Catalogue) -> frozenset[str]:
    """Return the catalogue's texts of a kind, folded."""
    letters = catalogue.normalise.confusables
    return frozenset(_plain(fold(one, letters)) for one in catalogue.subjects.get(kind, ()))


def _plain(folded: str) -> str:
    return " ".join(_WORD.findall(folded))


def _files(message: Message) -> bool:
    return any(not one.inline for one in message.attachments)


def _words(text: str) -> str:
    return " ".join(line.strip() for line in text.splitlines() if not is_courtesy(line)).strip()


def _told(subject: str, plus_type: str, catalogue: Catalogue) -> Wish | None:
    """Read the wish from a whole subject: its keyword, and after it at most its object."""
    flat = fold(subject, catalogue.normalise.confusables)
    told = _subjects(catalogue)
    for kind in ("form", "close", "cases"):
        for word in sorted(told.get(kind, ()), key=len, reverse=True):
            if flat != word and not flat.startswith((f"{word} ", f"{word}:")):
                continue
            found = _about(kind, flat[len(word) :].strip(" :#[]"), plus_type, told, catalogue)
            if found is not None:
                return found
    for state in ("open", "closed"):
        if flat in told.get(state, ()) and flat not in ("open", "closed"):
            return Wish("cases", state=state)
    head, _, last = flat.rpartition(" ")
    if last in told.get("form", ()) and (found_type := type_of(head, catalogue)):
        return Wish("form", type=found_type)
    return None


@lru_cache(maxsize=8)
def _subjects(catalogue: Catalogue) -> dict[str, set[str]]:
    """Return the folded words of each kind of subject."""
    letters = catalogue.normalise.confusables
    return {
        kind: {fold(one, letters) for one in words} for kind, words in catalogue.subjects.items()
    }


def _about(
    kind: str, rest: str, plus_type: str, told: dict[str, set[str]], catalogue: Catalogue
) -> Wish | None:
    """Read the text after the keyword of a wish; None when it is something else."""
    if kind == "form":
        named = type_of(rest, catalogue) if rest else plus_type
        return Wish("form", type=named) if named or not rest else None
    if _NUMBER.match(rest):
        return Wish(kind, number=rest.upper())
    if kind == "close":
        return None
    if not rest:
        return Wish("cases")
    state = next((one for one in ("open", "closed") if rest in told.get(one, ())), "")
    return Wish("cases", state=state) if state else None
