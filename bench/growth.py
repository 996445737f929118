"""Whether a worker is as fast after years: new mails with an empty database and with a full one.

``python -m bench.growth`` fills a database with a million mails, 300,000 cases, two million letters
and 100,000 contacts of two years, as retention leaves them. Then it times passes over 500 new
mails, in turn with an installation of the same contacts that has stored nothing. ``--postgresql``
does the same there. Each pass is a whole process; what counts is the ratio of the medians.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Connection, create_engine, inspect, text

from intake.config.loader import Config
from tests.support import installation
from tests.support.mailbag import PEOPLE, Expected, bag
from tests.support.postgres import postgres

FIRST = 300  # mails that are handled before the database is filled; their rows are the pattern
BETWEEN = 100  # one row in so many belongs to a sender of the new mails
DAYS = 700  # over which the rows are spread, one every few minutes of each day
ACCOUNTS = 2000
CONTACT = (
    f"CASE WHEN i % {BETWEEN} = 0 THEN 'p' || (i / {BETWEEN} % {PEOPLE})"
    " ELSE 'g' || (i % PEOPLE) END"
)

SENDER = (
    f"CASE WHEN i % {BETWEEN} = 0 THEN 'person' || (i / {BETWEEN} % {PEOPLE})"
    f" || '@d' || (i / {BETWEEN} % 10) || '.example'"
    " ELSE 'person' || (i % PEOPLE + 1) || '@far' || ((i % PEOPLE + 1) % 500) || '.example' END"
)
STATUS = (
    "CASE WHEN i % 5000 = 1 THEN 'held' WHEN i % 50 = 2 THEN 'dropped' WHEN i % 50 = 3"
    " THEN 'rejected' ELSE 'handled' END"
)


@dataclass
class Installation:
    """One installation, and what its passes took."""

    name: str
    config: Config
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def drain(self, mails: Sequence[Expected], folder: Path, number: int) -> None:
        """One pass over new mails, as a process of its own."""
        for place, one in enumerate(mails):
            (folder / "in/new" / f"{number}-{place:05d}").write_bytes(one.raw)
        command = [sys.executable, "-m", "intake", "--config", self.config.file, "once"]
        began = time.perf_counter()
        nothing = subprocess.DEVNULL
        process = subprocess.Popen(command, stdout=nothing, stderr=nothing)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"a pass ended with {process.returncode}")
        self.wall.append(time.perf_counter() - began)
        self.cpu.append(used.ru_utime + used.ru_stime)


class Filling:
    """Fills the tables with rows like those that are there, in the words of either database."""

    def __init__(self, link: Connection, contacts: int) -> None:
        self.link, self.contacts = link, contacts
        self.lite = link.dialect.name == "sqlite"

    def rows(self, table: str, count: int, values: Mapping[str, str]) -> None:
        """Adds rows; ``values`` has an expression with the row's number ``i`` for some columns."""
        names = [one["name"] for one in inspect(self.link).get_columns(table)]
        chosen = [values.get(name, f'old."{name}"') for name in names]
        shown = ", ".join(chosen).replace("AT", self._moment()).replace("HASH", self._hash())
        listed = ", ".join(f'"{name}"' for name in names)
        there = self.link.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()
        series = f"SELECT generate_series(1, {count}) AS i"
        if self.lite:
            series = f"SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < {count}"
        self.link.execute(
            text(
                f"WITH RECURSIVE n AS ({series}) INSERT INTO {table} ({listed})"
                f" SELECT {shown.replace('PEOPLE', str(self.contacts))} FROM n JOIN"
                f" (SELECT t.*, row_number() OVER () AS place FROM {table} AS t) AS old"
                f" ON old.place = 1 + n.i % {there}"
            )
        )

    def _moment(self) -> str:
        """A moment of the last two years, but of none of the last two days."""
        minutes = f"(2880 + i * 7 % {DAYS * 1440})"
        if self.lite:
            return f"strftime('%Y-%m-%d %H:%M:%S.000000', 'now', '-' || {minutes} || ' minutes')"
        return f"(now() AT TIME ZONE 'utc' - {minutes} * interval '1 minute')"

    def _hash(self) -> str:
        return "hex(randomblob(32))" if self.lite else "md5(i || 'a') || md5(i || 'b')"

    def people(self) -> None:
        """The contacts of other districts, each with an address and an account."""
        each = {"id": "'a' || i", "name": "'District ' || i"}
        self.rows("accounts", ACCOUNTS, each)
        self.rows("contacts", self.contacts, {"id": "'g' || (i - 1)", "name": "'Person ' || i"})
        address = "'person' || i || '@far' || (i % 500) || '.example'"
        self.rows(
            "contact_emails", self.contacts,
            {"key": address, "address": address, "contact_id": "'g' || (i - 1)",
             "domain": "'far' || (i % 500) || '.example'"},
        )  # fmt: skip
        account = f"'a' || (1 + i % {ACCOUNTS})"
        self.rows(
            "memberships", self.contacts, {"contact_id": "'g' || (i - 1)", "account_id": account}
        )

    def years(self, messages: int) -> None:
        """What was stored in two years, with the words of mails and letters pruned."""
        number, cases = "'CASE-' || (1000000 + i)", messages * 3 // 10
        of_mail = f"'CASE-' || (1000000 + i % {cases} + 1)"
        some = {"contact_id": CONTACT, "pruned_at": "AT"}
        self.rows(
            "cases", cases,
            some | {"number": number, "message_id": "i + 100000", "received_at": "AT",
                    "created_at": "AT", "updated_at": "AT", "closed_at": "AT", "description": "''",
                    "status": "'closed'", "waits_since": "NULL"},
        )  # fmt: skip
        self.rows(
            "messages", messages,
            some | {"id": "i + 100000", "sender": SENDER, "status": STATUS,
                    "uid": "i + 1000000", "digest": "HASH",
                    "message_id_hash": "HASH", "body_digest": "HASH", "received_at": "AT",
                    "recorded_at": "AT", "case_number": of_mail, "submission": "'{}'",
                    "evidence": "'{}'", "settled": "true",
                    "message_id": "'<' || i || '@x.example>'"},
        )  # fmt: skip
        self.rows(
            "outbox", 2 * messages,
            some | {"id": "i + 100000", "cause": "'x' || i", "case_number": of_mail,
                    "message_id_header": "'<l' || i || '@x.example>'", "created_at": "AT",
                    "due_at": "AT", "finished_at": "AT", "state": "'sent'", "text": "''",
                    "message_id": "i / 2 + 100000", "raw": "''"},
        )  # fmt: skip
        self.rows(
            "events", 2 * messages,
            {"id": "i + 1000000", "at": "AT", "case_number": of_mail,
             "message_id": "i / 2 + 100000"},
        )  # fmt: skip


def made(name: str, folder: Path, url: str, contacts: int, messages: int) -> Installation:
    """An installation with the contacts, a few mails handled, and the years filled in."""
    box = installation.maildir_box(folder / "in")
    way = installation.delivery(f"maildir:{folder}/out")
    database = f'\n[database]\nurl = "{url}"\n' if url else ""
    config = installation.make(folder, box + way + installation.NO_LIMITS + database)
    ready = Installation(name, config)
    ready.drain(bag(FIRST), folder, 0)
    ready.wall.clear()
    ready.cpu.clear()
    engine = create_engine(config.database_url)
    with engine.begin() as link:
        filling = Filling(link, contacts)
        filling.people()
        if messages:
            filling.years(messages)
            new = "UPDATE counters SET value = 9000000 WHERE name = 'case'"
            link.execute(text(new))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as link:
        link.execute(text("ANALYZE"))
    engine.dispose()
    return ready


def main() -> None:
    """Times the two in turn and prints the ratios."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--messages", type=int, default=1_000_000)
    words.add_argument("--contacts", type=int, default=100_000)
    words.add_argument("--mails", type=int, default=500, help="in each pass")
    words.add_argument("--rounds", type=int, default=3)
    words.add_argument("--postgresql", action="store_true")
    given = words.parse_args()
    with ExitStack() as stack:
        top = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        both = []
        for name, messages in (("empty", 0), ("full", given.messages)):
            folder = top / name
            folder.mkdir()
            url = stack.enter_context(postgres()) if given.postgresql else ""
            began = time.perf_counter()
            both.append(made(name, folder, url, given.contacts, messages))
            sys.stderr.write(f"{name}: made in {time.perf_counter() - began:.0f} s\n")
        mails = bag(FIRST + given.rounds * given.mails)[FIRST:]
        for number in range(given.rounds):
            some = mails[number * given.mails : (number + 1) * given.mails]
            for one in both:
                one.drain(some, top / one.name, number + 1)
                sys.stderr.write(f"{one.name}: {one.wall[-1]:.1f} s, CPU {one.cpu[-1]:.1f} s\n")
    empty, full = both
    for what in ("wall", "cpu"):
        middle = [statistics.median(getattr(one, what)) for one in (empty, full)]
        print(
            f"{what}: {given.mails} mails in {middle[0]:.2f} s with an empty database,"
            f" {middle[1]:.2f} s with {given.messages} mails stored: {middle[1] / middle[0]:.2f} x"
        )


if __name__ == "__main__":
    main()
