"""Small raw mails for the tests of reading."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from types import FrameType

from intake.mail.limits import Limits
from intake.mail.message import Arrival, Message, Refusal, read

NOON = datetime(2024, 1, 2, 12, tzinfo=UTC)
HANG = 20.0  # seconds of CPU: a net; how fast it is bench/ measures, how it grows ``effort`` counts
CAMPAIGN = int(os.environ.get("INTAKE_CAMPAIGN", "1"))  # how many times the usual examples


def effort(work: Callable[[], object]) -> int:
    """How many functions it calls, ours and the interpreter's: the same on every machine."""
    count = 0

    def note(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


def arrival(raw: bytes) -> Arrival:
    """The bytes as a mailbox would hand them over."""
    return Arrival("box", 7, 1, NOON, hashlib.sha256(raw).hexdigest(), len(raw), raw)


def result(raw: bytes, limits: Limits | None = None) -> Message | Refusal:
    """What reading gives, whatever it is."""
    return read(arrival(raw), limits or Limits())


def message(raw: bytes, limits: Limits | None = None) -> Message:
    """The Message; fails where the mail is refused."""
    mail = result(raw, limits)
    assert isinstance(mail, Message), mail
    return mail


def refusal(raw: bytes, limits: Limits | None = None) -> Refusal:
    """The Refusal; fails where the mail is read."""
    mail = result(raw, limits)
    assert isinstance(mail, Refusal), mail
    return mail


def mail(*fields: str, body: str | bytes = b"", sender: str = "From: a@b.example") -> bytes:
    """A mail of CRLF lines with those header fields; text is written as UTF-8."""
    head = "".join(f"{line}\r\n" for line in (sender, *fields) if line)
    text = body if isinstance(body, bytes) else body.replace("\n", "\r\n").encode()
    return head.encode() + b"\r\n" + text


def multipart(subtype: str, *parts: str | bytes, boundary: str = "b1", extra: str = "") -> bytes:
    """A mail of those parts, each with its own header block."""
    mark = f"--{boundary}".encode()
    body = b""
    for part in parts:
        raw = part if isinstance(part, bytes) else part.replace("\n", "\r\n").encode()
        body += mark + b"\r\n" + raw + b"\r\n"
    body += mark + b"--\r\n"
    return mail(f'Content-Type: multipart/{subtype}; boundary="{boundary}"{extra}', body=body)
