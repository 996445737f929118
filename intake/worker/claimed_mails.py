"""Handles the held mails from an address that a contact has claimed."""

from __future__ import annotations

import structlog

from intake.adapters.blob_store import BlobError
from intake.config.loader import Config
from intake.mail.encoder import LetterError
from intake.store.contacts import claims
from intake.store.contacts.directory import PeopleError
from intake.store.engine import Engine, StoreError, reading
from intake.worker import replay

FAILURES = (replay.ReviewError, PeopleError, LetterError, BlobError, StoreError)
log = structlog.get_logger("intake.claims")


def handle(config: Config, engine: Engine) -> int:
    """Judges those mails again; a mail that fails stays held. Returns how many were handled."""
    with reading(engine) as session:
        waiting = claims.waiting(session)
    done = 0
    for message in waiting:
        try:
            judged = replay.replay(config, message, dry=False)
        except FAILURES as error:
            log.warning("claimed-mail-waits", message=message, why=str(error))
            continue
        done += 1
        log.info("claimed-mail", message=message, after=judged.after)
    return done
