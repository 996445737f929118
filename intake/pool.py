"""Mails are read in killable child processes, so that one mail can cost nobody but itself.

A child is ``python -m intake.pool``. Parent and child speak length-prefixed JSON over the child's
standard input and output; the child moves these out of reach of anything that prints. A crash, a
flood, too much memory or too much time gives a Refusal for that mail and a fresh child.
Attachments go into the blob store (staged, not flushed) and leave the Message empty of bytes.
"""

from __future__ import annotations

import os
import resource
import select
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from importlib import import_module
from queue import Empty, LifoQueue
from typing import IO, Any

from pydantic import TypeAdapter, ValidationError

from intake import message
from intake.blobs import BlobError, Blobs
from intake.catalogue import Catalogue
from intake.message import Arrival, Limits, Message, Refusal
from intake.parsers.submission import Scan

_LENGTH = struct.Struct(">I")
_MAX_ANSWER_BYTES = 64 * 2**20
_MEMORY_PER_BYTE = 8  # of the mail: its decoded copies
_GRACE_SECONDS = 5  # what a child gets beyond the parent's limit before its own alarm ends it
_PEEK_BYTES = 64 * 2**10


@dataclass(frozen=True, slots=True)
class Settings:
    """What every child is told once, when it starts."""

    blob_root: str
    limits: Limits = field(default_factory=Limits)
    catalogue: Mapping[str, Any] = field(default_factory=dict)  # the parsed catalogue.toml
    wall_seconds: float = 10.0  # for one mail
    cpu_seconds: int = 10  # for one mail
    memory_bytes: int = 512 * 2**20  # address space, before the mail's own size
    start_seconds: float = 60.0  # for starting Python and importing
    builder: str = "intake.catalogue_build:build"  # module:function that makes the catalogue
    scanner: str = "intake.parsers.scanner:scan"  # module:function that reads the message


@dataclass(frozen=True, slots=True)
class ReadMail:
    """What reading one arrival gave; the scan is None exactly when the mail was refused."""

    message: Message | Refusal
    scan: Scan | None


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a child says: a mail that was read, or why the blob store could not be used."""

    mail: ReadMail | None = None
    blob_error: str = ""


class PoolError(Exception):
    """A child cannot be started: our own failure, not the mail's. The text has its last words."""


class _ChildError(Exception):
    """The child is of no use any more; ``code`` is the refusal's."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


_ARRIVAL = TypeAdapter(Arrival)
_ANSWER = TypeAdapter(_Answer)
_SETTINGS = TypeAdapter(Settings)


class Pool:
    """At most ``size`` children, started when needed and used again; for one caller at a time."""

    def __init__(self, size: int, settings: Settings) -> None:
        self._settings = settings
        self._blobs = Blobs(settings.blob_root)
        self._idle: LifoQueue[_Child] = LifoQueue()
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
        child = self._child()
        try:
            answer = child.ask(replace(arrival, raw=b""))
        except _ChildError as failed:
            return ReadMail(_refused(arrival, self._blobs, failed.code, failed.detail), None)
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


class _Child:
    """The parent's end of one child process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._last_words: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by end()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "intake.pool"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._last_words,
            start_new_session=True,
            bufsize=0,
        )
        try:
            deadline = time.monotonic() + settings.start_seconds
            self._send(_SETTINGS.dump_json(settings), deadline)
            self._receive(deadline)
        except _ChildError as failed:
            self._last_words.seek(0)
            words = self._last_words.read()[-2000:].decode("utf-8", "replace").strip()
            self.end()
            raise PoolError(
                f"a reading process cannot be started: {failed.detail}\n{words}"
            ) from None

    def ask(self, arrival: Arrival) -> _Answer:
        """The child's answer; raises _ChildError after ending the child."""
        deadline = time.monotonic() + self._settings.wall_seconds
        try:
            self._send(_ARRIVAL.dump_json(arrival), deadline)
            return _ANSWER.validate_json(self._receive(deadline))
        except ValidationError:
            self.end()
            raise _ChildError("crash", "the reading process gave no valid answer") from None
        except _ChildError:
            self.end()
            raise

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def end(self) -> None:
        """Kills the process if it lives, and lets go of everything."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._last_words):
            if stream is not None:
                with suppress(OSError):
                    stream.close()

    def _send(self, body: bytes, deadline: float) -> None:
        assert self._process.stdin is not None
        rest = memoryview(_LENGTH.pack(len(body)) + body)
        descriptor = self._process.stdin.fileno()
        while rest:
            self._await(descriptor, deadline, writing=True)
            try:
                rest = rest[os.write(descriptor, rest[:_PEEK_BYTES]) :]
            except OSError:
                raise self._gone() from None

    def _receive(self, deadline: float) -> bytes:
        (length,) = _LENGTH.unpack(self._exactly(_LENGTH.size, deadline))
        if length > _MAX_ANSWER_BYTES:
            raise _ChildError("crash", f"the reading process answers with {length} bytes")
        return self._exactly(length, deadline)

    def _exactly(self, count: int, deadline: float) -> bytes:
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        got = bytearray()
        while len(got) < count:
            self._await(descriptor, deadline, writing=False)
            chunk = os.read(descriptor, min(count - len(got), 2**20))
            if not chunk:
                raise self._gone()
            got += chunk
        return bytes(got)

    def _await(self, descriptor: int, deadline: float, *, writing: bool) -> None:
        poll = select.poll()
        poll.register(descriptor, select.POLLOUT if writing else select.POLLIN)
        left = deadline - time.monotonic()
        if left <= 0 or not poll.poll(left * 1000):
            raise _ChildError("timeout", f"reading took over {self._settings.wall_seconds:g} s")

    def _gone(self) -> _ChildError:
        """Why the child closed its pipe: by its exit status."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(1)
        status = self._process.returncode
        if status in (-signal.SIGXCPU, -signal.SIGALRM):
            return _ChildError(
                "timeout", f"reading took over {self._settings.cpu_seconds} s of CPU"
            )
        if status is not None and status < 0:
            return _ChildError("crash", f"the reading process was ended by {_signal_name(-status)}")
        return _ChildError("crash", f"the reading process ended with status {status}")


def read_here(arrival: Arrival, settings: Settings) -> ReadMail:
    """The same reading in this process, attachments kept in the message; for ``intake explain``."""
    return _read_and_scan(arrival, settings.limits, *_tools(settings))


def _read_and_scan(
    arrival: Arrival,
    limits: Limits,
    catalogue: Catalogue,
    scan: Callable[[Message, Catalogue], Scan],
) -> ReadMail:
    """Total, as ``message.read`` is: a scanner that raises is a refusal of this mail."""
    mail = message.read(arrival, limits)
    if isinstance(mail, Refusal):
        return ReadMail(mail, None)
    try:
        return ReadMail(mail, scan(mail, catalogue))
    except MemoryError:
        return ReadMail(message.refusal(arrival, "memory", "scanning needs too much memory"), None)
    except Exception as failure:  # noqa: BLE001 - one mail never takes others with it
        detail = f"scanning raised {type(failure).__name__}: {failure}"[:300]
        return ReadMail(message.refusal(arrival, "crash", detail), None)


def _tools(settings: Settings) -> tuple[Catalogue, Callable[[Message, Catalogue], Scan]]:
    """The catalogue built, and the scanner; both are named, so that tests can hurt a child."""
    build = _named(settings.builder)
    scan: Callable[[Message, Catalogue], Scan] = _named(settings.scanner)
    return build(settings.catalogue), scan


def _named(path: str) -> Any:
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)


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


# The child's side ---------------------------------------------------------------------------


def serve() -> None:
    """The life of a child: settings, then arrivals until its standard input ends."""
    source, sink = _private_streams()
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the parent decides when a child ends
    settings = _SETTINGS.validate_json(_next(source) or b"")
    blobs = Blobs(settings.blob_root)
    catalogue, scan = _tools(settings)
    _reply(sink, b"{}")
    while (job := _next(source)) is not None:
        arrival = _ARRIVAL.validate_json(job)
        _limit(settings, arrival.size)
        answer = _ANSWER.dump_json(_answer(arrival, settings, blobs, catalogue, scan))
        signal.alarm(0)
        _reply(sink, answer)


def _private_streams() -> tuple[IO[bytes], IO[bytes]]:
    """The pipes under other numbers; a stray print ends in the parent's error file."""
    source, sink = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    os.close(nothing)
    return source, sink


def _next(source: IO[bytes]) -> bytes | None:
    """The next frame; None at the end, also when the parent died in the middle of one."""
    head = source.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    body = source.read(length)
    return body if len(body) == length else None


def _reply(sink: IO[bytes], body: bytes) -> None:
    sink.write(_LENGTH.pack(len(body)) + body)
    sink.flush()


def _limit(settings: Settings, mail_bytes: int) -> None:
    """Memory, CPU and wall time for the mail that comes now; the hard limits stay open."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu = int(used.ru_utime + used.ru_stime) + 1 + settings.cpu_seconds
    resource.setrlimit(resource.RLIMIT_CPU, (cpu, resource.RLIM_INFINITY))
    memory = settings.memory_bytes + _MEMORY_PER_BYTE * mail_bytes
    resource.setrlimit(resource.RLIMIT_AS, (memory, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.alarm(int(settings.wall_seconds) + _GRACE_SECONDS)  # should the parent be gone


def _answer(
    arrival: Arrival,
    settings: Settings,
    blobs: Blobs,
    catalogue: Catalogue,
    scan: Callable[[Message, Catalogue], Scan],
) -> _Answer:
    try:
        arrival = replace(arrival, raw=blobs.read(arrival.digest))
        mail = _read_and_scan(arrival, settings.limits, catalogue, scan)
        if isinstance(mail.message, Message):
            mail = replace(mail, message=_with_staged_files(mail.message, blobs))
        return _Answer(mail)
    except BlobError as failure:
        return _Answer(blob_error=f"{failure}")
    except MemoryError:
        refusal = message.refusal(
            replace(arrival, raw=b""), "memory", "the mail needs too much memory"
        )
        return _Answer(ReadMail(refusal, None))


def _with_staged_files(mail: Message, blobs: Blobs) -> Message:
    for attachment in mail.attachments:
        blobs.stage(attachment.content)
    emptied = tuple(replace(attachment, content=b"") for attachment in mail.attachments)
    return replace(mail, attachments=emptied)


if __name__ == "__main__":
    serve()
