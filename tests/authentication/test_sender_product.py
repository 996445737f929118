"""The full product of facts, from header fields to letters, against the invariants of identity.

Unlike the product in test_decision, nothing here is put together by hand that the program makes
itself: the level comes out of the fields, the contact out of the stored addresses.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import product

import pytest

from intake.authentication.sender import Sender, identify
from intake.mail.addresses import Mailbox, ascii_lower
from intake.mail.message import Header, Message
from intake.mail.mime.auto_submitted import strong
from intake.model.context import Known
from intake.parsers.submission import Submission
from intake.triage.decision import Decision, decide
from intake.triage.policy import Policy
from tests.support.sender_facts import (
    PEOPLE,
    PROOFS,
    SENDERS,
    TOKEN,
    TRUST,
    combinations,
    known,
    mail,
)
from tests.support.values import (
    NOW,
    POLICY,
    SERVICE,
)

UNPROVED = (
    "no field", "dmarc=none", "two verdicts", "a stranger's field", "below a foreign hop",
    "pass for another", "SPF of no plain address",
)  # fmt: skip


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


@pytest.mark.long
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
