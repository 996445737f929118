"""``intake demo``: sends mails through real IMAP and SMTP, shows the results, plays an incident."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email import message_from_bytes
from pathlib import Path

from imapclient import IMAPClient

from intake.cli.demo import handover, incident
from intake.cli.demo import mails as demo_mails
from intake.cli.demo.servers import PASSWORD, USER, Taken, imap_server, smtp_sink
from intake.cli.layout import safe, say, table
from intake.cli.screen import load
from intake.config import directory_file
from intake.config import loader as settings
from intake.config.loader import Config
from intake.config.toml_files import read_toml
from intake.store import reports
from intake.store.contacts import directory
from intake.store.engine import open_engine, reading, writing
from intake.worker import init, service

CONFIG = """
[service]
name = "Support desk"
address = "{service}"
timezone = "America/Chicago"

[[mailbox]]
name = "support"
url = "imap://{user}@127.0.0.1:{imap}/INBOX"
password = "{password}"
trusted_authserv_ids = ["{authserv}"]
backfill = "all"

[delivery]
url = "smtp://127.0.0.1:{smtp}"

[page]
folder = "page"

[[department]]
key = "support"
address = "{department}"

[logging]
level = "error"
"""


def run(folder: Path | None = None) -> int:
    """Runs the demo in that folder, or in a new one; 0 when all results are as expected."""
    with _folder(folder) as place, imap_server() as imap, smtp_sink() as (smtp, taken):
        file = place / "config.toml"
        file.write_text(
            CONFIG.format(
                service=demo_mails.SERVICE, user=USER, password=PASSWORD, imap=imap, smtp=smtp,
                authserv=demo_mails.AUTHSERV, department=handover.DEPARTMENT,
            )
        )  # fmt: skip
        config = load(str(file))
        logging.getLogger("mail.log").setLevel(logging.ERROR)
        init.prepare(config)
        _people(config)
        handover.register(config)
        good = _play(config, imap, taken)
        stage = incident.Stage(config, lambda mails: _append(imap, mails), taken)
        good = incident.play(stage) and good
        good = handover.play(stage) and good
        if folder is not None:
            say(f"\nEverything lies in {place}, the notifications page in {place / 'page'}.")
            say(f"Try `intake --config {file} cases list`, `… incidents show INC-1`.")
    return 0 if good else 1


@contextmanager
def _folder(folder: Path | None) -> Iterator[Path]:
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="intake-demo-") as made:
        yield Path(made)


def _people(config: Config) -> None:
    """Registers two districts and their contacts."""
    file = config.path("contacts.toml")
    file.write_text(demo_mails.CONTACTS)
    catalogue = settings.load_catalogue(config)
    entries = directory_file.from_data(read_toml(file), catalogue)
    engine = open_engine(config.database_url)
    with writing(engine) as session:
        directory.load(session, entries, datetime.now(UTC))
    engine.dispose()


def _play(config: Config, imap: int, taken: Taken) -> bool:
    """Two passes: first the samples, then the reply to a request that one of them caused."""
    now = datetime.now(UTC)
    samples = demo_mails.samples(now)
    _append(imap, [sample.raw for sample in samples])
    say(f"{len(samples)} mails lie in the mailbox; one pass over it:\n")
    first = service.once(config)
    request = next(
        (raw for _, raw in taken.letters if b"section list stays empty" in raw.lower()), b""
    )
    letter = message_from_bytes(request)
    text = demo_mails.text_of(request)
    answer = demo_mails.reply(now, str(letter["Message-ID"]), str(letter["Subject"]), text)
    _append(imap, [answer])
    second = service.once(config)
    titles = {sample.message_id: sample.title for sample in samples}
    _show(config, titles)
    again = service.once(config)
    told = [raw for to, raw in taken.letters if to != handover.DEPARTMENT]
    handled = first.collected + second.collected
    say(
        f"\n{handled} mails handled, {len(told)} letters to contacts sent, "
        f"{len(taken.letters) - len(told)} to a department;\n"
        f"a third pass found {again.collected} mails and sent {again.posted.sent} letters."
    )
    acks = [raw for raw in told if b"is now case" in raw]
    say("\n--- the request for missing answers, as the contact reads it " + "-" * 16)
    demo_mails.show_letter(request)
    say("\n--- an acknowledgement " + "-" * 54)
    demo_mails.show_letter(acks[0] if acks else b"")
    failed = [*first.failures, *second.failures, *again.failures]
    for failure in failed:
        say(f"failed: {safe(failure)}")
    return not failed and again.collected == 0 and len(told) == len(samples) - 1


def _append(port: int, mails: list[bytes]) -> None:
    """Puts mails into the mailbox."""
    with IMAPClient("127.0.0.1", port=port, ssl=False, timeout=20) as client:
        client._imap.debug = 0
        client.login(USER, PASSWORD)
        for raw in mails:
            client.append("INBOX", raw)


def _show(config: Config, titles: dict[str, str]) -> None:
    engine = open_engine(config.database_url)
    with reading(engine) as session:
        rows = list(reversed(reports.messages(session, limit=100)))
        cases = {row["number"]: row for row in reports.cases(session, limit=100)}
    engine.dispose()
    shown = []
    for row in rows:
        case = cases.get(row["case_number"])
        became = f"{row['case_number']} {case['status']}" if case else row["status"]
        title = titles.get(row["message_id"], "the answer to the request")
        shown.append(
            (
                title,
                f"{row['action']} {row['rule']}",
                became,
                case["type"].replace("_", " ") if case else "; ".join(row["reasons"][:1]),
            )
        )
    table("what became of them", ("mail", "decision", "now", "type, or why"), shown)
