"""Memory that threads allocate is not kept in an arena of each."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

GROWTH = """
import sys, threading
from intake.adapters import memory
if sys.argv[1] == "one":
    assert memory.one_arena()
held = []
def work():
    held.append([bytes(100_000) for _ in range(20)])
    ready.wait()
ready = threading.Barrier(17)
for _ in range(16):
    threading.Thread(target=work, daemon=True).start()
ready.wait()
with open("/proc/self/maps") as maps:
    lines = [line.split() for line in maps]
big = sum(1 for line in lines if len(line) == 5 and line[1] == "rw-p" and line[0].endswith("000"))
regions = sum(1 for a, b in zip(lines, lines[1:]) if a[1] == "rw-p" and b[1] == "---p"
              and int(b[0].split("-")[1], 16) % (64 << 20) == 0)
print(regions)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has arenas")
def test_threads_share_one_arena() -> None:
    """An arena of a thread is a region that ends at a multiple of 64 MiB (malloc/arena.c)."""

    def regions(mode: str) -> int:
        line = [sys.executable, "-c", GROWTH, mode]
        return int(subprocess.run(line, capture_output=True, check=True).stdout)

    assert regions("many") > 1
    assert regions("one") == 0
