"""The runbook is played with real servers: each quoted line must be what the operator sees."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from intake.config.loader import Config
from tests.support import checker, installation
from tests.support.checker import World
from tests.support.faults import tmpfs
from tests.support.mailbag import Expected, bag
from tests.support.running import await_, start
from tests.support.servers import PASSWORD, Dovecot, Sink, dovecot, need, smtp_sink

pytestmark = [pytest.mark.servers, pytest.mark.xdist_group("night"), pytest.mark.timeout(400)]
PAGE = (Path(__file__).parents[2] / "docs/runbook.md").read_text("utf-8")


def section(title: str) -> str:
    """The text below that heading."""
    assert f"\n## {title}\n" in PAGE, title
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def quoted(title: str) -> list[str]:
    """The lines that the section shows; a dot-dot-dot is any text."""
    blocks = re.findall(r"```text\n(.*?)```", section(title), re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def shows(title: str, said: str, number: int = 0) -> bool:
    """Whether the section's line with that number is in what was said."""
    pattern = ".*".join(re.escape(part) for part in quoted(title)[number].split("…"))
    return bool(re.search(pattern, " ".join(said.split()))) or bool(re.search(pattern, said))


def commands(title: str) -> list[str]:
    """The intake commands that the section tells one to run."""
    return re.findall(r"`(intake [a-z][^`]*)`", section(title))


@dataclass
class Night:
    """A worker on a real server, and everything that an operator looks at."""

    config: Config
    imap: Dovecot
    sink: Sink
    mails: list[Expected] = field(default_factory=lambda: bag(60))
    sent: int = 0
    worker: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts the worker and waits for its first sign."""
        beat = self.config.folder / "var/heartbeat.json"
        beat.unlink(missing_ok=True)
        self.worker = start(self.config)
        await_(beat.exists, 60)

    def stop(self) -> int:
        """Stops it as a service manager would."""
        assert self.worker is not None
        if self.worker.poll() is None:
            self.worker.send_signal(signal.SIGTERM)
        return self.worker.wait(30)

    def status(self) -> str:
        """What the probe says."""
        return installation.intake(self.config, "status", "--quiet").stdout.decode()

    def log(self) -> str:
        """Everything that the worker has written."""
        return (self.config.folder / "log").read_text()

    def says(self, title: str) -> None:
        """Waits until status shows the section's first line."""
        await_(lambda: shows(title, self.status()), 60)

    def arrives(self, count: int = 1) -> None:
        """So many mails come, and each gets its letter."""
        fresh = self.mails[self.sent : self.sent + count]
        self.imap.append([mail.raw for mail in fresh])
        self.sent += count
        await_(lambda: len(self.sink.letters()) == self.sent, 120)

    def run(self, *words: str, code: int = 0) -> str:
        """A command of the runbook."""
        place = str(self.config.folder / "backup")
        words = (words[0], *(place if one == "backup" else one for one in words[1:]))
        done = installation.intake(self.config, *words)
        said = done.stdout.decode() + done.stderr.decode()
        assert done.returncode == code, said
        return said

    def wrong(self) -> list[str]:
        """What the checker says when all is over."""
        world = World(
            ever=[mail.raw for mail in self.mails[: self.sent]],
            database=self.config.folder / "var/intake.db",
            blobs=self.config.blob_folder,
            letters=self.sink.letters(),
        )
        return checker.settled(checker.look(world, self.imap))


@contextmanager
def night(
    folder: Path, more: str = "", url: Callable[[Dovecot], str] | None = None
) -> Iterator[Night]:
    """Servers, a worker that can be started, an alert command."""
    with dovecot(folder) as imap, smtp_sink(folder) as sink:
        text = installation.imap_box(imap.imap, imap.password, more="poll_seconds = 1\n")
        if url is not None:
            text = re.sub(r'url = "[^"]*"', lambda _: f'url = "{url(imap)}"', text, count=1)
        way = installation.delivery(f"smtp://127.0.0.1:{sink.port}") + "lease_seconds = 2\n"
        made = Night(installation.make(folder, text + way), imap, sink)
        try:
            yield made
        finally:
            if made.worker is not None and made.worker.poll() is None:
                made.worker.kill()
                made.worker.wait()


def test_the_mail_server_is_gone(tmp_path: Path) -> None:
    """Then it comes back, and the waiting mail is handled without anybody doing anything."""
    title = "The mail server is gone"
    with night(tmp_path) as made:
        made.start()
        made.arrives()
        _down(made.imap)
        made.says(title)
        assert '"kind": "connect"' in made.log()
        server = _up(made.imap)
        try:
            made.arrives()
            await_(lambda: '"mailbox-recovered"' in made.log(), 60)
            await_(lambda: made.status() == "", 60)
            assert made.stop() == 0
            assert made.wrong() == []
        finally:
            server.kill()
            server.wait()


def _down(imap: Dovecot) -> None:
    """Kills the server and all its processes."""
    pid = int((imap.folder / "run/master.pid").read_text())
    os.kill(pid, signal.SIGKILL)
    subprocess.run(["pkill", "-9", "-f", str(imap.folder)], check=False)
    await_(lambda: subprocess.run(["pgrep", "-f", str(imap.folder)], check=False).returncode == 1)
    (imap.folder / "run/master.pid").unlink(missing_ok=True)


def _up(imap: Dovecot) -> subprocess.Popen[bytes]:
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    line = ["/usr/sbin/dovecot", "-F", "-c", str(imap.folder / "dovecot.conf")]
    server = subprocess.Popen(line, **quiet)  # type: ignore[call-overload]  # two files
    await_((imap.folder / "run/master.pid").exists)
    return server


def test_the_password_is_wrong(tmp_path: Path) -> None:
    """The doctor says whether the new one is right; the file is read at each attempt."""
    title = "The password is wrong, or has expired"
    secret = tmp_path / "password"
    secret.write_text("an old one\n")
    with night(tmp_path) as made:
        text = Path(made.config.file).read_text()
        text = text.replace(f'password = "{PASSWORD}"', f'password_file = "{secret}"')
        Path(made.config.file).write_text(text)
        made.start()
        made.says(title)
        assert "intake doctor" in commands(title)
        assert "fail  mailbox support" in made.run("doctor", code=1)
        secret.write_text(f"{PASSWORD}\n")
        assert "ok    mailbox support" in made.run("doctor")
        made.arrives()
        await_(lambda: made.status() == "", 60)


def _expired(imap: Dovecot) -> None:
    """A certificate that ended yesterday, for the same key."""
    key, asked = imap.folder / "key.pem", imap.folder / "asked.pem"
    named = imap.folder / "names"
    named.write_text("subjectAltName=DNS:localhost\n")
    request = ["openssl", "req", "-new", "-key", str(key), "-subj", "/CN=localhost"]
    subprocess.run([*request, "-out", str(asked)], check=True, capture_output=True)
    sign = ["openssl", "x509", "-req", "-in", str(asked), "-signkey", str(key), "-days", "-1"]
    more = ["-extfile", str(named), "-out", str(imap.ca_file)]
    subprocess.run([*sign, *more], check=True, capture_output=True)


def test_a_certificate_has_expired(tmp_path: Path) -> None:
    """No login is sent to a server that cannot prove who it is."""
    title = "A certificate has expired"
    need("openssl")
    with night(tmp_path, url=lambda imap: f"imaps://support@localhost:{imap.imaps}/INBOX") as made:
        text = Path(made.config.file).read_text()
        text = text.replace("[[mailbox]]", f'[[mailbox]]\nca_file = "{made.imap.ca_file}"')
        Path(made.config.file).write_text(text)
        _expired(made.imap)
        config = ["-c", str(made.imap.folder / "dovecot.conf")]
        subprocess.run(["doveadm", *config, "reload"], check=True)
        made.start()
        made.says(title)
        made.stop()


def test_the_relay_does_not_take_letters(tmp_path: Path) -> None:
    """They wait, are shown, and leave by the command of the runbook."""
    title = "The relay does not take letters"
    with night(tmp_path) as made:
        text = Path(made.config.file).read_text()
        right, wrong = f"smtp://127.0.0.1:{made.sink.port}", "smtp://127.0.0.1:9"
        Path(made.config.file).write_text(text.replace(right, wrong))
        made.start()
        made.imap.append([made.mails[0].raw])
        made.sent = 1
        await_(lambda: shows(title, made.status()), 90)
        assert "ack" in made.run("outbox", "list", "--state", "due")
        made.stop()
        Path(made.config.file).write_text(text)
        made.start()
        assert "intake outbox retry --state due" in commands(title)
        made.run("outbox", "retry", "--state", "due", "--yes")
        await_(lambda: len(made.sink.letters()) == 1, 60)


def test_the_disk_is_full(tmp_path: Path) -> None:
    """No mail is touched; with room again the next pass handles it."""
    title = "The disk is full"
    with tmpfs(tmp_path / "var", 64 * 2**20) as volume, night(tmp_path) as made:
        made.start()
        made.arrives()
        volume.leave(0)
        made.imap.append([made.mails[1].raw])
        made.sent = 2
        await_(lambda: "disk:" in made.status(), 90)
        assert shows(title, made.status(), 0)
        assert made.imap.count() == 1
        (volume.path / "filler").unlink()
        await_(lambda: len(made.sink.letters()) == 2, 120)
        made.stop()
        assert made.wrong() == []


def test_the_database_is_damaged(tmp_path: Path) -> None:
    """Restored and repaired by the words of the runbook, with the mails of the time between."""
    title = "The database is damaged"
    with night(tmp_path) as made:
        made.start()
        made.arrives(3)
        made.run("backup", "backup")
        made.arrives(2)
        made.stop()
        database = tmp_path / "var/intake.db"
        size = database.stat().st_size
        with database.open("r+b") as file:
            file.seek(4096)
            file.write(os.urandom(size - 4096))
        made.worker = start(made.config)
        assert made.worker.wait(30) == 74
        assert shows(title, made.log())
        made.imap.append([made.mails[5].raw])
        made.sent += 1
        assert [one.split()[1] for one in commands(title)[1:3]] == ["restore", "reconcile"]
        made.run("restore", "backup", "--replace")
        made.run("reconcile", "--repair")
        made.start()
        await_(lambda: len(made.sink.letters()) == 6, 60)
        made.stop()
        assert made.wrong() == []


def test_the_database_is_damaged_and_there_is_no_backup(tmp_path: Path) -> None:
    """An empty database, the contacts, the repair: the same numbers, and no letter twice."""
    title = "The database is damaged"
    with night(tmp_path) as made:
        made.start()
        made.arrives(3)
        made.stop()
        before = {row["digest"]: row["case_number"] for row in _rows(made)}
        for file in (tmp_path / "var").glob("intake.db*"):
            file.rename(tmp_path / file.name)
        assert [one.split()[1] for one in commands(title)[3:6]] == ["init", "contacts", "reconcile"]
        made.run("init")
        made.run("contacts", "import", str(tmp_path / "people.toml"))
        made.run("reconcile", "--repair")
        assert {row["digest"]: row["case_number"] for row in _rows(made)} == before
        made.start()
        made.arrives(1)
        made.stop()
        assert made.wrong() == []


def _rows(made: Night) -> list[dict[str, Any]]:
    return installation.everything(made.config)["messages"]


def test_a_stored_mail_is_lost(tmp_path: Path) -> None:
    """It is fetched from the server's folder again."""
    title = "A stored mail or file is lost"
    with night(tmp_path) as made:
        made.start()
        made.arrives(2)
        made.stop()
        row = installation.everything(made.config)["messages"][0]
        checker.blob_path(made.config.blob_folder, row["digest"]).unlink()
        assert shows(title, made.run("messages", "raw", str(row["id"]), code=74), 0)
        assert shows(title, made.run("reconcile"), 1)
        assert made.run("messages", "raw", str(row["id"]))


def test_the_machine_is_lost(tmp_path: Path) -> None:
    """A new folder, the backup, the commands in their order: in minutes, and nothing twice."""
    title = "The machine is lost"
    with night(tmp_path) as made:
        made.start()
        made.arrives(3)
        made.run("backup", "backup")
        made.arrives(2)
        made.stop()
        new = tmp_path / "new"
        shutil.copytree(tmp_path / "backup", new / "backup")
        journal = tmp_path / "var/journal"
        shutil.copyfile(new / "backup/config.toml", new / "config.toml")
        words = [one.split()[1:] for one in commands(title)]
        assert words == [["restore", "backup", "--replace"], ["doctor"], ["reconcile", "--repair"]]
        began = time.monotonic()
        for one in words:
            if one[0] == "reconcile":
                shutil.copyfile(journal, new / "var/journal")
            line = [sys.executable, "-m", "intake", *one]
            done = subprocess.run(line, cwd=new, capture_output=True, check=False)
            assert done.returncode == 0, (one, done.stdout.decode() + done.stderr.decode())
        sys.stdout.write(f"restored in {time.monotonic() - began:.0f} s\n")
        made.config = installation.settings.load(str(new / "config.toml"))
        assert (new / "var/secret").read_bytes() == (tmp_path / "var/secret").read_bytes()
        made.start()
        made.arrives(1)
        made.stop()
        assert made.wrong() == []
