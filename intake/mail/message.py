"""Parse raw bytes and arrival facts into a Message, or into a Refusal that names the defect."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parseaddr, parsedate_to_datetime

from intake.mail.addresses import (
    Address,
    AddressRefusal,
    Mailbox,
    ascii_lower,
    read_address,
    read_mailbox,
    shown_instead,
)
from intake.mail.field_library import FieldLibrary, Warning
from intake.mail.limits import Limits
from intake.mail.mime import attachment_risk as risk
from intake.mail.mime import auto_submitted as automatic
from intake.mail.mime import decode, encoded_words, headers, sniff, structure, subject
from intake.mail.mime.headers import Field, HeaderError
from intake.mail.mime.structure import StructureError

_MESSAGE_ID = re.compile(r"<([^<>\s]{3,501})>")
_ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9.-]{1,255}")
_MBOX_LINE = re.compile(
    rb"From [^\s:](?:[^\r\n:]{0,400}|\S{0,300}[ \t][^\r\n:]{1,80}\d\d:\d\d?\b[^\r\n]{0,80})\r?\n"
)
_DAEMON = re.compile(r"mailer-?daemon|postmaster", re.IGNORECASE)
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_MAX_REFERENCES = 20  # the first, and the last ones
_PEEK_BYTES = 64 * 2**10
_DIGEST_BYTES = 2**18  # bytes of a body that are hashed at a time
_RECIPIENT_FIELDS = ("delivered-to", "x-original-to", "envelope-to", "x-envelope-to")


@dataclass(frozen=True, slots=True)
class Arrival:
    """One mail as a mailbox holds it. ``raw`` is empty when the bytes are in the blob store."""

    mailbox: str  # the configured name
    uidvalidity: int  # 0 for a Maildir and for a mail from standard input
    uid: int
    received_at: datetime  # aware, UTC: INTERNALDATE, file time, or the moment of receipt
    digest: str  # sha256 of the raw bytes, hex
    size: int  # bytes
    raw: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Header:
    """One header field: name in lower case, value unfolded, bytes kept as latin-1."""

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
    inline: bool  # shown inside the body, which refers to its Content-ID
    part: str  # place in the MIME tree, "1.2"; "1.2/tnef.1" for a file unpacked from winmail.dat
    risk: str = ""  # why it should not be handed on; empty: no reason was found
    content: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Html:
    """An HTML body: its text, one line per block element, and the rows of its tables."""

    text: str = ""  # cells of a table row are separated by a tab
    rows: tuple[tuple[str, ...], ...] = ()
    struck: bool = False  # text that the writer struck out was left out
    hidden: str = ""  # the beginning of text that no reader of the mail sees


@dataclass(frozen=True, slots=True)
class Message:
    """A mail that passed the structural checks."""

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
    automatic: tuple[str, ...]  # why a program seems to have written it; empty: a person wrote it
    body_digest: str  # sha256 of everything after the header block, line ends as LF
    warnings: tuple[Warning, ...] = ()
    unread_bytes: int = 0  # size of a mail over the limit, of which only the header was fetched
    through: str = ""  # key of the mailing list that put its own address into From

    def all(self, name: str) -> tuple[str, ...]:
        """The values of every field of that lower-case name, top to bottom."""
        return tuple(header.value for header in self.fields if header.name == name)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A mail that could not be parsed: the reason, and the few details that may be shown."""

    digest: str
    size: int
    mailbox: str
    received_at: datetime
    code: str  # limits, header, structure, sender, crash, timeout …
    detail: str
    subject: str = ""
    sender_text: str = ""  # the text of the From field, for display only
    message_id: str = ""


def read(arrival: Arrival, limits: Limits) -> Message | Refusal:
    """Parse ``arrival.raw`` into a Message, or into a Refusal that names the limit or defect.

    No input makes it raise. It applies the limits and the structural checks before any parser.
    """
    try:
        return _read(arrival, limits)
    except (HeaderError, StructureError) as fault:
        return refusal(arrival, fault.code, fault.detail)
    except MemoryError:
        return refusal(arrival, "memory", "the mail needs more memory than there is")
    except Exception as failure:  # noqa: BLE001 - read must never raise; the raw bytes are kept
        return refusal(
            arrival, "crash", f"reading raised {type(failure).__name__}: {failure}"[:300]
        )


def _read(arrival: Arrival, limits: Limits) -> Message:
    if len(arrival.raw) > limits.max_mail_bytes:
        raise HeaderError("limits", f"the mail has over {limits.max_mail_bytes} bytes")
    warnings: list[Warning] = []
    raw = _without_mbox_line(_without_mark(arrival.raw, warnings), warnings)
    block, start = headers.split(raw, limits.max_header_bytes)
    every = headers.fields(headers.crlf(block), _header_caps(limits))
    found, again = headers.first_of_each(every)
    warnings += [
        Warning("twice", f"the field {name} stands twice, the first counts") for name in again
    ]
    library = FieldLibrary(found, warnings)
    top = {item.name: headers.text(item.value) for item in found}
    tree = structure.walk(raw, start, top, _structure_caps(limits))
    parts = decode.read(raw, tree, _leaf_caps(limits))
    warnings += [Warning("structure", doubt) for doubt in dict.fromkeys(tree.doubts)]
    warnings += [Warning(code, detail) for code, detail in parts.doubts]
    sender = _sender(next((one.value for one in found if one.name == "from"), None), library)
    if isinstance(sender, Mailbox) and (other := shown_instead(sender)):
        warnings.append(Warning("display-name", f"the display name shows {other!r}"))
    marks = _automatic(found, sender, tree.parts[0].media_type)
    if not (marks or any(one.name == "from" for one in found)):
        raise HeaderError("sender", "there are 0 From fields, exactly 1 is read")
    return Message(
        digest=arrival.digest,
        size=arrival.size,
        mailbox=arrival.mailbox,
        received_at=arrival.received_at,
        sender=sender,
        subject=subject.read([one.value for one in found if one.name == "subject"], tree),
        message_id=_message_id(top.get("message-id", "")),
        date=_date(top.get("date", ""), library, warnings),
        to=_keys(library.addresses("to"), top.get("to", "")),
        cc=_keys(library.addresses("cc"), top.get("cc", "")),
        recipients=_recipients(found),
        in_reply_to=_message_ids(top.get("in-reply-to", "")),
        references=_message_ids(top.get("references", "")),
        fields=tuple(
            Header(item.name, headers.unfold(item.value).decode("latin-1")) for item in every
        ),
        plain=parts.plain,
        html=Html(parts.html, parts.rows, parts.struck, parts.hidden),
        attachments=tuple(_attachment(file) for file in parts.files),
        automatic=marks,
        body_digest=_body_digest(raw, start),
        warnings=tuple(warnings),
    )


def _body_digest(raw: bytes, start: int) -> str:
    """Return the sha256 of everything from ``start`` on, with line ends as LF; in pieces."""
    digest = hashlib.sha256()
    while start < len(raw):
        end = start + _DIGEST_BYTES
        end += raw[end - 1 : end + 1] == b"\r\n"
        digest.update(raw[start:end].replace(b"\r\n", b"\n"))
        start = end
    return digest.hexdigest()


def _sender(value: bytes | None, library: FieldLibrary) -> Mailbox | AddressRefusal:
    """Return the mailbox that our grammar reads, if two other parsers read the same address."""
    if value is None:
        return AddressRefusal("sender", "there is no From field, exactly 1 is read")
    sender = read_mailbox(value)
    if isinstance(sender, AddressRefusal):
        return sender
    others = {
        "the standard library": parseaddr(headers.text(value))[1],
        "mail-parser": ",".join(library.addresses("from") or ()),
    }
    for parser, address in others.items():
        if ascii_lower(address) != sender.address.key:
            detail = f"{parser} reads {address[:100]!r} where we read {sender.address}"
            return AddressRefusal("parser-disagreement", detail)
    return sender


def _keys(addresses: Iterable[str] | None, value: str) -> tuple[str, ...]:
    """Return each address key once; our own pattern reads the field when the library cannot."""
    found = addresses if addresses is not None else _ADDRESS.findall(value)
    read = (read_address(address) for address in found)
    return tuple(dict.fromkeys(address.key for address in read if isinstance(address, Address)))


def _recipients(found: Sequence[Field]) -> tuple[str, ...]:
    values = (headers.text(item.value) for item in found if item.name in _RECIPIENT_FIELDS)
    return _keys([address for value in values for address in _ADDRESS.findall(value)], "")


def _date(value: str, library: FieldLibrary, warnings: list[Warning]) -> datetime | None:
    """Return the date, aware and in UTC; add a warning when the Date field is not readable."""
    try:
        found = library.date() or parsedate_to_datetime(value)
        aware = found if found.tzinfo else found.replace(tzinfo=UTC)
        return aware.astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError, AttributeError):
        warnings.append(
            Warning(
                "date", f"the Date field is not readable: {encoded_words.one_line(value, 60)!r}"
            )
        )
        return None


def _message_id(value: str) -> str:
    found = _message_ids(value)
    return found[0] if len(found) == 1 and found[0] == value.strip() else ""


def _message_ids(value: str) -> tuple[str, ...]:
    """Ids of the form ``<left@right>`` in printable ASCII, at most 250 characters a side."""
    found = dict.fromkeys(f"<{inner}>" for inner in _MESSAGE_ID.findall(value) if _is_id(inner))
    ids = tuple(found)
    return ids if len(ids) <= _MAX_REFERENCES + 1 else (ids[0], *ids[-_MAX_REFERENCES:])


def _is_id(inner: str) -> bool:
    left, at, right = inner.rpartition("@")
    printable = all("!" <= char <= "~" for char in inner)
    return bool(at) and 1 <= len(left) <= 250 and 1 <= len(right) <= 250 and printable


def _automatic(
    found: Sequence[Field], sender: Mailbox | AddressRefusal, media_type: str
) -> tuple[str, ...]:
    by_name: dict[str, list[str]] = {}
    for item in found:
        by_name.setdefault(item.name, []).append(headers.text(item.value))
    if isinstance(sender, Mailbox):
        local_part = sender.address.local
    else:  # "MAILER-DAEMON <>": no address, but the name of a program
        daemon = _DAEMON.search(" ".join(by_name.get("from", ()))[:500])
        local_part = daemon[0] if daemon else ""
    return automatic.reasons(by_name, local_part, media_type)


def _attachment(file: decode.File) -> Attachment:
    detected = sniff.detect(file.data)
    return Attachment(
        name=file.name,
        declared_type=file.media_type,
        detected_type=detected,
        size=len(file.data),
        sha256=hashlib.sha256(file.data).hexdigest(),
        inline=file.inline,
        part=file.number,
        risk=risk.risk(file.name, file.media_type, detected, file.data),
        content=file.data,
    )


def _without_mark(raw: bytes, warnings: list[Warning]) -> bytes:
    """Remove a byte order mark at the top, which a program saved with the mail as a text file."""
    if not raw.startswith(_BYTE_ORDER_MARK):
        return raw
    warnings.append(Warning("mark", "a byte order mark stood on top"))
    return raw[len(_BYTE_ORDER_MARK) :]


def _without_mbox_line(raw: bytes, warnings: list[Warning]) -> bytes:
    """Remove an mbox ``From `` line at the top: it is a separator and not part of the mail.

    Such a line has a colon only in a time of day. ``From : x@y`` is a forged field, which the
    structural checks refuse.
    """
    line = _MBOX_LINE.match(raw)
    if line is None:
        return raw
    warnings.append(Warning("mbox", "the separator line of a mailbox file stood on top"))
    return raw[line.end() :]


def refusal(arrival: Arrival, code: str, detail: str) -> Refusal:
    """Return a Refusal with what may be shown of the mail: its first header fields, cleaned."""
    try:
        top, _, _ = headers.lenient(
            _without_mbox_line(arrival.raw[:_PEEK_BYTES], []), 0, 2 * _PEEK_BYTES
        )
    except (HeaderError, MemoryError):
        top = {}
    return Refusal(
        digest=arrival.digest,
        size=arrival.size,
        mailbox=arrival.mailbox,
        received_at=arrival.received_at,
        code=code,
        detail=encoded_words.one_line(detail),
        subject=encoded_words.one_line(encoded_words.decode(top.get("subject", ""))),
        sender_text=encoded_words.one_line(encoded_words.decode(top.get("from", "")), 300),
        message_id=_message_id(top.get("message-id", "")),
    )


def _header_caps(limits: Limits) -> headers.Caps:
    return headers.Caps(
        limits.max_header_bytes,
        limits.max_header_fields,
        limits.max_field_bytes,
        limits.max_addresses,
        limits.max_received,
    )


def _structure_caps(limits: Limits) -> structure.Caps:
    return structure.Caps(limits.max_depth, limits.max_parts, limits.max_boundary_bytes)


def _leaf_caps(limits: Limits) -> decode.Caps:
    return decode.Caps(
        limits.max_attachments,
        limits.max_decoded_bytes,
        limits.max_html_bytes,
        limits.max_html_depth,
        limits.max_text_chars,
    )
