"""The whole process for one mail that was read: decisions, letters and one savepoint.

``judge`` does everything before the writes of the transaction; ``intake explain`` runs it.
``handle`` does the same and then records the result. Neither reads a clock: ``now`` is given.

A mail may contain several filled forms, or answers under the numbers of several cases. It is first
judged as a whole. Only if that opens or changes a case, each of its matters is judged separately.
If one of them cannot be handled on its own, the mail is treated as one, and the letter asks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from intake.authentication.dkim import Proof
from intake.letters import compose
from intake.letters.claim import to_owner
from intake.letters.filer_notice import to_filers
from intake.letters.handover import Handover, to_department
from intake.letters.staff_answers import from_staff
from intake.mail.message import Arrival, Message
from intake.parsers import matters
from intake.parsers.scanner import scan
from intake.store.engine import Session
from intake.store.messages.record import Entry, Recorded, Result, record
from intake.worker.judgement import (
    FIRST_TIME,
    Again,
    Judgement,
    JudgementContext,
    LookUp,
    Part,
    in_database,
    judge_part,
)
from intake.worker.parser_process import ReadMail

__all__ = ["Again", "Judgement", "JudgementContext", "handle", "judge", "results"]

CHANGES = ("create", "ask", "complete", "append")  # the actions that open or change a case


def judge(
    look_up: LookUp | None,
    read: ReadMail,
    context: JudgementContext,
    now: datetime,
    proof: Proof | None = None,
    again: Again = FIRST_TIME,
) -> Judgement:
    """The decision about a mail, with its letters; writes nothing.

    Without a way to look things up there is no database yet, so no contact is known.
    """
    mail = read.message
    whole = judge_part(look_up, Part(mail, read.scan), context, now, proof, again)
    if not isinstance(mail, Message):
        return whole
    found = [whole]
    if whole.decision.action in CHANGES:
        judged: tuple[Judgement, ...] = ()
        for part in _parts(read, whole, context):
            one = judge_part(look_up, replace(part, before=judged), context, now, proof, again)
            if part.number and not (one.known.case or one.known.earlier):
                judged = ()  # a number that is no case of the sender's is ordinary text
                break
            judged += (one,)
        found = _separate(whole, [one for one in judged if not _is_empty(one)]) or found
    written = [
        replace(one, letters=_written(one, mail, context, now, number, len(found)))
        for number, one in enumerate(found, 1)
    ]
    return replace(written[0], further=tuple(written[1:]))


def _parts(read: ReadMail, whole: Judgement, context: JudgementContext) -> Iterator[Part]:
    """The matters in the mail, one after the other; none if there is only one."""
    mail = read.message
    if read.scan is None or not isinstance(mail, Message):
        return
    if read.scan.matters:
        for one in read.scan.matters:
            yield Part(replace(one.message, attachments=mail.attachments), one.scan)
        return
    own = whole.known.case.number if whole.known.case else ""
    for section in matters.by_number(mail, context.case_prefix, own):
        said = replace(scan(section.message, context.catalogue), wish=None)
        whole_mail = replace(section.message, attachments=mail.attachments)
        yield Part(whole_mail, said, section.number)


def _separate(whole: Judgement, parts: Sequence[Judgement]) -> list[Judgement]:
    """The matters as separate cases; empty if the mail must be treated as one.

    Each matter must open or change a case, and no two the same case. The mail as a whole may
    continue a case; a matter under the number of another case does not continue that one.
    """
    numbers = [one.decision.change.number for one in parts if one.decision.change]
    alone = len(parts) == 1 and whole.decision.change and numbers == [whole.decision.change.number]
    apart = len(numbers) == len(parts) == len(set(numbers))
    handled = all(one.decision.action in CHANGES for one in parts)
    return list(parts) if apart and handled and not alone else []


def _is_empty(one: Judgement) -> bool:
    """True for the mail's own thread if the mail adds nothing to its own case."""
    found, change = one.decision.submission, one.decision.change
    if found is None or change is None or change.new:
        return False
    return not (found.comment or found.changed)


def _written(
    one: Judgement, mail: Message, context: JudgementContext, now: datetime, number: int, of: int
) -> tuple[compose.Letter, ...]:
    """The letters of one matter; with several matters in a mail, a number tells them apart."""
    decision, known = one.decision, one.known
    digest = mail.digest if number == 1 else f"{mail.digest}:{number}"
    answered = replace(mail, digest=digest)
    incidents = (*known.incidents, known.replied) if known.replied else known.incidents
    about = compose.Answered(
        answered,
        known.accounts,
        known.listed,
        incidents,
        known.also_named,
        one.reader,
        known.said,
    )
    several = replace(decision, matters=of)
    written = compose.write(several, about, context.letter_context, now)
    written += to_filers(decision, known, context.letter_context, now)
    written += to_owner(decision, context.letter_context, now)
    handover = Handover(
        context.departments, context.letter_context, context.attach_bytes, decision.quarantined
    )
    written += to_department(decision, known, answered, handover, now)
    return written + from_staff(decision, known, answered, handover, now)


def results(judged: Judgement) -> tuple[Result, ...]:
    """All results of a judgement to record, the mail's own matter first."""
    return tuple(
        Result(one.decision, one.letters, one.known.next_number, one.language)
        for one in (judged, *judged.further)
    )


def handle(
    session: Session,
    arrival: Arrival,
    read: ReadMail,
    context: JudgementContext,
    now: datetime,
    proof: Proof | None = None,
) -> Recorded:
    """Judges the mail and records everything about it in the session's transaction."""
    judged = judge(in_database(session, context, now), read, context, now, proof)
    return record(session, Entry(arrival, read.message), results(judged), now, context.stamp)
