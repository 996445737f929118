"""Nothing of the house leaves: generated staff mails, and every byte that goes to a contact."""

from __future__ import annotations

import os
import random
from dataclasses import replace
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import pytest

from intake.authentication.sender import Sender
from intake.letters import compose
from intake.letters.handover import Handover
from intake.letters.letter import LetterContext, Templates
from intake.letters.staff_answers import from_staff
from intake.mail.limits import Limits
from intake.mail.message import Arrival, Message, read
from intake.model.cases import CaseBrief
from intake.model.context import Known
from intake.model.departments import Department
from intake.model.staff import Staff
from intake.parsers.scanner import scan
from intake.triage.decision import decide
from intake.worker.staff_judgement import StaffSetup, ordered
from tests.support.forms import CATALOGUE
from tests.support.letter_text import plain_text
from tests.support.values import KNOWN, NOW, POLICY

MAILS = 2000 * int(os.environ.get("INTAKE_CAMPAIGN", "1"))
NORA = Staff("nora", "Nora Field", ("nora.field@vendor.example",), ("support",))
SECRETS = ("hunter2-note", "quoted-handover-fact", "nora.field@vendor.example", "vendor.example",
           "internal-header-value", "app@desk.example", "+1 312 555 0199",
           "wrote-in-forward")  # fmt: skip
CASE = CaseBrief(
    "CASE-1001", "bayside", "zack", "", "ask_question", "Medium", "support", "open", "Snow day"
)
ROOM = Path(compose.__file__).parents[1] / "templates"
HOUSE = LetterContext(
    "Support desk", "support@desk.example", (b"a secret for the tests",), CATALOGUE,
    Templates({str(p.relative_to(ROOM)): p.read_text() for p in ROOM.rglob("*.txt")}),
)  # fmt: skip
SETUP = Handover(
    {"support": Department("support", "Application Support", "app@desk.example")},
    HOUSE, 10**7,
)  # fmt: skip
HANDOVER = (
    "=== only for staff: nothing below this line is sent on ===\n\nA new case for Application"
    " Support.\n\nCase: CASE-1001, Medium, Ask a Question\nContact: quoted-handover-fact\n\n"
    "Zack Morris wrote\n\n    quoted-handover-fact of the contact in a long line of his own\n\n"
    "How to answer: reply to this mail. Your words go to Zack Morris, under your name\n"
)
ANSWERS = (
    "Please clear the cache.", "Restart it, then log in again.\n\n1. Open Tools\n2. Click Clear",
    "Hello Zack,\n\nit is fixed. Could you check?", "Das ist behoben.", "Ya está arreglado.",
)  # fmt: skip
SIGNATURES = (
    "", "\n\n-- \nNora Field\nnora.field@vendor.example\n+1 312 555 0199",
    "\n\nBest regards,\nNora Field\nSupport Engineer\n+1 312 555 0199\nnora.field@vendor.example",
    "\n\nNora\n\nSent from my iPhone", "\n\nRegards\nNora Field | vendor.example | +1 312 555 0199",
)  # fmt: skip
COMMANDS = ("", "", "", "#close\n", "#priority high\n#assign me\n", "# wait\n", "#note\n")


def quoted(text: str, style: int) -> str:
    """The text as a mail program puts it below an answer."""
    lines = text.splitlines()
    if style == 0:
        head = "On Mon, Mar 2, 2026 at 9:00 AM Support desk <support@desk.example> wrote:\n"
        return head + "\n".join(f"> {line}" for line in lines)
    if style == 1:
        head = (
            "From: Support desk <support@desk.example>\nSent: Monday, March 2, 2026 9:00 AM\n"
            "To: Application Support <app@desk.example>\nSubject: [CASE-1001] Medium\n\n"
        )
        return head + text
    if style == 2:
        return "-----Original Message-----\n" + text
    if style == 3:
        head = "Am 02.03.2026 um 09:00 schrieb Support desk <support@desk.example>:\n"
        return head + "\n".join(f"> {line}" for line in lines)
    return "---------- Forwarded message ---------\nFrom: Dana <dana@vendor.example>\n\n" + text


def staff_mail(draw: random.Random) -> tuple[EmailMessage, str]:
    """One mail as staff write it, and the words that may leave."""
    answer, command = draw.choice(ANSWERS), draw.choice(COMMANDS)
    internal = draw.choice(
        (HANDOVER, HANDOVER + "\nhunter2-note\n", "Dana: hunter2-note\n", "wrote-in-forward")
    )
    below = "\n\n" + quoted(internal, draw.randrange(5)) if draw.random() < 0.85 else ""
    said = "hunter2-note for the team" if command == "#note\n" else answer
    text = command + said + draw.choice(SIGNATURES) + below + "\n"
    mail = EmailMessage(policy=SMTP)
    mail["From"] = '"Nora Field" <nora.field@vendor.example>'
    mail["To"] = "support@desk.example"
    mail["Cc"] = "app@desk.example, dana@vendor.example"
    mail["Subject"] = "Re: [CASE-1001-XXXXXXXX] Medium internal-header-value"
    mail["X-Internal"] = "internal-header-value"
    mail["Message-ID"] = f"<{draw.randrange(10**9)}@mail.vendor.example>"
    mail.set_content(text, cte="quoted-printable")
    if draw.random() < 0.4:
        shown = text.replace("&", "&amp;").replace("<", "&lt;").replace("\n", "<br>\n")
        mail.add_alternative(f"<html><body>{shown}</body></html>", subtype="html")
    if draw.random() < 0.05:
        mail["Auto-Submitted"] = "auto-replied"
    return mail, answer if command != "#note\n" else ""


def relayed(mail: EmailMessage) -> list[bytes]:
    """The letters to contacts that the mail leads to."""
    raw = mail.as_bytes()
    arrival = Arrival("m", 1, 1, NOW, "d" * 64, len(raw), raw)
    message = read(arrival, Limits())
    assert isinstance(message, Message)
    known: Known = replace(
        KNOWN, contacts=(), case=CASE, staff=NORA, colleagues=KNOWN.contacts,
        colleagues_of_staff=(NORA,), sent_texts=(HANDOVER,),
    )  # fmt: skip
    sender = Sender("L3", "nora.field@vendor.example", None, False, ())
    setup = StaffSetup(CATALOGUE, "America/Chicago", "CASE-", SETUP.departments)
    orders = ordered(message, known, setup, scan(message, CATALOGUE))
    decision = decide(message, sender, orders, known, POLICY, NOW)
    letters = from_staff(decision, known, message, SETUP, NOW)
    return [one.raw for one in letters if one.contact]


@pytest.mark.long
@pytest.mark.parametrize("part", range(4))
def test_no_byte_of_the_house_leaves(part: int) -> None:
    """Quotes, notes, signatures, forwards, commands, HTML, absences: only the answer leaves."""
    draw = random.Random(20260302 + part)
    left = 0
    for _ in range(MAILS // 4):
        mail, answer = staff_mail(draw)
        for raw in relayed(mail):
            left += 1
            shown = plain_text(message_from_bytes(raw))
            whole = message_from_bytes(raw).as_string() + shown
            for secret in SECRETS:
                assert secret not in whole, (secret, mail.as_string(), shown)
            assert "#" not in shown
            if answer:
                assert answer.splitlines()[0] in shown
    assert left > MAILS // 4 * 0.6, "answers do leave"
