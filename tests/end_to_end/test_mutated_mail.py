"""Mails that somebody damaged or made up: nothing raises, nothing takes long.

INTAKE_FUZZ says how many mutated mails there are; ``python -m tests.support.fuzz`` has more ways.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.support.faults import CAMPAIGN
from tests.support.fuzz_mutator import mutated, seeds
from tests.support.fuzz_targets import DICTIONARY, TARGETS

ROOT = Path(__file__).parents[2]
COUNT = int(os.environ.get("INTAKE_FUZZ", str(4000 * CAMPAIGN)))
SHARES = 4
SLOW_SECONDS = 2.0  # of CPU; a mail takes a few milliseconds
CORPUS = seeds([one for one in (ROOT / "tests/mail", ROOT.parent / "shared/mail") if one.is_dir()])


@pytest.mark.timeout(180 if COUNT <= 4000 else 36_000)
@pytest.mark.parametrize("share", range(SHARES))
def test_no_mutated_mail_breaks_a_promise(share: int) -> None:
    """Read, scanned as prose and as forms, interpreted, as a bounce and as a staff mail."""
    for number, raw in enumerate(mutated(CORPUS, COUNT // SHARES, 1000 + share)):
        began = time.process_time()
        TARGETS["mail"](raw)
        took = time.process_time() - began
        assert took < SLOW_SECONDS, f"mail {number} of share {share} took {took:.1f} s"


@pytest.mark.parametrize("name", sorted(set(TARGETS) - {"mail"}))
def test_no_mutated_input_breaks_a_promise(name: str) -> None:
    """The readers of parts, with pieces of mails and words that mean something to them."""
    pieces = [raw[:4000] for raw in CORPUS[:200]] + list(DICTIONARY)
    for raw in mutated(pieces, COUNT // 40, 7):
        began = time.process_time()
        TARGETS[name](raw)
        assert time.process_time() - began < SLOW_SECONDS


def test_the_same_seed_gives_the_same_mails() -> None:
    """So a failure can be repeated."""
    assert list(mutated(CORPUS, 20, 5)) == list(mutated(CORPUS, 20, 5))
    assert list(mutated(CORPUS, 20, 5)) != list(mutated(CORPUS, 20, 6))
