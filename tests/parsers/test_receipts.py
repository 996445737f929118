"""An invitation accepted, a letter read: noted, and no question is asked about it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.service import AMY, Door, what

ENTRY = """BEGIN:VCALENDAR
METHOD:{0}
BEGIN:VEVENT
UID:abc@desk.example
SUMMARY:Half a day of training
DTSTART:20310505T140000Z
ATTENDEE;PARTSTAT=ACCEPTED;CN=Amy Alder:mailto:amy@al
 der.example
{1}END:VEVENT
END:VCALENDAR
"""
HEAD = ("MIME-Version: 1.0", "Content-Type: multipart/mixed; boundary=b")
GOOGLE = "Amy Alder has accepted this invitation.\n\nHalf a day of training\nWhen: Mon 5 May\n"
RECEIPT = """Your message

   To:  Amy Alder
   Subject: Re: A question [CASE-1001]
   Sent: Monday, March 2, 2026 9:00:00 AM

was read on Monday, March 2, 2026 9:05:00 AM.
"""
UNREAD = RECEIPT.replace("was read on", "was deleted without being read on")


def invited(words: str = "", method: str = "REPLY", comment: str = "", more: str = "") -> str:
    """The parts of a calendar program's mail."""
    entry = ENTRY.format(method, comment)
    return (
        f"--b\nContent-Type: text/plain; charset=utf-8\n\n{words}\n"
        f"--b\nContent-Type: text/calendar; method={method}; charset=utf-8\n\n{entry}\n"
        f"{more}--b--\n"
    )


@pytest.mark.parametrize("words", ["", GOOGLE, "Amy Alder ha aceptado esta invitación.\n"])
def test_an_accepted_invitation_asks_nothing(tmp_path: Path, words: str) -> None:
    """Noted in the ledger with what it says; no case, no letter."""
    door = Door(tmp_path)
    row = door.say(AMY, invited(words), subject="Accepted: Half a day of training", fields=HEAD)
    assert what(row) == "ignore R27"
    assert "an answer to an invitation: accepted" in str(row["reasons"])
    assert (door.cases(), door.letters()) == ([], [])


@pytest.mark.parametrize(
    "text",
    [
        invited("I cannot come, can we move it to Tuesday?"),
        invited(comment="COMMENT:Can we move it to Tuesday?\n"),
        invited(method="REQUEST"),
        invited(method="COUNTER"),
        invited(more="--b\nContent-Type: application/pdf\nContent-Disposition: attachment;"
                     " filename=plan.pdf\n\n%PDF-1.4\n"),
    ],
)  # fmt: skip
def test_an_invitation_with_a_word_more_is_a_mail(tmp_path: Path, text: str) -> None:
    """A comment, a file, another time, an invitation of their own: somebody has to read it."""
    door = Door(tmp_path)
    row = door.say(AMY, text, subject="Accepted: Half a day of training", fields=HEAD)
    assert what(row) != "ignore R27"
    assert len(door.cases()) == 1


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        ("Read: Re: A question [CASE-1001]", RECEIPT),
        (
            "Not read: Re: A question",
            RECEIPT.replace("was read on", "was deleted without being read on"),
        ),
        (
            "Gelesen: Eine Frage",
            "Ihre Nachricht\n\n  An: Amy\n  Betreff: Eine Frage\n  Gesendet: 2. März\n\n"
            "wurde am Montag, 2. März 2026 gelesen.\n",
        ),
        ("Leído: Una pregunta", "Su mensaje\n\nPara: Amy\nAsunto: X\n\nse leyó el lunes.\n"),
    ],
)
@pytest.mark.parametrize("answers", [False, True])
def test_a_receipt_in_plain_words_asks_nothing(
    tmp_path: Path, subject: str, text: str, *, answers: bool
) -> None:
    """Whether it names our letter or not."""
    door = Door(tmp_path)
    door.say(AMY)
    letter = str(door.posted(AMY)[0]["Message-ID"]) if answers else ""
    count = len(door.letters())
    assert what(door.say(AMY, text, subject=subject, to=letter)) == "ignore R27"
    assert (len(door.cases()), len(door.letters())) == (1, count)


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        ("Read: your manual, a question", "Where is what was read on Monday?\nAnd why?\nAmy"),
        ("Read: Re: A question", RECEIPT + "\nBut it does not help. What now?\n"),
        ("Read: the log", "Error 500 since this morning."),
    ],
)  # fmt: skip
def test_a_mail_about_reading_is_a_mail(tmp_path: Path, subject: str, text: str) -> None:
    """The word in the subject proves nothing, nor does one sentence with a person's below it."""
    door = Door(tmp_path)
    assert what(door.say(AMY, text, subject=subject)) != "ignore R27"
    assert len(door.cases()) == 1
