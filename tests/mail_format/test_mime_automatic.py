"""Mail that a program wrote is known by its header."""

from __future__ import annotations

import pytest

from intake.mail.mime import auto_submitted
from tests.support.rawmail import mail, message, multipart


@pytest.mark.parametrize(
    ("field", "reason"),
    [
        ("Auto-Submitted: auto-replied", "Auto-Submitted: auto-replied"),
        ("Auto-Submitted: AUTO-Generated; owner-email=x@y", "Auto-Submitted: auto-generated"),
        ("Auto-Submitted: (no) auto-notified", "Auto-Submitted: auto-notified"),
        ("Return-Path: <>", "Return-Path <>"),
        ("Return-Path:", "Return-Path <>"),
        ("List-Id: x <x.y>", "List-Id"),
        ("List-Unsubscribe: <mailto:x@y>", "List-Unsubscribe"),
        ("Precedence: Bulk", "Precedence: bulk"),
        ("Precedence: auto_reply", "Precedence: auto_reply"),
        ("X-Auto-Response-Suppress: DR, OOF", "X-Auto-Response-Suppress"),
        ("X-Autoreply: yes", "X-Autoreply"),
        ("X-Autorespond:", "X-Autorespond"),
        ("X-FC-Machinegenerated: true", "X-FC-Machinegenerated"),
        ("X-Loop: x", "X-Loop"),
        ("X-Failed-Recipients: x@y", "X-Failed-Recipients"),
    ],
)
def test_a_program_is_known_by_its_fields(field: str, reason: str) -> None:
    """Each field gives its own reason and no other."""
    assert message(mail(field)).automatic == (reason,)


@pytest.mark.parametrize(
    "field",
    [
        "Auto-Submitted: no",
        "Auto-Submitted: No; x=1",
        "Auto-Submitted: no (x)",
        "Auto-Submitted: (comment \\) (nested)) no",
        "Auto-Submitted:",
        "Return-Path: <a@b.example>",
        "Precedence: normal",
        "X-Auto-Response-Suppress: none",
        "X-Autoreply: no",
        "Subject: Out of office",
        "Reply-To: <>",
    ],
)
def test_a_person_is_taken_for_a_person(field: str) -> None:
    """RFC 3834's "no" in all its spellings, and harmless values."""
    assert message(mail(field)).automatic == ()


@pytest.mark.parametrize(
    "local",
    [
        *("MAILER-DAEMON", "postmaster", "no-reply", "noreply", "do_not_reply", "nobody", "bounce"),
        *("bounces+123=x", "owner-list", "list-owner", "list-request", "majordomo", "noreply-desk"),
    ],
)
def test_a_program_is_known_by_its_name(local: str) -> None:
    """The sender's local part, in any letter case."""
    read = message(mail(sender=f"From: {local}@b.example"))
    assert read.automatic == (f"sender {local.lower()}",)


@pytest.mark.parametrize(
    "local", ["owner", "norah.reply", "ann", "request", "bouncer", "nobodys.fool"]
)
def test_people_with_such_names_are_people(local: str) -> None:
    """Only the whole name counts."""
    assert message(mail(sender=f"From: {local}@b.example")).automatic == ()


def test_reports_are_automatic() -> None:
    """Delivery and disposition notices by their type."""
    raw = multipart("report", "\nx", extra="; report-type=delivery-status")
    assert message(raw).automatic == ("multipart/report",)
    raw = mail("Content-Type: message/delivery-status", body="x")
    assert message(raw).automatic == ("message/delivery-status",)
    assert message(mail("Content-Type: message/rfc822", body="x")).automatic == ()


def test_reasons_stand_once_in_a_fixed_order() -> None:
    """Two fields of one kind are one reason."""
    raw = mail("X-Loop: x", "X-Loop: y", "List-Id: x", "Auto-Submitted: auto-replied")
    assert message(raw).automatic == ("Auto-Submitted: auto-replied", "List-Id", "X-Loop")


def test_a_keyword_is_the_first_word() -> None:
    """Comments may nest, quotes do not matter, parameters end it."""
    assert auto_submitted.keyword('(a (b\\)) c) "No" ; d') == "no"
    assert auto_submitted.keyword(")no(") == ")no"
