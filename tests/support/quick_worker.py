"""``intake run`` that takes over from a silent collector after seconds instead of two minutes.

``python -m tests.support.quick_worker --config FILE run``
"""

from __future__ import annotations

from intake.cli import main
from intake.store import locks, time_limit

SILENT_SECONDS = 3.0
RENEW_SECONDS = 0.5

if __name__ == "__main__":
    locks.SILENT_SECONDS, locks.RENEW_SECONDS = SILENT_SECONDS, RENEW_SECONDS
    time_limit.LOCK, time_limit.IDLE = "5s", "3s"
    main()
