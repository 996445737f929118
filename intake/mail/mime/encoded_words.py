"""Decode the encoded-words in header text (RFC 2047); any input gives one clean line."""

from __future__ import annotations

import binascii
import re
import unicodedata

from intake.mail.mime import charsets

MAX_LINE_CHARS = 1000
_WORD = re.compile(r"=\?([^?\s*]{1,60})(?:\*[^?\s]{0,40})?\?([bBqQ])\?([^?]{0,4000})\?=")
_BLANK = re.compile(r"[ \t\r\n]*\Z")
_HIDDEN = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp"))


def decode(text: str) -> str:
    """Decode the encoded-words in the text; all other text stays as it is. Linear.

    Adjacent words of one charset are joined as bytes before decoding: some mailers cut a character
    in two, though RFC 2047 §5 forbids it.
    """
    out: list[str] = []
    pending, label, at = bytearray(), "", 0
    for match in _WORD.finditer(text):
        between = text[at : match.start()]
        raw = _payload(match[2], match[3], match[1])
        if pending and _BLANK.match(between) and match[1].lower() == label:
            pending += raw
        else:
            out.append(_flush(pending, label))
            out.append("" if at and _BLANK.match(between) else between)
            pending, label = bytearray(raw), match[1].lower()
        at = match.end()
    out.append(_flush(pending, label))
    out.append(text[at:])
    return "".join(out)


def one_line(text: str, max_chars: int = MAX_LINE_CHARS) -> str:
    """Put the text on one line: control, format and separator characters become single spaces."""
    shown = "".join(
        " " if unicodedata.category(char) in _HIDDEN else char for char in text[: max_chars * 4]
    )
    return " ".join(shown.split())[:max_chars].strip()


def _payload(encoding: str, payload: str, label: str) -> bytes:
    """Return the bytes of one word; a raw 8-bit character in it is in the word's own charset."""
    try:
        raw = payload.encode("ascii" if payload.isascii() else charsets.codec_of(label) or "utf-8")
    except UnicodeError:
        raw = payload.encode("utf-8", "replace")
    if encoding in "qQ":
        return binascii.a2b_qp(raw, header=True)
    for padding in (b"", b"=", b"=="):
        try:
            return binascii.a2b_base64(raw + padding)
        except binascii.Error:
            continue
    return raw


def _flush(pending: bytearray, label: str) -> str:
    return charsets.decode(bytes(pending), label).text if pending else ""
