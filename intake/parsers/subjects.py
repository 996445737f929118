"""Remove from a subject what programs put there: prefixes of answers, tags, marks of gateways."""

from __future__ import annotations

import re
from collections.abc import Sequence

_REPLY = re.compile(r"\s*(?:re|aw|fw|fwd|wg|sv|antw|tr|rv|enc)\s?(?:\[\d+\])?\s?:", re.IGNORECASE)
_TAG = re.compile(r"\[[A-Z0-9]{0,20}-?\d{1,12}-[A-Z2-7]{8}\]")


_LIST_TAGS = re.compile(r"(?:\s*\[[^\[\]]{1,60}\])+\s*(?=\S)")


def without_list_tags(subject: str) -> str:
    """Return the subject without "[Campus status]" in front of it, which a program wrote."""
    tags = _LIST_TAGS.match(subject)
    return subject[tags.end() :] if tags else subject


def clean_subject(subject: str, marks: Sequence[str] = ()) -> str:
    """Return the subject without our tags, Re:, Fwd: and the like, and the marks of gateways."""
    text = " ".join(_TAG.sub(" ", subject).split())
    while True:
        match = _REPLY.match(text)
        mark = next((one for one in marks if text.casefold().startswith(one.casefold())), "")
        if match is None and not mark:
            return text
        text = text[match.end() if match else len(mark) :].strip()
