"""Servers that refuse us: the operator hears of it, and no address is suspended for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from intake.mail import tokens
from intake.worker import bootstrap
from tests.support import installation
from tests.support.service import ABE, AMY, BEN, MONA, SERVICE, Door

BLOCKED = "550 5.7.1 192.0.2.1 is blocked using zen.spamhaus.example"
BOUNCE = """{top}To: {to}
Subject: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary=b

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; x

Final-Recipient: rfc822; {who}
Action: failed
Status: 5.7.1
Diagnostic-Code: smtp; {words}

--b--
"""
TOPS = (
    "Return-Path: <>\nFrom: MAILER-DAEMON@mx.peer.example\n",
    "Return-Path: <>\nFrom: MAILER-DAEMON <>\n",
    "Return-Path: <>\n",  # no From at all
)


def bounce(
    door: Door, row: int, who: str, top: str, *, ours: bool = True, words: str = BLOCKED
) -> None:
    """A report about that letter, to the bounce address that only it had, or not."""
    secrets = bootstrap.judgement_context(door.config).letter_context.secrets
    way = tokens.bounce_address(secrets, row, SERVICE, "letter") if ours else SERVICE
    door.put_raw(BOUNCE.format(top=top, to=way, who=who, words=words))
    door.work()


@pytest.mark.parametrize("top", TOPS)
def test_blocks_by_several_domains_are_an_alarm_about_us(tmp_path: Path, top: str) -> None:
    """The third domain that refuses us makes it a trouble; the senders of reports need no From."""
    door = Door(tmp_path)
    everybody = (AMY, BEN, MONA)
    for who in everybody:
        door.say(who)
    for number, who in enumerate(everybody, 1):
        said = installation.command(door.config, "status", "--json").stdout
        assert (b"reputation" in said) == (number > 3)
        bounce(door, number, who, top)
        assert door.messages()[-1]["rule"] == "R2"
    said = installation.command(door.config, "status").stdout.decode()
    assert "reputation: servers of 3 domains refuse us" in " ".join(said.split())
    listed = installation.command(door.config, "contacts", "suspended", "--json").stdout
    assert listed.strip() == b"[]"


def test_a_bounce_stays_the_last_word_about_a_letter(tmp_path: Path) -> None:
    """A delay or an absence that is reported later does not hide it."""
    door = Door(tmp_path)
    door.say(AMY)
    for words in (BLOCKED, "451 4.4.1 no answer, delayed"):
        status = "5.7.1" if words == BLOCKED else "4.4.1"
        action = "failed" if words == BLOCKED else "delayed"
        secrets = bootstrap.judgement_context(door.config).letter_context.secrets
        way = tokens.bounce_address(secrets, 1, SERVICE, "letter")
        raw = BOUNCE.format(top=TOPS[0], to=way, who=AMY, words=words)
        door.put_raw(raw.replace("5.7.1\nD", f"{status}\nD").replace("failed", action))
        door.work()
    assert [one["rule"] for one in door.messages()][-2:] == ["R2", "R2"]
    assert "came back: bounce 5.7.1" in door.letters()[0]["reply"]


def test_two_addresses_of_one_domain_and_forged_reports_are_no_alarm(tmp_path: Path) -> None:
    """A domain that blocks us is its own affair, and nobody can raise the alarm by a guess."""
    door = Door(tmp_path)
    for who in (AMY, ABE, BEN, MONA):
        door.say(who)
    bounce(door, 1, AMY, TOPS[0])
    bounce(door, 2, ABE, TOPS[0])
    for row, who in ((3, BEN), (4, MONA)):
        bounce(door, row, who, TOPS[0], ours=False)
    assert b"reputation" not in installation.command(door.config, "status").stdout
