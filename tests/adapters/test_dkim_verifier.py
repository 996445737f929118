"""Our own look at DKIM signatures: what proves a sender, and everything that only seems to."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import dkim
import pytest

from intake.adapters.dkim_verifier import Prover, Resolver, TemporaryDnsError, gather, organisation
from intake.authentication.alignment import Trust
from intake.authentication.dkim import Proof, Signature, flaw
from intake.authentication.sender import identify
from intake.mail.limits import Limits
from intake.mail.message import Arrival, Message, read
from intake.triage.decision import decide
from tests.support import values
from tests.support.dkim_mail import HEADERS, key
from tests.support.values import AUTHSERV, COMPLETE, KNOWN, POLICY, SIGNED, fields, message

NOW = datetime.now(UTC)  # dkimpy stamps its signatures with the present moment

MAIL = (
    b"From: Zack Morris <zack.morris@mail.bayside.example>\r\nTo: support@desk.example\r\n"
    b"Subject: Snow day\r\nDate: Tue, 3 Mar 2026 16:00:00 +0000\r\n"
    b"Message-ID: <1@bayside.example>\r\n"
    b"MIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\nHow is a snow day set up?\r\n"
)

pytestmark = pytest.mark.skipif(not shutil.which("openssl"), reason="keys are made with openssl")


def signed(
    raw: bytes = MAIL, bits: int = 2048, domain: bytes = b"bayside.example", **more: object
) -> bytes:
    """The mail with a signature on top."""
    options = {"include_headers": HEADERS, **more}
    return bytes(dkim.sign(raw, b"s1", domain, key(bits)[0], **options)) + raw


def zone(bits: int = 2048, extra: bytes = b"") -> Callable[[str], bytes | None]:
    """DNS with that key under every selector."""
    return lambda name: b"v=DKIM1; k=rsa; " + extra + b"p=" + key(bits)[1]


def mail(raw: bytes) -> Message:
    """The mail as read."""
    arrival = Arrival("support", 1, 1, NOW, hashlib.sha256(raw).hexdigest(), len(raw), raw)
    made = read(arrival, Limits())
    assert isinstance(made, Message)
    return made


def look(raw: bytes, ask: Callable[[str], bytes | None] | None = None) -> Proof:
    """What the mail's signatures prove."""
    return gather(mail(raw), raw, ask or zone())


def test_a_good_signature_of_the_authors_organisation_proves() -> None:
    """Signed by the organisation, written from a host below it."""
    found = look(signed())
    assert found.good is not None
    assert (found.good.result, found.good.aligned, found.good.key_bits) == ("pass", True, 2048)
    assert len(found.good.answer) == 64


def _spoiled(old: bytes, new: bytes) -> bytes:
    raw = signed()
    assert old in raw
    return raw.replace(old, new)


def expired() -> bytes:
    """A signature that says it was good until an hour ago."""
    moment = int((NOW - timedelta(hours=1)).timestamp())
    raw = re.sub(rb"bh=", b"x=%d; bh=" % moment, signed(), count=1)
    assert b"x=%d" % moment in raw
    return raw


BAD: dict[str, tuple[Callable[[], bytes], Callable[[str], bytes | None] | None, str]] = {
    "another body": (lambda: _spoiled(b"How is", b"Why is"), None, "body-hash"),
    "another subject": (lambda: _spoiled(b"Subject: Snow", b"Subject: Slow"), None, "fail"),
    "a foreign signer": (lambda: signed(domain=b"attack.example"), None, "pass"),
    "a short key": (lambda: signed(bits=1024), zone(1024), "pass"),
    "the wrong key": (signed, lambda name: b"v=DKIM1; p=" + key(1024)[1], "fail"),
    "a test key": (signed, zone(extra=b"t=y; "), "ignored"),
    "no key": (signed, lambda name: None, "fail"),
    "a revoked key": (signed, lambda name: b"v=DKIM1; p=", "fail"),
    "an open end": (lambda: signed(length=True) + b"added\r\n", None, "ignored"),
    "the subject unsigned": (lambda: signed(include_headers=[b"from", b"to"]), None, "ignored"),
    "sha1": (lambda: _spoiled(b"a=rsa-sha256", b"a=rsa-sha1"), None, "ignored"),
    "a NUL in the selector": (lambda: _spoiled(b"s=s1", b"s=s1=00.x"), None, "ignored"),
    "a bracket in the domain": (
        lambda: _spoiled(b"d=bayside.example", b"d=bayside.example(.attack.example"), None,
        "ignored",
    ),
    "a tag twice": (lambda: _spoiled(b"s=s1;", b"s=s1; s=s2;"), None, "ignored"),
    "expired": (expired, None, "ignored"),
    "made tomorrow": (lambda: re.sub(rb" t=\d+", b" t=9999999999", signed()), None, "ignored"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_only_seems_to_prove_does_not(name: str) -> None:
    """Each with the result it is stored with."""
    make, ask, result = BAD[name]
    found = look(make(), ask)
    assert found.good is None
    assert [one.result for one in found.signatures] == [result]


def test_a_temporary_error_is_no_missing_key() -> None:
    """It is said as such, so that the mail can wait."""

    def away(name: str) -> bytes | None:
        raise TemporaryDnsError(name)

    found = look(signed(), away)
    assert [one.result for one in found.signatures] == ["temperror"]
    assert found.waits
    assert found.good is None


def test_a_good_signature_behind_a_broken_one_counts() -> None:
    """Every signature is looked at, five at most."""
    broken = signed().replace(b"How is", b"Why is").split(b"From:")[0]
    found = look(broken + signed())
    assert [one.result for one in found.signatures][-1] == "pass"
    assert found.good is not None
    assert found.broken is None
    assert len(look(broken * 9 + signed()).signatures) == 5


def test_an_added_field_breaks_what_was_signed_twice_or_is_refused_before() -> None:
    """A second From never reaches this room: the mail is refused as a whole."""
    raw = b"From: boss@bayside.example\r\n" + signed()
    arrival = Arrival("support", 1, 1, NOW, "d", len(raw), raw)
    assert not isinstance(read(arrival, Limits()), Message)


BY_SPF = "spf=pass smtp.mailfrom=zack@bayside.example"


@pytest.mark.parametrize(
    ("verdict", "proof", "level"),
    [
        (f"{BY_SPF}; dkim=none; dmarc=pass header.from=bayside.example", "good", "L3"),
        (f"{BY_SPF}; dkim=none; dmarc=pass header.from=bayside.example", "foreign", "L2"),
        (f"{BY_SPF}; dkim=none; dmarc=pass header.from=bayside.example", "broken", "L1"),
        ("dkim=none; dmarc=pass header.from=bayside.example", "foreign", "L1"),
        (
            "dkim=pass header.d=bayside.example; dmarc=pass header.from=bayside.example",
            "broken",
            "L1",
        ),
        ("dmarc=none", "good", "L2"),
        ("dmarc=fail", "good", "L0"),
        ("dmarc=temperror", "good", "LT"),
    ],
)
def test_our_own_look_raises_only_what_the_server_vouches_for(
    verdict: str, proof: str, level: str
) -> None:
    """L2 becomes L3; a body that was not signed takes dmarc=pass back; nothing else moves."""
    one = Signature("bayside.example", "s1", "rsa-sha256", "pass", "", 2048, aligned=True)
    seen = {
        "good": one,
        "foreign": replace(one, domain="attack.example", aligned=False),
        "broken": replace(one, result="body-hash"),
    }[proof]
    said = message(fields=fields(("authentication-results", f"{AUTHSERV}; {verdict}")))
    sender = identify(said, KNOWN, Trust((AUTHSERV,)), Proof((seen,), looked=True))
    assert sender.level == level
    assert any("DKIM" in line for line in sender.evidence)


SEAL = "i=1; a=rsa-sha256; d=forwarder.example; s=arc; cv=none; b=x"

SAW = "i=1; mx.forwarder.example; dmarc=pass header.from=bayside.example"


@pytest.mark.parametrize(
    ("changes", "level"),
    [
        ({}, "L2"),
        ({"sealers": ("other.example",)}, "L1"),
        ({"sealers": ()}, "L1"),
        ({"verdict": "arc=fail; dmarc=none"}, "L1"),
        ({"verdict": "arc=pass; dmarc=fail"}, "L0"),
        ({"saw": SAW.replace("dmarc=pass", "dmarc=fail")}, "L1"),
        ({"saw": SAW.replace("bayside", "riverdale")}, "L1"),
        ({"saw": SAW.replace("i=1", "i=2")}, "L1"),
        ({"more": ("arc-seal", SEAL.replace("forwarder", "attack").replace("i=1", "i=2"))}, "L1"),
    ],
)
def test_a_forwarder_is_believed_only_from_the_list(changes: dict[str, object], level: str) -> None:
    """A whole chain, every sealer on the list, and the first saw dmarc=pass for the author."""
    verdict = changes.get("verdict", "arc=pass; dmarc=none")
    more = [changes["more"]] if "more" in changes else []
    said = message(
        fields=fields(
            ("authentication-results", f"{AUTHSERV}; {verdict}"),
            ("arc-seal", SEAL),
            ("arc-authentication-results", str(changes.get("saw", SAW))),
            *more,  # type: ignore[arg-type]  # a pair of texts
        )
    )
    sealers = changes.get("sealers", ("forwarder.example",))
    trust = Trust((AUTHSERV,), arc_sealers=sealers)  # type: ignore[arg-type]  # a tuple of texts
    assert identify(said, KNOWN, trust).level == level


def test_a_stranger_cannot_make_us_ask() -> None:
    """Only what the server said dmarc=pass of is looked up, and nothing when it is switched off."""
    asked: list[str] = []

    class Counting(Resolver):
        def txt(self, name: str) -> bytes | None:
            asked.append(name)
            return zone()(name)

    raw = signed()
    trust = {"support": Trust((AUTHSERV,))}
    own = f"Authentication-Results: {AUTHSERV}; ".encode()
    passed = own + BY_SPF.encode() + b"; dmarc=pass header.from=mail.bayside.example\r\n" + raw
    for text, mode, wanted in (
        (raw, "always", False), (passed, "off", False), (passed, "upgrade", True),
        (own + b"dmarc=fail\r\n" + raw, "always", False), (MAIL, "always", False),
    ):  # fmt: skip
        asked.clear()
        found = Prover(Counting(), mode, trust).proof(mail(text), lambda digest, text=text: text)
        assert bool(asked) is found.looked is wanted


@pytest.mark.parametrize(
    ("domain", "wanted"),
    [
        ("mail.my-district.k12.mn.us", "my-district.k12.mn.us"),
        ("a.b.bayside.example", "bayside.example"),
        ("x.co.uk", "x.co.uk"),
        ("co.uk", "co.uk"),
    ],
)
def test_organisations_follow_the_public_suffix_list(domain: str, wanted: str) -> None:
    """School districts live under suffixes of many labels."""
    assert organisation(domain) == wanted


def test_an_old_signature_may_be_an_old_mail_sent_again() -> None:
    """More than seven days is too old; a clock an hour ahead is not."""
    tags = {"d": "a.example", "s": "x", "a": "rsa-sha256", "h": "from:to:subject:date:message-id"}
    at = int(NOW.timestamp())
    assert flaw(tags | {"t": str(at + 1800)}, ["from"], NOW) == ""
    assert "7 days" in flaw(tags | {"t": str(at - 8 * 86400)}, ["from"], NOW)
    assert "no number" in flaw(tags | {"x": "never"}, ["from"], NOW)
    assert "not signed: content-type" in flaw(tags, ["from", "content-type"], NOW)


def test_a_resolver_that_answers_nothing_is_temporary() -> None:
    """Nobody listens there: no record was absent, none was seen."""
    with pytest.raises(TemporaryDnsError):
        Resolver(0.2, "127.0.0.1:9").txt("s1._domainkey.bayside.example")


def test_a_risky_request_waits_for_dns_and_not_for_ever() -> None:
    """Within the hours of the policy it is deferred, then asked for a signed mail."""
    waits = Proof(
        (Signature("bayside.example", "s1", "rsa-sha256", "temperror", aligned=True),), True
    )
    sender = replace(SIGNED, level="L2", proof=waits)
    risky = replace(COMPLETE, type="data_restore")
    decision = decide(message(), sender, risky, KNOWN, POLICY, values.NOW)
    assert (decision.action, decision.rule, decision.letters) == ("defer", "R14", ())
    later = values.NOW + timedelta(hours=5)
    assert decide(message(), sender, risky, KNOWN, POLICY, later).action == "hold"
    plain = decide(message(), sender, COMPLETE, KNOWN, POLICY, values.NOW)
    assert plain.action == "create"
