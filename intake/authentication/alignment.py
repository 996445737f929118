"""Which server is trusted, and whether a result that passed is about the author's organisation."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from intake.authentication import authres
from intake.authentication.dkim import is_domain
from intake.mail.addresses import ascii_lower

_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,255}\Z")
_ENVELOPE = ("smtp.mailfrom", "smtp.mail", "smtp.envelope-from")


@dataclass(frozen=True, slots=True)
class Trust:
    """The servers whose Authentication-Results are trusted for one mailbox; empty means none."""

    authserv_ids: tuple[str, ...] = ()  # lower case; "" means a field without an id, and
    # "*.mail.yahoo.com" for every name below that one
    received_above: int = 0  # Received fields of other servers of ours that may be above it
    fields: int = 1  # Authentication-Results fields that our servers write into one mail
    arc_sealers: tuple[str, ...] = ()  # domains that are trusted about forwarded mails
    own: tuple[str, ...] = ()  # our address keys; empty: we do not know them
    organisation: Callable[[str], str] | None = None  # domain -> organisational domain
    require_policy: bool = False  # nothing counts without dmarc=pass
    suffix_list: str = ""  # name of the list that defines organisations, for the record

    def trusts(self, authserv_id: str) -> bool:
        """Return whether that id, in lower case, is trusted."""
        return authserv_id in self.authserv_ids or any(
            one.startswith("*.") and authserv_id.endswith(one[1:]) and is_domain(authserv_id)
            for one in self.authserv_ids
        )


def envelope_doubt(field: authres.AuthResults, domain: str, trust: Trust, odd: str) -> str:
    """Return why a dmarc=pass without a signature is no proof; empty if it may be one.

    An envelope sender that is no plain address can be read in two ways. A HELO name identifies no
    author. When a signer was no plain domain (``odd``), only the envelope can have caused the pass.
    """
    passed = [one for one in field.results if one.method == "spf" and one.result == "pass"]
    senders = [
        one.properties[name] for one in passed for name in _ENVELOPE if name in one.properties
    ]
    strange = next((text for text in senders if not _is_plain(text)), None)
    if strange is not None:
        return f"spf=pass for {strange[:100]!r}, which is no plain address"
    if not senders and any("smtp.helo" in one.properties for one in passed):
        return "spf=pass is for the HELO name only"
    domains = (ascii_lower(text.strip("<>").rpartition("@")[2]) for text in senders)
    if any(aligned(one, domain, trust) for one in domains):
        return ""
    return odd or _not_borne_out(field, domain)


def _not_borne_out(field: authres.AuthResults, domain: str) -> str:
    """Return a reason if no spf or dkim result can have led to dmarc=pass; empty when uncertain.

    The verdict may be true when a pass does not say for whom it is, or when no result is beside it.
    """
    beside = [one for one in field.results if one.method in ("spf", "dkim")]
    passed = [one for one in beside if one.result == "pass"]
    silent = any(not signer_of(one) and not set(_ENVELOPE) & set(one.properties) for one in passed)
    if not beside or silent:
        return ""
    return f"dmarc=pass, and no spf or dkim beside it passed for {domain}"


def _is_plain(text: str) -> bool:
    local, at, domain = text.strip("<>").rpartition("@")
    return is_domain(ascii_lower(domain)) and (not at or _LOCAL.match(local) is not None)


def signer_of(result: authres.Result) -> str:
    """Return the domain that a dkim result names: header.d, else that of header.i."""
    identity = result.properties.get("header.i", "").rpartition("@")[2]
    return ascii_lower(result.properties.get("header.d", "") or identity)


def aligned(signer: str, domain: str, trust: Trust) -> bool:
    """Apply relaxed alignment (RFC 7489 §3.1.1), by organisation if organisations are known."""
    if not is_domain(signer):
        return False
    if trust.organisation is not None:
        return trust.organisation(signer) == trust.organisation(domain)
    return signer == domain or domain.endswith(f".{signer}") or signer.endswith(f".{domain}")


def alignment(signer: str, domain: str, trust: Trust) -> dict[str, str]:
    """Return the comparison of signer and author, for the record."""
    told = trust.organisation or (lambda name: name)
    return {
        "author": domain, "author_organisation": told(domain), "signer": signer,
        "signer_organisation": told(signer), "method": "relaxed", "by": trust.suffix_list,
    }  # fmt: skip


def proves_without_policy(field: authres.AuthResults, domain: str, trust: Trust) -> str:
    """Return what proves the author's organisation as DMARC would, were a policy published.

    Empty when nothing does: a signature of the organisation, or an envelope sender of it that SPF
    has passed (RFC 7489 §3.1, without the policy of §6.3). A HELO name proves nothing, and neither
    does a pass that does not say for whom it is.
    """
    for result in field.results:
        if result.result != "pass":
            continue
        if result.method == "dkim" and _is_of(signer_of(result), domain, trust):
            return f"signed by {signer_of(result)}"
        if result.method == "spf":
            senders = [result.properties[one] for one in _ENVELOPE if one in result.properties]
            names = {ascii_lower(one.strip("<>").rpartition("@")[2]) for one in senders}
            if len(names) == 1 and all(map(_is_plain, senders)):
                (name,) = names
                if _is_of(name, domain, trust):
                    return f"sent with an envelope address of {name}"
    return ""


def _is_of(name: str, domain: str, trust: Trust) -> bool:
    """Relaxed alignment; without a list of organisations only the very same domain counts."""
    if trust.organisation is None:
        return is_domain(name) and name == domain
    return aligned(name, domain, trust)
