"""How long to wait before the next attempt: longer each time, with a bound."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

FAR_AHEAD = timedelta(hours=2)  # a lease that ends later was written before the clock was set back
MAX_DOUBLINGS = 12  # the bound is reached long before


@dataclass(frozen=True, slots=True)
class Backoff:
    """A first wait that doubles with each attempt, up to a longest one."""

    first_seconds: float
    longest_seconds: float

    def after(self, attempts: int) -> timedelta:
        """The wait after that many attempts, the first one counted."""
        return timedelta(seconds=min(self.doubled(attempts), self.longest_seconds))

    def doubled(self, attempts: int) -> float:
        """The seconds before the bound is applied."""
        return self.first_seconds * (1 << min(max(attempts - 1, 0), MAX_DOUBLINGS))


LETTERS = Backoff(300, 4000)  # Postfix's own waits; RFC 5321 §4.5.4.1 asks for 30 min on average
WEBHOOKS = Backoff(10, 3600)
