"""The notifications page as the database has it now, written to its folder.

Called after every change and from time to time: what did not change costs a look at the files,
and a page that a crash left behind is mended by the next call.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from intake.config.loader import Config, ConfigError
from intake.incidents.page import files
from intake.incidents.page.content import PageData
from intake.store.engine import Engine, Session, reading
from intake.store.incidents import read as known_incidents


def folder(config: Config) -> Path:
    """Where the page is written to. Raises ConfigError when it is nowhere."""
    if not config.shape.page.folder:
        where = config.file or "the built-in configuration"
        raise ConfigError(
            f"{where}: page.folder: found nothing, wanted a folder that a web server shows"
        )
    return config.path(config.shape.page.folder)


def board(config: Config, session: Session, now: datetime) -> PageData:
    """What stands on the page: open notices, and those that were closed not long ago."""
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
    """The page shows what is committed; True when a file changed. Nothing without page.folder.

    Raises PageError, StoreError.
    """
    if not config.shape.page.folder:
        return False

    def read() -> PageData:
        with reading(engine) as session:
            return board(config, session, now)

    return files.write_from(folder(config), read, now)
