"""The disk refuses one write or one sync, each in turn; the next pass makes up for everything."""

from __future__ import annotations

import re
import shutil
import sys
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.faults import CAMPAIGN, Desk, at, maildir_desk, wordy
from tests.support.mailbag import Expected
from tests.support.servers import need

pytestmark = [pytest.mark.servers, pytest.mark.xdist_group("disks")]
CALL = re.compile(r"^(\d+)\s+(\w+)\(\d+<([^>]*)>")
Call = tuple[str, int]  # the name of a system call, and which one of its thread


@dataclass(frozen=True)
class Kind:
    """One kind of call that fails, and how many of them are tried in the ordinary size."""

    where: str  # "database" or "blobs"
    calls: str
    error: str
    tried: int
    mails: int = 6
    longer: int = 0  # KiB added to each mail
    part: int = 1  # 3: only the first third of the calls, in the ordinary size

    def __str__(self) -> str:
        """Names the test."""
        many = "-long" if self.longer else ""
        return f"{self.where}-{self.calls.replace(',', '+')}-{self.error}{many}"


KINDS = [
    Kind("database", "pwrite64", "EIO", 2),
    Kind("database", "pwrite64", "EIO", 1, mails=8, longer=300, part=3),
    Kind("database", "pwrite64", "ENOSPC", 1),
    Kind("database", "fsync,fdatasync", "EIO", 1),
    Kind("blobs", "write", "EIO", 1),
    Kind("blobs", "write", "ENOSPC", 1),
    Kind("blobs", "fsync,fdatasync", "EIO", 1),
]


def paths(kind: Kind, desk: Desk) -> list[str]:
    """The files whose calls count; a blob is written under a name of chance, so none for that."""
    found = []
    if kind.where == "database":
        found = [desk.database.with_name(desk.database.name + end) for end in ("", "-wal", "-shm")]
    return [word for path in dict.fromkeys(found) for word in ("-P", str(path))]


def traced(kind: Kind, desk: Desk, trace: Path, chosen: Call = ("", 0)) -> list[str]:
    """The words that start a command under strace, that call of each thread failing, if any."""
    call, number = chosen
    inject = ["-e", f"inject={call}:error={kind.error}:when={number}"] if number else []
    return [
        *("strace", "-f", "-qq", "-y", "--seccomp-bpf", "-o", str(trace)),
        *("-e", f"trace={kind.calls}", *inject, *paths(kind, desk)),
    ]


def numbers(trace: Path, var: Path) -> list[Call]:
    """Which calls of a thread touch the database or the blobs; no such call touches letters.

    Each kind of call is counted for itself, as strace does it.
    """
    seen: dict[tuple[str, str], int] = defaultdict(int)
    ours, others = set(), set()
    for line in trace.read_text(errors="replace").splitlines():
        if found := CALL.match(line):
            thread, call, path = found.groups()
            seen[thread, call] += 1
            if path.startswith(f"{var}/"):
                ours.add((call, seen[thread, call]))
            elif path.startswith(f"{var.parent}/"):
                others.add((call, seen[thread, call]))
    return sorted(ours - others)


def sample(kind: Kind, found: Sequence[Call]) -> list[Call]:
    """All of them in a large campaign, otherwise so many, evenly."""
    if CAMPAIGN >= 10 and kind.part == 1:
        return list(found)
    if CAMPAIGN < 10:
        found = found[: -(-len(found) // kind.part)]
    count = min(len(found), kind.tried * CAMPAIGN)
    return sorted({found[(2 * one + 1) * len(found) // (2 * count)] for one in range(count)})


def one_fault(kind: Kind, chosen: Call, original: Path, mails: Sequence[Expected]) -> list[str]:
    """A copy of the service, one failing call, a clean pass; what is wrong after each of them."""
    number = f"{chosen[0]} {chosen[1]}"
    folder = original.with_name(f"at-{chosen[0]}-{chosen[1]}")
    shutil.copytree(original, folder)
    try:
        desk, trace = at(folder, mails), folder / "trace"
        done = desk.run("once", before=traced(kind, desk, trace, chosen))
        hit = [line for line in trace.read_text(errors="replace").splitlines()
               if "(INJECTED)" in line]  # fmt: skip
        wrong = desk.violations()
        left = [] if wrong else desk.recovered()
        found = [f"after the fault: {one}" for one in wrong] + [
            f"in the end: {one}" for one in left
        ]
        sys.stdout.write(f"{number}: hit {len(hit)}, exit {done.returncode}, {len(found)}\n")
        if not hit:
            return []
        where = CALL.match(hit[0])
        place = Path(where[3]).name if where else ""
        return [f"{number} ({place}), exit {done.returncode}, {one}" for one in found]
    finally:
        shutil.rmtree(folder)


@pytest.mark.timeout(600 if CAMPAIGN < 10 else 7200)
@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_call_that_fails(tmp_path: Path, kind: Kind) -> None:
    """Whichever call it is: nothing is lost by it, and afterwards everything is handled once."""
    need("strace")
    mails = wordy(kind.mails, kind.longer)
    original = tmp_path / "original"
    original.mkdir()
    maildir_desk(original, mails)
    clean = tmp_path / "clean"
    shutil.copytree(original, clean)
    counted = at(clean, mails)
    done = counted.run("once", before=traced(kind, counted, tmp_path / "trace"))
    assert done.returncode == 0, done.stderr.decode()
    there = numbers(tmp_path / "trace", clean / "var")
    chosen = sample(kind, there)
    assert chosen, "no such call was seen"
    sys.stdout.write(f"{len(chosen)} of {len(there)} calls\n")
    with ThreadPoolExecutor(2) as pool:
        found = pool.map(lambda call: one_fault(kind, call, original, mails), chosen)
        wrong = [line for lines in found for line in lines]
    assert not wrong, "\n".join([f"{len(wrong)} things are wrong", *wrong[:60]])
