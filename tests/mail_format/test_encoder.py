"""Outgoing messages: what goes on the wire reads back, and says only what we meant."""

from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.header import decode_header, make_header

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intake.letters.text import one_line
from intake.mail.encoder import Envelope, LetterError, encode

PLAIN = Envelope(
    sender_name="Support desk",
    sender="support@desk.example",
    recipient="zack@bayside.example",
    subject="Re: grades [CASE-1001-AAAABBBB]",
    text="Hello Zack,\n\nthank you.\n\n-- \nSupport desk\n",
    message_id="<ack.CASE-1.a.b@desk.example>",
    date=datetime(2026, 3, 1, 12, 0, tzinfo=UTC),
    in_reply_to="<1@bayside.example>",
    references=("<0@bayside.example>", "<1@bayside.example>"),
)


def test_an_automatic_reply_bears_the_fields_of_rfc_3834() -> None:
    """One recipient, the thread, and the marks that keep robots from answering."""
    parsed = message_from_bytes(encode(PLAIN))
    assert parsed["Auto-Submitted"] == "auto-replied"
    assert parsed["In-Reply-To"] == "<1@bayside.example>"
    assert parsed["References"].split() == ["<0@bayside.example>", "<1@bayside.example>"]
    assert parsed["To"] == "zack@bayside.example"
    assert len(parsed.get_all("Auto-Submitted", [])) == 1


def test_a_long_foreign_message_id_is_never_folded_into_encoded_words() -> None:
    """The thread is kept with ids of over 78 characters, as Microsoft 365 writes them."""
    long_id = f"<{'A' * 120}@prod.outlook.example>"
    parsed = message_from_bytes(encode(replace(PLAIN, in_reply_to=long_id, references=(long_id,))))
    assert parsed["In-Reply-To"] == long_id
    assert parsed["References"] == long_id


@pytest.mark.parametrize(
    "bad", ["<a b@c.example>", "no-brackets@x.example", "<a@b>\r\nBcc: <e@f.example>", ""]
)
def test_ids_that_are_not_plain_are_left_out(bad: str) -> None:
    """What does not look like a Message-ID is not written into a field."""
    parsed = message_from_bytes(encode(replace(PLAIN, in_reply_to=bad, references=(bad,))))
    assert "In-Reply-To" not in parsed
    assert "References" not in parsed


@given(st.text(max_size=250))
def test_any_subject_reads_back_and_adds_no_field(subject: str) -> None:
    """Whatever the person's subject holds, ours is one field with the same words."""
    line = one_line(subject, 240)
    raw = encode(replace(PLAIN, subject=line))
    parsed = message_from_bytes(raw)
    assert parsed.keys().count("Subject") == 1
    assert "Bcc" not in parsed
    assert str(make_header(decode_header(parsed["Subject"]))) == line
    assert all(len(row) <= 78 for row in raw.partition(b"\r\n\r\n")[0].split(b"\r\n"))


def test_an_encoded_word_with_a_line_end_in_it_stays_harmless() -> None:
    """A subject that decodes to an encoded-word holding CRLF gives no extra header."""
    raw = encode(replace(PLAIN, subject="=?utf-8?q?hi=0D=0ABcc=3A_evil=40x.example?="))
    parsed = message_from_bytes(raw)
    assert "Bcc" not in parsed
    assert "=?utf-8?q?" not in parsed["Subject"]


@given(
    st.text(
        alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\r"), max_size=500
    )
)
def test_any_text_reads_back(text: str) -> None:
    """The body arrives as it was written, in ASCII lines of lawful length."""
    raw = encode(replace(PLAIN, text=text))
    payload = message_from_bytes(raw).get_payload(decode=True)
    assert isinstance(payload, bytes)
    assert payload.decode().replace("\r\n", "\n") == text
    assert raw.isascii()


@pytest.mark.parametrize("address", ["a@b", "a b@c.example", "a@c.example, e@f.example", ""])
def test_a_recipient_that_is_no_plain_address_is_refused(address: str) -> None:
    """A letter to anything but one bare address is not written."""
    with pytest.raises(LetterError, match="plain address"):
        encode(replace(PLAIN, recipient=address))


def test_a_bad_own_message_id_is_refused() -> None:
    """A Message-ID that reads back differently stops the letter."""
    with pytest.raises(LetterError):
        encode(replace(PLAIN, message_id="<a b>"))


def test_a_letter_beyond_the_limit_is_refused() -> None:
    """Letters stay small (RFC 3834 §3.2)."""
    with pytest.raises(LetterError, match="too long"):
        encode(replace(PLAIN, text="x\n" * 20000))


@pytest.mark.parametrize(
    "name", ['Jo "the desk" \\ Co', "Süd-Support", "=?utf-8?q?x?=", "a@b.example"]
)
def test_any_service_name_reads_back(name: str) -> None:
    """The display name never changes the sender."""
    parsed = message_from_bytes(encode(replace(PLAIN, sender_name=name)))
    assert str(parsed["From"]).endswith("<support@desk.example>")


def test_a_long_plain_subject_is_folded_between_words() -> None:
    """ASCII stays readable over several lines; one endless word is encoded instead."""
    for subject in ("word " * 40 + "end", "x" * 200 + " y"):
        raw = encode(replace(PLAIN, subject=subject))
        parsed = message_from_bytes(raw)
        shown = str(make_header(decode_header(parsed["Subject"].replace("\n", ""))))
        assert " ".join(shown.split()) == subject
        assert all(len(row) <= 78 for row in raw.partition(b"\r\n\r\n")[0].split(b"\r\n"))
