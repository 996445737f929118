"""Read the directory of a zip archive (APPNOTE.TXT 4.3), within limits, before anything opens it.

The standard library reads the whole directory and takes the extra field of an entry apart piece by
piece, so a small file can keep it busy for seconds. This module first makes one pass over a limited
number of bytes.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

MAX_EXTRA_BYTES = 1024  # of one entry; real archives use some dozens
_END = struct.Struct("<4s4H2LH")
_ENTRY = struct.Struct("<4s6H3L5H2L")
_MAX_COMMENT = 65_535
_ENCRYPTED = 0x1  # general purpose bit 0 (APPNOTE 4.4.4)


class ZipError(Exception):
    """The directory cannot be read. The text completes a sentence that begins "its archive …"."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of the archive, as the directory describes it."""

    name: str
    size: int  # bytes, unpacked; 2**32 - 1 when only the extra field holds it
    encrypted: bool


def entries(data: bytes, most: int) -> list[Entry]:
    """Every entry, in the order of the directory. Raises ZipError."""
    at, end, count = _place(data)
    if count > most:
        raise ZipError(f"has more than {most} entries")
    found: list[Entry] = []
    while at < end:
        if len(found) == most:
            raise ZipError(f"has more than {most} entries")
        if end - at < _ENTRY.size:
            raise ZipError("is damaged")
        head = _ENTRY.unpack_from(data, at)
        name, extra, comment = head[10:13]
        if head[0] != b"PK\x01\x02":
            raise ZipError("is damaged")
        if extra > MAX_EXTRA_BYTES:
            raise ZipError("has entries with far too many extras")
        start = at + _ENTRY.size
        coding = "utf-8" if head[3] & 0x800 else "cp437"
        words = data[start : start + min(name, end - start)].decode(coding, "replace")
        found.append(Entry(words, head[9], bool(head[3] & _ENCRYPTED)))
        at = start + name + extra + comment
    return found


def _place(data: bytes) -> tuple[int, int, int]:
    """Return the start and the end of the directory, and the number of entries that it states."""
    tail = max(0, len(data) - _END.size - _MAX_COMMENT)
    place = data.rfind(b"PK\x05\x06", tail)
    if place < 0 or len(data) - place < _END.size:
        raise ZipError("is damaged")
    _, _, _, _, count, size, _, _ = _END.unpack_from(data, place)
    if size > place:
        raise ZipError("is damaged")
    return place - size, place, count
