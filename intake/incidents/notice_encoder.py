"""Encode a notice (RFC 5322, 2045–2047, 2369, 2919, 8058, 6047) and check it by parsing it.

It contains text, HTML and, for a maintenance, a calendar entry. The entry is the last alternative
for programs that know calendars, and also an attachment for people. Boundaries are derived from the
Message-ID, so the same notice to the same person always has the same bytes.
"""

from __future__ import annotations

import quopri
import re
from base64 import encodebytes
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message
from email.utils import format_datetime
from hashlib import sha256

from intake.mail.addresses import Address, Mailbox, read_address, read_mailbox
from intake.mail.encoder import MAX_LINE_BYTES, MESSAGE_ID, LetterError, phrase, unstructured

MAX_NOTICE_BYTES = 100 * 1000  # whole notice; Gmail clips the HTML of a mail from about 102 KB
MAX_PLAIN_LINE = 78
ATTACHMENT = "maintenance.ics"
ONE_CLICK = "List-Unsubscribe=One-Click"
_LIST_ID = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+\Z")
_URI = re.compile(r"(mailto|https):[!-;=?-~]{1,900}\Z")


@dataclass(frozen=True, slots=True)
class Parcel:
    """The parts of a notice to one person."""

    sender_name: str
    sender: str
    recipient: str
    subject: str
    message_id: str
    date: datetime  # aware
    in_reply_to: str
    references: tuple[str, ...]
    list_name: str
    list_id: str
    text: str
    html: str
    reply_to: str = ""  # where answers go, if not to the sender's address
    unsubscribe: tuple[str, ...] = ()  # URIs, mailto: or https:
    one_click: bool = False  # one of them takes a POST (RFC 8058)
    calendar: str = ""  # an iCalendar object; empty: none
    method: str = "PUBLISH"


@dataclass(frozen=True, slots=True)
class _Part:
    """One leaf: its fields except the encoding, and the content that it must have when parsed."""

    kind: str  # "text/html; charset=utf-8"
    body: str
    disposition: str = ""


def encode(parcel: Parcel) -> bytes:
    """Return the message with CRLF line ends, ASCII only; raise LetterError when a check fails."""
    mark = sha256(parcel.message_id.encode("utf-8", "replace")).hexdigest()[:24]
    kind, body, parts = _body(parcel, mark)
    fields = [*_fields(parcel), ("MIME-Version", "1.0"), ("Content-Type", kind)]
    head = "".join(f"{name}: {value}\r\n" for name, value in fields)
    raw = head.encode("ascii") + b"\r\n" + body
    _check(raw, parcel, [name for name, _ in fields], parts)
    return raw


def _fields(parcel: Parcel) -> list[tuple[str, str]]:
    for address in (parcel.sender, parcel.recipient, parcel.reply_to or parcel.sender):
        if not isinstance(read_address(address), Address):
            raise LetterError(f"{address!r} is not a plain address")
    if not _LIST_ID.match(parcel.list_id) or len(parcel.list_id) > 255:
        raise LetterError(f"{parcel.list_id!r} is no List-Id such as status.support.example")
    ids = [text for text in parcel.references if MESSAGE_ID.match(text)]
    fields = [
        ("From", _named("From", parcel.sender_name, parcel.sender)),
        ("To", parcel.recipient),
        ("Subject", unstructured(parcel.subject)),
        ("Date", format_datetime(parcel.date.astimezone(UTC))),
        ("Message-ID", parcel.message_id),
    ]
    if parcel.reply_to:
        fields.append(("Reply-To", parcel.reply_to))
    if MESSAGE_ID.match(parcel.in_reply_to):
        fields.append(("In-Reply-To", parcel.in_reply_to))
    if ids:
        fields.append(("References", "\r\n ".join(dict.fromkeys(ids))))
    fields.append(("List-Id", _named("List-Id", parcel.list_name, parcel.list_id)))
    fields += _unsubscribing(parcel)
    return [
        *fields,
        ("Auto-Submitted", "auto-generated"),  # RFC 3834 §5: it is not an answer
        ("X-Auto-Response-Suppress", "All"),
        ("Precedence", "bulk"),
    ]


def _unsubscribing(parcel: Parcel) -> list[tuple[str, str]]:
    """Return the fields of RFC 2369 §3.2; One-Click only with an https address (RFC 8058 §3.1)."""
    if not parcel.unsubscribe:
        return []
    for uri in parcel.unsubscribe:
        if not _URI.match(uri):
            raise LetterError(f"{uri!r} is no address to unsubscribe at: wanted mailto: or https:")
    fields = [("List-Unsubscribe", ",\r\n ".join(f"<{uri}>" for uri in parcel.unsubscribe))]
    if parcel.one_click:
        if not any(uri.startswith("https:") for uri in parcel.unsubscribe):
            raise LetterError("List-Unsubscribe-Post needs an https address to post to")
        fields.append(("List-Unsubscribe-Post", ONE_CLICK))
    return fields


def _named(field: str, name: str, inner: str) -> str:
    """Return ``"Campus status" <status.support.example>``, on two lines when it is long."""
    words = phrase(name)
    fits = len(f"{field}: {words} <{inner}>") <= MAX_PLAIN_LINE and "\r\n" not in words
    return f"{words}{' ' if fits else chr(13) + chr(10) + ' '}<{inner}>"


def _body(parcel: Parcel, mark: str) -> tuple[str, bytes, list[_Part]]:
    """Return the type, the bytes and the leaves of everything below the header."""
    parts = [
        _Part("text/plain; charset=utf-8", parcel.text),
        _Part("text/html; charset=utf-8", parcel.html),
    ]
    if parcel.calendar:
        kind = f"text/calendar; charset=utf-8; method={parcel.method}"
        parts.append(_Part(kind, parcel.calendar))
    alternative = f'multipart/alternative;\r\n boundary="=_a.{mark}"'
    body = _joined(f"=_a.{mark}", [_leaf(part) for part in parts])
    if not parcel.calendar:
        return alternative, body, parts
    inner = f"Content-Type: {alternative}\r\n\r\n".encode("ascii") + body
    attached = _Part(
        f'application/ics; name="{ATTACHMENT}"',
        parcel.calendar,
        f'attachment; filename="{ATTACHMENT}"',
    )
    whole = _joined(f"=_m.{mark}", [inner, _leaf(attached)])
    return f'multipart/mixed;\r\n boundary="=_m.{mark}"', whole, [*parts, attached]


def _joined(boundary: str, parts: list[bytes]) -> bytes:
    line = f"--{boundary}".encode("ascii")
    return b"".join(line + b"\r\n" + part + b"\r\n" for part in parts) + line + b"--\r\n"


def _leaf(part: _Part) -> bytes:
    body, encoding = _encoded(_flat(part.body), base64=bool(part.disposition))
    head = f"Content-Type: {part.kind}\r\nContent-Transfer-Encoding: {encoding}\r\n"
    if part.disposition:
        head += f"Content-Disposition: {part.disposition}\r\n"
    return head.encode("ascii") + b"\r\n" + body


def _flat(text: str) -> bytes:
    """Return the text as UTF-8 with CRLF line ends, as a parser reads it."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return lines.replace("\n", "\r\n").encode("utf-8", "replace")


def _encoded(data: bytes, *, base64: bool) -> tuple[bytes, str]:
    """Return ASCII in short lines as it is, other data in the shorter one of two encodings.

    Unencoded data contains no "=_", so it cannot contain a boundary. The encodings cannot either.
    """
    lines = data.split(b"\r\n")
    short = all(len(line) <= MAX_PLAIN_LINE for line in lines)
    if not base64 and short and data.isascii() and b"=_" not in data and b"\0" not in data:
        return data, "7bit"
    quoted = quopri.encodestring(data.replace(b"\r\n", b"\n")).replace(b"\n", b"\r\n")
    whole = encodebytes(data).replace(b"\n", b"\r\n")
    if base64 or len(whole) < len(quoted):
        return whole, "base64"
    return quoted, "quoted-printable"


def _check(raw: bytes, parcel: Parcel, names: list[str], parts: list[_Part]) -> None:
    """Parse the bytes and compare: the same fields, one recipient, the same parts, valid lines."""
    bare = raw.replace(b"\r\n", b"")
    if b"\r" in bare or b"\n" in bare or not raw.isascii() or b"\0" in raw:
        raise LetterError("the notice has a bare line end, a NUL or a byte outside ASCII")
    if len(raw) > MAX_NOTICE_BYTES:
        raise LetterError(f"the notice has {len(raw)} bytes, at most {MAX_NOTICE_BYTES} are sent")
    if max(map(len, raw.split(b"\r\n"))) > MAX_LINE_BYTES:
        raise LetterError("a line of the notice is too long")
    parsed = message_from_bytes(raw)
    if [name for name, _ in parsed.items()] != names:
        raise LetterError(f"the notice reads back with other fields: {parsed.keys()}")
    _check_fields(parsed, parcel)
    leaves = [one for one in parsed.walk() if not one.is_multipart()]
    if [one["Content-Type"] for one in leaves] != [part.kind for part in parts]:
        raise LetterError("the notice reads back with other parts")
    for leaf, part in zip(leaves, parts, strict=True):
        payload = leaf.get_payload(decode=True)
        if not isinstance(payload, bytes) or _flat(payload.decode("utf-8")) != _flat(part.body):
            raise LetterError(f"the part {part.kind} of the notice reads back with another content")


def _check_fields(parsed: Message, parcel: Parcel) -> None:
    author = read_mailbox(str(parsed["From"]).encode("ascii"))
    if not isinstance(author, Mailbox) or str(author.address) != parcel.sender:
        raise LetterError("the notice reads back with another sender")
    if parsed["To"] != parcel.recipient or not MESSAGE_ID.match(parsed["Message-ID"]):
        raise LetterError("the notice reads back with another recipient or Message-ID")
    subject = str(make_header(decode_header(str(parsed["Subject"]))))
    wanted = parcel.subject.encode("utf-8", "replace").decode("utf-8")
    if "".join(subject.split()) != "".join(wanted.split()):
        raise LetterError("the notice reads back with another subject")
