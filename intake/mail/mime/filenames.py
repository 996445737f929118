"""Make the name of an attachment safe to show and to save under; it is never a path.

``clean`` is idempotent: cleaning a clean name changes nothing.
"""

from __future__ import annotations

import re
import unicodedata

MAX_NAME_BYTES = 120  # UTF-8; file systems allow 255
_HIDDEN = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))
_RESERVED = re.compile(
    r"(?i)(con|prn|aux|nul|com[0-9\u00b9\u00b2\u00b3]|lpt[0-9\u00b9\u00b2\u00b3])[ .]*(\.|\Z)"
)
_FORBIDDEN = re.compile(r'[<>:"|?*]')
_EXTENSIONS = {
    "application/gzip": "gz",
    "application/json": "json",
    "application/msword": "doc",
    "application/ms-tnef": "dat",
    "application/pdf": "pdf",
    "application/pgp-encrypted": "asc",
    "application/pgp-signature": "asc",
    "application/pkcs7-mime": "p7m",
    "application/pkcs7-signature": "p7s",
    "application/rtf": "rtf",
    "application/vnd.ms-excel": "xls",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "pptx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/xml": "xml",
    "application/zip": "zip",
    "audio/mpeg": "mp3",
    "audio/wav": "wav",
    "image/bmp": "bmp",
    "image/gif": "gif",
    "image/heic": "heic",
    "image/jpeg": "jpg",
    "image/jpg": "jpg",
    "image/png": "png",
    "image/svg+xml": "svg",
    "image/tiff": "tif",
    "image/webp": "webp",
    "message/delivery-status": "txt",
    "message/disposition-notification": "txt",
    "message/feedback-report": "txt",
    "message/global": "eml",
    "message/rfc822": "eml",
    "text/calendar": "ics",
    "text/csv": "csv",
    "text/html": "html",
    "text/plain": "txt",
    "text/rfc822-headers": "txt",
    "text/vcard": "vcf",
    "text/x-vcard": "vcf",
    "text/xml": "xml",
    "video/mp4": "mp4",
    "video/quicktime": "mov",
}


def clean(name: str) -> str:
    """Return the last path segment without hidden characters, at most 120 bytes; may be empty.

    Windows' reserved names get a leading underscore. A shortened name keeps its extension.
    """
    text = "".join("" if unicodedata.category(char) in _HIDDEN else char for char in name)
    text = unicodedata.normalize("NFC", text)
    text = text.replace("\\", "/").rstrip("/ ").rsplit("/", 1)[-1]
    text = _trimmed(_FORBIDDEN.sub("_", " ".join(text.split())))
    if _RESERVED.match(text):
        text = "_" + text
    return _shortened(text)


def default(part: str, media_type: str) -> str:
    """Return a name for a part that has none; the same place and type always give the same name."""
    return f"part-{part}.{_EXTENSIONS.get(media_type, 'bin')}"


def _trimmed(text: str) -> str:
    """Remove dots and spaces from both ends, and dashes from the start.

    A leading dot hides a file, a leading dash is an option, and Windows drops a trailing dot.
    """
    return text.lstrip(".- ").rstrip(". ")


def _shortened(text: str) -> str:
    if len(text.encode("utf-8")) <= MAX_NAME_BYTES:
        return text
    stem, dot, extension = text.rpartition(".")
    if not dot or not 0 < len(extension.encode("utf-8")) <= 16:
        stem, dot, extension = text, "", ""
    room = MAX_NAME_BYTES - len((dot + extension).encode("utf-8"))
    stem = stem.encode("utf-8")[:room].decode("utf-8", "ignore").rstrip(". ")
    return unicodedata.normalize("NFC", f"{stem}{dot}{extension}")
