"""References that only we can have written: a case number followed by a keyed hash.

A token selects a case. It never proves who is writing and never raises a sender's level. The hash
is checked in constant time before the number is used. The first secret is used for writing, and
every secret is accepted for reading. So a secret can be changed without losing threads.
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
# The same tag as people retype it: lower case, spaces, other dashes, other brackets or none.
_LOOSE = re.compile(
    r"(?<![A-Za-z0-9])([A-Za-z0-9]{0,20}?)[\s_‐‑‒–—-]{0,3}([0-9]{1,12})[\s_‐‑‒–—-]{1,3}"
    r"([A-Za-z2-7]{8})(?![A-Za-z0-9])"
)
_ROW = re.compile(r"(?<![a-z0-9-])([1-9][0-9]{0,18})-([a-z2-7]{16})(?![a-z0-9-])")
_BOUNCE = re.compile(r"[^@]*\+b-([1-9][0-9]{0,18})-([a-z2-7]{16})@[^@]*\Z", re.DOTALL)
_MAX_ROW = 2**63 - 1
_MAX_LOCAL_PART = 64  # octets, RFC 5321 §4.5.3.1.1
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
    """Return the Message-ID of a letter; the same kind, case and cause always give the same ID."""
    number = case_number or NO_CASE
    nonce = _mac(secrets[0], f"cause|{kind}|{number}|{cause}", 16).lower()
    mac = _mac(secrets[0], f"id|{kind}|{number}|{nonce}", 16).lower()
    return f"<{kind}.{number}.{nonce}.{mac}@{domain}>"


def read_message_id(secrets: Sequence[bytes], text: str, domain: str) -> OwnId | None:
    """Return the letter that a Message-ID names; None when it is not ours or was altered."""
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
    """Return ``[CASE-1001-K7Q2M9XD]``, the tag in the subject of every letter about a case."""
    return f"[{case_number}-{_mac(secrets[0], f'tag|{case_number}', 8)}]"


def read_subject_tags(secrets: Sequence[bytes], subject: str) -> tuple[str, ...]:
    """Return the case numbers of the valid tags in a subject, in order, at most three.

    A retyped tag is recognised too, because only its number and its hash must be right.
    """
    text = subject[:1000]
    found = [(match[1], match[2]) for match in _TAG.finditer(text)]
    found += [(f"{m[1]}-{m[2]}".upper(), m[3].upper()) for m in _LOOSE.finditer(text)]
    numbers = [number for number, mac in found if _is_tag(secrets, number, mac)]
    return tuple(dict.fromkeys(numbers))[:3]


def _is_tag(secrets: Sequence[bytes], number: str, mac: str) -> bool:
    good = [hmac.compare_digest(_mac(secret, f"tag|{number}", 8), mac) for secret in secrets]
    return any(good)


def plain_numbers(subject: str, case_prefix: str) -> tuple[str, ...]:
    """Return at most three case numbers in a subject. Anyone can write them: they prove nothing."""
    found = re.findall(number_pattern(case_prefix), subject[:1000], re.IGNORECASE)
    return tuple(dict.fromkeys(f"{case_prefix}{int(digits)}" for digits in found))[:3]


def number_pattern(case_prefix: str) -> str:
    """Return a pattern for a case number as people type it; its group is the digits.

    It is meant for a search that ignores case.
    """
    word = re.escape(case_prefix.rstrip("-"))
    return rf"(?<![A-Za-z0-9]){word}[\s_#:‐‑‒–—-]{{0,3}}([0-9]{{1,12}})(?![A-Za-z0-9])"


def reply_address(secrets: Sequence[bytes], case_number: str, address: str) -> str:
    """Return ``support+CASE-1001-K7Q2M9XD@…``, the address for answers about a case."""
    local, _, domain = address.rpartition("@")
    return f"{local.partition('+')[0]}+{subject_tag(secrets, case_number)[1:-1]}@{domain}"


def read_reply_addresses(secrets: Sequence[bytes], keys: Iterable[str]) -> tuple[str, ...]:
    """Return the case numbers of the valid tags after the plus sign in the addresses."""
    tags = (key.partition("@")[0].partition("+")[2].upper() for key in keys)
    return read_subject_tags(secrets, " ".join(f"[{tag}]" for tag in tags if tag))


def strip_tags(subject: str) -> str:
    """Return the subject without anything that has the form of a tag, valid or not."""
    return " ".join(_TAG.sub(" ", subject).split())


def own_ids(secrets: Sequence[bytes], ids: Iterable[str], domain: str) -> tuple[OwnId, ...]:
    """Those of the given Message-IDs that are ours, in the given order."""
    found = (read_message_id(secrets, text, domain) for text in ids)
    return tuple(own for own in found if own is not None)


def _row_token(secret: bytes, use: str, row_id: int | str) -> str:
    return f"{row_id}-{_mac(secret, f'{use}|{row_id}', 16).lower()}"


def _row(secrets: Sequence[bytes], use: str, digits: str, mac: str) -> int | None:
    """Return the row that the token names; None when its MAC is valid under none of the secrets."""
    given = f"{digits}-{mac}"
    good = [hmac.compare_digest(_row_token(secret, use, digits), given) for secret in secrets]
    return int(digits) if any(good) and int(digits) <= _MAX_ROW else None


def unsubscribe_token(secrets: Sequence[bytes], row_id: int) -> str:
    """Return ``17-k7q2m9xdk7q2m9xd``, which stops one kind of notice for the recipient of a letter.

    ``row_id`` is the id of a row of notice_recipients. The token consists of lower-case letters,
    digits and a hyphen, so it can be used in a subject, a web address and a mail address.
    """
    return _row_token(secrets[0], "unsubscribe", row_id)


def read_unsubscribe_token(secrets: Sequence[bytes], text: str) -> int | None:
    """Return the row of the first valid token in a subject or another short text, or None."""
    for match in _ROW.finditer(text[:1000].lower()):
        found = _row(secrets, "unsubscribe", match[1], match[2])
        if found is not None:
            return found
    return None


def bounce_address(secrets: Sequence[bytes], row_id: int, address: str, use: str = "bounce") -> str:
    """Return ``bounce+b-17-k7q2…@…``, the address for delivery reports about one letter (VERP).

    ``use`` is "bounce" for a row of notice_recipients and "letter" for a row of the outbox.

    The address is returned unchanged when its local part would be longer than 64 octets. A report
    about such a letter is recognised by the returned letter in it.
    """
    local, _, domain = address.rpartition("@")
    made = f"{local.partition('+')[0]}+b-{_row_token(secrets[0], use, row_id)}"
    return f"{made}@{domain}" if len(made.encode()) <= _MAX_LOCAL_PART else address


def read_bounce_addresses(
    secrets: Sequence[bytes], keys: Iterable[str], use: str = "bounce"
) -> tuple[int, ...]:
    """Return the rows that the valid bounce addresses name, in order, each once."""
    matches = (_BOUNCE.match(key.lower()) for key in keys)
    rows = (_row(secrets, use, match[1], match[2]) for match in matches if match)
    return tuple(dict.fromkeys(row for row in rows if row is not None))
