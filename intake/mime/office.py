"""Rows of the tables in a Word document (ECMA-376 Part 1 §17.4), within limits, from its XML.

Only ``word/document.xml`` is opened: no macro, no relation, no other part. A document type
declaration, and so every entity, is refused before the XML is parsed.
"""

from __future__ import annotations

import zlib
from io import BytesIO
from xml.etree.ElementTree import Element, ParseError, XMLParser
from zipfile import BadZipFile, LargeZipFile, ZipFile

MAX_ENTRIES = 500
MAX_XML_BYTES = 2 * 2**20
MAX_ROWS = 500
MAX_CELLS = 20
MAX_CELL_CHARS = 20_000
_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_DOCUMENT = "word/document.xml"


class OfficeError(Exception):
    """The document cannot be read, and why."""


def table_rows(data: bytes) -> tuple[tuple[str, ...], ...]:
    """The rows of every table, cell by cell, top to bottom. Raises OfficeError."""
    root = _parsed(_document(data))
    rows: list[tuple[str, ...]] = []
    for row in root.iter(f"{_W}tr"):
        if len(rows) == MAX_ROWS:
            raise OfficeError(f"more than {MAX_ROWS} rows")
        cells = [
            _text(cell) for cell, _ in zip(row.iter(f"{_W}tc"), range(MAX_CELLS), strict=False)
        ]
        rows.append(tuple(cells))
    return tuple(rows)


def _document(data: bytes) -> bytes:
    """The XML of the text, at most so many bytes of it."""
    try:
        with ZipFile(BytesIO(data)) as archive:
            if len(archive.infolist()) > MAX_ENTRIES:
                raise OfficeError(f"more than {MAX_ENTRIES} entries")
            with archive.open(_DOCUMENT) as file:
                found = file.read(MAX_XML_BYTES + 1)
    except (BadZipFile, LargeZipFile, KeyError, zlib.error) as error:
        raise OfficeError(f"no Word document: {error}") from error
    except (NotImplementedError, RuntimeError, OSError, EOFError, ValueError) as error:
        raise OfficeError(f"encrypted or damaged: {error}") from error
    if len(found) > MAX_XML_BYTES:
        raise OfficeError(f"more than {MAX_XML_BYTES} bytes of text")
    return found


def _parsed(xml: bytes) -> Element:
    """The tree; expat holds no entity that was not declared, and none may be declared."""
    if b"<!" in xml.replace(b"<!--", b"").replace(b"<![CDATA[", b""):
        raise OfficeError("a document type declaration")
    if xml[:2] in (b"\xff\xfe", b"\xfe\xff") or xml[1:2] == b"\0" or xml[:1] == b"\0":
        raise OfficeError("not in UTF-8")
    parser = XMLParser()  # noqa: S314 - without a declaration there are no entities to expand
    try:
        parser.feed(xml)
        root = parser.close()
    except (ParseError, ValueError, RecursionError) as error:
        raise OfficeError(f"no XML: {error}") from error
    if not isinstance(root, Element):
        raise OfficeError("no XML")
    return root


def _text(cell: Element) -> str:
    """The paragraphs of a cell, one a line."""
    lines = []
    for paragraph in cell.iter(f"{_W}p"):
        words = []
        for node in paragraph.iter():
            if node.tag == f"{_W}t":
                words.append(node.text or "")
            elif node.tag in (f"{_W}tab", f"{_W}br"):
                words.append(" ")
        lines.append("".join(words).strip())
    return "\n".join(lines).strip()[:MAX_CELL_CHARS]
