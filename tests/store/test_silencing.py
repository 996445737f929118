"""Nobody silences a contact from outside: neither by loops that are none nor by forged reports."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.service import ABE, AMY, BEN, FAILED, MONA, NONE, PEOPLE, SIGNED, Door, what

CLEO = "cleo@alder.example"
MORE = f"""
[[contacts]]
id = "cleo"
name = "Cleo Alder"
emails = ["{CLEO}"]
accounts = ["alder"]
contact_type = "Authorized"
areas = ["SIS"]
"""
RATES = """[replies]
max_letters_per_hour = 200
max_letters_per_day = 200
max_same_letters_per_day = 200
list_after_per_hour = 200
"""
GONE = "Action: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 no such user"
DAEMON = ("Return-Path: <>", "From: MAILER-DAEMON@mx.peer.example")
NOBODY = ("From: mallory@attack.example",)
SPOOFED = ("Return-Path: <mallory@attack.example>", "From: MAILER-DAEMON@alder.example")


def suspended(door: Door) -> list[str]:
    """Addresses that get fewer letters for now."""
    return [one["address"] for one in json.loads(door.cli("contacts", "suspended", "--json"))]


def acks(door: Door, who: str) -> list[str]:
    """Message-IDs of the acknowledgements to that address."""
    return [str(one["message_id_header"]) for one in door.letters("ack", who)]


def told_of(door: Door, notice_class: str) -> set[str]:
    """Whom a notice of that class really goes to."""
    title = f"A word about {notice_class}"
    said = door.cli("incidents", "open", title, "--text", "We look.", "--class", notice_class)
    number = said.partition(":")[0]
    door.cli("incidents", "send", number, "--emergency", "no time to lose")
    door.work()
    return {
        str(one["To"]) for one in door.posted() if title in " ".join(str(one["Subject"]).split())
    }


def report(door: Door, letter: str, who: str, head: tuple[str, ...], to: str = "") -> None:
    """A delivery report that says that this address is gone, and names that letter."""
    door.put_raw(
        "\n".join((
            *head, f"To: {to or 'support@desk.example'}", "Subject: Undelivered Mail",
            f"Message-ID: <report-{door.count}@mx.peer.example>", "MIME-Version: 1.0",
            "Content-Type: multipart/report; report-type=delivery-status; boundary=b", "",
            "--b", "Content-Type: text/plain", "", "Sorry.",
            "--b", "Content-Type: message/delivery-status", "",
            "Reporting-MTA: dns; mx.peer.example", "", f"Final-Recipient: rfc822; {who}", GONE,
            "--b", "Content-Type: text/rfc822-headers", "", f"Message-ID: {letter}", "--b--", "",
        ))
    )  # fmt: skip


# ---------------------------------------------------------------- loops that are none


@pytest.fixture
def leaked(tmp_path: Path) -> tuple[Door, str]:
    """A service, and a Message-ID of its that somebody has: of a letter to one contact."""
    door = Door(tmp_path, PEOPLE + MORE, RATES)
    door.say(CLEO)
    return door, acks(door, CLEO)[0]


def test_mails_that_nothing_proves_count_as_no_loop(leaked: tuple[Door, str]) -> None:
    """Four in a contact's name with an id of ours silence nobody, whatever dmarc says."""
    door, mark = leaked
    victims = {AMY: NONE, ABE: FAILED, BEN: "", CLEO: NONE}
    for who, proof in victims.items():
        for number in range(4):
            door.put(who, f"Echo {number}\n", message_id=mark, proof=proof, subject=f"e {number}")
    door.work()
    assert suspended(door) == []
    before = {who: len(acks(door, who)) for who in victims}
    for who in victims:
        door.put(who)
    door.work()
    assert {who: len(acks(door, who)) - before[who] for who in victims} == dict.fromkeys(victims, 1)
    assert told_of(door, "outage") >= set(victims)


def test_an_id_of_a_letter_to_somebody_else_is_no_loop(leaked: tuple[Door, str]) -> None:
    """A loop brings back what went to that very address; anything else is somebody's doing."""
    door, mark = leaked
    for number in range(4):
        door.put(AMY, f"Echo {number}\n", message_id=mark, subject=f"e {number}")
    door.work()
    assert suspended(door) == []
    door.put(AMY)
    door.work()
    assert len(acks(door, AMY)) == 1


def test_a_proved_loop_breaks_the_circuit_and_stops_no_mandatory_notice(
    leaked: tuple[Door, str],
) -> None:
    """Automatic answers end for a day; an outage and a security notice reach the address."""
    door, mark = leaked
    for number in range(4):
        door.put(CLEO, f"Echo {number}\n", message_id=mark, subject=f"e {number}")
    door.work()
    assert suspended(door) == [CLEO]
    door.say(CLEO, proof=SIGNED)
    assert len(acks(door, CLEO)) == 1
    assert CLEO in told_of(door, "outage")
    assert CLEO in told_of(door, "security")


def test_what_a_mail_with_a_stolen_id_says_is_not_thrown_away(leaked: tuple[Door, str]) -> None:
    """A proved contact's mail with an id of a letter to somebody else is read by somebody."""
    door, mark = leaked
    row = door.say(AMY, message_id=mark)
    assert row["action"] in ("create", "hold")


# ---------------------------------------------------------------- reports that are none


def with_letters(folder: Path, more: str = "") -> tuple[Door, list[str]]:
    """Two letters have gone to Amy, and one to each of two others."""
    door = Door(folder, PEOPLE + MORE, RATES + more)
    for who in (AMY, AMY, BEN, BEN):
        door.put(who)
    door.work()
    return door, acks(door, AMY)


@pytest.mark.parametrize("head", [DAEMON, NOBODY, SPOOFED])
def test_reports_stop_no_mandatory_notice(tmp_path: Path, head: tuple[str, ...]) -> None:
    """Whoever returns two letters as undeliverable: an outage is told all the same."""
    door, letters = with_letters(tmp_path)
    for letter in letters:
        report(door, letter, AMY, head)
    door.work()
    assert [what(one) for one in door.messages()[-2:]] != ["create R20"] * 2
    assert AMY in told_of(door, "outage")


@pytest.mark.parametrize("head", [NOBODY, SPOOFED])
def test_a_report_from_nowhere_stops_no_notice_at_all(
    tmp_path: Path, head: tuple[str, ...]
) -> None:
    """No null reverse-path and no proof: anybody writes that, and no colleague hears of it."""
    door, letters = with_letters(tmp_path, "[notices]\ntell_colleagues = true\n")
    for letter in letters:
        report(door, letter, AMY, head)
    door.work()
    door.work()
    assert suspended(door) == []
    assert door.letters("unreachable") == []
    assert AMY in told_of(door, "maintenance")


def test_a_report_about_a_letter_to_somebody_else_counts_for_nobody(tmp_path: Path) -> None:
    """The id of a letter to one address says nothing of another one."""
    door, _ = with_letters(tmp_path)
    for letter in acks(door, BEN):
        report(door, letter, AMY, DAEMON)
    door.work()
    assert suspended(door) == []
    assert told_of(door, "maintenance") >= {AMY, BEN}


def test_a_report_at_the_address_of_one_notice_counts_for_its_reader_only(tmp_path: Path) -> None:
    """The bounce address of a notice to one person, in a report that names another one."""
    door, _ = with_letters(tmp_path)
    assert told_of(door, "outage") >= {AMY, BEN}
    notice = next(one for one in door.posted(BEN) if "outage" in str(one["Subject"]))
    paths = [str(one) for one in notice.get_all("Return-Path", [])]
    for _ in range(2):
        report(
            door, str(notice["Message-ID"]), AMY, DAEMON, to=paths[0].strip("<>") if paths else ""
        )
    door.work()
    assert AMY not in suspended(door)
    assert told_of(door, "maintenance") >= {AMY, BEN, MONA}
