"""Writes the daily summaries that are due; they are sent with the other letters."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import structlog

from intake.incidents import digest
from intake.incidents.notice_content import NoticeStyle
from intake.letters.compose import LetterError
from intake.letters.letter import LetterContext
from intake.store.engine import Engine, Session, reading, writing
from intake.store.incidents import digests

log = structlog.get_logger("intake.digest_pass")

TOGETHER = 50  # people in one transaction


def send_digests(
    engine: Engine,
    letter_context: LetterContext,
    style: NoticeStyle,
    hour: int,
    now: datetime,
    stopped: Callable[[], bool] = lambda: False,
) -> int:
    """Puts all due summaries into the outbox; returns how many. Raises StoreError."""
    with reading(engine) as session:
        waiting = digests.due(session, now, hour)
    count = 0
    for start in range(0, len(waiting), TOGETHER):
        if stopped():
            break
        with writing(engine) as session:
            for one in waiting[start : start + TOGETHER]:
                count += _one(session, one, letter_context, style, now)
    if count:
        log.info("digests-written", letters=count)
    return count


def _one(
    session: Session,
    one: digests.Due,
    letter_context: LetterContext,
    style: NoticeStyle,
    now: datetime,
) -> bool:
    """Writes one person's summary; a failure is logged and does not stop the others."""
    found = digests.gather(session, one, now)
    try:
        letter = digest.write(found.digest, letter_context, style, now) if found.digest else None
    except LetterError as error:
        log.error("digest-failed", contact=one.contact_id, why=str(error))
        return False
    return digests.settle(session, found, letter, now)
