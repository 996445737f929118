"""The rule table: what becomes of a mail, and which letters may be written."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import product
from typing import Any

import pytest

from intake.authentication.sender import Sender, Trust, identify
from intake.mail.addresses import AddressRefusal, without_plus
from intake.mail.message import Message, Refusal
from intake.model.accounts import Listener, Membership
from intake.model.cases import CaseBrief, CaseLine, CaseList
from intake.model.context import Known, Recent, SentLetter, Twin
from intake.model.incidents import Incident
from intake.parsers.submission import Return, Submission, Wish
from intake.triage.auto_response import GATES
from intake.triage.decision import ACTIONS, Decision, decide
from intake.triage.rules import TABLE
from tests.facts import (
    AUTHSERV,
    BAYSIDE,
    COMPLETE,
    KNOWN,
    NOW,
    POLICY,
    SIGNED,
    STRANGER,
    ZACK,
    case,
    fields,
    message,
    pending,
    refusal,
)  # fmt: skip

UNKNOWN = replace(SIGNED, contact=None, address="eve@attack.example")
INCOMPLETE = replace(COMPLETE, type="application_issue", missing=("module", "issue_began"))


ANSWERED = replace(KNOWN, answered_letters=("<a>",))
DROPPING = replace(POLICY, unknown_sender="drop")
RISKY = replace(COMPLETE, type="data_restore")
KNOWN_TO_US = Incident("INC-42", "incident", "Posting is delayed", "identified")
THANKS = replace(COMPLETE, type="", thanks=True)
STOPS = replace(COMPLETE, wish=Wish("unsubscribe"))
NOTIFIED = replace(KNOWN, notified=(Listener("zack"),))


def judged(
    mail: Any = None, sender: Any = SIGNED, submission: Any = COMPLETE, **more: Any
) -> Decision:
    """The decision about Zack's signed mail with the given changes."""
    known, policy = more.get("known", KNOWN), more.get("policy", POLICY)
    return decide(mail or message(), sender, submission, known, policy, more.get("now", NOW))


def kinds(decision: Decision) -> list[str]:
    """The kinds of the letters ordered."""
    return [order.kind for order in decision.letters]


def test_a_complete_mail_of_a_proved_contact_opens_a_case() -> None:
    """R20: a case with the next number and one acknowledgement to the stored address."""
    decision = judged()
    assert (decision.action, decision.rule) == ("create", "R20")
    assert decision.change is not None
    assert (decision.change.number, decision.change.status, decision.change.new) == (
        "CASE-1001",
        "open",
        True,
    )
    assert kinds(decision) == ["ack"]
    assert decision.letters[0].address == "Zack.Morris@bayside.example"
    assert decision.passed == tuple(rule.id for rule in TABLE[:-1])


@pytest.mark.parametrize(
    ("rule", "action", "change"),
    [
        ("R0", "hold", {"mail": refusal()}),
        ("R0", "hold", {"mail": message(sender=AddressRefusal("group", "a group"))}),
        ("R1", "hold", {"sender": replace(SIGNED, address="support@desk.example")}),
        (
            "R1", "drop",
            {
                "sender": replace(SIGNED, address="support@desk.example"),
                "known": replace(KNOWN, bears_own_id=True),
            },
        ),
        ("R1", "drop", {"known": replace(KNOWN, is_own_letter=True)}),
        ("R0a", "ignore", {"known": replace(KNOWN, twin=Twin(7, "CASE-9", "handled"))}),
        ("R0a", "ignore", {"known": replace(KNOWN, twin=Twin(7, "", "ignored"))}),
        ("R2", "ignore", {"mail": message(automatic=("X-Autoreply",)), "known": ANSWERED}),
        ("R3", "hold", {"mail": message(automatic=("X-Auto-Generated",))}),
        ("R20", "create", {"mail": message(automatic=("List-Id", "Precedence: list"))}),
        ("R4", "defer", {"sender": replace(SIGNED, level="LT")}),
        ("R4", "hold", {"sender": replace(SIGNED, level="LT"), "now": NOW + timedelta(hours=5)}),
        ("R5", "hold", {"sender": replace(SIGNED, level="L0")}),
        ("R6", "drop", {"sender": replace(UNKNOWN, level="L0"), "known": STRANGER}),
        ("R7", "hold", {"sender": replace(SIGNED, level="L1")}),
        ("R8", "hold", {"sender": replace(UNKNOWN, level="L1"), "known": STRANGER}),
        ("R9a", "hold", {"sender": replace(UNKNOWN, ambiguous=True)}),
        ("R9", "hold", {"sender": UNKNOWN, "known": replace(STRANGER, domain_registered=True)}),
        ("R10", "hold", {"sender": UNKNOWN, "known": STRANGER}),
        ("R10", "drop", {"sender": UNKNOWN, "known": STRANGER, "policy": DROPPING}),
        ("R11", "hold", {"sender": replace(SIGNED, contact=replace(ZACK, active=False))}),
        ("R12", "hold", {"known": replace(KNOWN, accounts=(replace(BAYSIDE, active=False),))}),
        ("R16", "hold", {"known": replace(KNOWN, case=case(account="riverdale"))}),
        ("R14", "hold", {"sender": replace(SIGNED, level="L2"), "submission": RISKY}),
        ("R25", "answer", {"submission": STOPS, "known": NOTIFIED}),
        ("R27", "ignore", {"submission": THANKS, "known": replace(KNOWN, replied=KNOWN_TO_US)}),
        ("R27", "ignore", {"submission": THANKS, "known": replace(KNOWN, earlier=case("closed"))}),
        ("R17", "append", {"known": replace(KNOWN, case=case())}),
        ("R18", "ask", {"submission": INCOMPLETE}),
    ],
)  # fmt: skip
def test_each_rule_of_the_table_is_reached(rule: str, action: str, change: dict[str, Any]) -> None:
    """The named rule decides, with a reason."""
    decision = judged(**change)
    assert (decision.rule, decision.action) == (rule, action)
    assert decision.reasons
    assert all(decision.reasons)


def test_a_held_twin_does_not_swallow_the_real_mail() -> None:
    """An unproved mail sent first with the same Message-ID does not make the real one a duplicate."""  # noqa: E501 - one row of a table
    known = replace(KNOWN, twin=Twin(7, "", "held"))
    assert judged(known=known).action == "create"


def test_a_read_only_contact_is_told_and_the_mail_waits() -> None:
    """R13: held for a person, with the fixed text to the contact."""
    reader = replace(ZACK, memberships=(Membership("bayside", "Read Only"),))
    decision = judged(sender=replace(SIGNED, contact=reader))
    assert (decision.rule, decision.action) == ("R13", "hold")
    assert [(order.kind, order.reason) for order in decision.letters] == [("refusal", "read_only")]
    assert decision.change is None


def test_the_role_at_the_cases_own_account_counts() -> None:
    """Authorized at one district and Read Only at the other: the account of the case decides."""
    both = (Membership("bayside", "Read Only"), Membership("riverdale", "Authorized"))
    sender = replace(SIGNED, contact=replace(ZACK, memberships=both))
    assert judged(sender=sender).rule == "R13"
    assert judged(sender=sender, submission=replace(COMPLETE, account="riverdale")).rule == "R20"
    two = replace(KNOWN, accounts=(BAYSIDE, replace(BAYSIDE, id="riverdale")))
    nobody_said = replace(INCOMPLETE, account="")
    assert judged(sender=sender, submission=nobody_said, known=two).rule == "R18"
    assert judged(sender=sender, submission=nobody_said).rule == "R13", "one account is in force"


def test_a_program_may_file_cases_where_the_contact_allows_it() -> None:
    """allow_automated: the case is opened and nobody is answered."""
    sender = replace(SIGNED, contact=replace(ZACK, allow_automated=True))
    decision = judged(mail=message(automatic=("Precedence: bulk",)), sender=sender)
    assert (decision.action, decision.letters) == ("create", ())
    assert "automatic" in decision.silence


def test_a_missing_field_makes_a_draft_and_one_question() -> None:
    """R18: the draft is stored with what was asked, in round one."""
    decision = judged(submission=INCOMPLETE)
    assert decision.change is not None
    assert decision.change.status == "draft"
    assert (decision.change.asked, decision.change.round) == (("module", "issue_began"), 1)
    assert kinds(decision) == ["missing_fields"]


def test_an_outage_is_opened_whatever_is_missing() -> None:
    """The case is open at once and the question follows."""
    outage = replace(COMPLETE, type="report_outage", missing=("description",))
    decision = judged(submission=outage)
    assert decision.change is not None
    assert (decision.action, decision.change.status) == ("ask", "open")
    assert kinds(decision) == ["missing_fields"]


def test_a_reply_completes_its_draft() -> None:
    """Nothing is missing any more: the same case is opened and acknowledged."""
    known = replace(KNOWN, case=case("draft"), pending=pending())
    decision = judged(known=known)
    assert decision.change is not None
    assert (decision.action, decision.rule) == ("complete", "R20")
    assert (decision.change.number, decision.change.new) == ("CASE-1000", False)
    assert decision.case == case("draft")


def test_after_the_last_round_a_person_takes_over() -> None:
    """No third question: what was written is kept, the case is flagged."""
    known = replace(KNOWN, case=case("draft"), pending=pending(2))
    decision = judged(known=known, submission=INCOMPLETE)
    assert decision.change is not None
    assert (decision.rule, decision.action, decision.change.asked) == ("R18a", "append", ())
    assert "still missing: module, issue_began" in decision.change.flag
    again = judged(known=replace(known, pending=pending(1)), submission=INCOMPLETE)
    assert again.change is not None
    assert (again.rule, again.change.round) == ("R18", 2)


@pytest.mark.parametrize(
    ("status", "after"), [("open", "open"), ("waiting", "open"), ("closed", "open")]
)
def test_a_reply_is_added_and_wakes_the_case(status: str, after: str) -> None:
    """R17: appended, and a case that slept is open again."""
    decision = judged(known=replace(KNOWN, case=case(status)), submission=INCOMPLETE)
    assert decision.change is not None
    assert (decision.change.status, kinds(decision)) == (after, ["appended"])


@pytest.mark.parametrize("status", ["open", "waiting", "resolved", "closed"])
@pytest.mark.parametrize("level", ["L2", "L3"])
def test_thanks_leave_a_case_as_it_is(status: str, level: str) -> None:
    """R17: kept with the case, answered by nobody, and no signature is needed for it.

    Only a case that waits for its contact goes on: "ok" may be the answer.
    """
    known = replace(KNOWN, case=replace(case(status), type="data_restore"))
    decision = judged(sender=replace(SIGNED, level=level), submission=THANKS, known=known)
    assert decision.change is not None
    assert (decision.rule, decision.action) == ("R17", "append")
    assert decision.change.status == {"waiting": "open"}.get(status, status)
    assert kinds(decision) == []


def test_thanks_for_a_request_are_asked_again() -> None:
    """The answers are still missing; and a draft of a risky type still needs a signature."""
    known = replace(KNOWN, case=case("draft"))
    asked = judged(submission=replace(THANKS, missing=("module",)), known=known)
    assert (asked.rule, kinds(asked)) == ("R18", ["missing_fields"])
    risky = replace(KNOWN, case=replace(case("draft"), type="data_restore"))
    held = judged(sender=replace(SIGNED, level="L2"), submission=THANKS, known=risky)
    assert held.rule == "R14"


def test_thanks_out_of_nowhere_are_a_new_mail() -> None:
    """They answer nothing of ours, so it is asked what they are about."""
    assert judged(submission=replace(THANKS, missing=("case_type",))).rule == "R18"


SILENT = {
    "not proved": ({"sender": replace(SIGNED, level="L1")}, ""),
    "bcc": ({"mail": message(to=("other@x.example",))}, "To or Cc"),
    "acks off": ({"policy": replace(POLICY, acknowledge=False)}, "switched off"),
    "contact": (
        {"sender": replace(SIGNED, contact=replace(ZACK, wants_acknowledgements=False))},
        "wants no",
    ),
    "old": ({"now": NOW + timedelta(days=9)}, "older than"),
    "hour": ({"known": replace(KNOWN, recent=Recent(hour=5))}, "last hour"),
    "day": ({"known": replace(KNOWN, recent=Recent(day=20))}, "last day"),
}


@pytest.mark.parametrize("name", SILENT)
def test_the_gate_keeps_a_letter_back_and_says_why(name: str) -> None:
    """No letter leaves, and the reason is kept with the decision."""
    change, why = SILENT[name]
    decision = judged(**change)
    assert decision.letters == ()
    assert why in decision.silence


def test_over_the_rate_the_case_is_still_opened() -> None:
    """R19: accepted, the acknowledgement suppressed."""
    decision = judged(known=replace(KNOWN, recent=Recent(hour=5)))
    assert (decision.action, decision.rule) == ("create", "R19")


def test_a_question_is_asked_even_where_acknowledgements_are_off() -> None:
    """Switching acknowledgements off does not leave a draft unasked."""
    policy = replace(POLICY, acknowledge=False)
    assert kinds(judged(submission=INCOMPLETE, policy=policy)) == ["missing_fields"]


def test_a_plus_address_of_ours_is_ours() -> None:
    """Mail to support+data-restore@ is addressed to the service."""
    assert without_plus("support+data-restore@desk.example") == "support@desk.example"
    assert kinds(judged(mail=message(to=("support+x@desk.example",)))) == ["ack"]
    assert kinds(judged(mail=message(to=(), cc=("support@desk.example",)))) == ["ack"]
    assert kinds(judged(mail=message(to=()), policy=replace(POLICY, own_addresses=()))) == ["ack"]


def test_a_disabled_contact_gets_the_fixed_text_only_by_choice() -> None:
    """R11: silence, unless the operator wants signed mail answered."""
    gone = replace(SIGNED, contact=replace(ZACK, active=False))
    assert judged(sender=gone).letters == ()
    policy = replace(POLICY, refuse_inactive=True)
    assert [order.reason for order in judged(sender=gone, policy=policy).letters] == ["inactive"]
    assert judged(sender=replace(gone, level="L2"), policy=policy).letters == ()


def test_step_up_can_be_switched_off() -> None:
    """A high-risk type at L2 is accepted where the operator says so."""
    risky = replace(COMPLETE, type="data_restore")
    policy = replace(POLICY, step_up=False)
    assert (
        judged(sender=replace(SIGNED, level="L2"), submission=risky, policy=policy).action
        == "create"
    )


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
        {"recent": Recent(hour=9)},
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
        yield mail, sender, replace(submission, wish=wish), known, returned


def test_the_product_of_facts_keeps_the_invariants() -> None:
    """P1, P2, P3, P5, P6 over 96,000 combinations of everything a decision may depend on.

    An answer to a notice is tied to an open incident of its account and to no other, and stops the
    notices of nobody but its proved writer.
    """
    count = 0
    for mail, sender, submission, known, returned in facts():
        count += 1
        decision = decide(mail, sender, submission, known, POLICY, NOW, returned)
        assert decision == decide(mail, sender, submission, known, POLICY, NOW, returned)  # P6
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
            assert decision.mandatory == POLICY.mandatory_classes
            assert decision.change is None
        if decision.action in ("drop", "ignore", "defer"):  # P5
            assert decision.letters == ()
            assert decision.change is None
        if decision.action == "hold":
            told = [order.reason for order in decision.letters]
            assert told in ([], ["read_only"], ["step_up"], ["inactive"])
    assert count == 4 * 4 * 5 * 2 * 4 * 3 * 5 * 10
    assert len(GATES) == 11


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
