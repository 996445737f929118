"""Does for a staff member on the command line what a mail of theirs would do: the same code."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP

from intake.authentication.sender import Sender
from intake.letters.handover import Handover
from intake.letters.letter import Letter
from intake.letters.staff_answers import from_staff
from intake.mail.limits import Limits
from intake.mail.message import Arrival, Message, read
from intake.store.contacts.directory import PeopleError
from intake.store.engine import Session
from intake.store.handover.directory import whole_staff
from intake.store.messages.context import look_up
from intake.store.messages.record import Entry, Result, put_result
from intake.triage.decision import decide
from intake.worker.judgement import JudgementContext
from intake.worker.lookup_keys import keys, with_departments
from intake.worker.staff_judgement import StaffSetup, ordered


@dataclass(frozen=True, slots=True)
class Done:
    """What came of it."""

    reasons: tuple[str, ...]
    told: tuple[str, ...]  # addresses of contacts that are written to
    refused: tuple[str, ...] = ()  # why nothing was done
    held: str = ""  # why the words were kept back


def act(
    session: Session,
    context: JudgementContext,
    number: str,
    staff_id: str,
    text: str,
    now: datetime,
) -> Done:
    """Does what the text asks for in the case: commands on top, then words for the contact.

    Raises PeopleError for a staff member who is unknown or disabled, LetterError.
    """
    found = next(iter(whole_staff(session, [staff_id])), None)
    if found is None or not found.active or not found.emails:
        raise PeopleError(
            f"there is no active staff member {staff_id!r} with an address; `intake staff list`"
            " shows all"
        )
    mail, arrival = _mail(found.name, found.emails[0], context, text, now)
    found_keys = keys(mail, context.letter_context, None, context.case_prefix, context.policy)
    wanted = replace(with_departments(found_keys, context.departments), case_numbers=(number,))
    known = look_up(session, wanted, now, case_prefix=context.case_prefix)
    sender = Sender("L3", found.emails[0].lower(), None, False, ("on the command line",))
    setup = StaffSetup(
        context.catalogue, context.timezone, context.case_prefix, context.departments
    )
    submission = ordered(mail, known, setup)
    decision = decide(mail, sender, submission, known, context.policy, now)
    work = decision.work
    if work is None or work.refused or work.helps:
        return Done((), (), work.refused if work and work.refused else decision.reasons)
    letters: tuple[Letter, ...] = ()
    if not work.held:
        handover = Handover(context.departments, context.letter_context, context.attach_bytes)
        letters = from_staff(decision, known, mail, handover, now)
    result = Result(decision, letters, known.next_number)
    put_result(session, Entry(arrival, mail), result, now, context.stamp)
    told = tuple(one.recipient for one in letters if one.contact)
    return Done(decision.reasons, told, (), work.held)


def _mail(
    name: str, address: str, context: JudgementContext, text: str, now: datetime
) -> tuple[Message, Arrival]:
    """A mail of the staff member with that text, as it would have arrived now."""
    made = EmailMessage(policy=SMTP)
    made["From"] = f'"{name}" <{address}>' if name.isascii() and '"' not in name else address
    made["To"], made["Subject"] = context.letter_context.address, "on the command line"
    made.set_content(text, cte="base64")
    raw = made.as_bytes()
    digest = hashlib.sha256(f"{now.isoformat()}\n".encode() + raw).hexdigest()
    arrival = Arrival("command", 0, 0, now, digest, len(raw), raw)
    found = read(arrival, Limits())
    if not isinstance(found, Message):
        raise PeopleError(f"the text cannot be read: {found.detail}")
    return replace(found, digest=digest), arrival
