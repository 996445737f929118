"""What operators decide about senders, and what the program stops by itself, all the way."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text as sql

from intake.cli.messages import WAY_OUT
from intake.store.engine import writing
from intake.triage.decision import decide
from intake.worker import bootstrap
from intake.worker import service as worker
from tests.support import installation
from tests.support.mailbag import address
from tests.support.sender_desk import BODY, NONE, SIGNED, START, ZERO, Desk, service
from tests.support.sender_facts import combinations
from tests.support.values import AUTHSERV, NOW, POLICY

pytestmark = pytest.mark.takes_blobs  # records mails without their bytes


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
    assert installation.command(config, *allow).returncode == 0
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
    installation.command(
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
    rows = {one["sender"]: one for one in installation.everything(config)["messages"]}
    assert {one["rule"] for one in rows.values()} == {"R9", "R7"}
    row = {number: str(rows[sender]["id"]) for number, sender in senders_of.items()}

    def release(number: int, *words: str) -> tuple[int, str]:
        done = installation.command(config, "messages", "release", row[number], *words)
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
    found = installation.everything(config)
    assert {one["contact_id"] for one in found["cases"]} == {"newbie", "p2", "p3", "p4"}
    show = json.loads(installation.command(config, "messages", "show", row[2], "--json").stdout)
    (event,) = [one for one in show["events"] if one["kind"] == "released"]
    assert event["detail"] == {
        "before": "hold R9", "after": "create R20", "why": "she called", "add_to": "p2",
        "contact_type": "Authorized",
    }  # fmt: skip
    assert event["who"].startswith("operator:")
    shown = json.loads(installation.command(config, "contacts", "accept", "--json").stdout)
    assert [one["domain"] for one in shown] == ["d4.example"]


def test_nothing_is_decided_about_a_sender_whose_mail_stays_held(tmp_path: Path) -> None:
    """The contact and the case are one transaction: a disabled account undoes both."""
    config = service(tmp_path)
    desk = Desk(config)
    assert installation.command(config, "accounts", "disable", "d1").returncode == 0
    held = desk.receive("new@d1.example", SIGNED)
    with writing(desk.engine) as session:
        session.execute(sql("SELECT 1"))
    blobs = bootstrap.Blobs(config.blob_folder)
    row = desk.message(held.row)
    raw = _raw_of(row)
    blobs.flush([blobs.stage(raw)])
    with writing(desk.engine) as session:
        digest = hashlib.sha256(raw).hexdigest()
        session.execute(sql("UPDATE messages SET digest = :d"), {"d": digest})
    done = installation.command(
        config, "messages", "release", str(held.row), "--new-contact", "newbie", "--name", "N",
        "--account", "d1",
    )  # fmt: skip
    assert done.returncode == 1
    assert b"still hold R12" in done.stderr
    assert installation.command(config, "contacts", "show", "newbie").returncode == 1
    assert installation.command(config, "accounts", "disable", "d1", "--enable").returncode == 0


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
    done = installation.command(config, "messages", "list", "--held", "--json")
    rows = json.loads(done.stdout)
    assert [one["way_out"] for one in rows] == [WAY_OUT["R9"], WAY_OUT["R7"]]
    said = " ".join(
        installation.command(config, "messages", "list", "--held").stdout.decode().split()
    )
    for one in rows:
        assert f"{one['rule']} {one['reasons'][0]}" in said
    assert said.count(" -> ") == 2
    assert installation.command(config, "status").returncode == 1
