"""Reads and scans one mail: in this process, or in a child process of the pool.

The child is ``python -m intake.worker.parser_process``. It gets its settings first and then one
arrival after the other. It answers each. All are length-prefixed JSON on standard input and output.
"""

from __future__ import annotations

import os
import resource
import signal
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import IO, Any, Protocol

from pydantic import TypeAdapter

from intake.adapters.blob_store import BlobError, Blobs
from intake.authentication.mailing_lists import author_behind
from intake.catalogue.catalogue import Catalogue
from intake.mail import message
from intake.mail.limits import Limits
from intake.mail.message import Arrival, Message, Refusal
from intake.parsers.submission import Scan

LENGTH = struct.Struct(">I")  # before each frame, in both directions
_MEMORY_PER_BYTE = 8  # for each byte of the mail: its decoded copies
_GRACE_SECONDS = 5  # extra time after the parent's limit before the child's own alarm ends it


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings that every child gets once, when it starts."""

    blob_root: str
    blob_run: str = ""  # the run whose staged files the children write and may read
    limits: Limits = field(default_factory=Limits)
    catalogue: Mapping[str, object] = field(default_factory=dict)  # the parsed catalogue.toml
    wall_seconds: float = 10.0  # for one mail
    cpu_seconds: int = 10  # for one mail
    memory_bytes: int = 512 * 2**20  # address space, before the mail's own size
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # mailbox -> mailing lists
    start_seconds: float = 60.0  # for starting Python and importing
    builder: str = "intake.catalogue.loader:build"  # module:function that makes the catalogue
    scanner: str = "intake.parsers.matters:read"  # module:function that reads the message


@dataclass(frozen=True, slots=True)
class ReadMail:
    """The result of reading one arrival; the scan is None exactly when the mail was refused."""

    message: Message | Refusal
    scan: Scan | None


class MailReader(Protocol):
    """Turns arrivals into messages; in production this is the pool of child processes."""

    def map(self, arrivals: Sequence[Arrival]) -> Iterator[tuple[Arrival, ReadMail]]:
        """Begins to read; yields each arrival with the result, in the given order."""

    def ready(self) -> None:
        """Hears that there will be mails to read."""

    def waited(self, seconds: float) -> None:
        """Hears how long the caller could do nothing but wait for results."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A child's answer: the mail that it read, or why the blob store could not be used."""

    mail: ReadMail | None = None
    blob_error: str = ""


ARRIVAL = TypeAdapter(Arrival)
ANSWER = TypeAdapter(Answer)
SETTINGS = TypeAdapter(Settings)


class Reader:
    """Reads in this process and keeps attachments in the message; for ``intake explain``."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._catalogue, self._scan = _tools(settings)

    def read(self, arrival: Arrival) -> ReadMail:
        """Never raises, like ``message.read``."""
        return _read_and_scan(arrival, self._settings, self._catalogue, self._scan)


def read_here(arrival: Arrival, settings: Settings) -> ReadMail:
    """Reads one mail in this process; a Reader is made once for many."""
    return Reader(settings).read(arrival)


def _read_and_scan(
    arrival: Arrival,
    settings: Settings,
    catalogue: Catalogue,
    scan: Callable[[Message, Catalogue], Scan],
) -> ReadMail:
    """Never raises, like ``message.read``: if the scanner raises, this mail is refused."""
    mail = message.read(arrival, settings.limits)
    if isinstance(mail, Refusal):
        return ReadMail(mail, None)
    mail = author_behind(mail, settings.lists.get(arrival.mailbox, ()))
    try:
        return ReadMail(mail, scan(mail, catalogue))
    except MemoryError:
        return ReadMail(message.refusal(arrival, "memory", "scanning needs too much memory"), None)
    except Exception as failure:  # noqa: BLE001 - one bad mail must not stop others
        detail = f"scanning raised {type(failure).__name__}: {failure}"[:300]
        return ReadMail(message.refusal(arrival, "crash", detail), None)


def _tools(settings: Settings) -> tuple[Catalogue, Callable[[Message, Catalogue], Scan]]:
    """The catalogue and the scanner; given by name, so that tests can make a child fail."""
    build = _named(settings.builder)
    scan: Callable[[Message, Catalogue], Scan] = _named(settings.scanner)
    return build(settings.catalogue), scan


def _named(path: str) -> Any:
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)


def serve() -> None:
    """The main loop of a child: settings, then arrivals until its standard input ends."""
    source, sink = _private_streams()
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the parent decides when a child ends
    settings = SETTINGS.validate_json(_next(source) or b"")
    blobs = Blobs(settings.blob_root, settings.blob_run)
    catalogue, scan = _tools(settings)
    _reply(sink, b"{}")
    while (job := _next(source)) is not None:
        arrival = ARRIVAL.validate_json(job)
        _limit(settings, arrival.size)
        answer = ANSWER.dump_json(_answer(arrival, settings, blobs, catalogue, scan))
        signal.alarm(0)
        _reply(sink, answer)


def _private_streams() -> tuple[IO[bytes], IO[bytes]]:
    """Moves the pipes to other descriptors; a stray print goes to the parent's error file."""
    source, sink = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    os.close(nothing)
    return source, sink


def _next(source: IO[bytes]) -> bytes | None:
    """The next frame; None at the end, also if the parent died in the middle of a frame."""
    head = source.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack(head)
    body = source.read(length)
    return body if len(body) == length else None


def _reply(sink: IO[bytes], body: bytes) -> None:
    sink.write(LENGTH.pack(len(body)) + body)
    sink.flush()


def _limit(settings: Settings, mail_bytes: int) -> None:
    """Sets memory, CPU and wall time limits for the next mail; the hard limits stay unlimited."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu = int(used.ru_utime + used.ru_stime) + 1 + settings.cpu_seconds
    resource.setrlimit(resource.RLIMIT_CPU, (cpu, resource.RLIM_INFINITY))
    memory = settings.memory_bytes + _MEMORY_PER_BYTE * mail_bytes
    resource.setrlimit(resource.RLIMIT_AS, (memory, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.alarm(int(settings.wall_seconds) + _GRACE_SECONDS)  # in case the parent has died


def _answer(
    arrival: Arrival,
    settings: Settings,
    blobs: Blobs,
    catalogue: Catalogue,
    scan: Callable[[Message, Catalogue], Scan],
) -> Answer:
    try:
        arrival = replace(arrival, raw=blobs.read(arrival.digest))
        mail = _read_and_scan(arrival, settings, catalogue, scan)
        if isinstance(mail.message, Message):
            mail = replace(mail, message=_with_staged_files(mail.message, blobs))
        return Answer(mail)
    except BlobError as failure:
        return Answer(blob_error=f"{failure}")
    except MemoryError:
        refusal = message.refusal(
            replace(arrival, raw=b""), "memory", "the mail needs too much memory"
        )
        return Answer(ReadMail(refusal, None))


def _with_staged_files(mail: Message, blobs: Blobs) -> Message:
    for attachment in mail.attachments:
        blobs.stage(attachment.content)
    emptied = tuple(replace(attachment, content=b"") for attachment in mail.attachments)
    return replace(mail, attachments=emptied)


if __name__ == "__main__":
    serve()
