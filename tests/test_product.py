"""The full product of facts, from header fields to letters, against the invariants of identity.

Unlike the product in test_decision, nothing here is put together by hand that the program makes
itself: the level comes out of the fields, the contact out of the stored addresses.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import pytest

from intake.authentication.sender import Sender, Trust, identify
from intake.mail.addresses import Address, AddressRefusal, Mailbox, ascii_lower
from intake.mail.message import Header, Message
from intake.mail.mime.auto_submitted import strong
from intake.model.accounts import Contact
from intake.model.context import Known
from intake.parsers.submission import Submission
from intake.triage.decision import Decision, decide
from intake.triage.policy import Policy
from tests.facts import AUTHSERV, BAYSIDE, COMPLETE, NOW, POLICY, SERVICE, ZACK, case, message

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
UNPROVED = (
    "no field", "dmarc=none", "two verdicts", "a stranger's field", "below a foreign hop",
    "pass for another", "SPF of no plain address",
)  # fmt: skip
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


def excepted(sender: Sender, found: Known) -> bool:
    """R7's exception: an answer to our letter, of a contact for whom the operator allows it."""
    contact = sender.contact
    allowed = contact is not None and contact.active and contact.accept_unproved
    return sender.level == "L1" and allowed and found.replies and not sender.conflict


def check(
    sender: Sender, found: Known, form: Submission, decision: Decision, policy: Policy
) -> None:
    """P1, P2, P3 and P5 for one combination."""
    contact = sender.contact
    stored = {ascii_lower(text) for text in contact.emails} if contact else set()
    for order in decision.letters:
        assert contact is not None and contact.active  # noqa: PT018 - P1 is both at once
        assert order.address in contact.emails
        assert sender.level in ("L2", "L3")
        assert ascii_lower(order.address) == sender.address
    if decision.change is not None:
        assert sender.address in stored
        assert contact is not None and contact.active  # noqa: PT018 - P3 is both at once
        assert sender.level in ("L2", "L3") or excepted(sender, found)
        assert found.case is None or found.case.account_id == "bayside"
        risky = form.type in policy.high_risk_types
        assert not risky or sender.level == "L3"
    if decision.action in ("hold", "drop", "ignore", "defer"):
        assert decision.change is None
        reasons = {order.reason for order in decision.letters}
        assert reasons <= {"step_up", "read_only"}
        assert decision.action == "hold" or not reasons


def check_marks(made: Message, sender: Sender, decision: Decision) -> None:
    """A program gets no letter; a person's mail with a weak mark is read, and asked about."""
    heard = sender.proved and sender.contact is not None
    if strong(made.automatic) or (made.automatic and not heard):
        assert decision.letters == ()
        assert decision.change is None or (heard and sender.contact.allow_automated)
    elif made.automatic:
        assert {order.kind for order in decision.letters} <= {"missing_fields", "refusal"}
        assert decision.action not in ("ignore", "drop")


def test_the_invariants_hold_for_every_combination() -> None:
    """P1 to P6 over 62,400 combinations: every proof, sender, person, case, form and machine."""
    rules: Counter[str] = Counter()
    count = 0
    for proof, person, made, sender, found, form in combinations():
        count += 1
        decision = decide(made, sender, form, found, POLICY, NOW)
        assert decision == decide(made, sender, form, found, POLICY, NOW)  # P6
        check(sender, found, form, decision, POLICY)
        check_marks(made, sender, decision)
        if proof in UNPROVED:
            assert sender.level == "L1"
            assert decision.change is None or person == "unproved"
        rules[decision.rule] += 1
    assert count == 13 * 5 * 5 * 3 * 2 * 4 * 4 * 2 == 62_400
    assert set(rules) >= {
        *("R0", "R1", "R3", "R4", "R5", "R6", "R7", "R8", "R9", "R10", "R11", "R12"),
        *("R14", "R16", "R17", "R18", "R20"),
    }


@pytest.mark.parametrize("proof", PROOFS)
def test_no_token_and_no_name_changes_who_wrote(proof: str) -> None:
    """P4, P7: references, recipients, names, Reply-To and body leave level and contact alone."""
    changes: tuple[dict[str, object], ...] = (
        {"in_reply_to": TOKEN, "references": TOKEN},
        {"subject": "Re: Snow day [CASE-1000-AAAAAAAA]"},
        {"to": (SERVICE, "support+case-1000-aaaaaaaa@desk.example")},
        {"cc": ("zack.morris@bayside.example",)},
        {"recipients": ("zack.morris@bayside.example",)},
        {"plain": "From: Zack Morris <zack.morris@bayside.example>"},
        {"message_id": TOKEN[0]},
    )
    for sender, person in product(SENDERS, PEOPLE):
        found = known(person, sender, replies=True)
        plain = identify(mail(proof, sender), found, TRUST)
        for change in changes:
            assert identify(mail(proof, sender, **change), found, TRUST) == plain
        read = SENDERS[sender]
        if isinstance(read, Mailbox):
            renamed = replace(mail(proof, sender), sender=replace(read, name="Zack Morris"))
            assert identify(renamed, found, TRUST) == plain
        claims = tuple(
            Header(name, "zack.morris@bayside.example")
            for name in ("reply-to", "sender", "resent-from", "x-original-from", "return-path")
        )
        made = mail(proof, sender)
        claimed = identify(replace(made, fields=(*made.fields, *claims)), found, TRUST)
        assert claimed == plain
