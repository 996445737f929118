"""Phrases of ordinary mails that were read wrongly once: days, people, replacements, places."""

from __future__ import annotations

import pytest

from intake.parsers.prose.kinds import guesses
from intake.parsers.subjects import without_list_tags
from tests.support.forms import CATALOGUE
from tests.support.prose_score import values_of as read

ISSUE, RESTORE, CONTACTS = "application_issue", "data_restore", "modify_support_contacts"


@pytest.mark.parametrize("text", [
    "Posting fails since Tuesday of last week.",
    "No se guardan las notas desde el martes de la semana pasada.",
    "Não consigo salvar as notas desde terça-feira da semana passada.",
    "Seit Dienstag letzter Woche lassen sich in der Schule keine Noten mehr speichern.",
    "Depuis mardi de la semaine dernière les notes ne sont pas enregistrées.",
])  # fmt: skip
def test_a_weekday_of_last_week_is_one_day(text: str) -> None:
    """ "Last Tuesday" may be another one; the week is named here."""
    assert read(text, ISSUE)["issue_began"] == "2026-02-24"


def test_the_only_day_of_a_restore_is_offered() -> None:
    """The writer does not say "lost", but names one day; a restore is confirmed in any case."""
    text = "Yesterday afternoon I was tidying up Attendance. It is not what it was."
    assert read(text, RESTORE)["approximate_date_of_loss"] == "2026-03-03"
    assert "issue_began" not in read("The auditors came on Monday. It is slow.", ISSUE)


def test_a_day_before_if_not_is_still_proposed() -> None:
    """ "If it cannot be": that is said of the day which follows."""
    text = (
        "¿Podríamos tener una sesión? Nos vendría mejor el 18 de marzo; si no puede ser, el 25 de"
        " marzo. Del 6 al 10 de abril estamos de vacaciones, así que esos días no."
    )
    got = read(text, "request_training")
    assert got["preferred_training_date"] == "2026-03-18"
    assert got["preferred_training_date_2"] == "2026-03-25"
    assert "preferred_training_date_3" not in got


@pytest.mark.parametrize(("text", "who"), [
    ("Seit heute dreht sich bei mir und Frau Ostrau nur der Kreis.", "bei mir und Frau Ostrau"),
    ("Só abre em branco comigo e com a Dalva.", "comigo e com a Dalva"),
    ("Since Monday our seventh grade teachers have not been able to post. I do not want to do this"
     " by hand for 210 kids.", "our seventh grade teachers"),
    ("Deux enseignantes de français n'arrivent plus à publier.", "Deux enseignantes de français"),
])  # fmt: skip
def test_who_is_affected(text: str, who: str) -> None:
    """The writer with somebody else; the people of the sentence that says what fails."""
    assert read(text, ISSUE)["who_is_impacted"] == who


@pytest.mark.parametrize("text", [
    "Depuis ce matin les bulletins sortent sans texte. On les remet aux parents demain.",
    "Desde ayer no se pueden registrar retardos.",
    "Il devrait être de 24. Un élève a recompté trois fois.",
])  # fmt: skip
def test_people_who_only_stand_by_are_not_affected(text: str) -> None:
    """Those who get it, one of them, and a verb that looks like a profession."""
    assert "who_is_impacted" not in read(text, ISSUE)


@pytest.mark.parametrize("text", [
    "Gail Przybylski retired at the end of February and Desmond Achterberg has taken over for her.",
    "Fabiola Quirantes deja el distrito y en su lugar queda Rogelio Amezquita. Hagan el cambio.",
])  # fmt: skip
def test_somebody_new_and_somebody_who_leaves_are_a_replacement(text: str) -> None:
    """ "Please change": that would be another kind of request."""
    got = read(f"Please change our list of contacts. {text}", CONTACTS)
    assert got["request_type"] == "Replace"
    assert got["contact_first_name"] in ("Desmond", "Rogelio")
    assert got["contact_replacement_name"].split()[0] in ("Gail", "Fabiola")


@pytest.mark.parametrize("title", [
    "unserer Ansprechpartnerin", "unserem Kontakt", "nuestra Directora", "Coordinador",
])  # fmt: skip
def test_a_title_is_no_first_name(title: str) -> None:
    """It has a capital letter in some languages."""
    got = read(
        f"Bitte ändern: {title} Annika Thiele, neue Mailadresse a.thiele@b.example", CONTACTS
    )
    assert (got["contact_first_name"], got["contact_last_name"]) == ("Annika", "Thiele")


@pytest.mark.parametrize(("text", "subject", "module"), [
    ("I cannot save immunizations in Health, the record is locked.", "cant save", "Health"),
    ("Am Montag fiel der Unterricht aus, der Schneetag geht nicht in den Kalender. Es erscheint"
     " „Fehler 4409: Tag enthält Anwesenheiten“.", "Hallo", "Snow Day (Calendar)"),
    ("They cannot post. Report cards go home Friday.", "GRADEBOOK AGAIN", "Grade Book"),
])  # fmt: skip
def test_the_module_that_is_meant(text: str, subject: str, module: str) -> None:
    """One that is not listed; not the one in an error message; the subject's before another."""
    assert read(text, ISSUE, subject)["module"] == module


def test_a_place_ends_with_its_sentence() -> None:
    """And begins with its own first word."""
    text = "I only find it kid by kid under Health > Conditions. No rush at all"
    assert read(text, "ask_question")["location_within_product"] == "Health > Conditions"


def test_an_exception_ends_with_its_sentence() -> None:
    """What follows on the same line is the writer's again."""
    text = (
        "En el log se repite java.lang.OutOfMemoryError: GC overhead limit exceeded. Reiniciamos el"
        " servicio dos veces."
    )
    told = read(text, "server_issue")["error_message"]
    assert told == "java.lang.OutOfMemoryError: GC overhead limit exceeded"


def test_better_than_a_webinar_is_not_online() -> None:
    """What is named only to be refused is not wished."""
    text = "On site would be so much better than another webinar."
    assert read(text, "request_training")["request_type"] == "On site"


def test_a_listed_value_is_no_person() -> None:
    """ "State Edition" has two capitals, like a name."""
    text = (
        "bitte ändern Sie bei unserem Ansprechpartner Hartwig Sonnleitner die Nummer auf 555-0133."
        " Zuständig bleibt er für SIS und State Edition.\n\nVielen Dank!\nEdeltraud Pohl"
    )
    got = read(text, CONTACTS)
    assert (got["contact_first_name"], got["contact_last_name"]) == ("Hartwig", "Sonnleitner")


@pytest.mark.parametrize(("text", "steps"), [
    ("Cada vez que le damos a guardar sale «Sesión no válida».", "Cada vez que le damos a guardar"),
    ("Quando se preenche o endereço completo, a tela fica carregando.",
     "Quando se preenche o endereço completo"),
    ("Petit souci : quand on déplace un cours d'une période à l'autre, le logiciel affiche une"
     " erreur.", "quand on déplace un cours d'une période à l'autre"),
])  # fmt: skip
def test_the_clause_that_says_when_is_offered_as_the_steps(text: str, steps: str) -> None:
    """No button is named, but what is done; the rest says what comes of it."""
    assert steps in read(text, ISSUE)["steps_to_reproduce"]


def test_a_clause_without_a_result_is_no_step() -> None:
    """ "When the bell rings" says nothing of the program."""
    text = "We noticed it this morning when the bell rang for the second time in a row."
    assert "steps_to_reproduce" not in read(text, ISSUE)


@pytest.mark.parametrize(("text", "who"), [
    ("Seit Montag können unsere beiden Stundenplaner keine Räume zuweisen.",
     "unsere beiden Stundenplaner"),
    ("Desde ayer los coordinadores de nuestras cuatro escuelas no pueden cargar las notas.",
     "los coordinadores de nuestras cuatro escuelas"),
    ("Depuis hier les secrétaires de nos trois écoles ne peuvent plus imprimer.",
     "les secrétaires de nos trois écoles"),
])  # fmt: skip
def test_a_group_has_its_people_and_its_owner(text: str, who: str) -> None:
    """ "Four schools" are not affected: the people in them are."""
    assert read(text, ISSUE)["who_is_impacted"] == who


@pytest.mark.parametrize(("text", "kind"), [
    ("The board approved a new logo and wants the weighted GPA on the transcript. We would like a"
     " custom one, a sketch is attached.", "Custom report, report card, or transcript"),
    ("Nuestras primarias necesitan una boleta de calificaciones a la medida.",
     "Custom report, report card, or transcript"),
    ("L'éditeur de la cantine nous dit qu'il lui faut une connexion automatique, chaque nuit.",
     "Integrations with 3rd Party applications"),
    ("Compramos un programa para las bibliotecas; el proveedor pide que preparen el enlace.",
     "Integrations with 3rd Party applications"),
])  # fmt: skip
def test_two_weaker_words_show_a_kind_of_project(text: str, kind: str) -> None:
    """None of the words that name a kind stands in the text."""
    assert read(text, "request_technical_services")["type"] == kind


def test_one_weaker_word_shows_no_kind_of_project() -> None:
    """A link may be anything."""
    text = "We would like your help with a small project, here is a link to our notes."
    assert "type" not in read(text, "request_technical_services")
    assert "type" not in read(text, "request_technical_services", "The link")


@pytest.mark.parametrize(("text", "words"), [
    ("Could we have a training for our clerks the week of March 16?", "the week of March 16"),
    ("We would like a training, any Wednesday in April.", "any Wednesday in April"),
    ("Quisiéramos una capacitación la segunda semana de abril.", "la segunda semana de abril"),
    ("Nous souhaitons une formation, un mercredi d'avril.", "un mercredi d'avril"),
    ("Wir hätten gern eine Schulung nach den Osterferien.", "nach den Osterferien"),
    ("Queríamos um treinamento na segunda semana de abril.", "na segunda semana de abril"),
])  # fmt: skip
def test_a_week_or_a_time_of_the_year_is_no_single_day(text: str, words: str) -> None:
    """Neither its first day nor, for "segunda", Monday: the words are the value."""
    assert read(text, "request_training")["preferred_training_date"] == words


def test_a_week_beside_a_day_is_no_further_choice() -> None:
    """ "After the holidays" says of the day what kind of day it is."""
    text = "We would like a training on April 7, so after spring break."
    got = read(text, "request_training")
    assert got["preferred_training_date"] == "2026-04-07"
    assert "preferred_training_date_2" not in got


@pytest.mark.parametrize(("text", "field", "words"), [
    ("Ni yo ni la maestra Ibarrola podemos abrir el Grade Book.", "who_is_impacted",
     "Ni yo ni la maestra Ibarrola"),
    ("Neither I nor Mrs Alder can open the gradebook.", "who_is_impacted", "Neither I nor Mrs"),
    ("Os professores de ciências da Escola Monte Claro estão com a média errada.",
     "who_is_impacted", "Os professores de ciências da Escola Monte Claro"),
    ("No me deja abrir el expediente desde el cambio de contraseña.", "issue_began",
     "desde el cambio de contraseña"),
    ("Quando a professora lança as cinco notas e depois volta para corrigir uma delas, as outras"
     " quatro ficam zeradas.", "steps_to_reproduce",
     "Quando a professora lança as cinco notas e depois volta para corrigir uma delas"),
])  # fmt: skip
def test_more_ways_to_say_who_when_and_how(text: str, field: str, words: str) -> None:
    """Ways of real people that were asked although they had been said."""
    assert words in read(text, ISSUE)[field]


def test_the_tag_of_a_list_says_nothing_of_the_matter() -> None:
    """ "[Campus status]" in front of a subject comes from a program, such as our notices."""
    text = "The same at Bayside: nobody can post."
    plain = guesses("Grade Book posting delayed", text, CATALOGUE)
    assert guesses("[Campus status] Grade Book posting delayed", text, CATALOGUE) == plain
    assert plain[0] == "application_issue"
    assert without_list_tags("[urgent]") == "[urgent]"


@pytest.mark.parametrize("message", ["I/O error while reading", "EU region is not available"])
def test_a_message_in_quotation_marks_is_no_person(message: str) -> None:
    """Both begin like words in which people speak of themselves."""
    got = read(f'Attendance does not save, it shows "{message}".', "application_issue")
    assert got["error_message"] == message


def test_what_a_colleague_says_is_no_error_message() -> None:
    """The message inside it is; a colleague who only complains has shown none."""
    said = "When I save, it shows 'Invalid session' and stops."
    text = f'Attendance does not save. Mrs Alder says: "{said}"'
    assert read(text, "application_issue")["error_message"] == "Invalid session"
    text = 'Attendance is wrong. Mrs Alder says: "I lost three sheets, I cannot go on."'
    assert "error_message" not in read(text, "application_issue")
