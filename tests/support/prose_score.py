"""Score what is read from the prose mails against the answers beside them."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from intake.mail.message import Message
from intake.parsers.dates import Calendar
from intake.parsers.prose.values import values_in_prose
from intake.parsers.scanner import scan
from tests.support.forms import CATALOGUE
from tests.support.rawmail import message

FOLDER = Path(__file__).resolve().parents[1] / "parsers" / "prose"
WRITTEN = datetime(2026, 3, 4, 10, 30, tzinfo=ZoneInfo("America/Chicago"))
CALENDAR = Calendar(WRITTEN, "America/Chicago", "MDY", CATALOGUE.languages)
READ_ELSEWHERE = ("account", "contact", "written_permission")
NEAR = 0.6  # the share of common words from which a span is the wanted one
INSIDE = 0.3  # the least part of the wanted words that a span inside them must be
_ISO = re.compile(r"\d{4}-\d\d-\d\d\Z")
_NOTHING = re.compile(
    r"\b(no|ning[uú]n\w*|pas|aucun\w*|rien|kein\w*|nicht|nichts|n[aã]o|nenhum\w*|ningu[eé]m|nothing"
    r"|did not|don.t|doesn.t|never|sin|sem|weder)\b",
    re.IGNORECASE,
)
SAME = {  # the value of the list that the author's words mean
    "authorized": ("support contact", "contacto de soporte", "contact de support"),
    "technical": ("technischen ansprechpartner",),
    "online": ("en ligne", "en línea", "em linha"),
    "on site": ("vor ort", "presencial", "sur place"),
}


def mails(*folders: str) -> list[dict[str, Any]]:
    """The mails in ``prose``, or in a folder below it."""
    files = sorted(FOLDER.joinpath(*folders).glob("*.jsonl"))
    return [json.loads(line) for one in files for line in one.read_text("utf-8").splitlines()]


def values_of(text: str, kind: str, subject: str = "Hello") -> dict[str, Any]:
    """The values that are read from a text: field -> value, or the words."""
    found = values_in_prose(subject, text, kind, CATALOGUE, CALENDAR)
    return {name: one.value or one.words for name, one in found.items()}


def as_message(one: dict[str, Any], sender: str = "z@b.example") -> Message:
    """The mail as it arrives."""
    mail = EmailMessage(policy=SMTP)
    mail["From"], mail["To"], mail["Subject"] = sender, "support@desk.example", one["subject"]
    mail.set_content(one["body"], cte="base64")
    return message(mail.as_bytes())


@dataclass
class Score:
    """How many values were wanted, found and wrong; ``by`` is per field and per language."""

    wanted: int = 0
    right: int = 0
    wrong: list[str] = field(default_factory=list)
    by: dict[str, Counter[str]] = field(default_factory=dict)

    @property
    def found(self) -> float:
        """The share of the wanted values that was found."""
        return self.right / self.wanted

    @property
    def false(self) -> float:
        """The share of the values that were read which is wrong."""
        return len(self.wrong) / (self.right + len(self.wrong))


def score(rows: list[dict[str, Any]]) -> Score:
    """Read the mails of one matter, their type given, and compare."""
    total = Score()
    for row in rows:
        if isinstance(row["type"], str):
            _add(total, row)
    return total


def _add(total: Score, row: dict[str, Any]) -> None:
    read = scan(as_message(row), CATALOGUE)
    got = values_in_prose(read.subject, read.leftover, row["type"], CATALOGUE, CALENDAR)
    for name, wanted in _wanted(row):
        total.wanted += 1
        told = got.pop(name, None)
        value = told.value or told.words if told else ""
        good = told is not None and same(value, wanted)
        total.right += good
        if told is not None and not good:
            total.wrong.append(f"{row['id']} {name}: {value!r}, wanted {wanted!r}")
        for key in (name, row["lang"]):
            counts = total.by.setdefault(key, Counter())
            counts["wanted"] += 1
            counts["right"] += good
            counts["wrong"] += told is not None and not good
    for name, more in got.items():
        if name not in row["fields"]:
            total.wrong.append(f"{row['id']} {name}: {more.value or more.words!r}, wanted nothing")


def _wanted(row: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    fields = CATALOGUE.types[row["type"]].fields
    for name, value in row["fields"].items():
        if name not in READ_ELSEWHERE and name in fields:
            yield name, value


def same(got: str, wanted: Any) -> bool:
    """Whether a value is the wanted one; a span may be a little longer or shorter."""
    told = ", ".join(wanted) if isinstance(wanted, list) else str(wanted)
    mine, theirs = _words(got), _words(told)
    if mine == theirs or " ".join(theirs) in SAME.get(" ".join(mine), ()):
        return True
    if mine == ["none"]:
        return bool(_NOTHING.search(told))
    if not mine or not theirs or _ISO.match(got) or _ISO.match(told):
        return False
    one, other = " ".join(mine), " ".join(theirs)
    part = min(len(mine), len(theirs)) / max(len(mine), len(theirs))
    if (one in other or other in one) and part >= INSIDE:
        return True
    common = sum((Counter(mine) & Counter(theirs)).values())
    return 2 * common / (len(mine) + len(theirs)) >= NEAR


def _words(text: str) -> list[str]:
    return re.sub(r"\W+", " ", text.casefold()).split()
