"""What departments and other programs hear of changes that operators make on the command line."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from intake.config.loader import Config
from intake.letters.handover import CaseNow, Written, addresses, hand_over
from intake.letters.letter import Letter
from intake.model.context import Known
from intake.model.states import CaseStatus
from intake.store.contacts.read import whole_contacts
from intake.store.engine import Session
from intake.store.handover import events
from intake.store.messages.context import look_up
from intake.store.outbox import put_letter
from intake.worker.bootstrap import hears_cases, judgement_context
from intake.worker.handover_jobs import setup_of
from intake.worker.judgement import JudgementContext
from intake.worker.lookup_keys import keys_of_case


@dataclass(frozen=True, slots=True)
class ByHand:
    """A change that an operator has made to a case."""

    event: str  # of docs/events.md: case.opened, case.updated, case.closed, case.reopened
    headline: str = ""  # of the letter to the department; empty: it gets none
    whole: bool = True  # the letter holds the whole case; otherwise only the headline
    left: str = ""  # key of the department that has lost the case


def context_of(config: Config) -> JudgementContext | None:
    """What the letters and events depend on; None when no department and no program hears of cases.

    Raises ConfigError.
    """
    shape = config.shape
    if not (shape.department or hears_cases(config)):
        return None
    return judgement_context(config)


def tell(
    session: Session, context: JudgementContext | None, number: str, change: ByHand, now: datetime
) -> tuple[str, ...]:
    """Writes the event and the letters about a change, in the change's own transaction.

    Returns the addresses that are written to. Raises LetterError.
    """
    if context is None:
        return ()
    session.flush()
    if context.stamp.case_events:
        events.emit(session, number, change.event, now)
    known = look_up(session, keys_of_case(number, context.departments), now, context.case_prefix)
    if known.case is None or known.case.status == CaseStatus.DRAFT or not context.departments:
        return ()
    letters = _letters(session, context, known, change, now)
    for one in letters:
        put_letter(session, one, 0, now)
    return tuple(dict.fromkeys(one.recipient for one in letters))


def _letters(
    session: Session, context: JudgementContext, known: Known, change: ByHand, now: datetime
) -> tuple[Letter, ...]:
    case = known.case
    assert case is not None
    contact = next(iter(whole_contacts(session, [case.contact_id])), None)
    shown = CaseNow(
        number=case.number, type=case.type, priority=case.priority, department=case.department,
        account=known.account_name, contact=contact, writer=contact.name if contact else "",
        subject=case.subject, fields=case.fields, incident=case.incident, owner=case.owner,
    )  # fmt: skip
    letter = Written(setup_of(context), shown, {}, f"by-hand:{now.isoformat()}", now)
    moved = replace(letter, values={"headline": change.headline}, kind="moved")
    staff = known.colleagues_of_staff
    place, before = (context.departments.get(key) for key in (case.department, change.left))
    made: tuple[Letter, ...] = ()
    if change.headline and change.whole:
        made = hand_over(shown, change.headline, case.description, known, letter)
    elif change.headline and place is not None:
        made = tuple(moved.to(one) for one in addresses(place, case.owner, staff))
    told = {one.recipient for one in made}
    left = addresses(before, "", staff) if before is not None else ()
    return made + tuple(moved.to(one) for one in left if one not in told)
