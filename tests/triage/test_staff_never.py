"""What must never happen between staff and contacts; each was reported of another system."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from intake.adapters.smtp import Failed, InDoubt, MaildirLane, Outcome, Parcel
from intake.worker import service
from intake.worker.outbox_sender import Posted
from tests.support.letter_text import plain_text
from tests.support.service import AMY, what, words_of
from tests.support.staff_desk import DANA, NORA, UTF8, StaffDesk

NORA_AT = "nora.field@vendor.example"


@pytest.fixture
def desk(tmp_path: Path) -> StaffDesk:
    """A service with departments and staff, and one open case of Amy's."""
    made = StaffDesk.open(tmp_path)
    assert made.case_of() == "CASE-1001"
    return made


@pytest.mark.parametrize(
    ("subject", "fields", "text"),
    [
        ("Automatic reply: CASE-1001", ["Auto-Submitted: auto-replied"], "I am away until Monday."),
        ("Out of office", ["X-Autoreply: yes", "Precedence: bulk"], "Back on Monday."),
        ("Abwesenheitsnotiz", ["Auto-Submitted: auto-generated"], "Ich bin im Urlaub."),
        ("Out of Office: vacation", [], "I am out of the office until March 9."),
        (
            "Undelivered Mail Returned to Sender",
            ["Auto-Submitted: auto-replied", "Return-Path: <>"],
            "The mail could not be delivered.",
        ),
    ],
)
def test_an_absence_or_a_bounce_of_staff_never_reaches_a_contact(
    desk: StaffDesk, subject: str, fields: list[str], text: str
) -> None:
    """It is ignored, and answered to nobody."""
    before = len(desk.posted())
    row = desk.staff(text, subject=subject, fields=fields)
    assert row["action"] == "ignore", (row["rule"], row["reasons"])
    assert len(desk.posted()) == before


def test_a_mail_forwarded_by_somebody_outside_is_not_taken_for_theirs(desk: StaffDesk) -> None:
    """The reference selects the case and proves nothing: an unregistered sender is held."""
    row = desk.staff("Just do it.", "Nora Field <nora@elsewhere.example>")
    assert row["action"] == "hold"
    row = desk.staff("Just do it.", NORA, proof="")
    assert what(row) == "hold R33"
    row = desk.staff("Just do it.", NORA, proof="dmarc=fail header.from=vendor.example")
    assert what(row) == "hold R33"
    assert desk.answers() == []
    assert desk.case("CASE-1001")["status"] == "open"


def test_a_reply_to_all_does_not_double_the_letter(desk: StaffDesk) -> None:
    """The copy that comes through the group address is the same mail."""
    mark = "<reply-all@vendor.example>"
    letter = desk.handed()
    copies = [*UTF8, "Cc: app@desk.example, amy@alder.example"]
    for _ in range(2):
        desk.put(NORA, "One answer.", to=str(letter["Message-ID"]), subject="Re: case",
                 message_id=mark, fields=copies)  # fmt: skip
        desk.work()
    assert len(desk.answers()) == 1


@pytest.mark.parametrize(
    "text",
    [
        "Note: the customer pays late, be careful.",
        "INTERNAL - do not tell them yet",
        "fyi, this is their third ticket",
        "Interno: no responder",
        "Hello Amy,\nplease wait. #close",
        "Thanks. I will #note this for later.",
    ],
)
def test_words_that_look_internal_are_asked_before_they_leave(desk: StaffDesk, text: str) -> None:
    """Kept with the case, told to the writer; `#send` sends them as they were written."""
    desk.staff(text)
    assert desk.answers() == []
    assert desk.case("CASE-1001")["status"] == "open"
    told = desk.posted(NORA_AT)[-1]
    assert "has not left, because" in words_of(told)
    assert text.splitlines()[0] in plain_text(told)
    desk.staff("#send\n", to=told)
    assert text.splitlines()[0] in plain_text(desk.answers()[-1])
    desk.staff("#send\n", to=told)
    assert len(desk.answers()) == 1, "it leaves once"
    shown = json.loads(desk.cli("cases", "show", "CASE-1001", "--json"))
    assert "held" not in {one["kind"] for one in shown["conversation"]}


def test_a_close_in_the_middle_of_a_sentence_closes_nothing(desk: StaffDesk) -> None:
    """Only lines on top are commands."""
    desk.staff("Hello,\n#close\nis what I would do.")
    assert desk.case("CASE-1001")["status"] == "open"
    desk.staff("You may close the window.")
    assert desk.case("CASE-1001")["status"] == "open"
    assert "close the window" in plain_text(desk.answers()[-1])


def test_quoted_notes_do_not_leave(desk: StaffDesk) -> None:
    """A note comes back quoted below an answer: only the answer leaves."""
    desk.staff("#note\nThe password is hunter2.\n")
    desk.staff(
        "Fixed.\n\n-----Original Message-----\nFrom: Dana Reyes\nSent: Monday\nTo: Nora\n"
        "Subject: note\n\nThe password is hunter2.\n"
    )
    desk.staff("Fixed again.\n\nAm 02.03.2026 schrieb Dana Reyes:\n> The password is hunter2.\n")
    assert len(desk.answers()) == 2
    for one in desk.posted(AMY):
        assert "hunter2" not in one.as_string()


def test_nothing_goes_to_a_disabled_contact_or_to_an_unregistered_copy(desk: StaffDesk) -> None:
    """The writer is told that nobody can be written to."""
    desk.cli("contacts", "disable", "amy")
    desk.staff("Hello Amy.", fields=[*UTF8, "Cc: who@nowhere.example"])
    assert desk.answers() == []
    assert desk.posted("who@nowhere.example") == []
    assert "cannot be written to" in words_of(desk.posted(NORA_AT)[-1])


def test_a_contact_disabled_after_the_answer_gets_nothing_and_the_writer_is_told(
    desk: StaffDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the decision and the sending."""
    monkeypatch.setattr(service, "send_letters", lambda *_: Posted())
    desk.staff("Hello Amy.")
    monkeypatch.undo()
    desk.cli("contacts", "disable", "amy")
    desk.work()
    desk.work()
    assert desk.answers() == []
    assert "could not be delivered" in words_of(desk.posted(NORA_AT)[-1])


def test_a_late_answer_to_a_merged_case_does_not_vanish(desk: StaffDesk) -> None:
    """It goes to the contact in the case that lives."""
    first = desk.handed()
    desk.case_of(text="Case Type: Ask a Question\nDescription: The bell again?", subject="Bell")
    second = desk.handed()
    desk.staff("#merge CASE-1001\n", to=second)
    row = desk.staff("A late answer.", to=second)
    assert row["case_number"] == "CASE-1001"
    assert "A late answer." in plain_text(desk.answers()[-1])
    assert "CASE-1001" in str(desk.answers()[-1]["Subject"])
    assert first["Message-ID"] != second["Message-ID"]


def test_a_person_who_is_both_acts_as_one_by_each_address(tmp_path: Path) -> None:
    """One address cannot be both; as a contact she cannot close as staff by a `#close`."""
    desk = StaffDesk.open(tmp_path)
    desk.case_of()
    said = desk.cli("staff", "add", "amy", "--name", "Amy", "--email", AMY, code=1)
    assert "which is the contact amy's" in said
    said = desk.cli(
        "contacts", "add", "nora", "--name", "Nora Field", "--email", NORA_AT,
        "--account", "alder", code=1,
    )  # fmt: skip
    assert "which is the staff member nora's" in said
    row = desk.say(AMY, "#close\nplease", to=str(desk.posted(AMY)[0]["Message-ID"]))
    assert row["action"] == "append"
    assert desk.case("CASE-1001")["status"] == "open"


def test_two_who_answer_at_once_learn_of_each_other(desk: StaffDesk) -> None:
    """The second answer waits; its writer sees the first one and may send it all the same."""
    letter = desk.handed()
    desk.staff("Take the blue one.", NORA, to=letter)
    desk.staff("Take the red one.", DANA, to=letter)
    assert len(desk.answers()) == 1
    told = desk.posted("dana@vendor.example")[-1]
    assert "Nora Field has answered in the meantime: “Take the blue one.”" in words_of(told)
    desk.staff("#send\n", DANA, to=told)
    assert "Take the red one." in plain_text(desk.answers()[-1])


def test_an_answer_in_doubt_is_not_sent_again_and_its_writer_is_told(
    desk: StaffDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection broke at the final dot: once, and no second letter by itself."""
    prepare, finish, going = MaildirLane.prepare, MaildirLane.finish, list[str]()

    def prepared(self: MaildirLane, parcel: Parcel) -> Outcome | None:
        going.append(parcel.recipient)
        return prepare(self, parcel)

    def broken(self: MaildirLane) -> Outcome:
        done = finish(self)
        return InDoubt("no answer to the dot") if going[-1] == AMY else done

    monkeypatch.setattr(MaildirLane, "prepare", prepared)
    monkeypatch.setattr(MaildirLane, "finish", broken)
    desk.staff("Once only.")
    monkeypatch.undo()
    for _ in range(3):
        desk.work()
    assert len(desk.answers()) <= 1
    told = [one for one in desk.posted(NORA_AT) if "perhaps not arrived" in words_of(one)]
    assert len(told) == 1


def test_an_answer_that_is_refused_is_told_to_its_writer(
    desk: StaffDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """550 for the contact's address."""
    whole = MaildirLane.prepare

    def refused(self: MaildirLane, parcel: Parcel) -> Outcome | None:
        return Failed("550 no such user") if parcel.recipient == AMY else whole(self, parcel)

    monkeypatch.setattr(MaildirLane, "prepare", refused)
    desk.staff("Hello.")
    monkeypatch.undo()
    desk.work()
    desk.work()
    assert "550 no such user" in words_of(desk.posted(NORA_AT)[-1])
    count = len(desk.posted(NORA_AT))
    desk.work()
    assert len(desk.posted(NORA_AT)) == count


def test_a_hand_over_that_comes_back_is_the_operators_task(desk: StaffDesk) -> None:
    """The case stands as not handed over, in status and with a flag."""
    letter = desk.handed()
    report = (
        f"From: MAILER-DAEMON@mx.example\nTo: {letter['Return-Path']}\n"
        "Subject: Undelivered Mail\nAuto-Submitted: auto-replied\nReturn-Path: <>\n"
        "MIME-Version: 1.0\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\n\n'
        "--b\nContent-Type: text/plain\n\nUser unknown\n--b\n"
        "Content-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example\n\n"
        "Final-Recipient: rfc822; app@desk.example\nAction: failed\nStatus: 5.1.1\n"
        "Diagnostic-Code: smtp; 550 5.1.1 User unknown\n\n--b\n"
        f"Content-Type: text/rfc822-headers\n\nMessage-ID: {letter['Message-ID']}\n--b--\n"
    )
    desk.put_raw(report)
    desk.work()
    assert "came back" in desk.case("CASE-1001")["flag"]
    said = json.loads(desk.cli("status", "--json", code=1))
    assert any("CASE-1001: not handed over" in one for one in said["troubles"])


def test_a_staff_file_with_one_bad_row_changes_nothing(tmp_path: Path) -> None:
    """Every bad row is named with what was found and what was wanted."""
    desk = StaffDesk.open(tmp_path)
    file = tmp_path / "more.toml"
    file.write_text(
        '[[staff]]\nid = "new"\nname = "New"\nemails = ["new@vendor.example"]\n'
        '[[staff]]\nid = "bad"\nname = "Bad"\nemails = ["no address"]\n'
        '[[staff]]\nid = "odd"\nname = "Odd"\nemails = ["odd@vendor.example"]\n'
        'departments = ["kitchen"]\nrights = ["fly"]\n'
        '[[staff]]\nid = "twin"\nname = "Twin"\nemails = ["new@vendor.example"]\n'
        '[[staff]]\nid = "none"\nname = "None"\n'
    )
    said = desk.cli("staff", "import", str(file), code=1)
    for words in ("staff 2 (bad): emails: found 'no address'", "found 'kitchen', wanted some of",
                  "found 'fly', wanted some of answer", "which is new's already",
                  "staff 5 (none): emails: found nothing"):  # fmt: skip
        assert words in said
    assert "new" not in [one["id"] for one in json.loads(desk.cli("staff", "list", "--json"))]
    csv = tmp_path / "staff.csv"
    csv.write_text(
        "id,name,emails,departments\nnew,New,new@vendor.example;n@vendor.example,support\n"
    )
    assert "added 1" in desk.cli("staff", "import", str(csv))
    assert "unchanged 1" in desk.cli("staff", "import", str(csv))
    desk.cli("staff", "disable", "new")
    shown = json.loads(desk.cli("staff", "list", "--json"))
    assert [one["active"] for one in shown if one["id"] == "new"] == [False]


def test_a_disabled_staff_member_is_held_and_gets_no_letters(desk: StaffDesk) -> None:
    """Their mail waits for an operator; their cases go to the department again."""
    desk.staff("#assign me\n")
    desk.cli("staff", "disable", "nora")
    before = len(desk.posted(NORA_AT))
    desk.say(AMY, "Anybody there?", to=str(desk.posted(AMY)[0]["Message-ID"]))
    assert "Anybody there?" in plain_text(desk.handed())
    assert len(desk.posted(NORA_AT)) == before
    assert what(desk.staff("Hello.")) == "hold R33"
