"""What is written into our own forms reads back unchanged, whatever a mail program does to it.

INTAKE_CAMPAIGN multiplies the number of examples: 1 is what every run makes, 10 are 20,000.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from intake.catalogue.catalogue import Field
from intake.catalogue.labels import visible
from intake.letters import compose, text, wording
from intake.letters.letter import LetterContext, Templates
from intake.letters.locale import Locale, locale
from intake.letters.questions import questions
from intake.mail.limits import Limits
from intake.mail.message import Arrival, Message
from intake.mail.message import read as read_mail
from intake.model.cases import CaseBrief, PendingForm
from intake.parsers.interpret import interpret
from intake.parsers.scanner import scan
from intake.parsers.submission import Circumstances, Submission
from tests.support import clients
from tests.support.clients import Line
from tests.support.forms import AT, CATALOGUE, NOW

EXAMPLES = 100 * int(os.environ.get("INTAKE_CAMPAIGN", "1"))
ROOM = Path(compose.__file__).parents[1] / "templates"
TEMPLATES = Templates({str(p.relative_to(ROOM)): p.read_text() for p in ROOM.rglob("*.txt")})
LANGUAGES = ("en", "es", "fr", "de", "pt")
HOUSE = LetterContext(
    "Support desk", "support@desk.example", (b"x",), CATALOGUE, TEMPLATES, languages=LANGUAGES
)
LOCALES = {code: locale(HOUSE, code) for code in LANGUAGES}
FORMS = {
    (code, name): compose.blank_form(HOUSE, name, code)
    for code in LANGUAGES
    for name in CATALOGUE.types
}
languages = st.sampled_from(LANGUAGES)
WORDS = (
    *("the", '"Post"', "button", "is", "grey", "and", "it's", "for", "all", "teachers", "since"),
    *("they", "can't", "open", "a", "list", "with", "30", "rows;", "nobody", "else", "(not"),
    *("even", "office", "staff)", "sees", "an", "error/warning,", "only", "us", "of", "grade", "9"),
)
SKIPPED = ("account", "contact", "case_type")
LONG = ("multiline", "text")


@st.composite
def value(draw: st.DrawFn, field: Field, type_name: str) -> str:
    """Something a person may write under the label of that field."""
    listed = [one.value for one in field.choices_on(type_name).values if not one.only_types]
    if field.kind == "date":
        ahead = field.name.startswith(("preferred", "desired"))
        days = draw(st.integers(1, 25))
        day = NOW.date() + timedelta(days=days if ahead else -days)
        return draw(st.sampled_from([f"{day:%m/%d/%Y}", day.isoformat(), _long(day)]))
    if field.kind == "multichoice" or field.choices_on(type_name).multi:
        some = draw(st.lists(st.sampled_from(listed), min_size=1, unique=True))
        return ", ".join(some)
    if field.kind == "choice" and listed:
        return draw(st.sampled_from(listed))
    if field.kind == "email":
        return f"{draw(st.sampled_from(['j.spano', 'jessie+it', 'x_1']))}@bayside.example"
    if field.kind == "phone":
        return draw(st.sampled_from(["(555) 010-2030", "+1 555 010 2030 ext. 12"]))
    if field.kind == "confirm":
        return "Yes, I give you permission to restore this data."
    lines = draw(st.integers(1, 3)) if field.kind == "multiline" else 1
    return "\n".join(_sentence(draw) for _ in range(lines))


def _sentence(draw: st.DrawFn) -> str:
    words = draw(st.lists(st.sampled_from(WORDS), min_size=2, max_size=14))
    return " ".join(["Then", *words])


def _long(day: date) -> str:
    return f"{day:%B} {day.day}, {day.year}"


@st.composite
def filled(draw: st.DrawFn) -> tuple[str, dict[str, str]]:
    """A case type, and values for the required and some of the other fields."""
    case = CATALOGUE.types[draw(st.sampled_from(sorted(CATALOGUE.types)))]
    names = [name for name in case.fields if name not in SKIPPED]
    some = [name for name in names if name in case.required or draw(st.booleans())]
    return case.name, {name: draw(value(CATALOGUE.fields[name], case.name)) for name in some}


def written(text: str, values: dict[str, str], said: Locale) -> list[Line]:
    """Our text with the values behind their labels, listed values as the letter names them."""
    labels = {
        f"{said.catalogue.fields[name].label}:": ", ".join(map(said.value, words.split(", ")))
        for name, words in values.items()
    }
    lines = []
    for line in text.splitlines():
        head = next((one for one in labels if line == one or line.startswith(f"{one} ")), "")
        lines.append(Line(head, labels.pop(head)) if head else Line(line))
    assert not labels
    return lines


def read(raw: bytes, at: Circumstances) -> Submission:
    """The mail through the whole reading."""
    arrival = Arrival("support", 1, 1, NOW, hashlib.sha256(raw).hexdigest(), len(raw), raw)
    mail = read_mail(arrival, Limits())
    assert isinstance(mail, Message)
    return interpret(scan(mail, CATALOGUE), mail, CATALOGUE, at)


def plainly(words: Any) -> str:
    """The words without what a mail program may change: line breaks, spaces, kinds of quotes."""
    return " ".join(visible(str(words)).split())


def compare(got: Submission, values: dict[str, str], type_name: str) -> None:
    """Every value is there as it was written."""
    own = {"subject": got.subject, "description": got.description, "priority": got.priority}
    for name, words in values.items():
        field = CATALOGUE.fields[name]
        found = own.get(name) or got.fields[name]
        if isinstance(found, str):
            assert plainly(found) == plainly(words)
        elif field.kind == "date":
            assert found.value == _iso(words)
        elif field.kind == "confirm":
            assert found.value is True
        elif isinstance(found.value, list):
            assert ", ".join(found.value) == words
        else:
            assert plainly(found.value) == plainly(words)
    assert got.missing == ()
    assert [one for one in got.problems if one.field != "schema_bootcamp"] == []
    assert got.type == type_name


def _iso(words: str) -> str:
    days = (NOW.date() + timedelta(days=one) for one in range(-25, 26))
    return next(
        day.isoformat() for day in days if words in (f"{day:%m/%d/%Y}", day.isoformat(), _long(day))
    )


QUICK = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def complete(type_name: str, values: dict[str, str]) -> dict[str, str]:
    """The values with those that the catalogue's rules demand on top of them."""
    if values.get("request_type") == "Replace":
        return {"contact_replacement_name": "Richard Belding", **values}
    if type_name == "server_access":
        return {"schema_bootcamp": "Zack in May", **values}
    return values


@pytest.mark.long
@pytest.mark.parametrize("change", clients.CHANGES, ids=lambda one: one.__name__)
@given(form=filled(), language=languages)
@QUICK
def test_our_blank_form_reads_back(
    change: Callable[[list[Line]], bytes], form: tuple[str, dict[str, str]], language: str
) -> None:
    """As an answer to the letter it came in, and as a mail of its own where nothing is quoted."""
    type_name, values = form[0], complete(*form)
    blank = FORMS[language, type_name]
    raw = change(written(blank, values, LOCALES[language]))
    sent = PendingForm("", "zack", (), "<form@desk.example>", blank, 0)
    compare(read(raw, replace(AT, pending=sent)), values, type_name)
    if change not in (clients.quoted, clients.top_posted):
        compare(read(raw, AT), values, type_name)


@pytest.mark.long
@pytest.mark.parametrize("change", clients.CHANGES, ids=lambda one: one.__name__)
@given(form=filled(), language=languages)
@QUICK
def test_our_request_reads_back(
    change: Callable[[list[Line]], bytes], form: tuple[str, dict[str, str]], language: str
) -> None:
    """Everything that was asked for is answered, and what we had stays as it was."""
    type_name, values = form[0], complete(*form)
    subject = values.pop("subject")
    priority = values.pop("priority", "Medium")
    said = LOCALES[language]
    text = request(type_name, subject, priority, tuple(values), said)
    case = CaseBrief(
        "CASE-1001", "bayside", "zack", "", type_name, priority, "support", "draft", subject
    )
    pending = PendingForm("CASE-1001", "zack", tuple(values), "<q@desk.example>", text, 1)
    got = read(change(written(text, values, said)), replace(AT, case=case, pending=pending))
    compare(got, values, type_name)
    assert got.changed == tuple(
        name for name in ("description", *CATALOGUE.types[type_name].fields) if name in values
    ) or set(got.changed) == set(values)
    assert (got.priority, got.subject) == (priority, "")


def request(
    type_name: str, subject: str, priority: str, asked: tuple[str, ...], said: Locale
) -> str:
    """The body of a request for those fields, as the template writes it."""
    case = CATALOGUE.types[type_name]
    empty = Submission(
        type_name, subject, "", priority, "", False, "bayside", "zack", "", {}, asked, (), (), ()
    )
    shown = {
        "service": "Support desk",
        "name": "Zack Morris",
        "number": "CASE-1001",
        "tag": "[CASE-1001-2OIHOBP7]",
        "opened": False,
        "matters": 1,
        "repeated": False,
        "understood": "",
        "guessed": False,
        "asks_back": False,
        "other_matter": "",
        "department": case.department,
        "read": wording.read_lines(empty, said, AT.accounts),
        "changes": [],
        "incident": ["    INC-1: Grade Book posting delayed (identified)"],
        "maintenance": False,
        "billable": case.billable,
        "attachments": [],
        "questions": questions(empty, said, asked),
        "optional": [],
    }
    return text.tidy(TEMPLATES.fill("missing_fields/body.txt", shown, said.code))
