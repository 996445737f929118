"""Undo the Content-Transfer-Encoding (RFC 2045 §6) as a mail reader would; any bytes give bytes."""

from __future__ import annotations

import binascii
import re
from io import BytesIO

_IDENTITY = frozenset(("", "7bit", "8bit", "binary"))
PIECE = 2**18  # bytes that are decoded at a time
_SPACE = b" \t\r\n\f\v"
_WHOLE = re.compile(rb"[A-Za-z0-9+/]*={0,2}")
_INNER = re.compile(rb"[A-Za-z0-9+/]*")
_FOREIGN = bytes(
    byte for byte in range(256) if not ((chr(byte).isalnum() and byte < 128) or byte in b"+/=")
)
_BEGIN = re.compile(rb"begin [0-7]{3,4} (\S[^\r\n]{0,200})\r?\n?\Z")
_UU = frozenset(("x-uuencode", "uuencode", "uue", "x-uue"))


def decode(coded: bytes | memoryview, encoding: str) -> tuple[bytes, str]:
    """The decoded bytes, and a doubt when the encoding was broken or unknown."""
    if encoding == "base64":
        plain = _faultless_base64(coded)
        return (plain, "") if plain is not None else _base64(bytes(coded))
    data = bytes(coded)
    if encoding in _IDENTITY:
        return data, ""
    if encoding == "quoted-printable":
        return binascii.a2b_qp(data), ""
    if encoding in _UU:
        return _uu(data)
    return data, f"the transfer encoding {encoding[:40]!r} is not known"


def _faultless_base64(coded: bytes | memoryview) -> bytes | None:
    """Decode base64 without any fault piece by piece, so that a big file is in memory once.

    None if anything in it is not as it should be.
    """
    decoded, rest = BytesIO(), b""
    for start in range(0, len(coded), PIECE):
        joined = rest + bytes(coded[start : start + PIECE]).translate(None, _SPACE)
        last = start + PIECE >= len(coded)
        whole = len(joined) if last else len(joined) - len(joined) % 4
        if whole % 4 or not (_WHOLE if last else _INNER).fullmatch(joined, 0, whole):
            return None
        decoded.write(binascii.a2b_base64(joined[:whole]))
        rest = joined[whole:]
    return decoded.getvalue()


def _base64(data: bytes) -> tuple[bytes, str]:
    """Decode each piece up to its own padding: some programs pad every line (RFC 2045 §6.8).

    Foreign characters are skipped and missing padding is added; each repair is reported as a doubt.
    """
    joined = data.translate(None, _SPACE)
    plain = joined.translate(None, _FOREIGN)
    pieces = [piece for piece in plain.split(b"=") if piece]
    doubts = ["foreign characters in base64"] if len(plain) != len(joined) else []
    if len(pieces) > 1 and doubts:  # text between the pieces, as happens when a boundary is missing
        return _as_mail_programs(data), "base64 with other text in it, read as far as it goes"
    if len(pieces) > 1:
        doubts.append("base64 padded in pieces")
    elif plain.count(b"=") != -len(plain.rstrip(b"=")) % 4:
        doubts.append("base64 without its padding")
    if any(len(piece) % 4 == 1 for piece in pieces):
        doubts.append("base64 of an impossible length")
        if len(pieces) == 1:
            return b"".join(data.splitlines()), ", ".join(doubts)  # one character too many
    decoded = b"".join(map(_piece, pieces))
    return (decoded if decoded or not plain else b"".join(data.splitlines())), ", ".join(doubts)


def _as_mail_programs(data: bytes) -> bytes:
    """Decode as the usual tolerant decoders do; return the bytes still encoded when that fails."""
    joined = b"".join(data.splitlines())
    for padding in (b"", b"=="):
        try:
            return binascii.a2b_base64(joined + padding)
        except binascii.Error:
            continue
    return joined


def _piece(piece: bytes) -> bytes:
    """Decode a piece without padding; a last character that completes no byte is left out."""
    whole = piece[: len(piece) - 1] if len(piece) % 4 == 1 else piece
    return binascii.a2b_base64(whole + b"=" * (-len(whole) % 4))


def take_out_uu(data: bytes) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    """Remove the uuencoded files from a text; return the text, and the files as (name, bytes).

    Only a block with a correct beginning and end is a file; everything else stays text.
    """
    if b"begin " not in data:
        return data, []
    kept: list[bytes] = []
    files: list[tuple[bytes, bytes]] = []
    lines = data.splitlines(keepends=True)
    at = 0
    while at < len(lines):
        begin = _BEGIN.match(lines[at])
        found = _file_from(lines, at + 1) if begin else None
        if begin and found:
            files.append((begin[1], found[0]))
            at = found[1]
        else:
            kept.append(lines[at])
            at += 1
    return b"".join(kept), files


def _file_from(lines: list[bytes], at: int) -> tuple[bytes, int] | None:
    """Return the bytes of the file whose lines begin at ``at``, and the place after its end."""
    out = bytearray()
    for index in range(at, len(lines)):
        line = lines[index].rstrip(b"\r\n")
        if line == b"end":
            return bytes(out), index + 1
        if not line or not b" " <= line[:1] <= b"`":
            return None
        try:
            out += _uu_line(line)
        except binascii.Error:
            return None
    return None


def _uu(data: bytes) -> tuple[bytes, str]:
    """The lines between ``begin`` and ``end``; a broken line is read as far as its length says."""
    lines = iter(data.splitlines())
    for line in lines:
        mode = line[6:].partition(b" ")[0]
        if line.startswith(b"begin ") and mode and all(byte in b"01234567" for byte in mode):
            break
    else:
        return data, "uuencode without a begin line"
    out = bytearray()
    for line in lines:
        if not line or line.strip(b" \t\r\n\f") == b"end":
            break
        try:
            out += _uu_line(line)
        except binascii.Error:
            return data, "uuencode with a broken line"
    return bytes(out), ""


def _uu_line(line: bytes) -> bytes:
    try:
        return binascii.a2b_uu(line)
    except binascii.Error:
        length = (((line[0] - 32) & 63) * 4 + 5) // 3  # encoders that pad lines wrongly
        return binascii.a2b_uu(line[:length])
