"""What a letter does not carry back through the open: numbers and dates that name a pupil."""

from __future__ import annotations

from email.header import decode_header, make_header
from pathlib import Path

import pytest

from intake.config.toml_files import ConfigError
from tests.support.service import ABE, AMY, PEOPLE, Door, what, words_of

RATES = "max_letters_per_hour = 200\nmax_letters_per_day = 200\nmax_same_letters_per_day = 200\n"
QUESTION = "Case Type: Ask a Question\nDescription: {}\n"
HALF = "Case Type: Request Consulting\nDescription: {}\n"
SECRETS = {  # what a mail says: what must not come back
    "Her SSN is 123-45-6789, please help.": "123-45-6789",
    "Social security number: 123 45 6789": "123 45 6789",
    "SSN 123456789": "123456789",
    "She was born 03/04/2012 in our county.": "03/04/2012",
    "Date of birth: 2012-03-04": "2012-03-04",
    "DOB 3/4/12": "3/4/12",
    "Birthday: March 4, 2012": "March 4, 2012",
    "Student number 00451234 is missing.": "00451234",
    "Student ID: 884512": "884512",
    "student no. A-1093381": "A-1093381",
}
HARMLESS = {
    "Call me at 555-867-5309 today.": "555-867-5309",
    "It broke on 03/04/2026 in the evening.": "03/04/2026",
    "See CASE-1001 and order 2026-03-04.": "2026-03-04",
    "Error 123-45-678 in module 7.": "123-45-678",
    "About 884512 rows were affected.": "884512",
}


def service(folder: Path, repeat: str = "") -> Door:
    """A service that writes as many letters as it likes, and repeats that much."""
    key = f'repeat = "{repeat}"\n' if repeat else ""
    return Door(folder, PEOPLE, f"[replies]\n{RATES}{key}")


def said(door: Door, to: str) -> dict[str, str]:
    """Message-ID of the mail that is answered -> subject and words of the letter that left."""
    return {
        str(
            one["In-Reply-To"]
        ): f"{make_header(decode_header(str(one['Subject'])))} {words_of(one)}"
        for one in door.posted(to)
    }


@pytest.mark.parametrize("form", [QUESTION, HALF])
def test_a_letter_masks_what_names_a_pupil_in_the_description(tmp_path: Path, form: str) -> None:
    """In the acknowledgement and in the request for what is missing; the case keeps it whole."""
    door = service(tmp_path)
    marks = {words: door.put(AMY, form.format(words)) for words in SECRETS}
    door.work()
    letters = said(door, AMY)
    assert len(letters) == len(SECRETS)
    shown = [secret for words, secret in SECRETS.items() if secret in letters[marks[words]]]
    assert shown == []
    assert sorted(one["description"] for one in door.cases()) == sorted(SECRETS)


@pytest.mark.parametrize("form", [QUESTION, HALF])
def test_a_letter_masks_what_names_a_pupil_in_the_subject(tmp_path: Path, form: str) -> None:
    """In its own subject, where everybody on the way reads it, and in its text."""
    door = service(tmp_path)
    marks = {words: door.put(AMY, form.format("It is gone."), subject=words) for words in SECRETS}
    door.work()
    letters = said(door, AMY)
    assert len(letters) == len(SECRETS)
    shown = [secret for words, secret in SECRETS.items() if secret in letters[marks[words]]]
    assert shown == []
    assert sorted(one["subject"] for one in door.cases()) == sorted(SECRETS)


def test_what_names_nobody_is_repeated_as_it_was_written(tmp_path: Path) -> None:
    """A telephone number, another date, another number: people find their words again."""
    door = service(tmp_path)
    marks = {words: door.put(AMY, QUESTION.format(words)) for words in HARMLESS}
    door.work()
    letters = said(door, AMY)
    lost = [word for words, word in HARMLESS.items() if word not in letters[marks[words]]]
    assert lost == []


def test_no_later_letter_says_it_either(tmp_path: Path) -> None:
    """Additions, lists and the end of a case: to the writer and to a colleague."""
    door = service(tmp_path)
    secret = "123-45-6789"
    door.say(AMY, QUESTION.format(f"SSN {secret}"), subject=f"SSN {secret}")
    ack = door.letters("ack")[-1]
    added = door.put(AMY, f"Priority: High\n\nSSN {secret} again.\n", to=ack["message_id_header"],
                     subject=f"Re: SSN {secret}")  # fmt: skip
    door.put(ABE, "", subject="cases")
    door.put(ABE, "", subject="status CASE-1001")
    door.put(AMY, f"SSN {secret}", subject="close CASE-1001")
    door.work()
    assert what(door.row(added)) == "append R17"
    letters = [*said(door, AMY).values(), *said(door, ABE).values()]
    assert len(letters) == 5
    assert [one for one in letters if secret in one] == []
    assert door.case("CASE-1001")["subject"] == f"SSN {secret}"


def test_an_answer_that_quotes_the_mask_changes_no_description(tmp_path: Path) -> None:
    """What came back masked inside a quoted letter is not taken for a correction."""
    door = service(tmp_path)
    words = "Her SSN is 123-45-6789, please help."
    door.say(AMY, HALF.format(words), subject="SSN 123-45-6789")
    letter = door.letters("missing_fields")[-1]
    quoted = "".join(f"> {line}\n" for line in letter["text"].splitlines())
    reply = f"Preferred Consult Date: 12/30/2099\n\nOn Monday the desk wrote:\n{quoted}"
    row = door.say(AMY, reply, to=letter["message_id_header"], subject=f"Re: {letter['subject']}")
    assert what(row) == "complete R20"
    case = door.case("CASE-1001")
    assert (case["description"], case["subject"]) == (words, "SSN 123-45-6789")


# ---------------------------------------------------------------- replies.repeat

ISSUE = (
    "Case Type: Application Issue\nModule: Grade Book\nWho is impacted?: all English teachers\n"
    "Issue Began: 02/23/2026\nSteps to Reproduce: Press Post.\nDescription: Something private.\n"
)


@pytest.mark.parametrize(
    ("repeat", "fields", "words"),
    [("all", True, True), ("fields", True, False), ("none", False, False)],
)
def test_an_acknowledgement_repeats_as_much_as_the_operator_wants(
    tmp_path: Path, repeat: str, *, fields: bool, words: bool
) -> None:
    """Everything, the fields without the free words, or nothing that was written."""
    door = service(tmp_path, repeat)
    row = door.say(AMY, ISSUE, subject="A private subject")
    assert what(row) == "create R20"
    text = str(door.letters("ack", AMY)[-1]["text"])
    assert "CASE-1001" in text
    assert ("Grade Book" in text) is fields
    assert ("Something private" in text) is words
    case = door.case("CASE-1001")
    assert (case["description"], case["subject"]) == ("Something private.", "A private subject")


def test_without_a_word_of_the_operator_everything_is_repeated(tmp_path: Path) -> None:
    """As ever: people fix misreadings that they can see."""
    door = service(tmp_path)
    door.say(AMY, ISSUE)
    text = str(door.letters("ack", AMY)[-1]["text"])
    assert "Grade Book" in text
    assert "Something private" in text


@pytest.mark.parametrize("repeat", ["fields", "none"])
def test_a_request_still_names_what_is_missing(tmp_path: Path, repeat: str) -> None:
    """A question cannot be asked without its name."""
    door = service(tmp_path, repeat)
    assert what(door.say(AMY, HALF.format("x"))) == "ask R18"
    assert "Preferred Consult Date" in str(door.letters("missing_fields", AMY)[-1]["text"])


def test_another_word_than_these_three_is_refused(tmp_path: Path) -> None:
    """With the words that are wanted."""
    with pytest.raises(ConfigError, match=r"all.*fields.*none"):
        service(tmp_path, "some")
