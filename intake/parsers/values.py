"""Convert text to a typed value, kind by kind.

Text that does not fit is a problem, no exception.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache

from email_validator import EmailNotValidError, validate_email
from rapidfuzz import fuzz, process
from rapidfuzz.distance import OSA

try:
    import phonenumbers
except ImportError:
    phonenumbers = None  # type: ignore[assignment]  # the extra "phone" is not installed

from intake.catalogue.catalogue import Catalogue, Choices, Field
from intake.catalogue.labels import fold, visible
from intake.parsers.confirmation import confirmed
from intake.parsers.dates import READ_BY_WORDS, Calendar, date_inside, read_date
from intake.parsers.days import days

NEAR = 85  # rapidfuzz ratio from which a misspelt value is taken
PERHAPS = 60  # from which the value is suggested in a question
MIN_NEAR_CHARS = 4
NONE = ("none", "n/a", "na", "no", "ninguno", "ninguna")
MAX_PARTS = 50  # of an answer to a list
WEAK = ("weak-label", "near-label")  # sources whose text counts only if it fits the field
_PARTS = re.compile(r"[,;/\n]|\band\b|&|\t", re.IGNORECASE)
_PHONE = re.compile(  # an extension and a remark in brackets may follow it
    r"(\+?[\d\s().\-/]{7,30}?)(?:[\s,;]*(?:x|ext\.?|extension|#)\s*\d{1,6})?"
    r"(?:\s*\([a-z ]{1,20}\))?\Z",
    re.IGNORECASE,
)
MAX_WORDED_CHARS = 80
MAX_PERIOD_CHARS = 200  # of an answer in which a week or a month is looked for
MAX_UNLISTED_WORDS = 8  # of a value outside its list; more is a sentence, such as a complaint
MAX_WORDED_WORDS = 9  # of an answer that is a day in words
_NOT = re.compile(r"\b(?:pas|sauf|jamais|nicht|außer|kein\w*|não|exceto|nunca)\b", re.IGNORECASE)
MAX_PHONE_CHARS = 100
MAX_ADDRESS_CHARS = 1000  # of an answer that are searched for an address
_ADDRESS = re.compile(r"[^\s<>,;:()\"\[\]]{1,64}@[^\s<>,;:()\"\[\]]{1,255}")


@dataclass(frozen=True, slots=True)
class Taken:
    """A value, or the reason why there is none."""

    value: object = None
    code: str = ""  # of the problem; empty when there is none
    blocking: bool = False  # the field counts as missing
    choices: tuple[str, ...] = ()
    used: str = ""
    near: str = ""  # the listed value that may have been meant


def is_blank(words: str, field: Field, catalogue: Catalogue) -> bool:
    """Return whether no value was given: "?", "tbd", and "none" where that is not an answer."""
    folded = " ".join(visible(words).casefold().split()).strip("_* ")
    if field.none_is_answer and folded in NONE:
        return False
    blanks = {word.strip("_* ") for word in catalogue.normalise.blank_values}
    return folded in blanks or not folded.strip("-_. ()")


def take(
    words: str, field: Field, type_name: str, catalogue: Catalogue, calendar: Calendar
) -> Taken:
    """Convert the text to a value of the field on that type."""
    text = visible(words).strip()
    if field.none_is_answer and " ".join(text.casefold().split()).strip("_* .") in NONE:
        return Taken(text)
    if field.kind == "date":
        return _date(text, field, catalogue, calendar)
    if field.kind in ("choice", "multichoice"):
        return _choices(text, field.choices_on(type_name), field, catalogue)
    if field.kind == "email":
        return _email(text)
    if field.kind == "phone":
        return _phone(text, catalogue.phone_region)
    if field.kind == "confirm":
        return _confirm(text, field, catalogue)
    if field.kind == "text":
        return Taken(" ".join(words.split())[: field.max_length or None])
    return Taken(words.strip())


def _date(text: str, field: Field, catalogue: Catalogue, calendar: Calendar) -> Taken:
    """Return a day; in a field that must not be past, "Monday" and "October 20" are in future."""
    rule = catalogue.rule("date_not_in_past")
    ahead = rule is not None and field.name in rule.fields
    when = replace(calendar, ahead=ahead)
    found = read_date(text, when) or date_inside(text, when) or _worded(text, when)
    if found is not None:
        return Taken(found.isoformat())
    if field.keep_text or (field.list_split and _names_period(text, when)):
        return Taken(None)
    return Taken(None, "bad-date", blocking=True)


def _names_period(text: str, calendar: Calendar) -> bool:
    """Return whether a proposal is a week or a time of the year: "am liebsten im Januar"."""
    return any(
        one.period
        for language in calendar.languages
        for one in days(text[:MAX_PERIOD_CHARS], language, calendar.order)
    )


def _worded(text: str, calendar: Calendar) -> date | None:
    """Return the one day that a short text names in words of another language: "depuis lundi"."""
    if len(text) > MAX_WORDED_CHARS or len(text.split()) > MAX_WORDED_WORDS or _NOT.search(text):
        return None
    for language in (one for one in calendar.languages if one in READ_BY_WORDS):
        found = days(text, language, calendar.order)
        if len(found) == 1:
            when = found[0].on(calendar, ahead=calendar.ahead)
            if when is not None:
                return when
    return None


def _phone(text: str, region: str) -> Taken:
    """Accept a phone number as written: seven to fifteen digits (ITU-T E.164).

    An extension is not counted. ``phonenumbers``, if installed, accepts more ways to write a
    number: letters for digits, other scripts, "tel:".
    """
    match = _PHONE.match(text)
    digits = sum(char.isdigit() for char in match[1]) if match else 0
    if 7 <= digits <= 15 or _dialable(text, region):
        return Taken(text)
    return Taken(None, "bad-phone", blocking=False)


def _dialable(text: str, region: str) -> bool:
    if phonenumbers is None:
        return False
    try:
        read = phonenumbers.parse(text[:MAX_PHONE_CHARS], region or None)
    except phonenumbers.NumberParseException:
        return False
    return bool(phonenumbers.is_valid_number(read))


def _email(text: str) -> Taken:
    text = text[:MAX_ADDRESS_CHARS]
    match = _ADDRESS.search(text)
    try:
        checked = validate_email(
            match[0].lstrip("'*").rstrip("'*_.") if match else text,
            check_deliverability=False,
            strict=True,
            test_environment=True,
        )
    except EmailNotValidError:
        return Taken(None, "bad-email", blocking=True)
    return Taken(checked.ascii_email or checked.normalized)


def _confirm(text: str, field: Field, catalogue: Catalogue) -> Taken:
    if confirmed(text, field, catalogue):
        return Taken(True)
    return Taken(None, "not-confirmed", blocking=True)


def _choices(text: str, choices: Choices, field: Field, catalogue: Catalogue) -> Taken:
    """Return one value, or several where the list allows it."""
    if not (choices.multi or field.kind == "multichoice"):
        single = _choice(text, choices, catalogue)
        return Taken(single) if single else _unlisted(text, choices)
    found: list[str] = []
    for part in _listed_parts(text, choices, catalogue):
        value = _choice(part, choices, catalogue)
        if not value:
            return _unlisted(part.strip(), choices, so_far=found)
        found.append(value)
    return Taken(list(dict.fromkeys(found))) if found else _unlisted(text, choices)


def _listed_parts(text: str, choices: Choices, catalogue: Catalogue) -> list[str]:
    """Split the text into several values; keep it whole when the list contains it whole."""
    names = _names(choices, catalogue)
    if fold(text, catalogue.normalise.confusables) in names:
        return [text]
    if "\n" in text:  # a line break may be inside a value
        flat = [part for part in _PARTS.split(text.replace("\n", " "))[:MAX_PARTS] if part.strip()]
        if all(fold(part, catalogue.normalise.confusables) in names for part in flat):
            return flat
    return [part for part in _PARTS.split(text)[:MAX_PARTS] if part.strip(" .-*•\t")]


def is_listed(text: str, choices: Choices, catalogue: Catalogue) -> bool:
    """Return whether the text consists only of values of the list."""
    parts = _listed_parts(text, choices, catalogue)
    return bool(parts) and all(_choice(part, choices, catalogue) for part in parts)


def _unlisted(text: str, choices: Choices, so_far: Sequence[str] = ()) -> Taken:
    values = tuple(choice.value for choice in choices.values)
    near = _perhaps(text, values)
    sentence = bool(values) and (len(text.split()) > MAX_UNLISTED_WORDS or text.endswith("?"))
    if choices.open and not sentence:
        known = bool(values)
        kept: object = [*so_far, text] if choices.multi else text
        return Taken(kept, "unknown-choice" if known else "", used=text if known else "", near=near)
    return Taken(None, "unknown-choice", blocking=True, choices=values, near=near)


def _perhaps(text: str, values: Sequence[str]) -> str:
    """Return the value that is closest to the text, for the question "did you mean …?"."""
    best = process.extractOne(
        text[:80].casefold(), [one.casefold() for one in values], scorer=fuzz.ratio,
        score_cutoff=PERHAPS,
    )  # fmt: skip
    return values[best[2]] if best else ""


@lru_cache(maxsize=512)
def _names(choices: Choices, catalogue: Catalogue) -> dict[str, str]:
    """Return every folded name of a value in the list, with the value."""
    names: dict[str, str] = {}
    for choice in choices.values:
        for word in (choice.value, *choice.aliases):
            names.setdefault(fold(word, catalogue.normalise.confusables), choice.value)
    return names


def _choice(text: str, choices: Choices, catalogue: Catalogue) -> str:
    """Return the listed value for the text: exact, by alias, or the one near match."""
    names = _names(choices, catalogue)
    folded = fold(text, catalogue.normalise.confusables)
    if folded in names:
        return names[folded]
    if len(folded) < MIN_NEAR_CHARS or len(folded) > 80:
        return ""
    near = process.extract(folded, list(names), scorer=fuzz.ratio, score_cutoff=NEAR, limit=3)
    found = {names[one[0]] for one in near}
    if not found:  # "Hihg": two letters are swapped
        long = [name for name in names if len(name) >= MIN_NEAR_CHARS]
        close = process.extract(folded, long, scorer=OSA.distance, score_cutoff=1, limit=3)
        found = {names[one[0]] for one in close}
    return found.pop() if len(found) == 1 else ""
