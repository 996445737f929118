"""Real servers, each private to a test: own folders, own ports on loopback, stopped at the end."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from imapclient import IMAPClient

PASSWORD = "pass-word-of-the-tests"
USER = "support"


def required() -> bool:
    """True where the absence of a server is a failure, not a reason to leave tests out."""
    return os.environ.get("INTAKE_REQUIRE_SERVERS") == "1"


def need(*programs: str) -> None:
    """Leaves the test out, or fails it, when a program is missing or we are not root."""
    missing = [one for one in programs if not (shutil.which(one) or Path(one).exists())]
    why = f"not installed: {', '.join(missing)}" if missing else ""
    if not why and os.getuid() != 0:
        why = "real servers are started by root only"
    if not why:
        return
    if required():
        pytest.fail(why)
    pytest.skip(why)


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def await_port(port: int, alive: Callable[[], bool], seconds: float = 20) -> None:
    """Returns as soon as something listens there."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        if not alive():
            break
        time.sleep(0.05)
    pytest.fail(f"nothing listens on port {port}")


@dataclass(frozen=True)
class Dovecot:
    """A running Dovecot with one user."""

    folder: Path
    imap: int
    imaps: int
    lmtp: int
    ca_file: Path
    host: str = "localhost"
    user: str = USER
    password: str = PASSWORD

    @contextmanager
    def client(self) -> Iterator[IMAPClient]:
        """Somebody else's connection to the same account."""
        with IMAPClient("127.0.0.1", port=self.imap, ssl=False, timeout=20) as client:
            client._imap.debug = 0
            client.login(self.user, self.password)
            yield client

    def append(self, mails: Sequence[bytes], folder: str = "INBOX") -> None:
        """Puts the mails into the folder as they are."""
        with self.client() as client:
            for raw in mails:
                client.append(folder, raw)

    def read(self, folder: str = "INBOX") -> list[bytes]:
        """The mails of the folder, oldest first; empty when there is none of that name."""
        with self.client() as client:
            if not client.folder_exists(folder):
                return []
            client.select_folder(folder, readonly=True)
            uids = client.search()
            rows = client.fetch(uids, ["BODY.PEEK[]"]) if uids else {}
            return [rows[uid][b"BODY[]"] for uid in sorted(rows)]

    def count(self, folder: str = "INBOX") -> int:
        """How many mails lie in the folder."""
        with self.client() as client:
            if not client.folder_exists(folder):
                return 0
            return int(client.folder_status(folder, ["MESSAGES"])[b"MESSAGES"])

    def deliver(self, raw: bytes, recipient: str = USER) -> None:
        """Hands the mail over by LMTP, as an MX would."""
        import smtplib

        with smtplib.LMTP("127.0.0.1", self.lmtp) as server:
            server.sendmail("sender@outside.example", [recipient], raw)


_CONFIG = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols = imap lmtp
listen = 127.0.0.1
ssl = yes
ssl_cert = <{folder}/cert.pem
ssl_key = <{folder}/key.pem
disable_plaintext_auth = no
auth_username_format = %Ln
auth_mechanisms = plain login
default_internal_user = dovecot
default_login_user = dovenull
first_valid_uid = 1
mail_location = maildir:{folder}/mail/%n
mailbox_list_index = yes
{extra}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN {folder}/users
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={folder}/home/%n
}}
namespace inbox {{
  inbox = yes
  separator = /
}}
service imap-login {{
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
    ssl = yes
  }}
}}
service lmtp {{
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {lmtp}
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
"""


def certificate(folder: Path) -> Path:
    """A self-made certificate for localhost; the CA file is the certificate itself."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
         "-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")],
        check=True, capture_output=True,
    )  # fmt: skip
    return folder / "cert.pem"


@contextmanager
def dovecot(folder: Path, extra: str = "") -> Iterator[Dovecot]:
    """A private Dovecot; ``extra`` goes into its configuration."""
    need("/usr/sbin/dovecot", "/usr/lib/dovecot/imap", "/usr/lib/dovecot/lmtp", "openssl")
    import tempfile

    # sockets have short names only, and the mail processes run as nobody
    with tempfile.TemporaryDirectory(prefix="dc-", dir="/tmp") as short:
        home = Path(short)
        home.chmod(0o755)
        for part in ("run", "state", "mail", "home"):
            (home / part).mkdir()
        for part in ("mail", "home"):
            shutil.chown(home / part, "nobody", "nogroup")
        ca_file = certificate(home)
        (home / "users").write_text(f"{USER}:{{PLAIN}}{PASSWORD}\n")
        made = Dovecot(home, free_port(), free_port(), free_port(), ca_file)
        config = home / "dovecot.conf"
        config.write_text(
            _CONFIG.format(
                folder=home, imap=made.imap, imaps=made.imaps, lmtp=made.lmtp, extra=extra
            )
        )
        process = subprocess.Popen(
            ["/usr/sbin/dovecot", "-F", "-c", str(config)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            await_port(made.imap, lambda: process.poll() is None)
            yield made
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@dataclass(frozen=True)
class Sink:
    """Postfix's smtp-sink: takes everything and writes each mail to a file of its own."""

    folder: Path
    port: int

    def letters(self) -> list[bytes]:
        """Every mail taken so far, envelope lines of the sink cut off, line ends as on the wire."""
        found = []
        for path in sorted(
            self.folder.iterdir(), key=lambda one: (one.stat().st_mtime_ns, one.name)
        ):
            text = path.read_bytes()
            found.append(text.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
        return found


@contextmanager
def smtp_sink(folder: Path, *options: str) -> Iterator[Sink]:
    """A running smtp-sink that dumps what it gets."""
    need("/usr/sbin/smtp-sink")
    import tempfile

    with tempfile.TemporaryDirectory(prefix="sink-", dir="/tmp") as short:
        home = Path(short)
        home.chmod(0o755)
        dump = home / "mail"
        dump.mkdir()
        shutil.chown(dump, "nobody", "nogroup")
        port = free_port()
        process = subprocess.Popen(
            ["/usr/sbin/smtp-sink", "-u", "nobody", "-R", str(dump), "-d", "%M.", *options,
             f"127.0.0.1:{port}", "128"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            await_port(port, lambda: process.poll() is None)
            yield Sink(dump, port)
        finally:
            process.kill()
            process.wait()


MARK = b"intake-test-signature-0f1e2d3c"  # what our one signature looks for


@contextmanager
def clamd(folder: Path, port: int = 0) -> Iterator[int]:
    """A running ClamAV daemon that knows one signature, our own; gives its TCP port."""
    need("/usr/sbin/clamd")
    known = folder / "signatures"
    known.mkdir(exist_ok=True)
    (known / "own.ndb").write_text(f"Intake.Test:0:*:{MARK.hex()}\n")
    port = port or free_port()
    config = folder / "clamd.conf"
    config.write_text(
        f"Foreground yes\nDatabaseDirectory {known}\nTCPSocket {port}\nTCPAddr 127.0.0.1\n"
        f"User root\nStreamMaxLength 2M\nTemporaryDirectory /tmp\n"
    )
    process = subprocess.Popen(
        ["/usr/sbin/clamd", "-c", str(config)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        await_port(port, lambda: process.poll() is None, 60)
        yield port
    finally:
        process.kill()
        process.wait()
