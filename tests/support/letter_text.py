"""The plain text of a letter, as a program without HTML shows it."""

from __future__ import annotations

from email.message import Message


def plain_text(letter: Message) -> str:
    """The text part, with line feeds."""
    part = next(one for one in letter.walk() if one.get_content_type() == "text/plain")
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.decode("utf-8").replace("\r\n", "\n")
