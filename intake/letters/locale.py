"""The language of a letter: the catalogue's names in it, and the short texts of letters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from intake.catalogue.catalogue import Catalogue
from intake.catalogue.labels import FORM_BILLABLE, FORM_DIVIDER, FORM_INCLUDED, FORM_INTRO
from intake.catalogue.translation import in_language
from intake.letters.letter import LetterContext
from intake.mail.encoder import LetterError

_FORM = {
    "intro": FORM_INTRO, "billable": FORM_BILLABLE, "included": FORM_INCLUDED,
    "divider": (FORM_DIVIDER,),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Locale:
    """What the functions that write lines of letters need to write them in one language."""

    code: str  # ISO 639
    catalogue: Catalogue  # with the names that the language shows
    words: Mapping[str, str]  # short texts by name, with places such as {label}
    values: Mapping[str, str] = field(default_factory=dict)  # listed value -> as it is shown

    def say(self, name: str, /, **places: object) -> str:
        """Return a short text with its places filled. Raises LetterError when there is none."""
        try:
            return self.words[name].format(**places)
        except (KeyError, IndexError, ValueError, AttributeError) as error:
            raise LetterError(f"{self.code}/words.txt: {name}: {error!r}") from error

    def value(self, text: str) -> str:
        """Return a listed value as the language names it; any other text unchanged."""
        return self.values.get(text, text)

    def status(self, status: str) -> str:
        """Return the status of an incident, in lower case, as the language names it."""
        return self.words.get(f"status.{status.replace(' ', '-')}", status)

    def form(self, part: str) -> tuple[str, ...]:
        """Return the fixed lines of the blank form: intro, billable, included, divider."""
        found = self.catalogue.translations.get(self.code)
        return (found.form.get(part) if found else None) or _FORM[part]


def locale(context: LetterContext, language: str = "") -> Locale:
    """Return the locale of a letter; the service's own language when letters have no such one."""
    code = language if language in context.languages else context.language
    found = context.catalogue.translations.get(code)
    return Locale(
        code,
        in_language(context.catalogue, code),
        context.templates.words(code),
        found.value_labels if found else {},
    )
