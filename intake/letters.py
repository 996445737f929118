"""Decision + templates -> Letter: a complete, checked RFC 5322 message to one recipient."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail of ours as it goes on the wire, and what an operator wants to see of it."""

    kind: str  # ack, missing_fields, appended, refusal
    cause: str  # unique: a letter of that kind for that mail is written once
    message_id: str
    recipient: str  # the envelope recipient: one bare address from the contact table
    subject: str
    text: str  # the body as the contact reads it
    raw: bytes = field(repr=False)  # CRLF line ends, ASCII
    contact: str = ""  # contact id
    case_number: str = ""
