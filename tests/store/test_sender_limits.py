"""Loops, floods, programs and refusals: what the service stops by itself."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from intake.store import alerts
from intake.store.contacts import suppressions
from intake.store.engine import writing
from tests.support import installation
from tests.support.mailbag import address
from tests.support.sender_desk import BODY, BY_SPF, NONE, SIGNED, START, ZERO, Desk, service
from tests.support.values import MUST

pytestmark = pytest.mark.takes_blobs  # records mails without their bytes


# ---------------------------------------------------------------- loops and floods


def test_three_letters_that_come_back_break_the_circuit(tmp_path: Path) -> None:
    """R1: within ten minutes; then that peer gets nothing for a day, and the operator is told."""
    config = service(tmp_path)
    desk = Desk(config)
    assert desk.receive(ZERO, SIGNED).letters == 1
    (ack,) = desk.sent()
    for number in range(3):
        echo = desk.receive(
            ZERO,
            SIGNED,
            START + timedelta(minutes=number),
            Message_ID=ack,
            Subject=f"echo {number}",
        )
        assert (echo.action, echo.rule) == ("drop", "R1")
        later = START + timedelta(minutes=number, seconds=30)
        fresh = desk.receive(ZERO, SIGNED, later)
        assert fresh.letters == (0 if number == 2 else 1), number
    assert "loop: 3 mails of ours came back" in desk.message(fresh.row)["evidence"]["silence"]
    assert desk.receive(address(10), SIGNED, later).letters == 1  # nobody else is kept silent
    with writing(desk.engine) as session:
        told = alerts.due(session, later, 24, MUST)
        assert told is not None
        assert any("addresses that get fewer letters" in line for line in told.lines)
        assert suppressions.suspended(session, later)[0]["address"] == ZERO
    assert desk.receive(ZERO, SIGNED, START + timedelta(hours=25)).letters == 1
    listed = json.loads(installation.command(config, "contacts", "suspended", "--json").stdout)
    assert listed == []  # the day is over by now
    assert installation.command(config, "contacts", "suspended", "--lift", ZERO).returncode == 0
    assert installation.command(config, "contacts", "suspended", "--lift", ZERO).returncode == 1


def test_two_loops_in_ten_minutes_are_no_circuit(tmp_path: Path) -> None:
    """Three in an hour break nothing."""
    desk = Desk(service(tmp_path))
    desk.receive(ZERO, SIGNED)
    (ack,) = desk.sent()
    for number in range(3):
        moment = START + timedelta(minutes=11 * number)
        desk.receive(ZERO, SIGNED, moment, Message_ID=ack, Subject=f"echo {number}")
    assert desk.receive(ZERO, SIGNED, START + timedelta(minutes=40)).letters == 1


def test_an_address_of_a_case_is_ours(tmp_path: Path) -> None:
    """T9: what comes from a plus address of ours, or the bounce address, is our own mail."""
    text = 'bounce_address = "bounces@desk.example"\n'
    folder = tmp_path
    config = installation.make(
        folder,
        installation.maildir_box(folder / "in")
        + installation.delivery(f"maildir:{folder}/out")
        + text,
    )
    desk = Desk(config)
    for sender in ("support+CASE-1001-AAAAAAAA@desk.example", "Bounces@desk.example"):
        assert desk.receive(sender, SIGNED).rule == "R1"


def test_more_cases_than_a_person_writes_wait_for_one(tmp_path: Path) -> None:
    """R26: so many of a contact, so many of an account in an hour; answers and releases pass."""
    more = "[limits]\nmax_cases_per_contact_hour = 3\nmax_cases_per_account_hour = 4\n"
    desk = Desk(service(tmp_path, more))
    rules = [desk.receive(ZERO, SIGNED).rule for _ in range(4)]
    assert rules[3] == "R26"
    assert "R26" not in rules[:3]
    assert [desk.receive(address(10), SIGNED).rule for _ in range(2)][1] == "R26"
    assert desk.receive(address(1), SIGNED).rule == "R20"
    assert desk.receive(ZERO, SIGNED, START + timedelta(minutes=61)).rule == "R20"


def test_strangers_are_counted_and_not_kept_beyond_a_number(tmp_path: Path) -> None:
    """R8, R10: each held up to the limit of a day, then counted; contacts are not."""
    desk = Desk(service(tmp_path, "[limits]\nmax_strangers_per_day = 3\n"))
    done = [desk.receive(f"a{one}@attack.example", NONE) for one in range(5)]
    assert [one.action for one in done] == ["hold", "hold", "hold", "drop", "drop"]
    proved = [desk.receive(f"b{one}@attack.example", SIGNED).action for one in range(4)]
    assert proved == ["hold", "hold", "hold", "drop"], "proved ones have places of their own"
    assert desk.receive(ZERO, NONE).action == "hold"
    assert desk.receive(ZERO, SIGNED).action == "create"
    tomorrow = START + timedelta(hours=25)
    assert desk.receive("c@attack.example", NONE, tomorrow).action == "hold"


# ---------------------------------------------------------------- one mail sent again


def test_a_signed_mail_sent_again_is_the_same_mail(tmp_path: Path) -> None:
    """The author's signature tells it, whatever Message-ID and text were put around it."""
    desk = Desk(service(tmp_path))
    own = "v=1; a=rsa-sha256; d=d0.example; s=s1; h=from:to:subject; bh=x; b=AAAA"
    first = desk.receive(ZERO, SIGNED, DKIM_Signature=own)
    assert first.action == "create"
    folded = own.replace("b=AAAA", "b=A AAA")
    again = desk.receive(ZERO, SIGNED, DKIM_Signature=folded, body=BODY + "and more")
    assert (again.action, again.rule) == ("ignore", "R0a")
    other = own.replace("AAAA", "BBBB")
    assert desk.receive(ZERO, SIGNED, DKIM_Signature=other).action == "create"
    foreign = own.replace("d0.example", "list.example")
    for _ in range(2):  # a list's signature tells nothing about the author
        assert desk.receive(address(10), SIGNED, DKIM_Signature=foreign).action == "create"
    assert desk.receive(address(1), SIGNED, DKIM_Signature=own).action == "create"


# ---------------------------------------------------------------- programs, roles, refusals


def test_a_program_may_file_and_an_automatic_answer_may_not(tmp_path: Path) -> None:
    """R3: `contacts set --automated` lets monitoring in; an absence is no case all the same."""
    config = service(tmp_path)
    desk = Desk(config)
    monitor = {"Auto_Submitted": "auto-generated"}
    assert desk.receive(ZERO, SIGNED, **monitor).rule == "R3"
    installation.command(config, "contacts", "set", "p0", "--automated")
    done = desk.receive(ZERO, SIGNED, **monitor)
    assert (done.action, done.letters) == ("create", 0)
    assert desk.receive(ZERO, NONE, **monitor).rule == "R3"
    for name, value in (
        ("Auto_Submitted", "auto-replied"),
        ("Return_Path", "<>"),
        ("X_Autoreply", "yes"),
        ("Content_Type", 'multipart/report; report-type=delivery-status; boundary="b"'),
    ):
        assert desk.receive(ZERO, SIGNED, **{name: value}).rule == "R3", name
    assert installation.command(config, "contacts", "set", "p0").returncode == 2
    assert installation.command(config, "contacts", "set", "nobody", "--automated").returncode == 1


def test_acknowledgements_are_switched_off_for_one_contact(tmp_path: Path) -> None:
    """The case is opened, nothing is written."""
    config = service(tmp_path)
    desk = Desk(config)
    installation.command(config, "contacts", "set", "p0", "--no-acknowledgements")
    assert desk.receive(ZERO, SIGNED).letters == 0
    assert desk.receive(address(1), SIGNED).letters == 1


def test_a_disabled_contact_is_told_once_in_seven_days(tmp_path: Path) -> None:
    """R11, R12 with refuse_inactive: the fixed text, to a signed mail, once a week."""
    config = service(tmp_path, "[replies]\nrefuse_inactive = true\n")
    desk = Desk(config)
    installation.command(config, "contacts", "disable", "p0")
    installation.command(config, "accounts", "disable", "d1")
    for who, rule in ((ZERO, "R11"), (address(1), "R12")):
        found = [desk.receive(who, SIGNED, START + timedelta(days=day)) for day in (0, 1, 6, 8)]
        assert {one.rule for one in found} == {rule}
        assert [one.letters for one in found] == [1, 0, 0, 1]
        assert desk.receive(who, BY_SPF, START + timedelta(days=30)).letters == 0


def test_a_stranger_at_a_known_domain_is_told_only_by_choice(tmp_path: Path) -> None:
    """R9: off by default; on, it is a fixed text without names to signed mail, once a week."""
    for on, folder in ((False, tmp_path / "a"), (True, tmp_path / "b")):
        folder.mkdir()
        desk = Desk(service(folder, f"[replies]\nrefuse_unknown = {str(on).lower()}\n"))
        who = "new@d1.example"
        assert desk.receive(who, BY_SPF).letters == 0
        assert desk.receive(who, NONE).letters == 0
        assert desk.receive("x@elsewhere.example", SIGNED).letters == 0
        found = [desk.receive(who, SIGNED, START + timedelta(days=day)) for day in (0, 1, 8)]
        assert {one.rule for one in found} == {"R9"}
        assert [one.letters for one in found] == ([1, 0, 1] if on else [0, 0, 0])
        monitor = desk.receive("m@d1.example", SIGNED, Auto_Submitted="auto-generated")
        assert monitor.letters == 0
    letter = installation.everything(desk.config)["letters"][0]
    assert (letter["recipient"], letter["case_number"], letter["kind"]) == (who, "", "refusal")
    shown = json.loads(
        installation.command(desk.config, "outbox", "show", str(letter["id"]), "--json").stdout
    )
    for word in ("District", "d1", "Person", "CASE-", "Question"):
        assert word not in shown["text"]
    assert shown["text"].startswith("Hello,")
