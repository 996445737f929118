"""Read a calendar invitation, so that its time, place and text stand in the case (RFC 5545, 5546).

Only a few properties of the first event are read, so no calendar library is needed. An answer to an
invitation (METHOD:REPLY) is not an invitation; ``receipts`` recognises it.
"""

from __future__ import annotations

import re
from datetime import datetime

from intake.mail.message import Attachment, Message
from intake.mail.mime import charsets

MAX_CHARS = 50_000  # of a calendar entry
MAX_TEXT_CHARS = 4000  # of its description
_PROPERTY = re.compile(
    r"^(METHOD|SUMMARY|LOCATION|DESCRIPTION|DTSTART|DTEND)((?:;[^:\n]{0,300})?):(.*)$", re.MULTILINE
)
_ZONE = re.compile(r"TZID=\"?([^;:\"]{1,80})")
_ESCAPED = re.compile(r"\\([nN,;\\])")
METHODS = {
    "REQUEST": "Invitation", "PUBLISH": "Invitation", "ADD": "Invitation", "CANCEL": "Cancelled",
}  # fmt: skip


def is_entry(one: Attachment) -> bool:
    """Return whether a file is a calendar entry."""
    return one.declared_type == "text/calendar" or one.name.lower().endswith(".ics")


def text(message: Message) -> str:
    """Return the first invitation in the mail as lines of text; empty if there is none."""
    entry = next((one for one in message.attachments if is_entry(one)), None)
    if entry is None:
        return ""
    method, found = _properties(entry.content)
    kind = METHODS.get(method)
    if kind is None or "DTSTART" not in found:
        return ""
    begin, end = (_moment(*found[name]) if name in found else "" for name in ("DTSTART", "DTEND"))
    told = message.plain if message.plain.strip() else message.html.text
    about = _plain(found, "DESCRIPTION")[:MAX_TEXT_CHARS]
    lines = [
        f"{kind}: {_plain(found, 'SUMMARY')}".rstrip(": "),
        f"Time: {begin} to {end}" if end else f"Time: {begin}",
        f"Place: {place}" if (place := _plain(found, "LOCATION")) else "",
        "" if _flat(about) in _flat(told) else about,
    ]
    return "\n".join(line for line in lines if line)


def _properties(content: bytes) -> tuple[str, dict[str, tuple[str, str]]]:
    """Return the method, and the parameters and values of the first event."""
    raw = charsets.clean(content[:MAX_CHARS].decode("utf-8", "replace"))
    whole = re.sub(r"\n[ \t]", "", raw)
    methods = (one[3].strip().upper() for one in _PROPERTY.finditer(whole) if one[1] == "METHOD")
    method = next(methods, "PUBLISH")
    event = whole.partition("BEGIN:VEVENT")[2].partition("END:VEVENT")[0]
    event = event.partition("BEGIN:VALARM")[0]
    found: dict[str, tuple[str, str]] = {}
    for one in _PROPERTY.finditer(event):
        found.setdefault(one[1], (one[2], one[3]))
    return method, found


def _plain(found: dict[str, tuple[str, str]], name: str) -> str:
    value = found.get(name, ("", ""))[1]
    return _ESCAPED.sub(lambda one: "\n" if one[1] in "nN" else one[1], value).strip()


def _moment(parameters: str, value: str) -> str:
    """Return a moment as people read it: "2026-03-02 09:00 Europe/Berlin"; odd text as it is."""
    shown = value.strip()[:80]
    for pattern, form in (("%Y%m%dT%H%M%SZ", "%Y-%m-%d %H:%M UTC"),
                          ("%Y%m%dT%H%M%S", "%Y-%m-%d %H:%M"), ("%Y%m%d", "%Y-%m-%d")):  # fmt: skip
        try:
            shown = datetime.strptime(value.strip(), pattern).strftime(form)  # noqa: DTZ007 - text
        except ValueError:
            continue
        break
    zone = _ZONE.search(parameters)
    return f"{shown} {zone[1]}" if zone else shown


def _flat(words: str) -> str:
    return " ".join(words.casefold().split())
