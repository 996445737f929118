"""One letter that lists the new cases of a contact, in place of many acknowledgements."""

from __future__ import annotations

from datetime import datetime

from intake.letters.compose import to_person
from intake.letters.letter import LetterContext, Occasion, Reached
from intake.letters.text import one_line
from intake.store import waiting_letters
from intake.store.engine import Engine, reading, writing
from intake.store.waiting_letters import Gathered

MAX_SUBJECT = 60


def gather(engine: Engine, context: LetterContext, now: datetime) -> int:
    """Replaces acknowledgements that waited and are due; returns how many. Raises StoreError."""
    with reading(engine) as session:
        if not waiting_letters.gathered(session, now):
            return 0
    with writing(engine) as session:
        found = waiting_letters.gathered(session, now)
        for one in found:
            person = Reached(one.contact_id, one.name, one.recipient)
            occasion = Occasion("acks", f"{one.letters[-1]}", _values(one, context))
            waiting_letters.replace(session, one, to_person(context, person, occasion, now), now)
    return sum(len(one.letters) for one in found)


def _values(found: Gathered, context: LetterContext) -> dict[str, object]:
    types = context.catalogue.types
    lines = [
        f"{number}  {types[kind].label if kind in types else kind}: "
        f"{one_line(subject, MAX_SUBJECT)}"
        for number, kind, subject in found.cases
    ]
    return {"count": len(lines), "first": found.cases[0][0], "cases": lines}
