"""``python -m tests.support.fuzz TARGET --seconds 3600 --keep DIR``: coverage-guided, with atheris.

``pip install atheris`` first. Inputs that break a promise are written to DIR. Without
``--atheris`` the mutator of the tests is used, which needs nothing:
``python -m tests.support.fuzz mail --mails 2000000 --seed 7``.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import time
import traceback
from pathlib import Path

from tests.support.fuzz_mutator import mutated, seeds
from tests.support.fuzz_targets import DICTIONARY, TARGETS

ROOT = Path(__file__).parents[2]
FOLDERS = (ROOT / "tests/mail", ROOT.parent / "shared/mail")
SLOW_SECONDS = 2.0


def main() -> int:
    """Runs one target; the exit code says whether a promise was broken."""
    parser = argparse.ArgumentParser(prog="tests.support.fuzz")
    parser.add_argument("target", choices=sorted(TARGETS))
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--mails", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, default=Path("fuzz-found"))
    parser.add_argument("--atheris", action="store_true")
    given = parser.parse_args()
    if given.atheris:
        return _guided(given.target, given.seconds, given.keep)
    return _mutating(given.target, given.mails or 10**12, given.seconds, given.seed, given.keep)


def _mutating(name: str, count: int, seconds: int, seed: int, keep: Path) -> int:
    target, broken, slowest, done = TARGETS[name], set[str](), 0.0, 0
    ends = time.monotonic() + (seconds if count == 10**12 else 10**9)
    for raw in mutated(seeds([one for one in FOLDERS if one.is_dir()]), count, seed):
        if time.monotonic() > ends:
            break
        began = time.process_time()
        try:
            target(raw)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is kept
            where = traceback.extract_tb(error.__traceback__)[-1]
            mark = f"{type(error).__name__} {where.filename}:{where.lineno}"
            if mark not in broken:
                broken.add(mark)
                _keep(keep, raw, f"{mark}: {error}")
        took = time.process_time() - began
        if took > SLOW_SECONDS:
            _keep(keep, raw, f"slow: {took:.1f} s")
            broken.add("slow")
        slowest, done = max(slowest, took), done + 1
    found = ", ".join(sorted(broken)) or "none"
    sys.stdout.write(f"{name}: {done} inputs, slowest {slowest:.2f} s, broken: {found}\n")
    return bool(broken)


def _keep(folder: Path, raw: bytes, why: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / hashlib.sha256(raw).hexdigest()[:16]
    file.with_suffix(".eml").write_bytes(raw)
    file.with_suffix(".why").write_text(why)
    sys.stdout.write(f"{file}: {why}"[:500] + "\n")


def _guided(name: str, seconds: int, keep: Path) -> int:
    import atheris

    keep.mkdir(parents=True, exist_ok=True)
    corpus = keep / f"corpus-{name}"
    corpus.mkdir(exist_ok=True)
    for raw in seeds([ROOT / "tests/mail"], 20_000):
        (corpus / hashlib.sha256(raw).hexdigest()[:16]).write_bytes(raw)
    words = keep / "dictionary"
    lines = ("".join(f"\\x{byte:02x}" for byte in word) for word in DICTIONARY)
    words.write_text("".join(f'"{line}"\n' for line in lines))
    atheris.instrument_all()
    options = [
        f"-max_total_time={seconds}", f"-dict={words}", f"-artifact_prefix={keep}/{name}-",
        "-timeout=10", "-rss_limit_mb=2048", "-max_len=20000", str(corpus),
    ]  # fmt: skip
    atheris.Setup([sys.argv[0], *options], TARGETS[name])
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
