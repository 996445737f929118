"""The rules of the judgement: each checks the facts and may return a verdict.

The table at the end of this file is the judgement: read it from top to bottom. The rules use no
clock, no database and no header that proves nothing. So a recorded mail can be judged again at any
time with the same result.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from intake.mail.message import Message
from intake.model.states import CASE_OVER, CaseStatus
from intake.notifier import about
from intake.parsers.quoted_text import unknown_words
from intake.parsers.submission import CASE_TYPE
from intake.triage import command_rules, sender_rules, staff_rules
from intake.triage.facts import STRANGERS, UNPROVED, CaseChange, Facts, Rule, Verdict

# ---------------------------------------------------------------- permissions: R13 to R16


def _other_peoples_case(facts: Facts) -> Verdict | None:
    case, contact = facts.known.case or facts.known.earlier, facts.contact
    if case is None:
        return None
    in_force = not case.account_id or case.account_id in facts.active_accounts
    if contact and contact.active and in_force and case.is_for(contact):
        return None
    whose = "another account's" if case.account_id else "its writer's until the account is known"
    return Verdict("hold", (f"refers to {case.number}, which is {whose}",))


def _account(facts: Facts) -> str:
    """Return the account that the case will have; empty until the writer has named one."""
    line = next(iter(facts.known.listed.cases), None)
    if line is not None:
        return line.account_id  # the case that is to be closed
    case, only = facts.known.case, facts.active_accounts
    there = case.account_id if case else ""
    return facts.submission.account or there or (only[0] if len(only) == 1 else "")


def _may_not_submit(facts: Facts) -> Verdict | None:
    contact, barred = facts.contact, facts.policy.may_not_submit
    if contact is None or facts.sender.released_by:
        return None
    here = contact.at(_account(facts))
    roles = {here.contact_type} if here else {m.contact_type for m in contact.memberships}
    if not roles <= set(barred):
        return None
    return Verdict(
        "hold",
        (f"a {', '.join(sorted(roles))} contact may not submit cases",),
        letter="refusal",
        reason="read_only",
    )


def _step_up(facts: Facts) -> Verdict | None:
    case = facts.known.case
    case_type = facts.submission.type or (case.type if case else "")
    top = facts.policy.high_risk_priority
    raised = case is not None and facts.submission.priority == top != case.priority
    what = f"{top} priority" if raised else case_type
    risky = facts.policy.step_up and (raised or case_type in facts.policy.high_risk_types)
    harmless = facts.submission.thanks and case is not None and case.status != CaseStatus.DRAFT
    harmless = harmless or _closing(facts) is not None
    if not risky or harmless or facts.sender.level == "L3":
        return None
    fresh = facts.now - facts.mail.received_at < timedelta(hours=facts.policy.defer_hours)
    if facts.sender.proof.waits and fresh:
        return Verdict("defer", ("DNS had no answer for its signature; tried again",))
    return Verdict(
        "hold",
        (f"{what} needs a signed mail (L3), this one is {facts.sender.level}",),
        letter="refusal",
        reason="step_up",
    )


# ---------------------------------------------------------------- results: R17 to R20


def _closing(facts: Facts) -> Verdict | None:
    """Ask once when a mail says only that the case may be closed; a plain yes to that closes it."""
    case, known = facts.known.case, facts.known
    if case is None:
        return None
    over = case.status in CASE_OVER
    if known.says_yes and known.closes == case.number:
        change = _change(facts, status=case.status if over else CaseStatus.CLOSED, asked=())
        words = f"says yes: {case.number} is closed"
        return Verdict("append", (words,), change, "" if over else "closed")
    if not facts.submission.may_close:
        return None
    change = replace(_change(facts, status=case.status, asked=()), keeps_request=not over)
    words = f"says that {case.number}, which is {case.status}, may be closed"
    return Verdict("append", (words,), change, "" if over else "ask_close")


def _same_in_other_bytes(facts: Facts) -> Verdict | None:
    """Add what a changed copy of a mail says more; it is no second case and gets no letter."""
    twin, case, mail = facts.known.twin, facts.known.case, facts.mail
    if twin is None or not twin.altered or not isinstance(mail, Message):
        return None
    words = f"the same mail as message {twin.message_row} in other bytes"
    if case is None:
        return Verdict("ignore", (words,))
    known = (case.subject, case.description, *facts.known.comments)
    fields = (one.words for one in case.fields.values())
    more = unknown_words(facts.submission.comment, (*known, *fields))
    files = [one.name for one in mail.attachments if one.sha256 not in twin.files]
    if not (more or files):
        return Verdict("ignore", (words,))
    change = replace(
        _change(facts, status=case.status, asked=()), fields={}, comment=more, keeps_request=True
    )
    return Verdict("append", (f"{words}; what it has more is added to {case.number}",), change)


def _append(facts: Facts) -> Verdict | None:
    case = facts.known.case
    closing = _closing(facts)
    if closing is not None or case is None or case.status == CaseStatus.DRAFT:
        return closing
    if facts.submission.thanks:
        waits = case.status == CaseStatus.WAITING  # "ok" may be the answer that it waits for
        status = CaseStatus.OPEN if waits else case.status
        words = f"nothing but thanks; {case.number} is {status}"
        return Verdict("append", (words,), _change(facts, status=status, asked=()))
    wakes = case.status in (CaseStatus.WAITING, *CASE_OVER)
    status = CaseStatus.OPEN if wakes else case.status
    reasons = [f"reply to {case.number}"]
    if status != case.status:
        reasons.append(f"the case was {case.status} and is open again")
    change = _change(facts, status=status, asked=())
    return Verdict("append", tuple(reasons), change, "appended")


def _too_many(facts: Facts) -> Verdict | None:
    """Hold more new cases in an hour than a person writes; an operator checks them first."""
    recent, policy = facts.known.recent, facts.policy
    if facts.known.case is not None or facts.sender.released_by:
        return None
    if recent.cases_hour >= policy.max_cases_per_contact_hour:
        return Verdict("hold", (f"limits: {recent.cases_hour} cases of this contact in an hour",))
    many = recent.account_cases.get(_account(facts), 0)
    if many >= policy.max_cases_per_account_hour:
        return Verdict("hold", (f"limits: {many} cases of this account in an hour",))
    return None


def _rounds_used_up(facts: Facts) -> Verdict | None:
    pending, missing = facts.known.pending, facts.submission.missing
    if not (facts.known.case and pending and missing):
        return None
    if pending.round < facts.policy.max_rounds:
        return None
    flag = f"asked {pending.round} times, still missing: {', '.join(missing)}"
    at_once = _opens_at_once(facts)
    change = replace(
        _change(facts, status=CaseStatus.OPEN if at_once else CaseStatus.DRAFT, asked=()), flag=flag
    )
    return Verdict("append", (f"{flag}; a person takes over",), change, "appended")


def _opens_at_once(facts: Facts) -> bool:
    """Return whether the type is opened without its answers; a type that is only guessed is not."""
    submission = facts.submission
    return submission.type in facts.policy.open_at_once and CASE_TYPE not in submission.missing


def _missing(facts: Facts) -> Verdict | None:
    submission = facts.submission
    if not submission.missing:
        return None
    at_once = _opens_at_once(facts)
    status = CaseStatus.OPEN if at_once else CaseStatus.DRAFT
    names = ", ".join(submission.missing)
    reasons = [f"missing: {names}"]
    if at_once:
        reasons.append(f"{submission.type} is opened at once")
    change = _change(facts, status=status, asked=submission.missing)
    return Verdict("ask", tuple(reasons), change, "missing_fields")


def _accept(facts: Facts) -> Verdict | None:
    complete = facts.known.case is not None
    reason = "the reply completes the draft" if complete else "complete, from a proved contact"
    change = _change(facts, status=CaseStatus.OPEN, asked=())
    return Verdict("complete" if complete else "create", (reason,), change, "ack")


def _change(facts: Facts, *, status: str, asked: tuple[str, ...]) -> CaseChange:
    case, submission, pending = facts.known.case, facts.submission, facts.known.pending
    contact = facts.contact.id if facts.contact else ""
    return CaseChange(
        number=case.number if case else facts.known.next_number,
        new=case is None,
        status=status,
        account=_account(facts),
        contact=submission.contact or (case.contact_id if case else contact),
        submitted_by=submission.submitted_by or (case.submitted_by if case else ""),
        type=submission.type,
        priority=submission.priority,
        department=submission.department,
        billable=submission.billable,
        subject=submission.subject,
        description=submission.description,
        fields=submission.fields,
        comment=submission.comment,
        follows=_follows(facts),
        incident=_incident(facts),
        asked=asked,
        round=((pending.round if pending else 0) + 1) if asked else 0,
    )


def _incident(facts: Facts) -> str:
    """Return the open incident that a new or completed case is about (seed L52).

    That is the incident whose notice the mail answers, whatever its text is. Else it is the
    incident that the text fits, else the one that the draft is about already.
    """
    case, replied = facts.known.case, facts.known.replied
    if not facts.policy.known_incidents or (case is not None and case.status != CaseStatus.DRAFT):
        return ""
    account = facts.submission.account or (case.account_id if case else "")
    if replied is not None and replied.open:
        where = account or _account(facts)
        if not replied.accounts or where in replied.accounts:
            return replied.id
    found = about(facts.submission, account, facts.known.incidents)
    if found is None and case is not None:
        found = next((one for one in facts.known.incidents if one.id == case.incident), None)
    return found.id if found else ""


def _follows(facts: Facts) -> str:
    """Return the closed case of the same account that a new case continues."""
    earlier = facts.known.earlier
    mine = earlier is not None and earlier.account_id in facts.active_accounts
    return earlier.number if earlier and mine and facts.known.case is None else ""


# R0–R20 are those of the identity rules; R0a is about copies of a mail, R9a about an address that
# two contacts share. R21–R23 and R25 are requests of a contact to the service itself. R24 is the
# answer from an address that waits to be confirmed, R26 a flood of new cases, R27 a mail that asks
# for nothing, R28 the answer of a contact who was asked to become a contact of another customer,
# R29 a contact's mail that is too big to be fetched, R30 a copy of a mail with other bytes,
# R31 the answer of a contact who was asked whose an unregistered address is. R32 to R34 are about
# mail of staff: a program's, one that nothing proves, and one that does something.
TABLE: tuple[Rule, ...] = (
    Rule("R0", sender_rules.malformed, STRANGERS),
    Rule("R1", sender_rules.own_mail, STRANGERS, is_loop=True),
    Rule("R0a", sender_rules.seen_before),
    Rule("R2", sender_rules.answers_our_letter),
    Rule("R32", staff_rules.automatic),
    Rule("R3", sender_rules.automatic, STRANGERS),
    Rule("R4", sender_rules.unverifiable_now),
    Rule("R33", staff_rules.unproved, STRANGERS),
    Rule("R34", staff_rules.works),
    Rule("R5", sender_rules.forged_known, STRANGERS, is_forgery=True),
    Rule("R6", sender_rules.forged_unknown),
    Rule("R7", sender_rules.unproved_known, UNPROVED),
    Rule("R8", sender_rules.unproved_unknown, STRANGERS),
    Rule("R24", sender_rules.confirms_address),
    Rule("R9a", sender_rules.ambiguous),
    Rule("R9", sender_rules.stranger_at_known_domain, STRANGERS),
    Rule("R10", sender_rules.stranger, STRANGERS),
    Rule("R11", sender_rules.inactive),
    Rule("R12", sender_rules.no_account),
    Rule("R29", sender_rules.too_big),
    Rule("R28", command_rules.joins),
    Rule("R31", command_rules.owns_address),
    Rule("R16", _other_peoples_case),
    Rule("R30", _same_in_other_bytes),
    Rule("R21", command_rules.asks_for_cases),
    Rule("R25", command_rules.wants_no_notices),
    Rule("R27", command_rules.thanks_only),
    Rule("R13", _may_not_submit),
    Rule("R22", command_rules.asks_for_a_form),
    Rule("R23", command_rules.closes),
    Rule("R14", _step_up),
    Rule("R17", _append),
    Rule("R26", _too_many),
    Rule("R18a", _rounds_used_up),
    Rule("R18", _missing),
    Rule("R20", _accept, when_held_back="R19"),
)
ALL_RULES = tuple(one for rule in TABLE for one in (rule.id, rule.when_held_back) if one)
OF_STRANGERS = tuple(rule.id for rule in TABLE if rule.holds == STRANGERS)
OF_UNPROVED = tuple(rule.id for rule in TABLE if rule.holds == UNPROVED)
MENDABLE = {"R7": "unproved", "R11": "disabled", "R13": "read_only"}  # by the account itself
CLAIMABLE = ("R9",)  # of a mail that is handled once its address is a contact's
LOOPS = tuple(rule.id for rule in TABLE if rule.is_loop)
FORGERIES = tuple(rule.id for rule in TABLE if rule.is_forgery)
