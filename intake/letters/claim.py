"""Ask a contact whether a mail from an unregistered address, in the contact's name, is theirs."""

from __future__ import annotations

from datetime import datetime

from intake.letters.compose import to_person
from intake.letters.letter import Letter, LetterContext, Occasion, Reached
from intake.letters.text import one_line
from intake.triage.decision import Decision


def to_owner(decision: Decision, context: LetterContext, now: datetime) -> tuple[Letter, ...]:
    """Return the letter to the registered address; none if nobody is asked. Raises LetterError.

    The cause names the contact and the address, so they are asked once about it.
    """
    owner, sender = decision.owner, decision.sender
    if owner is None or sender is None or not owner.emails:
        return ()
    values = {"address": one_line(sender.address, 320)}
    occasion = Occasion("claim", f"{owner.id} {sender.address}", values)
    return (to_person(context, Reached.at(owner), occasion, now),)
