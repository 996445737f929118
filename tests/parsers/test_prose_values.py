"""The values that ordinary prose gives: found for the most part, and seldom wrong."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intake.catalogue.catalogue import CatalogueError
from intake.catalogue.loader import build
from intake.parsers.days import days
from intake.parsers.prose.language import language_of
from intake.parsers.prose.reading import LIKELY, SURE, pattern
from intake.parsers.prose.sentences import MAX_CHARS, MAX_SENTENCES, sentences
from intake.parsers.prose.values import values_in_prose
from tests.support.forms import CATALOGUE, DATA
from tests.support.prose_score import CALENDAR, mails, score
from tests.support.rawmail import CAMPAIGN


def read(text: str, kind: str = "application_issue", subject: str = "Hello") -> dict[str, Any]:
    """The values of a text: field -> value, or the words."""
    found = values_in_prose(subject, text, kind, CATALOGUE, CALENDAR)
    return {name: one.value or one.words for name, one in found.items()}


def strength(text: str, name: str, kind: str = "application_issue", subject: str = "Hello") -> str:
    """How sure one value is; empty when it was not read."""
    found = values_in_prose(subject, text, kind, CATALOGUE, CALENDAR)
    return found[name].strength if name in found else ""


@pytest.mark.long
def test_most_values_are_found_and_few_are_wrong() -> None:
    """Of a hundred mails in five languages, by authors who did not know the code."""
    total = score(mails())
    assert total.wanted > 250
    assert total.found >= 0.8
    assert total.false <= 0.06
    for language in ("en", "es", "fr", "de", "pt"):
        assert total.by[language]["right"] >= 0.7 * total.by[language]["wanted"]


def test_the_mail_that_says_everything_in_one_sentence() -> None:
    """Module, since when, who, and the message, without a label."""
    got = read(
        "Since this morning none of our teachers at Lincoln High can take attendance,"
        " they get 'Error 500 token expired'"
    )
    assert got == {
        "module": "Attendance",
        "issue_began": "2026-03-04",
        "who_is_impacted": "none of our teachers at Lincoln High",
        "error_message": "Error 500 token expired",
    }


SINCE = [  # written on Wednesday, March 4, 2026
    ("since this morning", "2026-03-04"), ("since yesterday", "2026-03-03"),
    ("since Monday", "2026-03-02"), ("since Monday, March 2", "2026-03-02"),
    ("since March 2nd", "2026-03-02"), ("since 3/2", "2026-03-02"),
    ("since the 2nd", "2026-03-02"), ("since 2026-03-02", "2026-03-02"),
    ("for two days now", "2026-03-02"), ("started 2 March 2026", "2026-03-02"),
    ("began the day before yesterday", "2026-03-02"), ("as of 10:05 this morning", "2026-03-04"),
    ("desde esta mañana", "2026-03-04"), ("desde ayer por la tarde", "2026-03-03"),
    ("desde el lunes", "2026-03-02"), ("desde el lunes 2 de marzo", "2026-03-02"),
    ("desde el 2 de marzo de 2026", "2026-03-02"), ("desde el 02/03", "2026-03-02"),
    ("desde el día 2", "2026-03-02"), ("desde anteayer", "2026-03-02"),
    ("empezó hace dos días", "2026-03-02"), ("desde hoy", "2026-03-04"),
    ("empezó el viernes pasado, el 27 de febrero", "2026-02-27"),
    ("desde el 2-3-2026", "2026-03-02"),
    ("depuis ce matin", "2026-03-04"), ("depuis hier", "2026-03-03"),
    ("depuis lundi", "2026-03-02"), ("depuis le lundi 2 mars", "2026-03-02"),
    ("depuis le 2 mars 2026", "2026-03-02"), ("depuis le 02/03", "2026-03-02"),
    ("depuis le 1er mars", "2026-03-01"), ("depuis avant-hier", "2026-03-02"),
    ("depuis deux jours", "2026-03-02"), ("depuis aujourd'hui", "2026-03-04"),
    ("a commencé il y a 3 jours", "2026-03-01"), ("depuis le 2", "2026-03-02"),
    ("seit heute früh", "2026-03-04"), ("seit gestern", "2026-03-03"),
    ("seit Montag", "2026-03-02"), ("seit Montag, dem 2. März,", "2026-03-02"),
    ("seit dem 2. März 2026", "2026-03-02"), ("seit dem 02.03.", "2026-03-02"),
    ("seit 2.3.2026", "2026-03-02"), ("seit vorgestern", "2026-03-02"),
    ("seit zwei Tagen", "2026-03-02"), ("begann am 2. März", "2026-03-02"),
    ("seit Freitag, 27.02.,", "2026-02-27"), ("seit dem 2.", "2026-03-02"),
    ("desde hoje cedo", "2026-03-04"), ("desde ontem", "2026-03-03"),
    ("desde segunda-feira", "2026-03-02"), ("desde segunda-feira, 2 de março,", "2026-03-02"),
    ("desde 2 de março de 2026", "2026-03-02"), ("desde o dia 02/03", "2026-03-02"),
    ("desde o dia 2", "2026-03-02"), ("desde anteontem", "2026-03-02"),
    ("há dois dias, começou há dois dias", "2026-03-02"),
    ("desde domingo, 1º de março,", "2026-03-01"),
    ("desde esta manhã", "2026-03-04"), ("começou em 02/03/2026", "2026-03-02"),
]  # fmt: skip
AROUND = {
    "en": "Hello, the gradebook does not save the scores {}. We have tried it and it is us.",
    "es": "Hola, el libro de calificaciones no guarda nada {}. Lo hemos probado y es así.",
    "fr": "Bonjour, le cahier de notes perd les notes {}. Nous avons essayé et ce n'est pas nous.",
    "de": "Hallo, das Notenbuch geht nicht, {} ist das so. Wir haben es mit allem versucht.",
    "pt": "Olá, o diário de notas não salva as notas {}. Nós já tentamos e não é a nossa rede.",
}


@pytest.mark.parametrize(("place", "words", "day"), [(n, *one) for n, one in enumerate(SINCE)])
def test_a_day_of_the_past_in_five_languages(place: int, words: str, day: str) -> None:
    """Twelve ways to say since when, in each language."""
    language = ("en", "es", "fr", "de", "pt")[place // 12]
    text = AROUND[language].format(words)
    assert language_of(text) == language
    assert read(text)["issue_began"] == day


@pytest.mark.parametrize(
    "words",
    [
        "last week", "since last Tuesday", "sometime in February", "between Feb 24 and Feb 26",
        "until March 2", "before yesterday", "by Monday", "24/30 to 25/30", "version 3.2.1",
        "1/2 of the grades", "phone 555-0142", "since 31/31", "since February 30",
    ],
)  # fmt: skip
def test_what_is_no_single_day_is_not_made_one(words: str) -> None:
    """A range, a deadline, a fraction, an impossible day: no date."""
    got = read(f"The gradebook does not save the scores {words}. We have tried it.")
    assert not str(got.get("issue_began", "")).startswith("20")


def test_the_role_decides_which_day_is_meant() -> None:
    """A birthday, a deadline and a meeting stand around the day on which it began."""
    text = (
        "My daughter's birthday was on February 28. Since March 2 the gradebook does not save.\n"
        "The report cards are due on March 13, and the board meeting is on the 20th."
    )
    assert read(text)["issue_began"] == "2026-03-02"
    lost = (
        "On 02/27 a substitute deleted all assignments. We noticed it yesterday."
        " Progress reports go home March 11."
    )
    assert read(lost, "data_restore")["approximate_date_of_loss"] == "2026-02-27"


def test_the_days_that_are_proposed_are_taken_in_order() -> None:
    """First, second, third choice; what is to be avoided is none, and neither is the past."""
    text = (
        "We hired four counselors on February 16. Our first choice would be Tuesday, March 17."
        " Thursday the 19th would work, and our third choice is April 2."
        " Please avoid March 23-27, that is spring break."
    )
    got = read(text, "request_training")
    names = ("preferred_training_date", "preferred_training_date_2", "preferred_training_date_3")
    assert [got.get(name) for name in names] == ["2026-03-17", "2026-03-19", "2026-04-02"]


@pytest.mark.parametrize(
    "text",
    [
        'Click "Post Grades" and choose "All Schools".', "There is no error message.",
        "Wir bekommen keine Fehlermeldung.", "Pas de message d'erreur.", "No sale ningún mensaje.",
        "Não aparece erro nenhum.",
    ],
)  # fmt: skip
def test_names_on_buttons_are_no_errors(text: str) -> None:
    """And "no message" is an answer."""
    assert read(f"The gradebook is odd. {text}").get("error_message", "none") == "none"


def test_a_longer_word_of_another_value_counts_alone() -> None:
    """ "Not urgent" is no "urgent", and a school is no priority."""
    assert read("How do we print it? Not urgent.", "ask_question")["priority"] == "Low"
    assert "priority" not in read("This is about Cedar Ridge High and High Desert.")


def test_two_modules_are_offered_and_one_is_taken() -> None:
    """What is named alike often is not sure."""
    assert strength("The gradebook is broken.", "module") == SURE
    assert strength("The gradebook and the report cards are broken.", "module") == LIKELY


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("", "en"), ("ok", "en"), ("Bitte um Hilfe, das Notenbuch geht nicht auf.", "de"),
        ("¿Pueden ayudarnos? No se guardan las notas de los alumnos.", "es"),
        ("Nous ne pouvons pas enregistrer les notes de la classe.", "fr"),
        ("Não conseguimos gravar as notas da turma, podem ajudar?", "pt"),
        ("ok the le", "en"),
    ],
)  # fmt: skip
def test_the_language_needs_a_majority(text: str, language: str) -> None:
    """One word decides nothing."""
    assert language_of(text) == language


HOSTILE = [
    '"', '"a" ', "since ", "March 2 ", "1. a\n", "a > b ", "error: ", "\u202e\u200b", "«", "( ",
    "all teachers ", "no error ", "Mr. ", "2/3/", "today ", "x" * 50 + " ", "a\n\n", "é̀", "İ",
    "every student in every school of every district ", "Add John Smith ", "555-0100 ",
    "a@b.example ",
]  # fmt: skip


@pytest.mark.long
@pytest.mark.parametrize("piece", HOSTILE)
@pytest.mark.parametrize(
    "kind", ["application_issue", "modify_support_contacts", "request_training"]
)
def test_a_mebibyte_of_anything_is_read_up_to_a_limit(piece: str, kind: str) -> None:
    """The result is what the first characters give; nothing raises."""
    text = piece * (2**20 // len(piece))
    assert read(text, kind) == read(text[:MAX_CHARS], kind)
    assert len(sentences(text)) <= MAX_SENTENCES
    assert len(days(text[:MAX_CHARS], "en", "MDY")) <= 40


DISTRACTORS = (
    "The board meets on March 20.", "Ms. Harlow turned 40 on Saturday.", "Call me at 570-555-0164.",
    "The office closes at 4:30.", "Room 204 is free.", 'She pressed "Save" twice.',
    "We use Chrome and Edge.", "Mr. Otto Brandt wrote to us.", "It costs $18.40.",
    "Please answer before April 9.", "Version 5.2.1 runs here.",
)  # fmt: skip
PLANTED: dict[str, tuple[tuple[str, str], ...]] = {
    "issue_began": (
        ("It began on March 2.", "2026-03-02"), ("This has been so since yesterday.", "2026-03-03"),
    ),
    "error_message": (
        ('The screen says "Unable to save score (GB-2217)".', "Unable to save score (GB-2217)"),
        ("There is no error message.", "none"),
    ),
    "who_is_impacted": (
        ("All teachers at Birch Middle are affected.", "All teachers at Birch Middle"),
        ("It is just me.", "It is just me"),
    ),
    "module": (("It is about the gradebook.", "Grade Book"),
               ("It is about the transcripts.", "Transcript")),
    "environment_changes": (("Nothing has changed on our end.", "Nothing has changed on our end"),),
    "expected_results": (
        ("The total should show 24 points.", "The total should show 24 points"),
    ),
}  # fmt: skip


@st.composite
def planted(draw: st.DrawFn) -> tuple[str, dict[str, str]]:
    """Sentences with values among sentences that hold other days, names and quotes."""
    chosen = draw(st.lists(st.sampled_from(sorted(PLANTED)), unique=True, min_size=1))
    values = {name: draw(st.sampled_from(PLANTED[name])) for name in chosen}
    noise = draw(st.lists(st.sampled_from(DISTRACTORS), unique=True, max_size=5))
    told = draw(st.permutations([*(words for words, _ in values.values()), *noise]))
    gap = draw(st.sampled_from((" ", "\n", "\n\n")))
    return gap.join(told), {name: value for name, (_, value) in values.items()}


@pytest.mark.long
@given(planted())
@pytest.mark.timeout(180 if CAMPAIGN < 10 else 7200)
@settings(max_examples=400 * CAMPAIGN, deadline=None)
def test_a_planted_value_is_found_or_left_and_never_confused(
    case: tuple[str, dict[str, str]],
) -> None:
    """Whatever stands around it."""
    text, values = case
    got = read(text)
    for name in PLANTED:
        assert got.get(name, values.get(name)) == values.get(name)


def test_days_have_their_places() -> None:
    """The range of a day is where its words stand."""
    text = "It began on Monday, March 2, and again yesterday."
    (one, two) = days(text, "en", "MDY")
    assert text[one.start : one.end] == "Monday, March 2"
    assert text[two.start : two.end] == "yesterday"
    assert one.on(CALENDAR, ahead=False) == date(2026, 3, 2)


def test_words_of_a_pattern_share_their_beginnings() -> None:
    """A star stands for letters, or for some words between blanks; the longest one is taken."""
    shape = pattern(("is down", "is", "teach*", "add * as a contact"))
    assert shape is not None
    text = "the site is down, teachers add her now as a contact"
    assert shape.findall(text) == ["is down", "teachers", "add her now as a contact"]
    assert pattern(()) is None


@pytest.mark.parametrize(
    ("table", "where"),
    [
        ({"no_field": {"reads": "day"}}, "roles.no_field"),
        ({"issue_began": {"reads": "tea leaves"}}, "roles.issue_began.reads"),
        ({"issue_began": {}}, "roles.issue_began.reads"),
        ({"issue_began": {"reads": "day", "sure": [" "]}}, "roles.issue_began.sure"),
        ({"issue_began": {"reads": "day", "maybe": []}}, "roles.issue_began.maybe"),
        ({"module": {"reads": "choice", "values": {"X": "y"}}}, "roles.module.values.X"),
        ({"module": {"reads": "choice", "values": ["y"]}}, "roles.module.values"),
        (
            {"type": {"reads": "choice", "values_by_type": {"no_type": {}}}},
            "roles.type.values_by_type.no_type",
        ),
        (
            {"type": {"reads": "choice", "values_by_type": {"ask_question": 3}}},
            "roles.type.values_by_type.ask_question",
        ),
    ],
)
def test_a_wrong_role_is_refused_with_its_place(table: dict[str, Any], where: str) -> None:
    """The operator's own catalogue is checked like the shipped one."""
    with pytest.raises(CatalogueError) as failure:
        build({**DATA, "roles": table})
    assert where in str(failure.value)
