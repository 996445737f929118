"""Bytes -> digest, durably: content-addressed files named by their sha256.

Order of a batch: stage everything (no fsync), flush once (fsync files, rename, fsync folders),
and only then commit the transaction that refers to it. Layout: ``staging/<digest>.<run>`` until it
is flushed, then ``ab/cd/<digest>``. Files are 0600, folders 0700. A digest of the wrong form is a
ValueError, so no name from outside ever becomes a path.

What lies there is trusted only as far as it is known: a staged file belongs to the run that wrote
it, since after a power cut such a file may have a name and no bytes; a stored file is compared with
the bytes in hand, or its digest is computed, before it stands in for them. A file whose fsync
failed is thrown away and written anew: the kernel may have dropped what it could not write, and a
second fsync of it would report success.
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

_DIGEST = re.compile(r"[0-9a-f]{64}\Z")
_FSYNC_THREADS = 8  # a journaling file system answers waiting fsyncs with one commit
_CHUNK_BYTES = 2**20
_TEMPORARY = ".writing-"


class BlobError(OSError):
    """The blob store cannot do what was asked; the text names the path and the cause."""


def _failed(what: str, path: Path, failure: OSError) -> BlobError:
    cause = (
        "the disk is full" if failure.errno == errno.ENOSPC else failure.strerror or str(failure)
    )
    return BlobError(failure.errno or errno.EIO, f"cannot {what}: {cause}", str(path))


class Blobs:
    """A folder of immutable files. Threads and processes may use the same one at the same time."""

    def __init__(self, root: Path | str, run: str = "") -> None:
        self.root = Path(root).absolute()
        self.staging = self.root / "staging"
        self.run = run or secrets.token_hex(8)  # whose staged files are ours; shared with children
        self._lasting: set[str] = set()  # "abcd" of folders that this process has made durable
        self._doubtful: set[str] = set()  # stored digests whose folder could not be synced
        self._prepare()

    def stage(self, data: bytes) -> str:
        """The sha256 of the bytes, which are in the store now but may not outlive a power cut."""
        digest = hashlib.sha256(data).hexdigest()
        if not self._holds(digest):
            with self.stage_writer() as writer:
                writer.write(data)
        return digest

    def stage_writer(self) -> StageWriter:
        """A file to be written in chunks; ``close`` gives (digest, size)."""
        return StageWriter(self)

    def flush(self, digests: Iterable[str]) -> None:
        """Every one of those blobs is durable and in its final place; raises BlobError if not.

        A blob that was there already gets a new time, so that no sweep takes it for abandoned, and
        its folder is synced too: whoever moved it there may not have come that far.
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
            touched: set[Path] = {self.staging}
            for digest in wanted:
                touched |= self._move_to_final(digest)
            self._doubtful.update(wanted)  # until their folders are synced
            list(threads.map(self._sync_folder, sorted(touched)))
        self._doubtful.difference_update(wanted)
        self._lasting |= {digest[:4] for digest in wanted}

    def missing(self, digests: Iterable[str]) -> list[str]:
        """Those of the digests that are not in their final place."""
        return [digest for digest in digests if not self._final(digest).exists()]

    def path(self, digest: str) -> Path:
        """Where the bytes lie: the staged place, else the final one, whether or not they exist.

        A staged file is newer: it was written because the stored one could not be trusted.
        """
        staged = self.staged_path(digest)
        return staged if staged.exists() else self._final(digest)

    def read(self, digest: str) -> bytes:
        """The bytes; raises BlobError when they are not there or are not what they were."""
        for path in (self.staged_path(digest), self._final(digest)):
            try:
                data = path.read_bytes()
            except FileNotFoundError:
                continue  # it may be on its way from the staged to the final place
            except OSError as failure:
                raise _failed("read the blob", path, failure) from failure
            if hashlib.sha256(data).hexdigest() != digest:
                raise BlobError(errno.EIO, "cannot read the blob: its bytes are damaged", str(path))
            return data
        raise BlobError(errno.ENOENT, "cannot read the blob: it is not in the store", str(path))

    def has(self, digest: str) -> bool:
        """True when a file of that name is staged by this run or stored; see ``verify``."""
        return self._final(digest).exists() or self.staged_path(digest).exists()

    def _holds(self, digest: str) -> bool:
        """Whether the bytes are here and whole, so that they need not be written.

        They get a new time first: a sweep between here and the flush shall not take them.
        """
        if digest in self._doubtful:
            return False
        try:
            os.utime(self.path(digest))
            return self.verify(digest)
        except OSError:
            return False  # not there, or unreadable: it is written anew

    def verify(self, digest: str) -> bool:
        """True when the bytes are there and still have their digest."""
        path = self.path(digest)
        try:
            with path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest() == digest
        except FileNotFoundError:
            return False
        except OSError as failure:
            raise _failed("read the blob", path, failure) from failure

    def aged(self, older_than_seconds: float) -> Iterator[str]:
        """Digests of stored blobs that nobody has named for so long: candidates for ``remove``."""
        before = time.time() - older_than_seconds
        for path in self.root.glob("[0-9a-f][0-9a-f]/[0-9a-f][0-9a-f]/*"):
            if _DIGEST.match(path.name) and _is_older(path, before):
                yield path.name

    def remove(self, digests: Iterable[str], older_than_seconds: float) -> int:
        """Removes those blobs where they are still that old; returns how many.

        To be called while nobody can record: what is about to be named has a new time.
        """
        before = time.time() - older_than_seconds
        return sum(_unlink(self._final(digest), before) for digest in digests)

    def tidy(self, older_than_seconds: float) -> int:
        """Removes what runs that have ended left half done; returns how many files."""
        before = time.time() - older_than_seconds
        return sum(_unlink(path, before) for path in sorted(self.staging.iterdir()))

    def _prepare(self) -> None:
        """The root, private and durable in the folders above it, and the staging folder."""
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
        """Where this run keeps the bytes until they are flushed."""
        if not _DIGEST.match(digest):
            raise ValueError(f"not a sha256 in lower-case hex: {digest[:80]!r}")
        return self.staging / f"{digest}.{self.run}"

    def _sync_staged(self, digest: str) -> None:
        """One fsync; a file whose fsync failed is gone afterwards."""
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
        """Renames a synced blob; returns the folders that must be synced for it to last."""
        final, staged = self._final(digest), self.staged_path(digest)
        touched = self._make_folder(digest)
        try:
            staged.rename(final)  # over one that was damaged, or that another process just made
        except FileNotFoundError:
            try:
                os.utime(final)
            except OSError as failure:
                raise _failed("store the blob", final, failure) from failure
        except OSError as failure:
            raise _failed("store the blob", final, failure) from failure
        return touched

    def _make_folder(self, digest: str) -> set[Path]:
        """Makes the blob's folder; returns it with those above that this process has not synced."""
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
    """Removes the file if it is that old; whether it did."""
    if not _is_older(path, before):
        return False
    path.unlink(missing_ok=True)
    return True


class StageWriter:
    """One blob being written. Leaving the ``with`` block by an exception throws it away."""

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
        """Adds bytes; raises BlobError, and then the writer is of no use any more."""
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
        """The digest and size of what was written, which is staged now. Again: the same answer."""
        if self.digest:
            return self.digest, self.size
        digest = self._hash.hexdigest()
        try:
            self._close_descriptor()
            self._path.rename(self._blobs.staged_path(digest))
        except OSError as failure:
            raise _failed("stage a blob", self._path, failure) from failure
        self.digest = digest
        return digest, self.size

    def abandon(self) -> None:
        """Throws away what was written; never raises."""
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
