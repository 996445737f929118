"""Stores bytes durably under their digest: files named by their sha256.

Order in a batch: stage everything (no fsync), flush once (fsync files, rename, fsync folders), and
only then commit the transaction that names the blobs. Layout: ``staging/<digest>.<run>`` before the
flush, then ``ab/cd/<digest>``. Files are 0600, folders 0700. A malformed digest is a ValueError, so
no name from outside ever becomes a path.

Existing files are not trusted blindly. A staged file belongs to the run that wrote it, because
after a power failure such a file may have a name and no bytes. A stored file is reused only after
its digest was checked. A file whose fsync failed is deleted and written again: the kernel may have
dropped the data that it could not write, and a second fsync would report success.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from tempfile import mkstemp
from types import TracebackType

from intake.model.fault_points import reached

_DIGEST = re.compile(r"[0-9a-f]{64}\Z")
_FSYNC_THREADS = 8  # a journaling file system completes waiting fsyncs with one commit
_CHUNK_BYTES = 2**20
_TEMPORARY = ".writing-"


class BlobError(OSError):
    """The blob store cannot do what was requested; the text names the path and the cause."""

    def __str__(self) -> str:
        words = self.strerror or " ".join(map(str, self.args))
        return f"{words}: {self.filename}" if self.filename else words


def _failed(what: str, path: Path, failure: OSError) -> BlobError:
    cause = (
        "the disk is full" if failure.errno == errno.ENOSPC else failure.strerror or str(failure)
    )
    return BlobError(failure.errno or errno.EIO, f"cannot {what}: {cause}", str(path))


class Blobs:
    """A folder of immutable files. Several threads and processes may use it at the same time."""

    def __init__(self, root: Path | str, run: str = "") -> None:
        self.root = Path(root).absolute()
        self.staging = self.root / "staging"
        self.run = run or secrets.token_hex(8)  # owner of our staged files; children share it
        self._lasting: set[str] = set()  # "abcd" of folders that this process has synced
        self._doubtful: set[str] = set()  # stored digests whose folder could not be synced
        self._prepare()

    def stage(self, data: bytes) -> str:
        """Stores the bytes and returns their sha256; only ``flush`` makes them durable."""
        digest = hashlib.sha256(data).hexdigest()
        if not self._holds(digest):
            with self.stage_writer() as writer:
                writer.write(data)
        return digest

    def stage_writer(self) -> StageWriter:
        """A blob to be written in chunks; its ``close`` returns (digest, size)."""
        return StageWriter(self)

    def flush(self, digests: Iterable[str]) -> None:
        """Makes all those blobs durable in their final places; raises BlobError if that fails.

        An existing blob gets a new modification time, so that the cleanup does not remove it. Its
        folder is synced too, because the process that moved it there may have crashed before the
        sync.
        """
        wanted = list(dict.fromkeys(digests))
        if not wanted:
            return
        for digest in self._doubtful.intersection(wanted):
            if not self.staged_path(digest).exists():
                with self.stage_writer() as writer:
                    writer.write(self.read(digest))
        with ThreadPoolExecutor(min(_FSYNC_THREADS, len(wanted))) as threads:
            list(threads.map(self._sync_staged, wanted))
            reached("K07")
            touched: set[Path] = {self.staging}
            for digest in wanted:
                touched |= self._move_to_final(digest)
            self._doubtful.update(wanted)  # until their folders are synced
            list(threads.map(self._sync_folder, sorted(touched)))
            reached("K08")
        self._doubtful.difference_update(wanted)
        self._lasting |= {digest[:4] for digest in wanted}

    def missing(self, digests: Iterable[str]) -> list[str]:
        """The digests that are not in their final places."""
        return [digest for digest in digests if not self._final(digest).exists()]

    def path(self, digest: str) -> Path:
        """The path of the bytes: the staged one, otherwise the final one, even if neither exists.

        A staged file is newer: it was written because the stored one could not be trusted.
        """
        staged = self.staged_path(digest)
        return staged if staged.exists() else self._final(digest)

    def read(self, digest: str) -> bytes:
        """The bytes; raises BlobError if they are missing or damaged."""
        for path in (self.staged_path(digest), self._final(digest)):
            try:
                data = path.read_bytes()
            except FileNotFoundError:
                continue  # it may be moving from the staged to the final place
            except OSError as failure:
                raise _failed("read the blob", path, failure) from failure
            if hashlib.sha256(data).hexdigest() != digest:
                raise BlobError(errno.EIO, "cannot read the blob: its bytes are damaged", str(path))
            return data
        raise BlobError(errno.ENOENT, "cannot read the blob: it is not in the store", str(path))

    def has(self, digest: str) -> bool:
        """True if a file with that name is staged by this run or stored; see ``verify``."""
        return self._final(digest).exists() or self.staged_path(digest).exists()

    def _holds(self, digest: str) -> bool:
        """Whether the bytes are already stored and intact, so that they need not be written.

        The file gets a new time first, so that the cleanup does not remove it before the flush.
        """
        if digest in self._doubtful:
            return False
        try:
            os.utime(self.path(digest))
            return self.verify(digest)
        except OSError:
            return False  # missing or unreadable: it is written again

    def verify(self, digest: str) -> bool:
        """True if the bytes exist and still match their digest."""
        path = self.path(digest)
        try:
            with path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest() == digest
        except FileNotFoundError:
            return False
        except OSError as failure:
            raise _failed("read the blob", path, failure) from failure

    def aged(self, older_than_seconds: float) -> Iterator[str]:
        """Digests of stored blobs that were not named for so long: candidates for ``remove``."""
        before = time.time() - older_than_seconds
        for path in self.root.glob("[0-9a-f][0-9a-f]/[0-9a-f][0-9a-f]/*"):
            if _DIGEST.match(path.name) and _is_older(path, before):
                yield path.name

    def remove(self, digests: Iterable[str], older_than_seconds: float) -> int:
        """Removes those blobs that are still that old; returns how many.

        Call it while no worker can record mails. A blob that is about to be named has a new time.
        """
        before = time.time() - older_than_seconds
        return sum(_unlink(self._final(digest), before) for digest in digests)

    def tidy(self, older_than_seconds: float) -> int:
        """Removes unfinished files of runs that have ended; returns how many."""
        before = time.time() - older_than_seconds
        return sum(_unlink(path, before) for path in sorted(self.staging.iterdir()))

    def _prepare(self) -> None:
        """Creates the root folder, private and durable, and the staging folder."""
        missing = [self.root, *self.root.parents]
        missing = missing[: next(place for place, path in enumerate(missing) if path.exists())]
        try:
            for folder in reversed(missing):
                folder.mkdir(mode=0o700, exist_ok=True)
                self._sync_folder(folder.parent)
            self.staging.mkdir(mode=0o700, exist_ok=True)
        except BlobError:
            raise
        except OSError as failure:
            raise _failed("make the folder", self.root, failure) from failure

    def _final(self, digest: str) -> Path:
        if not _DIGEST.match(digest):
            raise ValueError(f"not a sha256 in lower-case hex: {digest[:80]!r}")
        return self.root / digest[:2] / digest[2:4] / digest

    def staged_path(self, digest: str) -> Path:
        """The path where this run keeps the bytes until they are flushed."""
        if not _DIGEST.match(digest):
            raise ValueError(f"not a sha256 in lower-case hex: {digest[:80]!r}")
        return self.staging / f"{digest}.{self.run}"

    def _sync_staged(self, digest: str) -> None:
        """Syncs one file; deletes it if the fsync failed."""
        staged, final = self.staged_path(digest), self._final(digest)
        try:
            self._sync(staged, "fsync the blob")
        except FileNotFoundError as failure:
            if not final.exists():
                raise _failed("flush a blob that was not staged", staged, failure) from failure
        except BlobError:
            with suppress(OSError):
                staged.unlink(missing_ok=True)
            raise

    def _sync_folder(self, folder: Path) -> None:
        self._sync(folder, "fsync the folder")

    def _sync(self, path: Path, what: str) -> None:
        try:
            descriptor = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            raise
        except OSError as failure:
            raise _failed(what, path, failure) from failure
        try:
            os.fsync(descriptor)
        except OSError as failure:
            raise _failed(what, path, failure) from failure
        finally:
            os.close(descriptor)

    def _move_to_final(self, digest: str) -> set[Path]:
        """Renames a synced blob; returns the folders that must be synced to make it durable."""
        final, staged = self._final(digest), self.staged_path(digest)
        touched = self._make_folder(digest)
        try:
            staged.rename(final)  # replaces a damaged one, or one that another process just made
        except FileNotFoundError:
            try:
                os.utime(final)
            except OSError as failure:
                raise _failed("store the blob", final, failure) from failure
        except OSError as failure:
            raise _failed("store the blob", final, failure) from failure
        return touched

    def _make_folder(self, digest: str) -> set[Path]:
        """Creates the blob's folder; returns the folders that this process still has to sync."""
        folder = self._final(digest).parent
        try:
            folder.parent.mkdir(mode=0o700, exist_ok=True)
            folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as failure:
            raise _failed("make the folder", folder, failure) from failure
        return {folder} if digest[:4] in self._lasting else {folder, folder.parent, self.root}


def _is_older(path: Path, before: float) -> bool:
    try:
        return path.stat().st_mtime < before
    except FileNotFoundError:
        return False


def _unlink(path: Path, before: float) -> bool:
    """Removes the file if it is that old; returns whether it did."""
    if not _is_older(path, before):
        return False
    path.unlink(missing_ok=True)
    return True


class StageWriter:
    """A blob that is being written. An exception in the ``with`` block discards it."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self._hash = hashlib.sha256()
        self.digest = ""  # set by close
        self.size = 0  # bytes written so far
        try:
            self._descriptor, name = mkstemp(prefix=_TEMPORARY, dir=blobs.staging)  # mode 0600
        except OSError as failure:
            raise _failed("stage a blob", blobs.staging, failure) from failure
        self._path = Path(name)

    def write(self, chunk: bytes) -> None:
        """Adds bytes; after a BlobError the writer cannot be used any more."""
        self._hash.update(chunk)
        self.size += len(chunk)
        rest = memoryview(chunk)
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest[:_CHUNK_BYTES]) :]
        except OSError as failure:
            self.abandon()
            raise _failed("stage a blob", self._path, failure) from failure

    def close(self) -> tuple[str, int]:
        """Stages the blob and returns its digest and size; a second call returns the same."""
        if self.digest:
            return self.digest, self.size
        digest = self._hash.hexdigest()
        try:
            self._close_descriptor()
            self._path.rename(self._blobs.staged_path(digest))
        except OSError as failure:
            raise _failed("stage a blob", self._path, failure) from failure
        self.digest = digest
        reached("K06")
        return digest, self.size

    def abandon(self) -> None:
        """Discards what was written; never raises."""
        with suppress(OSError):
            self._close_descriptor()
        with suppress(OSError):
            self._path.unlink(missing_ok=True)

    def _close_descriptor(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def __enter__(self) -> StageWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        elif not self.digest:
            self.abandon()
