"""Two hundred varied mails of a hundred people, each with what must become of it.

Everything is derived from the index, so a bag of a size is always the same bag: all ten case
types, plain and HTML, files and none, complete and incomplete, and answers to the requests.
"""

from __future__ import annotations

import hashlib
from base64 import encodebytes
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

SERVICE = "support@desk.example"
AUTHSERV = "mx.desk.example"
PEOPLE = 100
MAX_FILE_BYTES = 20_000


@dataclass(frozen=True, slots=True)
class Expected:
    """One mail and its outcome."""

    raw: bytes
    action: str  # create or ask
    type: str
    sender: str
    message_id: str
    files: tuple[str, ...] = ()  # sha256 of each attachment


def people_toml() -> str:
    """Ten districts of ten people each, as a contact file."""
    lines: list[str] = []
    for district in range(10):
        lines += ["[[accounts]]", f'id = "d{district}"', f'name = "District {district}"', ""]
    for person in range(PEOPLE):
        lines += [
            "[[contacts]]",
            f'id = "p{person}"',
            f'name = "Person {person}"',
            f'emails = ["{address(person)}"]',
            f'accounts = ["d{person % 10}"]',
            'contact_type = "Authorized"',
            'areas = ["SIS"]',
            "schema_bootcamp = true",
            "",
        ]
    return "\n".join(lines)


def address(person: int) -> str:
    """The stored address of that person."""
    return f"person{person}@d{person % 10}.example"


def _fields(now: datetime) -> dict[str, tuple[str, dict[str, str]]]:
    soon, gone = f"{now + timedelta(days=40):%m/%d/%Y}", f"{now - timedelta(days=5):%m/%d/%Y}"
    return {
        "application_issue": (
            "Application Issue",
            {
                "Module": "Grade Book",
                "Who is impacted?": "all English teachers",
                "Issue Began": gone,
                "Steps to Reproduce": "1. Log in\n2. Open the list\n3. Press Post",
                "Description": "The Post button is greyed out.",
            },
        ),
        "ask_question": ("Ask a Question", {"Description": "How do we set up a snow day?"}),
        "report_outage": ("Report an Outage", {"Description": "Nobody can log in."}),
        "request_training": (
            "Request Training",
            {"Preferred Training Date": soon, "Description": "Scheduling for counselors."},
        ),
        "data_restore": (
            "Data Restore",
            {
                "Approximate Date of Loss": gone,
                "Reason for Restore": "deleted by mistake",
                "Written Permission": "Yes, I give permission to restore this data.",
                "Description": "One enrollment is gone.",
            },
        ),
        "server_issue": (
            "Server Issue",
            {"Issue Began": gone, "Description": "The reporting server times out."},
        ),
        "server_access": (
            "Server Access",
            {
                "Request Type": "SQL Server",
                "Description": "Read-only scripts for the state report.",
            },
        ),
        "modify_support_contacts": (
            "Modify Support Contacts",
            {
                "Request Type": "Add",
                "Contact First Name": "Jessie",
                "Contact Last Name": "Spano",
                "Contact Email": "jessie@new.example",
                "Contact Type": "Authorized",
                "Area of Responsibility": "SIS, Finance",
            },
        ),
        "request_consulting": (
            "Request Consulting",
            {"Preferred Consult Date": soon, "Description": "Standards-based grading."},
        ),
        "request_technical_services": (
            "Request Technical Services",
            {"Type": "Other Services", "Description": "One more line on the transcript."},
        ),
    }


REQUIRED_TO_LEAVE_OUT = {
    "application_issue": "Issue Began",
    "request_training": "Preferred Training Date",
    "data_restore": "Reason for Restore",
    "server_access": "Request Type",
    "modify_support_contacts": "Contact Email",
    "request_consulting": "Preferred Consult Date",
    "request_technical_services": "Type",
}


def bag(size: int, now: datetime | None = None) -> list[Expected]:
    """That many mails; every fifth one of a type that has required fields leaves one out."""
    now = now or datetime.now(UTC)
    return [_mail(index, now) for index in range(size)]


def _mail(index: int, now: datetime) -> Expected:
    catalogue = _fields(now)
    name = list(catalogue)[index % 10]
    label, fields = catalogue[name]
    leave_out = REQUIRED_TO_LEAVE_OUT.get(name) if index // 10 % 5 == 4 else None
    fields = {key: value for key, value in fields.items() if key != leave_out}
    person = (index * 7 + index // 10) % PEOPLE
    files = [_file(index)] if index % 3 == 0 else []
    body = _html(label, fields) if index % 4 == 1 else _plain(label, fields)
    message_id = f"<bag-{index}@{address(person).rpartition('@')[2]}>"
    raw = _head(index, person, message_id, now) + _body(body, files, html=index % 4 == 1)
    digests = tuple(hashlib.sha256(content).hexdigest() for _, content in files)
    return Expected(
        raw, "ask" if leave_out else "create", name, address(person), message_id, digests
    )


def _head(index: int, person: int, message_id: str, now: datetime, extra: str = "") -> bytes:
    domain = address(person).rpartition("@")[2]
    return (
        f"Authentication-Results: {AUTHSERV}; dkim=pass header.d={domain};"
        f" dmarc=pass header.from={domain}\r\n"
        f"From: Person {person} <{address(person)}>\r\nTo: {SERVICE}\r\n"
        f"Subject: Matter number {index}\r\nDate: {format_datetime(now)}\r\n"
        f"Message-ID: {message_id}\r\n{extra}MIME-Version: 1.0\r\n"
    ).encode()


def _plain(label: str, fields: dict[str, str]) -> str:
    lines = [f"Case Type: {label}"]
    for key, value in fields.items():
        lines.append(f"{key}:\n{value}" if "\n" in value else f"{key}: {value}")
    return "\r\n".join(lines).replace("\n", "\r\n").replace("\r\r\n", "\r\n") + "\r\n"


def _html(label: str, fields: dict[str, str]) -> str:
    rows = {"Case Type": label, **fields}
    cells = "".join(
        f"<tr><td>{key}</td><td>{value.replace(chr(10), '<br>')}</td></tr>\r\n"
        for key, value in rows.items()
    )
    return f"<html><body><table>\r\n{cells}</table></body></html>\r\n"


def _file(index: int) -> tuple[str, bytes]:
    """A file of its own, of half a kilobyte to twenty; no larger ones in larger bags."""
    size = 500 + index * 37 % MAX_FILE_BYTES
    return f"file-{index}.bin", f"{index}:".encode() + bytes((i * 7) % 256 for i in range(size))


def _body(text: str, files: list[tuple[str, bytes]], *, html: bool) -> bytes:
    kind = "text/html" if html else "text/plain"
    main = f"Content-Type: {kind}; charset=utf-8\r\n\r\n{text}"
    if not files:
        return main.encode()
    parts = [f"--=cut\r\n{main}\r\n"]
    for name, content in files:
        coded = encodebytes(content).decode().replace("\n", "\r\n")
        parts.append(
            f"--=cut\r\nContent-Type: application/octet-stream\r\n"
            f"Content-Disposition: attachment; filename={name}\r\n"
            f"Content-Transfer-Encoding: base64\r\n\r\n{coded}"
        )
    return (
        (f"Content-Type: multipart/mixed; boundary==cut\r\n\r\n{''.join(parts)}--=cut--\r\n")
        .replace("boundary==cut", 'boundary="=cut"')
        .encode()
    )


def answer(index: int, letter_id: str, subject: str, label: str, value: str, quoted: str) -> bytes:
    """The reply that gives the field that mail ``index`` left out, our letter quoted below."""
    person = (index * 7 + index // 10) % PEOPLE
    domain = address(person).rpartition("@")[2]
    extra = f"In-Reply-To: {letter_id}\r\nReferences: {letter_id}\r\n"
    head = _head(index, person, f"<answer-{index}@{domain}>", datetime.now(UTC), extra)
    head = head.replace(f"Matter number {index}".encode(), subject.encode())
    tail = "".join(f"> {line}\r\n" for line in quoted.splitlines())
    body = f"{label}: {value}\r\n\r\nOn Monday the support desk wrote:\r\n{tail}"
    return head + f"Content-Type: text/plain; charset=utf-8\r\n\r\n{body}".encode()
