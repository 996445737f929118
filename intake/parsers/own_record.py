"""Complete a change of the writer's own data from their record: "my phone number has changed"."""

from __future__ import annotations

from collections.abc import Iterable

from intake.model.accounts import Contact, Membership
from intake.parsers.form_rules import Form
from intake.parsers.prose.reading import lower, pattern
from intake.parsers.submission import FieldValue

RULE, SOURCE = "own_record", "contact record"
NAMES = ("first name", "last name")  # parts of a record that tell who is meant


def fill(form: Form, texts: Iterable[str]) -> None:
    """Put in what the record has, where the mail changes the writer's data and names nobody else.

    The catalogue's rule ``own_record`` says for which change, by which words of the mail, and which
    field gets which part of the record.
    """
    rule, contact = form.catalogue.rule(RULE), form.circumstances.contact
    if rule is None or contact is None or form.type not in rule.applies_to:
        return
    record = {str(name): str(part) for name, part in rule.settings.get("record", {}).items()}
    known = {**form.likely, **form.values}
    stored = form.circumstances.case.fields if form.circumstances.case else {}
    ours = {name for name, one in stored.items() if one.source == SOURCE}
    if any(name in known and name not in ours for name, part in record.items() if part in NAMES):
        return
    when = rule.settings.get("when", {})
    change = known.get(str(when.get("field", "")))
    own = pattern(tuple(str(one) for one in rule.settings.get("words", ())))
    if change is None or change.value != when.get("equals") or own is None:
        return
    if not any(own.search(lower(text)) for text in texts):
        return
    told = _record(contact, form.account)
    form.spared |= set(record)  # what the record does not have stays as it is
    for name, part in record.items():
        value = told.get(part)
        if name not in known and value:
            words = ", ".join(value) if isinstance(value, list) else value
            form.values[name] = FieldValue(value, words, SOURCE)


def _record(contact: Contact, account: str) -> dict[str, str | list[str]]:
    """Return the parts of the record; type and areas are those at the account of the case."""
    first, _, last = contact.name.strip().partition(" ")
    here = [one for one in contact.memberships if account in ("", one.account_id)]
    role: Membership | None = here[0] if len(here) == 1 else None
    return {
        "first name": first,
        "last name": last.strip(),
        "address": contact.emails[0] if contact.emails else "",
        "type": role.contact_type if role else "",
        "areas": list(role.areas) if role else [],
    }
