"""Forged mail through a whole service: not one byte leaves it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from intake.authentication import authres
from intake.authentication.alignment import Trust
from intake.authentication.sender import identify
from intake.mail.message import Message
from intake.model.context import Known
from intake.worker import service
from tests.support import installation
from tests.support.authres_samples import SEEN
from tests.support.forgeries import ADMIN, BODY, PASS, corpus
from tests.support.rawmail import result
from tests.support.servers import smtp_sink
from tests.support.values import AUTHSERV, ZACK


@contextmanager
def relay(port: int) -> Iterator[tuple[int, list[bytes]]]:
    """A port in front of that one, and every byte that came through it, connections included."""
    seen: list[bytes] = []
    server = socket.create_server(("127.0.0.1", 0))

    def pump(source: socket.socket, target: socket.socket, *, note: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if note:
                    seen.append(data)
                target.sendall(data)
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    def serve() -> None:
        with suppress(OSError):
            while True:
                link, _ = server.accept()
                seen.append(b"")
                onward = socket.create_connection(("127.0.0.1", port))
                for way in ((link, onward, True), (onward, link, False)):
                    threading.Thread(
                        target=pump, args=way[:2], kwargs={"note": way[2]}, daemon=True
                    ).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield server.getsockname()[1], seen
    finally:
        server.close()


DROPPED = (b"from", b"authentication-results", b"return-path", b"auto-submitted")


HOP = b"Received: from x.example by relay.outside.example; Tue, 3 Mar 2026 10:00:00 -0600"

WORD = f"Authentication-Results: {AUTHSERV}; ".encode()

FOR = b" header.from=bayside.example"

DISGUISES: dict[str, tuple[bytes, ...]] = {  # what stands above a mail in Zack's name
    "nothing": (),
    "a copy below a foreign hop": (HOP, PASS.encode()),
    "a stranger's word": (PASS.replace(AUTHSERV, "mx.attack.example").encode(),),
    "failed, and a copy": (WORD + b"dmarc=fail" + FOR, PASS.encode()),
    "two verdicts": (WORD + b"dmarc=pass" + FOR + b"; dmarc=fail",),
    "HELO only": (WORD + b"spf=pass smtp.helo=bayside.example; dmarc=pass" + FOR,),
    "an odd envelope": (
        WORD + b'spf=pass smtp.mailfrom="x@bayside.example\'@a.example"; dmarc=pass' + FOR,
    ),
    "a program's": (PASS.encode(), b"Auto-Submitted: auto-replied"),
}


def forged(raw: bytes, above: Sequence[bytes] = ()) -> bytes:
    """The mail in Zack's name, as it arrives from a stranger, below those fields."""
    head, _, body = raw.replace(b"\r\n", b"\n").partition(b"\n\n")
    kept: list[bytes] = []
    skipping = False
    for one in head.split(b"\n"):
        if one[:1] not in (b" ", b"\t"):
            name = one.partition(b":")[0].strip().lower()
            skipping = name in DROPPED
        if not skipping:
            kept.append(one)
    top = [*above, f"From: Zack Morris <{ADMIN}>".encode(), *kept]
    return b"\r\n".join(top) + b"\r\n\r\n" + body.replace(b"\n", b"\r\n")


@pytest.mark.servers
@pytest.mark.xdist_group("servers")
def test_not_one_byte_is_sent_for_a_forged_mail(tmp_path: Path) -> None:
    """The whole corpus in a contact's name, in every disguise: only holds and drops, not a byte.

    At the end one genuine mail is answered through the same relay, so a byte would have been seen.
    """
    disguises = list(DISGUISES.values())
    mails = [forged(raw, disguises[number % len(disguises)]) for number, raw in enumerate(corpus())]
    people = (Path(__file__).resolve().parents[1] / "mail/people.toml").read_text(encoding="utf-8")
    with smtp_sink(tmp_path) as sink, relay(sink.port) as (port, seen):
        text = installation.maildir_box(tmp_path / "in") + installation.delivery(
            f"smtp://127.0.0.1:{port}"
        )
        config = installation.make(tmp_path, text, people)
        for number, raw in enumerate(mails):
            (tmp_path / "in/new" / f"{number:05}").write_bytes(raw)
        report = service.once(config)
        assert report.failures == []
        assert set(report.actions) <= {"hold", "drop", "ignore"}
        assert sum(report.actions.values()) == len(mails)
        assert (sink.letters(), seen) == ([], [])
        found = installation.everything(config)
        assert (found["cases"], found["letters"]) == ([], [])
        genuine = f"{PASS}\r\nFrom: Zack Morris <{ADMIN}>{BODY}"
        (tmp_path / "in/new/genuine").write_bytes(genuine.encode())
        assert service.once(config).posted.sent == 1
        assert len(sink.letters()) == 1
        assert seen


def dialect(name: str, verdict: str) -> bytes:
    """What that receiver writes, with its verdict changed."""
    return SEEN[name].replace("dmarc=pass", f"dmarc={verdict}").replace(
        "dmarc = pass", f"dmarc = {verdict}"
    ).replace("\r\n ", " ").replace("\n\t", " ").replace("\n ", " ").encode()  # fmt: skip


@pytest.mark.parametrize("name", SEEN)
def test_every_receivers_word_counts_and_no_copy_of_it(name: str) -> None:
    """The real field proves; forged ones above, below, in a part or in the text do nothing."""
    found = authres.read(SEEN[name])
    assert found is not None
    trust = Trust((found.authserv_id,))
    field = b"Authentication-Results: "
    real, bad = (field + dialect(name, verdict) + b"\r\n" for verdict in ("pass", "fail"))
    hop = b"Received: from x.example by relay.outside.example; Tue, 3 Mar 2026 10:00:00 -0600\r\n"
    other = field + b"mx.attack.example; dmarc=pass header.from=bayside.example\r\n"
    mail = f"From: Zack Morris <{ADMIN}>\r\nTo: support@desk.example\r\nSubject: x\r\n".encode()
    part = (
        mail + b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
        b"--b\r\nContent-Type: text/plain\r\n\r\n" + real + b"\r\n--b\r\n"
        b"Content-Type: message/rfc822\r\n\r\n" + real + mail + b"\r\ntext\r\n--b--\r\n"
    )  # fmt: skip
    levels = {
        "real": real + hop + mail + b"\r\ntext",
        "another id above": other + real + hop + mail + b"\r\ntext",
        "a failing copy below": real + hop + bad + mail + b"\r\ntext",
        "failed, a passing copy below": bad + hop + real + mail + b"\r\ntext",
        "failed, a passing copy right below": bad + real + hop + mail + b"\r\ntext",
        "only below a foreign hop": hop + real + mail + b"\r\ntext",
        "only in a part and in the text": hop + part,
        "only another id": other + hop + mail + b"\r\ntext",
    }
    got = {
        what: identify(one, Known(contacts=(ZACK,)), trust).level
        for what, raw in levels.items()
        if isinstance(one := result(raw), Message)
    }
    passed = "L2" if name == "opendmarc" else "L3"
    assert got == {
        "real": passed,
        "another id above": passed,
        "a failing copy below": passed,
        "failed, a passing copy below": "L0",
        "failed, a passing copy right below": "L0",
        "only below a foreign hop": "L1",
        "only in a part and in the text": "L1",
        "only another id": "L1",
    }
