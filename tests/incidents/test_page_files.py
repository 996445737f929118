"""The notifications page as files: no reader ever sees half a file or a dead link."""

from __future__ import annotations

import fcntl
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from intake.incidents.page import files
from tests.support import page_data
from tests.support.page_reading import FIXED, listing, read, visible


def marks(folder: Path) -> dict[str, tuple[int, int]]:
    """Which file stands under each name."""
    return {name: page_data.mark(folder / name) for name in visible(folder)}


def test_what_did_not_change_is_not_touched(tmp_path: Path) -> None:
    """The second writing changes nothing, whatever the clock says; a change touches its files."""
    assert files.write(tmp_path, page_data.whole(), page_data.NOW)
    before = marks(tmp_path)
    assert not files.write(tmp_path, page_data.whole(), page_data.NOW + timedelta(days=1))
    assert marks(tmp_path) == before
    made, updates = page_data.grades()
    fresh = replace(updates[-1], number=6, text="Done.")
    later = page_data.data((made, (*updates, fresh)), page_data.moved(), *page_data.history())
    assert files.write(tmp_path, later, page_data.NOW + timedelta(days=1))
    touched = {name for name, found in marks(tmp_path).items() if found != before[name]}
    assert touched == {"INC-42.html", "index.html", "atom.xml", "notices.json"}
    assert listing(tmp_path)["written_at"] == "2026-11-18T15:05:09Z"
    assert "Written Wed, Nov 18, 2026, 9:05 AM CST" in read(tmp_path / "index.html").text
    assert "Written Tue, Nov 17, 2026, 9:05 AM CST" in read(tmp_path / "INC-43.html").text


def test_a_spoilt_file_is_written_again(tmp_path: Path) -> None:
    """Half a file, or one whose moment is none, is put right by the next writing."""
    files.write(tmp_path, page_data.whole(), page_data.NOW)
    good = {name: (tmp_path / name).read_bytes() for name in visible(tmp_path)}
    (tmp_path / "INC-42.html").write_bytes(good["INC-42.html"][:100])
    (tmp_path / "notices.json").write_bytes(
        good["notices.json"].replace(b"2026-11-17T15:05:09Z", b"2026-99-99T15:05:09Z", 1)
    )
    (tmp_path / "atom.xml").unlink()
    assert files.write(tmp_path, page_data.whole(), page_data.NOW)
    assert {name: (tmp_path / name).read_bytes() for name in visible(tmp_path)} == good


def test_notices_that_left_are_removed_and_nothing_else_is(tmp_path: Path) -> None:
    """Files of ours that nothing links to go, with what killed writers left; others' files stay."""
    files.write(tmp_path, page_data.whole(), page_data.NOW)
    for name in ("robots.txt", "INC-x.html", "INC-042.html", ".htaccess"):
        (tmp_path / name).write_text("mine")
    (tmp_path / ".index.html.abc_1x2.part").write_text("half")
    assert files.write(tmp_path, page_data.data(page_data.moved()), page_data.NOW)
    assert visible(tmp_path) == sorted(
        ["INC-43.html", *FIXED, "robots.txt", "INC-x.html", "INC-042.html"]
    )
    assert sorted(path.name for path in tmp_path.glob(".*")) == [".htaccess", ".writing"]
    assert page_data.dead_links(tmp_path) == []


def test_others_may_read_the_files_whatever_the_umask(tmp_path: Path) -> None:
    """0644 for files and 0755 for a folder that we made: a web server is another user."""
    old = os.umask(0o077)
    try:
        files.write(tmp_path / "page", page_data.whole(), page_data.NOW)
    finally:
        os.umask(old)
    assert (tmp_path / "page").stat().st_mode & 0o777 == 0o755
    for name in visible(tmp_path / "page"):
        assert (tmp_path / "page" / name).stat().st_mode & 0o777 == 0o644, name


def test_somebody_elses_page_is_not_overwritten(tmp_path: Path) -> None:
    """A folder with a front page of another maker is refused, by name, and left as it is."""
    (tmp_path / "index.html").write_text("<h1>Bayside</h1>")
    with pytest.raises(
        files.PageError, match=r"index\.html: found a page that intake did not write"
    ):
        files.write(tmp_path, page_data.whole(), page_data.NOW)
    assert visible(tmp_path) == ["index.html"]


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """One clear error with the path, for a file where the folder should be."""
    (tmp_path / "page").write_text("a file")
    with pytest.raises(files.PageError, match=r"page\.folder: .*/page: "):
        files.write(tmp_path / "page", page_data.whole(), page_data.NOW)
    files.write(tmp_path / "other", page_data.quiet(), page_data.NOW)
    (tmp_path / "other/INC-42.html").mkdir()
    with pytest.raises(files.PageError, match=r"INC-42\.html: "):
        files.write(tmp_path / "other", page_data.whole(), page_data.NOW)
    assert list((tmp_path / "other").glob(".*.part")) == []


def test_a_full_disk_leaves_the_old_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When a file cannot be made durable, readers see the old page, and nothing is left over."""
    files.write(tmp_path, page_data.quiet(), page_data.NOW)
    before = marks(tmp_path)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(files.PageError, match="the disk is full"):
        files.write(tmp_path, page_data.whole(), page_data.NOW)
    assert marks(tmp_path) == before
    assert list(tmp_path.glob(".*.part")) == []


def test_links_are_there_first_and_go_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After every single rename and removal, no page leads to a file that is missing."""
    steps: list[str] = []
    rename, unlink = os.rename, Path.unlink

    def renamed(old: str, new: Path) -> None:
        rename(old, new)
        steps.append(new.name)
        assert page_data.dead_links(new.parent) == []

    def unlinked(path: Path, missing_ok: bool = False) -> None:
        unlink(path, missing_ok=missing_ok)
        steps.append(f"-{path.name}")
        assert page_data.dead_links(path.parent) == []

    monkeypatch.setattr(os, "rename", renamed)
    monkeypatch.setattr(Path, "unlink", unlinked)
    files.write(tmp_path, page_data.data(page_data.grades()), page_data.NOW)
    assert steps == [
        "index.html", "INC-42.html", "notices.json", "atom.xml", "maintenance.ics", "index.html",
    ]  # fmt: skip
    steps.clear()
    files.write(tmp_path, page_data.data(page_data.moved()), page_data.NOW)
    assert (steps[0], steps[-2], steps[-1]) == ("INC-43.html", "index.html", "-INC-42.html")


WRITER = """
import sys
from pathlib import Path
from intake.incidents.page import files as page
from tests.support import page_data
folder = Path(sys.argv[1])
moved, grades = page_data.data(page_data.moved()), page_data.data(page_data.grades())
states = [page_data.whole(), page_data.quiet(), moved, grades]
print("ready", flush=True)
while True:
    for data in states:
        page.write(folder, data, page_data.NOW)
"""


def whole_files(folder: Path) -> list[str]:
    """Names of files that are not whole: every file says by its end that it is."""
    ends = {
        ".html": b"</html>\n", ".json": b"}\n", ".xml": b"</feed>\n", ".ics": b"END:VCALENDAR\r\n",
    }  # fmt: skip
    found = []
    for name in visible(folder):
        try:
            raw = (folder / name).read_bytes()
        except FileNotFoundError:
            continue  # a notice left
        if not raw.endswith(ends[Path(name).suffix]):
            found.append(name)
    return found


def watch(folder: Path, changes: int) -> None:
    """A reader looks until the front page has changed that often: all whole, no link dead."""
    seen: set[tuple[int, int]] = set()
    while len(seen) < changes:
        assert whole_files(folder) == []
        assert page_data.dead_links(folder) == []
        if (folder / "index.html").exists():
            seen.add(page_data.mark(folder / "index.html"))


@contextmanager
def writers(folder: Path, count: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Processes that write one state of the page after another, killed at the end."""
    folder.mkdir(exist_ok=True)
    started = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(folder)], stdout=subprocess.PIPE,
            cwd=Path(files.__file__).parents[3],
        ) for _ in range(count)
    ]  # fmt: skip
    try:
        for one in started:
            assert one.stdout is not None
            assert one.stdout.readline() == b"ready\n"
        yield started
        assert [one.poll() for one in started] == [None] * count
    finally:
        for one in started:
            one.kill()
            one.communicate()


@pytest.mark.parametrize("seed", range(3))
def test_a_killed_writer_leaves_whole_files_and_living_links(tmp_path: Path, seed: int) -> None:
    """SIGKILL at any moment, a reader looking all the while; the next writing puts it right."""
    folder, chance = tmp_path / "www", random.Random(seed)
    for _ in range(4):
        with writers(folder, 1):
            watch(folder, chance.randint(2, 25))
            time.sleep(chance.random() / 50)  # anywhere in a writing
        assert whole_files(folder) == []
        assert page_data.dead_links(folder) == []
    files.write(folder, page_data.whole(), page_data.NOW)
    files.write(tmp_path / "fresh", page_data.whole(), page_data.NOW)
    assert visible(folder) == visible(tmp_path / "fresh")
    assert list(folder.glob(".*.part")) == []
    assert not files.write(folder, page_data.whole(), page_data.NOW)


def test_two_writers_take_turns(tmp_path: Path) -> None:
    """Writers at the same time do not disturb each other, nor what a reader sees."""
    with writers(tmp_path / "www", 2):
        watch(tmp_path / "www", 40)


def test_what_is_written_is_read_when_nobody_else_writes(tmp_path: Path) -> None:
    """The data is read under the lock, so that an older state never follows a newer one."""
    held: list[bool] = []

    def data() -> files.PageData:
        with (tmp_path / ".writing").open() as other:
            try:
                fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                held.append(True)
        return page_data.whole()

    assert files.write_from(tmp_path, data, page_data.NOW)
    assert held == [True]
    with (tmp_path / ".writing").open() as other:
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_writer_that_never_ends_stops_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others give up after a while, say why, and try again at the next change."""
    monkeypatch.setattr(files, "LOCK_SECONDS", 0.2)
    assert files.write(tmp_path, page_data.whole(), page_data.NOW)
    with (tmp_path / ".writing").open() as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(files.PageError, match="another process has been writing"):
            files.write(tmp_path, page_data.whole(), page_data.NOW)
    assert not files.write(tmp_path, page_data.whole(), page_data.NOW)
