"""A change of the writer's own data: who they are is known, so nobody asks for it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from intake.model.cases import CaseBrief, PendingForm, StoredField
from tests.support.forms import AT, ZACK, read, replying

NAMES = ("contact_first_name", "contact_last_name", "contact_email")


@pytest.mark.parametrize("text", [
    "My phone number has changed, please update it. The new one is 555-0188.",
    "Mon numéro de téléphone a changé. Pourriez-vous mettre à jour ma fiche ? C'est le 555-0188.",
    "Meine Telefonnummer hat sich geändert, sie ist jetzt 555-0188. Bitte aktualisieren Sie sie.",
    "Mi número de teléfono cambió, favor de actualizar mis datos. El nuevo número es 555-0188.",
    "O meu telefone mudou, podem atualizar os meus dados? O novo número é 555-0188.",
])  # fmt: skip
def test_the_writers_own_record_answers_who_it_is(text: str) -> None:
    """Only the type is confirmed."""
    case = read(text, subject="support contacts")
    told = [case.fields[name].value for name in NAMES]
    assert told == ["Zack", "Morris", ZACK.emails[0]]
    assert {case.fields[name].source for name in NAMES} == {"contact record"}
    assert case.fields["contact_primary_phone"].value == "555-0188"
    assert case.missing in ((), ("case_type",))


def test_a_new_address_in_the_mail_counts_more_than_the_recorded_one() -> None:
    """It is what is to be changed."""
    text = "My email address has changed to zack@new.example, please update it on your list."
    case = read(text, subject="support contacts")
    assert case.fields["contact_email"].value == "zack@new.example"
    assert case.fields["contact_first_name"].value == "Zack"


def test_somebody_else_is_not_the_writer() -> None:
    """A name in the mail, or a change that is none of the writer's data, leaves the record out."""
    other = "Please change the phone number of Jessie Spano to 555-0188. My number stays the same."
    assert read(other, subject="contacts").fields["contact_first_name"].value == "Jessie"
    added = "Please add a new support contact. You can reach me at my number 555-0188."
    assert "contact_first_name" not in read(added, subject="support contacts").fields


def test_a_stranger_has_no_record() -> None:
    """Nothing is filled in for a sender who is not registered."""
    text = "My phone number has changed, please update it. The new one is 555-0188."
    case = read(text, replace(AT, contact=None), subject="support contacts")
    assert "contact_first_name" not in case.fields


def test_what_the_record_lacks_is_not_asked_after_the_answer_either() -> None:
    """The names of the draft come from the record, so it is still the writer's own change."""
    text = "My phone number has changed, please update it. The new one is 555-0188."
    first = read(text, subject="support contacts")
    stored = {name: StoredField(one.value, one.words, one.source)
              for name, one in first.fields.items()}  # fmt: skip
    case = CaseBrief(
        "CASE-1001", "bayside", "zack", "", "modify_support_contacts", "Medium", "support", "draft",
        "my number", fields=stored, description=text,
    )  # fmt: skip
    asked = PendingForm("CASE-1001", "zack", ("case_type",), "<q@desk.example>", "Case Type:\n", 1)
    assert read("yes", replying(case, asked)).missing == ()
