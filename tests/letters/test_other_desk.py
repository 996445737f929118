"""Another ticket system as a department: it gets plain mail, and its answers reach the contact."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.letter_text import plain_text
from tests.support.service import AMY
from tests.support.staff_desk import StaffDesk

OTHER = "helpdesk@other.example"
DEPARTMENT = f'\n[[department]]\nkey = "support"\ndesk = "{OTHER}"\n'
STAFF = f"""
[[staff]]
id = "desk"
name = "The other desk"
emails = ["{OTHER}"]
departments = ["support"]
"""


@pytest.fixture
def desk(tmp_path: Path) -> StaffDesk:
    """A case of Amy's has gone to the other desk."""
    made = StaffDesk(tmp_path, more=DEPARTMENT)
    file = tmp_path / "staff.toml"
    file.write_text(STAFF)
    made.cli("staff", "import", str(file))
    made.case_of()
    return made


def answer(desk: StaffDesk, text: str) -> str:
    """An answer as a ticket system sends it: to who wrote, with its own number in the subject."""
    letter = desk.posted(OTHER)[-1]
    subject = f"[help-1] {letter['Subject']} (Updated)"
    return desk.put(f"Help <{OTHER}>", text, subject=subject, service=str(letter["From"]))


def test_it_gets_the_words_and_nothing_of_ours(desk: StaffDesk) -> None:
    """In the contact's name, from the address of the case, with the contact named below."""
    (letter,) = desk.posted(OTHER)
    text = plain_text(letter)
    assert str(letter["From"]).startswith('"Amy Alder" <support+CASE-1001-')
    assert "How is a snow day set up?" in text
    assert text.rstrip().endswith("Amy Alder <amy@alder.example>, Alder Unified")
    assert "#note" not in text
    assert "only for staff" not in text


def test_its_files_are_files_and_what_is_missing_is_named(tmp_path: Path) -> None:
    """A text file is never taken for the text; one that does not fit is named."""
    made = StaffDesk(tmp_path, more=DEPARTMENT + "\n[handover]\nmax_bytes = 1000\n")
    body = (
        "--b\nContent-Type: text/plain\n\nCase Type: Ask a Question\nDescription: See the log.\n"
        '--b\nContent-Type: text/plain\nContent-Disposition: attachment; filename="a.log"\n\nline\n'
        '--b\nContent-Type: text/plain\nContent-Disposition: attachment; filename="b.log"\n\n'
        f"{'line ' * 1000}\n--b--\n"
    )
    fields = ("MIME-Version: 1.0", 'Content-Type: multipart/mixed; boundary="b"')
    made.case_of(text=body, fields=fields)
    letter = made.posted(OTHER)[-1]
    files = [one for one in letter.walk() if one.get_filename()]
    assert [(one.get_filename(), one.get_content_type()) for one in files] == [
        ("a.log", "application/octet-stream")
    ]
    assert "[not attached: b.log]" in plain_text(letter)


def test_its_answer_reaches_the_contact(desk: StaffDesk) -> None:
    """As any answer of staff does."""
    answer(desk, "Use the calendar.\n")
    desk.work()
    text = plain_text(desk.answers()[-1])
    assert "Use the calendar." in text
    assert "other.example" not in text
    assert "other.example" not in desk.answers()[-1].as_string()


def test_the_contacts_reply_finds_its_ticket_again(desk: StaffDesk) -> None:
    """By the number in the subject and by the Message-ID, whichever that system looks at."""
    mark = answer(desk, "Use the calendar.\n")
    desk.work()
    desk.say(AMY, "That did not help.", to=str(desk.answers()[-1]["Message-ID"]), subject="Re: x")
    letter = desk.posted(OTHER)[-1]
    assert "That did not help." in plain_text(letter)
    assert letter["In-Reply-To"] == mark
    assert mark in str(letter["References"])
    assert "[help-1] A question" in str(letter["Subject"])
    assert str(letter["Subject"]).count("[CASE-1001-") == 1


def test_a_case_moved_to_it_by_hand_arrives(desk: StaffDesk) -> None:
    """The same plain mail as at the beginning."""
    desk.cli("cases", "new", "--contact", "amy", "--type", "Ask a Question",
             "--subject", "On the phone", "--description", "And a rain day?")  # fmt: skip
    desk.work()
    assert "And a rain day?" in plain_text(desk.posted(OTHER)[-1])
