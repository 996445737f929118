"""The whole line: one mail that was read becomes a decision, its letters and one savepoint.

``judge`` is everything up to the transaction's writes and is what ``intake explain`` runs;
``handle`` is the same and then records. Neither reads a clock: ``now`` is given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from intake.authentication import sender as identity
from intake.authentication.dkim import Proof
from intake.authentication.sender import Trust
from intake.catalogue.catalogue import Catalogue
from intake.letters import compose as letters
from intake.letters.filer_notice import to_filers
from intake.letters.letter import House, Letter
from intake.mail import tokens
from intake.mail.addresses import Mailbox
from intake.mail.message import Arrival, Message, Refusal
from intake.model.cases import CaseBrief, PendingForm
from intake.model.context import NO_LETTERS, Keys, Known
from intake.model.incidents import Incident, Update
from intake.parsers import notice_replies
from intake.parsers.confirmation import says_yes
from intake.parsers.interpret import interpret
from intake.parsers.submission import Circumstances, Scan
from intake.parsers.values import WEAK
from intake.store.engine import Unit
from intake.store.messages.context import look_up
from intake.store.messages.record import Recorded, Stamp, record
from intake.triage.decision import Decision, decide
from intake.triage.policy import Policy

USUAL = Policy()


@dataclass(frozen=True, slots=True)
class Judge:
    """What every judgement depends on beside the mail and the database."""

    catalogue: Catalogue
    policy: Policy
    house: House
    stamp: Stamp
    timezone: str
    case_prefix: str
    trust: Mapping[str, Trust] = field(default_factory=dict)  # by mailbox name
    required: Mapping[str, Mapping[str, bool]] = field(default_factory=dict)
    notice_texts: Callable[[Incident, Sequence[Update]], tuple[str, ...]] = notice_replies.texts
    """What stood in the notices of an incident, a text an update: a reply may hold copies."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """One mail judged, nothing written yet."""

    decision: Decision
    letters: tuple[Letter, ...]
    known: Known


def keys(
    mail: Message | Refusal,
    house: House,
    scan: Scan | None = None,
    case_prefix: str = "CASE-",
    policy: Policy = USUAL,
) -> Keys:
    """What to look up for a mail: its sender, its identity and the references of ours it bears."""
    limits = (policy.max_strangers_per_day, policy.max_unproved_per_day)
    if isinstance(mail, Refusal):
        return Keys(
            mail.digest, "", mail.message_id, "", max_strangers=limits[0], max_unproved=limits[1]
        )
    ids = (*mail.in_reply_to, *reversed(mail.references))
    own = tokens.own_ids(house.secrets, ids, house.domain)
    plus = (*mail.recipients, *mail.to, *mail.cc)
    tagged = (
        *tokens.read_subject_tags(house.secrets, mail.subject),
        *tokens.read_reply_addresses(house.secrets, plus),
    )
    notices = [one for one in own if one.kind == "notice"]  # they name an incident, never a case
    numbers = [one.case_number for one in own if one.case_number and one not in notices]
    asked = scan.wish if scan else None
    listing = asked is not None and asked.kind in ("cases", "close")
    return Keys(
        digest=mail.digest,
        sender=mail.sender.address.key if isinstance(mail.sender, Mailbox) else "",
        message_id=mail.message_id,
        body_digest=mail.body_digest,
        case_numbers=tuple(dict.fromkeys((*numbers, *tagged))),
        plain_numbers=() if asked else tokens.plain_numbers(mail.subject, case_prefix),
        outbox_ids=tuple(dict.fromkeys(one.message_id for one in own)),
        names_contact=scan is None
        or bool(own or tagged or tokens.plain_numbers(mail.subject, case_prefix))  # a case's filer
        or any(one.field == "contact" for one in scan.candidates),
        list_state=asked.state if asked and listing else "-",
        list_number=_numbered(asked.number, case_prefix) if asked and listing else "",
        form_ids=tuple(one.message_id for one in own if one.kind == "form"),
        return_ids=_returned(scan, house),
        verify_ids=tuple(one.message_id for one in own if one.kind == "verify"),
        join_ids=tuple(one.message_id for one in own if one.kind == "join"),
        close_ids=tuple(one.message_id for one in own if one.kind == "ask-close"),
        return_rows=_own_ways(house, plus, "bounce", scan),
        return_letters=_own_ways(house, plus, "letter", scan),
        notice_ids=tuple(one.message_id for one in notices),
        notice_incidents=tuple(dict.fromkeys(one.case_number for one in notices)),
        token_row=tokens.read_unsubscribe_token(house.secrets, asked.token) or 0
        if asked and asked.token
        else None,
        only_approved=policy.only_approved,
        signatures=identity.signature_hashes(mail),
        own_id=mail.message_id
        if tokens.own_ids(house.secrets, (mail.message_id,), house.domain)
        else "",
        max_strangers=limits[0],
        max_unproved=limits[1],
    )


def _own_ways(
    house: House, addresses: tuple[str, ...], use: str, scan: Scan | None
) -> tuple[int, ...]:
    """The letters whose own bounce address a program's mail came to."""
    if scan is None or scan.returned is None:
        return ()
    return tokens.read_bounce_addresses(house.secrets, addresses, use)


def _returned(scan: Scan | None, house: House) -> tuple[str, ...]:
    """Our letters that a program's mail is about, by ids that only we can have written."""
    if scan is None or scan.returned is None:
        return ()
    own = tokens.own_ids(house.secrets, scan.returned.ids, house.domain)
    return tuple(one.message_id for one in own)


def _numbered(words: str, case_prefix: str) -> str:
    """The number of a case as people type it: "1001" is "CASE-1001"."""
    return f"{case_prefix}{words}" if words.isdigit() else words


def judge(  # noqa: PLR0913 - what is judged, with what, and how it is judged again
    unit: Unit | None,
    mail: Message | Refusal,
    scan: Scan | None,
    bench: Judge,
    now: datetime,
    *,
    row: int = 0,
    released_by: str = "",
    proof: Proof | None = None,
    alone: bool = False,
) -> Judgement:
    """The decision about one mail and the letters it wants; reads the database, writes nothing.

    Without a unit there is no database yet and nobody is known. ``row`` is the mail's own ledger
    row when it is judged again; ``released_by`` the person who vouches for its sender; ``alone``
    leaves aside what the mail itself has caused: its copies, its case, letters of late.
    """
    wanted = keys(mail, bench.house, scan, bench.case_prefix, bench.policy)
    known = Known(next_number=f"{bench.case_prefix}1001")
    if unit is not None:
        known = look_up(unit, wanted, now, case_prefix=bench.case_prefix, not_row=row)
    if alone:
        known = replace(known, twin=None, recent=NO_LETTERS)
    if isinstance(mail, Refusal) or scan is None:
        return Judgement(decide(mail, None, None, known, bench.policy, now), (), known)
    asked = bool(known.joins or known.confirms or known.closes)
    yes = asked and says_yes(scan.leftover, bench.catalogue)
    known = replace(
        known, answered_letters=wanted.outbox_ids, says_yes=yes, bears_own_id=bool(wanted.own_id)
    )
    known = _reopened(known, scan, bench.policy, now)
    trust = bench.trust.get(mail.mailbox, Trust())
    sender = identity.identify(mail, known, trust, proof)
    if released_by:
        sender = identity.released(sender, released_by)
    scan = _as_far_as_it_counts(scan, known, sender)
    circumstances = _circumstances(mail, known, sender, bench, now)
    submission = interpret(scan, mail, bench.catalogue, circumstances)
    decision = decide(mail, sender, submission, known, bench.policy, now, scan.returned)
    incidents = (*known.incidents, known.replied) if known.replied else known.incidents
    written = letters.write(
        decision, mail, known.accounts, bench.house, now, known.listed, incidents
    )
    written += to_filers(decision, known, bench.house, now)
    return Judgement(decision, written, known)


def _as_far_as_it_counts(scan: Scan, known: Known, sender: identity.Sender) -> Scan:
    """What was read, without the forms in files of who is not proved and wishes that are none.

    The token of somebody else, or a number that is no case of the sender's: an ordinary mail.
    """
    found = scan if sender.proved else scan.without_files()
    wish = scan.wish
    if wish is None:
        return found
    theirs = _was_notified(known, sender) if wish.kind == "unsubscribe" else known.listed.cases
    needed = wish.kind == "unsubscribe" or wish.bare
    return replace(found, wish=None) if needed and not theirs else found


def _reopened(known: Known, scan: Scan, policy: Policy, now: datetime) -> Known:
    """A case that this mail can only follow, not go on with, is put beside.

    It was closed too long ago, or the mail is a form of its own about something else.
    """
    case = known.case
    if case is None or case.status == "draft":
        return known
    late = case.closed_at is not None and now - case.closed_at > timedelta(days=policy.reopen_days)
    if late or _is_own_form(scan, known.sent_texts):
        return replace(known, case=None, pending=None, earlier=case)
    return known


def _is_own_form(scan: Scan, sent: Sequence[str]) -> bool:
    """The mail names a case type under its label and answers at least two more labels.

    The line with the type is the writer's own, not one that came with our letter.
    """
    ours = " ".join(" ".join(sent).split())
    if any(f"{one.label}: {one.words}" in ours for one in scan.candidates if one.words):
        return False
    strong = {one.field for one in scan.candidates if one.words and one.source not in WEAK}
    return scan.type_source == "label" and len(strong - {"case_type"}) >= 2


def _was_notified(known: Known, sender: identity.Sender) -> bool:
    """The notice or token that the mail names was sent to its proved writer."""
    contact = sender.contact.id if sender.contact else ""
    return sender.proved and any(one.contact_id == contact for one in known.notified)


def _circumstances(
    mail: Message, known: Known, sender: identity.Sender, bench: Judge, now: datetime
) -> Circumstances:
    """A case is only shown to the reading when the sender belongs to its account."""
    contact = sender.contact
    in_force = {"", *(account.id for account in known.accounts if account.active)}
    case = known.case if known.case and known.case.account_id in in_force else None
    theirs = case if case and case.is_for(contact) else None
    before = known.earlier  # a closed case that this mail comes too late for
    if before and not (before.account_id in in_force and before.is_for(contact)):
        before = None
    return Circumstances(
        contact=contact,
        accounts=tuple(account for account in known.accounts if account.active),
        colleagues=known.colleagues,
        written_at=mail.received_at,
        now=now,
        timezone=bench.timezone,
        case=theirs,
        pending=_form_sent(known, theirs),
        ours=known.sent_texts if theirs or before else (),
        earlier=known.comments if theirs or before else (),
        is_answer=bool(known.answered_letters),
        earlier_type=before.type if before else "",
        required=bench.required,
        replied=known.replied,
        sent=bench.notice_texts(known.replied, known.replied_updates) if known.replied else (),
        reply_type=bench.policy.reply_type,
        may_unsubscribe=_was_notified(known, sender),
    )


def _form_sent(known: Known, theirs: CaseBrief | None) -> PendingForm | None:
    """What the mail may quote of ours, with what was asked in it, for the comparison."""
    if known.case is not None and theirs is None:
        return None
    found = known.pending
    if theirs is None:
        return found
    if found is None:
        found = PendingForm(theirs.number, theirs.contact_id, (), "", "", 0)
    return replace(found, text="\n".join(dict.fromkeys((found.text, *known.sent_texts))))


def handle(
    unit: Unit,
    arrival: Arrival,
    mail: Message | Refusal,
    scan: Scan | None,
    bench: Judge,
    now: datetime,
    proof: Proof | None = None,
) -> Recorded:
    """Judges the mail and records everything about it in the unit's transaction."""
    judged = judge(unit, mail, scan, bench, now, proof=proof)
    return record(unit, arrival, mail, judged.decision, judged.letters, now, bench.stamp)


def explanation(mail: Message | Refusal, judged: Judgement, file: str = "") -> dict[str, Any]:
    """One object per mail as ``intake explain --json`` prints it."""
    decision = judged.decision
    submission = decision.submission
    shown: dict[str, Any] = {
        "file": file,
        "message_id": mail.message_id,
        "decision": decision.action,
        "rule": decision.rule,
        "reasons": list(decision.reasons),
        "level": decision.level,
        "contact": _contact(decision, judged.known),
        "contact_id": decision.contact,
        "account": decision.account,
        "submitted_by": decision.sender.address if _behalf(decision) and decision.sender else "",
        "case": decision.change.number if decision.change else "",
        "incident": decision.change.incident if decision.change else "",
        "silence": decision.silence,
    }
    shown |= _submission(submission)
    shown["warnings"] = [
        {"code": warning.code, "detail": warning.detail}
        for warning in (
            *(mail.warnings if isinstance(mail, Message) else ()),
            *(submission.warnings if submission else ()),
        )
    ]
    shown["attachments"] = _attachments(mail)
    shown["letters"] = [
        {"kind": one.kind, "to": one.recipient, "subject": one.subject, "text": one.text}
        for one in judged.letters
    ]
    shown["evidence"] = list(decision.sender.evidence) if decision.sender else []
    return shown


def _behalf(decision: Decision) -> bool:
    """Whether the mail was written for a colleague."""
    return bool(decision.submission and decision.submission.submitted_by)


def _contact(decision: Decision, known: Known) -> str:
    """The address of the contact whose case it is; empty when nobody is known."""
    sender = decision.sender
    if sender is None or sender.contact is None:
        return ""
    wanted = decision.submission.contact if decision.submission else ""
    colleague = next((one for one in known.colleagues if one.id == wanted), None)
    return colleague.emails[0] if colleague and colleague.emails else sender.address


def _submission(submission: Any) -> dict[str, Any]:
    if submission is None:
        return {
            "type": "", "priority": "", "department": "", "subject": "", "description": "",
            "fields": {}, "fields_text": {}, "missing": [], "problems": [], "comment": "",
        }  # fmt: skip
    values = submission.fields
    own = {"subject": submission.subject, "description": submission.description}
    own = {name: words for name, words in own.items() if words}
    return {
        "type": submission.type,
        "priority": submission.priority,
        "department": submission.department,
        "subject": submission.subject,
        "description": submission.description,
        "fields": own | {name: one.value for name, one in values.items() if one.value is not None},
        "fields_text": {name: one.words for name, one in values.items() if one.words},
        "comment": submission.comment,
        "missing": list(submission.missing),
        "problems": [
            {"field": one.field, "code": one.code, "found": one.found, "used": one.used}
            for one in submission.problems
        ],
    }


def _attachments(mail: Message | Refusal) -> list[dict[str, Any]]:
    if isinstance(mail, Refusal):
        return []
    return [
        {"name": one.name, "size": one.size, "sha256": one.sha256, "inline": one.inline}
        for one in mail.attachments
    ]
