"""Summaries of the day written for everybody who has one due; they leave with the other letters."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import structlog

from intake.incidents import digest
from intake.incidents.notice_content import NoticeStyle
from intake.letters.compose import LetterError
from intake.letters.letter import House
from intake.store.engine import Engine, Unit, reading, writing
from intake.store.incidents import digests

log = structlog.get_logger("intake.digest_pass")

TOGETHER = 50  # people in one transaction


def send_digests(
    engine: Engine,
    house: House,
    style: NoticeStyle,
    hour: int,
    now: datetime,
    stopped: Callable[[], bool] = lambda: False,
) -> int:
    """Puts every summary that is due into the outbox; how many. Raises StoreError."""
    with reading(engine) as unit:
        waiting = digests.due(unit, now, hour)
    count = 0
    for start in range(0, len(waiting), TOGETHER):
        if stopped():
            break
        with writing(engine) as unit:
            for one in waiting[start : start + TOGETHER]:
                count += _one(unit, one, house, style, now)
    if count:
        log.info("digests-written", letters=count)
    return count


def _one(unit: Unit, one: digests.Due, house: House, style: NoticeStyle, now: datetime) -> bool:
    """One person's; a letter that cannot be written is said, and holds up nobody else's."""
    found = digests.gather(unit, one, now)
    try:
        letter = digest.write(found.digest, house, style, now) if found.digest else None
    except LetterError as error:
        log.error("digest-failed", contact=one.contact_id, why=str(error))
        return False
    return digests.settle(unit, found, letter, now)
