"""Content-addressed files that are durable when flush returns."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import threading
from pathlib import Path

import pytest

from intake.adapters.blob_store import BlobError, Blobs


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    """An empty store in a folder that does not exist yet."""
    return Blobs(tmp_path / "deep" / "store")


def staged_names(blobs: Blobs) -> list[str]:
    """What lies in the staging folder."""
    return sorted(os.listdir(blobs.staging))


def test_bytes_come_back_by_their_digest(blobs: Blobs) -> None:
    """stage gives the sha256, and read gives the bytes before and after the flush."""
    digest = blobs.stage(b"hello")
    assert digest == hashlib.sha256(b"hello").hexdigest()
    assert blobs.read(digest) == b"hello"
    assert blobs.path(digest) == blobs.staged_path(digest)
    assert blobs.path(digest).parent == blobs.staging
    blobs.flush([digest])
    assert blobs.read(digest) == b"hello"
    assert blobs.path(digest) == blobs.root / digest[:2] / digest[2:4] / digest
    assert staged_names(blobs) == []
    assert blobs.verify(digest)


def test_staging_again_writes_nothing(blobs: Blobs) -> None:
    """The same bytes are one file, staged or stored."""
    digest = blobs.stage(b"same")
    inode = blobs.path(digest).stat().st_ino
    blobs.stage(b"same")
    assert blobs.path(digest).stat().st_ino == inode
    blobs.flush([digest, digest])
    blobs.stage(b"same")
    assert blobs.path(digest).stat().st_ino == inode
    assert staged_names(blobs) == []


def test_a_stream_is_staged_in_chunks(blobs: Blobs) -> None:
    """The writer counts and hashes; closing twice gives the same answer."""
    with blobs.stage_writer() as writer:
        for _ in range(5):
            writer.write(b"x" * 1000)
        assert writer.close() == writer.close() == (hashlib.sha256(b"x" * 5000).hexdigest(), 5000)
    assert len(blobs.read(writer.digest)) == 5000
    assert staged_names(blobs) == [blobs.staged_path(writer.digest).name]


def test_a_broken_stream_leaves_nothing(blobs: Blobs) -> None:
    """An exception inside the block throws the half-written file away."""

    def interrupted() -> None:
        with blobs.stage_writer() as writer:
            writer.write(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        interrupted()
    assert staged_names(blobs) == []


def test_files_and_folders_are_private(blobs: Blobs) -> None:
    """Files are 0600 and folders 0700, whatever the umask."""
    digest = blobs.stage(b"secret")
    blobs.flush([digest])
    path = blobs.path(digest)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for folder in (path.parent, path.parent.parent, blobs.root, blobs.staging):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_everything_is_synced_before_it_is_moved(
    blobs: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """flush syncs each file before its rename, and each folder with a new entry after it."""
    log: list[str] = []
    sync, rename = os.fsync, Path.rename

    def synced(descriptor: int) -> None:
        log.append("sync " + os.readlink(f"/proc/self/fd/{descriptor}"))
        sync(descriptor)

    def renamed(path: Path, target: Path) -> Path:
        log.append(f"move {path}")
        return rename(path, target)

    digests = [blobs.stage(bytes([number])) for number in range(5)]
    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "rename", renamed)
    blobs.flush(digests)
    for digest in digests:
        final = blobs.path(digest)
        moved = log.index(f"move {blobs.staged_path(digest)}")
        assert f"sync {blobs.staged_path(digest)}" in log[:moved]
        for folder in (final.parent, final.parent.parent, blobs.root):
            assert f"sync {folder}" in log[moved:]
    assert len(log) == len(set(log))


def test_the_folder_of_a_blob_that_was_there_is_synced_too(
    blobs: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever moved the file may have died before syncing its folder."""
    digest = blobs.stage(b"x")
    blobs.flush([digest])
    log: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda fd: log.append(os.readlink(f"/proc/self/fd/{fd}")))
    Blobs(blobs.root).flush([digest])
    assert str(blobs.path(digest).parent) in log
    assert str(blobs.root) in log


def test_a_failed_sync_is_told_and_the_file_is_written_anew(
    blobs: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file whose fsync failed is never synced again: it goes, and its bytes get a new one."""
    synced: list[int] = []
    failing = True

    def sync(descriptor: int) -> None:
        synced.append(os.fstat(descriptor).st_ino)
        if failing:
            raise OSError(errno.EIO, "Input/output error")

    digest = blobs.stage(b"x")
    (name,) = staged_names(blobs)
    held = (blobs.staging / name).open("rb")  # so that the number of the file is not given again
    monkeypatch.setattr(os, "fsync", sync)
    with pytest.raises(BlobError, match=digest):
        blobs.flush([digest])
    assert len(synced) == 1
    assert staged_names(blobs) == []
    failing = False
    assert blobs.stage(b"x") == digest
    blobs.flush([digest])
    held.close()
    assert blobs.path(digest).stat().st_ino != synced[0]
    assert blobs.read(digest) == b"x"


def test_a_blob_whose_folder_could_not_be_synced_is_stored_anew(
    blobs: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its name may not outlive a power cut, and a second fsync of the folder would not say so."""
    digest, real = blobs.stage(b"x"), os.fsync

    def sync(descriptor: int) -> None:
        if os.path.isdir(f"/proc/self/fd/{descriptor}"):
            raise OSError(errno.EIO, "Input/output error")
        real(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", sync)
        with pytest.raises(BlobError, match="fsync the folder"):
            blobs.flush([digest])
    before = blobs.path(digest).stat().st_ino
    blobs.stage(b"x")
    blobs.flush([digest])
    assert blobs.path(digest).stat().st_ino != before
    assert blobs.read(digest) == b"x"


def test_what_another_run_left_staged_is_never_used(blobs: Blobs) -> None:
    """After a power cut a staged file may have its name and no bytes."""
    digest = hashlib.sha256(b"mail").hexdigest()
    for name in (digest, f"{digest}.0123456789abcdef"):
        (blobs.staging / name).write_bytes(b"")
    assert not blobs.has(digest)
    assert blobs.stage(b"mail") == digest
    blobs.flush([digest])
    assert blobs.read(digest) == b"mail"


@pytest.mark.parametrize("place", ["staged", "stored"])
def test_a_damaged_blob_is_told_and_written_anew(blobs: Blobs, place: str) -> None:
    """Wrong bytes under a right name are an error, and staging them again repairs it."""
    digest = blobs.stage(b"good")
    if place == "stored":
        blobs.flush([digest])
    blobs.path(digest).write_bytes(b"")
    with pytest.raises(BlobError, match="damaged"):
        blobs.read(digest)
    blobs.stage(b"good")
    blobs.flush([digest])
    assert blobs.read(digest) == b"good"


def test_what_is_named_again_looks_young_to_the_sweep(blobs: Blobs) -> None:
    """A blob of last year that a mail of today brings again gets the time of today."""
    digest = blobs.stage(b"logo")
    blobs.flush([digest])
    os.utime(blobs.path(digest), (1, 1))
    assert list(blobs.aged(3600)) == [digest]
    blobs.stage(b"logo")
    blobs.flush([digest])
    assert list(blobs.aged(3600)) == []
    assert blobs.remove([digest], 3600) == 0
    assert blobs.missing([digest, "0" * 64]) == ["0" * 64]


def test_a_full_disk_is_told_in_plain_words(blobs: Blobs, monkeypatch: pytest.MonkeyPatch) -> None:
    """ENOSPC while writing gives one clear line, keeps its number, and leaves no half file."""

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(BlobError, match="the disk is full") as caught:
        blobs.stage(b"x")
    assert caught.value.errno == errno.ENOSPC
    assert staged_names(blobs) == []


def test_what_is_not_there_is_told(blobs: Blobs) -> None:
    """Reading or flushing an unknown digest raises; has and verify say no."""
    unknown = "0" * 64
    assert not blobs.has(unknown)
    assert not blobs.verify(unknown)
    with pytest.raises(BlobError, match="not in the store"):
        blobs.read(unknown)
    with pytest.raises(BlobError, match="not staged"):
        blobs.flush([unknown])
    blobs.flush([])


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "A" * 64, "0" * 63, "0" * 64 + "\n"])
def test_only_digests_become_paths(blobs: Blobs, name: str) -> None:
    """Anything that is not 64 lower-case hex digits is a ValueError."""
    with pytest.raises(ValueError, match="not a sha256"):
        blobs.path(name)
    with pytest.raises(ValueError, match="not a sha256"):
        blobs.has(name)


def test_damage_is_found(blobs: Blobs) -> None:
    """verify compares the bytes with their name."""
    digest = blobs.stage(b"good")
    blobs.flush([digest])
    blobs.path(digest).write_bytes(b"evil")
    assert not blobs.verify(digest)


def test_only_old_files_are_removed(blobs: Blobs) -> None:
    """Young blobs survive even when they are named for removal; so do young staged files."""
    old, young = blobs.stage(b"old"), blobs.stage(b"young")
    blobs.flush([old, young])
    os.utime(blobs.path(old), (1, 1))
    assert list(blobs.aged(3600)) == [old]
    assert blobs.remove([old, young], 3600) == 1
    assert not blobs.has(old)
    assert blobs.has(young)
    for name in (".writing-abc", "0" * 64):
        (blobs.staging / name).touch()
        os.utime(blobs.staging / name, (1, 1))
    blobs.stage(b"coming")
    assert blobs.tidy(3600) == 2
    assert len(staged_names(blobs)) == 1


def test_many_may_stage_and_flush_the_same_bytes(blobs: Blobs) -> None:
    """Threads that race with one another end with one file and no error."""
    failures: list[Exception] = []

    def work() -> None:
        try:
            for number in range(40):
                own = Blobs(blobs.root)
                digest = own.stage(bytes([number]) * 100)
                own.flush([digest])
                assert own.read(digest) == bytes([number]) * 100
        except (OSError, AssertionError) as failure:
            failures.append(failure)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_root_that_is_a_file_is_told(tmp_path: Path) -> None:
    """The store says at once when its folder cannot be made."""
    (tmp_path / "file").touch()
    with pytest.raises(BlobError, match="make the folder"):
        Blobs(tmp_path / "file" / "store")
