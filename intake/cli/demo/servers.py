"""An IMAP server and an SMTP sink in this process, for the demo and for tests without root."""

from __future__ import annotations

import asyncio
import socket
import threading
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiosmtpd.controller import Controller
from pymap.backend.dict import DictBackend
from pymap.imap import IMAPService

START_SECONDS = 20
USER, PASSWORD = "demouser", "demopass"  # of pymap's own sample account


@dataclass
class Taken:
    """The letters that the sink got, oldest first: (envelope recipient, bytes)."""

    letters: list[tuple[str, bytes]] = field(default_factory=list)

    async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        """Keeps the letter."""
        self.letters += [(one, envelope.content) for one in envelope.rcpt_tos]
        return "250 taken"


def free_port() -> int:
    """A port of this machine that was free just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def smtp_sink() -> Iterator[tuple[int, Taken]]:
    """Runs a sink on loopback; yields its port and the letters it got."""
    taken = Taken()
    port = free_port()
    controller = Controller(taken, hostname="127.0.0.1", port=port, decode_data=False)
    controller.start()
    try:
        yield port, taken
    finally:
        controller.stop()


@contextmanager
def imap_server() -> Iterator[int]:
    """Runs an IMAP server with an empty account of USER on loopback; yields its port."""
    port = free_port()
    ready, stop = threading.Event(), threading.Event()
    failure: list[BaseException] = []

    def serve() -> None:
        try:
            asyncio.run(_serve(port, ready, stop))
        except BaseException as error:  # noqa: BLE001 - reported to the starting thread below
            failure.append(error)
            ready.set()

    thread = threading.Thread(target=serve, name="demo-imap", daemon=True)
    thread.start()
    if not ready.wait(START_SECONDS) or failure:
        raise RuntimeError(f"the demo's IMAP server did not start: {failure}")
    try:
        yield port
    finally:
        stop.set()
        thread.join(START_SECONDS)


def _hold_tasks() -> None:
    """Keeps every task of this loop until it is done.

    The loop itself holds tasks weakly, and the IMAP server does not keep those of its connections:
    from Python 3.13 on they would be collected in the middle of a dialogue.
    """
    held: set[asyncio.Task[Any]] = set()

    def make(loop: asyncio.AbstractEventLoop, work: Any, **more: Any) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.Task(work, loop=loop, **more)
        held.add(task)
        task.add_done_callback(held.discard)
        return task

    asyncio.get_running_loop().set_task_factory(make)


async def _serve(port: int, ready: threading.Event, stop: threading.Event) -> None:
    _hold_tasks()
    parser = ArgumentParser()
    commands = parser.add_subparsers()
    DictBackend.add_subparser("dict", commands)
    IMAPService.add_arguments(parser)
    words = ["--host", "127.0.0.1", "--port", str(port), "--no-tls", "dict"]
    parser.set_defaults(passlib_cfg=None, debug=False)
    args = parser.parse_args(words)
    async with AsyncExitStack() as stack:
        backend, config = await DictBackend.init(args)
        config.apply_context()
        await backend.start(stack)
        service = IMAPService(backend, config)
        await service.start(stack)
        ready.set()
        while not stop.is_set():
            await asyncio.sleep(0.05)
