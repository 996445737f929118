"""The subject of a thread, whatever mail programs put before it."""

from __future__ import annotations

import re

from intake.mail.tokens import strip_tags

_PREFIX = re.compile(r"(?:re|aw|fwd?|wg|sv|antw|tr|rv)\s?(?:\[\d+\])?\s?:\s?")


def plain_subject(subject: str) -> str:
    """Return the subject without our tags, any row of Re: and Fwd:, case and extra spaces."""
    flat = " ".join(strip_tags(subject).casefold().split())
    while (cut := _PREFIX.match(flat)) is not None:
        flat = flat[cut.end() :]
    return flat
