"""Judges one matter: asks for stored data, interprets the mail, makes the decision.

Nothing here writes, and nothing reads a clock: ``now`` is given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from intake.authentication import sender as identity
from intake.authentication.alignment import Trust
from intake.authentication.dkim import Proof
from intake.catalogue.catalogue import Catalogue
from intake.letters.letter import Letter, LetterContext
from intake.mail.message import Message, Refusal
from intake.model.accounts import Contact, majority, one_more
from intake.model.cases import CaseBrief, PendingForm
from intake.model.context import NO_LETTERS, Keys, Known, PastLetter
from intake.model.departments import Departments
from intake.model.incidents import Incident, Update
from intake.model.states import CaseStatus
from intake.parsers import notice_replies
from intake.parsers.confirmation import says_no, says_yes
from intake.parsers.interpret import interpret
from intake.parsers.prose.language import shown_language
from intake.parsers.scanner import scan as read_scan
from intake.parsers.submission import Circumstances, Scan
from intake.parsers.values import WEAK
from intake.store.cases.write import FIRST_NUMBER
from intake.store.engine import Session
from intake.store.messages import context as context_of
from intake.store.messages.record import RecordMetadata
from intake.triage.decision import Decision, decide
from intake.triage.policy import Policy
from intake.worker import staff_judgement
from intake.worker.lookup_keys import keys, only_case, with_departments
from intake.worker.staff_judgement import StaffSetup


@dataclass(frozen=True, slots=True)
class JudgementContext:
    """What every judgement depends on apart from the mail and the database."""

    catalogue: Catalogue
    policy: Policy
    letter_context: LetterContext
    stamp: RecordMetadata
    timezone: str
    case_prefix: str
    trust: Mapping[str, Trust] = field(default_factory=dict)  # by mailbox name
    required: Mapping[str, Mapping[str, bool]] = field(default_factory=dict)
    departments: Departments = field(default_factory=dict)  # that get cases
    attach_bytes: int = 10 * 2**20  # of files that a letter to a department may have
    notice_texts: Callable[[Incident, Sequence[Update]], tuple[str, ...]] = notice_replies.texts
    """The texts of an incident's notices, one for each update: a reply may quote them."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """The judgement of one mail, nothing written yet; of several matters in it, the first."""

    decision: Decision
    letters: tuple[Letter, ...]
    known: Known
    language: str = ""  # ISO 639 code that the mail shows; empty: none
    reader: str = ""  # the language in which it is answered; empty: the service's
    further: tuple[Judgement, ...] = ()  # the other matters; they have no further ones themselves


@dataclass(frozen=True, slots=True)
class Part:
    """A whole mail, or one of the matters in it."""

    message: Message | Refusal
    scan: Scan | None  # None exactly when the mail was refused
    number: str = ""  # the one case that this part is about; empty: those that the mail names
    before: tuple[Judgement, ...] = ()  # the parts of the same mail that were already judged


@dataclass(frozen=True, slots=True)
class Again:
    """Settings for a mail that has been judged before."""

    row: int = 0  # its own row in the messages table
    released_by: str = ""  # the operator who vouches for its sender
    alone: bool = False  # ignore what it has caused: its copies, its case, recent letters


FIRST_TIME = Again()
LookUp = Callable[[Keys], Known]


def in_database(session: Session, context: JudgementContext, now: datetime, row: int = 0) -> LookUp:
    """Looks everything up for one mail; ``row`` is its own row if it is judged again."""

    def found(wanted: Keys) -> Known:
        return context_of.look_up(session, wanted, now, context.case_prefix, row)

    return found


def keys_of(mail: Message | Refusal, scan: Scan | None, context: JudgementContext) -> Keys:
    """The keys with which the store looks up what the judgement of a mail needs."""
    found = keys(mail, context.letter_context, scan, context.case_prefix, context.policy)
    return with_departments(found, context.departments)


def judge_part(
    look_up: LookUp | None,
    part: Part,
    context: JudgementContext,
    now: datetime,
    proof: Proof | None = None,
    again: Again = FIRST_TIME,
) -> Judgement:
    """Decides about one matter and its letters; writes nothing.

    Without a way to look things up there is no database yet, so no contact is known.
    """
    mail, scan = part.message, part.scan
    wanted = keys_of(mail, scan, context)
    wanted = only_case(wanted, part.number) if part.number else wanted
    known = Known(next_number=f"{context.case_prefix}{FIRST_NUMBER}")
    if look_up is not None:
        known = look_up(wanted)
    if again.alone:
        known = replace(known, twin=None, recent=NO_LETTERS)
    if isinstance(mail, Refusal) or scan is None:
        return Judgement(decide(mail, None, None, known, context.policy, now), (), known)
    known = _after(known, part.before, context.case_prefix, now) if part.before else known
    asked = bool(known.joins or known.confirms or known.closes or known.claim)
    known = replace(
        known,
        answered_letters=wanted.outbox_ids,
        says_yes=asked and says_yes(scan.leftover, context.catalogue),
        says_no=bool(known.claim) and says_no(scan.leftover, context.catalogue),
        bears_own_id=bool(wanted.own_id),
    )
    known = _reopened(known, scan, context.policy, now)
    trust = context.trust.get(mail.mailbox, Trust())
    sender = identity.identify(mail, known, trust, proof)
    if again.released_by:
        sender = identity.released(sender, again.released_by)
    if known.staff is not None and not again.released_by:
        written = staff_judgement.written_for(mail, known, sender)
        if written is not None:
            theirs = Part(written, read_scan(written, context.catalogue))
            vouched = replace(again, released_by=f"staff {known.staff.id}")
            found = judge_part(look_up, theirs, context, now, None, vouched)
            if found.known.contacts:
                return replace(found, language="")
        setup = StaffSetup(
            context.catalogue, context.timezone, context.case_prefix, context.departments
        )
        asked_for = staff_judgement.ordered(mail, known, setup, scan)
        return Judgement(decide(mail, sender, asked_for, known, context.policy, now), (), known)
    scan = _as_far_as_it_counts(scan, known, sender)
    circumstances = _circumstances(mail, known, sender, context, now)
    submission = interpret(scan, mail, context.catalogue, circumstances)
    decision = decide(mail, sender, submission, known, context.policy, now)
    language, clear = shown_language(_own_words(scan))
    reader = sender.contact
    answered_in = language_for(reader, language, clear=clear) if reader else language
    return Judgement(decision, (), known, language, answered_in)


def _own_words(scan: Scan) -> str:
    """The words of the mail that may show its language."""
    labelled = (f"{one.label} {one.words}" for one in scan.candidates)
    return "\n".join((scan.subject, scan.leftover, *labelled))


def language_for(reader: Contact, shown: str, *, clear: bool) -> str:
    """The language of an answer: the contact's choice, else that of a mail that shows it clearly.

    Otherwise it is the language of most of the contact's mails; the newest decides a tie.
    """
    if reader.language or (shown and clear):
        return reader.language or shown
    counts = one_more(reader.wrote_in, shown) if shown else reader.wrote_in
    return majority(counts) or shown


def _after(known: Known, before: Sequence[Judgement], case_prefix: str, now: datetime) -> Known:
    """What is known after the earlier parts of the mail have been recorded."""
    changes = [one.decision.change for one in before]
    new = sum(change is not None and change.new for change in changes)
    number = int(known.next_number.rpartition("-")[2]) + new
    letters = [
        PastLetter(order.later.until if order.later else now, order.kind, "")
        for one in before
        for order in one.decision.letters
    ]
    recent = replace(
        known.recent,
        letters=(*letters, *known.recent.letters),
        cases_hour=known.recent.cases_hour + new,
    )
    return replace(known, twin=None, recent=recent, next_number=f"{case_prefix}{number}")


def _as_far_as_it_counts(scan: Scan, known: Known, sender: identity.Sender) -> Scan:
    """The scan without the forms in files of an unproved sender, and without invalid wishes.

    A wish with another contact's token, or with a number that is not a case of the sender, is
    ignored: the mail is treated as an ordinary one.
    """
    found = scan if sender.proved else scan.without_files()
    wish = scan.wish
    if wish is None:
        return found
    theirs = _was_notified(known, sender) if wish.kind == "unsubscribe" else known.listed.cases
    needed = wish.kind == "unsubscribe" or wish.bare
    return replace(found, wish=None) if needed and not theirs else found


def _reopened(known: Known, scan: Scan, policy: Policy, now: datetime) -> Known:
    """Sets aside a closed case that this mail can only follow and not continue.

    The case was closed too long ago, or the mail is a form of its own about something else.
    """
    case = known.case
    if case is None or case.status == CaseStatus.DRAFT:
        return known
    late = case.closed_at is not None and now - case.closed_at > timedelta(days=policy.reopen_days)
    if late or _is_own_form(scan, known.sent_texts):
        return replace(known, case=None, pending=None, earlier=case)
    return known


def _is_own_form(scan: Scan, sent: Sequence[str]) -> bool:
    """The mail names a case type under its label and answers at least two more labels.

    The line with the type must be the sender's own and not a copy from our letter.
    """
    ours = " ".join(" ".join(sent).split())
    if any(f"{one.label}: {one.words}" in ours for one in scan.candidates if one.words):
        return False
    strong = {one.field for one in scan.candidates if one.words and one.source not in WEAK}
    return scan.type_source == "label" and len(strong - {"case_type"}) >= 2


def _was_notified(known: Known, sender: identity.Sender) -> bool:
    """Whether the notice or token that the mail names was sent to its proved sender."""
    contact = sender.contact.id if sender.contact else ""
    return sender.proved and any(one.contact_id == contact for one in known.notified)


def _circumstances(
    mail: Message, known: Known, sender: identity.Sender, context: JudgementContext, now: datetime
) -> Circumstances:
    """The data that interpretation needs; a case only if the sender belongs to its account."""
    contact = sender.contact
    in_force = {"", *(account.id for account in known.accounts if account.active)}
    case = known.case if known.case and known.case.account_id in in_force else None
    theirs = case if case and case.is_for(contact) else None
    before = known.earlier  # a closed case that this mail is too late to continue
    if before and not (before.account_id in in_force and before.is_for(contact)):
        before = None
    return Circumstances(
        contact=contact,
        accounts=tuple(account for account in known.accounts if account.active),
        colleagues=known.colleagues,
        written_at=mail.received_at,
        now=now,
        timezone=context.timezone,
        case=theirs,
        pending=_form_sent(known, theirs),
        ours=known.sent_texts if theirs or before else (),
        earlier=known.comments if theirs or before else (),
        is_answer=bool(known.answered_letters),
        earlier_type=before.type if before else "",
        required=context.required,
        replied=known.replied,
        sent=context.notice_texts(known.replied, known.replied_updates) if known.replied else (),
        reply_type=context.policy.reply_type,
        may_unsubscribe=_was_notified(known, sender),
    )


def _form_sent(known: Known, theirs: CaseBrief | None) -> PendingForm | None:
    """Our text that the mail may quote, and what it asked for, for comparison with the mail."""
    if known.case is not None and theirs is None:
        return None
    found = known.pending
    if theirs is None:
        return found
    if found is None:
        found = PendingForm(theirs.number, theirs.contact_id, (), "", "", 0)
    return replace(found, text="\n".join(dict.fromkeys((found.text, *known.sent_texts))))
