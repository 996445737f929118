"""Forms that come as a file: read where nothing visible says otherwise, or refused by name."""

from __future__ import annotations

import hashlib
import json
from io import BytesIO
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import pytest

from intake.mail.message import Attachment
from intake.mail.mime.docx import OfficeError, table_rows
from intake.parsers.attached_forms import WORD
from tests.support.forms import FORMS, read, scanned

FORM = FORMS["server_issue"]
W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def word(rows: list[tuple[str, ...]], head: str = "", name: str = "word/document.xml") -> bytes:
    """A Word document with one table of those rows."""
    cells = (
        "<w:tr>" + "".join(f"<w:tc><w:p><w:r><w:t>{c}</w:t></w:r></w:p></w:tc>" for c in row)
        + "</w:tr>"
        for row in rows
    )  # fmt: skip
    body = f"<w:body><w:tbl>{''.join(cells)}</w:tbl></w:body>"
    xml = f'{head}<w:document xmlns:w="{W}">{body}</w:document>'
    out = BytesIO()
    with ZipFile(out, "w", ZIP_DEFLATED) as archive:
        archive.writestr(name, xml)
    return out.getvalue()


def file(name: str, content: bytes, declared: str = "application/octet-stream") -> Attachment:
    """An attachment with that content."""
    digest = hashlib.sha256(content).hexdigest()
    return Attachment(name, declared, "", len(content), digest, False, "2", content=content)


CSV = "".join(f'"{label}","{words}"\r\n' for label, words in FORM.items()).encode("utf-8-sig")
JSON = json.dumps(
    {
        "case_type": "server_issue",
        "issueBegan": "yesterday",
        "error_message": "Login timeout",
        "description": "No database.",
    }
).encode()
LD = json.dumps(
    {
        "@context": "https://schema.org",
        "@type": "Report",
        "additionalProperty": [
            {"@type": "PropertyValue", "name": label, "value": words}
            for label, words in FORM.items()
        ],
    }
).encode()
FILES = [
    file("form.csv", CSV, "text/csv"),
    file("form.csv", CSV.decode("utf-8-sig").replace(",", ";").encode("cp1252")),
    file("case.json", JSON, "application/json"),
    file("part-2.jsonld", LD, "application/ld+json"),
    file("form.docx", word(list(FORM.items())), WORD),
]


@pytest.mark.parametrize("attached", FILES, ids=lambda one: one.declared_type)
def test_a_form_may_come_as_a_file(attached: Attachment) -> None:
    """The type and every value are read, and the letter can say from where."""
    got = read("Please see the form.", attachments=(attached,))
    assert (got.type, got.missing, got.read_from) == ("server_issue", (), attached.name)
    assert got.fields["issue_began"].value == "2021-09-14"
    assert got.fields["error_message"].words == "Login timeout"
    assert got.fields["error_message"].source == "attached-form"
    assert "No database." in got.description


@pytest.mark.parametrize("attached", FILES, ids=lambda one: one.declared_type)
def test_what_is_written_visibly_counts(attached: Attachment) -> None:
    """The file only fills what the text leaves open, and a difference is said."""
    got = read("Case Type: Server Issue\nError Message: Disk full", attachments=(attached,))
    assert got.fields["error_message"].words == "Disk full"
    assert got.fields["issue_began"].value == "2021-09-14"
    assert "form-differs" in [one.code for one in got.warnings]


def test_two_filled_forms_are_never_merged() -> None:
    """Neither a form in the text with a form in a file, nor two files."""
    text = "Case Type: Server Issue\nError Message: Disk full\nModule: Attendance\nDescription: x"
    got = read(text, attachments=(FILES[0],))
    assert "issue_began" not in got.fields
    assert got.read_from == ""
    other = file("b.json", JSON.replace(b"yesterday", b"09/01/2021"), "application/json")
    both = read("", attachments=(FILES[0], other))
    assert both.fields["issue_began"].value == "2021-09-14"
    assert [(one.field, one.code) for one in both.problems] == [("case_type", "two-forms")]


BOMB = word([("Module", "x" * 3_000_000)])
ENTITY = word([("Module", "&a;")], '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">]>')


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (BOMB, "bytes of text"),
        (ENTITY, "declaration"),
        (word([("Module",)] * 501), "rows"),
        (word([], name="word/other.xml"), "no Word document"),
        (b"PK\x03\x04 broken", "no Word document"),
        (word([("a", "<w:x")]), "no XML"),
        (BOMB[:200] + BOMB[210:], "no Word document|damaged"),
    ],
)
def test_odd_documents_are_refused_by_name(content: bytes, why: str) -> None:
    """A bomb, an entity, a broken archive: a warning, and the mail is read without it."""
    with pytest.raises(OfficeError, match=why):
        table_rows(content)
    found = scanned("Case Type: Server Issue", attachments=(file("f.docx", content, WORD),))
    assert "attached-form" in [one.code for one in found.warnings]
    assert found.type == "server_issue"


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 100_000,
        b"{",
        b"null",
        b"[1, 2]",
        b'{"a": {"b": 1}}',
        b"\xff\xfe",
        b'{"Module": 1e999}',
    ],
)
def test_odd_json_is_no_form(content: bytes) -> None:
    """Deep, broken or about something else: nothing is read and nothing raised."""
    found = scanned("Case Type: Server Issue", attachments=(file("f.json", content),))
    assert found.read_from == ""
    assert [one.field for one in found.candidates] == ["case_type"]


@pytest.mark.parametrize(("name", "content"), [
    ("form.csv", b"Case Type;Server Issue\nPriority;High\nDescription;a\x06b\x00c\n"),
    ("form.json", b'{"Case Type": "Server Issue", "Description": "a\\u0006b\\u0000c"}'),
    ("form.json", b'{"Case Type": "Server Issue", "Description": "ab\\ud800c"}'),
])  # fmt: skip
def test_control_characters_and_half_characters_of_a_file_reach_no_case(
    name: str, content: bytes
) -> None:
    """No database stores them; the words around them count."""
    case = read("", attachments=(file(name, content),))
    assert case.type == "server_issue"
    assert case.description.replace("\ufffd", "") == "abc"


def test_a_file_that_is_no_form_is_only_a_file() -> None:
    """Known words among others in a spreadsheet do not make it a form."""
    rows = b"Description,Module\nroom 1,3\nroom 2,4\nModule,2\nroom 4,5\n"
    found = scanned("Case Type: Server Issue", attachments=(file("list.csv", rows, "text/csv"),))
    assert (found.read_from, found.warnings) == ("", ())


def test_any_bytes_are_taken_for_any_kind(tmp_path: Any) -> None:
    """Pieces of good files, cut and turned, never raise."""
    for good in FILES:
        for cut in range(0, len(good.content), max(1, len(good.content) // 40)):
            part = good.content[cut:] + good.content[:cut]
            scanned("", attachments=(file(good.name, part, good.declared_type),))
