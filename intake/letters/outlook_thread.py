"""The fields by which Outlook and Exchange group mails into conversations.

Thread-Index is base64 of 22 bytes (a time and a GUID) and of 5 bytes for each answer; Thread-Topic
is the subject of the first mail (Microsoft, MS-OXOMSG §2.2.1.2 and §2.2.1.3). A letter that answers
a mail with these fields carries them on. Other mail programs ignore them.
"""

from __future__ import annotations

import binascii
import hashlib
import re
from base64 import b64decode, b64encode
from datetime import UTC, datetime, timedelta

from intake.letters.masking import masked
from intake.letters.text import one_line
from intake.mail.message import Message

HEAD, CHILD = 22, 5  # bytes
MAX_BYTES = HEAD + 40 * CHILD
MAX_TOPIC = 200
_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)  # of a FILETIME, in units of 100 ns
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}\Z")


def fields(mail: Message, cause: str, now: datetime) -> tuple[tuple[str, str], ...]:
    """Return the fields for the answer to a mail; none if the mail has none of them."""
    index = _next_index("".join(next(iter(mail.all("thread-index")), "").split()), cause, now)
    topic = one_line(next(iter(mail.all("thread-topic")), ""), MAX_TOPIC)
    found = [("Thread-Topic", topic)] if index and _is_plain(topic) else []
    return (*found, *([("Thread-Index", _folded(index))] if index else []))


def _next_index(text: str, cause: str, now: datetime) -> str:
    """Return the index with one more child block; empty when the text is no index."""
    if not _BASE64.match(text):
        return ""
    try:
        raw = b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return ""
    if len(raw) < HEAD or (len(raw) - HEAD) % CHILD or len(raw) + CHILD > MAX_BYTES:
        return ""
    return b64encode(raw + _child(raw, cause, now)).decode("ascii")


def _child(raw: bytes, cause: str, now: datetime) -> bytes:
    """Return five bytes: the time since the first mail, and a byte that tells answers apart."""
    began = int.from_bytes(raw[:6], "big") << 16
    since = max((now - _EPOCH) // timedelta(microseconds=1) * 10 - began, 0)
    short = since < 1 << 49  # less than about 1.7 years
    time = (since >> 18) & 0x7FFFFFFF if short else ((since >> 23) & 0x7FFFFFFF) | 0x80000000
    return time.to_bytes(4, "big") + hashlib.sha256(cause.encode()).digest()[:1]


def _is_plain(topic: str) -> bool:
    return bool(topic) and topic.isascii() and topic.isprintable() and topic == masked(topic)


def _folded(index: str) -> str:
    return "\r\n ".join(index[start : start + 60] for start in range(0, len(index), 60))
