"""One letter that lists the new cases of a contact, in place of many acknowledgements."""

from __future__ import annotations

from datetime import datetime

import structlog

from intake.letters.compose import to_person
from intake.letters.letter import LetterContext, Occasion, Reached
from intake.letters.locale import locale
from intake.letters.masking import masked
from intake.letters.text import one_line
from intake.mail.encoder import LetterError
from intake.store import waiting_letters
from intake.store.engine import Engine, reading, writing
from intake.store.waiting_letters import Gathered

log = structlog.get_logger("intake.dispatch")

MAX_SUBJECT = 60


def gather(engine: Engine, context: LetterContext, now: datetime) -> int:
    """Replaces acknowledgements that waited and are due; returns how many. Raises StoreError.

    If the letter cannot be written, the acknowledgements are sent one by one.
    """
    with reading(engine) as session:
        if not waiting_letters.gathered(session, now):
            return 0
    done = 0
    with writing(engine) as session:
        for one in waiting_letters.gathered(session, now, lock=True):
            person = Reached(one.contact_id, one.name, one.recipient, one.language)
            occasion = Occasion("acks", f"{one.letters[-1]}", _values(one, context))
            try:
                letter = to_person(context, person, occasion, now)
            except LetterError as error:
                log.error("list-not-written", contact=one.contact_id, why=str(error))
                continue
            waiting_letters.replace(session, one, letter, now)
            done += len(one.letters)
    return done


def _values(found: Gathered, context: LetterContext) -> dict[str, object]:
    """The lines of the list; the subjects only if letters may repeat the text of mails."""
    types = locale(context, found.language).catalogue.types
    lines = []
    for number, kind, subject in found.cases:
        line = f"{number}  {types[kind].label if kind in types else kind}"
        shown = one_line(masked(subject), MAX_SUBJECT) if context.repeat == "all" else ""
        lines.append(f"{line}: {shown}" if shown else line)
    return {"count": len(lines), "first": found.cases[0][0], "cases": lines}
