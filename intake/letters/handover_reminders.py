"""Letters about cases that wait for their department, and the summary of a week."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from intake.letters.handover import CaseNow, Handover, Written, lines
from intake.letters.letter import Letter
from intake.letters.locale import locale
from intake.letters.text import one_line, tidy, wrap
from intake.mail import tokens
from intake.mail.encoder import Envelope, encode
from intake.model.departments import WaitingCase
from intake.model.staff import LostAnswer
from intake.model.states import LetterState


def reminder(
    case: WaitingCase, addresses: Sequence[str], setup: Handover, now: datetime, *, lead: bool
) -> tuple[Letter, ...]:
    """Return the letter that a case waits, to its department or to the lead."""
    place = setup.departments[case.department]
    english = locale(setup.letters, "en")
    kind = english.catalogue.types.get(case.type)
    hours = place.hours.worked(case.since, now).total_seconds() / 3600
    words = f"{case.contact or 'The contact'} has waited for {hours:.0f} working hours"
    facts = wrap("Case", f"{case.number}, {case.priority}, {kind.label if kind else ''}")
    facts += wrap("Account", case.account) if case.account else []
    facts += wrap("Subject", one_line(case.subject, 200))
    facts += wrap("Department", place.name)
    values: Mapping[str, object] = {
        "headline": f"{words}{' and nobody has answered' if lead else ''}.",
        "facts": facts,
        "contact": case.contact or "the contact",
        "title": one_line(case.subject, 120),
    }
    shown = CaseNow(case.number, "", "", case.department, "", None, "", "", {})
    cause = f"{'lead' if lead else 'department'}:{case.since.isoformat()}"
    letter = Written(setup, shown, values, cause, now, "late")
    return tuple(letter.to(one) for one in addresses)


def lost_answer(lost: LostAnswer, cause: str, setup: Handover, now: datetime) -> Letter:
    """Return the letter to the writer; what is in doubt is not sent again by itself."""
    doubt = lost.state == LetterState.IN_DOUBT
    words = (
        f"your answer to {lost.contact} has perhaps not arrived: the connection broke at the last"
        " moment. It is not sent again by itself, because it may be there."
        if doubt
        else f"your answer to {lost.contact} could not be delivered: {one_line(lost.why, 200)}"
    )
    values: dict[str, object] = {
        "name": lost.staff, "helps": False, "held": "", "refused": (words,), "left": [],
        "sent": True, "brings_files": False,
        "words": lines(lost.text), "title": one_line(lost.subject, 100),
    }  # fmt: skip
    shown = CaseNow(lost.number, "", "", "", "", None, "", "", {})
    letter = Written(setup, shown, values, "", now, "staff_reply").to(lost.address)
    return replace(letter, cause=cause)


def summary(
    address: str, values: Mapping[str, object], cause: str, setup: Handover, now: datetime
) -> Letter:
    """Return the summary of a week to one address."""
    context = setup.letters
    whole = {**values, "service": context.service}
    name = f"summary:{cause}:{address}"
    envelope = Envelope(
        sender_name=context.service,
        sender=context.address,
        recipient=address,
        subject=one_line(context.templates.fill("summary/subject.txt", whole), 200),
        text=tidy(context.templates.fill("summary/body.txt", whole)),
        message_id=tokens.message_id(context.secrets, "summary", "", name, context.domain),
        date=now,
        auto_submitted="auto-generated",
    )
    return Letter(
        kind="summary", cause=name, message_id=envelope.message_id, recipient=address,
        subject=envelope.subject, text=envelope.text, raw=encode(envelope),
    )  # fmt: skip
