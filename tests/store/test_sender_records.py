"""What is recorded about senders, and when it is forgotten."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text as sql

from intake.store import alerts, retention
from intake.store.engine import writing
from intake.worker import bootstrap
from tests.support import installation
from tests.support.sender_desk import BY_SPF, NONE, SIGNED, START, ZERO, Desk, service
from tests.support.values import AUTHSERV, MUST

pytestmark = pytest.mark.takes_blobs  # records mails without their bytes


def test_raising_a_case_to_critical_needs_a_signed_mail(tmp_path: Path) -> None:
    """R14: a reply that changes the priority to the highest is held at L2 and taken at L3."""
    desk = Desk(service(tmp_path))
    outage = "Case Type: Report an Outage\r\nPriority: High\r\nDescription: Nobody can log in.\r\n"
    first = desk.receive(ZERO, SIGNED, body=outage)
    (ack,) = desk.sent()
    assert first.action == "create"
    with writing(desk.engine) as session:
        session.execute(sql("UPDATE cases SET priority = 'High'"))
    reply = {"In_Reply_To": ack, "Subject": "Re: Question 1", "body": "Priority: Critical\r\n"}
    held = desk.receive(ZERO, BY_SPF, START + timedelta(minutes=5), **reply)
    assert (held.action, held.rule) == ("hold", "R14")
    assert "Critical priority needs a signed mail" in desk.message(held.row)["reasons"][0]
    taken = desk.receive(ZERO, SIGNED, START + timedelta(minutes=6), **reply)
    assert (taken.action, taken.rule) == ("append", "R17")


def test_where_the_server_writes_return_path_its_absence_is_no_answer(tmp_path: Path) -> None:
    """T2, T9: absent where it should be, or our own address in it: handled, not answered."""
    text = installation.maildir_box(tmp_path / "in") + "writes_return_path = true\n"
    config = installation.make(tmp_path, text + installation.delivery(f"maildir:{tmp_path}/out"))
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
        installation.command(config, "messages", "show", str(done.row)).stdout.decode().split()
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
        with writing(desk.engine) as session:
            now = START + timedelta(days=day)
            retention.retire(session, now, keep)
            retention.forget(session, now, keep)
            return retention.referenced(session, list(digest.values()), now, keep)

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
    with writing(desk.engine) as session:
        told = alerts.due(session, START, 24, MUST)
    assert told is not None
    assert "     3 mails forged in a contact's name" in told.lines
    assert "       3 of them in the name of p0" in told.lines
    assert not any("secret" in line for line in told.lines)


def test_a_service_that_trusts_nobody_says_so(tmp_path: Path) -> None:
    """Fail closed, and loudly: each pass names the mailbox whose mail is all held."""
    text = installation.maildir_box(tmp_path / "in").replace(f'["{AUTHSERV}"]', "[]")
    config = installation.make(tmp_path, text + installation.delivery(f"maildir:{tmp_path}/out"))
    done = installation.command(config, "once")
    assert b"every-mail-is-held" in done.stderr
    assert b"trusted_authserv_ids is empty" in done.stderr
