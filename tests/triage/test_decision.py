"""The rule table: what becomes of a mail, and which letters may be written."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from intake.mail.addresses import AddressRefusal, without_plus
from intake.model.accounts import Listener, Membership
from intake.model.context import PastLetter, PastMail, Recent, Twin
from intake.parsers.submission import Wish
from intake.triage.decision import Decision, decide
from intake.triage.rules import TABLE
from tests.support.judged import INCOMPLETE, KNOWN_TO_US
from tests.support.values import (
    BAYSIDE,
    COMPLETE,
    KNOWN,
    NOW,
    POLICY,
    SIGNED,
    STRANGER,
    ZACK,
    case,
    message,
    pending,
    refusal,
)  # fmt: skip

UNKNOWN = replace(SIGNED, contact=None, address="eve@attack.example")


ANSWERED = replace(KNOWN, answered_letters=("<a>",))

DROPPING = replace(POLICY, unknown_sender="drop")

RISKY = replace(COMPLETE, type="data_restore")

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
    "acks off": ({"policy": replace(POLICY, acknowledge=False)}, "switched off"),
    "contact": (
        {"sender": replace(SIGNED, contact=replace(ZACK, wants_acknowledgements=False))},
        "wants no",
    ),
    "old": ({"now": NOW + timedelta(days=9)}, "older than"),
    "loop": ({"known": replace(KNOWN, stopped="loop: 19 mails in a row")}, "loop"),
}


@pytest.mark.parametrize("name", SILENT)
def test_the_gate_keeps_a_letter_back_and_says_why(name: str) -> None:
    """No letter leaves, and the reason is kept with the decision."""
    change, why = SILENT[name]
    decision = judged(**change)
    assert decision.letters == ()
    assert why in decision.silence


@pytest.mark.parametrize("to", [(), ("other@x.example",), ("everybody@bayside.example",)])
def test_a_proved_contact_is_answered_however_the_mail_was_addressed(to: tuple[str, ...]) -> None:
    """By Bcc, an alias or a distribution list: the letter goes to the stored address."""
    decision = judged(mail=message(to=to))
    assert [(order.kind, order.address) for order in decision.letters] == [
        ("ack", "Zack.Morris@bayside.example")
    ]


@pytest.mark.parametrize("named", [True, False])
def test_a_stranger_is_answered_only_if_the_mail_names_us(named: bool) -> None:
    """The refusal that an operator may switch on follows RFC 3834 §2."""
    mail = message(to=("support@desk.example",) if named else ("other@x.example",))
    stranger = replace(SIGNED, contact=None, address="eve@attack.example")
    policy = replace(POLICY, refuse_unknown=True)
    decision = judged(mail=mail, sender=stranger, known=replace(KNOWN, contacts=()), policy=policy)
    assert bool(decision.letters) == named
    assert named or "To or Cc" in decision.silence


def test_over_the_rate_the_case_is_still_opened() -> None:
    """R19: accepted, and the acknowledgement waits; a question waits, too, and is never dropped."""
    long_ago = NOW - timedelta(minutes=50)
    loop = Recent(
        mails=tuple(PastMail(NOW - timedelta(minutes=n), "", "x") for n in range(1, 6)),
        letters=tuple(
            PastLetter(NOW - timedelta(minutes=n, seconds=30), "ack", "x") for n in range(1, 6)
        ),
    )
    for submission, rule in ((COMPLETE, "R19"), (INCOMPLETE, "R18")):
        decision = judged(submission=submission, known=replace(KNOWN, recent=loop))
        (order,) = decision.letters
        assert (decision.rule, decision.held_back, decision.silence) == (rule, True, "")
        assert order.later is not None
        assert order.later.why.startswith("loop: 6 mails in a row")
        assert NOW < order.later.until <= long_ago + timedelta(hours=2)


def test_many_letters_to_a_domain_and_to_everyone_are_spread() -> None:
    """Over the limit the letter goes out in the hour that has room."""
    for recent, hours in (
        (Recent(domain_hour=60), 1),
        (Recent(domain_hour=120), 2),
        (Recent(everybody_hour=2000), 1),
    ):
        (order,) = judged(known=replace(KNOWN, recent=recent)).letters
        assert order.later is not None
        assert order.later.until == NOW + timedelta(hours=hours)


def test_an_address_in_a_loop_still_gets_its_questions_in_the_outbox() -> None:
    """The queue keeps them back; an operator can send them later."""
    stopped = replace(KNOWN, stopped="loop: 19 mails in a row")
    assert kinds(judged(submission=INCOMPLETE, known=stopped)) == ["missing_fields"]


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
