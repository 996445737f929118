"""Detects that the system clock was set, by comparing it with the monotonic clock.

All waiting uses the monotonic clock, which cannot be set. Work that is planned for a time of day
stays planned for that time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

JUMP_SECONDS = 2.0  # between two checks; a smaller difference is a gradual correction of the clock


@dataclass(slots=True)
class ClockWatch:
    """Detects that the clock was set, or that the machine slept, since the last check."""

    wall: Callable[[], float] = time.time
    steady: Callable[[], float] = time.monotonic
    _apart: float | None = None

    def moved(self) -> float:
        """Seconds by which the clock was set, negative for back; 0.0 if it was not set."""
        apart = self.wall() - self.steady()
        before, self._apart = self._apart, apart
        if before is None or abs(apart - before) < JUMP_SECONDS:
            return 0.0
        return apart - before
