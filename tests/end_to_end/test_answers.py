"""What a proved contact answers is read, whatever a mail program or a gateway wrote above it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.support.service import AMY, NONE, PEOPLE, Door, what

HALF = "Case Type: Request Consulting\nDescription: Standards-based grading.\n"
DATE = "Preferred Consult Date: 12/30/2099\n"
RATES = """[replies]
max_letters_per_hour = 200
max_letters_per_day = 200
max_same_letters_per_day = 200
list_after_per_hour = 200
"""
WEAK = {
    "Exchange, to keep absences away": "X-Auto-Response-Suppress: All",
    "Exchange, receipts and absences": "X-Auto-Response-Suppress: DR, RN, NRN, OOF, AutoReply",
    "another desk's loop mark": "X-Loop: helpdesk@alder.example",
    "bulk by a gateway": "Precedence: bulk",
    "list by a gateway": "Precedence: list",
    "junk by a gateway": "Precedence: junk",
    "a footer's way out": "List-Unsubscribe: <https://alder.example/out>",
    "written through a group": "List-Id: <staff.alder.example>",
    "a group's archive": "List-Archive: <https://alder.example/staff>",
    "a group's owner": "List-Owner: <mailto:owner@alder.example>",
    "several at once": "X-Auto-Response-Suppress: All\nPrecedence: bulk\nX-Loop: a@alder.example",
}
DESK = "postmaster@alder.example"
DESK_TOML = f"""
[[contacts]]
id = "desk"
name = "Mail desk of Alder"
emails = ["{DESK}", "no-reply@alder.example"]
accounts = ["alder"]
contact_type = "Authorized"
areas = ["SIS"]
"""


def asked(folder: Path, subjects: Sequence[str], people: str = PEOPLE, who: str = AMY) -> Door:
    """Drafts of one contact, each with the letter that asks for a date."""
    door = Door(folder, people, RATES)
    for subject in subjects:
        door.put(who, HALF, subject=subject)
    door.work()
    assert {what(one) for one in door.messages()} == {"ask R18"}
    return door


def request(door: Door, subject: str) -> str:
    """The Message-ID of the letter about the mail of that subject."""
    (found,) = [one for one in door.letters("missing_fields") if f"{subject} [" in one["subject"]]
    return str(found["message_id_header"])


def answer_all(door: Door, marks: dict[str, str], text: str) -> dict[str, str]:
    """A signed answer with each mark; what became of each."""
    sent = {}
    for name, mark in marks.items():
        to = request(door, name)
        sent[name] = door.put(AMY, text, to=to, subject=f"Re: {name}", fields=mark.split("\n"))
    door.work()
    return {name: what(door.row(mark)) for name, mark in sent.items()}


def test_an_unmarked_answer_completes_its_case(tmp_path: Path) -> None:
    """So it is the mark alone that makes a difference; half an answer is asked about again."""
    marks = {"whole": "X-Mailer: a program that people use", "half": "X-Priority: 3"}
    door = asked(tmp_path, list(marks))
    half = door.put(AMY, "Priority: High\n\nWe will see.\n", to=request(door, "half"))
    assert answer_all(door, {"whole": marks["whole"]}, DATE) == {"whole": "complete R20"}
    assert what(door.row(half)) == "ask R18"


def test_a_signed_answer_with_a_weak_mark_completes_its_case(tmp_path: Path) -> None:
    """What a program in between adds to a person's mail does not make it a program's."""
    door = asked(tmp_path, list(WEAK))
    assert answer_all(door, WEAK, DATE) == dict.fromkeys(WEAK, "complete R20")
    cases = {one["subject"]: one for one in door.cases()}
    assert {one["status"] for one in cases.values()} == {"open"}


def test_an_acknowledgement_stays_away_where_the_mark_asks_for_it(tmp_path: Path) -> None:
    """Handled all the same: the case is open, and nothing automatic goes back."""
    name = "Exchange, to keep absences away"
    door = asked(tmp_path, [name])
    assert answer_all(door, {name: WEAK[name]}, DATE) == {name: "complete R20"}
    assert door.case("CASE-1001")["status"] == "open"
    assert [one["kind"] for one in door.letters()] == ["missing_fields"]


def test_a_question_that_must_be_asked_is_asked_in_spite_of_a_weak_mark(tmp_path: Path) -> None:
    """An answer that leaves out what was asked gets the second request, once."""
    marks = {name: WEAK[name] for name in ("bulk by a gateway", "Exchange, to keep absences away")}
    door = asked(tmp_path, list(marks))
    said = answer_all(door, marks, "Priority: High\n\nWe will see when it suits.\n")
    assert said == dict.fromkeys(marks, "ask R18")
    assert len(door.letters("missing_fields", AMY)) == 2 * len(marks)


def test_a_reply_to_an_open_case_is_added_in_spite_of_a_weak_mark(tmp_path: Path) -> None:
    """A comment, and a wish to close: both are read."""
    door = Door(tmp_path, more=RATES)
    for _ in range(2):
        door.put(AMY)
    door.work()
    first, second = (one["message_id_header"] for one in door.letters("ack", AMY))
    mark = ["X-Auto-Response-Suppress: All", "Precedence: bulk"]
    added = door.put(AMY, "It snows harder now.\n", to=first, subject="Re: snow", fields=mark)
    closed = door.put(AMY, "", to=second, subject="close CASE-1002", fields=mark)
    door.work()
    assert (what(door.row(added)), what(door.row(closed))) == ("append R17", "append R23")
    comments = [
        one["detail"] for one in door.case("CASE-1001")["events"] if one["kind"] == "comment"
    ]
    assert [one["text"].strip() for one in comments] == ["It snows harder now."]
    assert door.case("CASE-1002")["status"] == "closed"


def test_a_registered_address_that_sounds_like_a_programs_is_heard(tmp_path: Path) -> None:
    """A shared mailbox may be a contact: what it answers in a colleague's thread is read."""
    door = asked(tmp_path, ["Consulting"], PEOPLE + DESK_TOML)
    to = request(door, "Consulting")
    for who in (DESK, "no-reply@alder.example"):
        row = door.say(who, "Some day in May suits us best.\n", to=to, subject="Re: Consulting")
        assert row["action"] in ("ask", "append", "hold")


def test_a_program_that_is_no_answer_is_seen_by_a_person(tmp_path: Path) -> None:
    """auto-generated says that a program wrote it, and not that it answers: it is held."""
    marks = {
        "generated": "Auto-Submitted: auto-generated",
        "notified": "Auto-Submitted: auto-notified",
    }
    door = asked(tmp_path, list(marks))
    got = answer_all(door, marks, DATE)
    assert {one.partition(" ")[0] for one in got.values()} <= {"hold", "complete"}


STRONG = {
    "an absence": "Auto-Submitted: auto-replied",
    "an absence with a comment": "Auto-Submitted: (away) auto-replied; owner-email=amy",
    "an old absence": "X-Autoreply: yes",
    "a null path": "Return-Path: <>",
}


def test_a_real_automatic_answer_changes_nothing_and_gets_nothing(tmp_path: Path) -> None:
    """R2 as it should be: noted with the letter it is about."""
    door = asked(tmp_path, list(STRONG))
    before = len(door.letters())
    assert answer_all(door, STRONG, DATE) == dict.fromkeys(STRONG, "ignore R2")
    assert {one["status"] for one in door.cases()} == {"draft"}
    assert len(door.letters()) == before


def test_an_absence_by_its_subject_changes_nothing_and_gets_nothing(tmp_path: Path) -> None:
    """Exchange marks its absences only weakly: what stands in the subject tells them."""
    subject = "Automatic reply: Consulting"
    door = asked(tmp_path, ["Consulting"])
    mark = ["X-Auto-Response-Suppress: All"]
    row = door.say(
        AMY, "I am out of office until Monday.\n", to=request(door, "Consulting"),
        subject=subject, fields=mark,
    )  # fmt: skip
    assert row["action"] in ("ignore", "hold")
    assert door.case("CASE-1001")["status"] == "draft"
    assert len(door.letters()) == 1


def test_a_weak_mark_proves_nobody(tmp_path: Path) -> None:
    """What nothing proves stays outside, marked or not."""
    door = asked(tmp_path, ["Consulting"])
    to = request(door, "Consulting")
    for mark in ("Precedence: bulk", "X-Loop: a@alder.example"):
        row = door.say(AMY, DATE, to=to, subject="Re: Consulting", fields=[mark], proof=NONE)
        assert row["action"] in ("hold", "ignore")
    assert door.case("CASE-1001")["status"] == "draft"
    assert len(door.letters()) == 1


def test_a_first_mail_with_a_weak_mark_is_never_lost(tmp_path: Path) -> None:
    """Its case, or a person who looks; in no case silence."""
    door = Door(tmp_path, more=RATES)
    for name, mark in WEAK.items():
        door.put(AMY, subject=name, fields=mark.split("\n"))
    door.work()
    assert {one["action"] for one in door.messages()} <= {"create", "hold"}
