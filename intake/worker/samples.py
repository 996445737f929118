"""Sample mails and a sample contact, so that a new installation has something to show."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime
from importlib import resources
from pathlib import Path

from intake.adapters.mailbox.maildir import MaildirBox
from intake.config import directory_file
from intake.config import loader as settings
from intake.config.loader import Config
from intake.config.toml_files import ConfigError, read_toml
from intake.store.contacts import directory
from intake.store.engine import open_engine, writing
from intake.worker.bootstrap import mailbox_job

NAMES = ("complete", "incomplete", "forged")
TRUSTED = "mx.desk.example"  # the server that wrote Authentication-Results of the samples


def sample_mails() -> dict[str, bytes]:
    """Name -> mail, dated now."""
    folder = resources.files("intake").joinpath("samples")
    now = format_datetime(datetime.now(UTC))
    texts = {name: folder.joinpath(f"{name}.eml").read_text("utf-8") for name in NAMES}
    return {
        name: text.replace("@DATE@", now).replace("\n", "\r\n").encode()
        for name, text in texts.items()
    }


def fill(config: Config) -> list[str]:
    """Registers the sample contact and puts the mails into the drop folder. Raises ConfigError."""
    box = mailbox_job(config, config.mailbox[0]).box
    if not isinstance(box, MaildirBox):
        raise ConfigError("the samples need a Maildir as the first mailbox")
    people = Path(str(resources.files("intake").joinpath("samples/people.toml")))
    entries = directory_file.from_data(read_toml(people), settings.load_catalogue(config))
    engine = open_engine(config.database_url)
    try:
        with writing(engine) as session:
            directory.load(session, entries, datetime.now(UTC))
    finally:
        engine.dispose()
    folder = config.path(config.mailbox[0].url.removeprefix("maildir:")) / "new"
    for name, raw in sample_mails().items():
        folder.joinpath(f"sample-{name}").write_bytes(raw)
    return [
        "registered the sample contact zack of bayside",
        f"put {len(NAMES)} sample mails into {folder}",
    ]
