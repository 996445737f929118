"""The journal of committed work: its place, outside the database."""

from __future__ import annotations

from intake.adapters.journal import Journal
from intake.config.loader import Config


def journal_of(config: Config) -> Journal:
    """The journal of this installation."""
    return Journal(config.state_folder / "journal")
