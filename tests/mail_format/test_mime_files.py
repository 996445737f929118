"""Types by signature, and what lies in a winmail.dat."""

from __future__ import annotations

import io
import struct
import zipfile

import pytest

from intake.mail.mime import sniff, tnef
from tests.support.rawmail import message, multipart


def zipped(*names: str) -> bytes:
    """A zip of empty files of those names."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names:
            archive.writestr(
                name, "application/vnd.oasis.opendocument.text" if name == "mimetype" else ""
            )
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"", ""),
        (b"words", ""),
        (b"%PDF-1.7", "application/pdf"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"MZ\x90", "application/vnd.microsoft.portable-executable"),
        (b"\x7fELF", "application/x-executable"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
        (b"\0" * 257 + b"ustar", "application/x-tar"),
        (b"RIFF\0\0\0\0WEBP", "image/webp"),
        (b"RIFF\0\0\0\0XXXX", ""),
        (b"BM\0\0\0\0\0\0\0\0", "image/bmp"),
        (b"BMW is a car", ""),
        (b"\0\0\0\x18ftypheic", "image/heic"),
        (b"\0\0\0\x18ftypavif", "image/avif"),
        (b"\0\0\0\x18ftypqt  ", "video/quicktime"),
        (b"\0\0\0\x18ftypisom", "video/mp4"),
        (b"  <!DOCTYPE html>", "text/html"),
        (b"\xef\xbb\xbf<?xml version='1.0'?><a/>", "text/xml"),
        (b"<?xml version='1.0'?><svg>", "image/svg+xml"),
        (b"BEGIN:VCALENDAR", "text/calendar"),
        (zipped("a.txt"), "application/zip"),
        (zipped("META-INF/MANIFEST.MF"), "application/java-archive"),
        (zipped("mimetype"), "application/vnd.oasis.opendocument.text"),
        (
            zipped("[Content_Types].xml", "word/document.xml"),
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        ),
        (zipped("[Content_Types].xml", "other"), "application/zip"),
        (
            zipped("[Content_Types].xml", "xl/vbaProject.bin"),
            "application/vnd.ms-office.macroenabled",
        ),
    ],
)
def test_files_are_known_by_their_first_bytes(data: bytes, found: str) -> None:
    """The name and the declared type play no part; the unknown is told as nothing."""
    assert sniff.detect(data) == found


def attribute(level: int, name: int, kind: int, data: bytes) -> bytes:
    """One attribute of a TNEF stream (MS-OXTNEF 2.1.3)."""
    checksum = sum(data) % 65536
    return struct.pack("<BHHI", level, name, kind, len(data)) + data + struct.pack("<H", checksum)


def winmail(*files: tuple[bytes, bytes], body: bytes = b"") -> bytes:
    """A winmail.dat of those files."""
    out = b"\x78\x9f\x3e\x22\x01\x00" + attribute(1, 0x9006, 8, struct.pack("<I", 0x10000))
    if body:
        out += attribute(1, 0x800C, 2, body + b"\0")
    for name, content in files:
        out += attribute(2, 0x9002, 6, b"\x01\x00" + b"\xff" * 4 + b"\0" * 8)
        out += attribute(2, 0x8010, 1, name + b"\0")
        out += attribute(2, 0x800F, 6, content)
    return out


def wrapped(data: bytes, *before: str) -> bytes:
    """A mail with that winmail.dat behind other parts."""
    head = b"Content-Type: application/ms-tnef; name=winmail.dat\r\n\r\n"
    return multipart("mixed", *before, head + data)


def test_the_files_of_a_winmail_stand_behind_it() -> None:
    """The original is kept; each file has its place, a clean name and its own bytes."""
    data = winmail((b"a.pdf", b"%PDF-1"), (b"..\\..\\evil.exe", b"MZ"), body=b"words\r\n")
    read = message(wrapped(data))
    assert [(file.part, file.name, file.content) for file in read.attachments] == [
        ("1", "winmail.dat", data),
        ("1/tnef.1", "a.pdf", b"%PDF-1"),
        ("1/tnef.2", "evil.exe", b"MZ"),
    ]
    assert read.attachments[1].detected_type == "application/pdf"
    assert read.plain == "words\n"


def test_the_words_of_a_winmail_count_only_alone() -> None:
    """A mail with a text of its own keeps it."""
    assert message(wrapped(winmail(body=b"inner"), "\nouter")).plain == "outer"


def test_a_broken_winmail_is_kept_and_told() -> None:
    """Whatever the library raises, the mail is read and the bytes are there."""
    for cut in range(6, 120, 7):
        data = winmail((b"a.pdf", b"%PDF-1"))[:cut] + b"\xff" * 5
        read = message(wrapped(data, "\nwords"))
        assert read.attachments[0].content == data
        assert read.plain == "words"
    broken = tnef.unpack(b"\x78\x9f\x3e\x22" + b"\xff" * 9, 10)
    assert broken.doubt or broken == tnef.Unpacked()


def test_only_a_signature_makes_a_winmail() -> None:
    """The name alone is not believed."""
    assert tnef.is_tnef("application/octet-stream", "WINMAIL.DAT", b"\x78\x9f\x3e\x22")
    assert not tnef.is_tnef("application/ms-tnef", "winmail.dat", b"PK")
    assert not tnef.is_tnef("application/pdf", "a.dat", b"\x78\x9f\x3e\x22")


class Stub:
    """An attachment as the library gives it."""

    def __init__(self, name: object, data: object) -> None:
        self.name = name
        self.data = data

    def long_filename(self) -> object:
        """Raises where the real one would."""
        if self.name is ValueError:
            raise ValueError
        return self.name


STUBS = {"nameless": Stub(ValueError, b"a"), "text": Stub("", "b"), "empty": Stub("c.x", None)}


def test_what_the_library_gives_is_turned_into_bytes_and_text(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Names may be missing, bodies may be text or bytes, the HTML body stands in for a mail's."""

    class Found:
        attachments: tuple[Stub, ...] = ()
        body: bytes | str = b"caf\xe9"
        htmlbody = "<p>caf\xe9"

    def library(data: bytes, **_: object) -> Found:
        found = Found()
        found.attachments = tuple(STUBS[one] for one in data.decode().split())
        return found

    monkeypatch.setattr(tnef, "_groups", lambda *_: (b"", [b"nameless", b"text", b"empty"]))
    monkeypatch.setattr(tnef, "TNEF", library)
    read = message(wrapped(winmail()))
    assert [(file.name, file.content) for file in read.attachments[1:]] == [
        ("part-1-1.bin", b"a"),
        ("part-1-2.bin", b"b"),
        ("c.x", b""),
    ]
    assert (read.plain, read.html.text) == ("café", "café")
    Found.body = "words"
    assert tnef.unpack(b"", 10).plain == "words"
