"""Permission, people and numbers: what a wrong reading would cost most."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from intake.model.cases import CaseBrief, PendingForm, StoredField
from intake.parsers.dates import Calendar
from intake.parsers.submission import Submission
from intake.parsers.values import is_blank, take
from tests.support.forms import AT, CATALOGUE, NOW, read, replying
from tests.support.rawmail import HANG, effort

HELP = CATALOGUE.fields["written_permission"].help
LETTER = f"Hello,\n\n({HELP})\nWritten Permission:\n\nReason for Restore:\n"
ASKED = PendingForm(
    "CASE-1", "zack", ("written_permission", "reason_for_restore"), "<q@x.example>", LETTER, 1
)
DRAFT = CaseBrief(
    "CASE-1", "bayside", "zack", "", "data_restore", "Medium", "hosting", "draft", "Rows",
    "One enrollment.", {"approximate_date_of_loss": StoredField("2021-09-10", "9/10", "label")},
)  # fmt: skip
HEAD = (
    "From: Support <s@support.example>\nSent: Wednesday, September 15, 2021 2:00 PM\n"
    "To: Zack\nSubject: Rows\n\n"
)


def permission(text: str) -> bool:
    """Whether a mail with that text gives permission to restore."""
    return "written_permission" in read(f"Case Type: Data Restore\n{text}").fields


@pytest.mark.parametrize(
    "words",
    [
        "Yes",
        "Yes, I give permission to restore this data.",
        "ok, go ahead",
        "granted by Zack",
        "I give you my written permission",
        "Yes, no problem",
    ],
)
def test_a_yes_under_the_label_is_permission(words: str) -> None:
    """A yes word in front, or one of the phrases, is enough."""
    assert permission(f"Written Permission: {words}")


@pytest.mark.parametrize(
    "words",
    [
        "No",
        "no, you may not",
        "not granted",
        "permission is not granted",
        "I do not give permission",
        "We don\u2019t give permission",
        "I can't give permission",
        "Yes or no?",
        "Do you need me to give permission?",
        "Yes, if my principal agrees",
        "I do not, for now,\ngive permission",
    ],
)
def test_a_no_a_question_or_a_condition_is_no_permission(words: str) -> None:
    """Neither under the label nor as a sentence in the text; the field stays missing."""
    assert not permission(f"Written Permission: {words}")
    assert not permission(f"Rows are gone.\n\n{words.replace('Yes', 'yes')}")


def test_permission_may_stand_in_any_sentence_of_the_writers_own() -> None:
    """In the free text, broken over two lines, or under another label."""
    assert permission("Rows are gone. I hereby give you\nwritten permission to restore them.")
    assert permission("Reason for Restore: a slip. We give permission to restore.")


@pytest.mark.parametrize(
    "text",
    [
        f"Reason for Restore: a slip\n\n{HEAD}{LETTER}",
        f"Reason for Restore: a slip\n\n{LETTER}",
        "Reason for Restore: a slip\n\n" + "".join(f"> {line}\n" for line in LETTER.splitlines()),
    ],
    ids=["header block", "no marks", "quoted"],
)
def test_our_own_help_text_coming_back_is_no_permission(text: str) -> None:
    """The request says what to write; sent back, it is still our sentence."""
    got = read(text, at=replying(DRAFT, ASKED))
    assert got.missing == ("written_permission",)


def test_somebody_elses_sentence_further_down_is_no_permission() -> None:
    """What an older mail said was said about something else."""
    assert not permission("Rows.\n\n-----Original Message-----\nI give permission to restore it.")


def contact(words: str) -> Submission:
    """A mail that names that contact."""
    return read(f"Case Type: Ask a Question\nContact: {words}\nDescription: How?")


@pytest.mark.parametrize(
    "words",
    ["n/a", "-", "me", "Zack Morris", "Zack Morris (TESTING)", "zack.morris@bayside.example"],
)
def test_a_blank_contact_and_oneself_are_the_sender(words: str) -> None:
    """Nothing is asked; a remark in brackets is no part of a name (seed L170)."""
    got = contact(words)
    assert (got.contact, got.submitted_by, got.missing) == ("zack", "", ())


@pytest.mark.parametrize(
    "words", ["Kelly Kapowski", "kelly@bayside.example", "Kelly <KELLY@bayside.example>"]
)
def test_a_colleague_is_named_by_name_or_whole_address(words: str) -> None:
    """Both people are on record."""
    got = contact(words)
    assert (got.contact, got.submitted_by) == ("kelly", "zack")


@pytest.mark.parametrize(
    "words", ["notkelly@bayside.example", "kelly@bayside.example.evil.example"]
)
def test_an_address_that_only_contains_a_colleagues_is_nobody(words: str) -> None:
    """Part of an address is another address: the sender is asked."""
    got = contact(words)
    assert got.contact == "zack"
    assert got.missing == ("contact",)


def test_a_blank_account_is_not_somebody_elses() -> None:
    """ "Account: n/a" is no district that could be refused."""
    assert read("Case Type: Ask a Question\nAccount: n/a\nDescription: How?").problems == ()


@pytest.mark.parametrize(
    ("words", "good"),
    [
        ("5550102", True),
        ("555010", False),
        ("123456789012345", True),
        ("1234567890123456", False),
        ("(555) 010-2030 ext. 123456", True),
        ("12345678901234567890", False),
        ("call me", False),
    ],
)
def test_a_phone_number_has_seven_to_fifteen_digits(words: str, good: bool) -> None:
    """The extension is not counted."""
    taken = take(words, CATALOGUE.fields["contact_primary_phone"], "", CATALOGUE, CALENDAR)
    assert (taken.value == words) is good
    assert taken.code == ("" if good else "bad-phone")


CALENDAR = Calendar(NOW, AT.timezone, "MDY")


def test_a_blank_marker_in_italics_is_blank() -> None:
    """``_No response_`` is what some forms print for nothing."""
    steps = CATALOGUE.fields["steps_to_reproduce"]
    assert is_blank("_No response_", steps, CATALOGUE)
    assert is_blank("No response_", steps, CATALOGUE)
    assert not is_blank("none of them", steps, CATALOGUE)


@pytest.mark.parametrize("words", ["a@", "1", " \n", "i authorise ", "yes ", "\n", "give you "])
def test_no_answer_hangs_the_judge(words: str) -> None:
    """Half a mebibyte of anything is judged, whatever the kind; it takes a tenth of a second."""

    def judge(times: int) -> Callable[[], object]:
        names = ("written_permission", "contact_email", "contact_primary_phone")
        kinds = [CATALOGUE.fields[name] for name in names]
        return lambda: [take(words * times, one, "", CATALOGUE, CALENDAR) for one in kinds]

    judge(10)()  # what is remembered from the first time on
    assert effort(judge(2000)) < 2.2 * effort(judge(1000))
    begun = time.process_time()
    judge(2**19 // len(words))()
    assert time.process_time() - begun < HANG


@pytest.mark.parametrize(
    "words",
    [
        "Doy permiso para restaurar estos datos.",
        "Les damos nuestro permiso.",
        "Si, doy permiso.",
        "Autorizo a restaurar los datos.",
        "Je vous donne mon autorisation écrite pour la restauration de ces données.",
        "Je vous donne bien sûr mon accord.",
        "J'autorise la restauration des données.",
        "Ja, ich erteile Ihnen die Erlaubnis, diese Daten wiederherzustellen.",
        "Ich gebe Ihnen hiermit die Erlaubnis.",
        "Hiermit erteile ich ausdrücklich die schriftliche Erlaubnis.",
        "Wir erteilen die Genehmigung.",
        "Autorizo vocês a restaurarem esses dados.",
        "Dou permissão para restaurar.",
    ],
)
def test_permission_is_read_in_the_languages_of_prose(words: str) -> None:
    """A sentence that gives it, by the writer."""
    assert permission(f"Description: Gelöscht.\n\n{words}\n")


@pytest.mark.parametrize(
    "words",
    [
        "No doy permiso para restaurar.",
        "Si hace falta, doy permiso para restaurar.",
        "Doy clic y dice permiso denegado.",
        "Doy permiso denegado como respuesta.",
        "Cela donne une erreur d'autorisation.",
        "Donnez-moi votre autorisation.",
        "Je ne donne pas mon accord.",
        "Si besoin, je vous donne mon accord.",
        "Bitte geben Sie uns die Erlaubnis.",
        "Wer kann die Erlaubnis geben.",
        "Ich gebe Ihnen nicht die Erlaubnis.",
        "Ich erteile keine Erlaubnis.",
        "Falls nötig, erteile ich die Erlaubnis.",
        "Não dou permissão.",
        "Se for preciso, autorizo a restauração.",
        "Dou permissão negada como resposta.",
        "Autorizo vocês a restaurarem?",
    ],
)
def test_what_sounds_like_a_permission_in_other_languages_is_none(words: str) -> None:
    """A refusal, a condition, a request, an error about rights, a question."""
    assert not permission(f"Description: Gelöscht.\n\n{words}\n")
