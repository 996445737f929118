"""Passes of the worker in forked processes, each of which dies at a named point.

``python -m tests.support.kill_server CONFIG`` reads lines such as ``K12 2`` (die when the point is
reached for the second time) or ``- 0`` (run to the end) and answers each with a line of JSON: how
the process ended, and how often each point was reached. Everything is imported once.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
from pathlib import Path

from intake.config import loader as settings
from intake.model import fault_points
from intake.worker import service
from intake.worker.bootstrap import assemble  # noqa: F401 - imported here, not in each fork


class Fate:
    """Counts the points on a file that outlives the process, and kills at the chosen one."""

    def __init__(self, point: str, left: int, file: Path) -> None:
        self._point, self._left = point, left
        self._file = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND)

    def meet(self, point: str) -> None:
        """Notes it; dies here when it is time."""
        os.write(self._file, f"{point}\n".encode())
        if point == self._point:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
                time.sleep(60)  # a thread may go on for a moment


def _pass(config: str, point: str, count: int, notes: Path) -> None:
    fault_points.watch(Fate(point, count, notes).meet)
    loaded = settings.load(config)
    (loaded.state_folder / "cleaned").unlink(missing_ok=True)
    report = service.once(loaded)
    if report.failures:
        raise SystemExit("; ".join(report.failures))


def main() -> None:
    """Serves until standard input ends."""
    config = sys.argv[1]
    folder = Path(config).parent
    notes, errors = folder / "points", folder / "errors"
    for line in sys.stdin:
        point, count = line.split()
        child = os.fork()
        if not child:
            code = 1
            with contextlib.suppress(BaseException), errors.open("a") as file:
                os.dup2(file.fileno(), 2)
                os.dup2(file.fileno(), 1)
                _pass(config, point, int(count), notes)
                code = 0
            os._exit(code)
        status = os.waitpid(child, 0)[1]
        hits: dict[str, int] = {}
        for name in notes.read_text().split():
            hits[name] = hits.get(name, 0) + 1
        ended = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
        sys.stdout.write(json.dumps({"ended": ended, "hits": hits}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
