"""What departments and other programs hear of what operators do on the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.letter_text import plain_text
from tests.support.service import AMY
from tests.support.staff_desk import HOSTING, SUPPORT, StaffDesk


@pytest.fixture
def desk(tmp_path: Path) -> StaffDesk:
    """Support has a folder, too, so that the events about cases can be read."""
    return StaffDesk.open(tmp_path, drop=f"{tmp_path}/drop")


def events(desk: StaffDesk) -> list[dict[str, Any]]:
    """The events in the folder of support, oldest first."""
    found = sorted(
        (desk.folder / "drop").glob("evt_*"), key=lambda one: int(one.name.split("_")[1])
    )
    return [json.loads((one / "event.json").read_text()) for one in found]


def test_a_case_opened_by_hand_reaches_its_department(desk: StaffDesk) -> None:
    """With its values, as if the contact had written; the contact gets nothing."""
    desk.cli("cases", "new", "--contact", "amy", "--type", "Ask a Question",
             "--subject", "On the phone", "--description", "How is a snow day set up?")  # fmt: skip
    desk.work()
    text = plain_text(desk.handed())
    assert "has opened this case." in text
    assert "How is a snow day set up?" in text
    assert desk.posted(AMY) == []
    assert desk.case("CASE-1001")["waits_since"] is not None
    desk.staff("With the calendar module.")
    assert "With the calendar module." in plain_text(desk.answers()[-1])
    assert [one["type"] for one in events(desk)] == ["case.opened", "case.answered"]


def test_a_case_given_to_another_department_is_told_to_both(desk: StaffDesk) -> None:
    """The new one gets the whole case, the old one that it need do nothing."""
    desk.case_of()
    desk.cli("cases", "assign", "CASE-1001", "--department", "hosting")
    desk.work()
    assert "How is a snow day set up?" in plain_text(desk.handed(HOSTING))
    assert "has given this case to" in plain_text(desk.handed(HOSTING))
    assert "You need not do anything about CASE-1001" in plain_text(desk.handed(SUPPORT))
    desk.cli("cases", "set", "CASE-1001", "department=support")
    desk.work()
    assert "How is a snow day set up?" in plain_text(desk.handed(SUPPORT))


def test_values_and_notes_are_events_and_no_letters(desk: StaffDesk) -> None:
    """A department is not written to for each value; its programs hear of it."""
    desk.case_of()
    before = len(desk.posted(SUPPORT))
    desk.cli("cases", "set", "CASE-1001", "priority=High")
    desk.cli("cases", "note", "CASE-1001", "She called back.")
    desk.work()
    assert len(desk.posted(SUPPORT)) == before
    newest = events(desk)[-1]
    assert newest["type"] == "case.updated"
    assert newest["data"]["case"]["priority"] == "High"
    assert newest["data"]["case"]["conversation"][-1]["text"] == "She called back."
    assert "She called back." not in str([plain_text(one) for one in desk.posted(AMY)])


def test_closing_and_reopening_are_told(desk: StaffDesk) -> None:
    """The department need do nothing; then it has the whole case again, which waits from now on."""
    desk.case_of()
    desk.cli("cases", "close", "CASE-1001")
    desk.work()
    assert "has set this case to closed." in plain_text(desk.handed())
    assert desk.case("CASE-1001")["waits_since"] is None
    desk.cli("cases", "reopen", "CASE-1001")
    desk.work()
    assert "has opened this case again." in plain_text(desk.handed())
    assert desk.case("CASE-1001")["waits_since"] is not None
    kinds = [one["type"] for one in events(desk)]
    assert kinds == ["case.opened", "case.closed", "case.reopened"]


def test_a_draft_that_is_closed_is_told_to_nobody(desk: StaffDesk) -> None:
    """Its department never had it."""
    desk.say(AMY, "Case Type: Application Issue\n", subject="Something")
    assert desk.case("CASE-1001")["status"] == "draft"
    desk.cli("cases", "close", "CASE-1001")
    desk.work()
    assert desk.posted(SUPPORT) == []


def test_a_case_merged_by_hand_keeps_what_was_said(desk: StaffDesk) -> None:
    """Its department hears where it goes on, and its conversation goes over."""
    desk.case_of()
    desk.case_of(subject="Again", text="Case Type: Ask a Question\nDescription: And rain days?\n")
    desk.cli("cases", "merge", "CASE-1002", "CASE-1001", "--yes")
    desk.work()
    assert "has merged this case into CASE-1001" in plain_text(desk.handed())
    shown = json.loads(desk.cli("cases", "show", "CASE-1001", "--json"))
    assert "And rain days?" in str(shown["conversation"])


def test_a_case_of_another_contact_is_told(desk: StaffDesk) -> None:
    """Answers go to somebody else from now on."""
    desk.case_of()
    desk.cli("cases", "move", "CASE-1001", "--contact", "abe")
    desk.work()
    assert "has moved this case to abe of alder." in plain_text(desk.handed())
    assert "Contact: Abe Alder" in plain_text(desk.handed())


def test_a_contact_who_closes_waits_no_more(desk: StaffDesk) -> None:
    """When the case opens again, the time counts from then on."""
    desk.case_of()
    desk.say(AMY, "close CASE-1001", subject="close CASE-1001")
    assert desk.case("CASE-1001")["status"] == "closed"
    assert desk.case("CASE-1001")["waits_since"] is None
