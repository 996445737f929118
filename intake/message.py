"""Raw bytes and arrival facts give a Message; any bytes give a Message or a named Refusal."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from intake.addresses import AddressRefusal, Mailbox


@dataclass(frozen=True, slots=True)
class Limits:
    """What one mail may cost; a mail beyond a limit is held, its raw bytes kept."""

    max_mail_bytes: int = 50 * 2**20
    max_header_bytes: int = 256 * 2**10
    max_header_fields: int = 1000
    max_field_bytes: int = 64 * 2**10
    max_addresses: int = 500
    max_depth: int = 30
    max_parts: int = 500
    max_boundary_bytes: int = 256
    max_attachments: int = 100
    max_received: int = 50
    max_decoded_bytes: int = 100 * 2**20
    max_html_bytes: int = 2**20
    max_html_depth: int = 2000
    max_text_chars: int = 2**20


@dataclass(frozen=True, slots=True)
class Arrival:
    """One mail as a mailbox holds it. ``raw`` is empty where the bytes lie in the blob store."""

    mailbox: str  # the configured name
    uidvalidity: int  # 0 for a Maildir and for a mail from standard input
    uid: int
    received_at: datetime  # aware, UTC: INTERNALDATE, file time, or the moment of receipt
    digest: str  # sha256 of the raw bytes, hex
    size: int  # bytes
    raw: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Header:
    """One header field in its place: name in lower case, value unfolded, bytes kept as latin-1."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Attachment:
    """A non-text leaf, or an attached message, byte-identical to the decoded part."""

    name: str  # cleaned for people; never a path; not unique
    declared_type: str  # lower case, "application/octet-stream" when there is none
    detected_type: str  # by signature, empty when unknown
    size: int
    sha256: str
    inline: bool  # shown inside the body (Content-ID referred to), not meant as a file
    part: str  # place in the MIME tree, "1.2"; "1.2/tnef.1" for a file unpacked from winmail.dat
    content: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Warning:  # noqa: A001 - the field's word; this room raises no Python warnings
    """Something odd that did not stop the reading: a stable code and a sentence."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Html:
    """An HTML body as text: block elements on lines of their own, and its table rows cell by cell."""

    text: str = ""  # cells of a table row are separated by a tab
    rows: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Message:
    """A mail that passed the structural gate."""

    digest: str
    size: int
    mailbox: str
    received_at: datetime
    sender: Mailbox | AddressRefusal
    subject: str  # decoded, one line, no control characters
    message_id: str  # "<…>", empty when absent or not of the plain form
    date: datetime | None  # aware, UTC; None when absent or unreadable
    to: tuple[str, ...]  # address keys of To
    cc: tuple[str, ...]
    recipients: tuple[str, ...]  # Delivered-To, X-Original-To, Envelope-To: address keys
    in_reply_to: tuple[str, ...]  # message ids with their angle brackets
    references: tuple[str, ...]
    fields: tuple[Header, ...]  # every header field, top to bottom
    plain: str  # the text/plain body, line ends "\n", unwrapped when format=flowed
    html: Html
    attachments: tuple[Attachment, ...]
    automatic: tuple[str, ...]  # why a program seems to have written it (RFC 3834 and kin); empty: a person
    body_digest: str  # sha256 of everything behind the header block
    warnings: tuple[Warning, ...] = ()

    def all(self, name: str) -> tuple[str, ...]:
        """The values of every field of that lower-case name, top to bottom."""
        return tuple(header.value for header in self.fields if header.name == name)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A mail that is held unread: why, and what little may be shown of it."""

    digest: str
    size: int
    mailbox: str
    received_at: datetime
    code: str  # limits, header, structure, sender, crash, timeout …
    detail: str
    subject: str = ""
    sender_text: str = ""  # what stands in From, for showing only
    message_id: str = ""


def read(arrival: Arrival, limits: Limits) -> Message | Refusal:
    """The mail in ``arrival.raw`` as a Message, or a Refusal that names the limit or defect."""
    raise NotImplementedError
