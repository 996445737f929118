"""The rules of the judgement: questions about the facts, and the verdict a yes leads to.

The table at the end of this file is the judgement; read it from top to bottom. Nothing here
reads a clock, a database or a header that proves nothing, so a recorded mail can be judged again
at any time and comes out the same.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from intake import service_rules
from intake.addresses import AddressRefusal, without_plus
from intake.message import Refusal
from intake.mime.automatic import is_answer, strong
from intake.notifier import about
from intake.verdict import CaseChange, Facts, Rule, Verdict

# ---------------------------------------------------------------- who wrote: R0 to R12


def _malformed(facts: Facts) -> Verdict | None:
    mail = facts.mail
    if isinstance(mail, Refusal):
        return Verdict("hold", (f"{mail.code}: {mail.detail}",))
    if isinstance(mail.sender, AddressRefusal):
        return Verdict("hold", (f"From, {mail.sender.code}: {mail.sender.detail}",))
    return None


def _own_mail(facts: Facts) -> Verdict | None:
    ours = {without_plus(key) for key in facts.policy.own_addresses}
    if without_plus(facts.sender.address) in ours:
        return Verdict("drop", ("the mail comes from an address of this service",))
    if facts.known.is_own_letter and facts.proved:
        return Verdict("drop", ("a letter of this service came back from where it went",))
    return None


def _seen_before(facts: Facts) -> Verdict | None:
    twin = facts.known.twin
    if twin is None or twin.status not in ("handled", "ignored"):
        return None
    what = f" (case {twin.case_number})" if twin.case_number else ""
    return Verdict("ignore", (f"the same mail was handled as message {twin.message_row}{what}",))


def _answers_our_letter(facts: Facts) -> Verdict | None:
    """Bounces, receipts, absences: noted with the letter they are about, and nothing else.

    What a proved contact writes is one of these by a strong mark only, or by an absence's subject.
    """
    letter, told = facts.known.returned, facts.returned
    if not facts.automatic or (letter is None and not facts.known.answered_letters):
        return None
    if not _says_what_became_of_a_letter(facts):
        return None
    if letter is None or told is None:
        return Verdict("ignore", (f"automatic answer to a letter of ours: {facts.automatic[0]}",))
    words = f"{told.kind} {told.status}".strip()
    hard = told.hard and _is_credible(facts)
    return Verdict(
        "ignore", (f"{words} about our {letter.kind} letter",), returned=replace(told, hard=hard)
    )


def _says_what_became_of_a_letter(facts: Facts) -> bool:
    told = facts.returned
    if is_answer(facts.automatic) or (told is not None and told.kind == "absence"):
        return True
    heard = facts.proved and facts.contact is not None
    return told is not None and told.kind != "automatic" and not heard


def _is_credible(facts: Facts) -> bool:
    """A report proves something by the address it came back to, which only the letter bore.

    Or by its null reverse-path, which a server writes, or by a sender that is proved.
    """
    letter = facts.known.returned
    own_address = letter is not None and letter.by_address
    return own_address or facts.proved or "Return-Path <>" in facts.automatic


def _automatic(facts: Facts) -> Verdict | None:
    """A program may file cases for a contact who allows it; an automatic answer never does."""
    if not facts.machine:
        return None
    contact, answer = facts.contact, is_answer(facts.automatic)
    vouched = facts.sender.released_by or (contact and contact.allow_automated and not answer)
    if facts.proved and contact and vouched:
        return None
    return Verdict("hold", ("machine", *facts.automatic))


def _unverifiable_now(facts: Facts) -> Verdict | None:
    if facts.sender.level != "LT":
        return None
    if facts.now - facts.mail.received_at < timedelta(hours=facts.policy.defer_hours):
        return Verdict("defer", ("the sender check had a temporary error; tried again",))
    hours = facts.policy.defer_hours
    return Verdict("hold", (f"the sender check had a temporary error for {hours} hours",))


def _forged_known(facts: Facts) -> Verdict | None:
    if facts.sender.level == "L0" and facts.known.contacts:
        return Verdict("hold", ("dmarc=fail for the address of a contact: probably forged",))
    return None


def _forged_unknown(facts: Facts) -> Verdict | None:
    if facts.sender.level == "L0":
        return Verdict("drop", ("dmarc=fail and nobody of that address is registered",))
    return None


def _unproved_known(facts: Facts) -> Verdict | None:
    if facts.sender.level != "L1" or not facts.known.contacts or _accepted_unproved(facts):
        return None
    return Verdict("hold", ("nothing proves that the contact wrote this", *_last(facts)))


def _accepted_unproved(facts: Facts) -> bool:
    """The operator's exception, and an answer to a letter that we sent to that very address.

    It makes no level: nothing is answered, and what is risky still needs a signature.
    """
    contact = facts.contact
    if contact is None or not contact.active or facts.sender.conflict:
        return False
    return facts.known.replies and (contact.accept_unproved or facts.known.domain_accepted)


def _unproved_unknown(facts: Facts) -> Verdict | None:
    if facts.sender.level != "L1" or facts.known.contacts:
        return None
    if facts.known.recent.strangers_day:
        return _counted_only(facts)
    return Verdict("hold", ("unknown sender, and nothing proves the address", *_last(facts)))


def _counted_only(facts: Facts) -> Verdict:
    count = facts.policy.max_strangers_per_day
    return Verdict("drop", (f"limits: {count} mails of strangers were held today, counted only",))


def _last(facts: Facts) -> tuple[str, ...]:
    return facts.sender.evidence[-1:]


def _confirms_address(facts: Facts) -> Verdict | None:
    """A new address of a contact has answered our question to it, and is proved to be its own."""
    machine = strong(facts.automatic)
    if not facts.known.confirms or facts.sender.level not in ("L2", "L3") or machine:
        return None
    who = facts.known.confirms
    return Verdict("answer", (f"confirms the new address of {who}",), confirms=who)


def _ambiguous(facts: Facts) -> Verdict | None:
    if facts.sender.ambiguous:
        return Verdict("hold", ("two contacts share this address",))
    return None


def _stranger_at_known_domain(facts: Facts) -> Verdict | None:
    if facts.contact is not None or not facts.known.domain_registered:
        return None
    told = facts.policy.refuse_unknown and facts.sender.level == "L3"
    letter, reason = ("refusal", "unknown") if told else ("", "")
    why = "not registered, though others at that domain are"
    return Verdict("hold", (why,), letter=letter, reason=reason)


def _stranger(facts: Facts) -> Verdict | None:
    if facts.contact is not None:
        return None
    if facts.known.recent.strangers_day and facts.policy.unknown_sender == "hold":
        return _counted_only(facts)
    return Verdict(facts.policy.unknown_sender, ("nobody of that address is registered",))


def _inactive(facts: Facts) -> Verdict | None:
    if facts.contact is None or facts.contact.active:
        return None
    return Verdict("hold", ("the contact is disabled",), letter=_fixed(facts), reason="inactive")


def _no_account(facts: Facts) -> Verdict | None:
    if facts.active_accounts:
        return None
    return Verdict(
        "hold", ("no account in force is on record",), letter=_fixed(facts), reason="inactive"
    )


def _fixed(facts: Facts) -> str:
    return "refusal" if facts.policy.refuse_inactive and facts.sender.level == "L3" else ""


# ---------------------------------------------------------------- may they: R13 to R16


def _other_peoples_case(facts: Facts) -> Verdict | None:
    case, contact = facts.known.case or facts.known.earlier, facts.contact
    if case is None or (contact and contact.active and contact.at(case.account_id)):
        return None
    return Verdict("hold", (f"refers to {case.number}, which is another account's",))


def _may_not_submit(facts: Facts) -> Verdict | None:
    contact, barred = facts.contact, facts.policy.may_not_submit
    if contact is None or facts.sender.released_by:
        return None
    line = next(iter(facts.known.listed.cases), None)
    account = facts.known.case.account_id if facts.known.case else facts.submission.account
    account = line.account_id if line else account
    here = contact.at(account)
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
    harmless = facts.submission.thanks and case is not None and case.status != "draft"
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


# ---------------------------------------------------------------- what becomes of it: R17 to R20


def _append(facts: Facts) -> Verdict | None:
    case = facts.known.case
    if case is None or case.status == "draft":
        return None
    if facts.submission.thanks:
        status = (
            "open" if case.status == "waiting" else case.status
        )  # "ok" may be what it waits for
        words = f"nothing but thanks; {case.number} is {status}"
        return Verdict("append", (words,), _change(facts, status=status, asked=()))
    status = "open" if case.status in ("waiting", "resolved", "closed") else case.status
    reasons = [f"reply to {case.number}"]
    if status != case.status:
        reasons.append(f"the case was {case.status} and is open again")
    change = _change(facts, status=status, asked=())
    return Verdict("append", tuple(reasons), change, "appended")


def _too_many(facts: Facts) -> Verdict | None:
    """More new cases in an hour than a person writes: somebody looks first."""
    recent, policy = facts.known.recent, facts.policy
    if facts.known.case is not None or facts.sender.released_by:
        return None
    if recent.cases_hour >= policy.max_cases_per_contact_hour:
        return Verdict("hold", (f"limits: {recent.cases_hour} cases of this contact in an hour",))
    if recent.account_cases_hour >= policy.max_cases_per_account_hour:
        many = recent.account_cases_hour
        return Verdict("hold", (f"limits: {many} cases of this account in an hour",))
    return None


def _rounds_used_up(facts: Facts) -> Verdict | None:
    pending, missing = facts.known.pending, facts.submission.missing
    if not (facts.known.case and pending and missing):
        return None
    if pending.round < facts.policy.max_rounds:
        return None
    flag = f"asked {pending.round} times, still missing: {', '.join(missing)}"
    at_once = facts.submission.type in facts.policy.open_at_once
    change = replace(_change(facts, status="open" if at_once else "draft", asked=()), flag=flag)
    return Verdict("append", (f"{flag}; a person takes over",), change, "appended")


def _missing(facts: Facts) -> Verdict | None:
    submission = facts.submission
    if not submission.missing:
        return None
    at_once = submission.type in facts.policy.open_at_once
    status = "open" if at_once else "draft"
    names = ", ".join(submission.missing)
    reasons = [f"missing: {names}"]
    if at_once:
        reasons.append(f"{submission.type} is opened at once")
    change = _change(facts, status=status, asked=submission.missing)
    return Verdict("ask", tuple(reasons), change, "missing_fields")


def _accept(facts: Facts) -> Verdict | None:
    complete = facts.known.case is not None
    reason = "the reply completes the draft" if complete else "complete, from a proved contact"
    change = _change(facts, status="open", asked=())
    return Verdict("complete" if complete else "create", (reason,), change, "ack")


def _change(facts: Facts, *, status: str, asked: tuple[str, ...]) -> CaseChange:
    case, submission, pending = facts.known.case, facts.submission, facts.known.pending
    contact = facts.contact.id if facts.contact else ""
    return CaseChange(
        number=case.number if case else facts.known.next_number,
        new=case is None,
        status=status,
        account=submission.account or (case.account_id if case else facts.active_accounts[0]),
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
    """The open incident that a new or completed case is about (seed L52).

    The one whose notice the mail answers, whatever its words are; else the one they fit; else the
    one that the draft is about already.
    """
    case, replied = facts.known.case, facts.known.replied
    if not facts.policy.known_incidents or (case is not None and case.status != "draft"):
        return ""
    account = facts.submission.account or (case.account_id if case else "")
    if replied is not None and replied.open:
        where = account or (facts.active_accounts[0] if len(facts.active_accounts) == 1 else "")
        if not replied.accounts or where in replied.accounts:
            return replied.id
    found = about(facts.submission, account, facts.known.incidents)
    if found is None and case is not None:
        found = next((one for one in facts.known.incidents if one.id == case.incident), None)
    return found.id if found else ""


def _follows(facts: Facts) -> str:
    """The closed case of the same account that a new case goes on from."""
    earlier = facts.known.earlier
    mine = earlier is not None and earlier.account_id in facts.active_accounts
    return earlier.number if earlier and mine and facts.known.case is None else ""


# R0–R20 as in the identity rules; R0a and R9a stand where those rules speak of copies of a mail
# and of an address that two people share. R21–R23 and R25 are what a contact may ask of the service
# itself, R24 is the answer of an address that waits to be confirmed, R26 a flood of new cases,
# R27 a mail that asks for nothing.
TABLE: tuple[Rule, ...] = (
    Rule("R0", _malformed),
    Rule("R1", _own_mail),
    Rule("R0a", _seen_before),
    Rule("R2", _answers_our_letter),
    Rule("R3", _automatic),
    Rule("R4", _unverifiable_now),
    Rule("R5", _forged_known),
    Rule("R6", _forged_unknown),
    Rule("R7", _unproved_known),
    Rule("R8", _unproved_unknown),
    Rule("R24", _confirms_address),
    Rule("R9a", _ambiguous),
    Rule("R9", _stranger_at_known_domain),
    Rule("R10", _stranger),
    Rule("R11", _inactive),
    Rule("R12", _no_account),
    Rule("R16", _other_peoples_case),
    Rule("R21", service_rules.asks_for_cases),
    Rule("R25", service_rules.wants_no_notices),
    Rule("R27", service_rules.thanks_only),
    Rule("R13", _may_not_submit),
    Rule("R22", service_rules.asks_for_a_form),
    Rule("R23", service_rules.closes),
    Rule("R14", _step_up),
    Rule("R17", _append),
    Rule("R26", _too_many),
    Rule("R18a", _rounds_used_up),
    Rule("R18", _missing),
    Rule("R20", _accept),
)
