"""Mails that are built to hurt the reader, and libraries that fail."""

from __future__ import annotations

import hashlib
import time
from datetime import UTC, datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from intake.mail import field_library
from intake.mail import message as room
from intake.mail.addresses import AddressRefusal
from intake.mail.limits import Limits
from intake.mail.message import Arrival, Message, Refusal
from tests.support.bombs import BOMBS
from tests.support.rawmail import (
    CAMPAIGN,
    HANG,
    NOON,
    arrival,
    mail,
    message,
    multipart,
    refusal,
    result,
)


def test_a_library_that_fails_is_done_without(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where mail-parser raises, To and Cc are read by our own pattern; From is then unproved."""

    def broken(_: object) -> object:
        raise AttributeError

    monkeypatch.setattr(field_library.mailparser, "MailParser", broken)
    raw = mail("To: X <x@y.example>", "Date: Tue, 2 Jan 2024 10:00:00 +0000")
    read = message(raw)
    assert read.to == ("x@y.example",)
    assert read.date == datetime(2024, 1, 2, 10, tzinfo=UTC)
    assert "mail-parser" in [warning.code for warning in read.warnings]
    assert isinstance(read.sender, AddressRefusal)


def test_a_library_that_fails_late_is_done_without(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that raises on access counts as unknown."""

    class Late:
        defects_categories: frozenset[str] = frozenset()

        @property
        def date(self) -> datetime:
            raise ValueError

        @property
        def to(self) -> object:
            raise TypeError

        from_ = (("", "a@b.example"),)
        cc = ()

    monkeypatch.setattr(field_library.mailparser, "MailParser", lambda _: Late())
    read = message(mail("To: x@y.example", "Date: Tue, 2 Jan 2024 10:00:00 +0000"))
    assert read.to == ("x@y.example",)
    assert read.date is not None


@pytest.mark.parametrize(
    ("raised", "code"),
    [(MemoryError(), "memory"), (RecursionError(), "crash"), (KeyError(), "crash")],
)
def test_a_failure_of_ours_is_a_refusal(
    monkeypatch: pytest.MonkeyPatch, raised: BaseException, code: str
) -> None:
    """Whatever is raised inside, one mail is refused and nothing leaves the room."""

    def broken(*_: object) -> None:
        raise raised

    monkeypatch.setattr(room.structure, "walk", broken)
    assert refusal(mail()).code == code


def test_a_mail_without_anything_is_refused() -> None:
    """Nothing at all, and nothing but line ends, have no sender."""
    for raw in (b"", b"\r\n", b"\n", b"\r\n\r\n", b"\0", b"\xff" * 10):
        assert isinstance(result(raw), Refusal)


def test_no_state_is_carried_from_mail_to_mail() -> None:
    """A mail with two files and then one without: the second has none."""
    with_files = multipart("mixed", *["Content-Type: a/b\n\nx"] * 2)
    assert len(message(with_files).attachments) == 2
    assert message(mail(body="x")).attachments == ()


@pytest.mark.parametrize("name", BOMBS)
def test_no_bomb_hangs_the_reader(name: str) -> None:
    """Structures made to cost are read or refused at once; CPU time is the safety net."""
    before = time.process_time()
    read = result(BOMBS[name])
    assert time.process_time() - before < HANG
    assert not isinstance(read, Refusal) or read.code in ("limits", "header", "structure")


SEEDS = [
    mail("Subject: x", "To: c@d.example", body="words"),
    multipart("mixed", "\nwords", "Content-Type: application/pdf; name=a.pdf\n\n%PDF"),
    multipart("alternative", "\nwords", "Content-Type: text/html\n\n<p>words<table><tr><td>a<td>b"),
    multipart(
        "report",
        "Content-Type: message/rfc822\n\nSubject: x\n\ny",
        "Content-Transfer-Encoding: base64\nContent-Type: application/ms-tnef\n\neJ8+Ig==",
    ),
    mail("Content-Type: text/html; charset=utf-16", body=b"<\0p\0>\0"),
]


def assert_total(raw: bytes) -> None:
    """The promises that hold for any bytes."""
    read = room.read(Arrival("box", 0, 0, NOON, "0" * 64, len(raw), raw), Limits())
    if isinstance(read, Refusal):
        assert read.code in ("limits", "header", "structure", "sender"), read.detail
        return
    for text in (read.subject, read.plain, read.html.text, *(a.name for a in read.attachments)):
        text.encode("utf-8")
        assert "\0" not in text
    assert all(file.sha256 == hashlib.sha256(file.content).hexdigest() for file in read.attachments)
    assert len({file.part for file in read.attachments}) == len(read.attachments)


@settings(max_examples=150 * CAMPAIGN, deadline=None)
@given(st.binary(max_size=400))
@example(b"From: a@b.example\r\n\r\n")
def test_random_bytes_never_raise(raw: bytes) -> None:
    """Any bytes, alone and behind a valid From line, give a Message or a Refusal."""
    assert_total(raw)
    assert_total(b"From: a@b.example\r\n" + raw)


@settings(max_examples=300 * CAMPAIGN, deadline=None)
@given(
    st.sampled_from(SEEDS),
    st.lists(
        st.tuples(
            st.integers(0, 400),
            st.integers(0, 12),
            st.one_of(
                st.binary(max_size=6),
                st.sampled_from(
                    [b"\r\n", b"\n", b"--b1", b"--b1--", b";", b"=", b'"', b"<", b"charset=", b"\0"]
                ),
            ),
        ),
        max_size=6,
    ),
)
def test_mutated_mails_never_raise(raw: bytes, cuts: list[tuple[int, int, bytes]]) -> None:
    """Real shapes with pieces cut out and put in give a Message or a Refusal."""
    for at, length, new in cuts:
        raw = raw[:at] + new + raw[at + length :]
    assert_total(raw)


def test_reading_is_a_function_of_the_bytes() -> None:
    """The same mail gives the same Message, names of unnamed parts included."""
    for raw in SEEDS:
        assert room.read(arrival(raw), Limits()) == room.read(arrival(raw), Limits())


def test_the_body_digest_does_not_know_line_ends() -> None:
    """The same mail by a pipe (LF) and by IMAP (CRLF) has one body digest and two raw digests."""
    crlf = b"From: a@b.example\r\nSubject: x\r\n\r\none\r\ntwo\r\n"
    found = []
    for raw in (crlf, crlf.replace(b"\r\n", b"\n")):
        digest = hashlib.sha256(raw).hexdigest()
        now = datetime(2026, 3, 1, tzinfo=UTC)
        mail = room.read(Arrival("m", 0, 1, now, digest, len(raw), raw), Limits())
        assert isinstance(mail, Message)
        found.append(mail)
    assert found[0].body_digest == found[1].body_digest
    assert found[0].digest != found[1].digest
