"""The results of a mail's DKIM signatures, and which of them prove anything.

The rules are stricter than RFC 6376: a signature counts only when it covers the fields that readers
rely on, and when no text can have been added that it does not cover.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from intake.mail.mime.headers import FIRST_COUNTS

ALGORITHMS = ("rsa-sha256", "ed25519-sha256")  # RFC 8301: no sha1; RFC 8463
MIN_KEY_BITS = 2048  # of an RSA key that counts as proof; RFC 8301 requires 1024
MAX_AGE = timedelta(days=7)  # of a signature; an older one may be a replayed mail
CLOCK_SKEW = timedelta(hours=1)
NEEDED = ("from", "to", "subject", "date", "message-id")
_LDH = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z")
_SELECTOR = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\Z")
_NUMBER = re.compile(r"\d{1,12}\Z")
_SPACES = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Signature:
    """One DKIM-Signature field and its result."""

    domain: str  # d=
    selector: str  # s=
    algorithm: str  # a=
    result: str  # pass, fail, body-hash, temperror, permerror, ignored
    reason: str = ""  # why it is ignored or failed
    key_bits: int = 0
    aligned: bool = False  # same organisation as the author's domain
    answer: str = ""  # sha256 of the key record, hex
    tags: Mapping[str, str] = field(default_factory=dict)  # h, l, t, x as written

    @property
    def proves(self) -> bool:
        """Return True when it passed, is aligned with the author and has a long enough key."""
        strong = self.algorithm != "rsa-sha256" or self.key_bits >= MIN_KEY_BITS
        return self.result == "pass" and self.aligned and strong


@dataclass(frozen=True, slots=True)
class Proof:
    """All signatures that were checked. ``looked`` is False when the mail was not checked."""

    signatures: tuple[Signature, ...] = ()
    looked: bool = False

    @property
    def good(self) -> Signature | None:
        """Return a signature that proves the author's domain."""
        return next((one for one in self.signatures if one.proves), None)

    @property
    def broken(self) -> Signature | None:
        """Return an aligned signature over a different body, if no signature is good."""
        if self.good is not None:
            return None
        return next(
            (one for one in self.signatures if one.aligned and one.result == "body-hash"), None
        )

    @property
    def waits(self) -> bool:
        """Return True when DNS gave no answer for a signature that might have counted."""
        return self.good is None and any(
            one.aligned and one.result == "temperror" for one in self.signatures
        )


NO_PROOF = Proof()


def is_domain(text: str) -> bool:
    """Return True for two or more labels of lower-case letters, digits and hyphens."""
    labels = text.split(".")
    return len(text) <= 253 and len(labels) >= 2 and all(_LDH.match(label) for label in labels)


def read_tags(value: str) -> dict[str, str]:
    """Parse tag=value pairs without white space (RFC 6376 §3.2); none when a tag occurs twice."""
    pairs = [part.partition("=") for part in value.split(";") if part.strip()]
    names = [name.strip() for name, _, _ in pairs]
    if len(names) != len(set(names)):
        return {}
    return {name.strip(): _SPACES.sub("", words) for name, _, words in pairs}


def flaw(
    tags: Mapping[str, str],
    present: Sequence[str],
    received_at: datetime,
    naming_us: Collection[str] | None = None,
) -> str:
    """Return why a signature is no evidence, before DNS is asked; empty when it may be evidence.

    ``tags`` are those of the signature. ``present`` are the lower-case names of the mail's fields.
    ``naming_us`` lists those of To and Cc that name one of our addresses, or is None when we do not
    know our addresses. A mail that was signed for another recipient can be sent again to anyone.
    """
    selector = tags.get("s", "").lower().split(".")
    signed = [name.strip().lower() for name in tags.get("h", "").split(":")]
    wanted = [*NEEDED, *(["content-type"] if "content-type" in present else [])]
    missing = [name for name in wanted if name in present and name not in signed]
    if not is_domain(tags.get("d", "").lower()):
        return "d= is no plain domain"
    if not all(_SELECTOR.match(label) for label in selector):
        return "s= is no plain selector"
    if tags.get("a", "").lower() not in ALGORITHMS:
        return f"a={tags.get('a', '')[:30]} is not accepted"
    if "l" in tags:
        return "l= leaves the end of the body open"
    again = next((name for name in FIRST_COUNTS if present.count(name) > 1), "")
    if again:
        return f"{again} stands twice"
    if missing:
        return f"not signed: {', '.join(missing)}"
    if naming_us is not None and not set(naming_us) & set(signed):
        return "no signed To or Cc names us"
    return _times(tags, received_at)


def _times(tags: Mapping[str, str], received_at: datetime) -> str:
    """Check that the mail is not older than the signature, not expired, and not much later."""
    for name in ("t", "x"):
        if name in tags and not _NUMBER.match(tags[name].strip()):
            return f"{name}= is no number"
    now = received_at.timestamp()
    made = int(tags["t"]) if "t" in tags else None
    if made is not None and made > now + CLOCK_SKEW.total_seconds():
        return "t= lies ahead"
    if made is not None and now - made > MAX_AGE.total_seconds():
        return "t= is more than 7 days old"
    if "x" in tags and int(tags["x"]) < now:
        return "x= has passed"
    return ""
