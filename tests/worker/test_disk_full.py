"""A full disk, for real: database, blobs or temporary files on a small volume, then room again."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from tests.support import checker, installation
from tests.support.checker import Maildir
from tests.support.faults import CAMPAIGN, LEASE, Desk, Volume, tmpfs, wordy
from tests.support.servers import dovecot, smtp_sink

pytestmark = [pytest.mark.servers, pytest.mark.xdist_group("disks")]
KIB = 1 << 10
SIZE = 50
ENOUGH = 48 << 20

# what lies on the small volume, how it is reached, KiB left, mails of a batch, KiB added to a mail
Case = tuple[str, str, int, int, int]
ORDINARY: list[Case] = [
    ("database", "maildir", 3000, 50, 100),
    ("var", "maildir", 6000, 50, 100),
    ("database", "imap", 2500, 50, 32),
    ("blobs", "imap", 200, 50, 0),
    ("temporary", "imap", 0, 50, 0),
]
FURTHER: list[Case] = [
    ("database", "maildir", 0, 50, 0),
    ("database", "maildir", 700, 10, 0),
    ("blobs", "maildir", 200, 10, 0),
    ("temporary", "maildir", 0, 50, 0),
    ("database", "imap", 3000, 50, 100),
]
MANY: list[Case] = [
    (where, way, room * times, batch, 100 * (times > 1))
    for where in ("database", "blobs", "var")
    for way in ("maildir", "imap")
    for batch in (50, 10)
    for room in (0, 4, 32, 100, 180, 256, 350, 500, 700, 900, 1200, 1600)
    for times in (1, 6)
]
CASES = ORDINARY if CAMPAIGN < 10 else [*ORDINARY, *FURTHER, *MANY]


@contextmanager
def small(
    where: str, way: str, folder: Path, batch: int, longer: int
) -> Iterator[tuple[Desk, Volume]]:
    """A service that waits for fifty mails, one part of it on a volume of its own."""
    mails = wordy(SIZE, longer)
    paths = {
        "database": folder / "db",
        "blobs": folder / "blobs",
        "var": folder / "var",
        "temporary": folder / "tmp",
    }
    database = folder / ("db" if where == "database" else "var") / "intake.db"
    blobs = folder / "blobs" if where == "blobs" else folder / "var" / "blobs"
    more = f'\n[database]\nurl = "sqlite:///{database}"\n[storage]\nurl = "{blobs}"\n'
    with ExitStack() as stack:
        volume = stack.enter_context(tmpfs(paths[where], ENOUGH))
        if way == "imap":
            imap = stack.enter_context(dovecot(folder))
            sink = stack.enter_context(smtp_sink(folder))
            box = installation.imap_box(imap.imap, imap.password, more=f"batch_mails = {batch}")
            to = installation.delivery(f"smtp://127.0.0.1:{sink.port}")
            desk = Desk(folder, mails, imap, sink.letters, database, blobs)
        else:
            box = installation.maildir_box(folder / "in") + f"batch_mails = {batch}\n"
            to = installation.delivery(f"maildir:{folder / 'out'}")
            server, out = Maildir(folder / "in"), Maildir(folder / "out")
            desk = Desk(folder, mails, server, out.read, database, blobs)
        installation.make(folder, box + to + f"lease_seconds = {LEASE}\n" + more)
        if way == "imap":
            imap.append([mail.raw for mail in mails])
        else:
            for number, mail in enumerate(mails):
                (folder / "in" / "new" / f"{number:03}.test").write_bytes(mail.raw)
        yield desk, volume


def count(desk: Desk, table: str) -> int:
    """Rows of that table."""
    with closing(sqlite3.connect(f"file:{desk.database}?mode=ro", uri=True)) as connection:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


@pytest.mark.parametrize(("where", "way", "room", "batch", "longer"), CASES)
def test_full_and_then_room_again(
    tmp_path: Path, where: str, way: str, room: int, batch: int, longer: int
) -> None:
    """Nothing is moved that is not recorded, somebody is told, and with room all is made up for."""
    with small(where, way, tmp_path, batch, longer) as (desk, volume):
        volume.leave(room * KIB)
        temporary = str(tmp_path / "tmp") if where == "temporary" else ""
        env = {"SQLITE_TMPDIR": temporary, "TMPDIR": temporary} if temporary else {}
        full = desk.run("once", **env)
        over = checker.settled(desk.world())
        wrong = desk.violations()
        status = desk.run("status", **env)
        said = full.stderr.decode().splitlines()
        sys.stdout.write(f"exit {full.returncode}, status {status.returncode}, {said[-1:]}\n")
        volume.grow(3 * ENOUGH)
        left = desk.recovered()
        after = desk.run("status")
        trouble = [f"While the volume was full: {one}" for one in wrong]
        if full.returncode and not status.returncode:
            trouble.append(f"The pass ended with {full.returncode}, status says that all is well.")
        if not full.returncode and over:
            trouble.append(f"The pass said that all is well, and {len(over)} things were not.")
        trouble += [f"With room again: {one}" for one in left]
        if after.returncode:
            trouble.append(f"In the end status is {after.returncode}: {after.stdout.decode()}")
        assert not trouble, "\n".join([f"{len(trouble)} things are wrong", *trouble[:60]])
        assert count(desk, "cases") == SIZE
