"""Verifies DKIM signatures with DNS, within limits; other modules judge what they prove.

DNS is queried only for mails that trusted Authentication-Results already prove, and for mails from
domains of contacts about whose signatures the server says nothing; so a stranger causes no
look-ups. Answers are cached for minutes. A temporary error is distinguished
from a missing record.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.metadata import version
from threading import Lock

import dkim
import dns.exception
import dns.name
import dns.resolver
from publicsuffixlist import PublicSuffixList

from intake.authentication.alignment import Trust
from intake.authentication.dkim import Proof, Signature, flaw, is_domain, read_tags
from intake.authentication.sender import level_of, may_prove, naming_us
from intake.mail.addresses import Mailbox
from intake.mail.message import Message

MAX_SIGNATURES = 5
MAX_RECORD_BYTES = 4096
MAX_CACHED = 10_000
CACHE_SECONDS = 300
_NONE = dns.resolver.NXDOMAIN, dns.resolver.NoAnswer


class TemporaryDnsError(Exception):
    """No DNS answer for now; the mail is tried again later."""


Ask = Callable[[str], bytes | None]  # name -> TXT record, None if there is none


@dataclass(slots=True)
class Resolver:
    """TXT look-ups by the system's resolver or a given server, with time limit and cache."""

    seconds: float = 5.0  # for one name
    server: str = ""  # "127.0.0.1:5353"; empty: the system's resolver
    _memory: dict[str, tuple[float, bytes | None]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def txt(self, name: str) -> bytes | None:
        """The TXT record of that name. Raises TemporaryDnsError."""
        now = time.monotonic()
        with self._lock:
            kept = self._memory.get(name)
        if kept is not None and now - kept[0] < CACHE_SECONDS:
            return kept[1]
        found = self._ask(name)
        with self._lock:
            if len(self._memory) >= MAX_CACHED:
                self._memory.clear()
            self._memory[name] = (now, found)
        return found

    def _ask(self, name: str) -> bytes | None:
        try:
            asked = dns.name.from_text(name if name.endswith(".") else f"{name}.")
            answer = self._resolver().resolve(asked, "TXT", lifetime=self.seconds, search=False)
        except _NONE:
            return None
        except (dns.exception.DNSException, OSError, ValueError) as error:
            raise TemporaryDnsError(f"{name}: {error}") from error
        records = [b"".join(row.strings) for row in answer]
        return records[0][:MAX_RECORD_BYTES] if len(records) == 1 else None

    def _resolver(self) -> dns.resolver.Resolver:
        if not self.server:
            return dns.resolver.Resolver()
        host, _, port = self.server.rpartition(":")
        made = dns.resolver.Resolver(configure=False)
        made.nameservers, made.port = [host], int(port)
        return made


@dataclass(frozen=True, slots=True)
class Prover:
    """Verifies a mail's signatures if the configuration and the mail's level require it."""

    resolver: Resolver
    mode: str  # "off", "upgrade" (only where it may raise L2), "always" (to find contradictions)
    trust: Mapping[str, Trust]  # by mailbox name

    def proof(
        self, mail: Message, read: Callable[[str], bytes], *, registered: bool = False
    ) -> Proof:
        """What the signatures prove; ``read`` returns the raw mail of a digest. Never raises.

        ``registered``: a contact has an address at the author's domain, so a server's silence about
        signatures is made up for.
        """
        if self.mode == "off" or not mail.all("dkim-signature"):
            return Proof()
        trust = self.trust.get(mail.mailbox, Trust())
        level = level_of(mail, trust)
        looks = level == "L2" or (level == "L3" and self.mode == "always")
        if looks or (registered and may_prove(mail, trust)):
            return gather(mail, read(mail.digest), self.resolver.txt, trust)
        return Proof()


def gather(mail: Message, raw: bytes, ask: Ask, trust: Trust | None = None) -> Proof:
    """All signatures of the mail, at most five, each verified or with the reason why not."""
    if not isinstance(mail.sender, Mailbox):
        return Proof(looked=True)
    present = [header.name for header in mail.fields]
    named = naming_us(mail, trust or Trust())
    found = []
    for number, value in enumerate(mail.all("dkim-signature")[:MAX_SIGNATURES]):
        tags = read_tags(value)
        domain = tags.get("d", "").lower()
        plain = is_domain(domain)
        base = Signature(
            domain=domain[:253],
            selector=tags.get("s", "").lower()[:253],
            algorithm=tags.get("a", "").lower()[:30],
            result="ignored",
            reason=flaw(tags, present, mail.received_at, named),
            aligned=plain and organisation(domain) == organisation(mail.sender.address.domain),
            tags={name: tags[name][:500] for name in ("h", "l", "t", "x") if name in tags},
        )
        found.append(_verified(base, raw, number, ask) if not base.reason else base)
    return Proof(tuple(found), looked=True)


def _verified(one: Signature, raw: bytes, number: int, ask: Ask) -> Signature:
    """Verifies the signature with dkimpy and adds data from its key record."""
    seen: list[bytes] = []

    def txt(name: bytes, timeout: int = 5) -> bytes | None:
        record = ask(name.decode("ascii", "replace"))
        seen.append(record or b"")
        return record

    verifier = dkim.DKIM(raw, minkey=1024)
    try:
        good = verifier.verify(number, dnsfunc=txt)
    except TemporaryDnsError as error:
        return _with(one, "temperror", str(error)[:200])
    except dkim.ValidationError as error:
        body = "body hash mismatch" in str(error)
        return _with(one, "body-hash" if body else "fail", str(error)[:200], seen)
    except (dkim.DKIMException, ValueError, TypeError, IndexError, KeyError) as error:
        return _with(one, "permerror", f"{type(error).__name__}: {error}"[:200], seen)
    record = seen[-1] if seen else b""
    if b"y" in _flags(record):
        return _with(one, "ignored", "the key is a test key (t=y)", seen)
    bits = int(getattr(verifier, "keysize", 0) or 0)
    return _with(one, "pass" if good else "fail", "" if good else "no match", seen, bits)


def _flags(record: bytes) -> list[bytes]:
    parts = (part.partition(b"=") for part in record.split(b";"))
    flags = next((value for name, _, value in parts if name.strip() == b"t"), b"")
    return [flag.strip() for flag in flags.split(b":")]


def _with(
    one: Signature, result: str, reason: str, seen: list[bytes] | None = None, bits: int = 0
) -> Signature:
    answer = hashlib.sha256(seen[-1]).hexdigest() if seen else ""
    return replace(one, result=result, reason=reason, key_bits=bits, answer=answer)


SUFFIX_LIST = f"publicsuffixlist {version('publicsuffixlist')}"


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


def organisation(domain: str) -> str:
    """The organisational domain (RFC 7489 §3.2), or the domain itself if there is none."""
    return str(_suffixes().privatesuffix(domain) or domain)
