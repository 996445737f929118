"""Held mail speaks to the operator, and to its writer's colleagues if the operator wants it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.service import ABE, AMY, BEN, FAILED, MONA, NONE, PEOPLE, Door, words_of

ON = "[replies]\ntell_held = true\n"
READER = PEOPLE.replace(
    'accounts = ["alder"]\ncontact_type = "Authorized"',
    'accounts = ["alder"]\ncontact_type = "Read Only"',
    1,
)  # fmt: skip  - Amy is the first of Alder


@pytest.mark.parametrize(("proof", "people", "words"), [
    (NONE, PEOPLE, "Nothing proves that Amy Alder wrote it"),
    ("", READER, "may read cases but not open them"),
])  # fmt: skip
def test_the_other_contacts_are_told_once_a_week(
    tmp_path: Path, proof: str, people: str, words: str
) -> None:
    """Each Authorized contact of the account gets one letter; the writer and others get none."""
    door = Door(tmp_path, people=people, more=ON)
    how = {"proof": proof} if proof else {}
    held = door.say(AMY, **how)
    assert held["status"] == "held"
    door.work()
    told = [one for one in door.posted() if str(one["Subject"]).startswith("Mail from Amy")]
    assert sorted(str(one["To"]) for one in told) == sorted([ABE, MONA])
    assert words in words_of(told[0])
    door.say(AMY, **how)
    door.work()
    again = [one for one in door.posted() if str(one["Subject"]).startswith("Mail from Amy")]
    assert len(again) == len(told)
    assert BEN not in [one["To"] for one in door.posted()]


def test_a_disabled_contact_is_explained_too(tmp_path: Path) -> None:
    """The account may have meant to keep them."""
    door = Door(tmp_path, more=ON)
    door.cli("contacts", "disable", "amy")
    door.say(AMY)
    door.work()
    (letter, *_) = door.posted(ABE)
    assert "is not an active contact any more" in words_of(letter)


@pytest.mark.parametrize(("more", "proof"), [("", NONE), (ON, FAILED)])
def test_nobody_is_told_unless_it_is_wanted_and_never_of_forgeries(
    tmp_path: Path, more: str, proof: str
) -> None:
    """Off by default; a forged mail is the operator's affair."""
    door = Door(tmp_path, more=more)
    door.say(AMY, proof=proof)
    door.work()
    assert door.posted() == []
