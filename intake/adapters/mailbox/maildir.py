"""A Maildir (maildir(5)) as a mailbox: mails in new/ and cur/ wait, handled mails are moved.

A UID is derived from the unique part of the file name, the size and the time of the file. So it
survives a change of flags, and a reused name is another mail. There is no UIDVALIDITY. Handled
mails go to the sibling folders .Processed and .Held (Maildir++).
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from intake.adapters.mailbox.protocol import Fetched, Filed, MailboxError, Opened, Settled, Waiting

CHUNK_BYTES = 2**20
LOOK_SECONDS = 0.5


class MaildirBox:
    """One Maildir; missing folders are created when it is opened."""

    def __init__(
        self, name: str, path: Path, processed: str = "Processed", held: str = "Held"
    ) -> None:
        self.name = name
        self._path = path
        self._folders = {"processed": path / f".{processed}", "held": path / f".{held}"}
        self._files: dict[int, Path] = {}

    def open(self) -> Opened:
        """Creates missing folders."""
        try:
            for folder in (self._path, *self._folders.values()):
                for part in ("tmp", "new", "cur"):
                    (folder / part).mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise self._error("folder", error) from error
        return Opened(0, 0)

    def waiting(self, from_uid: int) -> list[Waiting]:
        """Every regular file in new/ and cur/, oldest first."""
        found: list[Waiting] = []
        self._files = {}
        try:
            for path in self._entries():
                with suppress(FileNotFoundError):
                    info = path.stat()
                    uid = uid_of(path.name, info.st_size, info.st_mtime_ns)
                    at = datetime.fromtimestamp(info.st_mtime, UTC)
                    self._files[uid] = path
                    found.append(Waiting(uid, info.st_size, at))
        except OSError as error:
            raise self._error("folder", error) from error
        return sorted(found, key=lambda one: (one.received_at, one.uid))

    def _entries(self) -> Iterator[Path]:
        for part in ("new", "cur"):
            with os.scandir(self._path / part) as entries:
                for entry in entries:
                    if entry.is_file(follow_symlinks=False) and not entry.name.startswith("."):
                        yield Path(entry.path)

    def present(self, uids: Sequence[int]) -> set[int]:
        """The mails that are there when the folders are read again."""
        return {one.uid for one in self.waiting(0)} & set(uids)

    def fetch(self, uids: Sequence[int]) -> Iterator[Fetched]:
        """The bytes of each mail; None if its file is gone."""
        for uid in uids:
            try:
                yield Fetched(uid, self._file(uid).read_bytes())
            except FileNotFoundError:
                yield Fetched(uid, None, "its file is gone")
            except OSError as error:
                raise self._error("protocol", error) from error

    def _file(self, uid: int) -> Path:
        path = self._files.get(uid)
        if path is None:
            raise FileNotFoundError(uid)
        return path

    def fetch_large(self, uid: int, write: Callable[[bytes], object]) -> bool:
        """The bytes in chunks of a megabyte."""
        try:
            with self._file(uid).open("rb") as file:
                while chunk := file.read(CHUNK_BYTES):
                    write(chunk)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise self._error("protocol", error) from error
        return True

    def settle(self, folder: str, uids: Sequence[int], *, again: bool = False) -> list[Settled]:
        """Renames into the folder's cur/, marked as seen, and syncs both folders once."""
        target = self._folders[folder] / "cur"
        settled: list[Settled] = []
        if any(uid not in self._files for uid in uids):
            self.waiting(0)
        try:
            for uid in uids:
                path = self._files.get(uid)
                if path is not None:
                    with suppress(FileNotFoundError):
                        path.rename(_free(target, path.name.partition(":")[0], uid))
                settled.append(Settled(uid, True))
            for changed in (target, self._path / "new", self._path / "cur"):
                _sync(changed)
        except OSError as error:
            raise self._error("folder", error) from error
        return settled

    def tops(self) -> dict[str, tuple[int, int]]:
        """Returns nothing: files have no increasing numbers."""
        return {}

    def filed(self, folder: str, from_uid: int, max_bytes: int) -> Iterator[Filed]:
        """Every mail in that folder."""
        try:
            for path in sorted((self._folders[folder] / "cur").iterdir(), key=_modified):
                info = path.stat()
                raw = path.read_bytes() if info.st_size <= max_bytes else b""
                uid = uid_of(path.name, info.st_size, info.st_mtime_ns)
                at = datetime.fromtimestamp(info.st_mtime, UTC)
                yield Filed(uid, 0, at, info.st_size, raw)
        except OSError as error:
            raise self._error("folder", error) from error

    def idle(self, seconds: float, stopped: Callable[[], bool]) -> bool:
        """Checks twice a second for a file that was not listed."""
        ends = time.monotonic() + seconds
        before = None
        while not stopped() and time.monotonic() < ends:
            mark = self._mark()
            if mark != before and self._anything_new():
                return True
            before = mark
            time.sleep(min(LOOK_SECONDS, max(0.0, ends - time.monotonic())))
        return False

    def _anything_new(self) -> bool:
        """Whether there is a file that the last list did not contain."""
        try:
            known = {path.name for path in self._files.values()}
            return not {path.name for path in self._entries()} <= known
        except OSError as error:
            raise self._error("folder", error) from error

    def _mark(self) -> tuple[int, int]:
        try:
            return (
                (self._path / "new").stat().st_mtime_ns,
                (self._path / "cur").stat().st_mtime_ns,
            )
        except OSError as error:
            raise self._error("folder", error) from error

    def close(self) -> None:
        """Does nothing: no resources are open."""

    def _error(self, kind: str, error: OSError) -> MailboxError:
        where = error.filename or self._path
        return MailboxError(kind, f"Maildir {self.name}: {where}: {error.strerror}")


def uid_of(name: str, size: int, modified_ns: int) -> int:
    """A stable number for a file, from the unique part of its name, its size and its time."""
    unique = os.fsencode(name.partition(":")[0])
    mark = hashlib.sha256(b"%b\0%d\0%d" % (unique, size, modified_ns)).digest()
    return int.from_bytes(mark[:8], "big") >> 1 or 1


def _free(folder: Path, unique: str, uid: int) -> Path:
    """A name that no earlier mail in the folder has, because a rename would overwrite that mail."""
    wanted = folder / f"{unique}:2,S"
    return folder / f"{unique}.{uid:x}:2,S" if wanted.exists() else wanted


def _modified(path: Path) -> int:
    return path.stat().st_mtime_ns


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
