"""What a server's verdicts prove, with and without a DMARC policy, against a second statement.

The second statement is naive on purpose: it looks into the parts from which the field was made, and
never at the field itself.
"""

from __future__ import annotations

from collections import Counter
from itertools import product
from typing import NamedTuple

import pytest

from intake.adapters.dkim_verifier import organisation
from intake.authentication.alignment import Trust
from intake.authentication.dkim import Proof, Signature
from intake.authentication.sender import identify, may_prove
from intake.mail.addresses import Address, Mailbox
from intake.mail.message import Header
from intake.model.context import Known
from tests.support.authres_samples import SEEN
from tests.support.values import AUTHSERV, message


class Dkim(NamedTuple):
    """A dkim clause, and whether it passed for the author's organisation."""

    text: str
    good: bool
    odd: bool = False  # for a signer that is no plain domain


class Spf(NamedTuple):
    """An spf clause, and whether it passed for an envelope address of the organisation."""

    text: str
    good: bool
    odd: bool = False  # what it is for can be read in two ways, or is a HELO name


AUTHORS = ("bayside.example", "mail.bayside.example", "school.k12.ca.us")
DKIM = {
    "none": Dkim("", False),
    "own": Dkim("dkim=pass header.d={0}", True),
    "own by i": Dkim("dkim=pass header.i=@{0}", True),
    "below": Dkim("dkim=pass header.d=news.{0}", True),
    "other": Dkim("dkim=pass header.d=attack.example", False),
    "suffix": Dkim("dkim=pass header.d=k12.ca.us", False),
    "looks like": Dkim("dkim=pass header.d={0}.attack.example", False),
    "odd": Dkim('dkim=pass header.d="{0}(.attack.example"', False, odd=True),
    "silent": Dkim("dkim=pass", False),
    "failed": Dkim("dkim=fail header.d={0}", False),
    "neutral": Dkim("dkim=neutral header.d={0}", False),
}
SPF = {
    "none": Spf("", False),
    "own": Spf("spf=pass smtp.mailfrom=zack@{0}", True),
    "own domain": Spf("spf=pass smtp.mailfrom={0}", True),
    "below": Spf("spf=pass smtp.mailfrom=b@bounce.{0}", True),
    "other": Spf("spf=pass smtp.mailfrom=eve@attack.example", False),
    "helo": Spf("spf=pass smtp.helo={0}", False, odd=True),
    "odd": Spf('spf=pass smtp.mailfrom="any@{0}\'@a.attack.example"', False, odd=True),
    "two": Spf("spf=pass smtp.mailfrom={0} smtp.mailfrom=attack.example", False, odd=True),
    "silent": Spf("spf=pass", False),
    "softfail": Spf("spf=softfail smtp.mailfrom={0}", False),
}
DMARC = {
    "none": "dmarc=none header.from={0}",
    "absent": "",
    "bestguess": "dmarc=bestguesspass header.from={0}",
    "permerror": "dmarc=permerror header.from={0}",
    "fail": "dmarc=fail header.from={0}",
    "temperror": "dmarc=temperror header.from={0}",
}
OWN = {
    "not looked": Proof(),
    "good": Proof(
        (Signature("{0}", "s", "rsa-sha256", "pass", key_bits=2048, aligned=True),), looked=True
    ),
    "weak": Proof(
        (Signature("{0}", "s", "rsa-sha256", "pass", key_bits=1024, aligned=True),), looked=True
    ),
    "other": Proof((Signature("x", "s", "rsa-sha256", "pass", key_bits=2048),), looked=True),
    "broken": Proof(
        (Signature("{0}", "s", "rsa-sha256", "body-hash", key_bits=2048, aligned=True),),
        looked=True,
    ),
}


def stated(dkim: str, spf: str, dmarc: str, own: str, *, policy: bool) -> str:
    """The level as the identity rules word it, for mail without dmarc=pass."""
    if dmarc == "fail":
        return "L0"
    if dmarc == "temperror":
        return "LT"
    if policy:
        return "L1"
    told = DKIM[dkim].good or SPF[spf].good
    if told:
        return "L1" if own == "broken" else "L2"
    if dkim == "none" and own == "good":
        return "L2"
    return "L1"


@pytest.mark.long
def test_every_combination_gives_the_stated_level() -> None:
    """Signature x envelope x policy x own look x author x setting: 33,000 rows and more."""
    counts: Counter[str] = Counter()
    rows = 0
    for author, (dkim, spf, dmarc, own), policy, twice in product(
        AUTHORS, product(DKIM, SPF, DMARC, OWN), (False, True), (False, True)
    ):
        clauses = [DKIM[dkim].text, SPF[spf].text, DMARC[dmarc]]
        clauses = [one for one in clauses if one] or ["none"]
        if twice:  # the order of the clauses says nothing
            clauses.reverse()
        value = f"{AUTHSERV}; {'; '.join(clauses)}".replace("{0}", author)
        trust = Trust((AUTHSERV,), organisation=organisation, require_policy=policy)
        mail = message(
            sender=Mailbox("Zack", Address("zack", author)),
            fields=(Header("authentication-results", value),),
        )
        got = identify(mail, Known(), trust, OWN[own]).level
        wanted = stated(dkim, spf, dmarc, own, policy=policy)
        assert got == wanted, (value, own, policy, got, wanted)
        looks = may_prove(mail, trust)
        assert looks == (wanted in ("L1", "L2") and not policy and dkim == "none"
                         and not SPF[spf].good)  # fmt: skip
        counts[got] += 1
        rows += 1
    assert rows == 3 * 11 * 10 * 6 * 5 * 2 * 2 == 39_600
    assert set(counts) == {"L0", "LT", "L1", "L2"}


@pytest.mark.parametrize("dkim", DKIM)
@pytest.mark.parametrize("spf", SPF)
def test_a_policy_that_passed_is_judged_as_before(dkim: str, spf: str) -> None:
    """dmarc=pass with the same clauses beside it: the setting changes nothing."""
    clauses = [DKIM[dkim].text, SPF[spf].text, "dmarc=pass header.from={0}"]
    value = f"{AUTHSERV}; {'; '.join(one for one in clauses if one)}"
    value = value.replace("{0}", "bayside.example")
    mail = message(
        sender=Mailbox("Zack", Address("zack", "bayside.example")),
        fields=(Header("authentication-results", value),),
    )
    levels = {
        identify(
            mail, Known(), Trust((AUTHSERV,), organisation=organisation, require_policy=one)
        ).level
        for one in (False, True)
    }
    assert len(levels) == 1
    if SPF[spf].odd and not DKIM[dkim].good:
        assert levels == {"L1"}
    elif DKIM[dkim].good:
        assert levels == {"L3"}


def test_two_envelope_addresses_or_a_helo_name_prove_nothing() -> None:
    """Nor does a list of organisations that is missing: then only the very same domain counts."""
    trust = Trust((AUTHSERV,))

    def level(words: str) -> str:
        mail = message(
            sender=Mailbox("", Address("zack", "x.co.example")),
            fields=(Header("authentication-results", f"{AUTHSERV}; {words}"),),
        )
        return identify(mail, Known(), trust).level

    assert level("dkim=pass header.d=x.co.example") == "L2"
    assert level("dkim=pass header.d=co.example") == "L1"
    assert level("spf=pass smtp.mailfrom=co.example") == "L1"
    assert level("spf=pass smtp.helo=x.co.example") == "L1"


@pytest.mark.parametrize("who", SEEN)
def test_without_their_policy_the_big_receivers_still_prove_a_contact(who: str) -> None:
    """The same field with dmarc=none or without a dmarc result; opendmarc says nothing else."""
    import re

    from intake.authentication import authres

    value = re.sub(r"dmarc ?= ?pass", "dmarc=none", SEEN[who])
    read = authres.read(value)
    assert read is not None
    trust = Trust((read.authserv_id,), organisation=organisation)
    mail = message(
        sender=Mailbox("Zack", Address("zack", "bayside.example")),
        fields=(Header("authentication-results", value),),
    )
    wanted = "L1" if who == "opendmarc" else "L2"
    assert identify(mail, Known(), trust).level == wanted
    assert may_prove(mail, trust) == (who == "opendmarc")
