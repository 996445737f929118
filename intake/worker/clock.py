"""Noticing that somebody has set the clock: what waits goes by a clock that nobody can set.

Whatever is planned for a moment of the day stays planned for that moment.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

JUMP_SECONDS = 2.0  # between two looks; less is a clock that is being corrected slowly


@dataclass(slots=True)
class ClockWatch:
    """Tells when the wall clock was set, or the machine slept, since the last look."""

    wall: Callable[[], float] = time.time
    steady: Callable[[], float] = time.monotonic
    _apart: float | None = None

    def moved(self) -> float:
        """By how many seconds, ahead or (below zero) back; 0.0 when the clock just went on."""
        apart = self.wall() - self.steady()
        before, self._apart = self._apart, apart
        if before is None or abs(apart - before) < JUMP_SECONDS:
            return 0.0
        return apart - before
