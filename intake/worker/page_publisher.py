"""Writes the notifications page from the current data in the database.

It is called after every change and at intervals. If nothing has changed, it only checks the files.
The next call repairs a page that a crash left incomplete.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from intake.config.loader import Config
from intake.config.toml_files import ConfigError
from intake.incidents.page import files
from intake.incidents.page.content import PageData
from intake.store.engine import Engine, Session, reading
from intake.store.incidents import read as known_incidents


def folder(config: Config) -> Path:
    """The folder of the page. Raises ConfigError if none is configured."""
    if not config.shape.page.folder:
        where = config.file or "the built-in configuration"
        raise ConfigError(
            f"{where}: page.folder: found nothing, wanted a folder that a web server shows"
        )
    return config.path(config.shape.page.folder)


def board(config: Config, session: Session, now: datetime) -> PageData:
    """The contents of the page: open notices, and recently closed ones."""
    own = config.shape.page
    since = now - timedelta(days=own.closed_days)
    return PageData(
        title=own.title or config.shape.notices.name or f"{config.service.name} status",
        service=config.service.name,
        address=config.service.address,
        zone=config.service.timezone,
        notices=tuple(known_incidents.public(session, since, approved=own.show == "approved")),
        url=own.url,
        closed_days=own.closed_days,
    )


def publish(config: Config, engine: Engine, now: datetime) -> bool:
    """Writes the committed state; True if a file changed. Does nothing without page.folder.

    Raises PageError, StoreError.
    """
    if not config.shape.page.folder:
        return False

    def read() -> PageData:
        with reading(engine) as session:
            return board(config, session, now)

    return files.write_from(folder(config), read, now)
