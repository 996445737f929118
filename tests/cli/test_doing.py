"""What an operator changes: many mails and letters at once, and cases by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from intake.worker import service
from tests.support import installation
from tests.support.forms import FILE
from tests.support.letter_text import plain_text
from tests.support.service import ABE, AMY, BEN, FAILED, NONE, Door, what


@pytest.fixture
def door(tmp_path: Path) -> Door:
    """A service without mails."""
    return Door(tmp_path)


def held(door: Door, count: int) -> list[int]:
    """So many held mails, in turns forged in Amy's name and unproved from Ben."""
    for number in range(count):
        forged = number % 2 == 0
        door.put(AMY if forged else BEN, subject=f"Held {number}", proof=FAILED if forged else NONE)
    door.work()
    return [row["id"] for row in door.messages() if row["status"] == "held"]


def statuses(door: Door) -> list[str]:
    """Of all mails, oldest first."""
    return [row["status"] for row in door.messages()]


# ---------------------------------------------------------------- held mails


def test_many_mails_are_rejected_at_once_and_taken_back(door: Door) -> None:
    """By numbers or by filter; without a terminal --yes is needed; one history line each."""
    ids = held(door, 6)
    rule = door.messages()[0]["rule"]
    said = door.cli("messages", "reject", "--rule", rule, code=2)
    assert "Nothing was done" in said
    assert "Held 0" in said, "what would be rejected is shown first"
    assert set(statuses(door)) == {"held"}
    said = door.cli("messages", "reject", "--rule", rule, "--yes", "--why", "spam")
    assert said == "3 mails: rejected\n"
    assert statuses(door) == ["rejected", "held"] * 3
    shown = json.loads(door.cli("messages", "show", str(ids[0]), "--json"))
    assert [one["kind"] for one in shown["events"]][-1] == "rejected"
    assert door.cli("messages", "unreject", str(ids[0]), str(ids[2])) == "2 mails: held again\n"
    assert statuses(door) == ["held", "held", "held", "held", "rejected", "held"]
    assert "only rejected ones" in door.cli("messages", "unreject", str(ids[0]), code=1)
    assert "no waiting mail matches" in door.cli("messages", "reject", "--rule", "R999", "--yes")
    assert "neither a number nor a filter" in door.cli("messages", "reject", code=2)
    chosen = json.loads(door.cli("messages", "reject", str(ids[1]), str(ids[3]), "--yes", "--json"))
    assert chosen == {"rejected": [ids[1], ids[3]]}


def test_one_wrong_number_rejects_nothing(door: Door) -> None:
    """All or none, and the wrong one is named."""
    ids = held(door, 2)
    said = door.cli("messages", "reject", str(ids[0]), "999", "--yes", code=1)
    assert "no message 999" in said
    assert statuses(door) == ["held", "held"]


def test_many_mails_are_released_after_a_look(door: Door) -> None:
    """What would happen is shown; each is a case; one that cannot be stops no other."""
    ids = held(door, 4)
    said = door.cli("messages", "release", "--sender", "ben@", code=2)
    assert "-> create R20" in " ".join(said.split())
    assert statuses(door) == ["held"] * 4
    door.cli("messages", "reject", str(ids[1]))
    said = door.cli("messages", "release", *map(str, ids), "--yes", code=1)
    assert "1 of 4 mails could not be handled" in said
    assert statuses(door).count("handled") == 3
    assert len(door.cases()) == 3
    service.once(door.config)
    assert len(door.posted()) == 3


def test_replay_by_filter_asks_the_rules_again(door: Door) -> None:
    """After the cause is gone; the dry run changes nothing."""
    door.cli("contacts", "disable", "ben")
    for number in range(3):
        door.put(BEN, subject=f"Held {number}")
    door.work()
    assert statuses(door) == ["held"] * 3
    door.cli("contacts", "disable", "ben", "--enable")
    rule = door.messages()[0]["rule"]
    dry = json.loads(door.cli("messages", "replay", "--rule", rule, "--dry-run", "--json"))
    assert [one["after"] for one in dry] == ["create R20"] * 3
    assert statuses(door) == ["held"] * 3
    done = json.loads(door.cli("messages", "replay", "--rule", rule, "--yes", "--json"))
    assert len(done) == 3
    assert statuses(door) == ["handled"] * 3


# ---------------------------------------------------------------- cases


def test_values_are_set_as_a_mail_would_set_them(door: Door) -> None:
    """Own columns and the type's fields; a wrong one names the choices and changes nothing."""
    door.say(AMY)
    said = door.cli(
        "cases", "set", "case-1001", "priority=high", "module=Attendance", "subject=The bell",
        "--why", "she called",
    )  # fmt: skip
    assert said == "CASE-1001: set priority, module, subject\n"
    row = json.loads(door.cli("cases", "show", "CASE-1001", "--json"))
    assert (row["priority"], row["subject"]) == ("High", "The bell")
    assert row["fields"]["module"]["value"] == "Attendance"
    assert row["fields"]["module"]["source"] == "operator"
    changed = [one["detail"] for one in row["events"] if one["kind"] == "changed"]
    assert {one["field"] for one in changed} == {"priority", "module", "subject"}
    assert all(one["why"] == "she called" for one in changed)
    for wrong, words in (
        ("priority=urgent", "wanted "), ("modul=x", "not a field of"),
        ("nonsense", "wanted FIELD=VALUE"), ("department=moon", "wanted "),
        ("billable=perhaps", "wanted yes, no"), ("type=moon", "wanted application_issue"),
    ):  # fmt: skip
        assert words in door.cli("cases", "set", "CASE-1001", "subject=Other", wrong, code=2)
    assert door.case("CASE-1001")["subject"] == "The bell"
    assert "no case 'CASE-9'" in door.cli("cases", "set", "CASE-9", "priority=Low", code=1)


def test_a_case_goes_to_another_department_or_contact(door: Door) -> None:
    """Letters follow the contact; a contact of elsewhere is refused."""
    door.say(AMY)
    departments = json.loads(door.cli("cases", "show", "CASE-1001", "--json"))["department"]
    other = "training" if departments != "training" else "support"
    assert other in door.cli("cases", "assign", "CASE-1001", "--department", other)
    assert door.case("CASE-1001")["department"] == other
    assert "abe at alder" in door.cli("cases", "move", "CASE-1001", "--contact", "abe")
    assert door.case("CASE-1001")["contact_id"] == "abe"
    said = door.cli("cases", "move", "CASE-1001", "--contact", "ben", code=1)
    assert "ben is not of account alder" in said
    assert "neither --account nor --contact" in door.cli("cases", "move", "CASE-1001", code=2)
    events = json.loads(door.cli("cases", "show", "CASE-1001", "--json"))["events"]
    assert [one["kind"] for one in events if one["who"].startswith("operator:")] == [
        "changed", "moved",
    ]  # fmt: skip


def test_a_note_is_never_sent(door: Door) -> None:
    """No letter holds it, whatever is written afterwards."""
    row = door.say(AMY)
    door.cli("cases", "note", "CASE-1001", "SECRET-NOTE she is angry")
    (letter,) = door.posted()
    door.say(AMY, "One more thing.", to=str(letter["Message-ID"]))
    door.cli("cases", "close", "CASE-1001")
    service.once(door.config)
    assert all("SECRET-NOTE" not in str(one) for one in door.posted())
    assert what(row) == "create R20"
    assert "found no text" in door.cli("cases", "note", "CASE-1001", " ", code=2)


def test_a_caller_on_the_phone_gets_a_case(door: Door) -> None:
    """It has the next number; the mail after it has the one behind it; nobody is written to."""
    said = door.cli(
        "cases", "new", "--contact", "amy", "--type", "Application Issue", "--subject",
        "Cannot log in", "module=Attendance", "priority=High",
    )  # fmt: skip
    assert said == "CASE-1001: opened\n"
    assert door.posted() == []
    row = json.loads(door.cli("cases", "show", "CASE-1001", "--json"))
    assert (row["account_id"], row["status"], row["priority"]) == ("alder", "open", "High")
    door.say(BEN)
    assert [one["number"] for one in door.cases()] == ["CASE-1001", "CASE-1002"]
    assert "use --account" in door.cli(
        "cases", "new", "--contact", "mona", "--type", "ask_question", "--subject", "x", code=1
    )
    assert "no contact 'nobody'" in door.cli(
        "cases", "new", "--contact", "nobody", "--type", "ask_question", "--subject", "x", code=1
    )
    assert "wanted application_issue" in door.cli(
        "cases", "new", "--contact", "amy", "--type", "moonshot", "--subject", "x", code=2
    )


def test_two_cases_about_one_matter_become_one(door: Door) -> None:
    """The first is closed; a reply to its letter goes on in the second, and is no new case."""
    door.say(AMY, "Case Type: Ask a Question\nDescription: The bell rings.\n", subject="The bell")
    door.say(ABE, subject="Bell again")
    first = door.posted(AMY)[0]
    assert "no terminal" in door.cli("cases", "merge", "CASE-1001", "CASE-1002", code=2)
    door.cli("cases", "merge", "case-1001", "case-1002", "--yes", "--why", "same bell")
    one, two = door.case("CASE-1001"), door.case("CASE-1002")
    assert (one["status"], one["merged_into"]) == ("closed", "CASE-1002")
    assert "The bell rings." in json.dumps([event["detail"] for event in two["events"]])
    row = door.say(AMY, "It rings still.", subject=f"Re: {first['Subject']}",
                   to=str(first["Message-ID"]))  # fmt: skip
    assert row["case_number"] == "CASE-1002"
    assert "It rings still." in json.dumps(
        [event["detail"] for event in door.case("CASE-1002")["events"]]
    )
    assert door.case("CASE-1001")["status"] == "closed"
    assert len(door.cases()) == 2
    assert "merged into CASE-1002 already" in door.cli(
        "cases", "merge", "CASE-1001", "CASE-1002", "--yes", code=1
    )
    door.say(BEN)
    said = door.cli("cases", "merge", "CASE-1003", "CASE-1002", "--yes", code=1)
    assert "two accounts" in said


def test_closing_can_tell_the_contact(door: Door) -> None:
    """One letter in the case's thread with the operator's text; a reply opens it again."""
    door.say(AMY)
    said = door.cli("cases", "close", "CASE-1001", "--tell", "The bell is silent now.\n- really")
    assert said == f"CASE-1001: closed\nCASE-1001: told {AMY}\n"
    door.work()
    ack, letter = door.posted(AMY)
    assert letter["In-Reply-To"] == ack["Message-ID"]
    text = plain_text(letter)
    assert "your case CASE-1001 is closed:\n\nThe bell is silent now." in text.replace("\r", "")
    row = door.say(AMY, "It rings again.", to=str(letter["Message-ID"]))
    assert row["case_number"] == "CASE-1001"
    assert door.case("CASE-1001")["status"] == "open"
    door.cli("contacts", "disable", "amy")
    said = door.cli("cases", "close", "CASE-1001", "--resolved", "--tell", "Done.")
    assert "not told: the contact is disabled" in said
    assert door.case("CASE-1001")["status"] == "resolved"


# ---------------------------------------------------------------- letters and accounts


def test_letters_are_cancelled_and_sent_after_all(door: Door) -> None:
    """Before they leave; many at once; a sent one cannot be taken back."""
    config = door.config
    door.put(AMY)
    Path(config.file).write_text(
        Path(config.file).read_text().replace(f"maildir:{door.folder}/out", "smtp://127.0.0.1:1")
    )
    service.once(installation.settings.load(config.file, {}))
    assert "tried once, again at" in door.cli("outbox", "list")
    assert door.cli("outbox", "cancel", "1") == "letter 1: cancelled\n"
    assert "is cancelled; only due" in door.cli("outbox", "cancel", "1", code=1)
    assert door.cli("outbox", "retry", "--case", "CASE-1001", "--yes") == "1 letters: due\n"
    Path(config.file).write_text(
        Path(config.file).read_text().replace("smtp://127.0.0.1:1", f"maildir:{door.folder}/out")
    )
    door.work()
    assert len(door.posted(AMY)) == 1
    assert "is sent" in door.cli("outbox", "cancel", "1", code=1)
    assert "neither a letter's number" in door.cli("outbox", "retry", code=2)
    assert "no letter matches" in door.cli("outbox", "retry", "--state", "failed", "--yes")


def test_accounts_are_renamed_merged_and_removed(door: Door) -> None:
    """The old name is still understood; contacts and cases move; one in use stays."""
    door.say(AMY)
    door.cli("accounts", "rename", "alder", "Alder Schools")
    accounts = {one["id"]: one for one in json.loads(door.cli("accounts", "list", "--json"))}
    assert (accounts["alder"]["name"], accounts["alder"]["aliases"]) == (
        "Alder Schools", ["Alder Unified"],
    )  # fmt: skip
    assert "has 3 contacts" in door.cli("accounts", "remove", "alder", code=1)
    done = json.loads(door.cli("accounts", "merge", "alder", "birch", "--yes", "--json"))
    assert done["moved"] == {"contacts": 2, "cases": 1, "mails": 1}
    left = json.loads(door.cli("accounts", "list", "--json"))
    assert [(one["id"], one["contacts"]) for one in left] == [("birch", 4)]
    assert sorted(left[0]["aliases"]) == ["Alder Schools", "Alder Unified"]
    assert door.case("CASE-1001")["account_id"] == "birch"
    assert what(door.say(AMY)) == "create R20"
    assert "same account twice" in door.cli("accounts", "merge", "birch", "birch", "--yes", code=1)
    door.cli("accounts", "add", "empty", "--name", "Empty")
    assert door.cli("accounts", "remove", "empty") == "empty: removed\n"
    assert "no account ''" in door.cli("accounts", "remove", "", code=1)


def test_a_catalogue_is_tried_on_the_ledger_before_it_is_used(door: Door, tmp_path: Path) -> None:
    """It says what each mail would become, for both catalogues, and changes nothing."""
    shipped = FILE.read_text("utf-8")
    door.say(AMY, "The frobnicator is wobbly, please see to it.\n", subject="Frobnicator")
    door.say(AMY, subject="A question")
    ours = tmp_path / "ours.toml"
    ours.write_text(
        shipped.replace(
            "[prose.server_issue]\nsure = [",
            '[prose.server_issue]\nsure = [\n  "frobnicator", "wobbly",',
        ),
        encoding="utf-8",
    )
    before = door.cases()
    rows = json.loads(
        door.cli("messages", "replay", "--dry-run", "--catalogue", str(ours), "--json")
    )
    assert [one["subject"] for one in rows] == ["Frobnicator"]
    assert "type: none -> server_issue" in rows[0]["changes"]
    said = door.cli("messages", "replay", "--dry-run", "--catalogue", str(ours))
    assert "1 of 2 mails would be read differently; nothing was changed" in said
    assert door.cases() == before
    ours.write_text('name = "x"\n', encoding="utf-8")
    said = door.cli("messages", "replay", "--dry-run", "--catalogue", str(ours), code=78)
    assert "wanted" in said
    said = door.cli("messages", "replay", "--catalogue", str(ours), code=2)
    assert "--catalogue needs --dry-run" in said
