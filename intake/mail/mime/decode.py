"""Decode the leaves of the tree: the text of the mail, and its files byte for byte."""

from __future__ import annotations

from dataclasses import dataclass, field

from intake.mail.mime import (
    body,
    charsets,
    encoded_words,
    filenames,
    format_flowed,
    html,
    inline_pictures,
    pgp,
    tnef,
    transfer_encodings,
)
from intake.mail.mime.structure import Part, StructureError, Tree

_NO_WORDS = frozenset(  # text types that hold no text for people
    (
        *("text/calendar", "text/csv", "text/tab-separated-values", "text/vcard", "text/x-vcard"),
        *("text/css", "text/javascript", "text/directory", "text/xml", "text/rfc822-headers"),
        *("text/rtf", "text/x-amp-html", "text/watch-html"),
    )
)
_SEALED = frozenset(
    ("application/pkcs7-mime", "application/x-pkcs7-mime", "application/pgp-encrypted")
)
_SEALED_BESIDE = frozenset(("application/x-microsoft-rpmsg-message",))  # the text only says so
_SIGNATURES = frozenset(  # of the whole mail: nobody's file
    (
        *("application/pkcs7-signature", "application/x-pkcs7-signature"),
        *("application/pgp-signature", "application/pgp-keys"),
    )
)
_SIGNATURE_NAMES = ("smime.p7s", "signature.asc")


@dataclass(frozen=True, slots=True)
class Caps:
    """The limits for all decoded leaves together."""

    max_attachments: int
    max_decoded_bytes: int
    max_html_bytes: int
    max_html_depth: int
    max_text_chars: int


@dataclass(frozen=True, slots=True)
class File:
    """A leaf that is not the body."""

    name: str
    media_type: str
    number: str
    data: bytes
    inline: bool


@dataclass(slots=True)
class Leaves:
    """Everything after the header: body texts, table rows, files, and what was odd."""

    plain: str = ""
    html: str = ""
    rows: tuple[tuple[str, ...], ...] = ()
    struck: bool = False  # struck-out text of an HTML body was left out
    hidden: str = ""  # the beginning of text that an HTML body does not show
    files: list[File] = field(default_factory=list)
    doubts: list[tuple[str, str]] = field(default_factory=list)  # warning code, sentence


def read(raw: bytes, tree: Tree, caps: Caps) -> Leaves:
    """Decode the leaves of the tree; raise StructureError when they exceed ``caps``."""
    reader = _Reader(raw, tree.parts, caps)
    reader.read_body()
    reader.read_files()
    return reader.leaves


class _Reader:
    def __init__(self, raw: bytes, parts: tuple[Part, ...], caps: Caps) -> None:
        self.raw = memoryview(raw)
        self.parts = parts
        self.caps = caps
        self.leaves = Leaves()
        self.decoded_bytes = 0
        self.shown_ids: set[str] = set()  # Content-IDs that the HTML refers to

    def read_body(self) -> None:
        """Fill in the texts; plain text without an HTML version is put into the HTML text, too."""
        chosen = body.choose(self.parts)
        for index in chosen.left_out:
            self._doubt(
                "text-left-out", f"part {self.parts[index].number} is another version of the body"
            )
        plain = {index: self._plain(self.parts[index]) for index in chosen.plain}
        self.leaves.plain = pgp.without_armour(
            _paragraphs([plain[index] for index in chosen.plain])
        )
        texts: list[str] = []
        rows: list[tuple[str, ...]] = []
        for index in chosen.html:
            if index in plain:
                texts.append(plain[index])
                continue
            rendered = self._rendered(self.parts[index])
            texts.append(rendered.text)
            rows.extend(rendered.rows)
        self.leaves.html, self.leaves.rows = _paragraphs(texts), tuple(rows)
        if not self.leaves.plain.strip() and not self.leaves.html.strip():
            self._read_any_text()

    def _read_any_text(self) -> None:
        """Read the text of a mail without a body from text with a name, or from a text file."""
        texts = [
            part
            for part in self.parts
            if not part.is_multipart
            and part.media_type.startswith("text/")
            and part.media_type not in _NO_WORDS
        ]
        shown = [part for part in texts if part.disposition.value != "attachment"]
        for part in shown or texts[:1]:
            self._doubt("text-from-file", f"the words of the mail are those of part {part.number}")
            if part.media_type == "text/html":
                rendered = self._rendered(part)
                self.leaves.html = _paragraphs([self.leaves.html, rendered.text])
                self.leaves.rows += rendered.rows
            else:
                self.leaves.plain = _paragraphs([self.leaves.plain, self._plain(part)])

    def _rendered(self, part: Part) -> html.Rendered:
        return self._html(self._bytes(part), _charset(part), part.number)

    def read_files(self) -> None:
        """Fill in the files; those inside a winmail.dat come after it."""
        for part in self.parts:
            if body.is_file(part):
                self._file(part)
        files = self.leaves.files
        sealed = [file.number for file in files if file.media_type in _SEALED_BESIDE]
        armoured = pgp.is_encrypted(self.leaves.plain)
        if armoured or not (self.leaves.plain or self.leaves.html):
            sealed += [file.number for file in files if file.media_type in _SEALED]
            sealed += ["1"] if armoured else []
        if sealed:
            self._doubt(
                "sealed", f"the words of the mail are encrypted or wrapped in part {sealed[0]}"
            )

    def _file(self, part: Part) -> None:
        name = body.file_name(part)
        data = self._bytes(part)
        shown = name or filenames.default(part.number, part.media_type)
        self._add(File(shown, part.media_type, part.number, data, self._is_inline(part)))
        if tnef.is_tnef(part.media_type, name, data):
            self._unpack(part, data)

    def _unpack(self, part: Part, data: bytes) -> None:
        found = tnef.unpack(data, self.caps.max_attachments)
        if found.doubt:
            self._doubt("tnef", found.doubt)
        for place, (name, content) in enumerate(found.files, start=1):
            number = f"{part.number}/tnef.{place}"
            shown = filenames.clean(encoded_words.decode(name)) or f"part-{part.number}-{place}.bin"
            self._count(len(content))
            self._add(File(shown, "application/octet-stream", number, content, inline=False))
        if not self.leaves.plain.strip() and not self.leaves.html.strip():
            self.leaves.plain = self._cut(found.plain)
            if found.html:
                rendered = self._html(found.html, "", part.number)
                self.leaves.html, self.leaves.rows = rendered.text, rendered.rows

    def _add(self, file: File) -> None:
        self.leaves.files.append(file)
        if len(self.leaves.files) > self.caps.max_attachments:
            raise StructureError(
                "limits", f"there are over {self.caps.max_attachments} attachments"
            )

    def _bytes(self, part: Part) -> bytes:
        data, doubt = transfer_encodings.decode(self.raw[part.start : part.end], part.encoding)
        if doubt:
            self._doubt("encoding", f"part {part.number}: {doubt}")
        self._count(len(data))
        return data

    def _count(self, size: int) -> None:
        self.decoded_bytes += size
        if self.decoded_bytes > self.caps.max_decoded_bytes:
            raise StructureError(
                "limits", f"decoded, the parts have over {self.caps.max_decoded_bytes} bytes"
            )

    def _plain(self, part: Part) -> str:
        data, files = transfer_encodings.take_out_uu(self._bytes(part))
        for place, (name, content) in enumerate(files, start=1):
            self._add_part_of(part.number, f"uu.{place}", name.decode("latin-1"), content)
        decoded = charsets.decode(data, _charset(part))
        self._charset_doubt(part.number, decoded.doubt)
        text = self._cut(decoded.text)
        parameters = part.content_type.parameters
        if parameters.get("format", "").lower() == "flowed":
            text = format_flowed.unwrap(text, parameters.get("delsp", "").lower() == "yes")
        return text

    def _add_part_of(self, number: str, place: str, name: str, data: bytes) -> None:
        """Add a file that was inside a text."""
        self._count(len(data))
        shown = filenames.clean(encoded_words.decode(name)) or f"part-{number}-{place}.bin"
        media_type = "application/octet-stream"
        self._add(File(shown, media_type, f"{number}/{place}", data, inline=False))

    def _html(self, data: bytes, label: str, number: str) -> html.Rendered:
        self.shown_ids |= html.content_ids(data)
        data, found = inline_pictures.take_out(data)
        for place, (kind, coded) in enumerate(found, start=1):
            content, _ = transfer_encodings.decode(coded, "base64")
            self._add_part_of(number, f"picture.{place}", f"picture-{place}.{kind}", content)
        decoded = charsets.decode_html(data, label)
        self._charset_doubt(number, decoded.doubt)
        rendered = html.render(decoded.text, self.caps.max_html_bytes, self.caps.max_html_depth)
        self.leaves.struck = self.leaves.struck or rendered.struck
        self.leaves.hidden = self.leaves.hidden or rendered.hidden
        if rendered.doubt:
            self._doubt("html", rendered.doubt)
        return rendered

    def _charset_doubt(self, number: str, doubt: str) -> None:
        if doubt:
            self._doubt("charset", f"part {number}: {doubt}")

    def _cut(self, text: str) -> str:
        if len(text) <= self.caps.max_text_chars:
            return text
        self._doubt("text-cut", f"the text was read up to {self.caps.max_text_chars} characters")
        return text[: self.caps.max_text_chars]

    def _is_inline(self, part: Part) -> bool:
        if part.content_id and part.content_id in self.shown_ids:
            return True
        if part.media_type in _SIGNATURES or body.file_name(part).lower() in _SIGNATURE_NAMES:
            return True
        is_image = part.media_type.startswith("image/") and part.disposition.value == "inline"
        return is_image and body.is_related(self.parts, part)

    def _doubt(self, code: str, detail: str) -> None:
        self.leaves.doubts.append((code, detail))


def _charset(part: Part) -> str:
    return part.content_type.parameters.get("charset", "")


def _paragraphs(texts: list[str]) -> str:
    """Join the texts with an empty line between them; leave out blank texts."""
    shown = [text.strip("\n") for text in texts if text.strip()]
    return "\n\n".join(shown)
