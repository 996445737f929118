"""Notices on the wire: the parts and fields that were meant, and no others."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intake.incidents import notice_encoder
from intake.incidents.notice_encoder import Parcel, encode
from intake.mail.encoder import LetterError

PLAIN = Parcel(
    sender_name="Campus Support",
    sender="status@support.example",
    recipient="zack.morris@bayside.example",
    subject="[Campus status] Grade Book posting delayed (INC-42)",
    message_id="<notice.INC-42.a.b@support.example>",
    date=datetime(2026, 3, 2, 15, 30, tzinfo=UTC),
    in_reply_to="<notice.INC-42.c.d@support.example>",
    references=("<notice.INC-42.c.d@support.example>",),
    list_name="Campus status",
    list_id="status.support.example",
    text="Investigating\n\n-- \nCampus Support\n",
    html="<p>Investigating</p>\n",
)
CALENDAR = "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n"
MARK = sha256(PLAIN.message_id.encode()).hexdigest()[:24]
ANY = st.text(alphabet=st.characters(), max_size=300) | st.sampled_from(
    [f"--=_a.{MARK}", f"x\n--=_a.{MARK}--\nContent-Type: text/html\n\n<b>", f"--=_m.{MARK}\n",
     "\r\n\r\nBcc: x@y.example", ".\n.\n", "From here\n", "x" * 5000, "ü" * 2000, "🎓\0\ud800"]
)  # fmt: skip


def kinds(raw: bytes) -> list[str]:
    """The types of all parts, outermost first."""
    return [part.get_content_type() for part in message_from_bytes(raw).walk()]


def test_a_notice_is_text_and_html() -> None:
    """The richer one last (RFC 2046 §5.1.4)."""
    assert kinds(encode(PLAIN)) == ["multipart/alternative", "text/plain", "text/html"]


def test_a_calendar_entry_is_the_last_alternative_and_an_attachment() -> None:
    """Programs that know calendars find it in its place, people find a file."""
    raw = encode(replace(PLAIN, calendar=CALENDAR, method="CANCEL"))
    assert kinds(raw) == [
        "multipart/mixed", "multipart/alternative", "text/plain", "text/html", "text/calendar",
        "application/ics",
    ]  # fmt: skip
    parts = list(message_from_bytes(raw).walk())
    assert parts[4].get_param("method") == "CANCEL"
    assert parts[5].get_filename() == "maintenance.ics"
    assert parts[5].get_payload(decode=True) == parts[4].get_payload(decode=True)
    assert parts[5].get_payload(decode=True) == CALENDAR.encode()


@given(ANY, ANY, ANY)
def test_no_content_breaks_out_of_its_part(text: str, html: str, calendar: str) -> None:
    """Boundaries, header lines and odd characters in a part stay in that part."""
    raw = encode(replace(PLAIN, text=text, html=html, calendar="X" + calendar))
    assert kinds(raw)[2:] == ["text/plain", "text/html", "text/calendar", "application/ics"]
    assert "Bcc" not in message_from_bytes(raw)
    assert raw.isascii()
    assert b"\0" not in raw
    assert max(map(len, raw.split(b"\r\n"))) <= 998


@given(ANY, ANY, ANY)
def test_no_name_or_subject_adds_a_field(name: str, list_name: str, subject: str) -> None:
    """Fields are those of a plain notice, or the notice is refused."""
    line = " ".join(subject.split())[:240]
    parcel = replace(PLAIN, sender_name=name, list_name=list_name, subject=line)
    try:
        raw = encode(parcel)
    except LetterError:
        return  # a subject with control characters is no subject; the room above cleans it
    assert message_from_bytes(raw).keys() == message_from_bytes(encode(PLAIN)).keys()


def test_the_same_parcel_is_the_same_bytes() -> None:
    """Boundaries come from the Message-ID; another Message-ID has others."""
    assert encode(PLAIN) == encode(PLAIN)
    other = encode(replace(PLAIN, message_id="<notice.INC-42.x.y@support.example>"))
    assert MARK.encode() in encode(PLAIN)
    assert MARK.encode() not in other


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"recipient": "a@b.example, c@d.example"}, "plain address"),
        ({"sender": "status"}, "plain address"),
        ({"reply_to": "x\r\nBcc: y@z.example"}, "plain address"),
        ({"message_id": "<a b>"}, "Message-ID"),
        ({"list_id": "no list"}, "List-Id"),
        ({"list_id": "a." * 130 + "example"}, "List-Id"),
        ({"unsubscribe": ("http://status.example/u",)}, "unsubscribe"),
        ({"unsubscribe": ("mailto:a@b.example>,<https://evil.example",)}, "unsubscribe"),
        ({"unsubscribe": ("mailto:a@b.example",), "one_click": True}, "https"),
        ({"text": "word " * 30_000}, "at most 100000"),
    ],
)
def test_what_cannot_be_right_is_refused(change: dict[str, object], why: str) -> None:
    """The error names what was wrong."""
    with pytest.raises(LetterError, match=why):
        encode(replace(PLAIN, **change))


def test_one_click_stands_beside_an_https_address_only() -> None:
    """RFC 8058 §3.1: both fields, the exact words, one https address."""
    ways = ("mailto:cases@support.example?subject=unsubscribe%20t", "https://status.example/u?t")
    parsed = message_from_bytes(encode(replace(PLAIN, unsubscribe=ways, one_click=True)))
    assert parsed["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert "".join(parsed["List-Unsubscribe"].split()) == f"<{ways[0]}>,<{ways[1]}>"
    assert "List-Unsubscribe-Post" not in message_from_bytes(
        encode(replace(PLAIN, unsubscribe=ways[:1]))
    )


def test_fields_keep_to_78_characters() -> None:
    """RFC 5322 §2.1.1: long names and ids go over several lines."""
    long_id = f"<notice.INC-42.{'a' * 30}@support.example>"
    raw = encode(
        replace(PLAIN, sender_name="The Support Desk of all the Campuses of this Country, Ltd.",
                list_name="Ü" * 40, subject="word " * 40 + "end", references=(long_id, "<b@c.d>"))
    )  # fmt: skip
    assert all(len(row) <= 78 for row in raw.partition(b"\r\n\r\n")[0].split(b"\r\n"))


@pytest.mark.parametrize(
    ("name", "instead", "why"),
    [
        ("unstructured", lambda text: f"{text}\r\nBcc: x@y.example", "other fields"),
        ("unstructured", lambda text: "another", "another subject"),
        ("unstructured", lambda text: text + " x" * 600, "too long"),
        ("unstructured", lambda text: f"{text}\n x", "bare line end"),
        ("phrase", lambda name: '"x" <a@b.example>,', "another sender"),
        ("_leaf", lambda part: b"Content-Type: text/plain; charset=utf-8\r\n\r\nx", "other parts"),
        ("_encoded", lambda data, base64: (b"x", "7bit"), "another content"),
    ],
)
def test_reading_back_finds_what_went_wrong(
    monkeypatch: pytest.MonkeyPatch, name: str, instead: object, why: str
) -> None:
    """With any part of the writer broken on purpose, nothing leaves the house."""
    monkeypatch.setattr(notice_encoder, name, instead)
    with pytest.raises(LetterError, match=why):
        encode(PLAIN)


def test_ids_that_are_none_are_left_out_of_the_thread() -> None:
    """What does not look like a Message-ID is not written."""
    parsed = message_from_bytes(encode(replace(PLAIN, in_reply_to="x", references=("y z",))))
    assert "In-Reply-To" not in parsed
    assert "References" not in parsed
