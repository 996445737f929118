"""`intake backup` and `intake restore`: one folder with everything that cannot be created again.

    manifest.json     written last: without it, or with a wrong digest in it, the backup is invalid
    database          an SQLite file, or the custom format of pg_dump
    blobs/ab/cd/…     every blob that the database names; a second backup adds only new ones
    config.toml, secret

The database is copied while the service runs, in one transaction. The blobs that it names are
copied afterwards; blobs never change.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from intake import __version__
from intake.adapters import heartbeat
from intake.adapters.blob_store import Blobs
from intake.config import loader as settings
from intake.config.loader import Config
from intake.store import database_copy, restore_check
from intake.store.engine import Engine, open_engine, reading, writing
from intake.store.migrate import HEAD, check, is_there

MANIFEST, DATABASE = "manifest.json", "database"
CHUNK = 500


class BackupError(Exception):
    """The backup cannot be made, or cannot be used; one line of text."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """The contents of manifest.json, which describes the backup."""

    at: str
    version: str
    schema: str
    kind: str  # "sqlite" or "postgresql"
    sha256: str  # of the copy of the database
    messages: int
    cases: int
    blobs: int
    lost: int  # blobs that the database names and that were already missing or damaged


@dataclass(frozen=True, slots=True)
class Restored:
    """The result of a restore."""

    manifest: Manifest
    blobs: int  # now in the blob store
    files: tuple[str, ...]  # configuration and secret, if they were missing and restored
    aside: str  # the new path of the previous database; empty if there was none


def make(config: Config, folder: Path) -> Manifest:
    """Makes a backup in that folder, or updates the one there. Raises BackupError, StoreError."""
    engine = open_engine(config.database_url)
    try:
        check(engine)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / MANIFEST).unlink(missing_ok=True)  # written again when everything is in place
        fresh = folder / f"{DATABASE}.new"
        fresh.unlink(missing_ok=True)
        database_copy.take(engine, fresh)
        fresh.chmod(0o600)
        sync(fresh)
        fresh.replace(folder / DATABASE)
        named, counts = _named(config, engine, folder / DATABASE)
        lost = _copy_blobs(Blobs(config.blob_folder), Blobs(folder / "blobs"), named)
        for name, source in _extras(config):
            if source.exists():
                write(folder / name, source.read_bytes())
        manifest = Manifest(
            datetime.now(UTC).isoformat(timespec="seconds"), __version__, HEAD,
            engine.dialect.name, digest(folder / DATABASE), *counts, len(named) - lost, lost,
        )  # fmt: skip
        write(folder / MANIFEST, json.dumps(asdict(manifest), indent=1).encode())
    except OSError as error:
        raise BackupError(f"{error.filename or folder}: {error.strerror}") from error
    finally:
        engine.dispose()
    return manifest


def _named(config: Config, engine: Engine, copy: Path) -> tuple[list[str], tuple[int, int]]:
    """The blobs that the copy names, and its numbers of messages and cases."""
    most = settings.limits(config).max_mail_bytes
    looked = engine
    if engine.dialect.name == "sqlite":
        looked = open_engine(f"sqlite:///{copy}", read_only=True)
    try:
        with reading(looked) as session:
            return sorted(restore_check.blobs(session, most)), database_copy.counts(session)
    finally:
        if looked is not engine:
            looked.dispose()


def _copy_blobs(source: Blobs, target: Blobs, named: Sequence[str]) -> int:
    """Copies and checks blobs; returns how many were missing or damaged in the source."""
    lost = 0
    for start in range(0, len(named), CHUNK):
        part = [one for one in named[start : start + CHUNK] if not target.verify(one)]
        good = [digest for digest in part if source.verify(digest)]
        target.flush([target.stage(source.read(digest)) for digest in good])
        lost += len(part) - len(good)
    return lost


def _extras(config: Config) -> Iterable[tuple[str, Path]]:
    """The other files of the service, by their names in the backup."""
    if config.file:
        yield "config.toml", Path(config.file)
    yield "secret", config.path(config.service.secret_file)


def read_manifest(folder: Path) -> Manifest:
    """Reads the manifest and checks the database copy against it. Raises BackupError."""
    try:
        manifest = Manifest(**json.loads((folder / MANIFEST).read_bytes()))
        found = digest(folder / DATABASE)
    except OSError as error:
        raise BackupError(f"{folder} holds no whole backup: {error.strerror}") from error
    except (ValueError, TypeError) as error:
        raise BackupError(f"{folder / MANIFEST} cannot be read: {error}") from error
    if found != manifest.sha256:
        raise BackupError(f"{folder / DATABASE} is damaged: its digest is not the manifest's")
    wrong = database_copy.inspect(folder / DATABASE) if manifest.kind == "sqlite" else ""
    if wrong:
        raise BackupError(f"{folder / DATABASE} is damaged: {wrong}")
    return manifest


def restore(config: Config, folder: Path, *, replace: bool) -> Restored:
    """Restores a backup; until `reconcile` has run, nothing is sent and no number is assigned.

    A database that holds mails is replaced only with ``replace``. Raises BackupError, StoreError.
    """
    manifest = read_manifest(folder)
    beat = heartbeat.read(config.state_folder)
    if beat is not None and heartbeat.is_alive(beat, datetime.now(UTC)):
        raise BackupError(f"a worker is running as process {beat.pid}; stop it first")
    engine = open_engine(config.database_url)
    try:
        if engine.dialect.name != manifest.kind:
            found = engine.dialect.name
            raise BackupError(f"the backup is of {manifest.kind}, database.url names {found}")
        if not replace and _has_mails(engine):
            raise BackupError("there is a database with mails already; --replace puts it aside")
        engine.dispose()
        stored = Blobs(config.blob_folder)
        kept = Blobs(folder / "blobs")
        names = [path.name for path in sorted((folder / "blobs").glob("??/??/*"))]
        lost = _copy_blobs(kept, stored, names)
        ending = f".before-{datetime.now(UTC):%Y%m%dT%H%M%S}"
        files = tuple(_put_back(config, folder, ending))
        aside = database_copy.put_back(engine, folder / DATABASE, ending)
        with writing(engine) as session:
            restore_check.set_counters(session, {restore_check.MARK: 1})
    except OSError as error:
        raise BackupError(f"{error.filename or folder}: {error.strerror}") from error
    finally:
        engine.dispose()
    return Restored(manifest, len(names) - lost, files, str(aside or ""))


def _put_back(config: Config, folder: Path, ending: str) -> Iterable[str]:
    """Restores configuration and secret if they are missing; existing ones may be newer.

    A secret that lacks the old keys was made by `intake init` on a new machine. References in
    letters depend on the old keys, so that file is moved aside.
    """
    for name, target in _extras(config):
        kept = folder / name
        if name == "secret" and kept.exists() and _lacks_keys(target, kept):
            target.rename(target.with_name(target.name + ending))
        if kept.exists() and not target.exists():
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write(target, kept.read_bytes())
            yield str(target)


def _lacks_keys(target: Path, kept: Path) -> bool:
    """Whether the file is there and does not hold every key of the kept one."""
    if not target.exists():
        return False
    return not set(kept.read_text("utf-8").split()) <= set(target.read_text("utf-8").split())


def _has_mails(engine: Engine) -> bool:
    if not is_there(engine):
        return False
    with reading(engine) as session:
        return database_copy.counts(session)[0] > 0


def digest(path: Path) -> str:
    """The sha256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write(path: Path, data: bytes) -> None:
    """Writes a private file; it gets its name only after it is complete and synced."""
    fresh = path.with_name(f"{path.name}.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    sync(path.parent)


def sync(path: Path) -> None:
    """Flushes a file or a folder to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
