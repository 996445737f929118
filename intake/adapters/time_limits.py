"""Conversations that take too long, or outlive the worker, are cut off from outside.

A time limit on a socket counts from byte to byte, so a server that sends one byte a second is never
late. Here a whole step has a limit: when it is over, or when the worker must end, the connection is
shut down by another thread, and the step fails as it does when a network fails.
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
    """One step of a conversation that is going on."""

    ends: float  # on the monotonic clock
    link: Callable[[], object]  # gives the socket as it is by then: TLS replaces it
    cut: bool = False


@dataclass
class Overtime:
    """All steps that are going on in this process, looked at by one thread."""

    _steps: set[Step] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _thread: threading.Thread | None = None
    _ending: bool = False

    @contextmanager
    def within(self, seconds: float, link: Callable[[], object]) -> Iterator[Step]:
        """A step that may take so long; ``cut`` says afterwards whether it was ended."""
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
            with self._lock:
                self._steps.discard(step)

    def end_all(self) -> None:
        """Cuts every step from now on: the worker ends."""
        self._ending = True
        self._cut()

    def _look(self) -> None:
        while True:
            time.sleep(LOOK_SECONDS)
            self._cut()

    def _cut(self) -> None:
        """Shut down, not closed: a thread that waits for the socket wakes up with an error."""
        now = time.monotonic()
        with self._lock:
            late = [one for one in self._steps if self._ending or one.ends < now]
        for step in late:
            with suppress(Exception):  # whatever the socket is at that moment, nobody needs it
                link = step.link()
                if isinstance(link, socket.socket):
                    step.cut = True
                    link.shutdown(socket.SHUT_RDWR)


OVERTIME = Overtime()
