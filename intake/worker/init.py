"""``intake init``: creates what the first pass needs, but only what is missing."""

from __future__ import annotations

import os
import secrets
from importlib import resources
from pathlib import Path

from intake.adapters.blob_store import Blobs
from intake.adapters.mailbox.maildir import MaildirBox
from intake.config import loader as settings
from intake.config.loader import Config
from intake.config.toml_files import ConfigError
from intake.store.engine import open_engine
from intake.store.migrate import upgrade
from intake.worker import samples
from intake.worker.bootstrap import mailbox_job


def init(path: Path, *, sample: bool = False) -> list[str]:
    """Creates what is missing; returns a report in lines. Raises ConfigError, StoreError.

    With ``sample`` the configuration trusts the server of the sample mails, which are put into the
    drop folder; an existing configuration is refused.
    """
    done: list[str] = []
    if sample and path.exists():
        raise ConfigError(f"{path}: is there already; samples are for a new folder")
    if not path.exists():
        _make_folder(path.parent)
        text = resources.files("intake").joinpath("config.start.toml").read_text("utf-8")
        if sample:
            nobody = "trusted_authserv_ids = []"
            text = text.replace(nobody, f'trusted_authserv_ids = ["{samples.TRUSTED}"]')
        _write_private(path, text)
        done.append(f"made {path}: edit it")
    config = settings.load(str(path))
    done += prepare(config)
    return done + (samples.fill(config) if sample else [])


def prepare(config: Config) -> list[str]:
    """Creates secret, folders and database for an existing configuration."""
    done: list[str] = []
    secret = config.path(config.service.secret_file)
    given = config.service.secret.get_secret_value() or config.environment.get("INTAKE_SECRET")
    if not given and not secret.exists():
        _make_folder(secret.parent)
        _write_private(secret, f"{secrets.token_urlsafe(32)}\n")
        done.append(f"made {secret}: keep a copy, references in sent letters depend on it")
    engine = open_engine(config.database_url)
    try:
        upgrade(engine)
    finally:
        engine.dispose()
    done.append(f"database ready: {engine.url.render_as_string(hide_password=True)}")
    Blobs(config.blob_folder)
    for box in config.mailbox:
        made = mailbox_job(config, box).box
        if isinstance(made, MaildirBox):
            made.open()
            done.append(f"Maildir ready: {box.url.removeprefix('maildir:')}")
    return done


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{folder}: the folder cannot be made: {error.strerror}") from None


def _write_private(path: Path, text: str) -> None:
    """Writes a new file that only its owner may read."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from None
