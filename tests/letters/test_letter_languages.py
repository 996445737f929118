"""Letters in the reader's language: English, Spanish, French, German and Portuguese."""

from __future__ import annotations

import re
import string
from email.message import Message
from pathlib import Path
from typing import Any

import pytest

from intake.catalogue.catalogue import CatalogueError
from intake.catalogue.loader import build
from intake.config import loader
from intake.letters.html_part import html_part
from intake.letters.letter import Templates
from intake.mail.encoder import LetterError
from intake.mail.limits import Limits
from intake.mail.message import Arrival
from intake.mail.message import Message as Mail
from intake.mail.message import read as read_mail
from intake.model.accounts import Contact, majority, one_more
from intake.worker.judgement import language_for
from tests.support.forms import CATALOGUE, DATA, NOW
from tests.support.letter_text import plain_text
from tests.support.service import AMY, Door, words_of

ROOM = Path(__file__).resolve().parents[2] / "intake" / "templates"
OTHERS = ("es", "fr", "de", "pt")
NOT_FOR_CONTACTS = (
    "alert", "nag", "service_alert", "digest", "notice", "page",
    "handover", "moved", "staff_reply", "late", "summary",
)  # fmt: skip
UTF8 = (
    "MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8",
    "Content-Transfer-Encoding: 8bit",
)  # fmt: skip
MAILS = {
    "en": "Good morning,\n\nsince yesterday none of our teachers at Lincoln High can take"
    ' attendance, they get the message "Error 500 token expired". When I open Attendance >'
    " Classroom Monitor and click Save, nothing is saved.\n\nThank you,\nAmy Alder\n",
    "es": "Buenos días:\n\nDesde ayer ninguno de nuestros docentes puede pasar lista en Attendance;"
    ' sale el mensaje "Error 500 token expired". Muchas gracias por su ayuda.\n\nAmy Alder\n',
    "fr": "Bonjour,\n\nDepuis hier aucun de nos enseignants ne peut faire l'appel dans Attendance,"
    " il y a le message « Error 500 token expired ». Merci de votre aide.\n\nAmy Alder\n",
    "de": "Guten Tag,\n\nseit gestern kann keine unserer Lehrkräfte die Anwesenheit in Attendance"
    ' erfassen, es kommt die Meldung "Error 500 token expired". Vielen Dank.\n\nAmy Alder\n',
    "pt": "Bom dia,\n\nDesde ontem nenhum dos nossos professores consegue registrar a presença em"
    ' Attendance; aparece a mensagem "Error 500 token expired". Muito obrigado.\n\nAmy Alder\n',
}
SIGNS = {
    "en": ("Hello Amy", "Reference:"), "es": ("Hola, Amy", "Referencia:"),
    "fr": ("Bonjour Amy", "Référence:"), "de": ("Guten Tag Amy", "Aktenzeichen:"),
    "pt": ("Olá, Amy", "Referência:"),
}  # fmt: skip
ANSWERS = {  # the missing answers, in words of the language, in the order of the questions
    "es": ("problema de la aplicación", "Abro Attendance, hago clic en Guardar y no pasa nada."),
    "fr": (
        "problème d'application",
        "J'ouvre Attendance, je clique sur Enregistrer, rien ne vient.",
    ),
    "de": ("Problem mit der Anwendung", "Attendance öffnen, auf Speichern klicken, nichts kommt."),
    "pt": ("problema na aplicação", "Abro Attendance, clico em Salvar e nada acontece."),
}


def kinds() -> list[str]:
    """The letters that contacts get."""
    folders = [one.name for one in ROOM.iterdir() if (one / "body.txt").exists()]
    return sorted({*folders} - {*NOT_FOR_CONTACTS})


def language_of(letter: Message) -> str:
    """The language of a letter, by its greeting and its last line."""
    text = plain_text(letter)
    return next(code for code, signs in SIGNS.items() if all(one in text for one in signs))


@pytest.mark.parametrize("language", OTHERS)
def test_every_letter_to_a_contact_exists_in_every_language(language: str) -> None:
    """With a subject where the English one has one, and with the same values in it."""
    for kind in kinds():
        if kind == "blank_form":
            continue  # has no words of its own
        for part in ("subject.txt", "body.txt"):
            english = (ROOM / kind / part).read_text()
            ours = (ROOM / language / kind / part).read_text()
            names = re.compile(r"\{\{\s*(\w+)|\bin (\w+) %|\bif (\w+)")
            assert {*names.findall(english)} >= {*names.findall(ours)} - {("", "", "state")}, kind


@pytest.mark.parametrize("language", OTHERS)
def test_every_short_text_exists_in_every_language_with_the_same_places(language: str) -> None:
    """A place that is missing would hide a value; one too many would stop the letter."""
    templates = Templates({str(p.relative_to(ROOM)): p.read_text() for p in ROOM.rglob("*.txt")})
    english, ours = templates.words("en"), templates.words(language)
    own = (ROOM / language / "words.txt").read_text()

    def places(text: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    for name, text in english.items():
        assert f"\n{name}: " in own, name
        assert places(ours[name]) == places(text), name


@pytest.mark.parametrize("language", OTHERS)
def test_every_name_of_the_catalogue_is_translated(language: str) -> None:
    """Labels, helps, types, departments and the rules that letters state."""
    found = CATALOGUE.translations[language]
    assert {*found.labels} == {*found.helps} == {*CATALOGUE.fields}
    assert {*found.type_labels} == {*found.descriptions} == {*CATALOGUE.types}
    assert {*found.departments} == {*CATALOGUE.departments}
    assert {*found.form} == {"intro", "billable", "included", "divider", "one_of"}


@pytest.mark.parametrize("language", [*MAILS])
def test_a_contact_is_answered_in_the_language_of_the_mail(tmp_path: Path, language: str) -> None:
    """The request, its HTML part and the acknowledgement; the answers are read in it, too."""
    door = Door(tmp_path)
    door.say(AMY, MAILS[language], subject="Attendance", fields=UTF8)
    letter = door.posted(AMY)[-1]
    assert language_of(letter) == language
    (html,) = [one for one in letter.walk() if one.get_content_type() == "text/html"]
    assert f'<html lang="{language}">' in str(html.get_payload(decode=True), "utf-8")
    case = door.cases()[0]
    if language == "en" or case["status"] != "draft":
        return
    kind, steps = ANSWERS[language]
    said = CATALOGUE.translations[language].labels
    lines = [f"{said['case_type']}: {kind}", f"{said['steps_to_reproduce']}: {steps}"]
    lines += [f"{said['who_is_impacted']}: {said['who_is_impacted']} 30"]
    lines += [f"{said['module']}: Attendance", f"{said['issue_began']}: 2026-03-01"]
    row = door.say(AMY, "\n".join(lines), subject="Re: Attendance", fields=UTF8,
                   to=str(letter["Message-ID"]))  # fmt: skip
    assert row["action"] == "complete", row["reasons"]
    assert language_of(door.posted(AMY)[-1]) == language
    assert door.cases()[0]["type"] == "application_issue"


def test_the_chosen_language_wins_and_a_short_mail_keeps_the_usual_one(tmp_path: Path) -> None:
    """The choice beats the mail; without one a clear mail decides, and "ok" decides nothing."""
    door = Door(tmp_path)
    door.say(AMY, MAILS["de"], subject="Attendance", fields=UTF8)
    assert language_of(door.posted(AMY)[-1]) == "de"
    door.say(AMY, "Case Type: Ask a Question\nDescription: Attendance?", subject="Attendance 2")
    assert language_of(door.posted(AMY)[-1]) == "de"
    said = door.cli("contacts", "set", "amy", "--language", "fr")
    assert said == "amy: language is fr\n"
    door.say(AMY, MAILS["de"], subject="Attendance 3", fields=UTF8)
    assert language_of(door.posted(AMY)[-1]) == "fr"
    assert "wanted one of en, es" in door.cli("contacts", "set", "amy", "--language", "it", code=2)
    assert "no choice" in door.cli("contacts", "set", "amy", "--language", "")


def test_an_operator_may_keep_one_language(tmp_path: Path) -> None:
    """With `languages = ["en"]` a German mail gets an English letter."""
    door = Door(tmp_path)
    file = Path(door.config.file)
    text = file.read_text()
    assert "[service]\n" in text
    file.write_text(text.replace("[service]\n", '[service]\nlanguages = ["en"]\n'))
    door.config = loader.load(str(file), {})
    door.say(AMY, MAILS["de"], subject="Attendance", fields=UTF8)
    assert language_of(door.posted(AMY)[-1]) == "en"


def test_the_language_of_an_answer() -> None:
    """Choice, clear mail, majority with this mail, the newest in a tie, nothing."""
    contact = Contact("amy", "Amy", (AMY,), wrote_in=(("de", 2), ("en", 3)))
    assert language_for(contact, "de", clear=True) == "de"
    assert language_for(contact, "de", clear=False) == "de"
    assert language_for(contact, "", clear=False) == "en"
    assert language_for(Contact("a", "A", (AMY,)), "", clear=False) == ""
    assert majority([("de", 2), ("en", 2)]) == ""
    counts: tuple[tuple[str, int], ...] = ()
    for _ in range(30):
        counts = one_more(counts, "en")
    for _ in range(12):
        counts = one_more(counts, "es")
    assert majority(counts) == "es", "who changes the language is followed after some mails"


def test_the_html_part_has_the_words_of_the_text_part_and_reads_back(tmp_path: Path) -> None:
    """Answers behind the bold labels of the quoted HTML are read; all other words are ours."""
    door = Door(tmp_path)
    text = "Can you tell me why the bell schedule shows a wrong time?\n"
    door.say(AMY, text, subject="Attendance")
    letter = door.posted(AMY)[-1]
    (part,) = [one for one in letter.walk() if one.get_content_type() == "text/html"]
    html = str(part.get_payload(decode=True), "utf-8")
    shown = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html.partition("<body")[2]))
    plain = words_of(letter)
    for word in re.findall(r"[\w'-]+", plain):
        assert word in shown
    body = html.partition("<body")[2].partition(">")[2].partition("</body>")[0]
    answered = body.replace("<b>Case Type:</b> &nbsp;", "<b>Case Type:</b> 1")
    assert answered != body
    reply = f"<html><body><p>Here you are.</p><blockquote>{answered}</blockquote></body></html>"
    row = door.say(
        AMY, reply, subject="Re: Attendance", to=str(letter["Message-ID"]),
        fields=("MIME-Version: 1.0", "Content-Type: text/html; charset=utf-8"),
    )  # fmt: skip
    assert door.cases()[0]["type"] == "ask_question", row["reasons"]
    assert "change a line" not in door.cases()[0]["description"]


def test_the_html_part_is_plain_and_escaped() -> None:
    """No tables, no forms, no pictures; a person's words are never markup."""
    text = "Hello <b>Amy</b>,\n\nsee https://desk.example/a?b=1&c=2.\n\nModule: <script>\n"
    text += "- one\n  two\n"
    made = html_part(text, {"Module"}, "en")
    assert "<script>" not in made
    assert "<b>Module:</b> &lt;script&gt;" in made
    assert '<a href="https://desk.example/a?b=1&amp;c=2">' in made
    assert "- one two</p>" in made
    assert not re.search(r"<(table|form|input|img)\b", made)
    arrival = Arrival("m", 1, 1, NOW, "0" * 64, 10, b"From: a@b.example\r\nTo: x@y.example\r\n"
                      b"Content-Type: text/html\r\n\r\n" + made.encode())  # fmt: skip
    mail = read_mail(arrival, Limits())
    assert isinstance(mail, Mail)
    assert "Module: <script>" in mail.html.text


@pytest.mark.parametrize(
    ("table", "where"),
    [
        ({"labels": {"modul": "Modul"}}, "languages.it.labels.modul"),
        ({"labels": {"module": 3}}, "languages.it.labels.module"),
        ({"helps": {"module": ""}}, "languages.it.helps.module"),
        ({"rules": {"no_rule": "Regola"}}, "languages.it.rules.no_rule"),
        ({"summaries": {"ask_question": "su {module}"}}, "languages.it.summaries.ask_question"),
        ({"form": {"outro": ["x"]}}, "languages.it.form.outro"),
        ({"letters": {}}, "languages.it.letters"),
    ],
)
def test_a_wrong_translation_is_named_with_its_place(table: dict[str, Any], where: str) -> None:
    """The catalogue is refused; the message says what was found and what was wanted."""
    data = {**DATA, "languages": {**DATA["languages"], "it": table}}
    with pytest.raises(CatalogueError) as told:
        build(data)
    assert any(one.startswith(f"{where}: found") for one in told.value.mistakes)


def test_a_missing_short_text_is_named() -> None:
    """A file of an operator without a name that letters need: the error says which."""
    from intake.letters.locale import Locale

    with pytest.raises(LetterError, match=r"words\.txt: yes"):
        Locale("it", CATALOGUE, {}).say("yes")
