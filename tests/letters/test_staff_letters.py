"""Letters to departments and staff: who gets them, what is attached, what is late."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from intake.mail.encoder import with_files
from intake.worker import service
from intake.worker.outbox_sender import Posted
from tests.support.letter_text import plain_text
from tests.support.service import AMY, words_of
from tests.support.staff_desk import HOSTING, LEAD, SUPPORT, StaffDesk


def test_a_letter_to_a_staff_member_who_was_disabled_does_not_leave(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the decision and the sending."""
    desk = StaffDesk.open(tmp_path)
    desk.case_of(text="Case Type: Server Issue\nDescription: It is slow.", subject="Server")
    assert "It is slow." in plain_text(desk.handed(HOSTING))
    monkeypatch.setattr(service, "send_letters", lambda *_: Posted())
    desk.say(AMY, "Still slow.", to=str(desk.posted(AMY)[0]["Message-ID"]))
    monkeypatch.undo()
    desk.cli("staff", "disable", "hans")
    desk.work()
    assert "Still slow." not in plain_text(desk.handed(HOSTING))
    assert "Still slow." in plain_text(desk.handed("dana@vendor.example"))
    states = {one["recipient"]: one["state"] for one in desk.letters("handover")}
    assert states[HOSTING] == "suppressed"


def files_mail(size: int) -> tuple[str, tuple[str, ...]]:
    """A body with a file of that many bytes, and the fields above it."""
    body = (
        "--b\nContent-Type: text/plain\n\nCase Type: Ask a Question\nDescription: See the file.\n"
        '--b\nContent-Type: text/csv; name="list.csv"\nContent-Disposition: attachment;'
        f' filename="list ü.csv"\n\n{"a,b;" * (size // 4)}\n--b--\n'
    )
    fields = (
        "MIME-Version: 1.0", 'Content-Type: multipart/mixed; boundary="b"',
    )  # fmt: skip
    return body, fields


@pytest.mark.parametrize(("size", "attached"), [(4000, True), (40_000, False)])
def test_files_are_attached_up_to_the_limit(tmp_path: Path, size: int, attached: bool) -> None:
    """What does not fit is named with the way to get it."""
    desk = StaffDesk.open(tmp_path, "\n[handover]\nmax_bytes = 20000\n")
    body, fields = files_mail(size)
    desk.case_of(text=body, fields=fields)
    letter = desk.handed()
    names = [one.get_filename() for one in letter.walk() if one.get_filename()]
    assert bool(names) is attached
    assert "list" in plain_text(letter)
    assert ("`intake cases file` has it" in words_of(letter)) is not attached


def test_a_letter_with_files_reads_back_byte_for_byte() -> None:
    """The text stays first; each file has its bytes and its name; twice gives the same letter."""
    from email import message_from_bytes

    raw = (b"From: a@b.example\r\nSubject: x\r\nMIME-Version: 1.0\r\n"
           b"Content-Type: text/plain; charset=us-ascii\r\n"
           b"Content-Transfer-Encoding: 7bit\r\n\r\nHello\r\n")  # fmt: skip
    files = [('ü".txt', "text/plain", b"1\r\n2\x00"), ("x.bin", "odd type", b"\xff" * 5000)]
    made = with_files(raw, files)
    assert made == with_files(raw, files)
    assert max(map(len, made.split(b"\r\n"))) <= 998
    parsed = message_from_bytes(made)
    parts = list(parsed.walk())[1:]
    assert parts[0].get_payload(decode=True) == b"Hello\r\n"
    assert [one.get_payload(decode=True) for one in parts[1:]] == [data for *_, data in files]
    assert parts[1].get_filename() == 'ü".txt'
    assert with_files(raw, []) == raw


def test_a_department_is_reminded_and_its_lead_hears_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In working hours; an answer ends it; the list of late cases agrees."""
    import time_machine

    desk = StaffDesk.open(tmp_path)
    number = desk.case_of()
    began = desk.case(number)["received_at"]
    from datetime import datetime

    start = datetime.fromisoformat(str(began))
    with time_machine.travel(start + timedelta(days=9), tick=True):
        desk.work()
        late = json.loads(desk.cli("cases", "list", "--late", "--json"))
        assert [one["number"] for one in late] == [number]
        assert "1 case is late" in desk.cli("status", code=1)
        reminders = [one for one in desk.posted(SUPPORT) if "<late." in str(one["Message-ID"])]
        assert len(reminders) == 1
        assert "has waited for" in words_of(reminders[0])
        desk.work()
        desk.work()
        leads = desk.posted(LEAD)
        assert len(leads) == 1
        assert "nobody has answered" in words_of(leads[0])
        desk.staff("Sorry for the wait.", to=reminders[0])
        assert "Sorry for the wait." in plain_text(desk.answers()[-1])
        told = json.loads(desk.cli("status", "--json", code=1))["departments"]
        (figures,) = [one for one in told if one["department"] == "support"]
        assert (figures["answered"], figures["waiting"]) == (1, 0)
        assert figures["first_answer_hours_median"] > 40
        metrics = desk.cli("metrics")
        line = r'intake_case_first_answer_hours\{[^}]*department="support"[^}]*\} (\d+)'
        assert int(re.findall(line, metrics)[0]) > 40
        assert 'intake_cases_late{department="support"} 1.0' in metrics, "open for too long"
        assert max(map(len, desk.cli("status", code=1).splitlines())) <= 80
    with time_machine.travel(start + timedelta(days=30), tick=True):
        count = len(desk.posted(SUPPORT))
        desk.work()
        assert len(desk.posted(SUPPORT)) == count, "nobody waits"


def test_a_week_is_summed_up_once(tmp_path: Path) -> None:
    """By mail to whoever wants it, on the day and from the hour that are set."""
    from datetime import UTC, datetime

    import time_machine

    more = '\n[handover]\nsummary = ["boss@desk.example"]\n'
    desk = StaffDesk.open(tmp_path, more)
    now = datetime.now(UTC)
    desk.case_of()
    desk.case_of(text="Case Type: Server Issue\nDescription: It is slow.", subject="Server")
    monday = now + timedelta(days=(7 - now.weekday()) % 7 or 7)
    with time_machine.travel(monday.replace(hour=18, minute=0), tick=True):
        desk.work()
        desk.work()
    (letter,) = desk.posted("boss@desk.example")
    text = plain_text(letter)
    assert "2 cases opened" in text
    assert "Alder Unified" in text
    assert "Server Issue" in text


def test_events_and_folders_tell_the_same(tmp_path: Path) -> None:
    """The folder has one directory for each event, whole, with the files; never half of one."""
    more = f'[[department]]\nkey = "support"\nfolder = "{tmp_path}/drop"\n'
    desk = StaffDesk(tmp_path, more=more)
    body, fields = files_mail(400)
    number = desk.case_of(text=body, fields=fields)
    desk.say(AMY, "More.", to=str(desk.posted(AMY)[0]["Message-ID"]))
    desk.cli("hooks", "list", "--json")
    made = sorted(one for one in (tmp_path / "drop").iterdir())
    assert not [one for one in made if one.name.startswith(".")]
    told: list[dict[str, Any]] = [
        json.loads((one / "event.json").read_text("utf-8")) for one in made
    ]
    assert {one["type"] for one in told} == {"case.opened", "case.updated"}
    opened = next(one for one in told if one["type"] == "case.opened")["data"]["case"]
    assert (opened["number"], opened["contact"]["name"]) == (number, "Amy Alder")
    assert any(file.suffix == ".csv" for one in made for file in one.iterdir())
    said = [one["text"] for one in told[-1]["data"]["case"]["conversation"]]
    assert any("More." in one for one in said)


CLEAN = type("Clean", (), {"find": lambda self, data: "", "__init__": lambda self, *_: None})
SCANNED = '\n[files]\nclamav = "tcp://127.0.0.1:9"\n'


def test_files_of_an_answer_follow_when_they_are_clean(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The words leave at once; the writer hears of the file, the contact gets it later, once."""
    desk = StaffDesk.open(tmp_path, SCANNED)
    desk.case_of()
    body, fields = files_mail(400)
    desk.staff(body.replace("Case Type: Ask a Question\nDescription: See", "See"), fields=fields)
    answer = desk.answers()[-1]
    assert "See the file." in plain_text(answer)
    assert "list" not in plain_text(answer)
    told = words_of(desk.posted("nora.field@vendor.example")[-1])
    assert "but not these files" in told
    assert "waits for the virus scanner and is sent on afterwards" in told
    before = len(desk.posted(SUPPORT))
    monkeypatch.setattr("intake.worker.file_jobs.Scanner", CLEAN)
    desk.work()
    desk.work()
    later = desk.answers()[1:]
    assert len(later) == 1
    assert "Here is a file that belongs to my last answer." in plain_text(later[0])
    assert [one.get_filename() for one in later[0].walk() if one.get_filename()] == ["list ü.csv"]
    assert len(desk.posted(SUPPORT)) == before
    words, file = desk.letters("answer")
    assert file["message_id"] == words["message_id"], "its writer hears when it is lost"


def test_a_file_below_a_note_never_reaches_a_contact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does one of an answer that was kept back."""
    desk = StaffDesk.open(tmp_path, SCANNED)
    desk.case_of()
    body, fields = files_mail(400)
    said = "Case Type: Ask a Question\nDescription: See the file."
    desk.staff(body.replace(said, "#note\nOnly for us."), fields=fields)
    desk.staff(body.replace(said, "Internal: he is difficult."), fields=fields)
    assert "#send takes the text alone" in words_of(desk.posted("nora.field@vendor.example")[-1])
    monkeypatch.setattr("intake.worker.file_jobs.Scanner", CLEAN)
    desk.work()
    desk.work()
    assert desk.answers() == []
    assert not [one for one in desk.posted(AMY) if "list" in one.as_string()]


def test_a_file_that_the_policy_keeps_back_is_named_to_its_writer(tmp_path: Path) -> None:
    """A program does not leave; the words do."""
    desk = StaffDesk.open(tmp_path)
    desk.case_of()
    body, fields = files_mail(400)
    said = "Case Type: Ask a Question\nDescription: See the file."
    desk.staff(body.replace(said, "Run this.").replace("list.csv", "tool.exe").replace(
        "list ü.csv", "tool.exe"), fields=fields)  # fmt: skip
    assert "tool.exe" not in desk.answers()[-1].as_string()
    assert "- tool.exe:" in plain_text(desk.posted("nora.field@vendor.example")[-1])
