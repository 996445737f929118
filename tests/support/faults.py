"""What the fault campaigns share: a service that can be copied, and volumes of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.support import checker, installation
from tests.support.checker import Maildir, Server, World, digest_of
from tests.support.mailbag import Expected, bag
from tests.support.servers import need, required

CAMPAIGN = int(os.environ.get("INTAKE_CAMPAIGN", "1"))
LEASE = 2  # seconds, after which a letter that a dead process had claimed is free again
CONNECTIONS = 4  # how many letters at most a crash leaves in doubt
FILLS = 50  # attempts to fill a volume
ROUNDS = 3  # passes in which everything has to be made up for


DESCRIPTION = re.compile(rb"(Description: |<td>Description</td><td>)")


def wordy(size: int, longer: int) -> list[Expected]:
    """So many mails, each with so many KiB more to read; then a batch does not fit into a cache."""
    words = (b"and one more thing that should be said\r\n" * 26)[:1000] + b"\r\n"
    more = words * longer
    return [
        replace(mail, raw=DESCRIPTION.sub(lambda found: found[0] + more, mail.raw, count=1))
        for mail in bag(size)
    ]


@dataclass(frozen=True)
class Desk:
    """A service in a folder, the mails put into its mailbox, and where all of it can be seen."""

    folder: Path
    mails: Sequence[Expected]
    server: Server
    letters: Callable[[], list[bytes]]
    database: Path
    blobs: Path

    def run(
        self, *words: str, before: Sequence[str] = (), **env: str
    ) -> subprocess.CompletedProcess[bytes]:
        """The real command, started by another program if one is named."""
        return subprocess.run(
            self.line(*words, before=before),
            capture_output=True,
            timeout=120,
            check=False,
            env={**os.environ, "COLUMNS": "80", **env},
        )

    def line(self, *words: str, before: Sequence[str] = ()) -> list[str]:
        """The words of that command."""
        config = str(self.folder / "config.toml")
        return [*before, sys.executable, "-m", "intake", "--config", config, *words]

    def world(self) -> World:
        """What the checker is to look at now."""
        world = World(
            ever=[mail.raw for mail in self.mails],
            database=self.database,
            blobs=self.blobs,
            letters=self.letters(),
            files={digest_of(mail.raw): mail.files for mail in self.mails},
            in_doubt_at_most=CONNECTIONS,
        )
        return checker.look(world, self.server)

    def violations(self) -> list[str]:
        """What is wrong now, while things may still wait."""
        return checker.violations(self.world())

    def recovered(self) -> list[str]:
        """What is still wrong after the passes in which everything can be made up for."""
        found: list[str] = []
        for attempt in range(ROUNDS):
            if attempt:
                time.sleep(LEASE + 0.5)  # the leases of whoever died run out; not what is measured
            self.run("once")
            found = checker.settled(self.world())
            if not found or self.violations():
                break
        return found


def maildir_desk(folder: Path, mails: Sequence[Expected], outside: Path | None = None) -> Desk:
    """A service between two Maildirs, which may lie outside of its folder; it can be copied."""
    home = outside or folder
    out = os.path.relpath(home / "out", folder)
    box = installation.maildir_box(Path(os.path.relpath(home / "in", folder)))
    to = installation.delivery(f"maildir:{out}") + f"lease_seconds = {LEASE}\n"
    installation.make(folder, box + to + "\n[limits]\nparse_workers = 1\n")
    for number, mail in enumerate(mails):
        (home / "in" / "new" / f"{number:03}.test").write_bytes(mail.raw)
    return at(folder, mails, home)


def at(folder: Path, mails: Sequence[Expected], outside: Path | None = None) -> Desk:
    """The service between Maildirs that lies there, perhaps as a copy of another."""
    home, var = outside or folder, folder / "var"
    out = Maildir(home / "out")
    return Desk(folder, mails, Maildir(home / "in"), out.read, var / "intake.db", var / "blobs")


@dataclass(frozen=True)
class Volume:
    """A small file system."""

    path: Path

    def leave(self, room: int) -> None:
        """Fills it until so many bytes are free, although somebody else may write there, too."""
        with (self.path / "filler").open("wb") as file:
            for _ in range(FILLS):
                found = os.statvfs(self.path)
                free = found.f_bavail * found.f_frsize
                if free <= room:
                    return
                size = os.fstat(file.fileno()).st_size
                with suppress(OSError):
                    os.posix_fallocate(file.fileno(), size, free - room)

    def grow(self, size: int) -> None:
        """Gives a tmpfs another size."""
        subprocess.run(["mount", "-o", f"remount,size={size}", str(self.path)], check=True)


@contextmanager
def mounted(path: Path, *words: str) -> Iterator[Volume]:
    """Mounts something there, with these words of mount's, until the end."""
    need("mount", "umount")
    path.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(["mount", *words, str(path)], capture_output=True, check=False, text=True)
    if done.returncode:
        why = f"nothing can be mounted here: {done.stderr.strip()}"
        if required():
            pytest.fail(why)
        pytest.skip(why)
    try:
        yield Volume(path)
    finally:
        unmount(path)


def unmount(path: Path) -> None:
    """Takes it away, at once or as soon as nobody uses it."""
    done = subprocess.run(["umount", str(path)], capture_output=True, check=False)
    if done.returncode:
        with suppress(OSError):
            subprocess.run(["umount", "-l", str(path)], capture_output=True, check=False)


@contextmanager
def tmpfs(path: Path, size: int) -> Iterator[Volume]:
    """A tmpfs of that many bytes."""
    with mounted(path, "-t", "tmpfs", "-o", f"size={size}", "tmpfs") as volume:
        yield volume


@contextmanager
def ext4(image: Path, path: Path, mebibytes: int = 0) -> Iterator[Volume]:
    """An image with an ext4 that writes late, as most disks have it; made if a size is given."""
    need("mkfs.ext4")
    if mebibytes:
        with image.open("wb") as file:
            file.truncate(mebibytes << 20)
        at_once = "lazy_itable_init=0,lazy_journal_init=0"
        subprocess.run(["mkfs.ext4", "-q", "-F", "-E", at_once, str(image)], check=True)
    with mounted(path, "-t", "ext4", "-o", "loop,data=ordered,commit=60", str(image)) as volume:
        yield volume
