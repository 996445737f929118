"""Cases that came before their incident was known are found and tied; letters say the newest."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.letter_text import plain_text
from tests.support.service import ABE, AMY, BEN, Door, what, words_of

ISSUE = """Case Type: Application Issue
Module: {0}
Description: {1}
Steps to Reproduce: Open it and press Post.
Who is impacted: All teachers
Issue Began: yesterday
Error Message: none
Expected Results: It is posted
"""
PAGE = '[page]\nurl = "https://status.desk.example/"\n'


def filed(folder: Path, more: str = PAGE) -> Door:
    """Four cases of two customers, of which three have to do with posting of grades."""
    door = Door(folder, more=more)
    door.put(AMY, ISSUE.format("Grade Book", "Grades cannot be posted."), subject="Posting")
    door.put(ABE, ISSUE.format("Attendance", "The greyed out button again."), subject="A button")
    door.put(BEN, "Case Type: Report an Outage\nDescription: Nobody gets in.\n", subject="Down")
    door.put(AMY, ISSUE.format("Attendance", "Rows are doubled."), subject="Rows")
    door.work()
    assert [one["status"] for one in door.cases()] == ["open"] * 4
    return door


OPEN = (
    "incidents", "open", "Posting of grades is delayed", "--module", "Grade Book", "--word",
    "greyed out", "--text", "A queue is stuck.\n\nPlease keep your grade books open.",
    "--impact", "Grades that are posted appear late.",
)  # fmt: skip


def test_cases_before_the_incident_are_offered_and_tied(tmp_path: Path) -> None:
    """Opened: one line offers them. Shown with why. Tied: each one's contact is told, once."""
    door = filed(tmp_path)
    said = door.cli(*OPEN)
    assert "3 cases look like it already: `intake incidents link INC-1`" in " ".join(said.split())
    shown = " ".join(door.cli("incidents", "link", "inc-1").split())
    for number, why in (
        ("CASE-1001", "its module is Grade Book"), ("CASE-1002", "it says 'greyed out'"),
        ("CASE-1003", "it reports an outage"),
    ):  # fmt: skip
        assert number in shown
        assert why.split()[-1] in shown
    assert "CASE-1004" not in shown
    assert "nothing was changed" in shown
    assert {one["incident_id"] for one in door.cases()} == {""}
    said = " ".join(door.cli("incidents", "link", "INC-1", "--yes").split())
    assert "3 people are told" in said
    door.work()
    told = {str(one["recipient"]): one for one in door.letters("linked")}
    assert set(told) == {AMY, ABE, BEN}
    letter = next(one for one in door.posted(ABE) if "<linked." in str(one["Message-ID"]))
    words = words_of(letter)
    assert "your case CASE-1002 has the same cause as something that we know of" in words
    assert "INC-1: Posting of grades is delayed (investigating)" in words
    assert "A queue is stuck. Please keep your grade books open." in words
    assert "https://status.desk.example/INC-1.html" in words
    ack = next(one for one in door.posted(ABE) if "<ack." in str(one["Message-ID"]))
    assert letter["In-Reply-To"] == ack["Message-ID"]
    case = door.case("CASE-1002")
    assert case["incident_id"] == "INC-1"
    assert "linked" in [one["kind"] for one in case["events"]]
    again = " ".join(door.cli("incidents", "link", "INC-1", "--yes").split())
    assert "no case of the last 24 hours looks like INC-1" in again
    assert len(door.letters("linked")) == 3
    shown = " ".join(door.cli("incidents", "show", "INC-1").split())
    assert "CASE-1003" in shown
    said = " ".join(
        door.cli("incidents", "resolve", "INC-1", "--text", "Over.", "--answer-cases").split()
    )
    assert "3 people get that as their answer" in said


def test_a_case_is_tied_and_untied_by_its_number(tmp_path: Path) -> None:
    """Whatever it looks like; what cannot be is said, and then nothing at all is changed."""
    door = filed(tmp_path)
    door.cli(*OPEN)
    said = door.cli("incidents", "link", "INC-1", "case-1004", "CASE-9999", "--yes", code=1)
    assert "no case 'CASE-9999'" in said
    assert door.case("CASE-1004")["incident_id"] == ""
    door.cli("incidents", "link", "INC-1", "case-1004", "--yes")
    assert door.case("CASE-1004")["incident_id"] == "INC-1"
    assert "about INC-1 already" in door.cli(
        "incidents", "link", "INC-1", "CASE-1004", "--yes", code=1
    )
    assert "no longer about INC-1" in door.cli("incidents", "unlink", "CASE-1004")
    assert door.case("CASE-1004")["incident_id"] == ""
    assert "about no incident" in door.cli("incidents", "unlink", "CASE-1004", code=1)
    door.cli("cases", "close", "CASE-1001")
    assert "only what is open" in door.cli(
        "incidents", "link", "INC-1", "CASE-1001", "--yes", code=1
    )
    assert "no open incident 'INC-7'" in door.cli("incidents", "link", "INC-7", code=1)


def test_only_customers_that_the_incident_concerns_are_offered(tmp_path: Path) -> None:
    """Of one account alone: another's outage has nothing to do with it."""
    door = filed(tmp_path)
    said = " ".join(door.cli(*OPEN, "--account", "alder").split())
    assert "2 cases look like it already" in said
    assert "CASE-1003" not in door.cli("incidents", "link", "INC-1")


@pytest.mark.parametrize("approved", [False, True])
def test_an_acknowledgement_has_the_newest_words(tmp_path: Path, *, approved: bool) -> None:
    """The newest update, the page and the next update's time; unapproved words where so wished."""
    more = f'{PAGE}show = "approved"\n' if approved else PAGE
    door = Door(tmp_path, more=more)
    door.cli(*OPEN)
    door.cli(
        "incidents", "update", "INC-1", "--text", "The queue moves again.", "--status",
        "monitoring", "--next-update", "2031-03-02 14:30",
    )  # fmt: skip
    did = what(door.say(AMY, ISSUE.format("Grade Book", "No post."), subject="Posting"))
    assert did == "create R20"
    words = words_of(door.posted(AMY)[-1])
    assert "INC-1: Posting of grades is delayed (monitoring)" in words
    assert ("The queue moves again." in words) is not approved
    assert "A queue is stuck" not in words
    assert "Next word on it by 2031-03-02 14:30" in words
    assert "All about it: https://status.desk.example/INC-1.html" in words
    if approved:
        door.cli("incidents", "send", "INC-1", "--emergency", "no time to lose")
        door.say(ABE, ISSUE.format("Grade Book", "No post."), subject="Posting")
        acks = [one for one in door.posted(ABE) if "<ack." in str(one["Message-ID"])]
        assert "The queue moves again." in words_of(acks[-1])


def test_a_private_incident_links_to_no_page(tmp_path: Path) -> None:
    """It is not on the page, so no letter sends anybody there."""
    door = Door(tmp_path, more=PAGE)
    door.cli(*OPEN, "--private")
    door.say(AMY, ISSUE.format("Grade Book", "No post."), subject="Posting")
    words = words_of(door.posted(AMY)[-1])
    assert "INC-1" in words
    assert "status.desk.example" not in words


@pytest.mark.parametrize(
    ("kind", "charge"),
    [
        (
            "Request Training",
            "Work of this kind may be billable. You hear from us before anything is charged.",
        ),
        ("Ask a Question", "This is included in your support."),
    ],
)
def test_a_form_says_what_it_costs(tmp_path: Path, kind: str, charge: str) -> None:
    """Before anything is filed; and the line is no answer when the form comes back filled in."""
    door = Door(tmp_path)
    assert what(door.say(AMY, "", subject=f"form {kind}")).startswith("answer")
    letter = door.posted(AMY)[-1]
    assert charge in words_of(letter)
    filled = plain_text(letter).replace("Description:", "Description: Half a day, please.")
    filled = filled.replace("Preferred Training Date:", "Preferred Training Date: 2031-05-05")
    for to in ("", str(letter["Message-ID"])):
        did = what(door.say(AMY, filled, subject=f"{kind}: a form", to=to))
        case = door.cases()[-1]
        assert did == "create R20", door.posted(AMY)[-1].as_string()
        assert "charge" not in door.case(str(case["number"]))["description"]
        assert "included" not in door.case(str(case["number"]))["description"]


def test_a_question_says_what_it_may_cost(tmp_path: Path) -> None:
    """The request for missing fields comes before the case is filed, so it says it, too."""
    door = Door(tmp_path)
    assert what(door.say(AMY, "Case Type: Request Training\nDescription: Cooks.\n")) == "ask R18"
    assert "Work of this kind may be billable" in words_of(door.posted(AMY)[-1])
