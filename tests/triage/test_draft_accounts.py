"""Whose a draft is while nobody has said whose it is, and by which account the rules judge."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy import text as sql

from intake.store.tables.incidents import HookEventRow
from tests.support import installation
from tests.support.service import ABE, AMY, BEN, BY_SPF, MONA, NONE, PEOPLE, QUESTION, Door, what

HALF = "Case Type: Application Issue\nModule: Grade Book\nDescription: A private matter.\n"
REST = "Steps to Reproduce: Press Post.\nWho is impacted?: all\nIssue Began: yesterday\n"
OUTAGE = "Case Type: Report an Outage\nDescription: Nobody can log in at our place.\n"
TITLE = "Payroll of Birch"
CLEO = "cleo@both.example"
MORE = f"""
[[contacts]]
id = "cleo"
name = "Cleo Both"
emails = ["{CLEO}"]
accounts = ["alder", "birch"]
contact_type = "Authorized"
areas = ["SIS"]
"""
OTHERS = (AMY, ABE, BEN, CLEO)


@pytest.fixture
def door(tmp_path: Path) -> Door:
    """A service whose contact of two accounts has written without naming one of them."""
    made = Door(tmp_path, PEOPLE + MORE)
    row = made.say(MONA, HALF, subject=TITLE)
    assert (what(row), row["case_number"]) == ("ask R18", "CASE-1001")
    return made


def told(door: Door, who: str) -> str:
    """Every word that was written to that address."""
    return " ".join(
        f"{one['subject']} {one['text']}" for one in door.letters(to=who) if one["text"]
    )


def request(door: Door) -> dict[str, Any]:
    """The letter that asked the writer."""
    return door.letters("missing_fields", MONA)[-1]


def test_a_draft_without_an_account_is_listed_for_nobody_but_its_writer(door: Door) -> None:
    """Neither in the list of cases nor by its number, for contacts of each account and of both."""
    for who in OTHERS:
        for subject in ("cases", "cases open", "status CASE-1001"):
            door.put(who, "", subject=subject)
    door.work()
    assert len(door.letters("cases")) == 3 * len(OTHERS)
    words = (TITLE, "waits for your answer", "Application Issue")
    seen = {who: [one for one in words if one in told(door, who)] for who in OTHERS}
    assert seen == {who: [] for who in OTHERS}


def test_its_writer_sees_it_and_may_close_it(door: Door) -> None:
    """The draft is the writer's own, whatever account it will have."""
    door.say(MONA, "", subject="status")
    assert TITLE in told(door, MONA)
    assert what(door.say(MONA, "Never mind.", subject="close CASE-1001")) == "append R23"
    assert door.case("CASE-1001")["status"] == "closed"


def test_nobody_but_its_writer_closes_a_draft_without_an_account(door: Door) -> None:
    """The answer is the one for a number that does not exist, and it bears no tag."""
    for who in OTHERS:
        door.put(who, "", subject="close CASE-1001")
    door.work()
    tag = request(door)["subject"].rpartition("[")[2]
    assert {who: tag in told(door, who) for who in OTHERS} == dict.fromkeys(OTHERS, False)
    assert {one["kind"] for one in door.letters() if one["recipient"] != MONA} == {"cases"}
    case = door.case("CASE-1001")
    assert case["status"] == "draft"
    assert "closed" not in [one["kind"] for one in case["events"]]


def test_a_mail_with_its_tag_from_anybody_else_waits_for_a_person(door: Door) -> None:
    """Whoever got hold of the letter answers nothing, adds nothing and gets no letter."""
    letter = request(door)
    for who in OTHERS:
        door.put(who, f"{REST}One more word.\n", subject=letter["subject"])
        door.put(who, f"{REST}Another word.\n", to=letter["message_id_header"])
    door.work()
    rules = [(one["sender"], what(one)) for one in door.messages() if one["sender"] in OTHERS]
    assert rules == [(who, "hold R16") for who in OTHERS for _ in range(2)]
    case = door.case("CASE-1001")
    assert (case["status"], sorted(case["fields"])) == ("draft", ["module"])
    assert {one["recipient"] for one in door.letters()} == {MONA}


def test_an_outage_that_is_opened_at_once_is_its_writers_until_the_account_is_answered(
    tmp_path: Path,
) -> None:
    """Open or not: who does not know whose it is shows it to nobody else."""
    door = Door(tmp_path)
    assert what(door.say(MONA, OUTAGE, subject=TITLE)) == "ask R18"
    assert door.case("CASE-1001")["status"] == "open"
    for who in (AMY, BEN):
        door.put(who, "", subject="cases")
        door.put(who, "", subject="close CASE-1001")
    door.work()
    assert TITLE not in told(door, AMY) + told(door, BEN)
    assert door.case("CASE-1001")["status"] == "open"


def test_an_answered_account_lets_its_people_in_and_nobody_elses(door: Door) -> None:
    """From then on it is a case of that account like any other."""
    answer = f"Account: Birch County\n{REST}"
    assert what(door.say(MONA, answer, to=request(door)["message_id_header"])) == "complete R20"
    for who in (BEN, AMY, CLEO):
        door.put(who, "", subject="cases")
        door.put(who, "", subject="status CASE-1001")
    door.put(AMY, "", subject="close CASE-1001")
    door.work()
    assert (TITLE in told(door, BEN), TITLE in told(door, CLEO)) == (True, True)
    assert TITLE not in told(door, AMY)
    assert door.case("CASE-1001")["status"] == "open"
    ack = door.letters("ack", MONA)[-1]
    row = door.say(BEN, "We see it too.", subject=ack["subject"])
    assert what(row) == "append R17"
    assert what(door.say(AMY, "Me too.", subject=ack["subject"])) == "hold R16"
    door.say(BEN, "", subject="close CASE-1001")
    assert door.case("CASE-1001")["status"] == "closed"


def test_the_draft_of_a_contact_of_one_account_is_its_colleagues_too(tmp_path: Path) -> None:
    """Where there is one account nothing has to be answered about it."""
    door = Door(tmp_path)
    door.say(AMY, HALF, subject="Posting")
    door.say(ABE, "", subject="cases")
    assert "Posting" in told(door, ABE)
    door.say(ABE, "", subject="close CASE-1001")
    assert door.case("CASE-1001")["status"] == "closed"


def test_drafts_without_an_account_are_counted_for_no_account(tmp_path: Path) -> None:
    """They use up nobody else's cases of an hour."""
    door = Door(tmp_path, more="[limits]\nmax_cases_per_account_hour = 2\n")
    for number in range(2):
        door.put(MONA, HALF, subject=f"{TITLE} {number}")
    door.work()
    assert {what(one) for one in door.messages()} == {"ask R18"}
    assert what(door.say(AMY)) == "create R20"
    assert what(door.say(BEN)) == "create R20"


def test_lists_and_exports_say_that_nobody_knows_the_account_yet(
    door: Door, tmp_path: Path
) -> None:
    """An operator's list of one account, the export as JSON and as CSV name no stand-in."""
    for account in ("alder", "birch"):
        assert json.loads(door.cli("cases", "list", "--account", account, "--json")) == []
    (listed,) = json.loads(door.cli("cases", "list", "--json"))
    assert listed["account_id"] not in ("alder", "birch")
    (exported,) = (json.loads(line) for line in door.cli("cases", "export").splitlines())
    assert exported["account_id"] not in ("alder", "birch")
    (row,) = csv.DictReader(io.StringIO(door.cli("cases", "export", "--format", "csv")))
    assert row["account_id"] not in ("alder", "birch")
    assert "alder" not in door.cli("cases", "show", "CASE-1001")


def about_an_incident(folder: Path) -> Door:
    """A draft without an account that is about a known incident."""
    door = Door(folder)
    door.cli(
        "incidents", "open", "Posting is delayed", "--text", "We look.", "--module", "Grade Book"
    )
    assert what(door.say(MONA, HALF, subject=TITLE)) == "ask R18"
    assert door.case("CASE-1001")["incident_id"] == "INC-1"
    return door


def test_an_event_about_a_draft_names_no_account_that_nobody_named(tmp_path: Path) -> None:
    """``case.linked`` tells other programs of the case, not of a stand-in."""
    door = about_an_incident(tmp_path)
    with installation.database(door.config) as session:
        rows = [(one.kind, dict(one.payload)) for one in session.scalars(select(HookEventRow))]
    linked = [payload["case"] for kind, payload in rows if kind == "case.linked"]
    assert [one["account"] for one in linked if one["account"]] == []


def test_an_incident_counts_a_draft_without_an_account_for_nobody(tmp_path: Path) -> None:
    """Neither what the operator is shown, nor who is told first, takes the stand-in for true."""
    door = about_an_incident(tmp_path)
    shown = json.loads(door.cli("incidents", "show", "INC-1", "--json"))
    assert "alder" not in shown["cases"]
    preview = json.loads(door.cli("incidents", "preview", "INC-1", "--json"))
    first = {one["contact_id"]: one["priority"] for one in preview["told"]}
    assert first["amy"] == first["ben"]
    assert first["mona"] < first["ben"]


def test_a_draft_without_an_account_is_about_no_incident_of_one_account(tmp_path: Path) -> None:
    """A second half answer must not tie it to what happens at an account that nobody named."""
    door = Door(tmp_path)
    door.cli(
        "incidents", "open", "Alder's server is down", "--text", "We look.", "--account", "alder",
        "--module", "Grade Book",
    )  # fmt: skip
    door.say(MONA, HALF, subject=TITLE)
    row = door.say(MONA, "Who is impacted?: all\n", to=request(door)["message_id_header"])
    assert what(row) == "ask R18"
    assert door.case("CASE-1001")["incident_id"] == ""
    answer = f"Account: Birch County\n{REST}"
    door.say(MONA, answer, to=request(door)["message_id_header"])
    case = door.case("CASE-1001")
    assert (case["account_id"], case["incident_id"]) == ("birch", "")


# ---------------------------------------------------------------- the account a rule judges


def with_roles(folder: Path, alder: str, birch: str) -> Door:
    """Mona is one thing at one account and another at the other."""
    door = Door(folder)
    with installation.database(door.config, write=True) as session:
        for account, role in (("alder", alder), ("birch", birch)):
            session.execute(
                sql(
                    "UPDATE memberships SET contact_type = :role"
                    " WHERE contact_id = 'mona' AND account_id = :account"
                ),
                {"role": role, "account": account},
            )
    return door


def test_naming_the_account_in_the_reply_opens_nothing_where_one_may_only_read(
    tmp_path: Path,
) -> None:
    """In one mail or in two: the account that the case will have is the one that is judged."""
    door = with_roles(tmp_path, "Authorized", "Read Only")
    at_once = f"Account: Birch County\n{QUESTION}"
    assert what(door.say(MONA, at_once)) == "hold R13"
    assert what(door.say(MONA)) == "ask R18"
    row = door.say(MONA, "Account: Birch County\n", to=request(door)["message_id_header"])
    assert what(row) == "hold R13"
    assert [one["number"] for one in door.cases() if one["account_id"] == "birch"] == []
    assert [one["kind"] for one in door.letters(to=MONA)] == [
        "refusal", "missing_fields", "refusal",
    ]  # fmt: skip


def test_naming_an_account_where_one_may_write_is_no_refusal(tmp_path: Path) -> None:
    """The stand-in refuses nobody either."""
    door = with_roles(tmp_path, "Read Only", "Authorized")
    assert what(door.say(MONA)) == "ask R18"
    row = door.say(MONA, "Account: Birch County\n", to=request(door)["message_id_header"])
    assert what(row) == "complete R20"
    assert door.case("CASE-1001")["account_id"] == "birch"


def test_a_flood_at_one_account_holds_no_case_of_another(tmp_path: Path) -> None:
    """The cases of an hour are counted for the account that the case will have."""
    door = Door(tmp_path, more="[limits]\nmax_cases_per_account_hour = 2\n")
    for _ in range(2):
        door.put(AMY)
    door.put(MONA, f"Account: Birch County\n{QUESTION}")
    door.put(MONA, f"Account: Alder Unified\n{QUESTION}")
    door.work()
    assert [what(one) for one in door.messages()] == [
        "create R20", "create R20", "create R20", "hold R26",
    ]  # fmt: skip


@pytest.mark.parametrize("proof", [BY_SPF, NONE])
def test_a_high_risk_type_named_in_the_reply_still_needs_its_signature(
    tmp_path: Path, proof: str
) -> None:
    """What the case will be is judged, not what the draft was."""
    door = Door(tmp_path)
    door.say(AMY, "", subject="Something")
    letters = door.letters("missing_fields", AMY)
    assert letters
    text = "Case Type: Server Access\nRequest Type: SQL Server\nDescription: Scripts.\n"
    row = door.say(AMY, text, to=letters[-1]["message_id_header"], proof=proof)
    assert what(row) in ("hold R14", "hold R7")
