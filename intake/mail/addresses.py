"""Strict mailbox grammar: the bytes of a From field give one Mailbox, or a named refusal.

The standard library's address parsing names the wrong sender for hostile headers. So this module
reads a deliberately small part of RFC 5322 §3.4 itself and refuses everything else.
Accepted: ``[phrase] "<" dot-atom "@" domain ">" [comment]`` and ``dot-atom "@" domain [comment]``.
Refused: groups, lists, routes, quoted or literal addresses, obsolete forms, control characters,
encoded-words outside the display name, anything after ``>``. It takes time linear in its input.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from dataclasses import dataclass
from quopri import decodestring

MAX_FIELD_BYTES = 4096
MAX_LINE_BYTES = 998  # RFC 5322 §2.1.1
MAX_LOCAL_BYTES = 64  # RFC 5321 §4.5.3.1.1
MAX_DOMAIN_BYTES = 255  # RFC 5321 §4.5.3.1.2

_ATEXT = frozenset(
    b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-/=?^_`{|}~"
)
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\Z")
_ENCODED_WORD = re.compile(
    r"=\?([A-Za-z0-9_.:-]{1,40})(?:\*[A-Za-z-]{1,20})?\?([BbQq])\?([!->@-~]{0,900})\?="
)
_LOOKS_LIKE = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9.-]{1,255}")
_UPPER_TO_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


@dataclass(frozen=True, slots=True)
class Address:
    """An addr-spec whose local part keeps its case and whose domain is lower-case LDH labels."""

    local: str
    domain: str

    @property
    def key(self) -> str:
        """Return the form in which addresses are compared: only A–Z is put into lower case."""
        return ascii_lower(f"{self.local}@{self.domain}")

    def __str__(self) -> str:
        return f"{self.local}@{self.domain}"


@dataclass(frozen=True, slots=True)
class Mailbox:
    """An address and the display name as written. The name never identifies anyone."""

    name: str
    address: Address


@dataclass(frozen=True, slots=True)
class AddressRefusal:
    """Why a text is not exactly one plain mailbox: a stable code and a sentence for people."""

    code: str
    detail: str


class _Refused(Exception):
    """Carries a refusal out of the grammar; it never leaves this module."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.refusal = AddressRefusal(code, detail)


def ascii_lower(text: str) -> str:
    """Turn only A–Z into a–z.

    str.lower would also turn a Kelvin sign into k and give its owner another sender's identity.
    """
    return text.translate(_UPPER_TO_LOWER)


def shown_instead(mailbox: Mailbox) -> str:
    """Return a different address that the display name shows; empty when it shows none."""
    found = (ascii_lower(text) for text in _LOOKS_LIKE.findall(mailbox.name))
    return next((text[:100] for text in found if text != mailbox.address.key), "")


def without_plus(key: str) -> str:
    """Return ``support@x`` for ``support+data-restore@x``: our plus addresses are ours, too."""
    local, _, domain = key.rpartition("@")
    return f"{local.partition('+')[0]}@{domain}"


def read_address(text: str) -> Address | AddressRefusal:
    """Parse a bare ``local@domain`` into an Address, or into a refusal that says what is wrong."""
    try:
        return _addr_spec(text.encode("ascii"))
    except UnicodeEncodeError:
        return AddressRefusal("not-ascii", "the address holds a character outside ASCII")
    except _Refused as refused:
        return refused.refusal


def read_mailbox(value: bytes) -> Mailbox | AddressRefusal:
    """Parse the value of one From field, folded or not, into a Mailbox or a named refusal.

    ``value`` is the text after the colon, with its folding (CRLF + white space) still in it.
    """
    try:
        return _mailbox(_unfold(value))
    except _Refused as refused:
        return refused.refusal


def _unfold(value: bytes) -> bytes:
    if len(value) > MAX_FIELD_BYTES:
        raise _Refused(
            "too-long", f"the field has {len(value)} bytes, at most {MAX_FIELD_BYTES} are read"
        )
    if any(len(line) > MAX_LINE_BYTES for line in value.split(b"\r\n")):
        raise _Refused("line-too-long", f"a line has over {MAX_LINE_BYTES} bytes (RFC 5322 §2.1.1)")
    flat = re.sub(rb"\r\n(?=[ \t])", b"", value.rstrip(b"\r\n"))
    bad = next((byte for byte in flat if (byte < 32 and byte != 9) or byte == 127), None)
    if bad is not None:
        raise _Refused("control-character", f"the field holds the control character 0x{bad:02x}")
    return flat.strip(b" \t")


def _mailbox(value: bytes) -> Mailbox:
    if not value:
        raise _Refused("empty", "the field is empty")
    phrase, opened, at = _phrase(value)
    if not opened:
        return Mailbox("", _addr_spec(_without_comment(value)))
    close = value.find(b">", at)
    if close < 0:
        raise _Refused("unclosed", "an angle bracket is opened and not closed")
    if _without_comment(value[close + 1 :]):
        raise _Refused("trailing-text", "something follows the address in angle brackets")
    return Mailbox(_decode_phrase(phrase), _addr_spec(value[at:close]))


def _phrase(value: bytes) -> tuple[str, bool, int]:
    """Return the display name, whether ``<`` follows it, and where the address begins."""
    words: list[str] = []
    at = 0
    while at < len(value):
        byte = value[at : at + 1]
        if byte in (b" ", b"\t"):
            at += 1
        elif byte == b"<":
            return " ".join(words), True, at + 1
        elif byte == b'"':
            text, at = _quoted(value, at)
            words.append(text)
        elif value[at] in _ATEXT or byte == b"." or value[at] >= 0x80:
            text, at = _atom(value, at)
            words.append(text)
        elif byte == b"@":
            if b"<" in value[at:]:
                raise _Refused("address-in-name", "an unquoted @ stands before the angle bracket")
            return "", False, 0
        elif byte == b"(":
            at = _comment_end(value, at)
        else:
            raise _Refused("character", f"{byte!r} may not stand in a display name")
    return "", False, 0


def _atom(value: bytes, at: int) -> tuple[str, int]:
    """Read a word with dots inside it (RFC 5322 §4.1 obs-phrase).

    A dot at its start is refused, because other parsers fail on one.
    """
    if value[at] == 0x2E:
        raise _Refused("character", "a word of the display name begins with a dot")
    start = at
    while at < len(value) and (value[at] in _ATEXT or value[at] == 0x2E or value[at] >= 0x80):
        at += 1
    return value[start:at].decode("utf-8", "replace"), at


def _quoted(value: bytes, at: int) -> tuple[str, int]:
    out = bytearray()
    at += 1
    while at < len(value):
        byte = value[at]
        if byte == 0x22:
            return out.decode("utf-8", "replace"), at + 1
        if byte == 0x5C:
            at += 1
            if at >= len(value):
                break
            byte = value[at]
        out.append(byte)
        at += 1
    raise _Refused("unclosed", "a quoted string is opened and not closed")


def _comment_end(value: bytes, at: int) -> int:
    """Return the index after one flat comment; refuse a nested one, so no recursion is needed."""
    for index in range(at + 1, len(value)):
        if value[index] == 0x28:
            raise _Refused("nested-comment", "a comment holds another comment")
        if value[index] == 0x5C:
            raise _Refused("backslash", "a backslash stands outside a quoted string")
        if value[index] == 0x29:
            return index + 1
    raise _Refused("unclosed", "a comment is opened and not closed")


def _without_comment(value: bytes) -> bytes:
    """Remove at most one comment from the end of the text."""
    text = value.strip(b" \t")
    start = text.find(b"(")
    if start < 0:
        return text
    if _comment_end(text, start) != len(text):
        raise _Refused("trailing-text", "something follows the comment")
    return text[:start].rstrip(b" \t")


def _addr_spec(value: bytes) -> Address:
    text = value
    local, at, domain = text.rpartition(b"@")
    if not at or not local or not domain:
        raise _Refused("no-address", "no local@domain was found")
    if b"=?" in text:
        raise _Refused("encoded-word", "an encoded-word stands inside the address")
    if any(byte not in _ATEXT and byte != 0x2E for byte in local):
        raise _Refused("local-part", "the local part is not a plain dot-atom")
    if len(local) > MAX_LOCAL_BYTES or b"" in local.split(b"."):
        raise _Refused("local-part", "the local part is too long or has an empty atom")
    return Address(local.decode("ascii"), _domain(domain))


def _domain(value: bytes) -> str:
    try:
        domain = ascii_lower(value.decode("ascii"))
    except UnicodeDecodeError:
        raise _Refused("domain", "the domain holds a character outside ASCII") from None
    labels = domain.split(".")
    if len(domain) > MAX_DOMAIN_BYTES or len(labels) < 2:
        raise _Refused("domain", "the domain has one label only, or is too long")
    if not all(_LABEL.match(label) for label in labels) or labels[-1].isdigit():
        raise _Refused("domain", "the domain is not made of letters, digits and hyphens")
    return domain


def _decode_phrase(phrase: str) -> str:
    """Decode RFC 2047 words for display: no control characters, at most 200 characters."""
    text = re.sub(r"(\?=)\s+(?==\?)", r"\1", phrase)
    text = _ENCODED_WORD.sub(_decode_word, text)
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:200]


def _decode_word(match: re.Match[str]) -> str:
    charset, encoding, payload = match.groups()
    try:
        if encoding in "Bb":
            raw = b64decode(payload + "=" * (-len(payload) % 4))
        else:
            raw = decodestring(payload.replace("_", " ").encode("ascii"), header=False)
        return raw.decode(charset, "replace")
    except (LookupError, ValueError, binascii.Error):
        return match.group(0)
