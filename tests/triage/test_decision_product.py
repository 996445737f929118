"""The rule table over every combination of facts."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from intake.authentication.alignment import Trust
from intake.authentication.sender import Sender, identify
from intake.mail.message import Message, Refusal
from intake.model.accounts import Listener
from intake.model.cases import CaseBrief, CaseLine, CaseList
from intake.model.context import Known, Recent, SentLetter, Twin
from intake.parsers.submission import Return, Submission, Wish
from intake.triage.auto_response import GATES
from intake.triage.decision import ACTIONS, decide
from tests.support.judged import INCOMPLETE, KNOWN_TO_US
from tests.support.values import (
    AUTHSERV,
    BAYSIDE,
    COMPLETE,
    KNOWN,
    NOW,
    POLICY,
    SIGNED,
    ZACK,
    case,
    fields,
    message,
    refusal,
)  # fmt: skip


def cases() -> list[CaseBrief | None]:
    """No case, an own draft, an own open case, another account's case."""
    return [None, case("draft"), case("open"), case("open", account="riverdale")]


WISHES = (
    None, Wish("cases"), Wish("form", type="data_restore"), Wish("close", number="CASE-1000"),
    Wish("unsubscribe", token="1-aaaaaaaaaaaaaaaa"),
)  # fmt: skip

THEIRS = replace(KNOWN_TO_US, accounts=("riverdale",))

NOTICE = SentLetter(
    "<notice.INC-42.x.y@d>", "notice", "zack.morris@bayside.example", "zack", "", notice_row=7
)

OURS = SentLetter("<ack.0.x.y@desk.example>", "ack", "zack.morris@bayside.example", "zack", "")

LINE = CaseLine("CASE-1000", "bayside", "ask_question", "Snow day", "open", NOW, NOW)


def facts() -> Iterator[tuple[Message | Refusal, Sender, Submission, Known, Return | None]]:
    """Every combination of mail, person, level, address, case, submission, wish and history."""
    mails = [message(), message(automatic=("bulk",)), message(to=()), refusal()]
    people = [None, ZACK, replace(ZACK, active=False), replace(ZACK, allow_automated=True)]
    submissions = [
        COMPLETE,
        INCOMPLETE,
        replace(COMPLETE, type="report_outage", missing=("description",)),
    ]
    histories: list[dict[str, Any]] = [
        {},
        {"twin": Twin(1, "", "handled")},
        {"twin": Twin(1, "", "held")},
        {"returned": OURS},
        {"confirms": "zack"},
        {"recent": Recent(domain_hour=900)},
        {"replied": KNOWN_TO_US, "incidents": (KNOWN_TO_US,), "notified": (Listener("zack"),)},
        {"replied": THEIRS, "incidents": (THEIRS,), "notified": (Listener("archie"),)},
        {"replied": replace(KNOWN_TO_US, status="resolved"), "notified": (Listener("zack"),)},
        {"returned": NOTICE},
    ]
    told = Return("bounce", OURS.recipient, "5.1.1", hard=True, ids=(OURS.message_id,), words="")
    levels = ("L0", "LT", "L1", "L2", "L3")
    addresses = ("zack.morris@bayside.example", "eve@attack.example")
    for mail, person, level, address, known_case, submission, wish, history in product(
        mails, people, levels, addresses, cases(), submissions, WISHES, histories
    ):
        known = Known(
            (person,) if person else (), (BAYSIDE,), case=known_case, next_number="CASE-1",
            listed=CaseList((LINE,)), **history,
        )  # fmt: skip
        sender = replace(SIGNED, level=level, address=address, contact=person)
        returned = told if "returned" in history else None
        yield mail, sender, replace(submission, wish=wish, returned=returned), known


@pytest.mark.long
def test_the_product_of_facts_keeps_the_invariants() -> None:
    """P1, P2, P3, P5, P6 over 96,000 combinations of everything a decision may depend on.

    An answer to a notice is tied to an open incident of its account and to no other, and stops the
    notices of nobody but its proved writer.
    """
    count = 0
    for mail, sender, submission, known in facts():
        count += 1
        decision = decide(mail, sender, submission, known, POLICY, NOW)
        assert decision == decide(mail, sender, submission, known, POLICY, NOW)  # P6
        assert decision.action in ACTIONS
        person = sender.contact
        for order in decision.letters:  # P1, P2
            assert sender.proved
            assert person is not None
            assert person.active
            assert order.address in person.emails
            assert order.address.lower() == sender.address
            assert not getattr(mail, "automatic", ("unreadable",))
        if decision.change is not None:  # P3
            assert sender.proved
            assert person is not None
            assert known.case is None or known.case.account_id == "bayside"
            assert decision.change.incident in ("", "INC-42")
            tied = known.replied is not None and known.replied.open and not known.replied.accounts
            fresh = known.case is None or known.case.status == "draft"
            closing = decision.rule == "R23"
            assert bool(decision.change.incident) is (tied and fresh and not closing)
        if decision.confirms:
            assert sender.level in ("L2", "L3")
        if decision.unsubscribes:
            assert person is not None
            assert sender.proved
            assert decision.unsubscribes == person.id
            assert person.id in {one.contact_id for one in known.notified}
            assert decision.must == POLICY.must
            assert decision.change is None
        if decision.action in ("drop", "ignore", "defer"):  # P5
            assert decision.letters == ()
            assert decision.change is None
        if decision.action == "hold":
            told = [order.reason for order in decision.letters]
            assert told in ([], ["read_only"], ["step_up"], ["inactive"])
    assert count == 4 * 4 * 5 * 2 * 4 * 3 * 5 * 10
    assert len(GATES) == 9


@pytest.mark.parametrize(
    "changes",
    [
        {"in_reply_to": (NOTICE.message_id,)},
        {"to": ("boss@bayside.example",)},
        {"cc": ("zack.morris@bayside.example",)},
        {"subject": "Re: Snow day [CASE-1000-AAAAAAAA]"},
        {"plain": "From: Zack Morris <zack.morris@bayside.example>"},
        {"references": ("<ack.CASE-1000.aaaaaaaaaaaaaaaa.bbbbbbbbbbbbbbbb@desk.example>",)},
        {"recipients": ("zack.morris@bayside.example",)},
        {"message_id": "<1@desk.example>"},
    ],
)
def test_nothing_but_evidence_makes_a_level(changes: dict[str, Any]) -> None:
    """P4, P7: no reference, recipient, subject or body changes who is taken to have written."""
    for verdict in ("dmarc=fail", "dmarc=none", "dmarc=pass header.from=bayside.example"):
        field = fields(("authentication-results", f"{AUTHSERV}; {verdict}"))
        plain = identify(message(fields=field), KNOWN, Trust((AUTHSERV,)))
        other = identify(message(fields=field, **changes), KNOWN, Trust((AUTHSERV,)))
        assert other == plain
    more = fields(
        ("authentication-results", f"{AUTHSERV}; dmarc=none"),
        ("reply-to", "zack.morris@bayside.example"),
        ("sender", "zack.morris@bayside.example"),
        ("resent-from", "zack.morris@bayside.example"),
    )
    assert identify(message(fields=more), KNOWN, Trust((AUTHSERV,))).level == "L1"
