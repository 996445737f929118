"""Our own address in From: letters of ours are dropped, what a list rewrote is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import installation
from tests.support.mailbag import AUTHSERV, SERVICE
from tests.support.service import AMY, QUESTION, SIGNED, Door, what

SEALED = [
    "ARC-Seal: i=1; a=rsa-sha256; t=1; cv=none; d=groups.example; s=k; b=AA==",
    "ARC-Authentication-Results: i=1; mx.groups.example; dmarc={0} header.from=alder.example",
]
GROUP = f'lists = ["{SERVICE}"]\narc_sealers = ["groups.example"]\n'


def mail(*fields: str, verdict: str = "arc=pass; dmarc=pass header.from=desk.example") -> str:
    """A mail that a group has passed on under its own address, which is ours."""
    head = [f"Authentication-Results: {AUTHSERV}; {verdict}", *fields]
    head += [f"From: 'Amy Alder' via Support <{SERVICE}>", f"To: {SERVICE}", "Subject: A question"]
    head += [f"Date: {installation.now_2822()}", "Message-ID: <one@alder.example>"]
    return "\n".join([*head, f"Reply-To: {AMY}", "", QUESTION])


def outcome(door: Door, *fields: str, **how: str) -> tuple[str, str, list[str]]:
    """What became of such a mail: action and rule, level, reasons."""
    door.put_raw(mail(*fields, **how))
    door.work()
    row = door.messages()[-1]
    return what(row), row["level"], row["reasons"]


def test_a_mail_that_a_list_rewrote_is_held_with_the_address_to_answer(tmp_path: Path) -> None:
    """It was dropped as our own: now somebody sees it, and whom to answer."""
    did, _, reasons = outcome(Door(tmp_path), f"X-Original-From: Amy <{AMY}>")
    assert did == "hold R1"
    assert f"Reply-To: {AMY}" in reasons


@pytest.mark.parametrize(
    "path", [f"<{SERVICE}>", "<support+bounces=x@desk.example>", "<x@y.example>"]
)
def test_a_mail_of_our_own_is_dropped(tmp_path: Path, path: str) -> None:
    """By the envelope sender; that of a list only looks like ours."""
    did = outcome(Door(tmp_path), f"Return-Path: {path}")[0]
    assert did == ("drop R1" if path == f"<{SERVICE}>" else "hold R1")


def test_our_own_letter_is_dropped_by_its_message_id(tmp_path: Path) -> None:
    """A copy of an acknowledgement that somebody put back into the mailbox."""
    door = Door(tmp_path)
    door.say(AMY)
    (letter,) = door.posted(AMY)
    door.put_raw(letter.as_string())
    door.work()
    assert what(door.messages()[-1]) == "drop R1"


def test_a_forgery_of_our_address_is_dropped(tmp_path: Path) -> None:
    """dmarc=fail for our own domain is nobody's mail."""
    assert outcome(Door(tmp_path), verdict="dmarc=fail header.from=desk.example")[0] == "drop R1"


@pytest.mark.parametrize(
    ("original", "seen", "box", "expected"),
    [
        (f"Amy Alder <{AMY}>", "pass", GROUP, ("create R20", "L2")),
        (f"Amy Alder <{AMY}>", "fail", GROUP, ("hold R7", "L1")),
        (
            f"Amy Alder <{AMY}>",
            "pass",
            GROUP.replace("groups.example", "x.example"),
            ("hold R7", "L1"),
        ),
        ("ben@birch.example", "pass", GROUP, ("hold R7", "L1")),
        (f"{AMY}, ben@birch.example", "pass", GROUP, ("hold R1", "L1")),
        ("", "pass", GROUP, ("hold R1", "L1")),
        (f"Amy Alder <{AMY}>", "pass", "", ("hold R1", "L1")),
    ],
)
def test_the_author_behind_a_list_needs_a_proof_of_its_own(
    tmp_path: Path, original: str, seen: str, box: str, expected: tuple[str, str]
) -> None:
    """A configured list, its believed seal, and dmarc=pass for the author before it."""
    fields = [f"X-Original-From: {original}"] if original else []
    did, level, _ = outcome(
        Door(tmp_path, box=box), *(one.replace("{0}", seen) for one in SEALED), *fields
    )
    if expected[0] == "hold R1":
        assert did == "hold R1"
    else:
        assert (did, level) == expected


def test_two_authors_behind_a_list_are_none(tmp_path: Path) -> None:
    """A doubled field is read as nobody's."""
    twice = [f"X-Original-From: {AMY}", "X-Original-From: ben@birch.example"]
    sealed = [one.replace("{0}", "pass") for one in SEALED]
    assert outcome(Door(tmp_path, box=GROUP), *sealed, *twice)[0] == "hold R1"


def test_a_contact_who_forges_the_list_proves_nothing(tmp_path: Path) -> None:
    """A proved mail of the list's own domain with somebody's name in the field."""
    door = Door(tmp_path, box=GROUP)
    did = outcome(door, f"X-Original-From: {AMY}", verdict=SIGNED.replace("{0}", "desk.example"))
    assert did[:2] == ("hold R7", "L1")
