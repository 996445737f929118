"""Phrases of ordinary mails that were read wrongly once: who, where, when, which change, why."""

from __future__ import annotations

import pytest

from tests.support.prose_score import values_of as read

ISSUE, RESTORE, CONTACTS = "application_issue", "data_restore", "modify_support_contacts"


@pytest.mark.parametrize("text", [
    "Favor de dar de baja a Ezequiel Montalvo. Por ahora nadie ocupa su lugar.",
    "Merci de retirer Mme Solange Duvernay de vos listes. Personne ne prend sa place.",
    "Please remove Gus Pellerin from the list, nobody takes over for now.",
])  # fmt: skip
def test_nobody_in_the_place_is_no_replacement(text: str) -> None:
    """The words of a replacement stand there, behind "nobody"."""
    assert read(text, CONTACTS)["request_type"] == "Remove"


@pytest.mark.parametrize(("text", "days"), [
    ("Könnten Sie einen Berater schicken? Passen würde uns der 14. April, ersatzweise der 16.04."
     " (am 15. tagt der Ausschuss).", ["2026-04-14", "2026-04-16"]),
    ("We need a consultant because last year we did it with magnets. We could do March seventeenth"
     " or if that's no good March nineteenth.", ["2026-03-17", "2026-03-19"]),
])  # fmt: skip
def test_days_that_are_proposed(text: str, days: list[str]) -> None:
    """Not the day that is taken, and not last year; a telephone may write the day in words."""
    found = read(text, "request_consulting")
    names = ("preferred_consult_date", "preferred_consult_date_2", "preferred_consult_date_3")
    assert [found[name] for name in names if name in found] == days


def test_an_address_in_the_signature_is_the_writers() -> None:
    """The new contact's address is not told, so it is asked for."""
    text = (
        "Könnten Sie unsere neue Personalreferentin Friederike Möllenbeck als Ansprechpartnerin"
        " eintragen?\n\nDanke und einen schönen Tag\nGernot Waldvogel\nVerwaltung\n"
        "gernot.waldvogel@oberbach.example / 555-0130"
    )
    found = read(text, CONTACTS)
    assert (found["contact_first_name"], found["contact_last_name"]) == ("Friederike", "Möllenbeck")
    assert "contact_email" not in found
    added = text.replace("Danke und einen schönen Tag", "Viele Gruesse aus Oberbach")
    assert "contact_email" not in read(added, CONTACTS)


@pytest.mark.parametrize(("text", "who"), [
    ("Gradebook just spins and spins for my hs teachers since Monday.", "my hs teachers"),
    ("It does it to the whole 2nd grade team since Monday.", "the whole 2nd grade team"),
    ("Our kindergarten and first grade teachers cannot get their attendance to stick.",
     "Our kindergarten and first grade teachers"),
    ("A chamada não está salvando pros professores do turno da tarde.",
     "professores do turno da tarde"),
    ("Both Lottie and I have it now, on her machine and on mine.", "Both Lottie and I"),
])  # fmt: skip
def test_more_people_who_are_affected(text: str, who: str) -> None:
    """With all their words."""
    assert read(text, ISSUE)["who_is_impacted"] == who


def test_like_everybody_else_is_nobody_affected() -> None:
    """They are only compared."""
    text = "I checked that her section is set up like everybody else's. It does not post."
    assert "who_is_impacted" not in read(text, ISSUE)


def test_a_class_is_no_day() -> None:
    """ "Der 4. Klassen" is not the fourth of the month; calls "from" parents are no beginning."""
    text = "Seit vorgestern werden die Lesetests der 4. Klassen doppelt gezählt."
    assert read(text, ISSUE)["issue_began"] == "2026-03-02"
    text = (
        "Mr. Tran had his whole bus marked absent yesterday because of it and I got eleven calls"
        " from parents. It has been going on since Monday."
    )
    assert read(text, ISSUE)["issue_began"] == "2026-03-02"


def test_what_is_expected_behind_a_colon() -> None:
    """The words in front of the colon only announce it."""
    text = "No message. What I'd expect: lunch stays where it was!"
    assert read(text, ISSUE)["expected_results"].rstrip("!") == "lunch stays where it was"


def test_a_path_begins_with_its_module() -> None:
    """What stands further down the path is less, and a menu is no module."""
    text = (
        'The note says it "is in the Data Warehouse". I found Data Warehouse > Panels > Enrollment'
        " for the enrollment of five years, but I see only this year."
    )
    assert read(text, "ask_question")["module"] == "Data Warehouse"
    text = "I open Salud > Medicamentos, press Agregar and then Guardar, and it is not in the list."
    assert read(text, ISSUE)["module"] == "Salud"
    assert "module" not in read("I open Reports > Daily, press Print, and it is empty.", ISSUE)


def test_what_somebody_did_by_mistake() -> None:
    """The sentence with a person, a deed and a mistake says it; that it is missing says nothing."""
    text = "All grades are gone. My sub hit Clear All on Thursday. Can you restore them?"
    assert "My sub hit Clear All" in read(text, RESTORE)["reason_for_restore"]
    gone = "On Thursday at noon the grades were missing. Can you restore them?"
    assert "reason_for_restore" not in read(gone, RESTORE)


def test_a_beginning_of_long_ago_is_not_meant() -> None:
    """The school year began in September, the trouble on Monday."""
    text = (
        "Bonjour, voici le problème de nos écoles. La fiche devrait être acceptée, puisque l'année"
        " a commencé le 2 septembre 2025. Constaté la première fois le lundi 02/03."
    )
    assert read(text, ISSUE)["issue_began"] == "2026-03-02"


@pytest.mark.parametrize(("text", "who"), [
    ("It started Monday. My aide and I cannot post, the students are back to Present.",
     "My aide and I"),
    ("Notre secrétaire suppléante et moi avons le problème depuis la mise à jour.",
     "Notre secrétaire suppléante et moi"),
    ("All grade 3-5 teachers at our four schools are stuck, the list is empty.",
     "All grade 3-5 teachers at our four schools"),
])  # fmt: skip
def test_the_writer_and_somebody_else(text: str, who: str) -> None:
    """In either order; a number may stand among the words of a group."""
    assert read(text, ISSUE)["who_is_impacted"] == who


def test_people_in_numbered_steps_are_not_affected() -> None:
    """They are what is clicked."""
    text = (
        "It freezes since Monday.\n\n1. Open Attendance > Daily\n2. Mark two students absent\n"
        "3. Press Save\n"
    )
    assert "who_is_impacted" not in read(text, ISSUE)


def test_small_letters_begin_sentences_too() -> None:
    """Somebody who never writes a capital letter ends sentences with a dot all the same."""
    text = (
        "so i was cleaning up duplicates yesterday and i merged the wrong two families, now all the"
        " numbers are gone. is there an undo? im only the temp. thanks"
    )
    found = read(text, RESTORE)
    assert found["approximate_date_of_loss"] == "2026-03-03"
    assert "i merged the wrong two families" in found["reason_for_restore"]


@pytest.mark.parametrize(("text", "request_type"), [
    ("Solicito que se agregue a Yolanda Ibarrola como contacto. No sustituye a nadie.", "Add"),
    ("Bitte Dietmar Kolbe aus der Kontaktliste streichen. Nachfolge gibts noch keine.", "Remove"),
    ("Dolores Finch retired. Please switch her out for our manager Amit Rasmussen.", "Replace"),
])  # fmt: skip
def test_which_change_of_contacts_is_wanted(text: str, request_type: str) -> None:
    """What is denied is not wanted."""
    assert read(text, CONTACTS)["request_type"] == request_type


def test_a_kind_of_access_that_the_writer_does_not_know_is_asked() -> None:
    """Two are named, and neither is chosen."""
    text = "Please give him access. I don't know if he needs SQL Server or SSRS, you tell me."
    assert "request_type" not in read(text, "server_access")


def test_the_deadline_with_its_word_in_front_counts() -> None:
    """The other day is the state's."""
    text = (
        "Bitte erweitern Sie den Bericht. Die Meldung ist am 30. April fällig, der Bericht sollte"
        " also bis zum 17. April fertig sein."
    )
    found = read(text, "request_technical_services")
    assert found["desired_completion_date"] == "2026-04-17"


def test_the_second_half_of_a_month_is_no_monday() -> None:
    """ "Segunda" is Monday, too."""
    text = "Gostaríamos de uma consultoria. Para nós seria bom na segunda quinzena de março."
    found = read(text, "request_consulting")
    assert found["preferred_consult_date"] == "na segunda quinzena de março"


@pytest.mark.parametrize(("text", "day"), [
    ("Our secretary accidentally ran the attendance wipe for the whole high school on Monday,"
     " March 2. All the marks of that day are gone.", "2026-03-02"),
    ("Please restore the Grade Book as it was on March 2. I overwrote it by accident yesterday.",
     "2026-03-03"),
])  # fmt: skip
def test_the_day_of_the_loss(text: str, day: str) -> None:
    """Not the day whose state is wanted back."""
    assert read(text, RESTORE)["approximate_date_of_loss"] == day


def test_a_class_is_no_initial() -> None:
    """The sentence ends behind "4e C", so the question behind it does not hide what happened."""
    text = (
        "Bonjour, hier j'ai supprimé par erreur l'emploi du temps de la classe de 4e C. Pouvez-vous"
        " le restaurer ? Vous avez mon accord."
    )
    assert "j'ai supprimé par erreur" in read(text, RESTORE)["reason_for_restore"]


@pytest.mark.parametrize(("text", "who"), [
    ("one of our seniors has the wrong GPA since Monday", "one of our seniors"),
    ("When teachers at Lincoln Middle enter a score, the total is wrong.",
     "teachers at Lincoln Middle enter"),
])  # fmt: skip
def test_people_without_the_words_in_front(text: str, who: str) -> None:
    """ "One of" belongs to them, "when" does not."""
    assert read(text, ISSUE)["who_is_impacted"] == who


@pytest.mark.parametrize("text", [
    "We would like a training for our teachers. Any time in April is fine.",
    "Wir hätten gern eine Schulung. Am liebsten im April.",
    "Queremos una capacitación para los maestros. Puede ser en abril.",
    "Nous voudrions une formation pour nos enseignants, courant avril.",
    "Queremos um treinamento para os professores. Pode ser em abril.",
])  # fmt: skip
def test_a_month_is_answer_enough_for_a_training(text: str) -> None:
    """The case opens with the words, and those who plan it choose the day."""
    found = read(text, "request_training", "Training")
    assert "abri" in found["preferred_training_date"].lower().replace("april", "abri").replace(
        "avril", "abri"
    )


def test_a_month_counts_although_there_is_no_fixed_day_yet() -> None:
    """What is denied is the day, not the month."""
    text = "Wir hätten gern eine Beratung. Am liebsten im Mai, einen festen Termin haben wir nicht."
    found = read(text, "request_consulting", "Beratung gewünscht")
    assert found["preferred_consult_date"] == "Am liebsten im Mai"
