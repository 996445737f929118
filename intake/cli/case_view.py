"""A case as a conversation, for `intake cases show`, and the cases that are late."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from intake.cli.layout import safe, say, wrap
from intake.cli.screen import plainly, when

if TYPE_CHECKING:
    from intake.config.loader import Config
    from intake.store.engine import Session
    from intake.store.sql import Row


def conversation(said: Sequence[Row], zone: str) -> None:
    """Print everything that was said, each mail whole; quoted text stands under its own mark."""
    say("\nconversation")
    for one in said:
        at = when(one["at"], zone)
        if one["kind"] == "letter":
            say(f"  {at}  letter {one['letter']} ({one['name']}) to {one['to']}")
            continue
        kind = {"note": ", note for staff", "held": ", kept back"}.get(one["kind"], "")
        mail = f", mail {one['message_id']}" if one["message_id"] else ""
        say(f"  {at}  {safe(one['name'])}{kind}{mail}")
        wrap(safe(one["text"], lines=True), "    ")
        if one["quoted"]:
            say("    [quoted or forwarded]")
            wrap(safe(one["quoted"], lines=True), "    > ")
    if not said:
        say("  none")


def late(session: Session, config: Config) -> list[str]:
    """The numbers of the cases that are late at their departments."""
    from intake.config import loader
    from intake.store.handover import times
    from intake.worker.departments import departments

    with plainly():
        places = departments(config, loader.load_catalogue(config))
    return [one.number for one in times.late(session, places, datetime.now(UTC))]
