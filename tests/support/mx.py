"""A real mail exchanger in front of Dovecot: Postfix with OpenDKIM and OpenDMARC, on loopback.

The filters ask a name server of our own. They find it through a resolv.conf that only they see, in
a mount namespace of their own; nothing of the machine's configuration is touched.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest

from tests.support.servers import Dovecot, await_port, free_port, need, required

NAMES = "127.0.0.9"  # where our name server listens
HOST = "mx.desk.example"
MASTER = """
{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


@dataclass(frozen=True)
class Mx:
    """The running exchanger."""

    port: int
    home: Path

    def log(self) -> str:
        """What Postfix said."""
        file = self.home / "maillog"
        return file.read_text(errors="replace") if file.exists() else ""


@contextmanager
def names(records: Mapping[str, str]) -> Iterator[None]:
    """A name server with those TXT records; every other name does not exist."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        server.bind((NAMES, 53))
    except OSError as error:
        server.close()
        _without(f"no name server can be started on {NAMES}: {error}")
    server.settimeout(0.2)
    ended = threading.Event()

    def serve() -> None:
        while not ended.is_set():
            try:
                data, peer = server.recvfrom(4096)
            except (TimeoutError, OSError):
                continue
            query = dns.message.from_wire(data)
            answer = dns.message.make_response(query)
            answer.flags |= dns.flags.AA | dns.flags.RA
            asked = query.question[0]
            name = asked.name.to_text().rstrip(".").lower()
            if name not in records:
                answer.set_rcode(dns.rcode.NXDOMAIN)
            elif asked.rdtype == dns.rdatatype.TXT:
                text = records[name]
                parts = " ".join(f'"{text[at : at + 200]}"' for at in range(0, len(text), 200))
                answer.answer.append(dns.rrset.from_text(asked.name, 60, "IN", "TXT", parts))
            server.sendto(answer.to_wire(), peer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(5)
        server.close()


def _without(why: str) -> None:
    """Leaves the test out, or fails it where real servers are required."""
    if required():
        pytest.fail(why)
    pytest.skip(why)


@contextmanager
def mx(imap: Dovecot, records: Mapping[str, str]) -> Iterator[Mx]:
    """Postfix that verifies and hands over to that Dovecot by LMTP."""
    need("/usr/sbin/opendkim", "/usr/sbin/opendmarc", "/usr/lib/postfix/sbin/master", "unshare")
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode:
        _without("nobody is given a mount namespace, so the filters have no name server")
    with ExitStack() as stack:
        short = stack.enter_context(tempfile.TemporaryDirectory(prefix="mx-", dir="/tmp"))
        home = Path(short)
        home.chmod(0o755)
        stack.enter_context(names(records))
        (home / "resolv.conf").write_text(f"nameserver {NAMES}\noptions timeout:1 attempts:1\n")
        dkim_port, dmarc_port, port = free_port(), free_port(), free_port()
        (home / "opendkim.conf").write_text(
            f"Mode v\nAuthservID {HOST}\nSocket inet:{dkim_port}@127.0.0.1\nUserID root\n"
            "AlwaysAddARHeader yes\nBackground no\nNameservers 127.0.0.9\nSyslog no\n"
            "MinimumKeyBits 1024\n"
        )
        (home / "opendmarc.conf").write_text(
            f"AuthservID {HOST}\nTrustedAuthservIDs {HOST}\nSocket inet:{dmarc_port}@127.0.0.1\n"
            "UserID root\nBackground no\nRejectFailures no\nSyslog no\nSoftwareHeader no\n"
            f"IgnoreHosts {home}/ignored\n"
        )
        (home / "ignored").write_text("192.0.2.1\n")  # and not 127.0.0.1, as it would by itself
        for words, at in (
            (["/usr/sbin/opendkim", "-f", "-x", str(home / "opendkim.conf")], dkim_port),
            (["/usr/sbin/opendmarc", "-f", "-c", str(home / "opendmarc.conf")], dmarc_port),
        ):
            _filter(stack, home, words, at)
        _postfix(stack, home, imap, port, (dkim_port, dmarc_port))
        yield Mx(port, home)


def _filter(stack: ExitStack, home: Path, words: list[str], port: int) -> None:
    """A milter that sees our resolv.conf."""
    log = stack.enter_context((home / "filters.log").open("ab"))
    inner = f"mount --bind {home}/resolv.conf /etc/resolv.conf && exec {' '.join(words)}"
    process = subprocess.Popen(
        ["unshare", "--mount", "sh", "-c", inner],
        stdout=subprocess.DEVNULL, stderr=log,
    )  # fmt: skip
    stack.callback(_end, process)
    await_port(port, lambda: process.poll() is None)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _postfix(
    stack: ExitStack, home: Path, imap: Dovecot, port: int, milters: tuple[int, int]
) -> None:
    """An instance of its own: own folders, own port, nothing shared."""
    config, queue, data = home / "postfix", home / "spool", home / "data"
    for folder in (config, queue, data):
        folder.mkdir()
    shutil.chown(data, "postfix")
    filters = ",".join(f"inet:127.0.0.1:{one}" for one in milters)
    (config / "main.cf").write_text(
        f"compatibility_level = 3.6\nmyhostname = {HOST}\nqueue_directory = {queue}\n"
        f"data_directory = {data}\ninet_interfaces = 127.0.0.1\ninet_protocols = ipv4\n"
        "mydestination =\nmynetworks = 127.0.0.2/32\nalias_maps =\nalias_database =\n"
        "virtual_mailbox_domains = desk.example\nvirtual_mailbox_maps = static:all\n"
        f"virtual_transport = lmtp:inet:127.0.0.1:{imap.lmtp}\n"
        f"smtpd_milters = {filters}\nmilter_default_action = tempfail\n"
        "smtpd_relay_restrictions = reject_unauth_destination\nsmtpd_delay_reject = yes\n"
        f"maillog_file = {home}/maillog\nmaillog_file_prefixes = {home}\n"
        "disable_dns_lookups = yes\nsmtpd_peername_lookup = no\nlmtp_host_lookup = native\n"
        "smtpd_client_restrictions =\n"
    )
    (config / "master.cf").write_text(MASTER.format(port=f"127.0.0.1:{port}"))
    made = subprocess.run(
        ["/usr/sbin/postfix", "-c", str(config), "start"],
        capture_output=True, timeout=60, check=False,
        env={**os.environ, "MAIL_CONFIG": str(config)},
    )  # fmt: skip
    stack.callback(
        subprocess.run, ["/usr/sbin/postfix", "-c", str(config), "stop"],
        capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    if made.returncode:
        pytest.fail(made.stderr.decode(errors="replace")[-1500:])
    await_port(port, lambda: True)
