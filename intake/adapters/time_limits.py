"""Cuts connections from outside that take too long or outlive the worker.

A socket's time limit counts from byte to byte, so a server that sends one byte a second never
exceeds it. Here a whole step has a limit. When it is over, or when the worker must end, another
thread shuts the connection down. The step then fails as it does when the network fails.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

LOOK_SECONDS = 0.5


@dataclass(slots=True, eq=False)
class Step:
    """One step of a conversation with a server."""

    ends: float  # on the monotonic clock
    link: Callable[[], object]  # returns the current socket, because TLS replaces it
    cut: bool = False


class Progress:
    """Which jobs run in this process, and when each last began or ended a step."""

    def __init__(self) -> None:
        self._jobs: dict[int, tuple[str, float]] = {}  # thread -> name, monotonic seconds

    @contextmanager
    def running(self, name: str) -> Iterator[None]:
        """The job of this thread."""
        thread = threading.get_ident()
        self._jobs[thread] = (name, time.monotonic())
        try:
            yield
        finally:
            self._jobs.pop(thread, None)

    def note(self) -> None:
        """The job of this thread goes on."""
        thread = threading.get_ident()
        if thread in self._jobs:
            self._jobs[thread] = (self._jobs[thread][0], time.monotonic())

    def stuck(self, seconds: float) -> list[tuple[str, float]]:
        """The jobs that have begun or ended no step for so long, and for how long."""
        now = time.monotonic()
        return [(name, now - at) for name, at in list(self._jobs.values()) if now - at > seconds]


PROGRESS = Progress()


@dataclass
class Overtime:
    """All current steps in this process, watched by one thread."""

    _steps: set[Step] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _thread: threading.Thread | None = None
    _ending: bool = False

    @contextmanager
    def within(self, seconds: float, link: Callable[[], object]) -> Iterator[Step]:
        """A step with a time limit; afterwards ``cut`` says whether it was cut off."""
        PROGRESS.note()
        step = Step(time.monotonic() + seconds, link)
        with self._lock:
            self._steps.add(step)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._look, name="intake-overtime", daemon=True
                )
                self._thread.start()
        try:
            yield step
        finally:
            PROGRESS.note()
            with self._lock:
                self._steps.discard(step)

    def end_all(self) -> None:
        """Cuts all steps from now on, because the worker is ending."""
        self._ending = True
        self._cut()

    def _look(self) -> None:
        while True:
            time.sleep(LOOK_SECONDS)
            self._cut()

    def _cut(self) -> None:
        """Shuts sockets down without closing them; a thread that waits for one gets an error."""
        now = time.monotonic()
        with self._lock:
            late = [one for one in self._steps if self._ending or one.ends < now]
        for step in late:
            with suppress(Exception):  # in any state of the socket: it is not needed any more
                link = step.link()
                if isinstance(link, socket.socket):
                    step.cut = True
                    link.shutdown(socket.SHUT_RDWR)


OVERTIME = Overtime()
