"""Tells departments and other programs of a change that an operator has made to a case."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from intake.cli.screen import plainly, who

if TYPE_CHECKING:
    from intake.config.loader import Config
    from intake.store.engine import Session
    from intake.worker.handover_by_hand import ByHand


def tell(session: Session, config: Config, number: str, change: ByHand) -> None:
    """Writes the letters and the event in the transaction of the change."""
    from intake.worker import handover_by_hand

    with plainly():
        context = handover_by_hand.context_of(config)
        handover_by_hand.tell(session, context, number, change, datetime.now(UTC))


def name_of() -> str:
    """The operator's name as departments read it."""
    return who().removeprefix("operator:")
