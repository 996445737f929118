"""Content-Transfer-Encoding undone (RFC 2045 §6); any bytes give bytes, as a mail reader would."""

from __future__ import annotations

import binascii

_IDENTITY = frozenset(("", "7bit", "8bit", "binary"))
_UU = frozenset(("x-uuencode", "uuencode", "uue", "x-uue"))


def decode(data: bytes, encoding: str) -> tuple[bytes, str]:
    """The decoded bytes, and a doubt when the encoding was broken or unknown."""
    if encoding in _IDENTITY:
        return data, ""
    if encoding == "base64":
        return _base64(data)
    if encoding == "quoted-printable":
        return binascii.a2b_qp(data), ""
    if encoding in _UU:
        return _uu(data)
    return data, f"the transfer encoding {encoding[:40]!r} is not known"


def _base64(data: bytes) -> tuple[bytes, str]:
    """Foreign characters are skipped, missing padding is added; else the bytes stay encoded."""
    joined = b"".join(data.splitlines())
    for padding in (b"", b"=="):
        try:
            return binascii.a2b_base64(
                joined + padding
            ), "base64 without its padding" if padding else ""
        except binascii.Error:
            continue
    return joined, "base64 of an impossible length"


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
