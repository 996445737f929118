"""A pipe keeps a mail with the MTA whenever it could be taken by trying again: exit code 75."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support import installation
from tests.support.fakes import FakeSmtp, listening
from tests.support.mailbag import bag
from tests.support.running import await_


def receive(
    config: Any, *words: str, limit: tuple[int, int] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """`intake receive` of a good mail, under a limit of the system."""

    def limited() -> None:
        if limit:
            resource.setrlimit(limit[0], (limit[1], limit[1]))

    return subprocess.run(
        [sys.executable, "-m", "intake", "--config", config.file, "receive", *words],
        input=bag(1)[0].raw, capture_output=True, check=False, preexec_fn=limited, timeout=120,
    )  # fmt: skip


def _configuration(folder: Path) -> None:
    (folder / "config.toml").write_text("[service]\nnonsense = 1\n")


def _no_database(folder: Path) -> None:
    (folder / "var/intake.db").write_bytes(b"no database" * 1000)


def _no_staging(folder: Path) -> None:
    (folder / "var/blobs/staging").rmdir()
    (folder / "var/blobs/staging").write_text("in the way")


BROKEN: dict[str, Callable[[Path], object]] = {
    "configuration": _configuration,
    "missing configuration": lambda folder: (folder / "config.toml").unlink(),
    "secret": lambda folder: (folder / "var/secret").unlink(),
    "schema": lambda folder: (folder / "var/intake.db").unlink(),
    "database": _no_database,
    "blobs": _no_staging,
}
LIMITS = {
    "descriptors": (resource.RLIMIT_NOFILE, 11),
    "memory": (resource.RLIMIT_AS, 128 * 2**20),
    "file size": (resource.RLIMIT_FSIZE, 300),
}


def service(folder: Path) -> Any:
    """Maildir in, Maildir out."""
    text = installation.maildir_box(folder / "in") + installation.delivery(f"maildir:{folder}/out")
    return installation.make(folder, text)


def kept(done: subprocess.CompletedProcess[bytes]) -> bool:
    """The MTA was told to try again, in words."""
    return done.returncode == 75 and b"Traceback" not in done.stderr and bool(done.stderr)


@pytest.mark.parametrize("trouble", BROKEN)
def test_what_is_broken_here_costs_no_mail(tmp_path: Path, trouble: str) -> None:
    """Configuration, secret, database and blobs are mended by a person, and the MTA waits."""
    config = service(tmp_path)
    BROKEN[trouble](tmp_path)
    assert kept(receive(config))


@pytest.mark.parametrize("limit", LIMITS)
def test_what_runs_short_costs_no_mail(tmp_path: Path, limit: str) -> None:
    """Descriptors, memory and room for files come back by themselves."""
    assert kept(receive(service(tmp_path), limit=LIMITS[limit]))


def test_a_program_that_cannot_be_loaded_costs_no_mail(tmp_path: Path) -> None:
    """Too little memory to import it: 75 and never 1, with which the MTA would return the mail.

    A library may end the process with a signal instead; an MTA takes that for a reason to try
    again, too (Postfix: pipe(8)).
    """
    done = receive(service(tmp_path), limit=(resource.RLIMIT_AS, 100 * 2**20))
    assert done.returncode == 75 or done.returncode < 0
    assert done.stderr


def test_no_thread_and_a_wrong_option_cost_no_mail(tmp_path: Path) -> None:
    """The number of processes is not limited for root, so threads are refused by hand."""
    config = service(tmp_path)
    assert kept(_without_threads(config))
    assert kept(receive(config, "--nonsense"))
    assert receive(config).returncode == 0


def _without_threads(config: Any) -> subprocess.CompletedProcess[bytes]:
    """The same where no thread can be started."""
    script = (
        "import sys, threading\n"
        'def refuse(self): raise RuntimeError("can\'t start new thread")\n'
        "threading.Thread.start = refuse\n"
        "from intake.cli import main\n"
        "sys.argv = ['intake', '--config', sys.argv[1], 'receive']\n"
        "main()\n"
    )
    return subprocess.run(
        [sys.executable, "-c", script, config.file], input=bag(1)[0].raw, capture_output=True,
        check=False, timeout=120,
    )  # fmt: skip


def test_sigterm_to_a_pipe_is_75(tmp_path: Path) -> None:
    """And the same mail handed over again is handled once."""
    server = FakeSmtp({"greet": "hang"})
    with listening(server.serve) as port:
        text = installation.maildir_box(tmp_path / "in") + installation.delivery(
            f"smtp://127.0.0.1:{port}"
        )
        config = installation.make(tmp_path, text)
        process = subprocess.Popen(
            [sys.executable, "-m", "intake", "--config", config.file, "receive"],
            stdin=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        assert process.stdin is not None
        process.stdin.write(bag(1)[0].raw)
        process.stdin.close()
        await_(lambda: server.connections > 0)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 75
    (tmp_path / "config.toml").write_text(
        (tmp_path / "config.toml").read_text().replace(f"smtp://127.0.0.1:{port}", "maildir:out")
    )
    assert receive(config).returncode == 0
    assert len(installation.everything(config)["cases"]) == 1


@pytest.mark.parametrize("streams", [">&-", ">&- 2>&-", ">/dev/full", ">/dev/full 2>/dev/full"])
def test_output_that_goes_nowhere_costs_no_mail(tmp_path: Path, streams: str) -> None:
    """The mail is kept and said to be, whatever the MTA does with what a program prints."""
    config = service(tmp_path)
    command = f'exec "$0" -m intake --config "$1" receive {streams}'
    done = subprocess.run(
        ["/bin/sh", "-c", command, sys.executable, config.file],
        input=bag(1)[0].raw, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0
    assert len(installation.everything(config)["messages"]) == 1
