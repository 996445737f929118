"""The power goes at many moments: what the disk had by then is mounted, and the service goes on."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.support.faults import CAMPAIGN, Desk, at, ext4, maildir_desk
from tests.support.mailbag import Expected, bag
from tests.support.servers import need

pytestmark = [pytest.mark.servers, pytest.mark.xdist_group("disks")]
MAILS = 40
MOMENTS = 6 if CAMPAIGN < 10 else 200
IMAGE = 48  # MiB
CALLS = "write,fsync,fdatasync,rename,renameat,renameat2,link,linkat,unlink,unlinkat"
SLOWLY = "delay_exit=3000"  # microseconds, so that no moment is missed


def slowly(trace: Path) -> list[str]:
    """The words that start a command whose calls to the disk are counted and take their time."""
    return [
        *("strace", "-f", "-qq", "-y", "--seccomp-bpf", "-o", str(trace)),
        *("-e", f"trace={CALLS}", "-e", f"inject={CALLS}:{SLOWLY}"),
    ]


def lines(trace: Path) -> int:
    """Calls so far."""
    return trace.read_bytes().count(b"\n") if trace.exists() else 0


def below(parent: int) -> set[int]:
    """The processes that were started by that one, or by one of these."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, IndexError):
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    found = {parent}
    while new := {one for one, by in parents.items() if by in found} - found:
        found |= new
    return found - {parent}


def stopped(processes: Iterable[int]) -> bool:
    """True when no thread of these does anything."""
    for one in processes:
        for stat in Path(f"/proc/{one}/task").glob("[0-9]*/stat"):
            with suppress(OSError, IndexError):
                if stat.read_text().rpartition(")")[2].split()[0] not in "TtZX":
                    return False
    return True


@contextmanager
def standing_still(tracer: int, trace: Path) -> Iterator[None]:
    """Nobody below the tracer does anything until the end; it itself must go on to stop them."""
    there = below(tracer)
    signalled(there, signal.SIGSTOP)
    try:
        calls, looks = lines(trace), 0
        while looks < 10:  # a call that was being slowed down comes to its end first
            time.sleep(0.005)
            quiet = stopped(there) and lines(trace) == calls
            calls, looks = lines(trace), looks + 1 if quiet else 0
        yield
    finally:
        signalled(there, signal.SIGCONT)


def signalled(processes: Iterable[int], number: signal.Signals) -> None:
    """Sends them all that signal."""
    for one in processes:
        with suppress(ProcessLookupError):
            os.kill(one, number)


def photograph(image: Path, mail: Path, into: Path) -> None:
    """What the disk has at this moment, and the mailbox and the letters, which are elsewhere."""
    into.mkdir()
    content = b""
    while content != (again := image.read_bytes()):  # until nothing was being written meanwhile
        content = again
    (into / "disk").write_bytes(content)
    shutil.copytree(mail, into / "mail")


def watched(desk: Desk, image: Path, mail: Path, trace: Path, wanted: Sequence[int]) -> list[Path]:
    """Pictures of a pass, one taken as soon as so many calls were made as each number says."""
    taken: list[Path] = []
    process = subprocess.Popen(
        desk.line("once", before=slowly(trace)),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        for number in wanted:
            while lines(trace) < number and process.poll() is None:
                time.sleep(0.002)
            if process.poll() is not None:
                break
            into = image.parent / f"cut-{number}"
            with standing_still(process.pid, trace):
                photograph(image, mail, into)
            taken.append(into)
        process.wait(120)
    finally:
        if process.poll() is None:
            signalled([*below(process.pid), process.pid], signal.SIGKILL)
            process.wait()
    return taken


def after_the_cut(picture: Path, mails: Sequence[Expected]) -> list[str]:
    """Mounts it, looks, goes on as after a restart, and says what is wrong."""
    moment, mail = picture.name, picture / "mail"
    with ext4(picture / "disk", picture / "desk"):
        desk = at(picture / "desk", mails, mail)
        wrong = [f"{moment}, at once: {one}" for one in desk.violations()]
        left = [f"{moment}, in the end: {one}" for one in desk.recovered()]
    shutil.rmtree(picture)
    return wrong + left


@pytest.mark.timeout(600 if CAMPAIGN < 10 else 7200)
def test_the_power_goes(tmp_path: Path) -> None:
    """At every moment, reading and staging among them: forty mails, forty cases, whole files."""
    need("strace", "mkfs.ext4", "mount")
    mails = bag(MAILS)
    image, mail, trace = tmp_path / "disk", tmp_path / "mail", tmp_path / "trace"
    mail.mkdir()
    with ext4(image, tmp_path / "desk", IMAGE):
        desk = maildir_desk(tmp_path / "desk", mails, mail)
        subprocess.run(["sync", "-f", str(tmp_path / "desk")], check=True)
        photograph(image, mail, tmp_path / "clean")
        with ext4(tmp_path / "clean" / "disk", tmp_path / "clean" / "desk"):
            counted = at(tmp_path / "clean" / "desk", mails, tmp_path / "clean" / "mail")
            assert counted.run("once", before=slowly(trace)).returncode == 0
        calls = lines(trace)
        trace.unlink()
        wanted = [(one + 1) * calls // (MOMENTS + 1) for one in range(MOMENTS)]
        pictures = watched(desk, image, mail, trace, wanted)
    assert len(pictures) >= MOMENTS // 2, "too few moments"
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda one: after_the_cut(one, mails), pictures))
    for moment, lines_of in zip(wanted, found, strict=False):
        sys.stdout.write(f"after {moment} of {calls} calls: {len(lines_of)} things wrong\n")
    wrong = [line for one in found for line in one]
    assert not wrong, "\n".join([f"{len(wrong)} things are wrong", *wrong[:60]])
