"""Any bytes give a Message or a named Refusal."""

from __future__ import annotations

import hashlib
import time
from datetime import UTC, datetime

import pytest

from intake.mail import message as room
from intake.mail.addresses import AddressRefusal, Mailbox
from intake.mail.limits import Limits
from intake.mail.message import Message
from tests.support.rawmail import (
    HANG,
    NOON,
    mail,
    message,
    multipart,
    refusal,
    result,
)

SINGLETONS = (
    *("Sender", "Reply-To", "Subject", "Message-ID"),
    *("MIME-Version", "Content-Type", "Content-Transfer-Encoding"),
)


def test_a_plain_mail_is_read_whole() -> None:
    """Every field of Message holds what the mail says."""
    raw = mail(
        "Return-Path: <a@b.example>",
        "Delivered-To: Desk+Case@Desk.example",
        "To: Desk <desk@DESK.example>, x@y.example",
        "Cc: =?utf-8?q?J=C3=BCrgen?= <j@y.example>",
        "Subject: =?utf-8?b?w5w=?= is\r\n broken",
        "Date: Tue, 2 Jan 2024 10:00:00 -0500",
        "Message-ID: <1@b.example>",
        "In-Reply-To: <0@desk.example>",
        "References: <00@desk.example> <0@desk.example>",
        body="It is.\n\nReally.\n",
        sender="From: Ann <a@b.example>",
    )
    read = message(raw)
    assert isinstance(read.sender, Mailbox)
    assert (read.sender.name, str(read.sender.address)) == ("Ann", "a@b.example")
    assert read.subject == "Ü is broken"
    assert read.date == datetime(2024, 1, 2, 15, tzinfo=UTC)
    assert (read.to, read.cc) == (("desk@desk.example", "x@y.example"), ("j@y.example",))
    assert read.recipients == ("desk+case@desk.example",)
    assert read.message_id == "<1@b.example>"
    assert read.in_reply_to == ("<0@desk.example>",)
    assert read.references == ("<00@desk.example>", "<0@desk.example>")
    assert read.plain == "It is.\n\nReally."
    assert (
        read.body_digest
        == hashlib.sha256((b"It is.\r\n\r\nReally.\r\n").replace(b"\r\n", b"\n")).hexdigest()
    )
    assert (read.size, read.mailbox, read.received_at) == (len(raw), "box", NOON)
    assert read.all("subject") == ("=?utf-8?b?w5w=?= is broken",)
    assert read.fields[0].name == "from"
    assert (read.automatic, read.warnings, read.attachments) == ((), (), ())


@pytest.mark.parametrize("name", SINGLETONS)
def test_a_field_that_may_stand_once_stands_once(name: str) -> None:
    """Two of a kind can be read in two ways, so the mail is held, in any letter case."""
    assert refusal(mail(f"{name}: x", f"{name.upper()}: x")).code == "header"


@pytest.mark.parametrize("name", ["To", "Cc", "Date", "References", "In-Reply-To"])
def test_the_first_of_some_fields_counts(name: str) -> None:
    """Gateways write them again; the mail is read, with a warning."""
    values = {
        "To": ("a@b.example", "c@d.example"),
        "Cc": ("a@b.example", "c@d.example"),
        "Date": ("Tue, 2 Jan 2024 15:00:00 +0000", "Tue, 9 Jan 2024 15:00:00 +0000"),
        "References": ("<1@b.example>", "<2@b.example>"),
        "In-Reply-To": ("<1@b.example>", "<2@b.example>"),
    }[name]
    read = message(mail(*(f"{name}: {value}" for value in values)))
    assert "twice" in [one.code for one in read.warnings]
    found = {
        "To": read.to, "Cc": read.cc, "Date": (read.date,), "References": read.references,
        "In-Reply-To": read.in_reply_to,
    }[name]  # fmt: skip
    first = datetime(2024, 1, 2, 15, tzinfo=UTC) if name == "Date" else values[0]
    assert found == (first,)


def test_a_byte_order_mark_on_top_is_no_defect() -> None:
    """A program saved the mail as a text file; the digest is that of the bytes that came."""
    read = message(b"\xef\xbb\xbf" + mail("Subject: x"))
    assert (read.subject, read.warnings[0].code) == ("x", "mark")


def test_a_report_needs_no_author() -> None:
    """A null reverse-path and no From at all: read, with a sender that is nobody."""
    read = message(mail("Return-Path: <>", "Subject: Undelivered", sender=""))
    assert isinstance(read.sender, AddressRefusal)
    named = message(mail("Subject: x", sender="From: MAILER-DAEMON <>"))
    assert isinstance(named.sender, AddressRefusal)
    assert named.automatic == ("sender mailer-daemon",)


@pytest.mark.parametrize("sender", ["", "From: a@b.example\r\nFrom: c@d.example"])
def test_exactly_one_from_field_is_read(sender: str) -> None:
    """No From and two From fields are refused."""
    assert refusal(mail("Subject: x", sender=sender)).code == "sender"


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (b" From: x@y.example\r\nFrom: a@b.example\r\n", "white space"),
        (b"From : x@y.example\r\nFrom: a@b.example\r\n", "before|between"),
        (b"From\r\n : x@y.example\r\nFrom: a@b.example\r\n", "no field"),
        (b"From: a@b.example\r\nwords\r\n", "no field"),
        (b"From: a@b.example\r\nS\xfcbject: x\r\n", "no field"),
        (b"From: a@b.example\r\nSubject: x\0\r\n", "NUL"),
        (b"From: a@b.example\r\nSubject: x\nFrom: c@d.example\r\n", "bare LF"),
        (b"From: a@b.example\r\nSubject: x\rFrom: c@d.example\r\n", "bare CR"),
        (b"From: a@b.example\nSubject: x\rFrom: c@d.example\n", "bare CR"),
        (b"", "empty line"),
    ],
)
def test_a_header_that_reads_two_ways_is_refused(head: bytes, words: str) -> None:
    """The structural gate names what is wrong with the header block."""
    held = refusal(head + b"\r\nbody")
    assert held.code == "header"
    assert any(word in held.detail for word in words.split("|"))


def test_a_mail_of_lf_lines_is_read_as_it_lies_on_disk() -> None:
    """A Maildir's LF line ends are no defect, and attachments keep them."""
    raw = multipart("mixed", "\nwords", "Content-Type: application/x\n\na\nb").replace(b"\r", b"")
    read = message(raw)
    assert read.plain == "words"
    assert read.attachments[0].content == b"a\nb"
    folded = message(b"From: Ann\n <a@b.example>\nSubject: a\n b\n\nx")
    assert folded.subject == "a b"
    assert isinstance(folded.sender, Mailbox)


def test_the_separator_of_a_mailbox_file_is_no_header() -> None:
    """A "From " line on top is taken off with a warning."""
    read = message(b"From a@b.example Tue Jan  2 10:00:00 2024\n" + b"From: a@b.example\n\nx")
    assert "mbox" in [warning.code for warning in read.warnings]
    assert message(b"From nobody\r\nFrom: a@b.example\r\n\r\n").plain == ""
    assert refusal(b"From x: y\r\nFrom: a@b.example\r\n\r\n").code == "header"
    assert refusal(b"From x\r\n : c@d.example\r\nFrom: a@b.example\r\n\r\n").code == "header"


@pytest.mark.parametrize(
    ("limits", "raw"),
    [
        (Limits(max_mail_bytes=50), mail(body="x" * 50)),
        (Limits(max_header_bytes=50), mail("Subject: " + "x" * 50)),
        (Limits(max_header_bytes=50), b"From: a@b.example\r\nSubject: " + b"x" * 90),
        (Limits(max_header_fields=3), mail(*["X: y"] * 3)),
        (Limits(max_field_bytes=50), mail("Subject: " + "x" * 50)),
        (Limits(max_addresses=3), mail("To: " + ", ".join(["x@y.example"] * 3))),
        (Limits(max_addresses=3), mail("To: " + "a," * 20)),
        (Limits(max_received=3), mail(*["Received: x"] * 4)),
        (Limits(max_parts=3), multipart("mixed", *["\nx"] * 3)),
        (Limits(max_boundary_bytes=10), multipart("mixed", "\nx", boundary="b" * 11)),
        (Limits(max_attachments=2), multipart("mixed", *["Content-Type: a/b\n\nx"] * 3)),
        (Limits(max_decoded_bytes=50), mail(body="x" * 51)),
    ],
)
def test_every_limit_holds_the_mail(limits: Limits, raw: bytes) -> None:
    """One beyond the limit is refused as "limits"; with the usual limits the same mail is read."""
    assert refusal(raw, limits).code == "limits"
    if b"Subject: " + b"x" * 90 not in raw:
        assert isinstance(result(raw), Message)


@pytest.mark.parametrize(
    ("limits", "raw"),
    [
        (Limits(max_mail_bytes=71), mail(body="x" * 50)),
        (Limits(max_header_fields=4), mail(*["X: y"] * 3)),
        (Limits(max_addresses=4), mail("To: " + ", ".join(["x@y.example"] * 3))),
        (Limits(max_received=4), mail(*["Received: x"] * 4)),
        (Limits(max_parts=4), multipart("mixed", *["\nx"] * 3)),
        (Limits(max_boundary_bytes=11), multipart("mixed", "\nx", boundary="b" * 11)),
        (Limits(max_attachments=3), multipart("mixed", *["Content-Type: a/b\n\nx"] * 3)),
        (Limits(max_decoded_bytes=51), mail(body="x" * 51)),
    ],
)
def test_a_mail_at_the_limit_is_read(limits: Limits, raw: bytes) -> None:
    """Exactly the limit is allowed."""
    message(raw, limits)


def test_a_refusal_shows_who_wrote_what() -> None:
    """Subject, From and Message-ID are shown, cleaned, even when the mail is not read."""
    raw = mail("Subject: =?utf-8?q?a=0Ab?=", "Message-ID: <1@b.example>", "Bcc : x")
    held = refusal(raw)
    assert (held.subject, held.sender_text, held.message_id) == (
        "a b",
        "a@b.example",
        "<1@b.example>",
    )
    assert held.digest == hashlib.sha256(raw).hexdigest()
    assert refusal(b"x" * 300_000).subject == ""


@pytest.mark.parametrize(
    "field",
    [
        'To: "',
        "To: (c):",
        "Reply-To: <>",
        "Content-Type: text/plain; name*",
        "Content-Type: text/plain" + ";" * 32_000,
        "Content-Type: text/plain; charset*0*=a'b; charset*1=\u0000x",
        "Message-ID: <[0123456789abcdef]@microsoft.com>",
        "Date: Tue, 2 Jan 2024 29:24:05 +0000",
        "Date: Mon, 1 Jan 0001 00:00:00 +2359",
        "Cc: " + "g:" * 200 + ";",
        "Cc: " + "(" * 2000,
        "Subject: " + "=?utf-8?q?x?= " * 4000,
        "References: " + "<" * 60_000,
        "References: " + "<a@" * 20_000,
        "Content-Disposition: attachment; filename*999*=x; filename*1*=%GG",
        "Content-Transfer-Encoding: base65",
    ],
)
def test_fields_that_break_other_parsers_are_read(field: str) -> None:
    """Each of these has stopped a mail system; here the mail is read in a moment."""
    before = time.process_time()
    message(mail(field.replace("\0", ""), body="words"))
    assert time.process_time() - before < HANG


def test_microsofts_message_id_is_an_id() -> None:
    """Square brackets on the left are printable ASCII and thread correctly."""
    assert message(mail("Message-ID: <[0a]@microsoft.com>")).message_id == "<[0a]@microsoft.com>"


@pytest.mark.parametrize("value", ["", "<>", "<a>", "<a@>", "a@b", "<a@b> <c@d>", "<a@b> x"])
def test_other_message_ids_count_as_none(value: str) -> None:
    """Only one plain id is taken; nothing else may become a key."""
    assert message(mail(f"Message-ID: {value}")).message_id == ""


def test_ids_are_bounded_in_length_and_number() -> None:
    """Both sides have 250 characters at most; of many references the first and the last 20 stay."""
    side = "x" * 250
    ids = [f"<{number}@x>" for number in range(50)]
    longest = f"<{side}@{side}>"
    read = message(mail(f"In-Reply-To: {longest} <{side}x@x>", "References: " + "\r\n ".join(ids)))
    assert read.in_reply_to == (longest,)
    assert read.references == (ids[0], *ids[-20:])


def test_a_date_that_is_none_leaves_a_warning() -> None:
    """Absent and impossible dates are None; the arrival's own time is the mail's."""
    for fields in ((), ("Date: yesterday",), ("Date: 31 Feb 2024 10:00:00 +0000",)):
        read = message(mail(*fields))
        assert read.date is None
        assert "date" in [warning.code for warning in read.warnings]


def test_a_subject_is_one_clean_line() -> None:
    """Controls, line breaks, bidirectional marks and surrogates never leave the room."""
    nasty = "=?utf-8?q?a=00=0D=0ABcc:_x=1B[2J=E2=80=AEb=E2=80=A8c=ED=A0=80?="
    subject = message(mail(f"Subject: {nasty}")).subject
    assert subject.startswith("a Bcc: x[2J b c")
    assert all(char.isprintable() for char in subject)
    assert len(message(mail("Subject: " + "x" * 10_000)).subject) == 1000


@pytest.mark.parametrize("other", ["c@d.example", "", "A@b.example.org"])
def test_a_sender_that_parsers_disagree_on_is_no_sender(
    monkeypatch: pytest.MonkeyPatch, other: str
) -> None:
    """If the standard library or mail-parser names somebody else, nobody is named."""
    monkeypatch.setattr(room, "parseaddr", lambda _: ("", other))
    sender = message(mail()).sender
    assert isinstance(sender, AddressRefusal)
    assert sender.code == "parser-disagreement"


def test_a_refused_from_is_kept_in_the_message() -> None:
    """The grammar's refusal is a fact about the mail, and the decision holds it."""
    sender = message(mail(sender="From: a@b.example, c@d.example")).sender
    assert isinstance(sender, AddressRefusal)
