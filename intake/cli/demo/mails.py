"""The sample mails of ``intake demo``, and the functions that show its letters.

The people and districts are invented; every case type occurs. Each mail is bytes as an MX would
deliver them, with that MX's Authentication-Results on top.
"""

from __future__ import annotations

import textwrap
from base64 import encodebytes
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from email import message_from_bytes
from email.header import decode_header, make_header
from email.utils import format_datetime
from zlib import compress, crc32

from intake.cli.layout import pairs, safe, say

SERVICE = "support@desk.example"
AUTHSERV = "mx.desk.example"

CONTACTS = """
[[accounts]]
id = "bayside"
name = "Bayside School District"
aliases = ["Bayside"]

[[accounts]]
id = "riverdale"
name = "Riverdale Unified"
aliases = ["Riverdale"]

[[contacts]]
id = "zack"
name = "Zack Morris"
emails = ["zack.morris@bayside.example"]
accounts = ["bayside"]
contact_type = "Authorized"
areas = ["SIS"]

[[contacts]]
id = "kelly"
name = "Kelly Kapowski"
emails = ["kelly@bayside.example"]
accounts = ["bayside"]
contact_type = "Technical"
areas = ["SIS", "Food Service"]
schema_bootcamp = true

[[contacts]]
id = "betty"
name = "Betty Cooper"
emails = ["betty.cooper@riverdale.example"]
accounts = ["riverdale"]
contact_type = "Authorized"
areas = ["SIS", "Finance"]

[[contacts]]
id = "archie"
name = "Archie Andrews"
emails = ["archie@riverdale.example"]
accounts = ["riverdale"]
contact_type = "Authorized"
areas = ["SIS"]
"""


@dataclass(frozen=True, slots=True)
class Sample:
    """One mail, and a few words about what is special in it."""

    title: str
    raw: bytes

    @property
    def message_id(self) -> str:
        """The mail's Message-ID."""
        head = self.raw.partition(b"\r\n\r\n")[0].decode()
        return next(line[12:] for line in head.split("\r\n") if line.startswith("Message-ID: "))


def samples(now: datetime) -> list[Sample]:
    """The mails of the first pass; the dates in them are near ``now``."""
    day = _days(now)
    return [
        Sample("application issue, labelled lines", _application_issue(now, day(-3))),
        Sample("question, HTML only", _question(now)),
        Sample("outage, one line, no form", _outage(now)),
        Sample("training, two wished dates", _training(now, day(21), day(28))),
        Sample("data restore, permission given", _restore(now, day(-6))),
        Sample("server issue with a log file", _server_issue(now, day(-1))),
        Sample("server access for SQL", _server_access(now)),
        Sample("a new contact, as an HTML table", _contacts(now)),
        Sample("consulting", _consulting(now, day(30))),
        Sample("technical services, with a picture", _technical(now)),
        Sample("incomplete: two answers missing", _incomplete(now)),
        Sample("forged: the sender check failed", _forged(now)),
        Sample("an out-of-office answer", _out_of_office(now)),
    ]


def reply(now: datetime, message_id: str, subject: str, request_text: str) -> bytes:
    """Betty's reply to the request: her two answers on top, our letter quoted below."""
    quoted = "\n".join(f"> {line}" for line in request_text.splitlines())
    body = (
        "Who is impacted?: All counselors at two schools\n"
        "Steps to Reproduce: 1. Open Scheduling. 2. Press Load. 3. The list stays empty.\n"
        f"\nThanks, Betty\n\nOn Tuesday the support desk wrote:\n{quoted}\n"
    )
    extra = f"In-Reply-To: {message_id}\r\nReferences: {message_id}\r\n"
    sender = ("Betty Cooper", "betty.cooper@riverdale.example")
    return _text(now, sender, subject, body, extra=extra)


def answer(now: datetime, who: tuple[str, str], message_id: str, subject: str, body: str) -> bytes:
    """A mail that answers a letter of ours."""
    extra = f"In-Reply-To: {message_id}\r\nReferences: {message_id}\r\n"
    title = subject if subject.isascii() else "Re: your letter"
    return _text(now, who, title, body, extra=extra)


def text_of(raw: bytes) -> str:
    """The plain text of a letter, as a mail program shows it."""
    letter = message_from_bytes(raw)
    part = next((one for one in letter.walk() if one.get_content_type() == "text/plain"), letter)
    payload = part.get_payload(decode=True)
    return payload.decode("utf-8").replace("\r\n", "\n") if isinstance(payload, bytes) else ""


def show_letter(raw: bytes) -> None:
    """Prints a letter's main headers and its plain text."""
    letter = message_from_bytes(raw)
    pairs({
        name: " ".join(str(make_header(decode_header(str(letter[name] or "")))).split())
        for name in ("From", "To", "Subject")
    })  # fmt: skip
    say("")
    say(safe(text_of(raw), lines=True).rstrip())


ZACK = ("Zack Morris", "zack.morris@bayside.example")
KELLY = ("Kelly Kapowski", "kelly@bayside.example")
BETTY = ("Betty Cooper", "betty.cooper@riverdale.example")
ARCHIE = ("Archie Andrews", "archie@riverdale.example")


def _days(now: datetime) -> Callable[[int], str]:
    return lambda offset: f"{now + timedelta(days=offset):%m/%d/%Y}"


def _head(
    now: datetime,
    sender: tuple[str, str],
    subject: str,
    *,
    to: str = SERVICE,
    verdict: str = "pass",
    extra: str = "",
) -> str:
    name, address = sender
    domain = address.rpartition("@")[2]
    tag = f"{crc32(f'{subject}{address}'.encode()):08x}"
    return (
        f"Authentication-Results: {AUTHSERV}; dkim={verdict} header.d={domain};\r\n"
        f" dmarc={verdict} header.from={domain}\r\n"
        f"Received: from mail.{domain} by {AUTHSERV}; {format_datetime(now)}\r\n"
        f'From: "{name}" <{address}>\r\nTo: {to}\r\nSubject: {subject}\r\n'
        f"Date: {format_datetime(now)}\r\nMessage-ID: <{tag}@{domain}>\r\n{extra}"
        "MIME-Version: 1.0\r\n"
    )


def _crlf(text: str) -> str:
    return textwrap.dedent(text).strip().replace("\n", "\r\n") + "\r\n"


def _text(now: datetime, sender: tuple[str, str], subject: str, body: str, **head: str) -> bytes:
    top = _head(now, sender, subject, **head)
    return f"{top}Content-Type: text/plain; charset=utf-8\r\n\r\n{_crlf(body)}".encode()


def _html(now: datetime, sender: tuple[str, str], subject: str, body: str, **head: str) -> bytes:
    top = _head(now, sender, subject, **head)
    return f"{top}Content-Type: text/html; charset=utf-8\r\n\r\n{_crlf(body)}".encode()


def _with_file(
    now: datetime, sender: tuple[str, str], subject: str, body: str, file: tuple[str, str, bytes]
) -> bytes:
    name, kind, content = file
    coded = encodebytes(content).decode("ascii").replace("\n", "\r\n")
    return (
        f"{_head(now, sender, subject)}"
        'Content-Type: multipart/mixed; boundary="=-cut"\r\n\r\n'
        f"--=-cut\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{_crlf(body)}\r\n"
        f'--=-cut\r\nContent-Type: {kind}; name="{name}"\r\nContent-Transfer-Encoding: base64\r\n'
        f'Content-Disposition: attachment; filename="{name}"\r\n\r\n{coded}\r\n--=-cut--\r\n'
    ).encode()


def _application_issue(now: datetime, began: str) -> bytes:
    body = f"""
        Case Type: Application Issue
        Module: Grade Book
        Who is impacted?: English Lit 1100 teachers
        Issue Began: {began}
        Steps to Reproduce:
        1. Log in as a teacher of the course
        2. Open Grade Book for 1100-1
        3. Select Q1, Quarter grade task
        4. Click Post. It is greyed out.
        Expected Results: Post button to be active
        Description: None of the English Literature teachers are able to post
        grades. The Post button is inactive for this course only.
    """
    return _text(now, ZACK, "Teachers unable to post grades", body)


def about_the_incident(now: datetime) -> bytes:
    """A mail from Archie about the problem that the incident describes."""
    body = f"""
        Case Type: Application Issue
        Module: Grade Book
        Who is impacted?: All teachers of one school
        Issue Began: {_days(now)(0)}
        Steps to Reproduce: Post a grade, then open the course as a student.
        Description: The grades that were posted this morning do not show.
    """
    return _text(now, ARCHIE, "Posted grades do not show", body)


def _question(now: datetime) -> bytes:
    body = """
        <html><body><p><b>Case Type:</b> Ask a Question</p>
        <p><b>Module:</b> Calendar</p>
        <p><b>Location within Product:</b> Scheduling &gt; Calendar</p>
        <p><b>Description:</b> What is the best way to set up a snow day for one
        building only?</p><p>Thanks &ndash; Kelly</p></body></html>
    """
    return _html(now, KELLY, "How do we set up a snow day?", body)


def _outage(now: datetime) -> bytes:
    to = "support+report-outage@desk.example"
    body = "Nobody can log in, in all buildings, since about ten minutes."
    return _text(now, ZACK, "The whole site is down", body, to=to)


def _training(now: datetime, first: str, second: str) -> bytes:
    body = f"""
        Request Type: On site
        Preferred Training Date: {first}
        Second choice: {second}

        We would like a day of scheduling training for our counselors.
    """
    return _text(now, ARCHIE, "Request Training: scheduling for counselors", body)


def _restore(now: datetime, lost: str) -> bytes:
    body = f"""
        Case Type: Data Restore
        Approximate Date of Loss: {lost}
        Reason for Restore: deleted by mistake during clean-up
        Written Permission: Yes, I give permission to restore this data.
        Description: The enrollment records of one class are gone.
    """
    return _text(now, BETTY, "Restore deleted enrollment", body)


def _server_issue(now: datetime, began: str) -> bytes:
    body = f"""
        Case Type: Server Issue
        Issue Began: {began}
        Error Message: Login timeout expired

        The reporting server cannot reach the database. The log is attached.
    """
    log = b"10:04:11 Login timeout expired\r\n10:04:26 Login timeout expired\r\n"
    return _with_file(
        now, KELLY, "Reporting server errors", body, ("report.log", "application/octet-stream", log)
    )


def _server_access(now: datetime) -> bytes:
    body = """
        Type: Server Access
        Request Type: SQL Server
        Description: I need to run read-only scripts against the database for
        our state report.
    """
    return _text(now, KELLY, "Access to run SQL scripts", body)


def _contacts(now: datetime) -> bytes:
    rows = [
        ("Case Type", "Modify Support Contacts"),
        ("Request Type", "Add"),
        ("Contact First Name", "Jessie"),
        ("Contact Last Name", "Spano"),
        ("Contact Email", "jessie.spano@bayside.example"),
        ("Contact Type", "Authorized"),
        ("Area of Responsibility", "SIS, Food Service"),
        ("Description", "Jessie joins the office in autumn."),
    ]
    cells = "".join(f"<tr><td><b>{label}</b></td><td>{value}</td></tr>\n" for label, value in rows)
    return _html(
        now, ZACK, "One more contact", f"<html><body><table>\n{cells}</table></body></html>"
    )


def _consulting(now: datetime, first: str) -> bytes:
    body = f"""
        Preferred Consult Date: {first}
        Description: We want to move to standards-based grading and need advice
        on the report card.
    """
    return _text(now, ARCHIE, "[Request Consulting] Standards-based grading", body)


def _technical(now: datetime) -> bytes:
    body = """
        Case Type: Request Technical Services
        Type: Custom report, report card, or transcript
        Description: Our transcript needs the new logo (attached) and one more line.
    """
    picture = _png()
    return _with_file(
        now, BETTY, "Transcript with new logo", body, ("logo.png", "image/png", picture)
    )


def _png() -> bytes:
    """A picture of a single orange pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        crc = crc32(kind + data).to_bytes(4, "big")
        return len(data).to_bytes(4, "big") + kind + data + crc

    size = (1).to_bytes(4, "big") * 2
    pixels = compress(b"\x00\xff\x8c\x00")
    parts = [
        chunk(b"IHDR", size + bytes([8, 2, 0, 0, 0])),
        chunk(b"IDAT", pixels),
        chunk(b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def _incomplete(now: datetime) -> bytes:
    body = """
        Case Type: Application Issue
        Module: Scheduling
        Issue Began: yesterday

        The list of sections stays empty after pressing Load.
    """
    return _text(now, BETTY, "Section list stays empty", body)


def _forged(now: datetime) -> bytes:
    body = (
        "Case Type: Modify Support Contacts\nRequest Type: Add\nContact Email: eve@attack.example"
    )
    return _text(now, ZACK, "Please add my new address", body, verdict="fail")


def _out_of_office(now: datetime) -> bytes:
    body = "I am away until Monday. In urgent cases please call the front office."
    extra = "Auto-Submitted: auto-replied\r\n"
    return _text(now, KELLY, "Automatic reply: away", body, extra=extra)
