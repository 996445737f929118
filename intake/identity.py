"""Message + evidence + known contacts -> Sender: the level that was proved, and who it is.

The From address alone identifies; nothing but evidence authenticates it. To, Cc, Reply-To,
Sender, display names and the body play no part.

Levels: L3 dmarc=pass and a passing DKIM signature of the author's domain; L2 dmarc=pass;
L1 nothing that counts; L0 dmarc=fail; LT the check could not be made for now.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from intake import authres
from intake.addresses import Mailbox, ascii_lower
from intake.known import Contact, Known
from intake.message import Message
from intake.proof import NO_PROOF, Proof

_SEALER = re.compile(r"(?:^|;)(\s{0,10}d\s{0,10}=\s{0,10})([A-Za-z0-9.-]{1,253})")
_BY = re.compile(r"(?:^|\s)by\s{1,20}([A-Za-z0-9.-]{1,255})")
LEVELS = ("L0", "LT", "L1", "L2", "L3")


@dataclass(frozen=True, slots=True)
class Trust:
    """Whose Authentication-Results are believed for one mailbox; empty means nobody's."""

    authserv_ids: tuple[str, ...] = ()  # lower case; "" stands for a field without an id
    received_above: int = 0  # Received fields of other servers of ours that may stand above it
    fields: int = 1  # Authentication-Results fields that our servers write into one mail
    arc_sealers: tuple[str, ...] = ()  # domains whose word about a forwarded mail is believed


@dataclass(frozen=True, slots=True)
class Sender:
    """Who wrote, as far as it was proved."""

    level: str  # one of LEVELS
    address: str  # Address.key of the one From; empty when the gate refused it
    contact: Contact | None  # the one contact with that stored address, active or not
    ambiguous: bool  # two contacts share the address
    evidence: tuple[str, ...]  # what was looked at, and what was set aside with its reason
    released_by: str = ""  # the person who vouched for the sender of a held mail
    proof: Proof = NO_PROOF  # our own look at the signatures

    @property
    def proved(self) -> bool:
        """True from L2 upwards: the mail may be acted on and answered."""
        return self.level in ("L2", "L3")


def level_of(message: Message, trust: Trust) -> str:
    """The level by the trusted Authentication-Results alone."""
    if not isinstance(message.sender, Mailbox):
        return "L1"
    return _level(message, message.sender.address.domain, trust)[0]


def identify(message: Message, known: Known, trust: Trust, proof: Proof | None = None) -> Sender:
    """The sender of the message under that trust and our own proof. Total; never raises."""
    if not isinstance(message.sender, Mailbox):
        return Sender("L1", "", None, False, (f"From refused: {message.sender.detail}",))
    address = message.sender.address
    level, evidence = _level(message, address.domain, trust)
    seen = proof or NO_PROOF
    level, more = _with_proof(level, seen)
    evidence += more
    contact = known.contacts[0] if len(known.contacts) == 1 else None
    return Sender(level, address.key, contact, len(known.contacts) > 1, tuple(evidence), proof=seen)


def _with_proof(level: str, proof: Proof) -> tuple[str, list[str]]:
    """A signature of our own reading raises L2; one over another body takes dmarc=pass back."""
    words = [
        f"DKIM {one.domain or '?'}: {one.result}{', ' + one.reason if one.reason else ''}"
        for one in proof.signatures
    ]
    if level not in ("L2", "L3"):
        return level, words
    if proof.broken is not None:
        return "L1", [*words, "the server says dmarc=pass and the body is not the one signed"]
    if proof.good is not None and level == "L2":
        return "L3", [*words, f"signed by {proof.good.domain}, verified by us"]
    return level, words


def released(sender: Sender, who: str) -> Sender:
    """The sender of a held mail that a person vouches for: as good as signed, and on record."""
    words = f"released by {who}; the mail itself proved {sender.level}"
    return replace(sender, level="L3", evidence=(*sender.evidence, words), released_by=who)


def _level(message: Message, domain: str, trust: Trust) -> tuple[str, list[str]]:
    if not trust.authserv_ids:
        return "L1", ["no authserv-id is trusted for this mailbox, so nothing can prove a sender"]
    field, evidence = _trusted_field(message, trust)
    if field is None:
        return "L1", [*evidence, "no Authentication-Results field of a trusted id"]
    verdicts = {result.result for result in field.results if result.method == "dmarc"}
    shown = "; ".join(f"{r.method}={r.result}" for r in field.results)
    evidence.append(f"{field.authserv_id or '(no id)'}: {shown}"[:500])
    if len(verdicts) > 1:
        return "L1", [*evidence, "two dmarc results contradict each other"]
    verdict = next(iter(verdicts), "none")
    if verdict == "pass":
        return _passed(field, domain, evidence)
    if verdict == "none" and _forwarded(message, field, domain, trust):
        return "L2", [*evidence, "a believed forwarder saw dmarc=pass (ARC)"]
    return {"fail": "L0", "temperror": "LT"}.get(verdict, "L1"), evidence


def _forwarded(message: Message, field: authres.AuthResults, domain: str, trust: Trust) -> bool:
    """RFC 8617: an unbroken chain, sealed by believed domains only, whose first saw dmarc=pass."""
    whole = any(one.method == "arc" and one.result == "pass" for one in field.results)
    sealers = {ascii_lower(d[1]) for seal in message.all("arc-seal") for d in _SEALER.findall(seal)}
    if not whole or not sealers or not sealers <= set(trust.arc_sealers):
        return False
    for value in message.all("arc-authentication-results"):
        instance, _, rest = value.partition(";")
        if instance.strip().lower().replace(" ", "") != "i=1":
            continue
        read = authres.read(rest)
        return read is not None and any(
            one.method == "dmarc"
            and one.result == "pass"
            and ascii_lower(one.properties.get("header.from", "")) == domain
            for one in read.results
        )
    return False


def _passed(field: authres.AuthResults, domain: str, evidence: list[str]) -> tuple[str, list[str]]:
    """dmarc=pass counts for the domain it names, and only if that is the author's own."""
    named = [r.properties.get("header.from", "") for r in field.results if r.method == "dmarc"]
    if any(ascii_lower(name) != domain for name in named):
        return "L1", [*evidence, f"dmarc=pass is for {named[0] or 'no domain'!r}, not {domain!r}"]
    for result in field.results:
        signer = _signer(result)
        if result.method == "dkim" and result.result == "pass" and _aligned(signer, domain):
            return "L3", [*evidence, f"signed by {signer}"]
    return "L2", evidence


def _signer(result: authres.Result) -> str:
    identity = result.properties.get("header.i", "").rpartition("@")[2]
    return ascii_lower(result.properties.get("header.d", "") or identity)


def _aligned(signer: str, domain: str) -> bool:
    """Relaxed alignment (RFC 7489 §3.1.1) inside what dmarc=pass has already confirmed."""
    if signer.count(".") < 1:
        return False
    return signer == domain or domain.endswith(f".{signer}") or signer.endswith(f".{domain}")


def is_ours(received: str, trust: Trust) -> bool:
    """Whether the hop was written by a server that bears a trusted id (RFC 8601 §5)."""
    by = _BY.search(received.partition(";")[0])
    host = ascii_lower(by[1]).rstrip(".") if by else ""
    return any(own and (host == own or host.endswith(f".{own}")) for own in trust.authserv_ids)


def _trusted_field(message: Message, trust: Trust) -> tuple[authres.AuthResults | None, list[str]]:
    """The topmost fields of a trusted id below no foreign hop, and what was set aside.

    As many fields as our servers write count together: a DKIM and a DMARC filter write one each.
    """
    evidence: list[str] = []
    chosen: list[authres.AuthResults] = []
    received = 0
    for header in message.fields:
        received += header.name == "received" and not is_ours(header.value, trust)
        if header.name != "authentication-results":
            continue
        read = authres.read(header.value)
        if read is None:
            evidence.append("an unreadable Authentication-Results field was set aside")
        elif read.authserv_id not in trust.authserv_ids:
            evidence.append(f"Authentication-Results of {read.authserv_id!r}: not a trusted id")
        elif received > trust.received_above:
            evidence.append(
                f"Authentication-Results of {read.authserv_id!r} stands below {received} Received "
                f"fields of other servers, received_above allows {trust.received_above}"
            )
        elif len(chosen) == trust.fields:
            evidence.append("a further field of a trusted id was set aside as possibly forged")
        elif chosen and chosen[0].authserv_id != read.authserv_id:
            evidence.append(f"Authentication-Results of {read.authserv_id!r}: another id on top")
        else:
            chosen.append(read)
    if not chosen:
        return None, evidence[:20]
    results = tuple(result for one in chosen for result in one.results)
    return replace(chosen[0], results=results), evidence[:20]
