"""Thanks, endings and absences in seven languages, against mails written by somebody else.

The author of the four files in ``courtesy`` did not know the code.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any

import pytest

from intake.mail.message import Message
from intake.parsers import attributions
from intake.parsers.commands import may_close, only_thanks
from intake.parsers.scanner import scan
from tests.support.forms import CATALOGUE
from tests.support.letter_text import plain_text
from tests.support.rawmail import message
from tests.support.service import ABE, AMY, Door

FOLDER = Path(__file__).with_name("courtesy")


def mails(name: str) -> list[dict[str, Any]]:
    """The mails of one of the files."""
    lines = (FOLDER / f"{name}.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


def read(one: dict[str, Any]) -> Message:
    """The mail as a contact sends it."""
    mail = EmailMessage(policy=SMTP)
    mail["From"], mail["To"] = "Zack Morris <zack@bayside.example>", "support@desk.example"
    mail["Subject"], mail["Message-ID"] = one["subject"], "<1@bayside.example>"
    mail.set_content(one["body"], cte="base64")
    return message(mail.as_bytes())


def kind(one: dict[str, Any]) -> str:
    """What the mail is taken for: "thanks", "close", or an ordinary mail."""
    mail = read(one)
    own = scan(mail, CATALOGUE).leftover
    if only_thanks(mail, own, [], CATALOGUE):
        return "thanks"
    return "close" if may_close(mail, own, [], CATALOGUE) else ""


def test_most_endings_are_recognised_in_every_language() -> None:
    """In every style of quoting; what is not recognised is an ordinary mail."""
    counts: Counter[str] = Counter()
    for one in mails("thanks"):
        counts[one["lang"]] += bool(kind(one))
    assert min(counts.values()) >= 12  # of 20
    assert sum(counts.values()) >= 105  # of 140


def test_nothing_that_says_more_is_taken_for_an_ending() -> None:
    """A question, a "but", a number, a postscript: all of it stays an ordinary mail."""
    assert [one["body"] for one in mails("not_thanks") if kind(one)] == []


def test_absences_without_any_field_are_recognised_by_their_words() -> None:
    """And no mail of a person that only speaks of an absence."""
    found = [bool(scan(read(one), CATALOGUE).tidings) for one in mails("absences")]
    assert sum(found) >= 100  # of 105
    wrong = [one for one in mails("not_absences") if scan(read(one), CATALOGUE).tidings]
    assert wrong == []


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        ("Please verify your message", "Click the link below to confirm that you are not a robot."),
        ("[Boxbe] Action required", "Your message is being held. Reply to confirm you are human."),
        ("Bitte bestätigen", "Bitte bestätigen Sie, dass Sie kein Roboter sind."),
    ],
)
def test_a_spam_filters_question_is_recorded_and_never_answered(
    tmp_path: Path, subject: str, text: str
) -> None:
    """It comes from the contact's own address, and opens nothing."""
    door = Door(tmp_path)
    row = door.say(AMY, text, subject=subject)
    assert (row["action"], row["rule"]) == ("ignore", "R27")
    assert (door.cases(), door.letters()) == ([], [])
    asked = door.say(AMY, "How do I confirm that a parent is not a robot?", subject="Verification")
    assert asked["rule"] != "R27"


def test_an_absence_reopens_nothing_and_gets_no_answer(tmp_path: Path) -> None:
    """A colleague's program answers the letter about a closed case, without a mark."""
    door = Door(tmp_path)
    door.say(AMY)
    number = door.cases()[0]["number"]
    door.cli("cases", "close", number)
    ours = str(door.posted(AMY)[0]["Message-ID"])
    before = len(door.letters())
    text = "Ich bin bis 9. Januar im Urlaub und danach wieder erreichbar.\n"
    for who in (AMY, ABE):
        row = door.say(who, text, subject="Abwesenheitsnotiz: Re: A question", to=ours)
        assert row["action"] == "ignore"
    assert (door.case(number)["status"], len(door.letters())) == ("closed", before)


def quoting(body: str, letter: str) -> str:
    """The mail with our own letter in place of the one that its author made up."""
    lines = body.split("\n")
    attribution = next((n for n in range(len(lines)) if attributions.size_at(lines, n)), len(lines))
    kept = [line for line in lines if not line.startswith(">")]
    head = [line for line in kept if line in lines[: attribution + 3]]
    return "\n".join((*head, *(f"> {line}" for line in letter.split("\n"))))


THANKS = [
    one
    for one in mails("thanks")
    if one["kind"] == "thanks" and kind(one) and "\n>" in one["body"]
    and "@" not in one["body"].split("\n")[0] and not re.search(r"\d", one["body"].split("\n")[0])
]  # fmt: skip


@pytest.mark.parametrize("one", THANKS, ids=lambda one: one["lang"] + repr(one["body"][:20]))
def test_a_closed_case_stays_closed_after_thanks(tmp_path: Path, one: dict[str, Any]) -> None:
    """And the attribution is never the comment."""
    door = Door(tmp_path)
    door.say(AMY)
    number = door.cases()[0]["number"]
    door.cli("cases", "close", number)
    letter = door.posted(AMY)[0]
    said = plain_text(letter).strip()
    row = door.say(AMY, quoting(one["body"], said), subject="Re: A question",
                   to=str(letter["Message-ID"]),
                   fields=["MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8",
                           "Content-Transfer-Encoding: 8bit"])  # fmt: skip
    assert (row["rule"], door.case(number)["status"]) == ("R17", "closed")


AUTHORS = ("Support Desk <support@desk.example>", "Support Desk", '"Desk, Support" <s@d.example>')
SHAPES = (
    "On Tue, Nov 18, 2025 at 1:03 PM {} wrote:", "On 18.11.2025 13:03, {} wrote:",
    "Am 18.11.25 um 13:03 schrieb {}:", "Am Di., 18. Nov. 2025 um 13:03 Uhr schrieb {}:",
    "Am Dienstag, 18. November 2025 um 13:03 hat {} Folgendes geschrieben:",
    "Le mar. 18 nov. 2025 à 13:03, {} a écrit\u00a0:", "Le 18/11/2025 à 13:03, {} a écrit :",
    "El mar, 18 nov 2025 a las 13:03, {} escribió:", "El 18/11/25 a las 13:03, {} escribió:",
    "Em ter., 18 de nov. de 2025 às 13:03, {} escreveu:", "Em 18/11/2025 13:03, {} escreveu:",
    "Op di 18 nov 2025 om 13:03 schreef {}:",
    "Op 18 nov 2025 om 13:03 heeft {} het volgende geschreven:",
    "Il giorno mar 18 nov 2025 alle ore 13:03 {} ha scritto:",
    "Il 18/11/2025 13:03, {} ha scritto:",
    "---- On Tue, 18 Nov 2025 13:03:00 +0100 {} wrote ----", "{} wrote:", "{} schrieb:",
    ">>> {} 18.11.2025 13:03 >>>",
)  # fmt: skip


@pytest.mark.parametrize("author", AUTHORS)
@pytest.mark.parametrize("shape", SHAPES)
def test_attributions_are_known_in_every_language_and_shape(shape: str, author: str) -> None:
    """On one line, and folded at any space over two or three, as programs do it."""
    line = shape.format(author)
    assert attributions.size_at([line], 0) == 1
    if not shape.startswith(("On", "Am", "Le", "El", "Em", "Op", "Il")):
        return
    words = line.split(" ")
    for place in range(2, len(words)):
        folded = [" ".join(words[:place]), " ".join(words[place:])]
        assert attributions.size_at(folded, 0) in (1, 2), folded


@pytest.mark.parametrize("line", [
    "On Monday nobody could log in.", "He wrote a report", "Am Montag geht nichts:",
    "Le bulletin est vide :", "El informe dice:", "Em resumo:", "Steps:", "Error: 500",
    "On the page it says: Token expired", "Il registro:", "Op school:",
    "On Monday Ms. Keene wrote on the board:",
])  # fmt: skip
def test_ordinary_lines_are_no_attribution(line: str) -> None:
    """A label or a sentence that begins like one."""
    assert attributions.size_at([line, "More text."], 0) == 0
