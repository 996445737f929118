"""How people sign stands in no description; and what is no signature is never taken for one."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from intake.parsers.signatures import cut
from tests.support.forms import read
from tests.support.service import AMY, Door, what

SAID = "The grade book does not save.\nIt began on Monday."
NAMES = ("amy alder", "amy")
PLACES = ("Alder Unified",)
SIGNED = [
    "Best regards,\nAmy Alder\nRegistrar, Alder Unified\nPhone: 555-123-4567\nwww.alder.example",
    "Thanks,\nAmy",
    "Amy",
    "Amy Alder\nDirector of Technology | Alder Unified\n(555) 123-4567 | amy@alder.example\n\n"
    "CONFIDENTIALITY NOTICE: This e-mail and any attachments are confidential. If you are not the"
    " intended recipient, please delete it.",
    "-- \nAmy Alder\nTitle: Registrar\nPhone: 555",
    "--\nAmy\n\nGo Eagles!",
    "Sent from my iPhone",
    "Get Outlook for iOS",
    "Sincerely,\n\nAmy Alder\nAlder Unified School District\n100 Main Street\n"
    "Springfield, MN 55000\n"
    "Office: 555-123-4567\nCell: 555-123-4568\nFax: 555-1",
    "Mit freundlichen Grüßen\nAmy Alder\nTel.: +49 30 1234567",
    'Saludos cordiales,\nAmy Alder\nDirectora\n\n"Cada niño, cada día"',
    '_____________\nAmy Alder, M.Ed.\nAssistant Principal\n"Every child, every day"',
    "Amy Alder | Registrar\nhttps://alder.example/office",
]
KEPT = [
    "Best regards,\nAmy Alder\n\nP.S. Attendance is broken, too.",
    "Amy Alder is the teacher who sees it.",
    "Thanks,\nAmy\nCan you call me at 555-123-4567?",
    "Amy\ncannot log in either",
    "Regards\nRicky Belding saw it first at the high school",
    "Amy Alder\nJohn Smith\nJane Doe",
    "Phone: 555-123-4567 is what the parent typed in.",
    "Thanks,\nAmy\n1. open the grade book\n2. press Post",
    "Best,\nAmy\nRegistrar\nIt also prints the wrong year.",
]


@pytest.mark.parametrize("block", SIGNED)
def test_a_signature_stands_in_no_description(tmp_path: Path, block: str) -> None:
    """In a mail of prose, and behind the last label of a form."""
    door = Door(tmp_path)
    plain = ("Content-Type: text/plain; charset=utf-8",)
    who = f"Amy Alder <{AMY}>"
    door.put(AMY, f"{SAID}\n\n{block}\n", subject="Ask a Question: grade book", fields=plain)
    door.put(who, f"{SAID}\n\n{block}\n", subject="Ask a Question: a third", fields=plain)
    form = f"Case Type: Ask a Question\nDescription: {SAID}\n\n{block}\n"
    door.put(AMY, form, subject="Another one", fields=plain)
    door.work()
    assert [what(one) for one in door.messages()] == ["create R20"] * 3
    for number in ("CASE-1001", "CASE-1002", "CASE-1003"):
        case = door.case(number)
        assert case["description"] == SAID
        assert set(case["fields"]) <= {"module"}


@pytest.mark.parametrize("block", KEPT)
def test_what_says_something_is_kept(tmp_path: Path, block: str) -> None:
    """A postscript, a question, a list of names, steps below the name: every word stays."""
    door = Door(tmp_path)
    for who in (AMY, f"Amy Alder <{AMY}>"):
        door.put(who, f"{SAID}\n\n{block}\n", subject="Ask a Question: x")
    door.work()
    for case in door.cases():
        assert block in door.case(str(case["number"]))["description"]
    assert len(door.cases()) == 2


def test_one_line_of_prose_keeps_the_whole_block() -> None:
    """Blocks of chance with a sentence at any place below the name: nothing at all is cut."""
    dice = random.Random(11)
    lines = [
        "Registrar",
        "Alder Unified",
        "555-123-4567",
        "amy@alder.example",
        "100 Main Street",
        "",
    ]
    prose = [
        "the attendance is broken, too", "please call before noon", "It does not print.",
        "Nobody can log in at Lincoln", "error 500 since this morning", "we need it by Friday",
    ]  # fmt: skip
    for _ in range(500):
        block = [dice.choice(lines) for _ in range(dice.randint(0, 6))]
        signed = "\n".join([SAID, "", "Amy Alder", *block])
        assert cut(signed, NAMES, PLACES)[0] == SAID, signed
        block.insert(dice.randint(0, len(block)), dice.choice(prose))
        whole = "\n".join([SAID, "", "Amy Alder", *block])
        assert cut(whole, NAMES, PLACES) == (whole, ""), whole


def test_nothing_but_a_signature_is_kept() -> None:
    """Who writes only their name and number may mean it."""
    for text in ("Amy Alder\n555-123-4567", "Thanks,\nAmy", "Regards"):
        assert cut(text, NAMES, PLACES)[0].strip()


def test_a_long_text_costs_little() -> None:
    """Many closings and long lines: the work is bounded."""
    text = SAID + "\n\n" + "Regards,\n" * 20_000 + '"' * 200_000 + "\n" + "x" * 200_000
    assert cut(text, NAMES, PLACES)[0] == text


@pytest.mark.parametrize("block", [
    "Atte.\n\nC.P. Leonor Buendía\nCargo: Administración\nTeléfono: 555-0156",
    "Atenciosamente,\nMarcelo Brandão\nSecretário Municipal de Educação\nTelefone: (00) 5555-0133",
    "Besten Dank\nWolfram Jessen\nLeiter Schulamt Nordhagen\nTelefon: 0555 0190",
    "Merci et bonne journée / have a nice day,\n\nGhislaine Thivierge\nTél. : 555-0222",
    "Sin otro particular, reciban un cordial saludo.\n\nGertrudis Peñalver\nTel. (555) 024-6000",
])  # fmt: skip
def test_a_closing_shows_the_signature_of_a_name_that_the_header_does_not_have(block: str) -> None:
    """Its title and its telephone number are no fields of the case."""
    case = read(f"Please remove Gus Pellerin from our list of support contacts.\n\n{block}\n")
    assert {"contact_primary_phone", "contact_title"}.isdisjoint({*case.fields, *case.likely})
    assert "Cargo" not in case.description
    assert "5550" not in case.description.replace("-", "")


def test_a_name_with_more_words_below_a_closing_is_no_signature() -> None:
    """There a postscript follows, and nothing may be lost."""
    case = read("It does not post.\n\nThanks\nBob Marsh\nPhone: 555-0100\nPlease call me first.\n")
    assert "Please call me first." in case.description
