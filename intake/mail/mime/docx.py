"""Read the rows of the tables in a Word document (ECMA-376 Part 1 §17.4), within limits.

Only ``word/document.xml`` is opened: no macro, no relation, no other part. The XML is read in one
pass, with limits on depth and count, and without a tree: nested elements cost no more than adjacent
ones. A document type declaration stops the reading, so no entity is ever defined.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from io import BytesIO
from xml.parsers import expat
from zipfile import BadZipFile, LargeZipFile, ZipFile

from intake.mail.mime.zip_directory import ZipError, entries

MAX_ENTRIES = 500
MAX_XML_BYTES = 2 * 2**20
MAX_DEPTH = 200  # of elements; a form with nested tables needs some dozens
MAX_ELEMENTS = 200_000
MAX_ROWS = 500
MAX_CELLS = 20
MAX_CELL_CHARS = 20_000
_NAMESPACE = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_DOCUMENT = "word/document.xml"


class OfficeError(Exception):
    """The document cannot be read; the text says why."""


def table_rows(data: bytes) -> tuple[tuple[str, ...], ...]:
    """Return the rows of every table, cell by cell, in the order in which they begin.

    The rows of a table inside a cell are separate rows; their text is not part of that cell.
    Raises OfficeError.
    """
    xml = _document(data)
    if xml[:2] in (b"\xff\xfe", b"\xfe\xff") or xml[1:2] == b"\0" or xml[:1] == b"\0":
        raise OfficeError("not in UTF-8")
    reader = _Reader()
    try:
        reader.parser.Parse(xml, True)
    except (expat.ExpatError, ValueError) as error:
        raise OfficeError(f"no XML: {error}") from error
    return tuple(tuple(row) for row in reader.rows)


def _document(data: bytes) -> bytes:
    """Return the XML of the text; raise OfficeError when it has over MAX_XML_BYTES."""
    try:
        entries(data, MAX_ENTRIES)
        with ZipFile(BytesIO(data)) as archive, archive.open(_DOCUMENT) as file:
            found = file.read(MAX_XML_BYTES + 1)
    except ZipError as error:
        raise OfficeError(f"no Word document: it {error}") from error
    except (BadZipFile, LargeZipFile, KeyError, zlib.error) as error:
        raise OfficeError(f"no Word document: {error}") from error
    except (NotImplementedError, RuntimeError, OSError, EOFError, ValueError) as error:
        raise OfficeError(f"encrypted or damaged: {error}") from error
    if len(found) > MAX_XML_BYTES:
        raise OfficeError(f"more than {MAX_XML_BYTES} bytes of text")
    return found


class _Cell:
    """An open cell: its paragraphs so far, and the number of their characters."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.words: list[str] = []
        self.chars = 0

    def add(self, text: str) -> None:
        """Add text to the open paragraph; text beyond the limit is left out."""
        if self.chars < MAX_CELL_CHARS:
            self.words.append(text[: MAX_CELL_CHARS - self.chars])
            self.chars += len(text)

    def end_line(self) -> None:
        """End the open paragraph."""
        if self.words:
            self.lines.append("".join(self.words).strip())
            self.words = []

    def text(self) -> str:
        """Return the paragraphs, one per line."""
        self.end_line()
        return "\n".join(self.lines).strip()[:MAX_CELL_CHARS]


class _Reader:
    """Handles the elements as they arrive; text goes to the innermost open cell."""

    def __init__(self) -> None:
        self.rows: list[list[str]] = []
        self._open: list[list[str]] = []  # rows that have begun and not ended, outermost first
        self._cells: list[_Cell] = []
        self._prefixes: set[str] = set()  # bound to the namespace of Word
        self._depth = self._elements = 0
        self._in_text = False
        self.parser = expat.ParserCreate("utf-8")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._words
        self.parser.StartDoctypeDeclHandler = self._doctype

    def _doctype(self, *_: object) -> None:
        raise OfficeError("a document type declaration")

    def _start(self, name: str, attributes: Mapping[str, str]) -> None:
        self._depth += 1
        self._elements += 1
        if self._depth > MAX_DEPTH or self._elements > MAX_ELEMENTS:
            raise OfficeError("more elements, or deeper ones, than a document has")
        for key, value in attributes.items():
            if key.startswith("xmlns") and value == _NAMESPACE:
                self._prefixes.add(key[5:].removeprefix(":"))
        tag = self._tag(name)
        if tag == "tr":
            if len(self.rows) == MAX_ROWS:
                raise OfficeError(f"more than {MAX_ROWS} rows")
            self.rows.append([])
            self._open.append(self.rows[-1])
        elif tag == "tc":
            self._cells.append(_Cell())
        elif tag == "p" and self._cells:
            self._cells[-1].end_line()
        elif tag in ("tab", "br") and self._cells:
            self._cells[-1].add(" ")
        self._in_text = tag == "t"

    def _end(self, name: str) -> None:
        self._depth -= 1
        self._in_text = False
        tag = self._tag(name)
        if tag == "tr" and self._open:
            self._open.pop()
        elif tag == "tc" and self._cells:
            text = self._cells.pop().text()
            if self._open and len(self._open[-1]) < MAX_CELLS:
                self._open[-1].append(text)
        elif tag == "p" and self._cells:
            self._cells[-1].end_line()

    def _words(self, text: str) -> None:
        if self._in_text and self._cells:
            self._cells[-1].add(text)

    def _tag(self, name: str) -> str:
        """Return the name without its prefix if it is in Word's namespace, else an empty text."""
        prefix, _, local = name.rpartition(":")
        return local if prefix in self._prefixes else ""
