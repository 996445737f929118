"""Encode an outgoing message (RFC 5322, 2045–2047, 3834) and check it by parsing the result.

This module writes the header values itself: the standard generator folds long Message-IDs into
encoded-words and can be made to write extra fields.
"""

from __future__ import annotations

import quopri
import re
from base64 import b64encode, encodebytes
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from email.utils import format_datetime
from hashlib import sha256
from urllib.parse import quote

from intake.mail.addresses import Address, Mailbox, read_address, read_mailbox

MAX_LINE_BYTES = 998  # RFC 5322 §2.1.1
MAX_TEXT_BYTES = 32 * 2**10  # as it is encoded; the HTML part says the same in more bytes
MAX_LETTER_BYTES = 4 * MAX_TEXT_BYTES
MESSAGE_ID = re.compile(r"<[!-;=?-~]{1,250}@[!-;=?-~]{1,250}>\Z")
_EXTRA = re.compile(r"[A-Za-z][A-Za-z-]{0,60}: [!-~](?:[ -~]|\r\n (?=[!-~]))*\Z")
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,60}/[a-z0-9][a-z0-9!#$&^_.+-]{0,60}")
_PLAIN_WORDS = re.compile(r"[A-Za-z0-9 !#$%&'*+/=?^_`{|}~,.:;()\[\]@<>\"\\-]*\Z")


class LetterError(Exception):
    """The letter must not be sent as it is; the text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """The parts of an outgoing message."""

    sender_name: str
    sender: str
    recipient: str
    subject: str
    text: str
    message_id: str
    date: datetime  # aware
    in_reply_to: str = ""
    references: tuple[str, ...] = ()
    reply_to: str = ""  # where answers go, when it is not the sender's address
    auto_submitted: str = "auto-replied"  # RFC 3834 §5; "auto-generated" if it is no answer
    html: str = ""  # the same words for programs that show HTML; empty: a letter of plain text
    extra: tuple[tuple[str, str], ...] = ()  # further fields, ASCII; folded at CRLF and a space


def encode(envelope: Envelope) -> bytes:
    """Return the message with CRLF line ends, ASCII only; raise LetterError when a check fails."""
    fields = _fields(envelope)
    fields.append(("MIME-Version", "1.0"))
    if envelope.html:
        boundary = _boundary(envelope)
        kind = f'multipart/alternative;\r\n boundary="{boundary}"'
        fields.append(("Content-Type", kind))
        body = _alternative(envelope, boundary)
    else:
        head, body = _part("plain", envelope.text)
        fields += head
    raw = _lines(fields) + b"\r\n" + body
    _check(raw, envelope, [name for name, _ in fields])
    return raw


def _lines(fields: Sequence[tuple[str, str]]) -> bytes:
    return "".join(f"{name}: {value}\r\n" for name, value in fields).encode("ascii")


def _part(kind: str, text: str) -> tuple[list[tuple[str, str]], bytes]:
    """Return the fields and the body of one text (RFC 2045 §5, §6)."""
    body, encoding = _body(text)
    charset = "us-ascii" if encoding == "7bit" else "utf-8"
    fields = [
        ("Content-Type", f"text/{kind}; charset={charset}"),
        ("Content-Transfer-Encoding", encoding),
    ]
    return fields, body


def _boundary(envelope: Envelope) -> str:
    """Return a boundary that follows from the letter, and so is the same when it is rewritten."""
    words = f"{envelope.message_id}\n{envelope.text}\n{envelope.html}".encode("utf-8", "replace")
    return f"=_{sha256(words).hexdigest()[:32]}"


def _alternative(envelope: Envelope, boundary: str) -> bytes:
    """Return the text and its HTML version (RFC 2046 §5.1.4), the plain one first."""
    made = b""
    for kind, text in (("plain", envelope.text), ("html", envelope.html)):
        fields, body = _part(kind, text)
        made += f"--{boundary}\r\n".encode("ascii") + _lines(fields) + b"\r\n" + body + b"\r\n"
    return made + f"--{boundary}--\r\n".encode("ascii")


def with_files(raw: bytes, files: Sequence[tuple[str, str, bytes]]) -> bytes:
    """Return an encoded letter with files (name, media type, bytes) behind its text.

    The same letter and files give the same bytes (RFC 2046 §5.1.3).
    """
    if not files:
        return raw
    head, _, body = raw.partition(b"\r\n\r\n")
    kept: list[bytes] = []
    moved: list[bytes] = []
    for field in re.split(rb"\r\n(?![ \t])", head):
        (moved if field.lower().startswith(b"content-") else kept).append(field)
    boundary = f"=_{sha256(raw).hexdigest()[:31]}f".encode()
    kept.append(b'Content-Type: multipart/mixed;\r\n boundary="' + boundary + b'"')
    parts = [b"\r\n".join(moved) + b"\r\n\r\n" + body.rstrip(b"\r\n") + b"\r\n"]
    parts += [_file(*one) for one in files]
    made = b"\r\n".join(kept) + b"\r\n\r\n"
    for part in parts:
        made += b"--" + boundary + b"\r\n" + part + b"\r\n"
    return made + b"--" + boundary + b"--\r\n"


def _file(name: str, media_type: str, data: bytes) -> bytes:
    """Return one attached file; its name is encoded as RFC 2231 has it when it is not ASCII."""
    kind = media_type if _MEDIA_TYPE.fullmatch(media_type) else "application/octet-stream"
    kind = kind if not kind.startswith(("multipart/", "message/")) else "application/octet-stream"
    plain = re.sub(r'[^ -~]|["\\]', "_", name)[:100] or "file"
    wide = quote(name[:100].encode("utf-8", "replace"), safe="")
    told = f'filename="{plain}"' if plain == name else f"filename*=utf-8''{wide}"
    head = (
        f"Content-Type: {kind}\r\nContent-Transfer-Encoding: base64\r\n"
        f"Content-Disposition: attachment;\r\n {told}\r\n\r\n"
    )
    return head.encode("ascii") + encodebytes(data).replace(b"\n", b"\r\n")


def _fields(envelope: Envelope) -> list[tuple[str, str]]:
    for address in (envelope.sender, envelope.recipient, envelope.reply_to or envelope.sender):
        if not isinstance(read_address(address), Address):
            raise LetterError(f"{address!r} is not a plain address")
    ids = [text for text in envelope.references if MESSAGE_ID.match(text)]
    fields = [
        ("From", f"{phrase(envelope.sender_name)} <{envelope.sender}>"),
        ("To", envelope.recipient),
        ("Subject", unstructured(envelope.subject)),
        ("Date", format_datetime(envelope.date.astimezone(UTC))),
        ("Message-ID", envelope.message_id),
    ]
    if envelope.reply_to:
        fields.append(("Reply-To", envelope.reply_to))
    if MESSAGE_ID.match(envelope.in_reply_to):
        fields.append(("In-Reply-To", envelope.in_reply_to))
    if ids:
        fields.append(("References", "\r\n ".join(dict.fromkeys(ids))))
    fields.append(("Auto-Submitted", envelope.auto_submitted))
    fields.append(("X-Auto-Response-Suppress", "All"))
    there = {name.lower() for name, _ in fields}
    for name, value in envelope.extra:
        if not _EXTRA.match(f"{name}: {value}") or name.lower() in there:
            raise LetterError(f"{name!r} is no field that can stand beside the others")
        there.add(name.lower())
    return [*fields, *envelope.extra]


def unstructured(text: str) -> str:
    """Return a field's text: plain ASCII as it is, else encoded-words of at most 75 characters."""
    if _PLAIN_WORDS.match(text) and "=?" not in text and len(text) <= 60:
        return text
    if _PLAIN_WORDS.match(text) and "=?" not in text:
        return _folded(text)
    return "\r\n ".join(_encoded_words(text))


def _folded(text: str) -> str:
    """Fold the text into lines of at most 76 characters; encode it when one word is too long."""
    lines: list[str] = [""]
    for word in text.split():
        if len(word) > 70:
            return "\r\n ".join(_encoded_words(text))
        fits = len(lines[-1]) + len(word) < 65
        if fits:
            lines[-1] = f"{lines[-1]} {word}".lstrip()
        else:
            lines.append(word)
    return "\r\n ".join(lines)


def _encoded_words(text: str) -> list[str]:
    """Split the text into encoded-words of whole characters (RFC 2047 §2).

    Each holds at most 42 bytes, which make 56 characters of base64.
    """
    words: list[bytes] = [b""]
    for char in text:
        data = char.encode("utf-8", "replace")
        if len(words[-1]) + len(data) > 42:
            words.append(b"")
        words[-1] += data
    return [f"=?utf-8?B?{b64encode(word).decode('ascii')}?=" for word in words]


def phrase(name: str) -> str:
    """Return a display name for a field: a quoted string when it is ASCII, else encoded-words."""
    plain = "".join(c for c in name if c.isprintable())[:100]
    if plain.isascii() and "=?" not in plain:
        escaped = plain.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return "\r\n ".join(_encoded_words(plain))


def _body(text: str) -> tuple[bytes, str]:
    """The text as it is when it is ASCII in short lines, else quoted-printable UTF-8."""
    flat = text.replace("\r\n", "\n").replace("\r", "\n")
    if flat.isascii() and all(len(line) <= 78 for line in flat.split("\n")):
        return flat.replace("\n", "\r\n").encode("ascii"), "7bit"
    data = quopri.encodestring(flat.encode("utf-8", "replace"))
    return data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"), "quoted-printable"


def _check(raw: bytes, envelope: Envelope, names: list[str]) -> None:
    """Parse the bytes and compare: the same fields, one recipient, the same text, valid lines."""
    bare = raw.replace(b"\r\n", b"")
    if b"\r" in bare or b"\n" in bare or not raw.isascii():
        raise LetterError("the letter has a bare line end or a byte outside ASCII")
    size = len(_body(envelope.text)[0])
    if (
        size > MAX_TEXT_BYTES
        or len(raw) > MAX_LETTER_BYTES
        or max(map(len, raw.split(b"\r\n"))) > MAX_LINE_BYTES
    ):
        raise LetterError("the letter or one of its lines is too long")
    head, _, body = raw.partition(b"\r\n\r\n")
    parsed = message_from_bytes(head + b"\r\n\r\n")
    if [name for name, _ in parsed.items()] != names:
        raise LetterError(f"the letter reads back with other fields: {parsed.keys()}")
    author = read_mailbox(str(parsed["From"]).encode("ascii"))
    if not isinstance(author, Mailbox) or str(author.address) != envelope.sender:
        raise LetterError("the letter reads back with another sender")
    if parsed["To"] != envelope.recipient or not MESSAGE_ID.match(parsed["Message-ID"]):
        raise LetterError("the letter reads back with another recipient or Message-ID")
    written = [envelope.text, *([envelope.html] if envelope.html else [])]
    if _texts(parsed.get_boundary(), head, body) != [
        text.encode("utf-8", "replace").decode("utf-8") for text in written
    ]:
        raise LetterError("the letter reads back with another text")


def _texts(boundary: str | None, head: bytes, body: bytes) -> list[str]:
    """Return the texts of a letter as its fields describe them (RFC 2046 §5.1.1)."""
    if boundary is None:
        return [_decoded(head, body)]
    before, *parts, end = body.split(f"--{boundary}".encode("ascii"))
    if before or end != b"--\r\n":
        return []
    found = []
    for part in parts:
        its_head, _, text = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        found.append(_decoded(its_head, text.removesuffix(b"\r\n")))
    return found


def _decoded(head: bytes, body: bytes) -> str:
    packed = b"Content-Transfer-Encoding: quoted-printable" in head.split(b"\r\n")
    data = quopri.decodestring(body) if packed else body
    return data.decode("utf-8").replace("\r\n", "\n")
