"""Lines of the durable order, removed or swapped one at a time: a test must notice each of them.

The mutants are data, in ``mutants.toml`` beside this file: the file, the exact text, what stands
there instead, what is broken by it in plain words, and the tests that should notice it, the
cheapest there are. ``python -m bench.mutants`` changes the tree it stands in, runs those tests and
puts the file back, whatever happens; so it wants a clean tree, and nobody else working in it.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(__file__).with_name("mutants.toml")
SURVIVED = "SURVIVED"
LIMIT_SECONDS = 600  # for the tests of one mutant; a mutant that hangs is noticed, too
FAILED = re.compile(r"^(?:FAILED|ERROR) (.+?)(?: - |$)", re.MULTILINE)
PLUGINS = ("-p", "xdist", "-p", "pytest_timeout")  # the others only take time to be loaded


@dataclass(frozen=True)
class Mutant:
    """One change that breaks the promise."""

    number: int
    file: str
    what: str
    old: str
    new: str
    tests: tuple[str, ...]
    fault: str = ""  # of docs/faults.md, whose defence is broken by it

    @property
    def path(self) -> Path:
        """The file it is made in."""
        return ROOT / "intake" / self.file

    def trouble(self) -> str:
        """Why it cannot be made; empty when it can."""
        count = self.path.read_text().count(self.old)
        if count != 1:
            return f"the old text is there {count} times"
        missing = [one for one in self.tests if not _is_there(one)]
        return f"no such test: {missing[0]}" if missing else ""


def _is_there(test: str) -> bool:
    """Whether the file has a test of that name; the name may be left out."""
    file, _, name = test.partition("::")
    path = ROOT / file
    return path.exists() and f"def {name.partition('[')[0]}" in path.read_text()


def mutants() -> list[Mutant]:
    """All of them, numbered as they stand in the file."""
    rows = tomllib.loads(DATA.read_text())["mutant"]
    return [
        Mutant(
            number,
            row["file"],
            row["what"],
            row["old"],
            row["new"],
            tuple(row["tests"]),
            row.get("fault", ""),
        )
        for number, row in enumerate(rows, 1)
    ]


@contextmanager
def made(mutant: Mutant) -> Iterator[None]:
    """The change is in the tree until the end of the block."""
    before = mutant.path.read_bytes()
    try:
        mutant.path.write_text(mutant.path.read_text().replace(mutant.old, mutant.new))
        yield
    finally:
        mutant.path.write_bytes(before)


def tested(tests: Sequence[str]) -> str:
    """The first of the tests that fails; SURVIVED when none does."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    words = [sys.executable, "-m", "pytest", *PLUGINS, "-n", "0", "-x", "-q", "--tb=no", "-rfE"]
    try:
        done = subprocess.run(
            [*words, *tests], cwd=ROOT, env=env, capture_output=True, text=True, check=False,
            timeout=LIMIT_SECONDS,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return "the time limit"
    if done.returncode == 0:
        return SURVIVED
    found = FAILED.search(done.stdout)
    if done.returncode != 1 or found is None:
        sys.exit(
            f"pytest ended with {done.returncode}:\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
        )
    return found[1].removeprefix("tests/")


def dirty() -> bool:
    """Whether the tree holds changes that are not committed."""
    words = ["git", "-C", str(ROOT), "status", "--porcelain"]
    return bool(subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip())


def row(mutant: Mutant, last: str) -> None:
    """A row of the table."""
    print(
        f"| {mutant.number} | {mutant.fault} | {mutant.file} | {mutant.what} | {last} |", flush=True
    )


def chosen(words: argparse.Namespace) -> list[Mutant]:
    """The mutants that were asked for; ends the program when one of them cannot be made."""
    found = mutants()
    if words.only:
        wanted = {int(one) for one in words.only.split(",")}
        found = [one for one in found if one.number in wanted]
    if words.faults:
        found = [one for one in found if one.fault]
    wrong = [f"mutant {one.number}: {why}" for one in found if (why := one.trouble())]
    if wrong:
        sys.exit("\n".join(wrong))
    return found


def clean(found: Sequence[Mutant]) -> None:
    """Ends the program unless every test that is to notice something passes as things are."""
    failing = tested(sorted({test for one in found for test in one.tests}))
    if failing != SURVIVED:
        sys.exit(f"without any change {failing} fails")


def main() -> int:
    """The table; 1 when a mutant survived."""
    parser = argparse.ArgumentParser(prog="python -m bench.mutants", description=__doc__)
    parser.add_argument("--only", default="", metavar="N,M", help="these alone")
    parser.add_argument("--faults", action="store_true", help="those of docs/faults.md alone")
    parser.add_argument("--list", action="store_true", help="say what there is and change nothing")
    parser.add_argument("--unproved", action="store_true", help="not the unchanged tree first")
    words = parser.parse_args()
    found = chosen(words)
    if words.list:
        for one in found:
            row(one, " ".join(one.tests))
        return 0
    if dirty():
        sys.exit("the git tree is dirty: commit first")
    if not words.unproved:
        clean(found)
    began, survivors = time.monotonic(), []
    for one in found:
        with made(one):
            caught = tested(one.tests)
        row(one, caught)
        if caught == SURVIVED:
            survivors.append(one.number)
    seconds = time.monotonic() - began
    print(f"{len(found)} mutants, {len(survivors)} survived {survivors}, {seconds:.0f} s")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
