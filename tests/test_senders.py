"""What operators decide about senders, and what the program stops by itself, all the way."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text as sql

from intake.cli.messages import WAY_OUT
from intake.config.loader import Config
from intake.mail.message import Arrival
from intake.store import alerts, reports, retention
from intake.store.contacts import suppressions
from intake.store.engine import open_engine, reading, savepoint, writing
from intake.store.messages.record import Recorded
from intake.triage.decision import decide
from intake.worker import bootstrap, pipeline
from intake.worker import service as worker
from intake.worker.parser_pool import read_here
from tests import house
from tests.facts import AUTHSERV, NOW, POLICY
from tests.mailbag import address
from tests.test_product import combinations

pytestmark = pytest.mark.takes_blobs  # records mails without their bytes

START = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
ZERO = address(0)
BODY = "Case Type: Ask a Question\r\nDescription: How is a snow day set up?\r\n"


def service(folder: Path, more: str = "") -> Config:
    """A drop box of a hundred contacts; letters go to a folder."""
    text = house.maildir_box(folder / "in") + house.delivery(f"maildir:{folder}/out")
    return house.make(folder, text + more)


class Desk:
    """The whole line at any moment, without a clock."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.bench = bootstrap.judge(config)
        self.settings = bootstrap.pool_settings(config)
        self.engine = open_engine(config.database_url)
        self.uid = 0

    def receive(
        self, sender: str, verdict: str, now: datetime = START, *, body: str = BODY, **fields: str
    ) -> Recorded:
        """A mail of that sender, with that verdict of the trusted server; {0} is its domain."""
        self.uid += 1
        given = {
            "Subject": f"Question {self.uid}", "To": "support@desk.example",
            "Message-ID": f"<{self.uid}@peer.example>",
        } | {name.replace("_", "-"): value for name, value in fields.items()}  # fmt: skip
        words = verdict.replace("{0}", sender.rpartition("@")[2])
        top = f"Authentication-Results: {AUTHSERV}; {words}\r\nFrom: {sender}\r\n"
        head = "".join(f"{name}: {value}\r\n" for name, value in given.items() if value)
        raw = f"{top}{head}\r\n{body}".encode()
        digest = hashlib.sha256(raw).hexdigest()
        arrival = Arrival("support", 1, self.uid, now, digest, len(raw), raw)
        read = read_here(arrival, self.settings)
        with writing(self.engine) as unit, savepoint(unit):
            return pipeline.handle(unit, arrival, read, self.bench, now)

    def message(self, row: int) -> dict[str, Any]:
        """The ledger's row with its evidence."""
        with reading(self.engine) as unit:
            found = reports.message(unit, row)
        assert found is not None
        return found

    def sent(self) -> list[str]:
        """Every letter counts as sent; gives their Message-IDs, oldest first."""
        with writing(self.engine) as unit:
            unit.execute(sql("UPDATE outbox SET state = 'sent' WHERE state = 'due'"))
            rows = unit.execute(sql("SELECT message_id_header FROM outbox ORDER BY id"))
            return [row[0] for row in rows]


SIGNED = "dkim=pass header.d={0}; dmarc=pass header.from={0}"
BY_SPF = "spf=pass smtp.mailfrom={0}; dmarc=pass header.from={0}"
NONE = "dmarc=none header.from={0}"


# ---------------------------------------------------------------- accepted without proof: R7


@pytest.mark.parametrize("way", ["contact", "domain"])
def test_an_answer_counts_without_proof_only_where_it_was_allowed(tmp_path: Path, way: str) -> None:
    """R7: the operator's exception and our own letter to that address; no letter goes back."""
    config = service(tmp_path)
    desk = Desk(config)
    assert desk.receive(ZERO, SIGNED).rule == "R20"
    (ack,) = desk.sent()
    reply = {"In_Reply_To": ack, "Subject": "Re: Question", "body": "One more thing.\r\n"}
    assert desk.receive(ZERO, NONE, **reply).rule == "R7"
    allow = ("contacts", "set", "p0", "--unproved")
    if way == "domain":
        allow = ("contacts", "accept", "d0.example", "--why", "an old server")
    assert house.command(config, *allow).returncode == 0
    done = desk.receive(ZERO, NONE, **reply, Date="Mon, 2 Mar 2026 09:00:00 -0600")
    assert (done.action, done.rule, done.letters) == ("append", "R17", 0)
    assert desk.message(done.row)["level"] == "L1"
    silent = desk.message(done.row)["evidence"]["silence"]
    assert silent == "the sender was not proved to be a stored address of a contact"
    for change in (
        {"In_Reply_To": ""},  # no answer
        {"In_Reply_To": ack.replace("<ack", "<mck")},  # no letter of ours
        {"now": START + timedelta(days=31)},  # too late
        {"verdict": "dmarc=pass header.from={0}; dmarc=fail"},  # a contradiction
    ):
        given = {"verdict": NONE, "now": START + timedelta(hours=1), **reply, **change}
        assert desk.receive(ZERO, **given).rule == "R7", change  # type: ignore[arg-type]  # texts and a moment
    assert desk.receive(address(10), NONE, **reply).rule == "R7"  # our letter went to another
    assert desk.receive(ZERO, "dmarc=fail", **reply).rule == "R5"
    back = ("contacts", "accept", "d0.example", "--off")
    house.command(
        config, *(back if way == "domain" else ("contacts", "set", "p0", "--no-unproved"))
    )
    again = desk.receive(ZERO, NONE, now=START + timedelta(hours=2), **reply)
    assert again.rule == "R7"


# ---------------------------------------------------------------- released by a person


def test_a_release_can_make_the_sender_known(tmp_path: Path) -> None:
    """Once, as a new contact, as a further address, with its domain; each in the history."""
    config = service(tmp_path)
    (tmp_path / "in/new").mkdir(parents=True, exist_ok=True)
    senders_of = {1: "new@d1.example", 2: "other@d2.example", 3: address(3), 4: address(4)}
    for number, sender in senders_of.items():
        verdict = (SIGNED if number < 3 else NONE).replace("{0}", sender.rpartition("@")[2])
        raw = (
            f"Authentication-Results: {AUTHSERV}; {verdict}\r\nFrom: {sender}\r\n"
            f"To: support@desk.example\r\nSubject: Q {number}\r\n"
            f"Message-ID: <{number}@x.example>\r\n"
            f"\r\n{BODY}"
        )
        (tmp_path / f"in/new/{number}").write_bytes(raw.encode())
    worker.once(config)
    rows = {one["sender"]: one for one in house.everything(config)["messages"]}
    assert {one["rule"] for one in rows.values()} == {"R9", "R7"}
    row = {number: str(rows[sender]["id"]) for number, sender in senders_of.items()}

    def release(number: int, *words: str) -> tuple[int, str]:
        done = house.command(config, "messages", "release", row[number], *words)
        return done.returncode, (done.stdout + done.stderr).decode()

    assert release(1)[0] == 1  # vouching for somebody unknown opens no case
    assert release(1, "--new-contact", "newbie")[0] == 2
    bad = release(1, "--new-contact", "p5", "--name", "N. Newbie", "--account", "d1")
    assert "there is a contact 'p5' already" in bad[1]
    nowhere = release(1, "--new-contact", "newbie", "--name", "N", "--account", "nowhere")
    assert "wanted a known id" in nowhere[1]
    done = release(1, "--new-contact", "newbie", "--name", "N. Newbie", "--account", "d1")
    assert "create by R20" in done[1]
    assert "create by R20" in release(2, "--add-to", "p2", "--why", "she called")[1]
    assert "create by R20" in release(3)[1]
    assert "create by R20" in release(4, "--accept-domain")[1]
    found = house.everything(config)
    assert {one["contact_id"] for one in found["cases"]} == {"newbie", "p2", "p3", "p4"}
    show = json.loads(house.command(config, "messages", "show", row[2], "--json").stdout)
    (event,) = [one for one in show["events"] if one["kind"] == "released"]
    assert event["detail"] == {
        "before": "hold R9", "after": "create R20", "why": "she called", "add_to": "p2",
        "contact_type": "Authorized",
    }  # fmt: skip
    assert event["who"].startswith("operator:")
    shown = json.loads(house.command(config, "contacts", "accept", "--json").stdout)
    assert [one["domain"] for one in shown] == ["d4.example"]


def test_nothing_is_decided_about_a_sender_whose_mail_stays_held(tmp_path: Path) -> None:
    """The contact and the case are one transaction: a disabled account undoes both."""
    config = service(tmp_path)
    desk = Desk(config)
    assert house.command(config, "accounts", "disable", "d1").returncode == 0
    held = desk.receive("new@d1.example", SIGNED)
    with writing(desk.engine) as unit:
        unit.execute(sql("SELECT 1"))
    blobs = bootstrap.Blobs(config.blob_folder)
    row = desk.message(held.row)
    raw = _raw_of(row)
    blobs.flush([blobs.stage(raw)])
    with writing(desk.engine) as unit:
        digest = hashlib.sha256(raw).hexdigest()
        unit.execute(sql("UPDATE messages SET digest = :d"), {"d": digest})
    done = house.command(
        config, "messages", "release", str(held.row), "--new-contact", "newbie", "--name", "N",
        "--account", "d1",
    )  # fmt: skip
    assert done.returncode == 1
    assert b"still hold R12" in done.stderr
    assert house.command(config, "contacts", "show", "newbie").returncode == 1
    assert house.command(config, "accounts", "disable", "d1", "--enable").returncode == 0


def _raw_of(row: dict[str, Any]) -> bytes:
    """The mail of that row put together again."""
    head = "".join(
        f"{name}: {value}\r\n"
        for name, values in row["evidence"]["headers"].items()
        for value in values
    )
    return f"{head}Subject: {row['subject']}\r\n\r\n{BODY}".encode()


# ---------------------------------------------------------------- the list of holds


def test_every_hold_says_in_one_line_what_releases_it(tmp_path: Path) -> None:
    """Why, and the way out, for each mail; and there is a way out of every rule that holds."""
    judged = (
        decide(made, who, form, found, POLICY, NOW)
        for _, _, made, who, found, form in islice(combinations(), 0, None, 7)
    )
    holding = {one.rule for one in judged if one.action == "hold"}
    assert holding <= set(WAY_OUT)
    assert len(holding) >= 12
    config = service(tmp_path)
    desk = Desk(config)
    desk.receive(ZERO, NONE)
    desk.receive("eve@d1.example", SIGNED)
    done = house.command(config, "messages", "list", "--held", "--json")
    rows = json.loads(done.stdout)
    assert [one["way_out"] for one in rows] == [WAY_OUT["R9"], WAY_OUT["R7"]]
    said = " ".join(house.command(config, "messages", "list", "--held").stdout.decode().split())
    for one in rows:
        assert f"{one['rule']} {one['reasons'][0]}" in said
    assert said.count(" -> ") == 2
    assert house.command(config, "status").returncode == 1


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
    with writing(desk.engine) as unit:
        told = alerts.due(unit, later, 24)
        assert told is not None
        assert any("addresses that get fewer letters" in line for line in told[1])
        assert suppressions.suspended(unit, later)[0]["address"] == ZERO
    assert desk.receive(ZERO, SIGNED, START + timedelta(hours=25)).letters == 1
    listed = json.loads(house.command(config, "contacts", "suspended", "--json").stdout)
    assert listed == []  # the day is over by now
    assert house.command(config, "contacts", "suspended", "--lift", ZERO).returncode == 0
    assert house.command(config, "contacts", "suspended", "--lift", ZERO).returncode == 1


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
    config = house.make(
        folder,
        house.maildir_box(folder / "in") + house.delivery(f"maildir:{folder}/out") + text,
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
    house.command(config, "contacts", "set", "p0", "--automated")
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
    assert house.command(config, "contacts", "set", "p0").returncode == 2
    assert house.command(config, "contacts", "set", "nobody", "--automated").returncode == 1


def test_acknowledgements_are_switched_off_for_one_contact(tmp_path: Path) -> None:
    """The case is opened, nothing is written."""
    config = service(tmp_path)
    desk = Desk(config)
    house.command(config, "contacts", "set", "p0", "--no-acknowledgements")
    assert desk.receive(ZERO, SIGNED).letters == 0
    assert desk.receive(address(1), SIGNED).letters == 1


def test_a_disabled_contact_is_told_once_in_seven_days(tmp_path: Path) -> None:
    """R11, R12 with refuse_inactive: the fixed text, to a signed mail, once a week."""
    config = service(tmp_path, "[replies]\nrefuse_inactive = true\n")
    desk = Desk(config)
    house.command(config, "contacts", "disable", "p0")
    house.command(config, "accounts", "disable", "d1")
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
    letter = house.everything(desk.config)["letters"][0]
    assert (letter["recipient"], letter["case_number"], letter["kind"]) == (who, "", "refusal")
    shown = json.loads(
        house.command(desk.config, "outbox", "show", str(letter["id"]), "--json").stdout
    )
    for word in ("District", "d1", "Person", "CASE-", "Question"):
        assert word not in shown["text"]
    assert shown["text"].startswith("Hello,")


def test_raising_a_case_to_critical_needs_a_signed_mail(tmp_path: Path) -> None:
    """R14: a reply that changes the priority to the highest is held at L2 and taken at L3."""
    desk = Desk(service(tmp_path))
    outage = "Case Type: Report an Outage\r\nPriority: High\r\nDescription: Nobody can log in.\r\n"
    first = desk.receive(ZERO, SIGNED, body=outage)
    (ack,) = desk.sent()
    assert first.action == "create"
    with writing(desk.engine) as unit:
        unit.execute(sql("UPDATE cases SET priority = 'High'"))
    reply = {"In_Reply_To": ack, "Subject": "Re: Question 1", "body": "Priority: Critical\r\n"}
    held = desk.receive(ZERO, BY_SPF, START + timedelta(minutes=5), **reply)
    assert (held.action, held.rule) == ("hold", "R14")
    assert "Critical priority needs a signed mail" in desk.message(held.row)["reasons"][0]
    taken = desk.receive(ZERO, SIGNED, START + timedelta(minutes=6), **reply)
    assert (taken.action, taken.rule) == ("append", "R17")


def test_where_the_server_writes_return_path_its_absence_is_no_answer(tmp_path: Path) -> None:
    """T2, T9: absent where it should be, or our own address in it: handled, not answered."""
    text = house.maildir_box(tmp_path / "in") + "writes_return_path = true\n"
    config = house.make(tmp_path, text + house.delivery(f"maildir:{tmp_path}/out"))
    desk = Desk(config)
    for path, letters in (
        ("", 0), (f"<{ZERO}>", 1), ("<support+x@desk.example>", 0), ("<Support@Desk.Example>", 0),
    ):  # fmt: skip
        done = desk.receive(ZERO, SIGNED, Return_Path=path)
        assert (done.action, done.letters) == ("create", letters), path


# ---------------------------------------------------------------- the record, and its end


def test_the_evidence_row_is_whole(tmp_path: Path) -> None:
    """Fields as they stood, the one believed and where, alignment, person, account, policy."""
    config = service(tmp_path)
    desk = Desk(config)
    own = "v=1; a=rsa-sha256; d=d0.example; s=s1; t=1; h=from:to:subject; bh=x; b=AAAA"
    done = desk.receive(ZERO, SIGNED, DKIM_Signature=own, Reply_To="x@attack.example")
    row = desk.message(done.row)
    kept = row["evidence"]
    assert kept["authentication_results"][0]["index"] == 0
    assert kept["authentication_results"][0]["id"] == AUTHSERV
    assert kept["alignment"]["by"].startswith("publicsuffixlist ")
    assert kept["alignment"]["author_organisation"] == "d0.example"
    assert any("weak" in line for line in kept["sender"])
    assert kept["contact"]["id"] == "p0"
    assert datetime.fromisoformat(kept["contact"]["version"])
    assert kept["contact"]["roles"] == {"d0": "Authorized"}
    assert kept["accounts"] == {"d0": True}
    assert kept["headers"]["reply-to"] == ["x@attack.example"]
    assert kept["headers"]["from"] == [ZERO]
    assert len(row["digest"]) == 64
    assert row["policy_hash"]
    assert row["version"]
    shown = " ".join(
        house.command(config, "messages", "show", str(done.row)).stdout.decode().split()
    )
    for words in ("alignment: d0.example", "field 1 from the top", "reply-to: x@attack.example"):
        assert words in shown
    refused = desk.receive(f"{ZERO}, eve@attack.example", SIGNED, Subject="two")
    assert desk.message(refused.row)["rule"] == "R0"


def test_dropped_mail_goes_and_strangers_are_forgotten(tmp_path: Path) -> None:
    """R6: bytes 7 days, names 30; R8: closed after 14 days; a contact's own mail after 180."""
    desk = Desk(service(tmp_path))
    keep = bootstrap.keep(desk.config)
    assert keep == retention.Keep(
        dropped_days=7, stranger_days=14, forgotten_days=30, unproved_days=180
    )
    dropped = desk.receive("eve@attack.example", "dmarc=fail header.from={0}")
    stranger = desk.receive("sam@elsewhere.example", NONE)
    held = desk.receive(ZERO, NONE)
    digest = {one: desk.message(one.row)["digest"] for one in (dropped, stranger, held)}

    def needed(day: int) -> set[str]:
        with writing(desk.engine) as unit:
            now = START + timedelta(days=day)
            retention.retire(unit, now, keep)
            retention.forget(unit, now, keep)
            return retention.referenced(unit, list(digest.values()), now, keep)

    everything = set(digest.values())
    assert needed(6) == everything
    assert needed(8) == everything - {digest[dropped]}
    assert desk.message(dropped.row)["sender"] == "eve@attack.example"
    assert needed(15) == everything - {digest[dropped]}
    assert desk.message(stranger.row)["status"] == "rejected"
    assert needed(22) == {digest[held]}
    needed(31)
    assert desk.message(dropped.row)["sender"] == ""
    assert desk.message(dropped.row)["digest"] == digest[dropped]
    assert desk.message(stranger.row)["sender"] == "sam@elsewhere.example"
    needed(45)
    assert desk.message(stranger.row)["sender"] == ""
    assert needed(179) == {digest[held]}
    assert desk.message(held.row)["status"] == "held"
    assert needed(181) == {digest[held]}
    assert (desk.message(held.row)["status"], desk.message(held.row)["sender"]) == (
        "rejected", ZERO,
    )  # fmt: skip
    assert needed(188) == set()
    needed(211)
    assert desk.message(held.row)["sender"] == ""


def test_an_operator_hears_of_forgeries_by_contact(tmp_path: Path) -> None:
    """R5: one letter counts them; nothing of what they wrote is in it."""
    desk = Desk(service(tmp_path))
    for number in range(3):
        desk.receive(ZERO, "dmarc=fail header.from={0}", Subject=f"secret words {number}")
    with writing(desk.engine) as unit:
        told = alerts.due(unit, START, 24)
    assert told is not None
    assert "     3 mails forged in a contact's name" in told[1]
    assert "       3 of them in the name of p0" in told[1]
    assert not any("secret" in line for line in told[1])


def test_a_service_that_trusts_nobody_says_so(tmp_path: Path) -> None:
    """Fail closed, and loudly: each pass names the mailbox whose mail is all held."""
    text = house.maildir_box(tmp_path / "in").replace(f'["{AUTHSERV}"]', "[]")
    config = house.make(tmp_path, text + house.delivery(f"maildir:{tmp_path}/out"))
    done = house.command(config, "once")
    assert b"every-mail-is-held" in done.stderr
    assert b"trusted_authserv_ids is empty" in done.stderr
