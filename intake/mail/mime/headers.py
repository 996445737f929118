"""Read the header block of a mail or of a part from raw bytes (RFC 5322 §2.2).

``split`` and ``fields`` are the structural checks of the mail itself: they refuse a header that two
parsers could read in two ways. ``lenient`` reads the header block of an inner part, where that does
no harm.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

SINGLETONS = frozenset(
    (
        *("from", "sender", "reply-to", "subject", "message-id"),
        *("mime-version", "content-type", "content-transfer-encoding"),
    )
)  # who wrote a mail, which one it is, and how it is read: a second one is a defect
FIRST_COUNTS = ("date", "to", "cc", "in-reply-to", "references")
"""Fields that gateways write a second time; neither who wrote a mail nor its text is in them."""
_ADDRESS_FIELDS = frozenset(("from", "sender", "reply-to", "to", "cc", "bcc"))
_BLANK_LINE = re.compile(rb"\r?\n\r?\n")
_FIELD = re.compile(rb"([!-9;-~]+):(.*)\Z", re.DOTALL)
_SPACED_NAME = re.compile(rb"[!-9;-~]+[ \t]+:")
_MAX_COMMAS_PER_ADDRESS = 4  # display names may hold commas too


@dataclass(frozen=True, slots=True)
class Field:
    """One header field: the name in lower case, the value after the colon, still folded by CRLF."""

    name: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Caps:
    """The limits for a header block."""

    max_header_bytes: int
    max_header_fields: int
    max_field_bytes: int
    max_addresses: int
    max_received: int


class HeaderError(Exception):
    """The header block is over a limit or ambiguous; ``code`` becomes the code of the refusal."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


def split(raw: bytes, max_header_bytes: int) -> tuple[bytes, int]:
    """Return the header block with its blank line, and where the body begins; linear in the cap.

    Raises HeaderError when the block is longer than ``max_header_bytes``.
    """
    if raw[:1] == b"\n" or raw[:2] == b"\r\n":
        raise HeaderError("header", "the mail begins with an empty line: it has no header")
    blank = _BLANK_LINE.search(raw, 0, max_header_bytes + 4)
    end = blank.end() if blank else len(raw)
    if end > max_header_bytes + 4:
        raise HeaderError("limits", f"the header block has over {max_header_bytes} bytes")
    return raw[:end], end


def crlf(block: bytes) -> bytes:
    """Return the block with CRLF line ends; a file's LF is converted, mixed line ends are an error.

    A bare CR or LF between CRLFs is text to one program and a new field to another.
    """
    if b"\0" in block:
        raise HeaderError("header", "a NUL stands in the header block")
    both, lf, cr = block.count(b"\r\n"), block.count(b"\n"), block.count(b"\r")
    if cr != both:
        raise HeaderError("header", "a bare CR stands in the header block")
    if both == 0:
        return block.replace(b"\n", b"\r\n")
    if lf != both:
        raise HeaderError("header", "a bare LF stands in the header block")
    return block


def fields(block: bytes, caps: Caps) -> tuple[Field, ...]:
    """Every field of a CRLF header block, top to bottom; raises HeaderError at the first defect."""
    out: list[Field] = []
    for line in _logical_lines(block):
        if len(line) > caps.max_field_bytes:
            raise HeaderError("limits", f"a header field has over {caps.max_field_bytes} bytes")
        out.append(_field(line))
        if len(out) > caps.max_header_fields:
            raise HeaderError("limits", f"there are over {caps.max_header_fields} header fields")
    _check_counts(out, caps)
    return tuple(out)


def _logical_lines(block: bytes) -> list[bytes]:
    """Return the header lines, each with its continuation lines, still folded."""
    lines: list[list[bytes]] = []
    for line in block.split(b"\r\n"):
        if line[:1] in (b" ", b"\t"):
            if not lines:
                raise HeaderError("header", "the header block starts with white space")
            lines[-1].append(line)
        elif line:
            lines.append([line])
    return [b"\r\n".join(parts) for parts in lines]


def _field(line: bytes) -> Field:
    match = _FIELD.match(line)
    if match:
        return Field(match[1].decode("ascii").lower(), match[2])
    if _SPACED_NAME.match(line):
        raise HeaderError("header", "white space stands between a field name and its colon")
    raise HeaderError("header", f"a header line is no field: {line[:40]!r}")


def _check_counts(found: list[Field], caps: Caps) -> None:
    names = [item.name for item in found]
    if names.count("received") > caps.max_received:
        raise HeaderError("limits", f"there are over {caps.max_received} Received fields: a loop?")
    if names.count("from") > 1:
        raise HeaderError(
            "sender", f"there are {names.count('from')} From fields, exactly 1 is read"
        )
    for name in sorted(SINGLETONS):
        if names.count(name) > 1:
            raise HeaderError("header", f"the field {name} stands {names.count(name)} times")
    listed = b"".join(item.value for item in found if item.name in _ADDRESS_FIELDS)
    commas = listed.count(b",") // _MAX_COMMAS_PER_ADDRESS
    if max(listed.count(b"@"), commas) > caps.max_addresses:
        raise HeaderError("limits", f"there are over {caps.max_addresses} addresses")


def first_of_each(found: Iterable[Field]) -> tuple[tuple[Field, ...], tuple[str, ...]]:
    """Return the fields without the second ones of FIRST_COUNTS, and the names of these."""
    kept: list[Field] = []
    seen: set[str] = set()
    again: dict[str, None] = {}
    for one in found:
        if one.name in FIRST_COUNTS and one.name in seen:
            again[one.name] = None
            continue
        seen.add(one.name)
        kept.append(one)
    return tuple(kept), tuple(again)


def unfold(value: bytes) -> bytes:
    """Remove the line breaks of folding (RFC 5322 §2.2.3) and the white space at both ends."""
    return value.replace(b"\r\n", b"").strip(b" \t")


def text(value: bytes) -> str:
    """Unfold a value and decode it: as UTF-8, else as Windows-1252. It never raises."""
    flat = unfold(value)
    try:
        return flat.decode("utf-8")
    except UnicodeDecodeError:
        return flat.decode("cp1252", "replace")


def lenient(
    raw: bytes, start: int, max_bytes: int
) -> tuple[Mapping[str, str], tuple[str, ...], int]:
    """Return the fields of a part, the names that contradict each other, and where the body begins.

    The first of two equal names wins. A line that is no field ends the header and belongs to the
    body, as in the standard library. Raises HeaderError beyond ``max_bytes``.
    """
    lines: list[list[bytes]] = []
    at = start
    while at < len(raw):
        stop = raw.find(b"\n", at, at + max_bytes) + 1 or min(len(raw), at + max_bytes)
        line = raw[at:stop].rstrip(b"\r\n")
        if stop - start > max_bytes:
            raise HeaderError("limits", f"the header of a part has over {max_bytes} bytes")
        if not line:
            at = stop
            break
        if line[:1] in (b" ", b"\t") and lines:
            lines[-1].append(line)
        elif _FIELD.match(line) and not line.startswith(b"--"):
            lines.append([line])
        else:
            break
        at = stop
    return *_first_values([b"".join(parts) for parts in lines]), at


def _first_values(lines: list[bytes]) -> tuple[Mapping[str, str], tuple[str, ...]]:
    found: dict[str, str] = {}
    contradictory: list[str] = []
    for line in lines:
        raw_name, _, raw_value = line.partition(b":")
        name, value = raw_name.decode("ascii").lower(), text(raw_value)
        if found.setdefault(name, value) != value:
            contradictory.append(name)
    return found, tuple(contradictory)
