"""Builds what notices need from the configuration: audience, terms, pace, plan, letters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from intake.config import loader as settings
from intake.config.loader import Config
from intake.incidents import notice as notice_mail
from intake.incidents.notice import Built, NoticeLetter, NoticeStyle
from intake.letters.letter import Letter, LetterContext
from intake.mail import tokens
from intake.model.incidents import Update
from intake.notifier import Addressee, Notice
from intake.store.incidents.audience import Habits
from intake.store.incidents.broadcasts import Proposal
from intake.store.incidents.recipients import Terms
from intake.store.incidents.schedule import Plan
from intake.store.incidents.send_queue import Pace
from intake.worker.notice_sender import NoticeQueue, Writer, told

MAX_BUILT = 200  # built notices that are kept for their next recipients
SAMPLED = 400  # letters that a preview writes to find the longest ones
SHOWN = 3


def habits(config: Config) -> Habits:
    """Who is notified if the incident names no other audience."""
    own = config.shape.notices
    must = settings.must_reach(config, settings.load_catalogue(config))
    return Habits(own.contact_types or must.contact_types, must, config.service.timezone)


def terms(config: Config) -> Terms:
    """The values that are fixed when a list is frozen. Raises ConfigError if there is no secret."""
    domain = config.service.address.rpartition("@")[2]
    return Terms(settings.load_secrets(config), domain, config.shape.notices.expire_hours)


def style(config: Config) -> NoticeStyle:
    """The values that all notices share, with defaults for those that are not configured."""
    own, service = config.shape.notices, config.service
    domain = service.address.rpartition("@")[2]
    return NoticeStyle(
        name=own.name or f"{service.name} status",
        from_address=own.from_address or service.address,
        reply_to=service.address,
        bounce_address=config.delivery.bounce_address or service.address,
        verp=config.delivery.verp,
        list_id=own.list_id or f"status.{domain.lower()}",
        unsubscribe_url=own.unsubscribe_url,
        mandatory=own.mandatory_classes,
        page_url=config.shape.page.url,
        lead_days=own.lead_days,
    )


def pace(config: Config, *, smooth: bool = True) -> Pace:
    """How fast notices are sent."""
    own = config.shape.notices
    return Pace(
        own.rate_per_minute,
        own.rate_per_minute_domain,
        smooth,
        own.park_after,
        own.park_minutes,
        own.mandatory_classes,
    )


def plan(config: Config, letter_context: LetterContext) -> Plan:
    """The reminders and texts that are due at set times."""
    own = config.shape.notices
    return Plan(own.reminders, own.expire_hours, partial(notice_mail.clock_text, letter_context))


def queue(config: Config, letter_context: LetterContext, *, smooth: bool = True) -> NoticeQueue:
    """The notice_recipients table as a queue of complete letters."""
    made = writer(letter_context, style(config))
    return NoticeQueue(made, pace(config, smooth=smooth), config.shape.notices.connections_domain)


def writer(letter_context: LetterContext, look: NoticeStyle) -> Writer:
    """Builds each letter once for all recipients with the same text, then addresses each copy."""
    ready: dict[Notice, Built] = {}

    def write(notice: Notice, person: Addressee, row: int, date: datetime) -> tuple[bytes, str]:
        built = ready.get(notice)
        if built is None:
            if len(ready) >= MAX_BUILT:
                ready.clear()
            built = ready[notice] = notice_mail.build(notice, letter_context, look)
        token = tokens.unsubscribe_token(letter_context.secrets, row)
        letter = notice_mail.address(
            built, replace(person, row=row, unsubscribe=token), letter_context, look, date
        )
        return letter.raw, letter.sender

    return write


def samples(
    config: Config,
    letter_context: LetterContext,
    made: Proposal,
    updates: Sequence[Update],
    now: datetime,
) -> list[NoticeLetter]:
    """The longest letters of a proposal, at most three, as their recipients would get them."""
    look = style(config)
    notice = told(made.incident, updates, made.update.number, made.update.number)
    built: dict[Notice, Built] = {}
    found: list[NoticeLetter] = []
    for one in made.audience.told[:SAMPLED]:
        mine = replace(notice, zone=one.zone, language=one.language, cases=one.cases)
        if mine not in built:
            built[mine] = notice_mail.build(mine, letter_context, look)
        root = tokens.message_id(
            letter_context.secrets, "notice", made.incident.id, f"{made.incident.id}:0:{one.key}",
            letter_context.domain,
        )  # fmt: skip
        token = tokens.unsubscribe_token(letter_context.secrets, 1)
        person = Addressee(
            one.contact_id, one.name, one.address, one.reasons, root, root, unsubscribe=token,
            row=1,
        )  # fmt: skip
        found.append(notice_mail.address(built[mine], person, letter_context, look, now))
    return sorted(found, key=lambda one: -len(one.raw))[:SHOWN]


def test_letter(
    config: Config,
    letter_context: LetterContext,
    made: Proposal,
    updates: Sequence[Update],
    address: str,
    now: datetime,
) -> Letter:
    """The notice as a recipient would get it, sent only to the operator. Raises LetterError."""
    look = style(config)
    notice = told(made.incident, updates, made.update.number, made.update.number)
    built = notice_mail.build(replace(notice, zone=config.service.timezone), letter_context, look)
    cause = f"test:{made.incident.id}:{made.update.number}:{now.isoformat()}"
    message_id = tokens.message_id(letter_context.secrets, "test", "", cause, letter_context.domain)
    person = Addressee("", "operator", address, ("this is a test",), message_id, message_id)
    letter = notice_mail.address(built, person, letter_context, look, now)
    return Letter("test", cause, message_id, address, letter.subject, letter.text, letter.raw)
