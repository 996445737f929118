"""Who wrote a mail, as far as it was proved."""

import pytest

from intake.adapters.dkim_verifier import organisation
from intake.authentication.alignment import Trust
from intake.authentication.sender import LEVELS, identify
from intake.mail.addresses import Address, AddressRefusal, Mailbox
from tests.support.values import (
    AUTHSERV,
    KNOWN,
    NOW,
    PASS,
    SERVICE,
    STRANGER,
    ZACK,
    fields,
    message,
)

TRUST = Trust((AUTHSERV,))


def level(*headers: tuple[str, str], trust: Trust = TRUST) -> str:
    """The level of Zack's mail with those fields on top."""
    return identify(message(fields=fields(*headers)), KNOWN, trust).level


def ar(verdict: str) -> tuple[str, str]:
    """An Authentication-Results field of the trusted id."""
    return ("authentication-results", f"{AUTHSERV}; {verdict}")


def test_a_signed_and_aligned_mail_is_its_contacts_own() -> None:
    """dmarc=pass with an aligned passing signature is L3, and the contact is found."""
    sender = identify(message(), KNOWN, TRUST)
    assert (sender.level, sender.contact, sender.proved) == ("L3", ZACK, True)
    assert sender.address == "zack.morris@bayside.example"


@pytest.mark.parametrize(
    ("verdict", "wanted"),
    [
        ("dmarc=pass header.from=bayside.example", "L2"),
        ("dkim=pass header.i=@bayside.example; dmarc=pass header.from=bayside.example", "L3"),
        ("dkim=pass header.d=mail.bayside.example; dmarc=pass header.from=bayside.example", "L3"),
        ("dkim=pass header.d=other.example; dmarc=pass header.from=bayside.example", "L1"),
        ("dkim=pass header.d=example; dmarc=pass header.from=bayside.example", "L1"),
        ("dkim=fail header.d=bayside.example; dmarc=pass header.from=bayside.example", "L1"),
        ("dkim=pass; dmarc=pass header.from=bayside.example", "L2"),
        ("spf=pass; dmarc=pass header.from=bayside.example", "L2"),
        ("dmarc=fail header.from=bayside.example", "L0"),
        ("dmarc=temperror header.from=bayside.example", "LT"),
        ("dmarc=none header.from=bayside.example", "L1"),
        ("spf=pass smtp.mailfrom=bayside.example", "L2"),
        ("dkim=pass header.d=bayside.example", "L2"),
        ("dmarc=pass header.from=other.example", "L1"),
        ("dmarc=pass", "L1"),
        ("dmarc=pass header.from=bayside.example; dmarc=fail", "L1"),
        ("none", "L1"),
    ],
)
def test_the_level_follows_from_the_trusted_field(verdict: str, wanted: str) -> None:
    """Only dmarc=pass for the author's own domain proves anything."""
    assert level(ar(verdict)) == wanted
    assert wanted in LEVELS


def test_nobody_is_proved_while_no_id_is_trusted() -> None:
    """Without a configured authserv-id the same mail is L1, and the evidence says why."""
    sender = identify(message(), KNOWN, Trust())
    assert sender.level == "L1"
    assert "no authserv-id is trusted" in sender.evidence[0]


def test_a_strangers_field_does_not_count() -> None:
    """The sender can write an Authentication-Results field of any other id in vain."""
    assert level(("authentication-results", PASS.replace(AUTHSERV, "mx.attack.example"))) == "L1"


def test_a_forged_copy_below_the_real_field_is_set_aside() -> None:
    """The topmost field of the id is the one that counts."""
    assert level(ar("dmarc=fail"), ("authentication-results", PASS)) == "L0"


def test_a_field_below_a_hop_that_is_not_ours_does_not_count() -> None:
    """What the sender supplied stands below our own server's Received field."""
    below = (("received", "from a by lmtp.desk.example; x"), ("authentication-results", PASS))
    assert level(*below) == "L1"
    assert level(*below, trust=Trust((AUTHSERV,), received_above=1)) == "L3"
    sender = identify(message(fields=fields(*below)), KNOWN, TRUST)
    assert "received_above allows 0" in sender.evidence[0]


@pytest.mark.parametrize(
    ("hop", "wanted"),
    [
        ("from mail.bayside.example by mx.desk.example with ESMTPS id 1; Mon, 2 Mar 2026", "L3"),
        ("from x by in1.MX.desk.example.; Mon", "L3"),
        ("from x by mx.desk.example.attack.example; Mon", "L1"),
        ("from x by evilmx.desk.example; Mon", "L1"),
        ("from x; by mx.desk.example", "L1"),
        ("nothing", "L1"),
    ],
)
def test_our_own_servers_hop_may_stand_above_its_field(hop: str, wanted: str) -> None:
    """Many receivers write their own Received line on top; other servers' lines end trust."""
    assert level(("received", hop), ("authentication-results", PASS)) == wanted


def test_an_unreadable_field_is_set_aside() -> None:
    """A field with an unclosed comment proves nothing and stops nothing."""
    assert (
        level(
            ("authentication-results", f"{AUTHSERV} (dmarc=pass"), ("authentication-results", PASS)
        )
        == "L3"
    )


def test_a_field_without_id_counts_only_where_it_was_configured() -> None:
    """Microsoft 365 writes no id; trusting that is an explicit setting."""
    bare = ("authentication-results", PASS.partition("; ")[2])
    assert level(bare) == "L1"
    assert level(bare, trust=Trust(("",))) == "L3"


def test_a_refused_from_field_names_nobody() -> None:
    """Where the address gate refuses, there is no sender at all."""
    sender = identify(message(sender=AddressRefusal("group", "a group")), KNOWN, TRUST)
    assert (sender.level, sender.address, sender.contact) == ("L1", "", None)


def test_an_address_two_contacts_share_names_neither() -> None:
    """Two people of one address are ambiguous, not the first of them."""
    known = KNOWN.__class__(contacts=(ZACK, ZACK))
    sender = identify(message(), known, TRUST)
    assert (sender.contact, sender.ambiguous) == (None, True)
    assert identify(message(), STRANGER, TRUST).contact is None


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("spf=pass smtp.helo=bayside.example; dmarc=pass header.from=bayside.example", "L1"),
        ("spf=pass smtp.mailfrom=(any@bayside.example; dmarc=pass", "L1"),
        ('spf=pass smtp.mailfrom="(any@bayside.example"; {1}', "L1"),
        ("dkim=pass header.d=attack.example\x00.bayside.example; {1}", "L1"),
        ('dkim=pass header.d="x .bayside.example"; {1}', "L1"),
        ('dkim=pass header.d="x .a.example"; spf=pass smtp.mailfrom={0}; {1}', "L2"),
        ('dkim=pass header.d="x .a.example"; dkim=pass header.d={0}; {1}', "L3"),
        ('dkim=pass header.d="x .a.example"; spf=pass smtp.mailfrom=a.example; {1}', "L1"),
        ("dkim=pass header.d=bayside.example(.attack.example; {1}", "L1"),
        ("dkim=pass; {1}", "L2"),
        ("dkim=pass header.d=_x.bayside.example; {1}", "L1"),
        ("spf=pass smtp.mailfrom=any@bayside.example(.attack.example); dmarc=pass", "L1"),
        ("spf=pass smtp.mailfrom=any@bayside.example'@a.attack.example; dmarc=pass", "L1"),
        ('spf=pass smtp.mailfrom="a@bayside.example\'@a.x.example"; {1}', "L1"),
        ("spf=pass smtp.mailfrom=@bayside.example,@b.example:x@attack.example; dmarc=pass", "L1"),
        ("spf=pass smtp.mailfrom=@bayside.example:x@a.example; {1}", "L1"),
        ("spf=pass smtp.mailfrom=x@bayside..example; {1}", "L1"),
        ("spf=pass smtp.mailfrom=bounce+1=zack@bayside.example; {1}", "L2"),
        ("spf=pass smtp.mailfrom=bayside.example; {1}", "L2"),
        ("dmarc=pass header.from={0} header.from=attack.example", "L1"),
        ("dmarc=pass header.from=attack.example header.from={0}", "L1"),
        ("spf=pass (dmarc=pass header.from=bayside.example) smtp.mailfrom=a@attack.example", "L1"),
    ],
)  # fmt: skip
def test_what_a_server_was_tricked_into_proves_nothing(words: str, wanted: str) -> None:
    """The composition tricks on verifiers: plain domains count only, never HELO nor two values."""
    words = words.replace("{1}", "dmarc=pass header.from={0}").replace("{0}", "bayside.example")
    sender = identify(message(fields=fields(ar(words))), KNOWN, TRUST)
    assert sender.level == wanted, sender.evidence


GOOD = "v=1; a=rsa-sha256; d=bayside.example; s=s1; h=from:to:subject:date:message-id; bh=x; b=y"
PRESENT = ("from", "to", "subject", "date", "message-id")


@pytest.mark.parametrize(
    ("signatures", "wanted"),
    [
        ((GOOD,), "L3"),
        ((), "L3"),
        ((GOOD.replace("d=bayside", "d=other"),), "L2"),
        ((GOOD.replace("d=bayside", "d=other"), GOOD), "L3"),
        ((f"{GOOD}; l=100",), "L2"),
        ((GOOD.replace("sha256", "sha1"),), "L2"),
        ((GOOD.replace(":subject", ""),), "L2"),
        ((GOOD.replace(":to", ""),), "L2"),
        ((f"{GOOD}; t={int(NOW.timestamp()) - 8 * 86400}",), "L2"),
        ((f"{GOOD}; x={int(NOW.timestamp()) - 1}",), "L2"),
        ((f"{GOOD}; t={int(NOW.timestamp()) + 8000}",), "L2"),
        ((GOOD, f"{GOOD}; l=100"), "L2"),
    ],
)
def test_a_weak_signature_that_passed_makes_no_l3(signatures: tuple[str, ...], wanted: str) -> None:
    """An open end, unsigned fields, sha1, age: what was signed may be another mail than this."""
    made = message(
        fields=fields(
            ("authentication-results", PASS),
            *((name, "x") for name in PRESENT),
            *(("dkim-signature", one) for one in signatures),
        )
    )
    assert identify(made, KNOWN, TRUST).level == wanted


def test_a_mail_signed_for_somebody_else_makes_no_l3() -> None:
    """A genuine mail of a contact to a third person, sent on to us: our address is not signed."""
    trust = Trust((AUTHSERV,), own=(SERVICE,))
    lines = (("authentication-results", PASS), ("to", "x"), ("dkim-signature", GOOD))
    plain = message(fields=fields(*lines))
    assert identify(plain, KNOWN, trust).level == "L3"
    for change in ({"to": ("boss@riverdale.example",)}, {"to": (), "cc": (SERVICE,)}):
        sender = identify(message(fields=fields(*lines), **change), KNOWN, trust)
        assert sender.level == "L2"
        assert "no signed To or Cc names us" in " ".join(sender.evidence)


@pytest.mark.parametrize(
    ("author", "signer", "wanted"),
    [
        ("bayside.k12.mn.us", "k12.mn.us", "L1"),
        ("bayside.co.uk", "co.uk", "L1"),
        ("mail.bayside.co.uk", "bayside.co.uk", "L3"),
        ("bayside.co.uk", "news.bayside.co.uk", "L3"),
        ("school.bayside.co.uk", "news.bayside.co.uk", "L3"),
        ("bayside.co.uk", "riverdale.co.uk", "L1"),
    ],
)
def test_a_public_suffix_signs_for_nobody(author: str, signer: str, wanted: str) -> None:
    """Alignment is by organisation, and the evidence says how it was found."""
    sender = Mailbox("", Address("zack", author))
    field = ar(f"dkim=pass header.d={signer}; dmarc=pass header.from={author}")
    trust = Trust((AUTHSERV,), organisation=organisation, suffix_list="a list")
    found = identify(message(sender=sender, fields=fields(field)), KNOWN, trust)
    assert found.level == wanted
    if wanted == "L3":
        assert found.details["alignment"]["signer_organisation"] == "bayside.co.uk"
        assert found.details["authentication_results"][0]["index"] == 0


def test_contradictions_are_named_as_such() -> None:
    """Two verdicts of one server are a conflict that no exception of an operator makes up for."""
    words = "dmarc=pass header.from=bayside.example; dmarc=fail"
    sender = identify(message(fields=fields(ar(words))), KNOWN, TRUST)
    assert (sender.level, sender.conflict) == ("L1", True)
    assert not identify(message(), KNOWN, TRUST).conflict
