"""What is fuzzed. Each target takes any bytes, returns nothing, and raises if a promise is broken.

The promises: no exception leaves the function, what comes out is bounded and holds no character
that a database or a terminal cannot take, and reading the same bytes twice gives the same.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime

from intake.authentication import authres
from intake.mail import addresses, tokens
from intake.mail.limits import Limits
from intake.mail.message import Arrival, Message, Refusal, read
from intake.mail.mime import charsets, docx, encoded_words, filenames, format_flowed, headers
from intake.parsers import bounces, dates, days, forwarded, invitations, matters, staff_mail
from intake.parsers.interpret import interpret
from tests.support.forms import AT, CATALOGUE

LIMITS = Limits()
NOW = datetime(2026, 3, 2, 15, tzinfo=UTC)
HEAD = b"From: Zack <zack@bayside.example>\r\nSubject: a matter\r\n"
CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
MAX_NAME = 255  # characters of a file name


def arrival(raw: bytes) -> Arrival:
    """The bytes as a mail that just came."""
    return Arrival("box", 1, 1, NOW, hashlib.sha256(raw).hexdigest(), len(raw), raw)


def mail(raw: bytes) -> None:
    """A whole mail: gate, MIME, text, forms, prose, bounces, staff commands, the typed case."""
    found = read(arrival(raw), LIMITS)
    if isinstance(found, Refusal):
        assert found.code not in ("crash", "memory"), found
        return
    _read_on(found)
    assert read(arrival(raw), LIMITS) == found, "the same bytes are read differently"


def _read_on(found: Message) -> None:
    scan = matters.read(found, CATALOGUE)
    case = interpret(scan, found, CATALOGUE, AT)
    for text in (case.subject, case.description):
        assert not CONTROL.search(text), repr(text[:200])
    bounces.read_return(found)
    staff_mail.read(found)
    for one in found.attachments:
        assert 0 < len(one.name) <= MAX_NAME
        assert not CONTROL.search(one.name)
        assert "/" not in one.name
        if invitations.is_entry(one):
            invitations.text(found)


def text(data: bytes) -> None:
    """The text of a mail from a contact: labels, prose, quotes, dates, commands."""
    body = data.decode("utf-8", "replace").replace("\r\n", "\n").replace("\n", "\r\n").encode()
    mail(HEAD + b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + body)


def html(data: bytes) -> None:
    """The HTML of a mail."""
    mail(HEAD + b"MIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" + data)


def parts(data: bytes) -> None:
    """A MIME structure."""
    mail(HEAD + b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n" + data)


def staff(data: bytes) -> None:
    """The text of a staff mail, with commands on top."""
    text(b"#" + data)


def header(data: bytes) -> None:
    """The header block and its fields."""
    with suppress(headers.HeaderError):
        block, _ = headers.split(data, LIMITS.max_header_bytes)
        headers.crlf(block)
    mail(data + b"\r\n\r\nwords\r\n")


def address(data: bytes) -> None:
    """An address, as a field and as typed."""
    addresses.read_mailbox(data)
    found = addresses.read_address(data.decode("utf-8", "replace"))
    if isinstance(found, addresses.Address):
        again = addresses.read_address(found.key)
        assert isinstance(again, addresses.Address), found
        assert again.key == found.key, "the key of a key is another"


def results(data: bytes) -> None:
    """An Authentication-Results field."""
    authres.read(data.decode("latin-1"))


def filename(data: bytes) -> None:
    """The name of a file."""
    name = filenames.clean(data.decode("utf-8", "replace"))
    assert len(name) <= MAX_NAME
    assert not CONTROL.search(name)
    assert "/" not in name
    assert name not in (".", "..")


def words(data: bytes) -> None:
    """Encoded words, charsets, flowed text, tags, dates, forwards: the small readers."""
    plain = data.decode("utf-8", "replace")
    encoded_words.decode(data.decode("latin-1"))
    label, _, rest = data.partition(b"\n")
    charsets.decode(rest, label.decode("latin-1"))
    format_flowed.unwrap(plain, del_sp=True)
    tokens.read_subject_tags((b"secret",), plain)
    tokens.read_reply_addresses((b"secret",), (plain,))
    forwarded.split(plain)
    dates.split_dates(plain)
    for language in ("en", "es", "fr", "de", "pt"):
        days.days(plain[:2000], language, "mdy")


def document(data: bytes) -> None:
    """A Word file."""
    with suppress(docx.OfficeError):
        docx.table_rows(data)


def bounce(data: bytes) -> None:
    """A delivery report."""
    top = b"From: MAILER-DAEMON@mx.example\r\nContent-Type: multipart/report; boundary=x;"
    mail(top + b" report-type=delivery-status\r\nMIME-Version: 1.0\r\n\r\n--x\r\n" + data)


TARGETS: Mapping[str, Callable[[bytes], None]] = {
    one.__name__: one
    for one in (
        mail, text, html, parts, staff, header, address, results, filename, words, document, bounce,
    )
}  # fmt: skip
DICTIONARY = (
    b'\r\n', b'\r\n\r\n', b'--x', b'--x--', b'=?utf-8?q?', b'=?utf-8?b?', b'?=',
    b'Content-Type: ', b'multipart/mixed; boundary=', b'message/rfc822', b'text/html',
    b'charset=', b'utf-7', b'Content-Transfer-Encoding: base64', b'quoted-printable',
    b'Content-Disposition: attachment', b'filename*0*=', b'filename=', b'From: ', b'Sender: ',
    b'Reply-To: ', b'<a@b.example>', b'(', b')', b'"', b'\\', b'@', b',', b';', b':',
    b'dmarc=pass', b'spf=pass', b'dkim=pass', b'header.from=', b'smtp.mailfrom=', b'Case Type: ',
    b'Application Issue', b'Priority: ', b'Issue Began: ', b'Description: ', b'> ',
    b'On Mon, Mar 2, 2026 at 9:00 AM', b' wrote:', b'Von: ', b'De : ',
    b'-----Original Message-----', b'yesterday', b'gestern', b'01/02/2026', b'2026-02-30',
    b'#close', b'#note', b'#set ', b'#ask ', b'CASE-1001', b'<table><tr><td>', b'</td></tr>',
    b'<div>', b'&#0;', b'<!--', b']]>', b'\xe2\x80\x8b', b'\xe2\x80\xae', b'\xff\xfe', b'\x00',
    b'Final-Recipient: ', b'Status: 5.1.1', b'Diagnostic-Code: smtp; 550', b'begin 644 x',
    b'BEGIN:VCALENDAR', b'PK\x03\x04',
)  # fmt: skip
