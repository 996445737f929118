"""Notices and summaries in the reader's language: what the service says, not what people say."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from intake.incidents import digest
from intake.incidents.notice import address, build, clock_text
from intake.incidents.times import ENGLISH, day_words, moment, span, time_words
from intake.letters.letter import Reached
from intake.letters.locale import locale
from intake.notifier import REASONS, Notice, reason_parts
from tests.support.notice_letters import parsed, parts, subject, written
from tests.support.notices import (
    INCIDENT,
    KINDS,
    MAINTENANCE,
    NOW,
    STYLE,
    ZACK,
    letter_context,
    planned,
    update,
)

OTHERS = ("es", "fr", "de", "pt")
CHICAGO = ZoneInfo("America/Chicago")
MIDNIGHT = datetime(2026, 3, 2, 4, 30, tzinfo=UTC)  # March 1, 22:30 in Chicago
WRITTEN = {
    "es": "domingo 1 de marzo de 2026, 22:30 CST (2 de marzo, 04:30 UTC)",
    "fr": "dimanche 1er mars 2026, 22:30 CST (2 mars, 04:30 UTC)",
    "de": "Sonntag, 1. März 2026, 22:30 CST (2. März, 04:30 UTC)",
    "pt": "domingo, 1 de março de 2026, 22:30 CST (2 de março, 04:30 UTC)",
}
SPANS = {
    "es": "1 día 2 horas 1 minuto", "fr": "1 jour 2 heures 1 minute",
    "de": "1 Tag 2 Stunden 1 Minute", "pt": "1 dia 2 horas 1 minuto",
}  # fmt: skip
ENGLISH_WORDS = re.compile(
    r"\b(the|you|your|we|this|begins|began|ends|update|what|reply|more|affected|maintenance)\b"
)
FRENCH_TOO = {"maintenance"}
OPERATORS = (INCIDENT.title, INCIDENT.impact, MAINTENANCE.title, MAINTENANCE.impact)


def own_words(text: str, notice: Notice) -> str:
    """What the service itself says in a letter, without the operator's texts and names."""
    flat = " ".join(text.split())
    theirs = [*OPERATORS, notice.update.text, *(one.text for one in notice.earlier)]
    for one in theirs:
        for line in (" ".join(part.split()) for part in one.split("\n\n")):
            flat = flat.replace(line, "")
    flat = re.sub(r"\S+@\S+|https?://\S+|unsubscribe \S+|Campus \w+|Grade Book", "", flat)
    return flat.replace("Food Service", "").replace(notice.incident.short_notice or "\0", "")


def english_in(text: str, language: str) -> set[str]:
    """The English words in a text."""
    found = set(ENGLISH_WORDS.findall(text.lower()))
    return found - FRENCH_TOO if language == "fr" else found


@pytest.mark.parametrize("language", OTHERS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_service_speaks_the_readers_language(kind: str, language: str) -> None:
    """No English is left in any kind of notice, in neither part; the subject is the same."""
    notice = replace(KINDS[kind], language=language)
    letter, english = written(notice), written(KINDS[kind])
    shown = parts(letter)
    told = own_words(letter.text.replace(english.subject, ""), notice)
    assert not english_in(told, language), told
    assert f'<html lang="{language}"' in shown["text/html"]
    assert subject(letter) == subject(english)
    assert parsed(letter)["In-Reply-To"] == parsed(english)["In-Reply-To"]
    assert "{" not in told
    entry = shown.get("text/calendar", "")
    assert english_in(entry.partition("SUMMARY:")[2].partition(":")[0], language) == set()


@pytest.mark.parametrize("language", OTHERS)
def test_dates_and_spans_are_written_as_the_language_writes_them(language: str) -> None:
    """The weekday, the month, 24 hours; the same moment in both zones."""
    words = time_words(locale(letter_context(), language).words)
    assert moment(MIDNIGHT, CHICAGO, words).replace("\u00a0", " ") == WRITTEN[language]
    assert span(timedelta(days=1, hours=2, minutes=1), words) == SPANS[language]
    assert day_words(date(2026, 3, 1), words).replace("\u00a0", " ") in WRITTEN[language]


def test_a_list_of_the_wrong_length_is_english() -> None:
    """A translator who forgets a month does not break the notice."""
    assert time_words({"time.months": "enero, febrero"}) == ENGLISH


@pytest.mark.parametrize("language", OTHERS)
def test_what_the_clock_wrote_is_said_in_the_language(language: str) -> None:
    """The stored text of a reminder is the service's own, so it is not English to this reader."""
    context = letter_context()
    stored = clock_text(context, "reminder", "scheduled")
    notice = Notice(MAINTENANCE, planned("reminder", text=stored), "UTC", language=language)
    text = " ".join(written(notice).text.split())
    assert stored not in text
    assert " ".join(clock_text(context, "reminder", "scheduled", language).split()) in text


def test_a_language_without_letters_gets_the_services_own() -> None:
    """A contact may have a language that is not written here."""
    assert written(replace(KINDS["own cases"], language="fi")) == written(KINDS["own cases"])


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        (
            "Authorized at Bayside School District, SIS",
            "Autorizado en Bayside School District, SIS",
        ),
        ("filed CASE-1001, CASE-1002", "abrió CASE-1001, CASE-1002"),
        ("was told of it before", "ya recibió un aviso sobre esto"),
        ("in place of Kelly Kapowski", "en lugar de Kelly Kapowski"),
        ("a reason of another release", "a reason of another release"),
    ],
)
def test_the_reasons_are_told_in_the_language(reason: str, told: str) -> None:
    """They are stored in English, as operators read them."""
    built = build(replace(KINDS["own cases"], language="es"), letter_context(), STYLE)
    letter = address(built, replace(ZACK, reasons=(reason,)), letter_context(), STYLE, NOW)
    assert f"Por qué recibe esto: {told}." in " ".join(letter.text.split())


def test_every_reason_has_its_words() -> None:
    """Each pattern reads back, and each language has a text with the same places."""
    for name, pattern in REASONS.items():
        places = dict.fromkeys(re.findall(r"\{(\w+)\}", pattern), "X Y")
        assert reason_parts(pattern.format(**places)) == (name, places)
        for language in ("en", *OTHERS):
            said = locale(letter_context(), language)
            assert said.words[f"reason.{name}"].count("{") == len(places)


@pytest.mark.parametrize("language", OTHERS)
def test_a_summary_is_in_the_readers_language(language: str) -> None:
    """Its frame, the states, the facts and the day; the titles stay as the operator wrote them."""
    entries = (
        digest.Entry(INCIDENT, update(3, status="identified"), 3),
        digest.Entry(MAINTENANCE, planned(), 1),
    )
    person = Reached("zack", "Zack Morris", "zack.morris@bayside.example", language)
    made = digest.Digest(person, date(2026, 3, 3), "America/Chicago", entries, 17)
    letter = digest.write(made, letter_context(), STYLE, NOW)
    told = own_words(letter.text, Notice(INCIDENT, update(3), "UTC"))
    told = own_words(told, Notice(MAINTENANCE, planned(), "UTC"))
    assert not english_in(told, language), told
    assert INCIDENT.title in letter.text
    words = time_words(locale(letter_context(), language).words)
    assert day_words(made.day, words).replace("\u00a0", " ") in letter.subject
