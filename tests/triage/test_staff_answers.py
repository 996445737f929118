"""Departments get cases by mail and answer by mail: the whole line, through the real service."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.letter_text import plain_text
from tests.support.service import AMY, BEN, MONA, Door, what, words_of
from tests.support.staff_desk import (
    ABE,
    DANA,
    HANS,
    HOSTING,
    NORA,
    QUOTED,
    SUPPORT,
    THEO,
    UTF8,
    StaffDesk,
)


@pytest.fixture
def desk(tmp_path: Path) -> StaffDesk:
    """A service with departments and staff, and one open case of Amy's."""
    made = StaffDesk.open(tmp_path)
    assert made.case_of() == "CASE-1001"
    return made


def kinds(desk: StaffDesk, number: str = "CASE-1001") -> list[str]:
    """What stands in the history of a case."""
    return [one["kind"] for one in desk.case(number)["events"]]


def test_a_case_is_handed_over_with_everything(desk: StaffDesk) -> None:
    """The department's letter holds who, what and how to answer; the acknowledgement is true."""
    letter = desk.handed()
    text = plain_text(letter)
    for words in ("A new case for Application Support.", "Contact: Amy Alder <amy@alder.example>",
                  "Account: Alder Unified", "How is a snow day set up?", "#note"):  # fmt: skip
        assert words in text
    assert "it has gone to Application Support" in words_of(desk.posted(AMY)[0])
    assert letter["Reply-To"] is None
    assert "CASE-1001" in desk.cli("cases", "show", "CASE-1001")


def test_a_completed_draft_is_handed_over_with_its_first_mail(desk: StaffDesk) -> None:
    """What the person answered stands above what they had written first."""
    text = (
        "Hi,\n\nsince this morning none of our teachers can take attendance, they get an error.\n"
    )
    desk.say(AMY, text, subject="Attendance problem")
    asked = str(desk.posted(AMY)[-1]["Message-ID"])
    desk.say(AMY, "Open Attendance, pick a class and press Save.\n", to=asked)
    letter = plain_text(desk.handed())
    assert "Amy Alder has answered what was missing." in letter
    assert letter.index("press Save") < letter.index("Written before that")
    assert letter.index("Written before that") < letter.index("none of our teachers")


def test_without_a_department_the_acknowledgement_claims_nothing(tmp_path: Path) -> None:
    """Nobody gets the case, so the letter says that it waits in the queue; doctor says so, too."""
    door = Door(tmp_path)
    door.say(AMY)
    assert "it is in our queue" in words_of(door.posted(AMY)[0])


def test_an_answer_goes_to_the_contact_and_the_reply_comes_back(desk: StaffDesk) -> None:
    """Only the new words, under the name; in the contact's thread; the reply reaches support."""
    row = desk.staff(f"Please clear the cache.\n1. Open Tools\n2. Click Clear{QUOTED}")
    assert what(row) == "staff R34"
    (answer,) = desk.answers()
    text = plain_text(answer)
    assert "Please clear the cache.\n1. Open Tools\n2. Click Clear\n" in text
    assert "Nora Field\nApplication Support" in text
    whole = answer.as_string()
    for secret in ("vendor.example", "secret fact", "only for staff", "app@desk.example"):
        assert secret not in whole
    assert answer["In-Reply-To"] == desk.posted(AMY)[0]["Message-ID"]
    desk.say(AMY, "It works now, but the bell is late.", to=str(answer["Message-ID"]))
    back = plain_text(desk.handed())
    assert "Amy Alder has written again." in back
    assert "It works now, but the bell is late." in back
    shown = desk.cli("cases", "show", "CASE-1001")
    assert shown.index("How is a snow day") < shown.index("clear the cache") < shown.index("bell")
    assert desk.case("CASE-1001")["answered_at"]


def test_the_answer_is_framed_in_the_contacts_language(tmp_path: Path) -> None:
    """Greeting and footer are German; the words stay as they were written."""
    desk = StaffDesk.open(tmp_path)
    desk.cli("contacts", "set", "amy", "--language", "de")
    desk.case_of()
    desk.staff("The update is done.")
    text = plain_text(desk.answers()[-1])
    assert text.startswith("Guten Tag Amy Alder,\n\nThe update is done.")
    assert "Antworten Sie auf diese Mail" in text


@pytest.mark.parametrize(
    ("command", "status"),
    [("#close", "closed"), ("#resolve", "resolved"), ("#wait", "waiting"), ("# Close", "closed")],
)
def test_a_command_on_top_changes_the_state_and_the_text_is_sent(
    desk: StaffDesk, command: str, status: str
) -> None:
    """With text both happen; the words of the command do not leave."""
    desk.staff(f"{command}\nAll done here.")
    assert desk.case("CASE-1001")["status"] == status
    text = plain_text(desk.answers()[-1])
    assert "All done here." in text
    assert "#" not in text


def test_a_command_alone_sends_nothing(desk: StaffDesk) -> None:
    """Two commands, no words: the contact hears nothing."""
    desk.staff("#close\n#priority high\n")
    case = desk.case("CASE-1001")
    assert (case["status"], case["priority"]) == ("closed", "High")
    assert desk.answers() == []
    changed = [one for one in case["events"] if one["kind"] == "changed"]
    assert {one["who"] for one in changed} == {"nora"}


def test_a_note_stays_in_the_house(desk: StaffDesk) -> None:
    """What follows is for staff only, whatever else the mail says."""
    desk.staff("#note\nThe customer is wrong about the bell.\n")
    assert desk.answers() == []
    shown = desk.cli("cases", "show", "CASE-1001")
    assert "note for staff" in shown
    assert "wrong about the bell" in shown
    status = desk.say(AMY, "", subject="status CASE-1001")
    assert status["action"] == "answer"
    assert "wrong about the bell" not in desk.posted(AMY)[-1].as_string()


def test_a_contact_reads_the_conversation(desk: StaffDesk) -> None:
    """`status CASE-1001` shows who said what, with day and name, without anything internal."""
    desk.staff("Please restart it.")
    desk.say(AMY, "", subject="status CASE-1001")
    text = plain_text(desk.posted(AMY)[-1])
    assert "What was said so far" in text
    assert text.index("How is a snow day") < text.index("Nora Field") < text.index("restart it")


def test_ask_uses_our_own_request_and_its_reading(desk: StaffDesk) -> None:
    """`#ask module` asks with help and choices; the answer is read as ever."""
    desk.staff("#ask module\nThen I can look.")
    case = desk.case("CASE-1001")
    assert case["status"] == "waiting"
    request = next(one for one in desk.posted(AMY) if "missing-fields" in str(one["Message-ID"]))
    assert "One of: Attendance" in words_of(request)
    desk.say(AMY, "Module: attendance\n", to=str(request["Message-ID"]))
    case = desk.case("CASE-1001")
    assert case["fields"]["module"]["value"] == "Attendance"


def test_ask_takes_a_question_of_ones_own(desk: StaffDesk) -> None:
    """Words that name no field and are a question go to the contact as they are."""
    desk.staff("#ask which browser do you use?")
    assert "which browser do you use?" in plain_text(desk.answers()[-1])
    assert desk.case("CASE-1001")["status"] == "waiting"


def test_changes_are_in_the_history_with_the_name(desk: StaffDesk) -> None:
    """Type, priority, a field, an owner: each with who did it."""
    desk.staff("#type application issue\n#priority high\n#assign me\n")
    desk.staff("#set issue began: 2026-03-01\n")
    case = desk.case("CASE-1001")
    assert (case["type"], case["priority"], case["owner"]) == ("application_issue", "High", "nora")
    assert case["fields"]["issue_began"]["value"] == "2026-03-01"
    named = {one["detail"]["field"] for one in case["events"] if one["who"] == "nora"
             and one["kind"] == "changed"}  # fmt: skip
    assert {"type", "priority", "owner", "issue_began"} <= named


def test_the_owner_gets_the_replies(desk: StaffDesk) -> None:
    """After `#assign me` letters go to the owner; after `#assign none` to the department."""
    desk.staff("#assign me\n")
    before = len(desk.posted(SUPPORT))
    desk.say(AMY, "One more thing.", to=str(desk.posted(AMY)[0]["Message-ID"]))
    assert len(desk.posted(SUPPORT)) == before
    mine = desk.posted("nora.field@vendor.example")
    assert "One more thing." in plain_text(mine[-1])
    desk.staff("#assign none\n", to=mine[-1])
    desk.say(AMY, "And another.", to=str(desk.posted(AMY)[0]["Message-ID"]))
    assert "And another." in plain_text(desk.handed())


def test_another_department_is_told_and_the_old_one_too(desk: StaffDesk) -> None:
    """`#department hosting`: each member there gets the case, the old one hears that it is gone."""
    desk.staff("#department hosting\n", DANA)
    assert desk.case("CASE-1001")["department"] == "hosting"
    (given,) = desk.posted(HOSTING)
    assert "Dana Reyes has given this case to Hosting and Servers." in plain_text(given)
    assert "How is a snow day set up?" in plain_text(given)
    assert "need not do anything" in plain_text(desk.handed())
    row = desk.staff("#close\n", NORA, to=given)
    assert "another department" in row["reasons"][1]
    assert desk.case("CASE-1001")["status"] == "open"


def test_two_cases_become_one(desk: StaffDesk) -> None:
    """`#merge`: the contact is told once, a reply to either finds the one that lives."""
    first = str(desk.posted(AMY)[0]["Message-ID"])
    desk.case_of(text="Case Type: Ask a Question\nDescription: The bell again?", subject="Bell")
    desk.staff("#merge CASE-1001\n")
    old = desk.case("CASE-1002")
    assert (old["merged_into"], old["status"]) == ("CASE-1001", "closed")
    told = [one for one in desk.posted(AMY) if "<merged." in str(one["Message-ID"])]
    assert len(told) == 1
    assert "we go on with CASE-1001" in words_of(told[0])
    row = desk.say(AMY, "More about the bell.", to=str(told[0]["Message-ID"]))
    assert row["case_number"] == "CASE-1001"
    row = desk.say(AMY, "And of the first one.", to=first)
    assert row["case_number"] == "CASE-1001"
    assert "bell again" in desk.cli("cases", "show", "CASE-1001")


def test_one_case_becomes_two(desk: StaffDesk) -> None:
    """`#split`: the words below become a case with its own thread; the contact is told once."""
    desk.staff("#split Bell schedule\nThe bell schedule shows a wrong time.\n")
    second = desk.case("CASE-1002")
    assert (second["status"], second["subject"]) == ("open", "Bell schedule")
    told = [one for one in desk.posted(AMY) if "<split." in str(one["Message-ID"])]
    assert "is now a case of its own, CASE-1002" in words_of(told[0])
    row = desk.say(AMY, "Yes, at nine.", to=str(told[0]["Message-ID"]))
    assert row["case_number"] == "CASE-1002"
    assert desk.answers() == []


def test_a_case_for_a_contact_who_called(desk: StaffDesk) -> None:
    """`#for`: the contact gets the acknowledgement; nothing of the staff mail is in it."""
    text = "#for abe@alder.example\nCase Type: Ask a Question\nDescription: How are bells set?\n"
    row = desk.say(NORA, text, subject="Bells", fields=UTF8)
    assert what(row) == "create R20"
    case = desk.case("CASE-1002")
    assert case["contact_id"] == "abe"
    (ack,) = desk.posted(ABE)
    assert "CASE-1002" in plain_text(ack)
    assert "vendor.example" not in ack.as_string()
    row = desk.messages()[-1]
    assert "staff nora" in desk.cli("messages", "show", str(row["id"]), "--json")


def test_for_somebody_unknown_does_nothing(desk: StaffDesk) -> None:
    """The writer is told; no case opens and no stranger is written to."""
    desk.say(NORA, "#for who@nowhere.example\nHello\n", subject="Call", fields=UTF8)
    assert len(desk.cases()) == 1
    assert "no active contact with the address" in words_of(
        desk.posted("nora.field@vendor.example")[-1]
    )
    assert desk.posted("who@nowhere.example") == []


def test_participants_get_what_the_contact_gets(desk: StaffDesk) -> None:
    """A registered colleague in Cc takes part; a stranger in Cc is never written to."""
    desk.say(AMY, "With Abe in copy.", to=str(desk.posted(AMY)[0]["Message-ID"]),
             fields=["Cc: abe@alder.example, who@nowhere.example, ben@birch.example"])  # fmt: skip
    assert "Takes part: Abe" in plain_text(desk.handed())
    desk.staff("Please try again.")
    assert "Please try again." in plain_text(desk.answers(ABE)[-1])
    assert desk.posted("who@nowhere.example") == []
    assert desk.answers(BEN) == []
    desk.staff("#uncc abe@alder.example\nOnly for you now.")
    assert len(desk.answers(ABE)) == 1
    desk.staff("#cc abe@alder.example\n")
    desk.staff("Both again.")
    assert "Both again." in plain_text(desk.answers(ABE)[-1])


def test_a_colleague_at_another_account_does_not_take_part(desk: StaffDesk) -> None:
    """Mona is at two accounts; her case is about one, and Ben is only at the other."""
    text = "Case Type: Ask a Question\nAccount: Alder Unified\nDescription: How is it done?\n"
    number = desk.case_of(MONA, text=text, fields=["Cc: abe@alder.example, ben@birch.example"])
    assert "Takes part: Abe" in plain_text(desk.handed())
    assert "Ben" not in plain_text(desk.handed())
    desk.staff("It is done so.")
    assert len(desk.answers(ABE)) == 1
    assert desk.answers(BEN) == [], number


def test_help_lists_the_commands(desk: StaffDesk) -> None:
    """And changes nothing."""
    desk.staff("#help\n")
    text = plain_text(desk.posted("nora.field@vendor.example")[-1])
    assert "#merge CASE-1002" in text
    assert desk.answers() == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("#clsoe\nDone.", "Did you mean #close?"),
        ("#close now please\nDone.", "takes nothing on its line"),
        ("#priority purple\nDone.", "wanted one of"),
        ("#set colour: red\nDone.", "wanted a field"),
        ("#assign nobody-knows\nDone.", "there is no 'nobody-knows'"),
        ("#department kitchen\nDone.", "there is no 'kitchen'"),
        ("#merge CASE-9999\nDone.", "there is no case CASE-9999"),
        ("#incident INC-99\nDone.", "is not open"),
        ("#close\n#open\nDone.", "contradict each other"),
        ("#ask sdfgh\n", "is no field of this case"),
        ("#send\n", "no answer of yours waits"),
        ("#note\n", "the note itself is missing"),
        ("\n\n", "no new text and no command"),
        ("#cc who@nowhere.example\n", "is no active contact"),
    ],
)
def test_a_slip_does_nothing_and_is_explained(desk: StaffDesk, text: str, words: str) -> None:
    """All or nothing: the contact gets nothing, the case stays, the writer learns why."""
    before = desk.case("CASE-1001")
    desk.staff(text)
    after = desk.case("CASE-1001")
    for name in ("status", "priority", "type", "owner", "department"):
        assert after[name] == before[name]
    assert desk.answers() == []
    told = desk.posted("nora.field@vendor.example")[-1]
    assert words in words_of(told)


def test_rights_are_kept(desk: StaffDesk) -> None:
    """Theo may close and not write; Hans is of another department."""
    desk.staff("Hello Amy.", THEO)
    assert desk.answers() == []
    assert "may not write to contacts" in words_of(desk.posted("theo@vendor.example")[-1])
    desk.staff("#close\n", THEO)
    assert desk.case("CASE-1001")["status"] == "closed"
    desk.staff("#open\n", HANS)
    assert desk.case("CASE-1001")["status"] == "closed"
    assert "another department" in words_of(desk.posted(HOSTING)[-1])


def test_files_pass_the_file_policy(desk: StaffDesk) -> None:
    """A picture goes along, a program does not."""
    body = (
        "--b\nContent-Type: text/plain\n\nSee the manual.\n--b\n"
        'Content-Type: text/csv; name="list.csv"\nContent-Disposition: attachment;'
        ' filename="list.csv"\n\na,b\n1,2\n--b\n'
        "Content-Type: application/octet-stream\nContent-Disposition: attachment;"
        ' filename="tool.exe"\nContent-Transfer-Encoding: base64\n\nTVqQAAMAAAAEAAAA\n--b--\n'
    )
    desk.staff(body, fields=("MIME-Version: 1.0", 'Content-Type: multipart/mixed; boundary="b"'))
    answer = desk.answers()[-1]
    names = [one.get_filename() for one in answer.walk() if one.get_filename()]
    assert names == ["list.csv"]
    assert "- list.csv" in plain_text(answer)


def test_cases_on_the_command_line_do_what_mail_does(desk: StaffDesk) -> None:
    """answer, ask and act run the same code: same letters, same history, same refusals."""
    desk.cli("cases", "answer", "CASE-1001", "Hello from the shell.", "--as", "nora")
    desk.work()
    assert "Hello from the shell." in plain_text(desk.answers()[-1])
    desk.cli("cases", "ask", "CASE-1001", "module", "--as", "nora")
    desk.work()
    assert desk.case("CASE-1001")["status"] == "waiting"
    said = desk.cli("cases", "act", "CASE-1001", "#clsoe", "--as", "nora", code=1)
    assert "Did you mean #close?" in said
    desk.cli("cases", "answer", "CASE-1001", "Bye.", "--as", "nora", "--close")
    assert desk.case("CASE-1001")["status"] == "closed"
    assert "no active staff member 'nobody'" in desk.cli(
        "cases", "answer", "CASE-1001", "x", "--as", "nobody", code=1
    )
    assert [
        one["number"] for one in json.loads(desk.cli("cases", "list", "--owner", "x", "--json"))
    ] == []
