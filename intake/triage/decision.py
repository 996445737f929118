"""Decide about a mail from its facts: the first rule that matches is used.

The table is ``triage.rules.TABLE``. A decision contains its reasons, the rules that were tried
before, and the letters to send. Every letter has passed the checks of ``triage.auto_response``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from intake.authentication.sender import Sender
from intake.mail.addresses import ascii_lower
from intake.mail.message import Message, Refusal
from intake.model.accounts import NOTHING_MUST, Contact, MustReach
from intake.model.cases import CaseBrief
from intake.model.context import Known, PastMail, SentLetter
from intake.parsers.submission import Return, Submission
from intake.triage import attachment_policy, auto_response, loops
from intake.triage.facts import CaseChange, Facts, Rule, StaffWork, Verdict
from intake.triage.loops import PutOff
from intake.triage.policy import Policy
from intake.triage.rules import TABLE

__all__ = ["ACTIONS", "CaseChange", "Decision", "LetterOrder", "Policy", "decide"]

ACTIONS = (
    "create", "ask", "complete", "append", "answer", "refuse", "hold", "ignore", "drop", "defer",
    "staff",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class LetterOrder:
    """A letter that the decision wants to be written."""

    kind: str  # "ack", "missing_fields", "appended", "refusal", "form", "cases", "closed",
    # "unsubscribed", "ask_close"
    contact: Contact
    address: str  # one of contact.emails: the stored one the mail came from
    reason: str = ""  # for a refusal: which fixed text
    later: PutOff | None = None  # None: it is sent at once


@dataclass(frozen=True, slots=True)
class Decision:
    """The result for one mail, and the reasons."""

    action: str  # one of ACTIONS
    rule: str  # "R20"
    reasons: tuple[str, ...]  # of the rule that matched
    passed: tuple[str, ...]  # ids of the rules that were tried and did not match
    level: str
    contact: str  # contact id, empty when unknown
    account: str
    submission: Submission | None
    change: CaseChange | None
    letters: tuple[LetterOrder, ...]
    silence: str = ""  # why a letter that the rule wanted is not written
    held_back: bool = False  # a letter waits: a rate limit
    loop: str = ""  # why the sender's address gets no letters from now on
    is_person: bool = False  # letters that wait because of a suspected loop can go
    sketch: str = ""  # of the mail's words, when a proved contact wrote it
    case: CaseBrief | None = None  # the case before the change
    sender: Sender | None = None
    withheld: Mapping[str, str] = field(default_factory=dict)  # part -> why a file is kept back
    joins: str = ""  # number of the case whose account gets the sender as a contact
    confirms: str = ""  # id of the contact whose new address this mail confirms
    owner: Contact | None = None  # who is asked whether the sender's address is theirs
    claims: str = ""  # address that becomes the sender's, too
    disowns: str = ""  # address that the sender does not know
    returned: Return | None = None  # what a program says about our letter ``about``
    about: SentLetter | None = None
    accounts: tuple[tuple[str, bool], ...] = ()  # the contact's, and whether each is in force
    quarantined: bool = False  # the other files wait for the virus scanner
    unsubscribes: str = ""  # contact id that gets no more notices but those of ``kept``
    kept: tuple[str, ...] = ()  # classes of notices that go on all the same
    is_loop: bool = False  # Rule.is_loop
    is_forgery: bool = False  # Rule.is_forgery
    must: MustReach = NOTHING_MUST  # what an unsubscription leaves on
    matters: int = 1  # cases that came of the mail; its letters say so
    work: StaffWork | None = None  # what a staff member's mail did
    joined: tuple[str, ...] = ()  # contacts who take part in the case from now on


NO_SENDER = Sender("L1", "", None, False, ())
NO_SUBMISSION = Submission("", "", "", "", "", False, "", "", "", {}, (), (), (), ())


def decide(
    mail: Message | Refusal,
    sender: Sender | None,
    submission: Submission | None,
    known: Known,
    policy: Policy,
    now: datetime,
) -> Decision:
    """Return the decision of the first rule in the table that matches. Pure."""
    facts = Facts(mail, sender or NO_SENDER, submission or NO_SUBMISSION, known, policy, now)
    passed: list[str] = []
    for rule in TABLE:
        full = bool(rule.holds) and rule.id in known.recent.full
        verdict = rule.ask(replace(facts, no_place_left=True) if full else facts)
        if verdict is not None:
            return _decision(facts, rule, verdict, tuple(passed), submission)
        passed.append(rule.id)
    raise AssertionError("the last rule of the table accepts everything")  # table ends with R20


def _decision(
    facts: Facts,
    rule: Rule,
    verdict: Verdict,
    passed: tuple[str, ...],
    submission: Submission | None,
) -> Decision:
    contact, mail = facts.contact, facts.as_past()
    letters, silence = _letters(facts, verdict, mail)
    if letters and rule.id in facts.policy.silent_rules:
        letters, silence = (), f"the operator wants no letters of {rule.id}"
    held_back = any(one.later for one in letters)
    found = loops.in_a_row(mail, facts.known.recent) if mail else ()
    endless = loops.is_endless(found, facts.known.recent, facts.policy)
    return Decision(
        action=verdict.action,
        rule=rule.when_held_back or rule.id if held_back else rule.id,
        reasons=verdict.reasons,
        passed=passed,
        level=facts.sender.level,
        contact=contact.id if contact else "",
        account=facts.submission.account,
        submission=submission,
        change=verdict.change,
        letters=letters,
        silence=silence,
        held_back=held_back,
        loop=f"{loops.LOOP}{len(found)} mails in a row came right after a letter"
        if endless
        else "",
        is_person=mail is not None and loops.writes_on(found, facts.known.recent),
        sketch=mail.sketch if mail else "",
        case=facts.known.case if verdict.change and not verdict.change.new else None,
        sender=facts.sender,
        withheld=attachment_policy.withheld(facts.mail, facts.policy),
        confirms=verdict.confirms,
        joins=verdict.joins,
        owner=facts.known.namesake if verdict.asks_owner else None,
        claims=verdict.claims,
        disowns=verdict.disowns,
        returned=verdict.returned,
        about=facts.known.returned if verdict.returned else None,
        quarantined=facts.policy.scan_files,
        unsubscribes=verdict.unsubscribes,
        kept=verdict.kept,
        must=facts.policy.must,
        is_loop=rule.is_loop,
        is_forgery=rule.is_forgery,
        work=verdict.work,
        joined=_joined(facts) if verdict.change else (),
        accounts=tuple((one.id, one.active) for one in facts.known.accounts),
    )


def _joined(facts: Facts) -> tuple[str, ...]:
    """Return the colleagues in To and Cc of a contact's mail who take part in the case.

    They are registered, active, of the case's account, and may open cases themselves.
    """
    mail, account = facts.mail, facts.submission.account
    case = facts.known.case
    account = account or (case.account_id if case else "")
    if not isinstance(mail, Message) or not facts.proved or not account:
        return ()
    named = {*mail.to, *mail.cc}
    return tuple(
        one.id
        for one in facts.known.colleagues
        if one.active
        and (role := one.at(account)) is not None
        and role.contact_type not in facts.policy.may_not_submit
        and not named.isdisjoint({ascii_lower(address) for address in one.emails})
    )


def _letters(
    facts: Facts, verdict: Verdict, past: PastMail | None
) -> tuple[tuple[LetterOrder, ...], str]:
    """Return the letter of a verdict, or why there is none. Every letter passes the checks."""
    contact = facts.contact
    if not verdict.letter:
        return (), ""
    attempt = auto_response.Attempt(verdict.letter, verdict.reason, facts.mail, facts.sender)
    silence = auto_response.silence(attempt, facts.known, facts.policy, facts.now)
    if silence:
        return (), silence
    if contact is None:  # the checks let only the fixed text for a stranger pass
        nobody = Contact("", "", (facts.sender.address,))
        return (LetterOrder(verdict.letter, nobody, facts.sender.address, verdict.reason),), ""
    stored = next(mail for mail in contact.emails if ascii_lower(mail) == facts.sender.address)
    later = None
    if past is not None:
        later = loops.put_off(verdict.letter, past, facts.known.recent, facts.policy, facts.now)
    return (LetterOrder(verdict.letter, contact, stored, verdict.reason, later),), ""
