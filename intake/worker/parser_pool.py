"""Mails are read in killable child processes, so that one mail can cost nobody but itself.

A child is ``python -m intake.worker.parser_process``. Parent and child speak length-prefixed JSON
over the child's standard input and output; the child moves these out of reach of anything that
prints. A crash, a flood, too much memory or too much time gives a Refusal for that mail and a
fresh child.
A child that ended, for whatever reason, or that waited without working, need not be the fault of
its mail: the mail is read again by a fresh child, and blamed when that happens ``_TRIES`` times.
Attachments go into the blob store (staged, not flushed) and leave the Message empty of bytes.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from queue import Empty, LifoQueue
from typing import IO

from pydantic import ValidationError

from intake.adapters.blob_store import BlobError, Blobs
from intake.mail import message
from intake.mail.message import Arrival, Refusal
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
_TRIES = 3  # readings of one mail whose child came to an end that the mail need not have caused
_SLICE_SECONDS = 0.25  # of one wait: what it takes beyond that, this process was not running
_IDLE_SHARE = 0.5  # a child that used less of its time than this was waiting, not working


class PoolError(Exception):
    """A child cannot be started: our own failure, not the mail's. The text has its last words."""


class _ChildError(Exception):
    """The child is of no use any more; ``code`` is the refusal's.

    outside: the mail need not have caused it: a signal, a failing pipe, or time spent waiting.
    """

    def __init__(self, code: str, detail: str, *, outside: bool = False) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.outside = outside


class Pool:
    """At most ``size`` children, started when needed and used again; for one caller at a time."""

    def __init__(
        self, size: int, settings: Settings, stopped: Callable[[], bool] = lambda: False
    ) -> None:
        self._blobs = Blobs(settings.blob_root, settings.blob_run)
        self._settings = replace(settings, blob_run=self._blobs.run)
        self._stopped = stopped
        self._idle: LifoQueue[_Child] = LifoQueue()
        self._working: set[_Child] = set()
        self._threads = ThreadPoolExecutor(max(1, size), thread_name_prefix="intake-pool")

    def map(self, arrivals: Sequence[Arrival]) -> Iterator[tuple[Arrival, ReadMail]]:
        """Each arrival with what was read, in the given order, while children work in parallel.

        Raises BlobError when the blob store fails and PoolError when no child can be started.
        """
        waiting = [self._threads.submit(self._read, arrival) for arrival in arrivals]
        try:
            for arrival, answer in zip(arrivals, waiting, strict=True):
                yield arrival, answer.result()
        finally:
            for answer in waiting:
                answer.cancel()

    def close(self) -> None:
        """Ends every child; those at work end with their mail or at their limit."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        with suppress(Empty):
            while True:
                self._idle.get_nowait().end()

    def kill(self) -> None:
        """Ends the children that are at work now, whatever they read: the worker ends."""
        for child in list(self._working):
            child.kill()

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read(self, arrival: Arrival) -> ReadMail:
        """In a thread of the pool: one mail through one child."""
        if arrival.size > self._settings.limits.max_mail_bytes:
            return ReadMail(
                _refused(arrival, self._blobs, "limits", "the mail is too big to read"), None
            )
        if arrival.raw:
            self._blobs.stage(arrival.raw)
        for left in reversed(range(_TRIES)):
            child = self._child()
            self._working.add(child)
            try:
                answer = child.ask(replace(arrival, raw=b""))
            except _ChildError as failed:
                if failed.outside and self._stopped():
                    raise PoolError("reading ended with the worker") from None
                if failed.outside and left:
                    continue
                return ReadMail(_refused(arrival, self._blobs, failed.code, failed.detail), None)
            finally:
                self._working.discard(child)
            break
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
    """So many seconds of waiting, in slices: a slice that takes longer was not spent waiting.

    When every process is stopped for a while, or the machine sleeps, that time does not count.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._left = seconds
        self._since = time.monotonic()

    def next_slice(self) -> float:
        """Seconds to wait now."""
        self._since = time.monotonic()
        return max(0.0, min(_SLICE_SECONDS, self._left))

    def is_over(self) -> bool:
        """Counts the slice that was waited in vain; whether nothing is left."""
        self._left -= min(time.monotonic() - self._since, 2 * _SLICE_SECONDS)
        return self._left <= 0


class _Child:
    """The parent's end of one child process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._last_words: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by end()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "intake.worker.parser_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._last_words,
            start_new_session=True,
            bufsize=0,
        )
        try:
            patience = _Patience(settings.start_seconds)
            self._send(SETTINGS.dump_json(settings), patience)
            self._receive(patience)
        except _ChildError as failed:
            self._last_words.seek(0)
            words = self._last_words.read()[-2000:].decode("utf-8", "replace").strip()
            self.end()
            raise PoolError(
                f"a reading process cannot be started: {failed.detail}\n{words}"
            ) from None

    def ask(self, arrival: Arrival) -> Answer:
        """The child's answer; raises _ChildError after ending the child."""
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
        """CPU time the process has used so far; None where the system does not tell."""
        try:
            with open(f"/proc/{self._process.pid}/stat", "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        except (OSError, IndexError, ValueError):
            return None

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        """Ends the process; whoever waits for its answer is told."""
        self._process.kill()

    def end(self) -> None:
        """Kills the process if it lives, and lets go of everything."""
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
        """Why the child closed its pipe: by its exit status."""
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
    """A refusal that still shows who wrote, from the first bytes of the blob."""
    head = b""
    with suppress(OSError), blobs.path(arrival.digest).open("rb") as file:
        head = file.read(_PEEK_BYTES)
    return message.refusal(replace(arrival, raw=head), code, detail)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
