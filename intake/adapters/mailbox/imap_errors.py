"""Error replies of an IMAP server, as one line of text and as seconds to wait."""

from __future__ import annotations

import re

from intake.adapters.redaction import without

_BACKOFF = re.compile(r"Suggested Backoff Time: (\d+)")
BUSY = re.compile(r"too many simultaneous|\[INUSE\]|\[UNAVAILABLE\]|\[LIMIT\]|throttled", re.I)


def one_line(error: BaseException, secret: str = "") -> str:
    """The server's reply on one line, without the secret."""
    text = without(str(error), secret)
    if text.startswith(("b'", 'b"')):
        text = text[2:-1]
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:300]


def retry_after(text: str) -> float:
    """The seconds that a throttling server asks the client to wait."""
    match = _BACKOFF.search(text)
    if match:
        return int(match[1]) / 1000
    return 300.0 if BUSY.search(text) else 0.0
