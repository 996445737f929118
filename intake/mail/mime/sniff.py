"""Detect the type of a file by its first bytes.

The type is only a hint: nothing is ever unpacked, run or shown because of it.
"""

from __future__ import annotations

_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"%PDF-", "application/pdf"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (0, b"II*\0", "image/tiff"),
    (0, b"MM\0*", "image/tiff"),
    (0, b"\0\0\x01\0", "image/vnd.microsoft.icon"),
    (0, b"8BPS", "image/vnd.adobe.photoshop"),
    (0, b"\x01\0\0\0", "image/emf"),
    (0, b"\xd7\xcd\xc6\x9a", "image/wmf"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    (0, b"{\\rtf", "application/rtf"),
    (0, b"\x78\x9f\x3e\x22", "application/ms-tnef"),
    (0, b"PK\x05\x06", "application/zip"),
    (0, b"PK\x07\x08", "application/zip"),
    (0, b"\x1f\x8b", "application/gzip"),
    (0, b"BZh", "application/x-bzip2"),
    (0, b"\xfd7zXZ\0", "application/x-xz"),
    (0, b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (0, b"Rar!\x1a\x07", "application/vnd.rar"),
    (0, b"\x28\xb5\x2f\xfd", "application/zstd"),
    (0, b"MSCF", "application/vnd.ms-cab-compressed"),
    (257, b"ustar", "application/x-tar"),
    (32769, b"CD001", "application/x-iso9660-image"),
    (0, b"MZ", "application/vnd.microsoft.portable-executable"),
    (0, b"\x7fELF", "application/x-executable"),
    (0, b"\xca\xfe\xba\xbe", "application/java-vm"),
    (0, b"\xcf\xfa\xed\xfe", "application/x-mach-binary"),
    (0, b"#!", "text/x-shellscript"),
    (0, b"\x4c\0\0\0\x01\x14\x02\0", "application/x-ms-shortcut"),
    (0, b"ITSF", "application/vnd.ms-htmlhelp"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"\xff\xfb", "audio/mpeg"),
    (0, b"OggS", "application/ogg"),
    (0, b"fLaC", "audio/flac"),
    (0, b"#!AMR", "audio/amr"),
    (0, b"\x1aE\xdf\xa3", "video/x-matroska"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "video/x-ms-asf"),
    (0, b"SQLite format 3\0", "application/vnd.sqlite3"),
    (0, b"!BDN", "application/vnd.ms-outlook-pst"),
    (0, b"-----BEGIN PGP", "application/pgp-encrypted"),
    (0, b"BEGIN:VCALENDAR", "text/calendar"),
    (0, b"BEGIN:VCARD", "text/vcard"),
    (0, b"%!PS", "application/postscript"),
)
_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}
_OFFICE = {
    b"word/": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    b"xl/": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    b"ppt/": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
}
_ZIP_WINDOW_BYTES = 64 * 2**10  # from the end: the central directory
_MARKUP_WINDOW_BYTES = 512


def detect(data: bytes) -> str:
    """Return the media type of the file's signature; empty when the table has none."""
    if data.startswith(b"PK\x03\x04"):
        return _zip(data)
    if data.startswith(b"RIFF"):
        return _RIFF.get(data[8:12], "")
    if data.startswith(b"BM") and data[6:10] == b"\0\0\0\0":
        return "image/bmp"
    if data[4:8] == b"ftyp":
        return _iso_media(data[8:12])
    for offset, signature, media_type in _SIGNATURES:
        if data.startswith(signature, offset):
            return media_type
    return _markup(data[:_MARKUP_WINDOW_BYTES].lstrip(b"\xef\xbb\xbf \t\r\n").lower())


def _zip(data: bytes) -> str:
    """Return the type of a zip; one that holds a macro project is recognised under any name."""
    ends = data[:_ZIP_WINDOW_BYTES] + data[-_ZIP_WINDOW_BYTES:]
    if b"vbaProject.bin" in ends:
        return "application/vnd.ms-office.macroenabled"
    if b"[Content_Types].xml" in ends:
        return next((kind for mark, kind in _OFFICE.items() if mark in ends), "application/zip")
    if data[30:38] == b"mimetype" and data[38:70].startswith(b"application/vnd.oasis."):
        return data[38:100].split(b"PK", 1)[0].decode("ascii", "replace")[:60]
    return "application/java-archive" if b"META-INF/MANIFEST.MF" in ends else "application/zip"


def _iso_media(brand: bytes) -> str:
    if brand in (b"heic", b"heix", b"mif1", b"hevc"):
        return "image/heic"
    if brand == b"avif":
        return "image/avif"
    return "video/quicktime" if brand == b"qt  " else "video/mp4"


def _markup(head: bytes) -> str:
    if head.startswith((b"<!doctype html", b"<html", b"<script", b"<body")):
        return "text/html"
    if b"<svg" in head:
        return "image/svg+xml"
    return "text/xml" if head.startswith(b"<?xml") else ""
