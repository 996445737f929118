"""What people write back to a letter: a complaint, a correction, a yes without its accent."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.service import AMY, Door, words_of

ACCESS = (
    "Bonjour,\n\nil nous faut un accès au serveur pour notre technicien, merci de nous dire ce"
    " qu'il vous faut.\n\nAmy\n"
)
NEW_CONTACT = (
    "Guten Tag,\n\nHerr Schulze hat uns zum 1. November verlassen. Neue Ansprechpartnerin ist Frau"
    " Sabine Krüger, sabine.krueger@alder.example, Tel. 0351 5550123. Bitte ändern Sie das bei"
    " sich.\n\nFreundliche Grüße\nAmy Alder\n"
)
RESTORE = (
    "Hola, ayer borré por accidente el horario maestro de la secundaria. ¿Me lo pueden recuperar?"
    " Tienen mi autorización por escrito con este correo.\n\nAmy\n"
)


def answer(door: Door, text: str) -> str:
    """Amy replies to the last letter; the next letter."""
    door.say(AMY, text, to=str(door.posted()[-1]["Message-ID"]))
    return words_of(door.posted()[-1])


def test_a_complaint_is_no_answer_and_the_offered_one_counts(tmp_path: Path) -> None:
    """The letter had offered what the first mail says, and the question back is not forgotten."""
    door = Door(tmp_path)
    door.say(AMY, ACCESS, subject="Accès au serveur")
    asked = words_of(door.posted()[-1])
    assert "Type d'intervention: Serveur" in asked
    assert "nous le supposons d'après votre" in asked
    text = "Tout est déjà dans mon premier message. De quoi avez-vous encore besoin ?\n\nAmy\n"
    letter = answer(door, text)
    (case,) = door.cases()
    assert (case["status"], case["fields"]["request_type"]["value"]) == ("open", ["Server"])
    assert "Vous nous posez aussi une question" in letter
    assert "Tout est déjà" not in letter


def test_a_reply_may_begin_with_another_listed_value(tmp_path: Path) -> None:
    """ "Ersetzen": the prose had looked like a new contact, and the replaced one is asked for."""
    door = Door(tmp_path)
    door.say(AMY, NEW_CONTACT, subject="Neue Ansprechpartnerin")
    letter = answer(door, "Ja, Ersetzen. Sie bekommt dieselben Rechte. Was heißt denn SIS?\n")
    assert "Zu ersetzender Kontakt:" in letter
    assert "Zuständigkeit: SIS" not in letter
    assert "Sie haben auch etwas gefragt." in letter


@pytest.mark.parametrize("word", ["si", "Sí", "si, por favor"])
def test_a_yes_may_lack_its_accent(tmp_path: Path, word: str) -> None:
    """Elsewhere "si" means if."""
    door = Door(tmp_path)
    door.say(AMY, RESTORE, subject="Restauración")
    answer(door, f"{word}\n")
    assert [one["status"] for one in door.cases()] == ["open"]


def test_a_question_back_is_acknowledged_only_when_there_is_one(tmp_path: Path) -> None:
    """The questions of our own letter, quoted below, are not the writer's."""
    door = Door(tmp_path)
    door.say(AMY, RESTORE, subject="Restauración")
    letter = answer(door, "sí\n\n> (¿Es Restauración de datos? Escriba sí)\n> Tipo de caso:\n")
    assert "nos ha hecho una pregunta" not in letter


@pytest.mark.parametrize("text", [
    "Am liebsten im Januar, einen festen Termin haben wir noch nicht.\n",
    "Any time in January, we are flexible.\n",
    "In der ersten Woche im Januar.\n",
])  # fmt: skip
def test_a_month_answers_the_question_for_a_day(tmp_path: Path, text: str) -> None:
    """Those who plan it get the words."""
    door = Door(tmp_path)
    wish = "Guten Tag,\n\nwir hätten gern eine Beratung zu den Zeugnissen.\n\nAmy\n"
    door.say(AMY, wish, subject="Beratung gewünscht")
    answer(door, text)
    (case,) = door.cases()
    assert (case["status"], case["type"]) == ("open", "request_consulting")


def test_a_change_of_the_writers_own_number_needs_one_yes(tmp_path: Path) -> None:
    """Nothing of the record is asked, neither at first nor after the answer."""
    door = Door(tmp_path)
    text = (
        "Hello,\n\nmy phone number has changed, please update it. The new one is 555-0188.\n\nAmy\n"
    )
    door.say(AMY, text, subject="my new number, please change my contact")
    asked = words_of(door.posted()[-1]).partition("What we have so far")[0]
    assert "Area of Responsibility" not in asked
    answer(door, "yes\n")
    (case,) = door.cases()
    assert (case["type"], case["status"]) == ("modify_support_contacts", "open")
