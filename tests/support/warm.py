"""Commands in processes of their own, forked from a process that has loaded the program already.

A short command spends four fifths of its time on loading the program, and the tests start hundreds.
The program itself is the same: it begins with its entry point, has its own arguments, environment,
folder and streams, and ends with its own exit code. Tests of the start itself use a new Python.
"""

from __future__ import annotations

import atexit
import json
import os
import random
import select
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MAX_REQUEST = 1 << 20  # bytes
LOADED = ("intake.cli.app", "intake.cli.service", "intake.cli.doctor", "intake.worker.bootstrap")


def run(
    words: Sequence[str], *, stdin: bytes = b"", env: Mapping[str, str], timeout: float = 170
) -> subprocess.CompletedProcess[bytes]:
    """The command in a process of its own. Raises TimeoutExpired, after killing it."""
    with (
        tempfile.TemporaryFile() as given,
        tempfile.TemporaryFile() as out,
        tempfile.TemporaryFile() as error,
        socket.socket(socket.AF_UNIX) as link,
    ):
        given.write(stdin)
        given.seek(0)
        link.connect(_address())
        request = json.dumps([list(words), dict(env), os.getcwd()]).encode()
        socket.send_fds(link, [request], [given.fileno(), out.fileno(), error.fileno()])
        link.shutdown(socket.SHUT_WR)
        with link.makefile("rb") as answers:
            pid = int(answers.readline())
            link.settimeout(timeout)
            try:
                code = int(answers.readline())
            except TimeoutError:
                os.kill(pid, signal.SIGKILL)
                raise subprocess.TimeoutExpired(list(words), timeout) from None
        out.seek(0)
        error.seek(0)
        return subprocess.CompletedProcess(list(words), code, out.read(), error.read())


@lru_cache(maxsize=1)
def _address() -> str:
    """Where the process that has loaded the program listens; it is started once a test process."""
    folder = tempfile.mkdtemp(prefix="warm")
    address = f"{folder}/socket"
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.support.warm", address],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    atexit.register(server.kill)  # it ends by itself, too, when this process has gone
    assert server.stdout is not None
    assert server.stdout.readline() == b"ready\n"
    return address


def _serve(address: str) -> None:
    """Wait for commands until the process that asked for this one is gone."""
    for name in LOADED:
        __import__(name)
    server = socket.socket(socket.AF_UNIX)
    server.bind(address)
    server.listen(16)
    os.write(1, b"ready\n")
    while server in select.select([server, 0], [], [])[0]:
        link, _ = server.accept()
        if os.fork() == 0:
            server.close()
            _answer(link)
            os._exit(0)
        link.close()
        while _ended():
            pass


def _ended() -> bool:
    try:
        return os.waitpid(-1, os.WNOHANG)[0] != 0
    except ChildProcessError:
        return False


def _answer(link: socket.socket) -> None:
    """Start one command, tell its number, wait for it, and tell its exit code."""
    request, streams, _, _ = socket.recv_fds(link, MAX_REQUEST, 3)
    while more := link.recv(MAX_REQUEST):
        request += more
    words, env, folder = json.loads(request)
    pid = os.fork()
    if pid == 0:
        link.close()
        _become(words, env, folder, streams)
    link.sendall(f"{pid}\n".encode())
    _, status = os.waitpid(pid, 0)
    link.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())


def _become(words: list[str], env: dict[str, str], folder: str, streams: list[int]) -> None:
    """Be the command from its entry point to its end."""
    code = 1
    try:
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(env)
        random.seed()
        sys.argv = [str(ROOT / "intake" / "__main__.py"), *words]
        from intake.cli.entry import main

        main()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:  # noqa: BLE001 - the process ends here, whatever it was
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    _serve(sys.argv[1])
