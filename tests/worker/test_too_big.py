"""A mail over the size limit: not fetched, kept on the server, and its contact is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.service import AMY, FAILED, NONE, SIGNED, Door, what, words_of

MORE = "\n[limits]\nmax_mail_bytes = 3000\n"
LONG = "Please look at the file.\n" * 200
PARTS = ("MIME-Version: 1.0", "Content-Type: multipart/mixed; boundary=b")


@pytest.fixture
def door(tmp_path: Path) -> Door:
    """A service that takes 3,000 bytes."""
    return Door(tmp_path, more=MORE)


@pytest.mark.parametrize("fields", [(), PARTS])
def test_a_contact_is_told_that_it_was_too_big(door: Door, fields: tuple[str, ...]) -> None:
    """Held by its own rule, answered in its thread, and nothing of it is a case."""
    row = door.say(AMY, LONG, subject="Re: Photos [CASE-1]", fields=fields)
    assert what(row) == "hold R29"
    assert "at most 3000 are fetched" in str(row["reasons"])
    (letter,) = door.letters("refusal", AMY)
    (posted,) = door.posted(AMY)
    assert posted["In-Reply-To"] == "<1@peer.example>"
    size = f"{row['size'] / 1000:.1f} kB"
    assert f"your mail has {size}, and we can take 3.0 kB at most" in words_of(posted)
    assert (letter["state"], door.cases()) == ("sent", [])
    assert len(list((door.folder / "in").glob(".Held/cur/*"))) == 1
    assert "too big to be fetched" in door.cli("messages", "list", "--held", "--json")
    door.work()
    assert len(door.letters("refusal", AMY)) == 1


@pytest.mark.parametrize(
    ("sender", "proof"),
    [
        (AMY, NONE), (AMY, FAILED), (AMY, ""), ("x@alder.example", SIGNED),
        ("mallory@attack.example", SIGNED), ("mallory@attack.example", NONE),
    ],
)  # fmt: skip
def test_nobody_else_is_told(door: Door, sender: str, proof: str) -> None:
    """Unproved, unregistered, a program: held by the limit as before, and no letter."""
    row = door.say(sender, LONG, proof=proof)
    assert what(row) == "hold R0"
    assert "at most 3000 are fetched" in str(row["reasons"])
    assert door.letters() == []


def test_a_program_is_not_told(door: Door) -> None:
    """An absence with a large picture gets no letter."""
    assert what(door.say(AMY, LONG, fields=("Auto-Submitted: auto-replied",))) == "hold R0"
    assert door.letters() == []


def test_a_header_that_cannot_be_read_is_held(door: Door) -> None:
    """Two authors, no end of the header, no header at all: the limit is named, the mail is kept."""
    door.put(AMY, LONG, fields=("From: mallory@attack.example",))
    door.put_raw("X" * 5000)
    door.put_raw("Subject: x\n" + "X-Y: z\n" * 700)
    door.work()
    rows = door.messages()
    assert {what(one) for one in rows} == {"hold R0"}
    assert len(list((door.folder / "in").glob(".Held/cur/*"))) == 3
    assert door.letters() == []


def test_the_smaller_mail_after_it_opens_a_case(door: Door) -> None:
    """The same person, the same subject: nothing stands in the way."""
    door.say(AMY, LONG, subject="Photos")
    assert what(door.say(AMY, subject="Photos")) == "create R20"
    assert what(door.say(AMY, LONG + "again", subject="Photos")) == "hold R29"
