"""Authentication-Results as mail providers and gateways write them, each with what it proves.

The author is always somebody at bayside.example. ``level`` is what the field proves, ``strict`` the
level when the operator wants a DMARC policy; ``why`` is part of the evidence that is shown. RFC
8601 stands for the examples of its appendix B, with our names in them.
"""

from __future__ import annotations

from typing import NamedTuple


class Sample(NamedTuple):
    """One mail's fields of one provider."""

    provider: str
    ids: tuple[str, ...]  # trusted
    fields: tuple[str, ...]
    level: str
    strict: str
    why: str


M, D = "smtp.mailfrom", "header.d=bayside.example"
GOOGLE = "mx.google.example"
SAMPLES = (
    # ------------------------------------------------------------------ Gmail and Workspace
    Sample("Gmail: signed, policy none", (GOOGLE,), (
        f"{GOOGLE}; dkim=pass header.i=@bayside.example header.s=s1 header.b=aBc=; spf=pass "
        f"(google.example: domain of z@bayside.example designates 192.0.2.1 as permitted "
        f"sender) {M}"
        "=z@bayside.example; dmarc=pass (p=NONE sp=NONE dis=NONE) header.from=bayside.example",),
        "L3", "L3", "signed by bayside.example"),
    Sample("Gmail: signed, no policy published", (GOOGLE,), (
        f"{GOOGLE}; dkim=pass header.i=@bayside.example header.s=s1 header.b=aBc=; spf=neutral "
        f"(google.example: 192.0.2.1 is neither permitted nor denied) {M}=z@bayside.example",),
        "L2", "L1", "no DMARC policy; signed by bayside.example"),
    Sample("Gmail: SPF alone, no policy published", (GOOGLE,), (
        f"{GOOGLE}; spf=pass (google.example: domain of z@bayside.example designates 192.0.2.1 as "
        f"permitted sender) {M}=z@bayside.example",),
        "L2", "L1", "sent with an envelope address of bayside.example"),
    Sample("Gmail: best guess", (GOOGLE,), (
        f"{GOOGLE}; spf=pass (google.example: best guess record for domain of z@bayside.example "
        f"designates 192.0.2.1 as permitted sender) {M}=z@bayside.example; dmarc=bestguesspass",),
        "L2", "L1", "envelope address"),
    Sample("Gmail: only the list service signed", (GOOGLE,), (
        f"{GOOGLE}; dkim=pass header.i=@esp.example header.s=k1 header.b=x=; spf=pass {M}="
        "bounce@esp.example; dmarc=fail (p=NONE sp=NONE dis=NONE) header.from=bayside.example",),
        "L0", "L0", "dmarc=fail"),
    # ------------------------------------------------------------------ Microsoft
    Sample("Microsoft 365: all pass", ("",), (
        f"spf=pass (sender IP is 192.0.2.1) {M}=bayside.example; dkim=pass (signature was "
        f"verified) "
        f"{D};dmarc=pass action=none header.from=bayside.example;compauth=pass reason=100",),
        "L3", "L3", "signed by bayside.example"),
    Sample("Microsoft 365: best guess", ("",), (
        f"spf=pass (sender IP is 192.0.2.1) {M}=bayside.example; dkim=none (message not signed) "
        "header.d=none;dmarc=bestguesspass action=none header.from=bayside.example;"
        "compauth=pass reason=109",), "L2", "L1", "envelope address of bayside.example"),
    Sample("Microsoft 365: a tenant's own signature", ("",), (
        f"spf=none (sender IP is 192.0.2.1) {M}=bayside.example; dkim=pass (signature was "
        f"verified) "
        "header.d=bayside.onmicrosoft.example;dmarc=none action=none header.from=bayside.example",),
        "L1", "L1", ""),
    Sample("Microsoft 365: rejected by policy, delivered to junk", ("",), (
        f"spf=fail (sender IP is 192.0.2.9) {M}=bayside.example; dkim=none (message not signed) "
        "header.d=none;dmarc=fail action=oreject header.from=bayside.example;compauth=fail",),
        "L0", "L0", "dmarc=fail"),
    Sample("Exchange Online: inside the organisation", ("",), (
        "dkim=none (message not signed) header.d=none;dmarc=none action=none "
        "header.from=bayside.example",), "L1", "L1", ""),
    # ------------------------------------------------------------------ Yahoo, Apple, Fastmail, Zoh
    Sample("Yahoo", ("*.mail.yahoo.example",), (
        "atlas-1.free.mail.yahoo.example; dkim=pass header.i=@bayside.example header.s=s1;spf=pass "
        f"{M}=bayside.example;dmarc=pass(p=QUARANTINE) header.from=bayside.example;",),
        "L3", "L3", "signed by bayside.example"),
    Sample("Yahoo: unknown to DMARC", ("*.mail.yahoo.example",), (
        "atlas-1.free.mail.yahoo.example; dkim=unknown;spf=none "
        f"{M}=bayside.example;dmarc=unknown header.from=bayside.example;",), "L1", "L1", ""),
    Sample("iCloud", ("bimi.icloud.example", "dmarc.icloud.example", "dkim-verifier.icloud.example",
                      "spf.icloud.example"), (
        "bimi.icloud.example; bimi=skipped reason=insufficient dmarc",
        "dmarc.icloud.example; dmarc=pass header.from=bayside.example",
        f"dkim-verifier.icloud.example; dkim=pass (2048-bit key) {D} header.i=@bayside.example",
        f"spf.icloud.example; spf=pass (spf.icloud.example: domain) {M}=z@bayside.example"),
        "L3", "L3", "signed by bayside.example"),
    Sample("Fastmail", ("mx3.messagingengine.example",), (
        "mx3.messagingengine.example; arc=none (no signatures found); dkim=pass (2048-bit rsa key "
        f"sha256) {D} header.i=@bayside.example header.b=Ab12; dmarc=pass "
        "policy.published-domain-policy=none header.from=bayside.example; spf=pass "
        f"{M}=z@bayside.example smtp.helo=mx.bayside.example",), "L3", "L3", "signed by"),
    Sample("Zoho", ("mx.zoho.example",), (
        "mx.zoho.example; dkim=pass; spf=pass (zoho.example: domain of bayside.example designates "
        f"192.0.2.1 as permitted sender) {M}=z@bayside.example; dmarc=pass(p=none dis=none) "
        "header.from=bayside.example",), "L2", "L2", "dmarc=pass"),
    # ------------------------------------------------------------------ Mail.ru, Yandex, GMX, Proto
    Sample("Mail.ru", ("mxs.mail.ru.example",), (
        f"mxs.mail.ru.example; spf=pass (mx.example: domain of bayside.example designates "
        f"192.0.2.1)"
        f" {M}=z@bayside.example smtp.helo=x.example; dkim=pass {D}; dmarc=pass "
        "header.from=zack@bayside.example",), "L3", "L3", "signed by bayside.example"),
    Sample("Yandex", ("mx1.yandex.example",), (
        "mx1.yandex.example; spf=pass (mx1.yandex.example: domain of bayside.example designates "
        f"192.0.2.1 as permitted sender, rule=[ip4]) {M}=z@bayside.example; dkim=pass "
        "header.i=@bayside.example",), "L2", "L1", "envelope address of bayside.example"),
    Sample("GMX", ("gmx.example",), ("gmx.example; dkim=pass header.i=@bayside.example",),
           "L2", "L1", "signed by bayside.example"),
    Sample("Proton", ("mail.protonmail.example",), (
        "mail.protonmail.example; dmarc=pass (p=reject dis=none) header.from=bayside.example",
        f"mail.protonmail.example; spf=pass {M}=bayside.example",
        f"mail.protonmail.example; dkim=pass (2048-bit key) {D} header.i=@bayside.example"),
        "L3", "L3", "signed by bayside.example"),
    # ------------------------------------------------------------------ gateways
    Sample("Proofpoint", ("ppops.net.example",), (
        f"ppops.net.example; spf=pass {M}=z@bayside.example; dkim=pass {D} header.s=s1; dmarc=pass "
        "header.from=bayside.example",), "L3", "L3", "signed by bayside.example"),
    Sample("Mimecast", ("relay.mimecast.example",), (
        f"relay.mimecast.example; dkim=pass {D} header.s=s1 header.b=abc; dmarc=pass (policy=none) "
        f"header.from=bayside.example; spf=pass (relay.mimecast.example: domain of "
        f"z@bayside.example)"
        f" {M}=z@bayside.example",), "L3", "L3", "signed by bayside.example"),
    Sample("Cisco ESA: SPF by HELO only", ("esa1.desk.example",), (
        "esa1.desk.example; dkim=neutral (message not signed) header.i=none; spf=None "
        "smtp.mailfrom=z@bayside.example; spf=Pass smtp.helo=postmaster@mx.bayside.example",),
        "L1", "L1", ""),
    Sample("MessageLabs: SPF of a service", ("r2.messagelabs.example",), (
        f"r2.messagelabs.example; spf=pass {M}=bounce@esp.example",), "L1", "L1", ""),
    # ------------------------------------------------------------------ filters on one's own server
    Sample("OpenDKIM and OpenDMARC", ("mx.desk.example",), (
        "mx.desk.example; dmarc=pass (p=none dis=none) header.from=bayside.example",
        f"mx.desk.example; dkim=pass (2048-bit key; unprotected) {D} header.i=@bayside.example "
        "header.b=x1; dkim-atps=neutral"), "L3", "L3", "signed by bayside.example"),
    Sample("OpenDKIM alone", ("mx.desk.example",), (
        f"mx.desk.example; dkim=pass (2048-bit key; secure) {D} header.i=@bayside.example",),
        "L2", "L1", "signed by bayside.example"),
    Sample("rspamd", ("mx.desk.example",), (
        f"mx.desk.example; dkim=pass {D} header.s=k header.b=Zz; dmarc=pass (policy=none) "
        f"header.from=bayside.example; spf=pass (mx.desk.example: domain) {M}=a@bayside.example",),
        "L3", "L3", "signed by bayside.example"),
    Sample("rspamd: DNS was down", ("mx.desk.example",), (
        "mx.desk.example; dkim=temperror (\"DNS error when getting key\") "
        "header.d=bayside.example; dmarc=temperror header.from=bayside.example",), "LT", "LT", ""),
    Sample("Exim", ("mx.desk.example",), (
        "mx.desk.example; iprev=pass (a.example) smtp.remote-ip=192.0.2.1; dkim=pass "
        f"{D}; dmarc = pass header.from = bayside.example",), "L3", "L3", "signed by"),
    Sample("amavisd", ("mx.desk.example",), (
        "mx.desk.example (amavisd-new); dkim=pass (2048-bit key) reason=\"pass (just generated, "
        f"assumed good)\" {D}",), "L2", "L1", "signed by bayside.example"),
    Sample("policyd-spf", ("mx.desk.example",), (
        "mx.desk.example; spf=pass (mailfrom) smtp.mailfrom=bayside.example "
        "(client-ip=192.0.2.1; helo=mx.bayside.example; envelope-from=z@bayside.example)",),
        "L2", "L1", "envelope address of bayside.example"),
    # ------------------------------------------------------------------ RFC 8601, appendix B
    Sample("RFC 8601 B.2: nothing was done", ("desk.example",), ("desk.example 1; none",),
           "L1", "L1", ""),
    Sample("RFC 8601 B.3: SPF of the envelope", ("desk.example",), (
        "desk.example; spf=pass smtp.mailfrom=bayside.example",), "L2", "L1", "envelope address"),
    Sample("RFC 8601 B.4: SMTP AUTH and SPF", ("desk.example",), (
        "desk.example; auth=pass (cram-md5) smtp.auth=z@bayside.example; spf=pass "
        "smtp.mailfrom=bayside.example",), "L2", "L1", "envelope address"),
    Sample("RFC 8601 B.5: two fields of one domain", ("desk.example",), (
        "desk.example; sender-id=fail header.from=bayside.example; dkim=pass (good signature) "
        f"{D}", "desk.example; auth=pass (cram-md5) smtp.auth=z@bayside.example; spf=fail "
        "smtp.mailfrom=bayside.example"), "L2", "L1", "signed by bayside.example"),
    Sample("RFC 8601 B.6: one signature fails, a service's passes", ("desk.example",), (
        "desk.example; dkim=pass reason=\"good signature\" header.i=@mail-router.example; "
        "dkim=fail reason=\"bad signature\" header.i=@bayside.example",), "L1", "L1", ""),
    Sample("RFC 8601: comments everywhere", ("foo.desk.example",), (
        "foo.desk.example (foobar) 1 (baz); dkim (Because I like it) / 1 (One yay) = (wait for it) "
        "fail policy (A dot can go here) . (like that) expired (this surprised me) = "
        "(as I wasn't expecting it) 1362471462",), "L1", "L1", ""),
)  # fmt: skip
