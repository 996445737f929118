"""Mails are read in child processes that can be killed, so that a bad mail harms no other mail.

A child is ``python -m intake.worker.parser_process``. Parent and child exchange length-prefixed
JSON over the child's standard input and output. The child moves both pipes to other descriptors, so
that stray prints cannot disturb them. A crash, too much output, memory or time gives a Refusal for
that mail and a new child.

A child may also end, or wait without working, for reasons outside its mail. The mail is then read
again by a new child. After ``_TRIES`` such failures the mail itself is refused.

The pool begins with one child. It gets another one, up to its size, each time its caller has lost a
second by waiting; so a mail that takes long does not delay others, and no memory is spent on
children that nobody waits for.

Attachments go into the blob store (staged, not flushed); the Message then has no attachment bytes.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import replace
from queue import Empty, LifoQueue
from typing import IO

from pydantic import ValidationError

from intake.adapters.blob_store import BlobError, Blobs
from intake.mail import message
from intake.mail.message import Arrival, Refusal
from intake.model.fault_points import reached
from intake.worker.parser_process import (
    ANSWER,
    ARRIVAL,
    LENGTH,
    SETTINGS,
    Answer,
    ReadMail,
    Settings,
    read_here,
)

__all__ = ["Pool", "PoolError", "ReadMail", "Settings", "read_here"]

_MAX_ANSWER_BYTES = 64 * 2**20
_PEEK_BYTES = 64 * 2**10
_TRIES = 3  # readings of one mail, if the child's end need not be caused by the mail
_SLICE_SECONDS = 0.25  # one slice of a wait; if it takes longer, this process was not running
_PATIENCE_SECONDS = 1.0  # lost by waiting, before there is another child
_START_SECONDS = 1.0  # that the first child may take to start
_IDLE_SHARE = 0.5  # a child that used less than this share of its time was waiting, not working


class PoolError(Exception):
    """A child cannot be started, which is not the mail's fault. The text has its last line."""


class _ChildError(Exception):
    """The child cannot be used any more; ``code`` is the code of the refusal.

    ``outside``: the mail need not be the cause: a signal, a broken pipe, or time spent waiting.
    """

    def __init__(self, code: str, detail: str, *, outside: bool = False) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.outside = outside


class Pool:
    """At most ``size`` children, started when needed and reused; for one caller at a time."""

    def __init__(
        self,
        size: int,
        settings: Settings,
        stopped: Callable[[], bool] = lambda: False,
        timed: Callable[[float], None] = lambda seconds: None,
    ) -> None:
        self._blobs = Blobs(settings.blob_root, settings.blob_run)
        self._settings = replace(settings, blob_run=self._blobs.run)
        self._stopped = stopped
        self._timed = timed
        self._restarts = 0
        self._size = max(1, size)
        self._width = 1  # children that may work at the same time
        self._places = threading.Semaphore(1)
        self._killed = False
        self._lost = -_START_SECONDS  # seconds since the pool last grew
        self._growing = threading.Lock()
        self._idle: LifoQueue[_Child] = LifoQueue()
        self._working: set[_Child] = set()
        self._threads = ThreadPoolExecutor(self._size, thread_name_prefix="intake-pool")

    def ready(self) -> None:
        """Starts the first child, so that it is there when the first mails have been fetched."""
        self._threads.submit(self._start)

    def _start(self) -> None:
        with self._places:
            self._idle.put(self._child())

    def map(self, arrivals: Sequence[Arrival]) -> Iterator[tuple[Arrival, ReadMail]]:
        """Begins to read in parallel; yields each arrival with its result, in the given order.

        The results raise BlobError when the blob store fails and PoolError when no child can be
        started.
        """
        waiting = [self._threads.submit(self._read, arrival) for arrival in arrivals]
        return self._results(arrivals, waiting)

    def _results(
        self, arrivals: Sequence[Arrival], waiting: Sequence[Future[ReadMail]]
    ) -> Iterator[tuple[Arrival, ReadMail]]:
        try:
            for number, (arrival, answer) in enumerate(zip(arrivals, waiting, strict=True)):
                while not wait([answer], _PATIENCE_SECONDS).done:
                    if not all(other.done() for other in waiting[number + 1 :]):
                        self.waited(_PATIENCE_SECONDS)
                yield arrival, answer.result()
        finally:
            for answer in waiting:
                answer.cancel()

    def waited(self, seconds: float) -> None:
        """Tells the pool that its caller could do nothing else for so long."""
        with self._growing:
            self._lost += seconds
            if self._lost >= _PATIENCE_SECONDS and self._width < self._size:
                self._lost = 0.0
                self._width += 1
                self._places.release()

    def close(self) -> None:
        """Ends all children; busy ones first finish their mail or reach their limit."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        with suppress(Empty):
            while True:
                self._idle.get_nowait().end()

    def restarts(self) -> int:
        """How many children had to be replaced, because they ended, hung or grew too large."""
        return self._restarts

    def kill(self) -> None:
        """Kills the busy children at once, because the worker is ending."""
        self._killed = True
        for child in list(self._working):
            child.kill()

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read(self, arrival: Arrival) -> ReadMail:
        """Reads one mail with one child; runs in a thread of the pool."""
        if arrival.size > self._settings.limits.max_mail_bytes:
            return ReadMail(
                _refused(arrival, self._blobs, "limits", "the mail is too big to read"), None
            )
        if arrival.raw:
            self._blobs.stage(arrival.raw)
        with self._places:
            return self._read_staged(arrival)

    def _read_staged(self, arrival: Arrival) -> ReadMail:
        for left in reversed(range(_TRIES)):
            if self._killed:
                raise PoolError("reading ended with the worker")
            child = self._child()
            self._working.add(child)
            began = time.monotonic()
            try:
                answer = child.ask(replace(arrival, raw=b""))
            except _ChildError as failed:
                self._restarts += 1
                if failed.outside and self._stopped():
                    raise PoolError("reading ended with the worker") from None
                if failed.outside and left:
                    continue
                return ReadMail(_refused(arrival, self._blobs, failed.code, failed.detail), None)
            finally:
                self._working.discard(child)
            break
        reached("K10")
        self._timed(time.monotonic() - began)
        self._idle.put(child)
        if answer.mail is None:
            raise BlobError(answer.blob_error)
        return answer.mail

    def _child(self) -> _Child:
        with suppress(Empty):
            while True:
                child = self._idle.get_nowait()
                if child.is_alive():
                    return child
                child.end()
        return _Child(self._settings)


class _Patience:
    """A time limit for waiting, in slices; a slice that takes too long counts only in part.

    If all processes are stopped for a while, or the machine sleeps, that time does not count.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._left = seconds
        self._since = time.monotonic()

    def next_slice(self) -> float:
        """The seconds to wait now."""
        self._since = time.monotonic()
        return max(0.0, min(_SLICE_SECONDS, self._left))

    def is_over(self) -> bool:
        """Counts a slice that passed without result; returns whether the time is used up."""
        self._left -= min(time.monotonic() - self._since, 2 * _SLICE_SECONDS)
        return self._left <= 0


def _started() -> tuple[IO[bytes], subprocess.Popen[bytes]]:
    """A new process and the file of what it says on standard error. Raises PoolError."""
    said: IO[bytes] | None = None
    try:
        said = tempfile.TemporaryFile()  # noqa: SIM115 - the child's end() closes it
        return said, subprocess.Popen(
            [sys.executable, "-m", "intake.worker.parser_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            start_new_session=True,
            bufsize=0,
        )
    except OSError as error:  # no descriptor, process or memory is left
        if said is not None:
            said.close()
        raise PoolError(f"a reading process cannot be started: {error.strerror}") from None


class _Child:
    """The parent's end of one child process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._last_words, self._process = _started()
        try:
            patience = _Patience(settings.start_seconds)
            self._send(SETTINGS.dump_json(settings), patience)
            self._receive(patience)
        except _ChildError as failed:
            self._last_words.seek(0)
            said = self._last_words.read()[-2000:].decode("utf-8", "replace").splitlines()
            words = next((f": {line.strip()}" for line in reversed(said) if line.strip()), "")
            self.end()
            raise PoolError(
                f"a reading process cannot be started: {failed.detail}{words}"
            ) from None

    def ask(self, arrival: Arrival) -> Answer:
        """The child's answer; on an error ends the child and raises _ChildError."""
        patience = _Patience(self._settings.wall_seconds)
        worked = self._cpu_seconds()
        try:
            self._send(ARRIVAL.dump_json(arrival), patience)
            return ANSWER.validate_json(self._receive(patience))
        except ValidationError:
            self.end()
            raise _ChildError("crash", "the reading process gave no valid answer") from None
        except _ChildError as failed:
            if failed.code == "timeout" and not failed.outside and worked is not None:
                now = self._cpu_seconds()
                idle = self._settings.wall_seconds * _IDLE_SHARE
                failed.outside = now is not None and now - worked < idle
            self.end()
            raise

    def _cpu_seconds(self) -> float | None:
        """CPU time that the process has used so far; None if the system does not report it."""
        try:
            with open(f"/proc/{self._process.pid}/stat", "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        except (OSError, IndexError, ValueError):
            return None

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        """Kills the process; the thread that waits for its answer gets an error."""
        self._process.kill()

    def end(self) -> None:
        """Kills the process if it still runs, and closes its streams."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._last_words):
            if stream is not None:
                with suppress(OSError):
                    stream.close()

    def _send(self, body: bytes, patience: _Patience) -> None:
        assert self._process.stdin is not None
        rest = memoryview(LENGTH.pack(len(body)) + body)
        descriptor = self._process.stdin.fileno()
        while rest:
            self._await(descriptor, patience, writing=True)
            try:
                rest = rest[os.write(descriptor, rest[:_PEEK_BYTES]) :]
            except OSError:
                raise self._gone() from None

    def _receive(self, patience: _Patience) -> bytes:
        (length,) = LENGTH.unpack(self._exactly(LENGTH.size, patience))
        if length > _MAX_ANSWER_BYTES:
            raise _ChildError("crash", f"the reading process answers with {length} bytes")
        return self._exactly(length, patience)

    def _exactly(self, count: int, patience: _Patience) -> bytes:
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        got = bytearray()
        while len(got) < count:
            self._await(descriptor, patience, writing=False)
            chunk = os.read(descriptor, min(count - len(got), 2**20))
            if not chunk:
                raise self._gone()
            got += chunk
        return bytes(got)

    def _await(self, descriptor: int, patience: _Patience, *, writing: bool) -> None:
        poll = select.poll()
        poll.register(descriptor, select.POLLOUT if writing else select.POLLIN)
        while not poll.poll(patience.next_slice() * 1000):
            if patience.is_over():
                raise _ChildError("timeout", f"reading took over {patience.seconds:g} s")

    def _gone(self) -> _ChildError:
        """Why the child closed its pipe, judged by its exit status."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(1)
        status = self._process.returncode
        if status == -signal.SIGXCPU:
            return _ChildError(
                "timeout", f"reading took over {self._settings.cpu_seconds} s of CPU"
            )
        if status is not None and status < 0:
            how = f"was ended by {_signal_name(-status)}"
        else:
            how = f"ended with status {status}"
        return _ChildError("crash", f"the reading process {how}", outside=True)


def _refused(arrival: Arrival, blobs: Blobs, code: str, detail: str) -> Refusal:
    """A refusal that still shows the sender, taken from the first bytes of the blob."""
    head = b""
    with suppress(OSError), blobs.path(arrival.digest).open("rb") as file:
        head = file.read(_PEEK_BYTES)
    return message.refusal(replace(arrival, raw=head), code, detail)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
