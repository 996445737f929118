"""Prose as people type it on telephones and paste it from screens; and persons and places in it."""

from __future__ import annotations

import pytest

from intake.parsers.confirmation import consent
from intake.parsers.prose.kinds import type_in_prose
from intake.parsers.prose.reading import pattern
from tests.support.forms import CATALOGUE
from tests.support.prose_score import values_of as read


@pytest.mark.parametrize("text", [
    "Buen dia, Campus esta caido en todo el distrito, ni los papas pueden entrar",
    "bom dia, o sistema esta fora do ar em todas as escolas, ninguem consegue entrar",
    "Bonjour, tout est hors service, plus personne ne peut acceder, toutes les ecoles",
    "Campus stoert sich nicht, es ist komplett ausgefallen, alle 9 schulen",
])  # fmt: skip
def test_an_outage_is_known_without_its_accents(text: str) -> None:
    """A telephone's keyboard makes them hard to type."""
    assert type_in_prose("URGENTE", text, CATALOGUE) == "report_outage"


def test_a_short_word_keeps_its_accent() -> None:
    """Without it "où" is "or", and "à" is "has"; long words stay themselves."""
    short, long = pattern(("où",)), pattern(("désactivé", "läuft ab"))
    assert short is not None
    assert not short.search("l'un ou l'autre")
    assert long is not None
    assert long.search("c'est desactive")
    assert long.search("es laeuft ab")


def test_an_area_code_is_no_error_of_a_server() -> None:
    """ "(503)" in a signature once made an outage of a question."""
    text = "If I rename a group, does everybody keep their rights?\n\nRegards\n(503) 555-0112"
    assert type_in_prose("Security groups", text, CATALOGUE) == "ask_question"


@pytest.mark.parametrize("lead", ["From the log:", "On retrouve ceci toutes les heures :"])
def test_a_pasted_line_is_the_whole_message(lead: str) -> None:
    """A name in quotation marks inside of it is not."""
    message = "The transaction log for database 'campus' is full due to 'LOG_BACKUP'."
    text = f"The nightly job dies.\n{lead}\n\n{message}\n\nThe application itself is fine."
    assert read(text, "server_issue")["error_message"] == message


def test_what_fails_is_no_step() -> None:
    """ "Won't save" says what goes wrong; nobody does anything in it."""
    text = "Schedule changes wont save for the counselors, spinning wheel and then nothing"
    assert "steps_to_reproduce" not in read(text, "application_issue")
    for told in (
        "When I press Save it spins and then nothing happens",
        "When a student opens the list and then a parent clicks Save, nothing happens",
    ):
        assert read(told, "application_issue")["steps_to_reproduce"] == told


@pytest.mark.parametrize(("text", "first", "last"), [
    ("Please take Gary Stollmeyer off our list, he left.\n\nDeb Kowalczyk", "Gary", "Stollmeyer"),
    ("bitte nehmen Sie Frau Inge Huber als Kontakt auf.\nGruß, Max Moser", "Inge", "Huber"),
    ("Actualicen los datos de María Elena Fuentes Rivas.", "María Elena", "Fuentes Rivas"),
    ("C'est Maud Tran-Guy qui prend sa suite, mtranguy@pc.example.", "Maud", "Tran-Guy"),
])  # fmt: skip
def test_the_person_of_a_change_is_found(text: str, first: str, last: str) -> None:
    """By the only name that signs nothing, by a title, by two and two names, by the address."""
    got = read(text, "modify_support_contacts")
    assert (got["contact_first_name"], got["contact_last_name"]) == (first, last)


def test_of_two_unmarked_names_none_is_taken() -> None:
    """Nothing says which of them the change is about."""
    text = "Anna Berg met Carl Dahl about our listing."
    assert "contact_first_name" not in read(text, "modify_support_contacts")


@pytest.mark.parametrize(("text", "module"), [
    ("No incident is stored in the Behavior module.", "Behavior"),
    ("É no módulo Saúde que a ficha sai em branco.", "Saúde"),
    ("Im Modul Verhalten kann man nichts speichern.", "Verhalten"),
])  # fmt: skip
def test_a_module_that_is_not_listed_is_kept_as_written(text: str, module: str) -> None:
    """The list is open, because the operator's own modules belong there."""
    assert read(text, "application_issue")["module"] == module


def test_a_day_before_the_proposal_is_no_proposal() -> None:
    """The day on which two schools become one is none on which to talk about it."""
    text = (
        "Zum 1. August werden zwei Schulen zusammengelegt. Passen würde uns Donnerstag, der"
        " 12. März, ersatzweise der 13.3."
    )
    got = read(text, "request_consulting")
    assert got["preferred_consult_date"] == "2026-03-12"
    assert got["preferred_consult_date_2"] == "2026-03-13"
    assert "preferred_consult_date_3" not in got


@pytest.mark.parametrize(("text", "who"), [
    ("Campus gèle pour les profs de sec 3 depuis hier.", "les profs de sec 3"),
    ("Gradebook cannot be opened by Mr. Hollis since Monday.", "Mr. Hollis"),
    ("I checked two of her students and yes. All teachers at Elm see it.", "All teachers at Elm"),
])  # fmt: skip
def test_people_are_found_behind_for_and_by_their_title(text: str, who: str) -> None:
    """And not the people whom somebody only looked at."""
    assert read(text, "application_issue")["who_is_impacted"] == who


def test_a_person_is_replaced_by_the_other_one() -> None:
    """The one who left is the replaced person, not the new contact."""
    got = read(
        "Gordon Pelletier left us in March. Please replace him with Annika Thorvald.",
        "modify_support_contacts",
    )
    assert (got["contact_first_name"], got["contact_last_name"]) == ("Annika", "Thorvald")
    assert got["contact_replacement_name"] == "Gordon Pelletier"


def test_the_new_address_counts() -> None:
    """A mail about a new address often names the old one first."""
    text = "O endereço ana@velho.example deixou de funcionar; o novo é ana.dias@campo.example."
    assert read(text, "modify_support_contacts")["contact_email"] == "ana.dias@campo.example"


def test_a_telephone_writes_no_capitals() -> None:
    """A sentence ends at a dot all the same, unless an abbreviation does."""
    text = "se cierra la ventana imaginense. aqui no se ha cambiado nada en los equipos"
    got = read(text, "application_issue")["environment_changes"]
    assert got == "aqui no se ha cambiado nada en los equipos"


@pytest.mark.parametrize("text", [
    "Vous avez mon autorisation écrite pour restaurer les données.",
    "Tienen mi autorización por escrito para restaurar los datos.",
    "Sie haben unsere Erlaubnis, die Daten wiederherzustellen.",
    "Vocês têm a nossa autorização para restaurar os dados.",
])  # fmt: skip
def test_having_a_permission_is_a_permission(text: str) -> None:
    """As "you have our permission" is one in English."""
    field = CATALOGUE.fields["written_permission"]
    assert consent(text, field)
    assert not consent(text.replace(".", ", si me llaman antes?"), field)


@pytest.mark.parametrize("text", [
    "Les relevés sortent blancs depuis la mise a jour",
    "A chamada não grava depois da atualização de fevereiro",
    "Attendance does not save after the update",
])  # fmt: skip
def test_an_update_says_since_when(text: str) -> None:
    """ "After the update" is all that many people know, with or without accents."""
    assert text.endswith(read(text, "application_issue")["issue_began"])
