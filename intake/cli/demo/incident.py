"""The second half of ``intake demo``: an incident, its notices, and a case about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from intake.cli.demo import mails
from intake.cli.demo.servers import Taken
from intake.cli.layout import safe, say, table
from intake.config.loader import Config
from intake.model.authorship import By
from intake.store import reports
from intake.store.engine import open_engine, reading, writing
from intake.store.incidents import broadcasts, write
from intake.worker import notice_bootstrap, service

AUTHOR, SECOND = "nora", "otto"  # operators: one writes, the other approves


@dataclass(frozen=True, slots=True)
class Stage:
    """What the demo needs: configuration, delivery into the mailbox, and the sink's letters."""

    config: Config
    arrive: Callable[[list[bytes]], None]
    taken: Taken


def play(stage: Stage) -> bool:
    """Opens, proposes, approves and sends a notice; True if each contact got it exactly once."""
    incident, told = _announce(stage.config)
    say(f"\n{incident} is opened by {AUTHOR}; its letter is approved by {SECOND}; one pass:\n")
    before = len(stage.taken.letters)
    stage.arrive([mails.about_the_incident(datetime.now(UTC))])
    first = service.once(stage.config)
    written = [raw for _, raw in stage.taken.letters[before:]]
    again = service.once(stage.config)
    cases = _show(stage.config, incident)
    say(
        f"\n{first.notices.sent} people told, each once; another pass tells {again.notices.sent}.\n"
        f"{', '.join(cases)} came in about it: it is tied to it, and its letter says so."
    )
    notice = next((raw for raw in written if b"List-Id:" in raw), b"")
    say("\n--- the notice, its plain text part " + "-" * 41)
    mails.show_letter(notice)
    failed = [*first.failures, *again.failures]
    for failure in failed:
        say(f"failed: {safe(failure)}")
    return (first.notices.sent, again.notices.sent, len(cases), failed) == (told, 0, 1, [])


def _announce(config: Config) -> tuple[str, int]:
    """The incident's id, and how many people are to be notified."""
    now = datetime.now(UTC)
    opening = write.Opening(
        "incident", "Posting of grades is delayed",
        "Grades that teachers post appear with a delay of about an hour.\n\n"
        "- Nothing that was posted is lost.\n- Please do not post a second time.",
        "Posted grades appear late.", ("Grade Book",), next_update_at=now + timedelta(hours=2),
    )  # fmt: skip
    habits, terms = notice_bootstrap.habits(config), notice_bootstrap.terms(config)
    engine = open_engine(config.database_url)
    with writing(engine) as session:
        made = write.open_(session, opening, AUTHOR, now)
        asked = broadcasts.propose(session, made, habits, By(AUTHOR, now))
        broadcasts.approve(session, made, asked.hash, habits, terms, By(SECOND, now))
    engine.dispose()
    return made, len(asked.audience.told)


def _show(config: Config, incident: str) -> list[str]:
    """Shows who was notified; returns the numbers of the cases that are linked to the incident."""
    engine = open_engine(config.database_url)
    with reading(engine) as session:
        rows = broadcasts.ledger(session, incident, 0, "", 100)
        cases = reports.cases(session, limit=100)
    engine.dispose()
    shown = [(row["address"], row["state"], row["reasons"][0]) for row in rows]
    table(f"who was told of {incident}", ("address", "state", "why"), shown)
    return [case["number"] for case in cases if case["incident_id"] == incident]
