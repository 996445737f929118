"""The whole line: one mail that was read becomes decisions, their letters and one savepoint.

``judge`` is everything up to the transaction's writes and is what ``intake explain`` runs;
``handle`` is the same and then records. Neither reads a clock: ``now`` is given.

A mail with several filled forms, or with answers under the numbers of several cases, is judged
as a whole first. Only when that opens or changes a case is each of its matters judged by itself;
and when one of them cannot be handled alone, the mail stays one and the letter asks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from intake.authentication.dkim import Proof
from intake.letters import compose
from intake.letters.filer_notice import to_filers
from intake.mail.message import Arrival, Message
from intake.parsers import matters
from intake.parsers.scanner import scan
from intake.store.engine import Session
from intake.store.messages.record import Entry, Recorded, Result, record
from intake.worker.judgement import FIRST_TIME, Again, Judgement, JudgementContext, Part, judge_part
from intake.worker.parser_process import ReadMail

__all__ = ["Again", "Judgement", "JudgementContext", "handle", "judge", "results"]

CHANGES = ("create", "ask", "complete", "append")  # the actions that open or change a case


def judge(
    session: Session | None,
    read: ReadMail,
    context: JudgementContext,
    now: datetime,
    proof: Proof | None = None,
    again: Again = FIRST_TIME,
) -> Judgement:
    """The decision about a mail and the letters it wants; reads the database, writes nothing.

    Without a session there is no database yet and nobody is known.
    """
    mail = read.message
    whole = judge_part(session, Part(mail, read.scan), context, now, proof, again)
    if not isinstance(mail, Message):
        return whole
    found = [whole]
    if whole.decision.action in CHANGES:
        judged: tuple[Judgement, ...] = ()
        for part in _parts(read, whole, context):
            one = judge_part(session, replace(part, before=judged), context, now, proof, again)
            if part.number and not (one.known.case or one.known.earlier):
                judged = ()  # a number that is no case of the sender's is just a word
                break
            judged += (one,)
        found = _separate(whole, [one for one in judged if not _is_empty(one)]) or found
    written = [
        replace(one, letters=_written(one, mail, context, now, number, len(found)))
        for number, one in enumerate(found, 1)
    ]
    return replace(written[0], further=tuple(written[1:]))


def _parts(read: ReadMail, whole: Judgement, context: JudgementContext) -> Iterator[Part]:
    """The matters in the mail, one after the other; none where it is one."""
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
    """The matters as cases of their own; empty when the mail has to stay one.

    Each must open or change a case, and no two the same one. What the mail as a whole goes on
    with, a matter under the number of another case does not.
    """
    numbers = [one.decision.change.number for one in parts if one.decision.change]
    alone = len(parts) == 1 and whole.decision.change and numbers == [whole.decision.change.number]
    apart = len(numbers) == len(parts) == len(set(numbers))
    handled = all(one.decision.action in CHANGES for one in parts)
    return list(parts) if apart and handled and not alone else []


def _is_empty(one: Judgement) -> bool:
    """The mail's own thread, where nothing was said about its own case."""
    found, change = one.decision.submission, one.decision.change
    if found is None or change is None or change.new:
        return False
    return not (found.comment or found.changed)


def _written(
    one: Judgement, mail: Message, context: JudgementContext, now: datetime, number: int, of: int
) -> tuple[compose.Letter, ...]:
    """The letters of one matter; several in one mail are told apart by their place in it."""
    decision, known = one.decision, one.known
    digest = mail.digest if number == 1 else f"{mail.digest}:{number}"
    answered = replace(mail, digest=digest)
    incidents = (*known.incidents, known.replied) if known.replied else known.incidents
    about = compose.Answered(answered, known.accounts, known.listed, incidents)
    several = replace(decision, matters=of)
    written = compose.write(several, about, context.letter_context, now)
    return written + to_filers(decision, known, context.letter_context, now)


def results(judged: Judgement) -> tuple[Result, ...]:
    """Everything that is recorded of a judgement, the mail's own matter first."""
    return tuple(Result(one.decision, one.letters) for one in (judged, *judged.further))


def handle(
    session: Session,
    arrival: Arrival,
    read: ReadMail,
    context: JudgementContext,
    now: datetime,
    proof: Proof | None = None,
) -> Recorded:
    """Judges the mail and records everything about it in the session's transaction."""
    judged = judge(session, read, context, now, proof)
    return record(session, Entry(arrival, read.message), results(judged), now, context.stamp)
