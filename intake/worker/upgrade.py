"""``intake upgrade``: brings the database to this program's schema, with a copy beforehand.

The copy is a backup without blobs, because a migration changes none of them. The migrations run in
one transaction; if one fails, or the process is killed, the database is as it was.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from intake import __version__
from intake.adapters import heartbeat
from intake.config.loader import Config
from intake.store import database_copy, migrate
from intake.store.engine import Engine, StoreError, open_engine, reading
from intake.worker import backup
from intake.worker.backup import DATABASE, MANIFEST, BackupError, Manifest

ROOM = 2  # times the size of an SQLite database: the copy, and the log of the transaction


@dataclass(frozen=True, slots=True)
class Upgraded:
    """What an upgrade did, or would do."""

    before: str  # the schema that was found
    after: str  # this program's schema
    changes: tuple[str, ...]  # one sentence for each migration
    copy: str  # the folder of the copy; empty if nothing was done
    messages: int
    cases: int


def upgrade(config: Config, folder: Path | None = None, *, dry_run: bool = False) -> Upgraded:
    """Copies and upgrades the database. Raises BackupError, StoreError; then nothing was changed.

    ``folder`` is for the copy; by default a new one in the state folder.
    """
    now = datetime.now(UTC)
    beat = heartbeat.read(config.state_folder)
    if beat is not None and beat.command != heartbeat.ONCE and heartbeat.is_alive(beat, now):
        raise BackupError(f"a worker is running as process {beat.pid}; stop it first")
    engine = open_engine(config.database_url)
    try:
        found = migrate.revision(engine)
        if not found:
            raise StoreError("schema", "the database is empty; run `intake init` first")
        if found > migrate.HEAD:
            raise migrate.newer(found)
        with reading(engine) as session:
            counts = database_copy.counts(session)
        changes = tuple(migrate.changes_since(found))
        if dry_run or not changes:
            return Upgraded(found, migrate.HEAD, changes, "", *counts)
        target = folder or config.state_folder / f"before-{found}-{now:%Y%m%dT%H%M%S}"
        _copy(config, engine, target, found, counts)
        migrate.upgrade(engine)
        _verify(engine, counts, target)
    except OSError as error:
        raise BackupError(f"{error.filename or folder}: {error.strerror}") from error
    finally:
        engine.dispose()
    return Upgraded(found, migrate.HEAD, changes, str(target), *counts)


def _copy(
    config: Config, engine: Engine, folder: Path, schema: str, counts: tuple[int, int]
) -> None:
    """A checked copy that ``intake restore`` of the old program accepts."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = folder / DATABASE
    if file.exists():
        raise BackupError(f"{file}: there is a copy already; name another folder")
    _room(engine, folder)
    fresh = folder / f"{DATABASE}.new"
    fresh.unlink(missing_ok=True)
    database_copy.take(engine, fresh)
    fresh.chmod(0o600)
    if engine.dialect.name == "sqlite" and (wrong := database_copy.inspect(fresh)):
        raise StoreError("corrupt", f"the copy of the database is damaged: {wrong}")
    backup.sync(fresh)
    fresh.replace(file)
    manifest = Manifest(
        datetime.now(UTC).isoformat(timespec="seconds"), __version__, schema,
        engine.dialect.name, backup.digest(file), *counts, 0, 0,
    )  # fmt: skip
    backup.write(folder / MANIFEST, json.dumps(asdict(manifest), indent=1).encode())


def _room(engine: Engine, folder: Path) -> None:
    if engine.dialect.name != "sqlite":
        return
    size = Path(engine.url.database or "").stat().st_size
    free = shutil.disk_usage(folder).free
    if free < ROOM * size:
        mib = 2**20
        raise BackupError(
            f"{folder}: {free // mib} MiB are free, wanted {ROOM * size // mib} MiB for the copy"
            " and for the upgrade; nothing was changed"
        )


def _verify(engine: Engine, counts: tuple[int, int], copy: Path) -> None:
    """Nothing may be missing afterwards."""
    migrate.check(engine)
    with reading(engine) as session:
        after = database_copy.counts(session)
    if after != counts:
        raise StoreError(
            "corrupt",
            f"after the upgrade there are {after[0]} messages and {after[1]} cases, before it"
            f" {counts[0]} and {counts[1]}; the copy is in {copy}",
        )
