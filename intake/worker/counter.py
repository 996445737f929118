"""What a pass counts for the metrics."""

from __future__ import annotations

from typing import Protocol


class Counter(Protocol):
    """Counts what a pass does."""

    def read(self, seconds: float) -> None:
        """Counts a mail that a child has read."""

    def judged(self, seconds: float) -> None:
        """Counts a mail that was judged and recorded."""

    def handled(self, action: str) -> None:
        """Counts a recorded mail."""


class NoCounter:
    """Counts nothing, because nobody asks for figures."""

    def read(self, seconds: float) -> None:
        """Does nothing."""

    def judged(self, seconds: float) -> None:
        """Does nothing."""

    def handled(self, action: str) -> None:
        """Does nothing."""
