"""References that only we can have written: a case number with a keyed hash behind it.

A token selects a case; it never proves who is writing and never raises a sender's level.
The hash is checked in constant time before the number is used. Several secrets are accepted
for reading, the first one is written with, so a secret can be changed without losing threads.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import b32encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_ID = re.compile(
    r"<([a-z-]{1,20})\.([A-Z0-9-]{1,40})\.([a-z2-7]{16})\.([a-z2-7]{16})@([a-z0-9.-]{1,255})>\Z"
)
_TAG = re.compile(r"\[([A-Z0-9]{0,20}-?[0-9]{1,12})-([A-Z2-7]{8})\]")
NO_CASE = "0"


@dataclass(frozen=True, slots=True)
class OwnId:
    """A Message-ID of ours whose MAC is valid."""

    kind: str
    case_number: str  # empty when the letter concerned no case
    message_id: str


def _mac(secret: bytes, text: str, length: int) -> str:
    digest = hmac.new(secret, text.encode(), hashlib.sha256).digest()
    return b32encode(digest).decode("ascii").rstrip("=")[:length]


def message_id(
    secrets: Sequence[bytes], kind: str, case_number: str, cause: str, domain: str
) -> str:
    """The Message-ID of the letter of that kind for that cause: the same cause, the same id."""
    number = case_number or NO_CASE
    nonce = _mac(secrets[0], f"cause|{kind}|{number}|{cause}", 16).lower()
    mac = _mac(secrets[0], f"id|{kind}|{number}|{nonce}", 16).lower()
    return f"<{kind}.{number}.{nonce}.{mac}@{domain}>"


def read_message_id(secrets: Sequence[bytes], text: str, domain: str) -> OwnId | None:
    """The letter of ours that a Message-ID names, or None when it is not ours or was altered."""
    match = _ID.match(text)
    if not match or match[5] != domain:
        return None
    kind, number, nonce, mac = match[1], match[2], match[3], match[4]
    good = [
        hmac.compare_digest(_mac(secret, f"id|{kind}|{number}|{nonce}", 16).lower(), mac)
        for secret in secrets
    ]
    return OwnId(kind, "" if number == NO_CASE else number, text) if any(good) else None


def subject_tag(secrets: Sequence[bytes], case_number: str) -> str:
    """``[CASE-1001-K7Q2M9XD]``: what stands in the subject of every letter about a case."""
    return f"[{case_number}-{_mac(secrets[0], f'tag|{case_number}', 8)}]"


def read_subject_tags(secrets: Sequence[bytes], subject: str) -> tuple[str, ...]:
    """The case numbers of the valid tags in a subject, in order, at most three."""
    found = []
    for match in _TAG.finditer(subject[:1000]):
        good = [
            hmac.compare_digest(_mac(secret, f"tag|{match[1]}", 8), match[2]) for secret in secrets
        ]
        if any(good):
            found.append(match[1])
    return tuple(dict.fromkeys(found))[:3]


def reply_address(secrets: Sequence[bytes], case_number: str, address: str) -> str:
    """``support+CASE-1001-K7Q2M9XD@…``: where answers about a case may go."""
    local, _, domain = address.rpartition("@")
    return f"{local.partition('+')[0]}+{subject_tag(secrets, case_number)[1:-1]}@{domain}"


def read_reply_addresses(secrets: Sequence[bytes], keys: Iterable[str]) -> tuple[str, ...]:
    """The case numbers of the valid tags behind a plus in addresses."""
    tags = (key.partition("@")[0].partition("+")[2].upper() for key in keys)
    return read_subject_tags(secrets, " ".join(f"[{tag}]" for tag in tags if tag))


def strip_tags(subject: str) -> str:
    """The subject without anything of a tag's form, valid or not."""
    return " ".join(_TAG.sub(" ", subject).split())


def own_ids(secrets: Sequence[bytes], ids: Iterable[str], domain: str) -> tuple[OwnId, ...]:
    """Those of the given Message-IDs that are ours, in the given order."""
    found = (read_message_id(secrets, text, domain) for text in ids)
    return tuple(own for own in found if own is not None)
