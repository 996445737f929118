"""Decode bytes to text with the charset label that came with them, even if the label is wrong.

A declared charset that exists is used, except for labels that are known to be wrong: Latin-1 with
bytes 0x80-0x9F means Windows-1252, ASCII with 8-bit bytes means nothing, GB 2312 means GB 18030.
Without a label: UTF-8, then Windows-1252.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

from intake.mail.mime import japanese

_LABEL = re.compile(r"[a-z0-9][a-z0-9_.:+-]{0,40}\Z")
_LONE_SURROGATES = re.compile("[\ud800-\udfff]")
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_C1_BYTES = re.compile(rb"[\x80-\x9f]")
_META = re.compile(
    rb"<meta[^>]{0,300}?charset\s{0,9}=\s{0,9}[\"']?\s{0,9}([A-Za-z0-9_.:-]{1,40})", re.I
)
_META_WINDOW_BYTES = 4096

_NOT_TEXT = frozenset(
    ("idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined", "mbcs", "oem")
)
_ALIASES = {
    "1": "",
    "ansi": "cp1252",
    "ansi-x3.110-1983": "latin-1",
    "big5": "cp950",
    "big5-hkscs": "big5hkscs",
    "binary": "",
    "chinesebig5": "cp950",
    "cp-850": "cp850",
    "default": "",
    "euc-kr": "cp949",
    "gb2312": "gb18030",
    "gb-2312-80": "gb18030",
    "gbk": "gb18030",
    "iso-2022-jp$esc": "iso-2022-jp",
    "iso-8859-1-windows-1252": "cp1252",
    "iso-8859-6-e": "iso-8859-6",
    "iso-8859-6-i": "iso-8859-6",
    "iso-8859-8-e": "iso-8859-8",
    "iso-8859-8-i": "iso-8859-8",
    "ks-c-5601-1987": "cp949",
    "macintosh": "mac-roman",
    "none": "",
    "shift-jis": "cp932",
    "sjis": "cp932",
    "unicode-1-1-utf-7": "utf-7",
    "unknown": "",
    "unknown-8bit": "",
    "uft-8": "utf-8",
    "utf-8-unix": "utf-8",
    "utf8mb4": "utf-8",
    "windows-31j": "cp932",
    "windows-874": "cp874",
    "x-gbk": "gb18030",
    "x-mac-roman": "mac-roman",
    "x-sjis": "cp932",
    "x-unknown": "",
    "x-user-defined": "",
    "x-windows-949": "cp949",
}


@dataclass(frozen=True, slots=True)
class Decoded:
    """Text without NUL, surrogates and control characters; ``doubt`` says what was repaired."""

    text: str
    doubt: str = ""


def decode(data: bytes, label: str) -> Decoded:
    """Return the bytes as text; no label makes it raise."""
    codec = codec_of(label)
    if not codec:
        doubt = f"the charset {label[:40]!r} is not known" if label.strip() else ""
        text, guessed = _guess(data)
        return Decoded(clean(text), doubt or guessed)
    if codec == "iso8859-1" and _C1_BYTES.search(data):
        return Decoded(clean(_western(data)), f"{label[:40]} with bytes that are not in it")
    try:
        return Decoded(clean(data.decode(codec)))
    except (UnicodeError, ValueError):
        if codec.startswith("iso2022_jp") and (text := japanese.decode(data)):
            return Decoded(clean(text))
        return Decoded(clean(_broken(data, codec)), f"bytes that are not {label[:40]}")


def decode_html(data: bytes, label: str) -> Decoded:
    """Decode a document; without a usable label, a meta element in it may name the charset."""
    if not codec_of(label):
        meta = _META.search(data, 0, _META_WINDOW_BYTES)
        if meta and not data.startswith(codecs.BOM_UTF8):
            return decode(data, meta[1].decode("ascii"))
    return decode(data, label)


def codec_of(label: str) -> str:
    """Return Python's name of the codec for a label; empty when there is no usable codec."""
    name = label.strip().strip("\"'").lower().replace("_", "-").strip("- ")
    if name.endswith("$esc"):
        name = name[: -len("$esc")]
    name = _ALIASES.get(name, name)
    if not _LABEL.match(name) or name in _NOT_TEXT:
        return ""
    try:
        info = codecs.lookup(name)
        "".encode(info.name)
    except (LookupError, ValueError, TypeError):
        return ""  # unknown, or one of Python's codecs that turn bytes into bytes
    return info.name


def clean(text: str) -> str:
    """Turn line ends into LF, remove NUL and other control characters, replace lone surrogates."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    return _LONE_SURROGATES.sub("\ufffd", _CONTROLS.sub("", text))


def _guess(data: bytes) -> tuple[str, str]:
    try:
        return japanese.decode(data) or data.decode("utf-8"), ""
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace"), "8-bit text without a charset"


def _western(data: bytes) -> str:
    """Decode as Windows-1252; replace the five bytes that it does not define."""
    return data.decode("cp1252", "replace")


def _broken(data: bytes, codec: str) -> str:
    """What can be saved of bytes that are invalid in their declared charset."""
    if codec == "ascii":
        return _guess(data)[0]
    text = data.decode(codec, "replace")
    if codec == "utf-8" and all(char == "\ufffd" for char in text if char > "\x7f"):
        return _western(data)
    return text
