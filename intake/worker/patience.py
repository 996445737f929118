"""Waits for a thread that goes on, so that the job which waits does not count as stuck."""

from __future__ import annotations

from collections.abc import Callable, Sized
from concurrent.futures import Future
from typing import TypeVar

from intake.adapters.time_limits import PROGRESS

LOOK_SECONDS = 30.0
Result = TypeVar("Result")


def patiently(waiting: Future[Result], done: Sized) -> Callable[[], Result]:
    """Gives a call that waits for the result; ``done`` grows while the thread works."""

    def result() -> Result:
        seen = -1
        while True:
            try:
                return waiting.result(LOOK_SECONDS)
            except TimeoutError:
                if waiting.done():
                    return waiting.result()  # it ended meanwhile, perhaps with such an error
            if len(done) != seen:
                seen = len(done)
                PROGRESS.note()

    return result
