"""What gateways write into mails is nobody's words: marks in subjects, banners on top."""

from __future__ import annotations

import pytest

from intake.parsers.interpret import interpret
from intake.parsers.scanner import scan
from intake.parsers.subjects import clean_subject
from intake.parsers.submission import Submission
from tests.support.forms import AT, CATALOGUE
from tests.support.rawmail import mail, message

MARKS = CATALOGUE.normalise.subject_marks
FORM = "Case Type: Ask a Question\nDescription: How is a snow day set up?\n"
BANNERS = [
    "CAUTION: This email originated from outside of the organization. Do not click links or open\n"
    "attachments unless you recognize the sender and know the content is safe.",
    "[EXTERNAL]",
    "**WARNING: This message came from outside your organization.**",
    "You don't often get email from amy@alder.example. Learn why this is important\n"
    "<https://aka.example/LearnAbout>",
    "ACHTUNG: Diese E-Mail stammt von außerhalb.",
    "⚠️ External (amy@alder.example): sent from outside. Do not click links.",
]


def read(body: str, subject: str = "Snow day") -> Submission:
    """The submission of a new mail."""
    made = message(mail(f"Subject: {subject}", body=body))
    return interpret(scan(made, CATALOGUE), made, CATALOGUE, AT)


@pytest.mark.parametrize(
    ("subject", "clean"),
    [
        ("[EXTERNAL] Snow day", "Snow day"),
        ("Re: [External] RE: [EXT] Snow day", "Snow day"),
        ("*EXTERNAL* Fwd: Snow day", "Snow day"),
        ("External storage is full", "External storage is full"),
        ("Snow day [EXTERNAL]", "Snow day [EXTERNAL]"),
    ],
)
def test_marks_in_front_of_a_subject_are_set_aside(subject: str, clean: str) -> None:
    """With any row of Re: and Fwd: between them."""
    assert clean_subject(subject, MARKS) == clean


@pytest.mark.parametrize("banner", BANNERS)
def test_a_banner_on_top_is_no_description(banner: str) -> None:
    """The form below is read as if it were not there, and the case says what was set aside."""
    got = read(f"{banner}\n\n{FORM}")
    plain = read(FORM)
    assert (got.type, got.fields) == (plain.type, plain.fields)
    rest = got.description.replace("<https://aka.example/LearnAbout>", "").strip()
    assert rest == plain.description
    assert any(one.code == "banner" for one in got.warnings)
    prose = read(f"{banner}\n\nThe gradebook is down.\nNobody can post.\n")
    assert "The gradebook is down." in prose.description
    assert "outside" not in prose.description


@pytest.mark.parametrize(
    "words",
    [
        "We get mails from an external sender that originated from outside.",
        "External email accounts cannot log in.",
        "Do not click links is what the page says.",
        "Warning: the gradebook shows a red bar.",
        "Attention please: nobody can log in.",
        "This message appears when teachers post grades.",
    ],
)
def test_what_people_write_is_never_a_banner(words: str) -> None:
    """Words that gateways use, too, stay words."""
    assert words in read(f"{words}\n\nMore of it.\n").description
    assert words in read(words).description
