"""Two matters in one mail: each becomes a case of its own, or answers its own request."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intake.mail.message import Html
from intake.parsers import matters
from intake.parsers.matters import heading
from tests.support.forms import CATALOGUE, FORMS, mail, plain, table
from tests.support.service import ABE, AMY, BEN, BY_SPF, NONE, QUESTION, Door, what

QUESTION_FORM, RESTORE_FORM = plain(FORMS["ask_question"]), plain(FORMS["data_restore"])
NEARLY = "\nWho is impacted?: all\nIssue Began: 09/07/2021\n"  # but the steps
ISSUE = "Case Type: Application Issue\nModule: Attendance\nDescription: The totals are wrong."


@pytest.fixture
def door(tmp_path: Path) -> Door:
    """A service with nothing in it."""
    return Door(tmp_path)


def types(text: str, **changes: object) -> list[str]:
    """The types of the forms that were told apart."""
    found = matters.read(mail(text, **changes), CATALOGUE)
    return [one.scan.type for one in found.matters]


# ---------------------------------------------------------------- telling forms apart


@pytest.mark.parametrize(
    "text",
    [
        f"{QUESTION_FORM}\n\n{RESTORE_FORM}",
        f"{QUESTION_FORM}\n{RESTORE_FORM}",
        f"Hello,\n\n{QUESTION_FORM}\n\n----------\n\n{RESTORE_FORM}\n\nThanks\nZack Morris",
        f"Account: Bayside\n{QUESTION_FORM}\n\nAccount: Bayside\n{RESTORE_FORM}",
        f"Account: Bayside\nPriority: Low\n\n{QUESTION_FORM}\n\n{RESTORE_FORM}",
        f"{QUESTION_FORM}\n\n{RESTORE_FORM}\n\n-- \nZack Morris\nBayside",
    ],
)
def test_two_forms_are_told_apart(text: str) -> None:
    """However they are set below each other."""
    assert types(text) == ["ask_question", "data_restore"]


def test_each_form_has_its_own_values_and_what_stands_above_them_both() -> None:
    """The account on top holds for every form; a value of one is never the other's."""
    text = f"Account: Bayside\n\n{QUESTION_FORM}\n\nPriority: High\n{RESTORE_FORM}"
    first, second = matters.read(mail(text), CATALOGUE).matters
    given = [{one.field: one.words for one in part.scan.candidates} for part in (first, second)]
    assert [one["account"] for one in given] == ["Bayside", "Bayside"]
    assert "reason_for_restore" not in given[0]
    assert given[1]["description"] == "One enrollment."
    assert "location" not in " ".join(given[1])


def test_tables_are_told_apart_row_by_row() -> None:
    """Two tables of an HTML mail."""
    forms = (FORMS["ask_question"], FORMS["data_restore"])
    made = [table(one) for one in forms]
    both = Html(
        "\n\n".join(one.text for one in made), tuple(row for one in made for row in one.rows)
    )
    found = matters.read(mail("", html=both), CATALOGUE).matters
    assert [one.scan.type for one in found] == ["ask_question", "data_restore"]
    given = {one.field: one.words for one in found[1].scan.candidates}
    assert given["reason_for_restore"] == "deleted by mistake"


@pytest.mark.parametrize(
    "text",
    [
        QUESTION_FORM,
        f"{QUESTION_FORM}\n\nCase Type: Data Restore",  # nothing else is told
        f"{QUESTION_FORM}\n\nCase Type: something of ours\nDescription: x",  # no type
        f"{QUESTION_FORM}\n\n> Case Type: Data Restore\n> Reason for Restore: x",  # quoted
        "\n\n".join([QUESTION_FORM] * 11),
    ],
)
def test_what_is_not_clearly_two_forms_stays_one(text: str) -> None:
    """One mail, one case, and a question where it is needed."""
    assert types(text) == []


# ---------------------------------------------------------------- lines with a case's number


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("CASE-1002", ("CASE-1002", "")),
        ("CASE-1002: Attendance", ("CASE-1002", "Attendance")),
        ("case 1002 - Attendance", ("CASE-1002", "Attendance")),
        ("*CASE-1002:* Attendance", ("CASE-1002", "Attendance")),
        ("[CASE-1002-K7Q2M3XD] Attendance", None),
        ("[CASE-1002-K7Q2M3XD]: Attendance", ("CASE-1002", "Attendance")),
        ("CASE-1002 is broken", None),
        ("see CASE-1002", None),
        ("CASE-1002-7", None),
        ("", None),
    ],
)
def test_a_number_heads_what_is_said_about_its_case(
    line: str, found: tuple[str, str] | None
) -> None:
    """Alone on its line, or with a colon or a dash behind it; a sentence about a case is none."""
    assert heading(line, "CASE-") == found


@given(st.text(max_size=200))
def test_any_line_is_looked_at(line: str) -> None:
    """Total, and what it finds is a number."""
    found = heading(line, "CASE-")
    assert found is None or found[0].removeprefix("CASE-").isdigit()


# ---------------------------------------------------------------- through the store


def numbers(door: Door) -> list[str]:
    """All cases, in order."""
    return sorted(one["number"] for one in door.cases())


def test_two_forms_become_two_cases_with_a_letter_each(door: Door) -> None:
    """Each with its own type and words; both letters say that there were two matters."""
    said = door.say(AMY, f"{QUESTION}\n\n{ISSUE}\n")
    assert numbers(door) == ["CASE-1001", "CASE-1002"]
    first, second = (door.case(one) for one in numbers(door))
    assert (first["type"], first["status"]) == ("ask_question", "open")
    assert (second["type"], second["status"]) == ("application_issue", "draft")
    assert (first["description"], second["description"]) == (
        "How is a snow day set up?",
        "The totals are wrong.",
    )
    letters = door.letters()
    assert [one["kind"] for one in letters] == ["ack", "missing_fields"]
    assert all("about 2 different matters" in one["text"] for one in letters)
    assert [one["case_number"] for one in letters] == ["CASE-1001", "CASE-1002"]
    shown = json.loads(door.cli("messages", "show", str(said["id"]), "--json"))
    assert shown["cases"] == ["CASE-1001", "CASE-1002"]


def test_the_answer_to_each_letter_finds_its_case(door: Door) -> None:
    """The request about the second form is answered, and only its case changes."""
    door.say(AMY, f"{QUESTION}\n\n{ISSUE}\n")
    (request,) = door.letters("missing_fields")
    more = (
        "Who is impacted?: all teachers\nIssue Began: 09/07/2021\nExpected Results: right totals\n"
        "Steps to Reproduce: open the page\nError Message: none\n"
    )
    said = door.say(AMY, more, subject="Re: A question", to=request["message_id_header"])
    assert (what(said), said["case_number"]) == ("complete R20", "CASE-1002")
    assert "teachers" not in json.dumps(door.case("CASE-1001"))


def test_the_files_of_the_mail_are_with_each_of_its_cases(door: Door) -> None:
    """Nobody can say which one they belong to."""
    mixed = "Content-Type: multipart/mixed; boundary=b"
    body = (
        f"--b\nContent-Type: text/plain\n\n{QUESTION}\n\n{ISSUE}\n--b\n"
        "Content-Type: application/octet-stream\n"
        'Content-Disposition: attachment; filename="screen.log"\n\nlines\n--b--\n'
    )
    said = door.say(AMY, body, fields=("MIME-Version: 1.0", mixed))
    for number in ("CASE-1001", "CASE-1002"):
        shown = json.loads(door.cli("cases", "show", number, "--json"))
        assert [one["name"] for one in shown["attachments"]] == ["screen.log"]
    shown = json.loads(door.cli("messages", "show", str(said["id"]), "--json"))
    assert len(shown["attachments"]) == 1


def test_when_one_of_the_forms_must_be_held_the_mail_stays_one(tmp_path: Path) -> None:
    """A restore that wants a signature: no word is lost, and the letter asks for two mails."""
    door = Door(tmp_path, more="[replies]\nstep_up = true\n")
    said = door.say(AMY, f"{QUESTION}\n\n{RESTORE_FORM}\n", proof=BY_SPF)
    assert numbers(door) == ["CASE-1001"]
    assert what(said) == "create R20"
    assert "deleted by mistake" in json.dumps(door.case("CASE-1001"))
    (letter,) = door.letters()
    assert "two filled forms" in " ".join(letter["text"].split())


def test_an_unproved_mail_with_two_forms_changes_nothing(door: Door) -> None:
    """It is held as a whole; released, it is two cases."""
    said = door.say(AMY, f"{QUESTION}\n\n{ISSUE}\n", proof=NONE)
    assert (said["status"], door.cases()) == ("held", [])
    door.cli("messages", "release", str(said["id"]))
    assert numbers(door) == ["CASE-1001", "CASE-1002"]


def test_the_same_mail_again_makes_no_third_case(door: Door) -> None:
    """A copy is a copy, however many matters are in it."""
    mark = door.put(AMY, f"{QUESTION}\n\n{ISSUE}\n")
    door.work()
    door.put(AMY, f"{QUESTION}\n\n{ISSUE}\n", message_id=mark)
    door.work()
    assert numbers(door) == ["CASE-1001", "CASE-1002"]
    assert len(door.letters()) == 2


def asked(door: Door) -> dict[str, str]:
    """Two drafts of Amy's, each with its request; gives the requests' Message-IDs by case."""
    door.say(AMY, "Case Type: Ask a Question\nLocation within Product: Calendar\n", subject="One")
    door.say(AMY, ISSUE + NEARLY, subject="Two")
    found = {one["case_number"]: one["message_id_header"] for one in door.letters("missing_fields")}
    assert sorted(found) == ["CASE-1001", "CASE-1002"]
    return found


def test_answers_to_two_requests_in_one_reply_reach_both(door: Door) -> None:
    """Each under the number of its case; one letter about each."""
    requests = asked(door)
    text = (
        "Hi,\n\nCASE-1001: How do we set up a snow day?\n\n"
        "CASE-1002\nSteps to Reproduce: Open the page\n"
    )
    said = door.say(AMY, text, subject="Re: Two", to=requests["CASE-1002"])
    assert what(said) == "complete R20"
    first, second = door.case("CASE-1001"), door.case("CASE-1002")
    assert (first["status"], second["status"]) == ("open", "open")
    assert first["description"] == "How do we set up a snow day?"
    assert "snow day" not in json.dumps(second)
    assert sorted(one["case_number"] for one in door.letters("ack")) == ["CASE-1001", "CASE-1002"]


def test_the_copy_of_our_letter_stays_with_its_own_case(door: Door) -> None:
    """What the reply quotes below is compared with the letter it copies, and no other case's."""
    requests = asked(door)
    (letter,) = (one for one in door.letters("missing_fields") if one["case_number"] == "CASE-1002")
    copied = "\n".join(f"> {line}" for line in letter["text"].splitlines())
    answered = copied.replace("> Steps to Reproduce:", "> Steps to Reproduce: Open the page")
    text = f"CASE-1001: How do we set up a snow day?\n\nOn Monday, Support wrote:\n{answered}\n"
    door.say(AMY, text, subject="Re: Two", to=requests["CASE-1002"])
    first, second = door.case("CASE-1001"), door.case("CASE-1002")
    assert (first["status"], second["status"]) == ("open", "open")
    assert first["description"] == "How do we set up a snow day?"


def test_a_reply_that_is_all_about_another_case_goes_there(door: Door) -> None:
    """The first line names it; the case of the thread keeps waiting for its answers."""
    requests = asked(door)
    text = "CASE-1001: How do we set up a snow day?\n"
    said = door.say(AMY, text, subject="Re: Two", to=requests["CASE-1002"])
    assert said["case_number"] == "CASE-1001"
    assert door.case("CASE-1001")["status"] == "open"
    assert door.case("CASE-1002")["status"] == "draft"


def test_nobody_reaches_the_case_of_another_account_by_its_number(door: Door) -> None:
    """A number in the text proves nothing: it is for the account's own people."""
    requests = asked(door)
    door.say(BEN, "Case Type: Server Issue\nDescription: Ours is gone.\n", subject="Ben's")
    text = "CASE-1003: we know your secrets\n\nCASE-1001: How do we set up a snow day?\n"
    said = door.say(AMY, text, subject="Re: One", to=requests["CASE-1001"])
    assert said["case_number"] == "CASE-1001"
    assert "secrets" not in json.dumps(door.case("CASE-1003"))
    assert "secrets" not in json.dumps([one["text"] for one in door.letters(to=BEN)])
    assert len(door.cases()) == 3


def test_a_fresh_mail_with_two_numbers_adds_to_both(door: Door) -> None:
    """No letter of ours is answered; the account's own people may name its cases."""
    asked(door)
    text = "Two answers:\n\nCASE-1002: it began on Monday\nCASE-1001: only for snow days\n"
    door.say(ABE, text, subject="What you asked")
    assert len(door.cases()) == 2
    case = json.loads(door.cli("cases", "show", "CASE-1001", "--json"))
    assert "began on Monday" in case.pop("conversation")[-2]["text"], "the mail as it was written"
    told = json.dumps(case)
    assert "only for snow days" in told
    assert "began on Monday" not in told
