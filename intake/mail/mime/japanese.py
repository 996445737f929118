"""Decode ISO-2022-JP as mail programs write it: with NEC's row 13 and half-width kana.

RFC 1468, CP50221. The standard library's codec knows neither, and Windows' CP932 has both under
other bytes.
"""

from __future__ import annotations

import re

_ESCAPE = re.compile(rb"\x1b(\$[@B]|\([BIJ]|\$\([D])")
_KANJI = (b"$@", b"$B")


def decode(data: bytes) -> str:
    """Return the text; empty when the bytes are not in this charset."""
    if b"\x1b$" not in data and b"\x1b(I" not in data:
        return ""
    out: list[str] = []
    at, mode = 0, b"(B"
    try:
        for match in _ESCAPE.finditer(data):
            out.append(_piece(data[at : match.start()], mode))
            at, mode = match.end(), match[1]
        out.append(_piece(data[at:], mode))
    except (UnicodeError, ValueError):
        return ""
    return "".join(out)


def _piece(data: bytes, mode: bytes) -> str:
    if mode in _KANJI:
        first, end, rest = data.partition(b"\n")  # a line end cancels the escape (RFC 1468)
        return _pairs(first.rstrip(b"\r")) + (end + rest).decode("ascii")
    if mode == b"(I":
        return bytes(byte | 0x80 if 0x21 <= byte <= 0x5F else byte for byte in data).decode("cp932")
    return data.decode("ascii")


def _pairs(line: bytes) -> str:
    """Decode pairs of JIS X 0208 by way of Shift_JIS. Raises ValueError for anything else."""
    if not all(0x21 <= byte <= 0x7E for byte in line):
        raise ValueError("no pairs")
    pairs = zip(line[::2], line[1::2], strict=True)
    return b"".join(_shifted(first, second) for first, second in pairs).decode("cp932")


def _shifted(first: int, second: int) -> bytes:
    """One character of JIS X 0208 in Shift_JIS."""
    lead = (first - 0x21) // 2 + (0x81 if first < 0x5F else 0xC1)
    if first % 2:
        return bytes((lead, second + (0x1F if second < 0x60 else 0x20)))
    return bytes((lead, second + 0x7E))
