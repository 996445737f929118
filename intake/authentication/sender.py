"""Determine the Sender from a Message, its evidence and the known contacts: level and identity.

Only the From address identifies a sender. Only evidence authenticates that address. To, Cc,
Reply-To, Sender, display names and the body have no influence.

Levels: L3 dmarc=pass and a passing DKIM signature of the author's domain; L2 dmarc=pass, or what
DMARC would accept of a domain that publishes no policy, or our own verification of a signature;
L1 no evidence that counts; L0 dmarc=fail; LT the check was not possible for now.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from intake.authentication import authres
from intake.authentication.alignment import (
    Trust,
    aligned,
    alignment,
    envelope_doubt,
    proves_without_policy,
    signer_of,
)
from intake.authentication.dkim import NO_PROOF, Proof, flaw, is_domain, read_tags
from intake.mail.addresses import Mailbox, ascii_lower, without_plus
from intake.mail.message import Message
from intake.model.accounts import Contact
from intake.model.context import Known

_INSTANCE = re.compile(r"\s")
_BY = re.compile(r"(?:^|\s)by\s{1,20}([A-Za-z0-9.-]{1,255})")
LEVELS = ("L0", "LT", "L1", "L2", "L3")


@dataclass(frozen=True, slots=True)
class Sender:
    """Who wrote the mail, as far as it was proved."""

    level: str  # one of LEVELS
    address: str  # Address.key of the one From; empty when the gate refused it
    contact: Contact | None  # the one contact with that stored address, active or not
    ambiguous: bool  # two contacts share the address
    evidence: tuple[str, ...]  # what was looked at, and what was set aside with its reason
    released_by: str = ""  # the person who vouched for the sender of a held mail
    proof: Proof = NO_PROOF  # our own look at the signatures
    conflict: bool = False  # two proofs contradict each other, and nothing makes up for that
    details: Mapping[str, object] = field(default_factory=dict)  # the field used, the alignment

    @property
    def proved(self) -> bool:
        """Return True from L2 upwards: the mail may be acted on and answered."""
        return self.level in ("L2", "L3")


@dataclass(slots=True)
class _Finding:
    """The result of the trusted fields so far."""

    level: str = "L1"
    policy: bool = False  # dmarc=pass was said
    silent: bool = False  # no policy, and no word about signatures: our own look may prove it
    evidence: list[str] = field(default_factory=list)
    conflict: bool = False
    details: dict[str, object] = field(default_factory=dict)

    def at(self, level: str, *words: str) -> _Finding:
        """Set the level and add the reasons."""
        self.level = level
        self.evidence.extend(words)
        return self


def level_of(message: Message, trust: Trust) -> str:
    """Return the level that the trusted Authentication-Results alone give."""
    if not isinstance(message.sender, Mailbox):
        return "L1"
    return _level(message, message.sender.address.domain, trust).level


def identify(message: Message, known: Known, trust: Trust, proof: Proof | None = None) -> Sender:
    """Return the sender of the message, given the trusted servers and our own proof.

    Never raises.
    """
    if not isinstance(message.sender, Mailbox):
        return Sender("L1", "", None, False, (f"From refused: {message.sender.detail}",))
    address = message.sender.address
    own = NO_PROOF if message.through else proof or NO_PROOF  # the signatures belong to the list
    found = _with_proof(_level(message, address.domain, trust), own)
    contact = known.contacts[0] if len(known.contacts) == 1 else None
    return Sender(
        level=found.level,
        address=address.key,
        contact=contact,
        ambiguous=len(known.contacts) > 1,
        evidence=tuple(found.evidence),
        proof=own,
        conflict=found.conflict,
        details=found.details,
    )


def _with_proof(found: _Finding, proof: Proof) -> _Finding:
    """Raise L2 to L3 for a verified signature; lower the level when one covers another body."""
    found.evidence += [
        f"DKIM {one.domain or '?'}: {one.result}{', ' + one.reason if one.reason else ''}"
        for one in proof.signatures
    ]
    if found.silent and found.level == "L1" and proof.good is not None:
        return found.at("L2", f"signed by {proof.good.domain}, verified by us")
    if found.level not in ("L2", "L3"):
        return found
    if proof.broken is not None:
        found.conflict = True
        return found.at("L1", "the server says pass and the body is not the one signed")
    if proof.good is not None and found.level == "L2" and found.policy:
        return found.at("L3", f"signed by {proof.good.domain}, verified by us")
    return found


def released(sender: Sender, who: str) -> Sender:
    """Return the sender of a held mail that an operator vouches for; it counts as signed."""
    words = f"released by {who}; the mail itself proved {sender.level}"
    return replace(sender, level="L3", evidence=(*sender.evidence, words), released_by=who)


def _level(message: Message, domain: str, trust: Trust) -> _Finding:
    found = _Finding()
    if not trust.authserv_ids:
        words = "no authserv-id is trusted for this mailbox, so nothing can prove a sender"
        return found.at("L1", words)
    chosen = _trusted_field(message, trust, found)
    if chosen is None:
        found.silent = not trust.require_policy
        return found.at("L1", "no Authentication-Results field of a trusted id")
    verdicts = {result.result for result in chosen.results if result.method == "dmarc"}
    shown = "; ".join(f"{r.method}={r.result}" for r in chosen.results)
    found.evidence.append(f"{chosen.authserv_id or '(no id)'}: {shown}"[:500])
    if len(verdicts) > 1:
        found.conflict = True
        return found.at("L1", "two dmarc results contradict each other")
    verdict = next(iter(verdicts), "none")
    if message.through:
        return _through_list(message, chosen, domain, trust, found)
    if verdict == "pass":
        found.policy = True
        return _passed(message, chosen, domain, trust, found)
    if verdict == "none" and _forwarded(message, chosen, domain, trust):
        return found.at("L2", "a believed forwarder saw dmarc=pass (ARC)")
    if verdict in ("fail", "temperror"):
        return found.at("L0" if verdict == "fail" else "LT")
    return _no_policy(chosen, domain, trust, found)


def _through_list(
    message: Message, field: authres.AuthResults, domain: str, trust: Trust, found: _Finding
) -> _Finding:
    """Judge the author behind a list: the verdict itself is about the list."""
    verdict = next((one.result for one in field.results if one.method == "dmarc"), "none")
    if verdict in ("pass", "none") and _forwarded(message, field, domain, trust):
        return found.at("L2", f"a believed forwarder saw dmarc=pass before {message.through}")
    return found.at("L1", f"nothing proves the author behind the list {message.through}")


def _no_policy(field: authres.AuthResults, domain: str, trust: Trust, found: _Finding) -> _Finding:
    """Judge a mail whose domain publishes no policy, or whose server does not speak of DMARC."""
    if trust.require_policy:
        return found.at("L1")
    why = proves_without_policy(field, domain, trust)
    if why:
        return found.at("L2", f"no DMARC policy; {why}")
    found.silent = not any(one.method == "dkim" for one in field.results)
    return found.at("L1")


def may_prove(message: Message, trust: Trust) -> bool:
    """Return whether our own look at the signatures could raise the mail from L1."""
    if not isinstance(message.sender, Mailbox) or message.through:
        return False
    found = _level(message, message.sender.address.domain, trust)
    return found.silent and found.level == "L1"


def _forwarded(message: Message, field: authres.AuthResults, domain: str, trust: Trust) -> bool:
    """Return whether trusted forwarders saw dmarc=pass (RFC 8617).

    The ARC chain must be unbroken and sealed by trusted domains only; its first link must have seen
    dmarc=pass.
    """
    whole = any(one.method == "arc" and one.result == "pass" for one in field.results)
    seals = [read_tags(seal) for seal in message.all("arc-seal")]
    if not whole or not seals or not _each_once([tags.get("i", "") for tags in seals]):
        return False
    sealers = {ascii_lower(tags.get("d", "")) for tags in seals}
    if not all(map(is_domain, sealers)) or not sealers <= set(trust.arc_sealers):
        return False  # an unreadable seal counts as untrusted
    seen = [value.partition(";") for value in message.all("arc-authentication-results")]
    instances = [_INSTANCE.sub("", one[0]).lower().removeprefix("i=") for one in seen]
    if sorted(instances) != sorted(tags["i"] for tags in seals):
        return False
    read = authres.read(seen[instances.index("1")][2])
    return read is not None and any(
        one.method == "dmarc"
        and one.result == "pass"
        and ascii_lower(one.properties.get("header.from", "")) == domain
        for one in read.results
    )


def _each_once(instances: Sequence[str]) -> bool:
    """Return whether the links of a chain are numbered from 1, each once (RFC 8617 §4.2.1)."""
    return sorted(instances) == sorted(str(number + 1) for number in range(len(instances)))


def _passed(
    message: Message, field: authres.AuthResults, domain: str, trust: Trust, found: _Finding
) -> _Finding:
    """Accept dmarc=pass only when it names the author's own domain or mailbox.

    RFC 8601 §2.2 allows ``header.from`` to be a whole mailbox.
    """
    named = [r.properties.get("header.from", "") for r in field.results if r.method == "dmarc"]
    author = message.sender.address.key if isinstance(message.sender, Mailbox) else domain
    if any(ascii_lower(name) not in (domain, author) for name in named):
        return found.at("L1", f"dmarc=pass is for {named[0] or 'no domain'!r}, not {domain!r}")
    signed, odd = False, ""
    for result in field.results:
        signer = signer_of(result)
        if result.method != "dkim" or result.result != "pass":
            continue
        if signer and not is_domain(f"x.{signer}"):
            odd = f"dkim=pass of {signer[:100]!r}, which is no plain domain"
            found.evidence.append(odd)
        elif aligned(signer, domain, trust):
            signed = True
            found.details["alignment"] = alignment(signer, domain, trust)
            weak = _weakness(message, signer, result.properties.get("header.s", ""), trust)
            if not weak:
                return found.at("L3", f"signed by {signer}")
            found.evidence.append(f"the signature of {signer} is a weak one: {weak}")
    doubt = "" if signed else envelope_doubt(field, domain, trust, odd)
    return found.at("L1", doubt) if doubt else found.at("L2")


def _weakness(message: Message, signer: str, selector: str, trust: Trust) -> str:
    """Return why a signature that passed may cover another mail; empty when it cannot.

    If the mail has no signature, the server's result is the only evidence. If it has some, one of
    them must be the one that the result names.
    """
    signatures = message.all("dkim-signature")
    present = [header.name for header in message.fields]
    flaws = [
        flaw(tags, present, message.received_at, naming_us(message, trust))
        for tags in map(read_tags, signatures)
        if _is_meant(tags, signer, selector)
    ]
    if signatures and not flaws:
        return "no signature in the mail is the one that the server speaks of"
    return next((why for why in flaws if why), "")


def _is_meant(tags: Mapping[str, str], signer: str, selector: str) -> bool:
    """Return whether the server's result is about this signature.

    Its d= or the domain of its i= must match, and the selector if the result names one. Names are
    compared without case; i= must be within d= (RFC 6376 §3.5).
    """
    domain = ascii_lower(tags.get("d", ""))
    identity = ascii_lower(tags.get("i", "").rpartition("@")[2])
    within = identity == domain or identity.endswith(f".{domain}")
    named = signer == domain or (bool(domain) and within and signer == identity)
    return named and ascii_lower(selector) in ("", ascii_lower(tags.get("s", "")))


def signature_hashes(message: Message) -> tuple[str, ...]:
    """Return the sha256 of each DKIM signature of the author's domain, hex, the topmost first.

    A mail that is sent again has the same hashes, whatever fields were added above it.
    """
    if not isinstance(message.sender, Mailbox):
        return ()
    domain = message.sender.address.domain
    found = [
        hashlib.sha256(tags["b"].encode("latin-1", "replace")).hexdigest()
        for tags in map(read_tags, message.all("dkim-signature"))
        if tags.get("b") and aligned(ascii_lower(tags.get("d", "")), domain, Trust())
    ]
    return tuple(found)


def naming_us(message: Message, trust: Trust) -> tuple[str, ...] | None:
    """Return which of To and Cc names one of our addresses; None when we do not know ours."""
    if not trust.own:
        return None
    ours = {without_plus(key) for key in trust.own}
    fields = {"to": message.to, "cc": message.cc}
    return tuple(name for name, keys in fields.items() if _any_of(keys, ours))


def _any_of(keys: Iterable[str], ours: set[str]) -> bool:
    return any(without_plus(key) in ours for key in keys)


def is_ours(received: str, trust: Trust) -> bool:
    """Return whether a server with a trusted id wrote that Received field (RFC 8601 §5)."""
    by = _BY.search(received.partition(";")[0])
    host = ascii_lower(by[1]).rstrip(".") if by else ""
    names = [own.removeprefix("*.") for own in trust.authserv_ids]
    return any(own and (host == own or host.endswith(f".{own}")) for own in names)


def _trusted_field(message: Message, trust: Trust, found: _Finding) -> authres.AuthResults | None:
    """Return the topmost fields with a trusted id below no foreign hop; record the ignored ones.

    At most ``trust.fields`` fields count, and one hop must have written them: a DKIM and a DMARC
    filter write one field each, some with their own ids.
    """
    evidence: list[str] = []
    chosen: list[authres.AuthResults] = []
    used: list[dict[str, object]] = []
    received = hops = first_hop = 0
    for index, header in enumerate(message.fields):
        hops += header.name == "received"
        received += header.name == "received" and not is_ours(header.value, trust)
        if header.name != "authentication-results":
            continue
        read = authres.read(header.value)
        if read is None:
            evidence.append("an unreadable Authentication-Results field was set aside")
        elif not trust.trusts(read.authserv_id):
            evidence.append(f"Authentication-Results of {read.authserv_id!r}: not a trusted id")
        elif received > trust.received_above:
            evidence.append(
                f"Authentication-Results of {read.authserv_id!r} stands below {received} Received "
                f"fields of other servers, received_above allows {trust.received_above}"
            )
        elif len(chosen) == trust.fields:
            evidence.append("a further field of a trusted id was set aside as possibly forged")
        elif chosen and hops != first_hop:
            evidence.append(f"Authentication-Results of {read.authserv_id!r}: of another hop")
        else:
            first_hop = first_hop if chosen else hops
            chosen.append(read)
            used.append({"index": index, "id": read.authserv_id, "value": header.value[:2000]})
    found.evidence += evidence[:20]
    if not chosen:
        return None
    found.details["authentication_results"] = used
    results = tuple(result for one in chosen for result in one.results)
    return replace(chosen[0], results=results)
