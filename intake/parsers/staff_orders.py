"""Give the commands of a staff mail their meaning: values of the case's type, fields, states.

Nothing is done if one of them is not understood: each slip is one sentence for the writer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from intake.catalogue.catalogue import Catalogue, Field
from intake.catalogue.labels import fold
from intake.mail.addresses import Address, read_address
from intake.mail.tokens import plain_numbers
from intake.model.cases import CaseBrief
from intake.model.states import CaseStatus
from intake.parsers.case_type import type_of
from intake.parsers.dates import Calendar
from intake.parsers.label_index import table
from intake.parsers.staff_mail import StaffMail
from intake.parsers.submission import FieldValue, StaffOrders
from intake.parsers.values import take

STATUS: Mapping[str, CaseStatus] = {
    "close": CaseStatus.CLOSED, "resolve": CaseStatus.RESOLVED, "wait": CaseStatus.WAITING,
    "open": CaseStatus.OPEN,
}  # fmt: skip
SOURCE = "staff"
NOBODY = ("none", "nobody", "no", "-")
ASKED_OF_ALL = ("account", "contact", "priority", "subject", "description")


def resolve(
    mail: StaffMail,
    case: CaseBrief | None,
    catalogue: Catalogue,
    calendar: Calendar,
    departments: Mapping[str, str],
    case_prefix: str,
) -> StaffOrders:
    """Return the orders of a mail about the case. ``departments``: key -> name. Pure."""
    if mail.slips:
        return StaffOrders(text=mail.text, slips=mail.slips, doubt=mail.doubt)
    found = StaffOrders(text=mail.text, doubt=mail.doubt)
    slips: list[str] = []
    setup = _Setup(case, catalogue, calendar, departments, case_prefix)
    for command in mail.commands:
        name = "state" if command.name in STATUS else command.name
        words = command.name if name == "state" else command.words
        made = _READ[name](words, setup)
        if isinstance(made, str):
            slips.append(made)
        else:
            found = replace(found, **made)
    return replace(found, slips=tuple(slips))


@dataclass(frozen=True, slots=True)
class _Setup:
    case: CaseBrief | None
    catalogue: Catalogue
    calendar: Calendar
    departments: Mapping[str, str]
    case_prefix: str

    @property
    def type(self) -> str:
        """Return the type of the case."""
        return self.case.type if self.case else ""


Made = dict[str, Any] | str  # values of StaffOrders, or the sentence that says what is wrong


def _state(words: str, setup: _Setup) -> Made:
    return {"status": STATUS[words]}


def _ask(words: str, setup: _Setup) -> Made:
    """Return the fields if each part names one, else the words as a question of their own."""
    parts = [one.strip(" ?.") for one in words.replace(";", ",").split(",") if one.strip()]
    names = [_field(one, setup) for one in parts]
    if names and all(names):
        return {"asks": tuple(dict.fromkeys(one.name for one in names if one))}
    if "?" in words or len(words.split()) > 2:
        return {"question": words}
    wrong = next(part for part, name in zip(parts, names, strict=True) if name is None)
    return (
        f"#ask: {wrong!r} is no field of this case, and no question either. Its fields are "
        f"{', '.join(_labels(setup))}."
    )


def _labels(setup: _Setup) -> list[str]:
    kind = setup.catalogue.types.get(setup.type)
    names = kind.fields if kind else tuple(setup.catalogue.fields)
    fields = (setup.catalogue.fields[one] for one in names if one not in ("account", "contact"))
    return [one.label for one in fields]


def _field(words: str, setup: _Setup) -> Field | None:
    """Return the field of the case's type that a label means; weak labels count, too."""
    labels = table(setup.catalogue, setup.type)
    found = labels.find(words) or (labels.near(words) if len(words) > 3 else None)
    name = found.field if found else ""
    if not name:
        flat = fold(words, setup.catalogue.normalise.confusables)
        kind = setup.catalogue.types.get(setup.type)
        near = [
            one
            for one in (kind.fields if kind else ())
            if flat and flat in fold(setup.catalogue.fields[one].label, {}).split()
        ]
        name = near[0] if len(near) == 1 else ""
    return setup.catalogue.fields.get(name)


def _department(words: str, setup: _Setup) -> Made:
    flat = words.casefold().strip()
    for key, name in setup.departments.items():
        if flat in (key.casefold(), name.casefold(), key.casefold().replace("_", " ")):
            return {"department": key}
    named = [key for key, name in setup.departments.items() if flat in name.casefold().split()]
    if len(named) == 1:
        return {"department": named[0]}
    return f"#department: there is no {words!r}. There are {', '.join(setup.departments)}."


def _priority(words: str, setup: _Setup) -> Made:
    taken = take(words, setup.catalogue.fields["priority"], setup.type, setup.catalogue,
                 setup.calendar)  # fmt: skip
    known = [one.value for one in setup.catalogue.priorities.values]
    if taken.value not in known:
        return f"#priority: found {words!r}, wanted one of {', '.join(known)}."
    return {"priority": str(taken.value)}


def _type(words: str, setup: _Setup) -> Made:
    found = type_of(words, setup.catalogue, near=True)
    if not found:
        known = ", ".join(one.label for one in setup.catalogue.types.values())
        return f"#type: found {words!r}, wanted one of {known}."
    return {"type": found}


def _set(words: str, setup: _Setup) -> Made:
    label, colon, value = words.partition(":")
    one = _field(label.strip(), setup) if colon else None
    if one is None or not value.strip():
        return f"#set: found {words!r}, wanted a field, a colon and a value: {_example(setup)}."
    if one.name in ("account", "contact"):
        return f"#set: {one.label} is changed by the operator of the service."
    taken = take(value.strip(), one, setup.type, setup.catalogue, setup.calendar)
    if taken.code and taken.value is None:
        listed = f", wanted one of {', '.join(taken.choices)}" if taken.choices else ""
        return f"#set: {one.label}: {value.strip()!r} is no value for it{listed}."
    return {"fields": {one.name: FieldValue(taken.value, value.strip(), SOURCE)}}


def _example(setup: _Setup) -> str:
    labels = _labels(setup)
    return f"{labels[-1]}: …" if labels else "Module: …"


def _merge(words: str, setup: _Setup) -> Made:
    found = plain_numbers(f"{setup.case_prefix}{words}" if words.isdigit() else words,
                          setup.case_prefix)  # fmt: skip
    if len(found) != 1:
        return f"#merge: found {words!r}, wanted the number of one case."
    if setup.case and found[0] == setup.case.number:
        return f"#merge: this is {found[0]} itself; name the case in which it goes on."
    return {"merge": found[0]}


def _incident(words: str, setup: _Setup) -> Made:
    return {"incident": "" if words.casefold() in NOBODY else words.upper().strip()}


def _people(name: str) -> Callable[[str, _Setup], Made]:
    def read(words: str, setup: _Setup) -> Made:
        keys = []
        for part in words.replace(";", ",").replace(" ", ",").split(","):
            if not part.strip():
                continue
            address = read_address(part.strip("<> "))
            if not isinstance(address, Address):
                return f"#{name}: {part.strip()!r} is no address."
            keys.append(address.key)
        return {name: tuple(keys)}

    return read


_READ: Mapping[str, Callable[[str, _Setup], Made]] = {
    "note": lambda words, setup: {"is_note": True},
    "state": _state,
    "ask": _ask,
    "assign": lambda words, setup: {"assign": words},
    "department": _department,
    "priority": _priority,
    "type": _type,
    "set": _set,
    "merge": _merge,
    "split": lambda words, setup: {"split": words},
    "for": lambda words, setup: {},
    "incident": _incident,
    "cc": _people("cc"),
    "uncc": _people("uncc"),
    "send": lambda words, setup: {"sends": True},
    "help": lambda words, setup: {"helps": True},
}
