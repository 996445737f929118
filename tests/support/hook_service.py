"""A service with hooks, and the program that hears them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from intake.config.loader import Config
from intake.model.incidents import Incident
from intake.store import webhooks
from intake.store.engine import Engine, writing
from tests.support import installation

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)

SECRET = "planted-webhook-secret-90ab"

INCIDENT = Incident(
    "INC-42", "incident", "Posting of grades is delayed", "identified", "Grades come late",
    ("Grade Book",), starts_at=NOW, closed_at=None,
)  # fmt: skip


def hook(name: str, port: int, more: str = "") -> str:
    """A [[webhook]] table."""
    return (
        f'[[webhook]]\nname = "{name}"\nurl = "http://127.0.0.1:{port}/in/{SECRET}-path"\n{more}\n'
    )


def service(folder: Path, *tables: str) -> Config:
    """A service with those hooks."""
    return installation.make(folder, installation.maildir_box(folder / "in") + "".join(tables))


def happen(config: Config, *kinds: str) -> None:
    """Those events, each in a transaction of its own."""
    for number, kind in enumerate(kinds or ("incident.opened",)):
        with installation.database(config, write=True) as session:
            webhooks.emit(session, kind, {"number": number}, NOW + timedelta(seconds=number))


def claimed(engine: Engine, hook_: str, now: datetime = NOW) -> webhooks.Claimed | None:
    """The hook's turn."""
    with writing(engine) as session:
        return webhooks.claim(session, hook_, now, 70)
