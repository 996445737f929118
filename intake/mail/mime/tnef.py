"""Read the files and the text in Outlook's winmail.dat (MS-OXTNEF), as far as possible.

The library trusts what a file says of itself: a count of four billion keeps it busy for hours. It
also copies the rest of the file for each object. So this module first separates the objects, in one
pass. Then the library gets them in small groups, one for the message and one for each file, whose
counts were compared with the number of bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from tnefparse import TNEF

from intake.mail.mime import charsets

MEDIA_TYPES = frozenset(("application/ms-tnef", "application/vnd.ms-tnef"))
MAX_OBJECTS = 5_000
MAX_GROUP = 20  # objects of one file, or of the message, that are used
MAX_PROPERTIES = 2_000  # of one object
_SIGNATURE = b"\x78\x9f\x3e\x22"
_HEAD = struct.Struct("<BHHI")
_MESSAGE = bytes.fromhex("0703020000000000c000000000000046")  # in front of a message as a file
_FILE = b"intake:a-message"  # replaces _MESSAGE, so that the library does not go into it
_CODEPAGE, _BODY, _PROPERTIES = 0x9007, 0x800C, 0x9003
_BEGINS, _ATTACHED, _TITLE, _DATA = 0x9002, 0x9005, 0x8010, 0x800F
_FIXED = {  # property type -> bytes of one value
    0x0002: 2, 0x000B: 2, 0x0003: 4, 0x0004: 4, 0x000A: 4, 0x0005: 8, 0x0006: 8, 0x0007: 8,
    0x0014: 8, 0x0040: 8, 0x0048: 16,
}  # fmt: skip
_SIZED = (0x0000, 0x000D, 0x001E, 0x001F, 0x0102)  # types whose values begin with their length


@dataclass(frozen=True, slots=True)
class Unpacked:
    """The content of a winmail.dat: files as (name, bytes), the body as text and as HTML."""

    files: tuple[tuple[str, bytes], ...] = ()
    plain: str = ""
    html: bytes = b""
    doubt: str = ""


def is_tnef(media_type: str, name: str, data: bytes) -> bool:
    """Return True for the type or the usual name, but only if the signature is at the start."""
    named = media_type in MEDIA_TYPES or name.lower() == "winmail.dat"
    return named and data.startswith(_SIGNATURE)


def unpack(data: bytes, max_files: int) -> Unpacked:
    """object bytes give an Unpacked; whatever the library raises is caught."""
    try:
        message, files = _groups(data, max_files)
        found = TNEF(message, do_checksum=False)
        read = tuple(map(_file, files))
        return Unpacked(read, _text(found.body), _bytes(found.htmlbody))
    except Exception as failure:  # noqa: BLE001 - struct.error, ValueError, IndexError, LookupError …
        return Unpacked(doubt=f"winmail.dat cannot be read: {type(failure).__name__}")


def _groups(data: bytes, max_files: int) -> tuple[bytes, list[bytes]]:
    """Return the message, and each file, as a small winmail.dat of its own."""
    head, codepage = data[:6], b""
    message: list[bytes] = []
    files: list[list[bytes]] = []
    for level, name, whole in _objects(data):
        if name == _CODEPAGE:
            codepage = codepage or whole
        elif name == _BEGINS:
            files.append([whole])
        elif level == 2 and files and name in (_ATTACHED, _TITLE, _DATA):
            if len(files) <= max_files and len(files[-1]) < MAX_GROUP:
                files[-1].append(whole)
        elif level == 1 and name in (_BODY, _PROPERTIES) and len(message) < MAX_GROUP:
            message.append(whole)
    end = bytes(16)  # the library ignores an object that ends with the data
    return head + codepage + b"".join(message) + end, [
        head + codepage + b"".join(one) + end for one in files[:max_files]
    ]


def _objects(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield (level, name, the whole object) in order. Raises ValueError for absurd counts."""
    at = 6
    for _ in range(MAX_OBJECTS):
        if len(data) - at < _HEAD.size + 2:
            return
        level, name, kind, length = _HEAD.unpack_from(data, at)
        start = at + _HEAD.size
        end = min(start + length, len(data) - 2)
        value = data[start:end]
        if name in (_PROPERTIES, _ATTACHED):
            value = _checked(value)
        yield level, name, _HEAD.pack(level, name, kind, len(value)) + value + bytes(2)
        at = end + 2
    raise ValueError("too many objects")


def _checked(data: bytes) -> bytes:
    """Return a list of properties whose counts fit its bytes; a message in it becomes a file."""
    (count,) = struct.unpack_from("<I", data)
    if count > MAX_PROPERTIES:
        raise ValueError("too many properties")
    changed, at = bytearray(data), 4
    for _ in range(count):
        if at >= len(data):
            break
        at = _property(changed, at)
    return bytes(changed)


def _property(data: bytearray, at: int) -> int:
    """Return where the property ends that begins there; raise ValueError or struct.error."""
    kind, name = struct.unpack_from("<HH", data, at)
    at += 4
    if name >= 0x8000:  # a named one: a GUID, then a number or a name
        (numbered,) = struct.unpack_from("<I", data, at + 16)
        (length,) = struct.unpack_from("<I", data, at + 20)
        at += 24 + (0 if numbered == 0 else length + -length % 4)
    values = 1
    several = bool(kind & 0x1000)
    kind &= ~0x1000
    if several or kind in _SIZED:
        (values,) = struct.unpack_from("<I", data, at)
        at += 4
    if kind in _FIXED:
        size = _FIXED[kind] * values
        at += size + -size % 4
    elif kind in _SIZED:
        if values > len(data):
            raise ValueError("more values than bytes")
        for _ in range(values):
            (length,) = struct.unpack_from("<I", data, at)
            if data[at + 4 : at + 20] == _MESSAGE:
                data[at + 4 : at + 20] = _FILE
            at += 4 + length + -length % 4
            if at > len(data) + 4:
                raise ValueError("a value beyond the end")
    else:
        raise ValueError("an unknown type")
    if at > len(data) + 4:
        raise ValueError("a property beyond the end")
    return at


def _file(data: bytes) -> tuple[str, bytes]:
    """Return the name and the bytes of the one file in a group."""
    item = TNEF(data, do_checksum=False).attachments[0]
    try:
        name = str(item.long_filename() or item.name)
    except Exception:  # noqa: BLE001 - a broken name must not lose the file
        name = ""
    return name, _bytes(item.data).removeprefix(_FILE)


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return charsets.decode(value, "").text
    return charsets.clean(value) if isinstance(value, str) else ""


def _bytes(value: object) -> bytes:
    if isinstance(value, str):
        return value.encode("utf-8", "replace")
    return bytes(value) if isinstance(value, bytes | bytearray) else b""
