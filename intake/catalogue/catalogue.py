"""Case types, fields, choices and rules as frozen values, built from catalogue.toml.

The file is data: another organisation replaces it and leaves the code unchanged.
``intake.catalogue.loader`` reads it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from intake.catalogue.word_weights import NO_WORDS, WordWeights

KINDS = (
    "text",
    "multiline",
    "choice",
    "multichoice",
    "date",
    "email",
    "phone",
    "confirm",
    "account_ref",
    "contact_ref",
)
SUBJECTS = (
    "form",
    "cases",
    "close",
    "open",
    "closed",
    "unsubscribe",
    "thanks",
    "thanks_for",
    "may_close",
    "thanks_words",
    "over_words",
    "ending_words",
    "other_matter",
    "several_matters",
)


class CatalogueError(Exception):
    """The catalogue is not usable; ``mistakes`` lists each mistake: where, found, wanted."""

    def __init__(self, mistakes: tuple[str, ...]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


@dataclass(frozen=True, slots=True)
class Choice:
    """One value of a choice list, with the other words that people use for it."""

    value: str
    aliases: tuple[str, ...] = ()
    means: str = ""
    only_types: tuple[str, ...] = ()  # empty: allowed on every type


@dataclass(frozen=True, slots=True)
class Choices:
    """The values that a field may have on one type.

    An open list accepts other texts, too, and flags them.
    """

    values: tuple[Choice, ...] = ()
    open: bool = False
    multi: bool = False
    not_listed: str = ""  # the value that stands for "none of these"


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the case forms (seed L119–L162, or an addition with its basis)."""

    name: str
    label: str
    kind: str  # one of KINDS
    types: tuple[str, ...]  # names of the case types it shows on
    aliases: tuple[str, ...] = ()
    aliases_by_type: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    weak_aliases: tuple[str, ...] = ()  # count only if the value validates
    phrases: tuple[str, ...] = ()  # regular expressions, for "confirm" fields
    help: str = ""
    choices: Mapping[str, Choices] = field(
        default_factory=dict
    )  # type name ("*" = every type) -> list
    list_split: tuple[str, ...] = ()  # fields that receive the values of a list, one each
    split_from: tuple[
        str, ...
    ] = ()  # labels whose value is a full name; this field is a part of it
    keep_text: bool = False  # text that is no date is an answer, too
    none_is_answer: bool = False
    max_length: int = 0  # characters; 0: no limit of its own
    personal_data: bool = False  # kept out of letters, notices and logs
    basis: str = ""  # where the fact comes from: "seed L131", or an inference

    def choices_on(self, type_name: str) -> Choices:
        """Return the list that applies on that case type; empty when the field has none."""
        return self.choices.get(type_name) or self.choices.get("*") or Choices()

    def aliases_on(self, type_name: str) -> tuple[str, ...]:
        """Return every strong label of the field on that type, the field's own label first."""
        return (self.label, *self.aliases_by_type.get(type_name, ()), *self.aliases)


@dataclass(frozen=True, slots=True)
class CaseType:
    """One of the case types (seed L94–L111)."""

    name: str
    label: str
    aliases: tuple[str, ...]
    description: str
    examples: tuple[str, ...]
    department: str  # key of Catalogue.departments
    billable: bool  # "may be billable"
    fields: tuple[str, ...]  # field names in the order of the blank form
    required: tuple[str, ...]
    recommended: tuple[str, ...] = ()
    conditional: tuple[str, ...] = ()  # required when a rule says so
    opens_at_once: bool = (
        False  # the case is opened at once; missing fields are asked for afterwards
    )
    default_priority: str = ""  # empty: the catalogue's
    summary: tuple[str, ...] = ()  # parts of the sentence that says what was read: "about {module}"
    basis: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of the catalogue. ``id`` selects the code that applies it; the rest is its data."""

    id: str
    on_violation: str  # cap, ask, ask_if_required, refuse, notice, or "" for a plain default
    text: str
    applies_to: tuple[str, ...] = ()  # type names; empty: all
    fields: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(
        default_factory=dict
    )  # days, grace_days, cap_to, when, needs …
    basis: str = ""


@dataclass(frozen=True, slots=True)
class Normalise:
    """How labels and blank values are compared."""

    confusables: Mapping[str, str] = field(default_factory=dict)
    dashes: str = "-"
    separators: tuple[str, ...] = (":",)
    blank_values: tuple[str, ...] = ("",)
    yes_words: tuple[str, ...] = ("yes",)
    no_words: tuple[str, ...] = ("no",)
    subject_marks: tuple[str, ...] = ()  # texts that gateways put before subjects
    banner_starts: tuple[str, ...] = ()  # beginnings of lines that gateways add at the top of mails
    banners: tuple[str, ...] = ()  # texts inside such lines
    signature_fields: tuple[str, ...] = ()  # whose labels signatures have, too


@dataclass(frozen=True, slots=True)
class ContactType:
    """What a kind of contact may do (seed L157)."""

    name: str
    may_submit: bool
    aliases: tuple[str, ...] = ()
    must_be_reached: bool = False  # by notices of the mandatory classes
    bounce_is_a_task: bool = False  # an operator settles it when mail to such a contact comes back


@dataclass(frozen=True, slots=True)
class Cue:
    """Words by which ordinary prose shows its type; ``*`` stands for further letters."""

    type: str
    weight: int
    words: tuple[str, ...]
    asks: bool = False  # the type is asked all the same


READS = (
    "choice", "day", "error", "steps", "people", "clause", "path", "address", "phone",
    "first-name", "last-name", "name",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Role:
    """How ordinary prose shows the value of a field: the way to read it, and its words."""

    field: str
    reads: str  # one of READS
    sure: tuple[str, ...] = ()
    likely: tuple[str, ...] = ()
    never: tuple[str, ...] = ()  # words that say that something else is meant
    none: tuple[str, ...] = ()  # words that say that there is no such thing
    values: tuple[tuple[str, tuple[str, ...]], ...] = ()  # value -> its words
    values_by_type: tuple[tuple[str, tuple[tuple[str, tuple[str, ...]], ...]], ...] = ()
    weaker_by_type: tuple[tuple[str, tuple[tuple[str, tuple[str, ...]], ...]], ...] = ()
    """Words of which two together show a value, where none of the others stands."""

    def values_on(self, type_name: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Return the words of each value that a case of the type may have."""
        return (*self.values, *dict(self.values_by_type).get(type_name, ()))

    def weaker_on(self, type_name: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Return the weaker words of each value that a case of the type may have."""
        return dict(self.weaker_by_type).get(type_name, ())


@dataclass(frozen=True, slots=True)
class Translation:
    """What letters in one language show instead of the catalogue's own names."""

    labels: Mapping[str, str] = field(default_factory=dict)  # by field
    helps: Mapping[str, str] = field(default_factory=dict)  # by field
    type_labels: Mapping[str, str] = field(default_factory=dict)
    descriptions: Mapping[str, str] = field(default_factory=dict)  # by type
    summaries: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # by type
    value_labels: Mapping[str, str] = field(default_factory=dict)
    rules: Mapping[str, str] = field(default_factory=dict)  # by id
    departments: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # lines of the blank form


@dataclass(frozen=True, slots=True, eq=False)
class Catalogue:
    """Everything that is specific to this service's case forms. It is equal only to itself."""

    name: str
    types: Mapping[str, CaseType]  # in the order of the file
    fields: Mapping[str, Field]
    priorities: Choices  # highest first
    contact_types: Mapping[str, ContactType]
    areas: Choices
    modules: Choices
    departments: Mapping[str, str]  # key -> label
    rules: tuple[Rule, ...]
    normalise: Normalise
    default_priority: str
    date_order: str  # "MDY" or "DMY"
    timezone: str  # IANA name
    subjects: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # SUBJECTS -> words
    phone_region: str = ""  # ISO 3166 code of the country of numbers without a country code
    cues: tuple[Cue, ...] = ()
    roles: tuple[Role, ...] = ()
    languages: tuple[str, ...] = ("en",)  # ISO 639 codes that dates are read in
    translations: Mapping[str, Translation] = field(default_factory=dict)  # by ISO 639 code
    learned: WordWeights = NO_WORDS  # words that speak for a type, learned from earlier mails

    def rule(self, rule_id: str) -> Rule | None:
        """Return the rule with that id, or None when this catalogue does not have it."""
        return next((rule for rule in self.rules if rule.id == rule_id), None)
