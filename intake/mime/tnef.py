"""Outlook's winmail.dat (MS-OXTNEF): the files and the text in it, as far as they can be read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tnefparse import TNEF

from intake.mime import charsets

MEDIA_TYPES = frozenset(("application/ms-tnef", "application/vnd.ms-tnef"))
_SIGNATURE = b"\x78\x9f\x3e\x22"


@dataclass(frozen=True, slots=True)
class Unpacked:
    """What a winmail.dat holds: files as (name, bytes), the body as text and as HTML."""

    files: tuple[tuple[str, bytes], ...] = ()
    plain: str = ""
    html: bytes = b""
    doubt: str = ""


def is_tnef(media_type: str, name: str, data: bytes) -> bool:
    """By type or by its usual name, and only with the signature in front."""
    named = media_type in MEDIA_TYPES or name.lower() == "winmail.dat"
    return named and data.startswith(_SIGNATURE)


def unpack(data: bytes, max_files: int) -> Unpacked:
    """Any bytes give an Unpacked; whatever the library raises is caught."""
    try:
        found = TNEF(data, do_checksum=False)
        files = tuple(_file(item) for item in found.attachments[:max_files])
        return Unpacked(files, _text(found.body), _bytes(found.htmlbody))
    except Exception as failure:  # noqa: BLE001 - struct.error, ValueError, IndexError, LookupError …
        return Unpacked(doubt=f"winmail.dat cannot be read: {type(failure).__name__}")


def _file(item: Any) -> tuple[str, bytes]:
    try:
        name = str(item.long_filename() or item.name)
    except Exception:  # noqa: BLE001 - a broken name must not lose the file
        name = ""
    return name, _bytes(item.data)


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return charsets.decode(value, "").text
    return charsets.clean(value) if isinstance(value, str) else ""


def _bytes(value: object) -> bytes:
    if isinstance(value, str):
        return value.encode("utf-8", "replace")
    return bytes(value) if isinstance(value, bytes | bytearray) else b""
