"""The rules R21 to R23, R25, R27 and R28: a contact's requests to the service itself, or none."""

from __future__ import annotations

from intake.model.incidents import NOTICE_CLASSES
from intake.model.states import CaseStatus
from intake.triage.facts import CaseChange, Facts, Verdict


def joins(facts: Facts) -> Verdict | None:
    """Accept a plain yes from a contact who was asked to become a contact of another customer."""
    number = facts.known.joins
    if not number or not facts.proved or facts.contact is None or facts.machine:
        return None
    if facts.known.says_yes:
        words = f"says yes to being a contact of the account of {number}"
        return Verdict("answer", (words,), joins=number)
    return Verdict("hold", (f"answers the question of {number}, and not with a plain yes",))


def owns_address(facts: Facts) -> Verdict | None:
    """Accept a plain yes or no to the question whether an unregistered address is the sender's."""
    address = facts.known.claim
    if not address or not facts.proved or facts.contact is None or facts.machine:
        return None
    if facts.known.says_yes:
        return Verdict("answer", (f"says that {address} is theirs",), claims=address)
    if facts.known.says_no:
        return Verdict("answer", (f"says that {address} is not theirs",), disowns=address)
    return Verdict("hold", (f"answers whose {address} is, and not with a plain yes or no",))


def asks_for_cases(facts: Facts) -> Verdict | None:
    """List the sender's cases. Read Only contacts may ask for this, too."""
    wish = facts.submission.wish
    if wish is None or wish.kind != "cases":
        return None
    count = len(facts.known.listed.cases)
    return Verdict("answer", (f"asks for its cases: {count} listed",), letter="cases")


def wants_no_notices(facts: Facts) -> Verdict | None:
    """Stop notices for the proved writer, by the token or the notice that was sent to them.

    A contact cannot stop the notices of another contact.
    """
    wish, contact = facts.submission.wish, facts.contact
    if wish is None or wish.kind != "unsubscribe" or not facts.proved or facts.machine:
        return None
    mine = [one for one in facts.known.notified if contact and one.contact_id == contact.id]
    if contact is None or not mine:
        return None
    must = facts.policy.must
    needed = set(must.classes if must.binds(contact) else mine[0].relied_on) & set(must.classes)
    kept = tuple(one for one in NOTICE_CLASSES if one in needed and one not in mine[0].off)
    words = f"wants no more notices; goes on: {', '.join(kept) or 'none'}"
    return Verdict("answer", (words,), letter="unsubscribed", unsubscribes=contact.id, kept=kept)


def thanks_only(facts: Facts) -> Verdict | None:
    """Make no case of thanks for a notice or for a case closed long ago; R17 handles other thanks.

    The same applies to what a program reports in the writer's name: an accepted invitation, a
    receipt.
    """
    known = facts.known
    if facts.submission.tidings:
        return Verdict("ignore", (f"asks for nothing: {facts.submission.tidings}",))
    about = known.replied.id if known.replied else known.earlier.number if known.earlier else ""
    if not facts.submission.thanks or known.case is not None or not about:
        return None
    return Verdict("ignore", (f"nothing but thanks in answer to {about}",))


def asks_for_a_form(facts: Facts) -> Verdict | None:
    """Send a blank form, of one type or of any."""
    wish = facts.submission.wish
    if wish is None or wish.kind != "form":
        return None
    return Verdict("answer", (f"asks for a form: {wish.type or 'of any type'}",), letter="form")


def closes(facts: Facts) -> Verdict | None:
    """``close NUMBER`` closes a case of the sender's accounts; it reveals nothing about others."""
    wish = facts.submission.wish
    if wish is None or wish.kind != "close":
        return None
    line = next(iter(facts.known.listed.cases), None)
    if line is None:
        return Verdict("answer", (f"no case {wish.number} at its accounts",), letter="cases")
    if line.status == CaseStatus.CLOSED:
        return Verdict("answer", (f"{line.number} is closed already",), letter="cases")
    words = facts.submission.description
    change = CaseChange(line.number, False, CaseStatus.CLOSED, line.account_id, comment=words)
    return Verdict("append", (f"closes {line.number}, which was {line.status}",), change, "closed")
