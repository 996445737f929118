"""Write the notifications page as files in a folder that any web server can show (seed L54).

Every file is complete at all times: a temporary file in the same folder, fsync, rename, fsync of
the folder. The target of a link is written before the link and removed after it. A file whose text
would not change is not written. The time "written" in a file is when its text last changed.
"""

from __future__ import annotations

import base64
import errno
import fcntl
import hashlib
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from itertools import groupby
from pathlib import Path
from tempfile import mkstemp

from jinja2 import DictLoader, Environment, StrictUndefined

from intake.incidents.page import calendar
from intake.incidents.page import feeds as page_feeds
from intake.incidents.page.content import (
    LANGUAGE,
    SHOWN_UPDATES,
    NoticeView,
    PageData,
    line,
    moment,
    notices,
)

__all__ = ["PageData", "PageError", "write", "write_from"]

MARK = b'<meta name="generator" content="intake">'
LOCK_SECONDS = 30.0  # for another writer to finish
_LOCK = ".writing"
_NOTICE = re.compile(r"INC-[1-9][0-9]*\.html")
_TEMPORARY = re.compile(r"\.(?:INC-[1-9][0-9]*|index|atom|notices|maintenance)\.[^.]+\.\w+\.part")
_WRITTEN = re.compile(
    rb'<meta name="written" content="([0-9T:Z-]+)">|^ "written_at": "([0-9T:Z-]+)"'
    rb"|<updated>([0-9T:Z-]+)</updated>",
    re.MULTILINE,
)


class PageError(Exception):
    """The page cannot be written; the text says which file, what was found and what was wanted."""


@dataclass(frozen=True, slots=True)
class _File:
    """One file of the page: its name, and a function from the time of writing to its bytes."""

    name: str
    made: Callable[[datetime], bytes]


def write(folder: Path, data: PageData, now: datetime) -> bool:
    """Write the data to the folder; return True when anything changed. Raises PageError."""
    return write_from(folder, lambda: data, now)


def write_from(folder: Path, read: Callable[[], PageData], now: datetime) -> bool:
    """Write data that is read while no other writer is active, so that the newest data wins."""
    try:
        _make_folder(folder)
        with _alone(folder):
            return _write(folder, read(), now)
    except OSError as error:
        cause = "the disk is full" if error.errno == errno.ENOSPC else error.strerror or str(error)
        raise PageError(f"page.folder: {error.filename or folder}: {cause}") from error


def _write(folder: Path, data: PageData, now: datetime) -> bool:
    views = notices(data)
    pages = _Pages(data, views)
    front = _Front(folder / "index.html")
    front.refuse_foreign()
    for left in folder.iterdir():
        if _TEMPORARY.fullmatch(left.name):
            left.unlink(missing_ok=True)  # left by a writer that was killed
    changed = False
    if not front.path.exists():  # every notice page links to it
        changed = _put(folder, [_File("index.html", lambda _: pages.starting())], now)
    own = [_File(view.file, pages.notice(view)) for view in views]
    feeds = [
        _File("notices.json", lambda at: page_feeds.listing(data, views, at)),
        _File("atom.xml", lambda at: page_feeds.atom(data, views, pages.entry, at)),
        _File("maintenance.ics", lambda _: calendar.calendar(data)),
    ]
    for step in (own, feeds, [_File("index.html", pages.front)]):
        changed = _put(folder, step, now) or changed
    return _remove(folder, {file.name for file in own}) or changed


class _Front:
    """The front page that already exists."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def refuse_foreign(self) -> None:
        """Raise PageError rather than overwrite a page that intake did not write."""
        try:
            found = self.path.read_bytes()
        except FileNotFoundError:
            return
        if MARK not in found:
            raise PageError(
                f"page.folder: {self.path}: found a page that intake did not write, "
                "wanted a folder of its own"
            )


@cache
def _templates() -> Environment:
    """Return the shipped templates; they escape every value."""
    sources = {
        file.name: file.read_text("utf-8")
        for file in resources.files("intake").joinpath("templates/page").iterdir()
    }
    return Environment(
        loader=DictLoader(sources),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )


class _Pages:
    """Renders the HTML of the page from the shipped templates."""

    def __init__(self, data: PageData, views: Sequence[NoticeView]) -> None:
        self._environment = _templates()
        style = self._environment.get_template("style.css").render()
        digest = hashlib.sha256(style.encode()).digest()
        self._zone, self._views = data.zone, views
        self._common: dict[str, object] = {
            "style_hash": base64.b64encode(digest).decode(),
            "lang": LANGUAGE,
            "title": line(data.title),
            "service": line(data.service),
            "address": data.address,
            "zone": data.zone,
            "closed_days": data.closed_days,
            "limit": SHOWN_UPDATES,
        }

    def _fill(self, name: str, **values: object) -> bytes:
        return f"{self._environment.get_template(name).render(self._common | values)}\n".encode()

    def starting(self) -> bytes:
        """Return the front page for a folder that has no other pages yet."""
        return self._fill("starting.html")

    def front(self, written: datetime) -> bytes:
        """Return index.html."""
        shown = [one for one in self._views if one.open]
        closed = [one for one in self._views if not one.open]
        return self._fill(
            "index.html",
            incidents=[one for one in shown if one.kind != "maintenance"],
            maintenances=[one for one in shown if one.kind == "maintenance"],
            closed=closed,
            months=[
                (month, list(found)) for month, found in groupby(closed, lambda one: one.month)
            ],
            written=moment(written, self._zone),
        )

    def notice(self, view: NoticeView) -> Callable[[datetime], bytes]:
        """Return INC-42.html."""
        return lambda written: self._fill(
            "notice.html", notice=view, written=moment(written, self._zone)
        )

    def entry(self, view: NoticeView) -> str:
        """Return the notice as a feed reader shows it."""
        return self._fill("entry.html", notice=view).decode().strip()


def _put(folder: Path, files: Sequence[_File], now: datetime) -> bool:
    """Write each file that has changed, durably; return True when one was written."""
    written = False
    for file in files:
        path = folder / file.name
        old = path.read_bytes() if path.exists() else None
        if old is not None and file.made(_written(old) or now) == old:
            continue
        _replace(path, file.made(now))
        written = True
    if written:
        _sync(folder)
    return written


def _written(old: bytes) -> datetime | None:
    """Return the time of writing that a file states."""
    found = _WRITTEN.search(old)
    if found is None:
        return None
    with suppress(ValueError):
        return datetime.fromisoformat((found[1] or found[2] or found[3]).decode()).astimezone(UTC)
    return None


def _replace(path: Path, data: bytes) -> None:
    descriptor, name = mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), 0o644)  # a web server runs as another user
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.rename(name, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise


def _remove(folder: Path, wanted: set[str]) -> bool:
    """Remove the pages of notices that are no longer shown; no page links to them any more."""
    gone = [
        path
        for path in sorted(folder.iterdir())
        if _NOTICE.fullmatch(path.name) and path.name not in wanted
    ]
    for path in gone:
        path.unlink(missing_ok=True)
    if gone:
        _sync(folder)
    return bool(gone)


def _make_folder(folder: Path) -> None:
    """Create the folder if needed, readable for others."""
    if folder.is_dir():
        return
    folder.mkdir(parents=True)
    folder.chmod(0o755)
    _sync(folder.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Allow one writer at a time; the lock ends with its process."""
    descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        _lock(descriptor, folder)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, folder: Path) -> None:
    """Waits for another writer; raises TimeoutError, an OSError, if it never ends."""
    ends = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > ends:
                words = "another process has been writing the page for too long"
                raise TimeoutError(errno.ETIMEDOUT, words, str(folder)) from None
        time.sleep(0.05)
