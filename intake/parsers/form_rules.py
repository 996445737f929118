"""The catalogue's rules as a table: rule id -> the function that applies it to a form.

A rule that the catalogue does not contain is not applied. Its numbers and fields come from there.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from intake.catalogue.catalogue import Catalogue, Rule
from intake.catalogue.labels import fold
from intake.parsers.dates import Calendar
from intake.parsers.submission import Circumstances, FieldValue, Problem

MAX_SEARCHED = 2000  # characters of an answer


@dataclass(slots=True)
class Form:
    """A submission that is being built."""

    type: str
    catalogue: Catalogue
    circumstances: Circumstances
    zone: str
    calendar: Calendar
    sealed: bool = False  # the mail is encrypted and cannot be read
    priority: str = ""
    account: str = ""
    values: dict[str, FieldValue] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    needed: set[str] = field(default_factory=set)  # fields that a rule requires
    spared: set[str] = field(default_factory=set)  # fields that a rule makes optional
    notices: list[str] = field(default_factory=list)
    forms: int = 1  # filled forms in the mail
    likely: dict[str, FieldValue] = field(default_factory=dict)  # read, but not surely

    @property
    def today(self) -> date:
        """Return the current day in the account's time zone."""
        return self.circumstances.now.astimezone(ZoneInfo(self.zone)).date()

    def day(self, name: str) -> date | None:
        """Return the date in a field, if it holds one."""
        one = self.values.get(name)
        try:
            return date.fromisoformat(str(one.value)) if one and one.value else None
        except ValueError:
            return None

    def required(self, name: str) -> bool:
        """Return whether the type requires the field; an operator's override has priority."""
        if name in self.spared:
            return False
        case = self.catalogue.types.get(self.type)
        override = self.circumstances.required.get(self.type, {}).get(name)
        return override if override is not None else bool(case and name in case.required)


def apply(form: Form) -> None:
    """Apply every rule of the catalogue that concerns the form's type, in the catalogue's order."""
    for rule in form.catalogue.rules:
        applier = APPLIERS.get(rule.id)
        if applier and (not rule.applies_to or form.type in rule.applies_to):
            applier(form, rule)


def _critical_only_outage(form: Form, rule: Rule) -> None:
    """Seed L126: cap a priority that is reserved for other types, and report it."""
    choice = next((c for c in form.catalogue.priorities.values if c.value == form.priority), None)
    if choice is None or not choice.only_types or form.type in choice.only_types:
        return
    cap = str(rule.settings.get("cap_to", form.catalogue.default_priority))
    form.problems.append(Problem("priority", "capped", form.priority, cap))
    form.priority = cap


def _restore_retention(form: Form, rule: Rule) -> None:
    """Seed L102: nightly backups are kept for a number of days, and the date is approximate."""
    lost = form.day("approximate_date_of_loss")
    days = int(rule.settings.get("days", 30)) + int(rule.settings.get("grace_days", 0))
    if lost is not None and form.today - lost > timedelta(days=days):
        found = form.values["approximate_date_of_loss"].words
        form.problems.append(
            Problem(
                "approximate_date_of_loss", "too-old", found, blocking=rule.on_violation == "ask"
            )
        )


def _lost_or_deleted(form: Form, rule: Rule) -> None:
    """Seed L102: data must be missing or deleted; a contact who denies that is asked."""
    form.notices.append(rule.id)
    denials = [str(one) for one in rule.settings.get("denials", ())]
    for name in rule.fields:
        words = form.values[name].words if name in form.values else ""
        told = next((one for one in denials if re.search(one, words[:MAX_SEARCHED], re.I)), "")
        if told:
            form.problems.append(Problem(name, "not-lost", words, blocking=True, rule=rule.id))


def _concerns(form: Form, rule: Rule) -> bool:
    """Return whether the field in the rule's condition has the value that the rule is about."""
    when = rule.settings.get("when", {})
    one = form.values.get(str(when.get("field", "")))
    if one is None:
        return False
    given = one.value if isinstance(one.value, list) else [one.value]
    return when.get("contains", when.get("equals")) in given


def _spares(form: Form, rule: Rule) -> None:
    """Do not ask for some fields in that case, nor for what another field already says."""
    if not _concerns(form, rule):
        return
    form.spared |= set(rule.fields)
    for name, instead in rule.settings.get("names", {}).items():
        if name in form.values:
            form.spared |= {str(one) for one in instead}


def _needs(form: Form, rule: Rule) -> None:
    """Require a field when another one has a certain value."""
    needed = str(rule.settings.get("needs", ""))
    if not needed or not _concerns(form, rule):
        return
    contact = form.circumstances.contact
    if needed == "schema_bootcamp" and contact is not None and contact.schema_bootcamp:
        form.values.setdefault(needed, FieldValue("on record", "on record", "contact record"))
        return
    form.needed.add(needed)
    given_words = form.values[needed].words if needed in form.values else ""
    if _says_no(given_words, form.catalogue):
        form.problems.append(Problem(needed, "said-no", given_words, blocking=True, rule=rule.id))


def _says_no(words: str, catalogue: Catalogue) -> bool:
    """Return whether the answer is a no or a "not yet", whatever follows it."""
    flat = fold(words, catalogue.normalise.confusables)
    first = next(iter(flat.split()), "").strip(",;")
    told = {fold(one, catalogue.normalise.confusables) for one in catalogue.normalise.no_words}
    return flat in told or first in {*told, "not", "never", "none"}


def _replaces(form: Form, rule: Rule) -> None:
    """Seed L159: the contact to be removed must not be the one to be added."""
    _needs(form, rule)
    needed = str(rule.settings.get("needs", ""))
    old, first = form.values.get(needed), form.values.get("contact_first_name")
    last = form.values.get("contact_last_name")
    if old is None or first is None or last is None or needed not in form.needed:
        return
    letters = form.catalogue.normalise.confusables
    if fold(str(old.value), letters) == fold(f"{first.value} {last.value}", letters):
        form.problems.append(Problem(needed, "same-person", old.words, blocking=True))


def _one_case(form: Form, rule: Rule) -> None:
    """Never merge two filled forms: the first is read, and the letter says so."""
    if form.forms > 1:
        form.problems.append(Problem("case_type", "two-forms", ""))


def _module_not_listed(form: Form, rule: Rule) -> None:
    """Seed L130: set a special value for an absent module where the module is not required."""
    case = form.catalogue.types.get(form.type)
    value = form.catalogue.modules.not_listed
    shown = case is not None and "module" in case.fields and "module" not in form.values
    if value and shown and not form.required("module"):
        form.values["module"] = FieldValue(value, value, "default")


def _not_in_past(form: Form, rule: Rule) -> None:
    _compare(form, rule, "past", lambda day: day < form.today)


def _not_in_future(form: Form, rule: Rule) -> None:
    _compare(form, rule, "future", lambda day: day > form.today)


def _compare(form: Form, rule: Rule, code: str, wrong: Callable[[date], bool]) -> None:
    for name in rule.fields:
        day = form.day(name)
        if day is not None and wrong(day):
            asked = rule.on_violation == "ask" or form.required(name)
            found = form.values[name].words
            form.problems.append(Problem(name, code, found, blocking=asked))


APPLIERS: dict[str, Callable[[Form, Rule], None]] = {
    "critical_only_outage": _critical_only_outage,
    "restore_retention": _restore_retention,
    "restore_missing_or_deleted": _lost_or_deleted,
    "sql_needs_bootcamp": _needs,
    "replace_names_removed": _replaces,
    "remove_names_only": _spares,
    "module_not_listed": _module_not_listed,
    "date_not_in_past": _not_in_past,
    "date_not_in_future": _not_in_future,
    "one_case_per_mail": _one_case,
}
