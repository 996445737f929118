"""A mutator of mails that needs nothing: the same seed gives the same mails."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.support.fuzz_targets import DICTIONARY

MAX_BYTES = 200_000


def seeds(folders: Sequence[Path], most: int = MAX_BYTES) -> list[bytes]:
    """Every mail in these folders that is not too large, in a fixed order."""
    found = []
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.suffix in (".eml", ".msg", ".txt", "") and path.name != ".":
                raw = path.read_bytes()
                if 0 < len(raw) <= most:
                    found.append(raw)
    return found


def mutated(corpus: Sequence[bytes], count: int, seed: int) -> Iterator[bytes]:
    """So many mails, each some steps away from one of the corpus."""
    chance = random.Random(seed)
    for _ in range(count):
        raw = bytearray(chance.choice(corpus))
        for _ in range(chance.choice((1, 1, 2, 3, 5, 9))):
            _step(raw, corpus, chance)
        yield bytes(raw[:MAX_BYTES])


def _step(raw: bytearray, corpus: Sequence[bytes], chance: random.Random) -> None:
    at = chance.randrange(len(raw) + 1)
    kind = chance.randrange(9)
    length = chance.choice((1, 2, 8, 64, 512))
    if kind == 0:
        raw[at:at] = chance.choice(DICTIONARY)
    elif kind == 1:
        raw[at : at + length] = b""
    elif kind == 2:
        raw[at : at + length] = chance.randbytes(min(length, 64))
    elif kind == 3:
        raw[at:at] = raw[at : at + length] * chance.choice((2, 10, 100))
    elif kind == 4:
        other = chance.choice(corpus)
        begin = chance.randrange(len(other))
        raw[at:at] = other[begin : begin + chance.choice((20, 200, 2000))]
    elif kind == 5 and raw:
        raw[at % len(raw)] ^= 1 << chance.randrange(8)
    elif kind == 6:
        lines = bytes(raw).splitlines(keepends=True)
        lines[:20] = chance.sample(lines[:20], len(lines[:20]))
        raw[:] = b"".join(lines)
    elif kind == 7:
        lines = bytes(raw).splitlines(keepends=True)
        if lines:
            one = chance.randrange(len(lines))
            lines[one:one] = [chance.choice(lines)] * chance.choice((1, 3, 30))
        raw[:] = b"".join(lines)
    else:
        word = chance.choice(DICTIONARY)
        raw[:] = raw.replace(word, chance.choice(DICTIONARY), chance.choice((1, 5)))
