"""Delivery into a Maildir (maildir(5)): for tests, for trials, and for another mailer."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from intake.model.delivery import Failed, InDoubt, Outcome, Parcel, Retry, Sent, unlawful


class MaildirLane:
    """Writes letters as files of a Maildir; the same letter written twice is one file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ready: tuple[Path, Path] | None = None

    def prepare(self, parcel: Parcel) -> Outcome | None:
        """Writes and syncs the letter in tmp/, with the envelope on top as an MDA writes it."""
        if unlawful(parcel.raw):
            return Failed(unlawful(parcel.raw))
        raw = (
            f"Return-Path: <{parcel.sender}>\r\nDelivered-To: {parcel.recipient}\r\n".encode()
            + parcel.raw
        )
        name = f"{hashlib.sha256(raw).hexdigest()[:32]}.intake"
        try:
            for part in ("tmp", "new", "cur"):
                (self._path / part).mkdir(mode=0o700, parents=True, exist_ok=True)
            temporary = self._path / "tmp" / f"{name}.{os.getpid()}"
            with temporary.open("wb") as file:
                file.write(raw)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            return Retry(f"{error.filename or self._path}: {error.strerror}", True)
        self._ready = (temporary, self._path / "new" / name)
        return None

    def dot(self) -> None:
        """Does nothing: there is no answer to wait for."""

    def finish(self) -> Outcome:
        """Renames the file into new/ and syncs the folder."""
        if self._ready is None:
            return Retry("nothing was prepared")
        temporary, final = self._ready
        self._ready = None
        try:
            temporary.replace(final)
            folder = os.open(final.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            return InDoubt(f"{final}: {error.strerror}")
        return Sent(final.name)

    def close(self) -> None:
        """Removes a letter that was prepared but not finished."""
        if self._ready is not None:
            self._ready[0].unlink(missing_ok=True)
            self._ready = None
