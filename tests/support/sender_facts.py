"""Every combination of what can be known about a sender."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

from intake.authentication.alignment import Trust
from intake.authentication.sender import Sender, identify
from intake.mail.addresses import Address, AddressRefusal, Mailbox, ascii_lower
from intake.mail.message import Header, Message
from intake.model.accounts import Contact
from intake.model.context import Known
from intake.parsers.submission import Submission
from tests.support.values import (
    AUTHSERV,
    BAYSIDE,
    COMPLETE,
    SERVICE,
    ZACK,
    case,
    message,
)

TRUST = Trust((AUTHSERV,), arc_sealers=("forwarder.example",), own=(SERVICE,))

PASSED = "dkim=pass header.d={0}; dmarc=pass header.from={0}"

SEAL = Header("arc-seal", "i=1; a=rsa-sha256; d=forwarder.example; s=arc; cv=none; b=x")

SAW = Header("arc-authentication-results", "i=1; mx.forwarder.example; dmarc=pass header.from={0}")

HOP = Header("received", "from x.example by relay.outside.example; Tue, 3 Mar 2026 10:00:00 -0600")

WEAK = Header(
    "dkim-signature", "v=1; a=rsa-sha256; d={0}; s=s1; l=20; h=from:to:subject; bh=x; b=y"
)


def field(words: str, authserv: str = AUTHSERV) -> Header:
    """An Authentication-Results field; {0} is the author's domain."""
    return Header("authentication-results", f"{authserv}; {words}")


PROOFS: dict[str, tuple[Header, ...]] = {
    "no field": (),
    "signed": (field(PASSED),),
    "signed, an open end": (field(PASSED), WEAK),
    "by SPF": (field("spf=pass smtp.mailfrom={0}; dmarc=pass header.from={0}"),),
    "SPF of no plain address": (
        field('spf=pass smtp.mailfrom="any@{0}\'@a.example"; dmarc=pass header.from={0}'),
    ),
    "dmarc=none": (field("dmarc=none header.from={0}"),),
    "forwarded": (field("arc=pass; dmarc=none header.from={0}"), SEAL, SAW),
    "dmarc=fail": (field("dmarc=fail header.from={0}"),),
    "temporary": (field("dmarc=temperror header.from={0}"),),
    "two verdicts": (field("dmarc=pass header.from={0}; dmarc=fail header.from={0}"),),
    "pass for another": (field("dmarc=pass header.from=other.example"),),
    "a stranger's field": (field(PASSED, "mx.attack.example"),),
    "below a foreign hop": (HOP, field(PASSED)),
}

PEOPLE: dict[str, tuple[Contact, ...]] = {
    "active": (ZACK,),
    "disabled": (replace(ZACK, active=False),),
    "automated": (replace(ZACK, allow_automated=True),),
    "unproved": (replace(ZACK, accept_unproved=True),),
    "shared": (ZACK, replace(ZACK, id="slater")),
}

SENDERS: dict[str, Mailbox | AddressRefusal] = {
    "his": Mailbox("Zack", Address("zack.morris", "bayside.example")),
    "a colleague's": Mailbox("Zack", Address("kelly", "bayside.example")),
    "a stranger's": Mailbox("zack.morris@bayside.example", Address("eve", "attack.example")),
    "ours": Mailbox("", Address("support+CASE-1000-AAAAAAAA", "desk.example")),
    "none": AddressRefusal("group", "a group"),
}

TOKEN = ("<ack.CASE-1000.aaaaaaaaaaaaaaaa.bbbbbbbbbbbbbbbb@desk.example>",)

CASES = (None, case("draft"), case("open"), case("open", account="riverdale"))

FORMS = (
    COMPLETE,
    replace(COMPLETE, type="application_issue", missing=("module",)),
    replace(COMPLETE, type="data_restore"),
    replace(COMPLETE, priority="Critical"),
)

MACHINES = ((), ("Precedence: bulk",), ("Auto-Submitted: auto-replied",))


def mail(proof: str, sender: str, **changes: object) -> Message:
    """A mail of that sender with those fields."""
    read = SENDERS[sender]
    domain = read.address.domain if isinstance(read, Mailbox) else "bayside.example"
    fields = tuple(Header(one.name, one.value.replace("{0}", domain)) for one in PROOFS[proof])
    return message(sender=read, fields=fields, **changes)


def known(person: str, sender: str, *, replies: bool) -> Known:
    """What the store would have found for that sender."""
    read = SENDERS[sender]
    key = read.address.key if isinstance(read, Mailbox) else ""
    people = tuple(
        one for one in PEOPLE[person] if key in {ascii_lower(text) for text in one.emails}
    )
    return Known(
        contacts=people,
        accounts=(BAYSIDE,) if people else (),
        domain_registered=key.endswith("@bayside.example"),
        next_number="CASE-1001",
        replies=replies and bool(people),
    )


def combinations() -> Iterator[tuple[str, str, Message, Sender, Known, Submission]]:
    """Proof x sender x person x account x case x form x machine x answer."""
    for proof, sender, person, machine, token in product(
        PROOFS, SENDERS, PEOPLE, MACHINES, (False, True)
    ):
        made = mail(proof, sender, automatic=machine, in_reply_to=TOKEN if token else ())
        found = known(person, sender, replies=token)
        who = identify(made, found, TRUST)
        for there, form, active in product(CASES, FORMS, (True, False)):
            accounts = tuple(replace(one, active=active) for one in found.accounts)
            yield proof, person, made, who, replace(found, case=there, accounts=accounts), form
