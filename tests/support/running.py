"""A worker that runs as a process of its own, and waiting for what it does."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable

from intake.config.loader import Config


def start(config: Config) -> subprocess.Popen[bytes]:
    """`intake run` in a process of its own."""
    with (config.folder / "log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "intake", "--config", config.file, "run"],
            stdout=log,
            stderr=log,
        )


def await_(true: Callable[[], bool], seconds: float = 60) -> None:
    """Returns when the condition holds."""
    ends = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < ends, "it did not come"
        time.sleep(0.02)
