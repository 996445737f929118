"""Letters on the wire: four outcomes, mapped right for every way a server can die."""

from __future__ import annotations

import re
import socket
from pathlib import Path

import pytest

from intake.adapters.smtp import (
    DeliveryError,
    Failed,
    InDoubt,
    MaildirLane,
    Outcome,
    Parcel,
    Patience,
    Retry,
    Sent,
    SmtpLane,
    SmtpSettings,
    open_lane,
    outcome,
    unlawful,
)
from tests.support.fakes import FakeSmtp, listening
from tests.support.servers import free_port, smtp_sink

RAW = b"Subject: x\r\n\r\n.a line that begins with a dot\r\nend\r\n"
PARCEL = Parcel("desk@desk.example", "zack@bayside.example", RAW)
QUICK = Patience(connect=2, command=2, data=2, block=2, dot=1)


def lane(port: int, user: str = "", patience: Patience = QUICK) -> SmtpLane:
    """A plain lane to that port, impatient unless said otherwise."""
    return SmtpLane(
        SmtpSettings("127.0.0.1", port, "plain", user, lambda: "pass-word", patience=patience)
    )


def send(one: SmtpLane, parcel: Parcel = PARCEL) -> Outcome:
    """Both steps."""
    return one.prepare(parcel) or one.finish()


MODES: list[tuple[dict[str, str], type, str]] = [
    ({}, Sent, "250 taken"),
    ({"greet": "421 busy"}, Retry, "421"),
    ({"greet": "554 no"}, Retry, "554"),
    ({"greet": "close"}, Retry, ""),
    ({"greet": "hang"}, Retry, "timed out"),
    ({"ehlo": "500 what", "helo": "500 what"}, Retry, ""),
    ({"mail": "451 later"}, Retry, "451 later"),
    ({"mail": "550 policy"}, Failed, "550 policy"),
    ({"rcpt": "450 greylisted"}, Retry, "450 greylisted"),
    ({"rcpt": "550 unknown"}, Failed, "550 unknown"),
    ({"rcpt": "close"}, Retry, ""),
    ({"rcpt": "hang"}, Retry, "timed out"),
    ({"rcpt": "partial"}, Retry, ""),
    ({"data": "421 shutting down"}, Retry, "421"),
    ({"data": "552 too big"}, Failed, "552"),
    ({"data": "250 odd"}, Retry, "250 odd"),
    ({"dot": "451 not now"}, Retry, "451 not now"),
    ({"dot": "554 spam"}, Failed, "554 spam"),
    ({"dot": "close"}, InDoubt, "no answer"),
    ({"dot": "reset"}, InDoubt, "no answer"),
    ({"dot": "hang"}, InDoubt, "timed out"),
    ({"dot": "partial"}, InDoubt, ""),
    ({"dot": "999 garbage"}, InDoubt, ""),
    ({"dot": "250 taken", "quit": "close"}, Sent, "250"),
]


def waits_for(script: dict[str, str]) -> Patience:
    """A moment where the server says nothing, and long everywhere else: machines may be busy."""
    silent = {step for step, words in script.items() if words == "hang"}
    return Patience(
        connect=1 if "greet" in silent else 60,
        command=1 if "rcpt" in silent else 60,
        data=60,
        block=60,
        dot=1 if "dot" in silent else 60,
    )


@pytest.mark.parametrize(("script", "wanted", "words"), MODES, ids=lambda one: str(one)[:40])
def test_each_way_to_die_has_its_outcome(script: dict[str, str], wanted: type, words: str) -> None:
    """Before the dot nothing was handed over; after it only a clear answer is one."""
    server = FakeSmtp(script)
    with listening(server.serve) as port:
        one = lane(port, patience=waits_for(script))
        found = send(one)
        one.close()
        one.close()
    assert isinstance(found, wanted), found
    assert words in found.reply
    assert len(server.taken) == (1 if wanted is Sent else 0)
    if wanted is Sent:
        assert server.taken[0] == RAW


def test_a_connection_carries_many_letters() -> None:
    """Refused ones in between do not cost a new connection."""
    server = FakeSmtp({})
    with listening(server.serve) as port:
        one = lane(port)
        for number in range(5):
            server.script = {"rcpt": "550 no"} if number == 2 else {}
            send(one)
        one.close()
    assert (len(server.taken), server.connections) == (4, 1)
    assert server.commands[-1] == "quit"


def test_a_letter_that_is_let_go_before_the_dot_is_dropped_with_its_connection() -> None:
    """Inside the text QUIT would be a line of it, and its answer would never come."""
    server = FakeSmtp({})
    with listening(server.serve) as port:
        for again in (False, True):
            one = lane(port)
            assert one.prepare(Parcel("b@desk.example", "a@bayside.example", RAW)) is None
            if again:
                assert isinstance(send(one), Sent)  # over a connection of its own
                one.close()
            one.close()
        assert all(server.cuts.acquire(timeout=20) for _ in range(2))
    assert (server.taken, server.cut, server.connections) == ([RAW], [RAW, RAW], 3)
    assert server.commands.count("quit") == 1


@pytest.mark.parametrize("end", ["close", "reset", "421 you took too long"])
def test_a_server_that_hung_up_before_the_dot_has_nothing(end: str) -> None:
    """While other letters of the round waited for their answers: not in doubt, tried again."""
    server = FakeSmtp({"text": end})
    with listening(server.serve) as port:
        one = lane(port)
        assert one.prepare(PARCEL) is None
        assert server.cuts.acquire(timeout=20)
        found = one.finish()
        server.script = {}
        again = send(one)
        one.close()
    assert isinstance(found, Retry)
    assert "before the final dot" in found.reply
    assert isinstance(again, Sent)
    assert server.taken == [RAW]


def test_a_connection_that_went_stale_is_opened_anew_once() -> None:
    """The server closed between two letters; the second one is not put off for that."""
    server = FakeSmtp({"dot": "421 enough"})
    with listening(server.serve) as port:
        one = lane(port)
        assert isinstance(send(one), Retry)
        server.script = {}
        assert isinstance(send(one), Sent)
        server.script = {"mail": "421 idle too long"}
        assert isinstance(send(one), Retry)
        one.close()


def test_no_server_and_wrong_passwords_are_nobodys_letter(tmp_path: Path) -> None:
    """Trouble before MAIL is put off, whatever its code, and says where."""
    port = free_port()
    found = send(lane(port))
    assert isinstance(found, Retry)
    assert f"127.0.0.1:{port}" in found.reply
    script = {"ehlo": "250-fake\r\n250 AUTH PLAIN", "auth": "535 wrong password"}
    with listening(FakeSmtp(script).serve) as port:
        found = send(lane(port, "user"))
        assert isinstance(found, Retry)
        assert "login refused: 535" in found.reply
        assert "pass-word" not in found.reply
        assert lane(port, "user").try_out() is not None
    one = SmtpLane(SmtpSettings("127.0.0.1", port, "starttls", patience=QUICK))
    assert isinstance(one.finish(), Retry)
    with listening(FakeSmtp({}).serve) as port:
        one = SmtpLane(SmtpSettings("127.0.0.1", port, "starttls", patience=QUICK))
        found = send(one)
        assert isinstance(found, Retry)
        assert "does not offer STARTTLS" in found.reply
        assert isinstance(
            send(SmtpLane(SmtpSettings("127.0.0.1", port, "tls", patience=QUICK))), Retry
        )
        good = lane(port)
        assert good.try_out() is None
        assert good.try_out() is None
        good.close()


@pytest.mark.parametrize(
    "raw", [b"a\nb\r\n", b"a\rb\r\n", b"\xff\r\n", b"x" * 999 + b"\r\n", b"\r\n.\n\r\n"]
)
def test_bytes_that_could_smuggle_are_never_sent(raw: bytes, tmp_path: Path) -> None:
    """Bare line ends, 8-bit and endless lines fail here and do not block the queue."""
    assert unlawful(raw)
    parcel = Parcel("a@x.example", "b@x.example", raw)
    assert isinstance(MaildirLane(tmp_path).prepare(parcel), Failed)
    assert isinstance(lane(1).prepare(parcel), Failed)


def test_a_reply_code_maps_in_one_place() -> None:
    """2xx sent, 4xx later, 5xx never, everything else doubt after the dot."""
    assert isinstance(outcome(250, "", after_dot=True), Sent)
    assert isinstance(outcome(451, "", after_dot=True), Retry)
    assert isinstance(outcome(550, "", after_dot=False), Failed)
    assert isinstance(outcome(25, "", after_dot=True), InDoubt)
    assert isinstance(outcome(25, "", after_dot=False), Retry)


def test_the_same_letter_twice_is_one_file_of_a_maildir(tmp_path: Path) -> None:
    """Delivered under a name of its own content; an unfinished one leaves nothing behind."""
    one = MaildirLane(tmp_path / "out")
    assert isinstance(one.finish(), Retry)
    for _ in range(2):
        assert one.prepare(PARCEL) is None
        assert isinstance(one.finish(), Sent)
    assert one.prepare(PARCEL) is None
    one.close()
    assert list((tmp_path / "out/tmp").iterdir()) == []
    (found,) = (tmp_path / "out/new").iterdir()
    assert found.read_bytes().endswith(RAW)
    (tmp_path / "blocked").write_text("")
    assert isinstance(MaildirLane(tmp_path / "blocked").prepare(PARCEL), Retry)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ftp://x", "found 'ftp'"),
        ("nothing", "found 'nothing'"),
        ("smtp://u@mail.example", "in clear"),
    ],
)
def test_a_way_out_that_cannot_be_is_refused(url: str, words: str) -> None:
    """The error names what was found and what is wanted."""
    with pytest.raises(DeliveryError, match=re.escape(words)):
        open_lane(url)


def test_urls_become_lanes(tmp_path: Path) -> None:
    """Ports, users and folders come from the URL."""
    assert isinstance(open_lane(f"maildir:{tmp_path}"), MaildirLane)
    for url, port in (("smtps://u%40x@h.example", 465), ("smtp+starttls://h.example", 587)):
        one = open_lane(url)
        assert isinstance(one, SmtpLane)
        assert one._settings.port == port
    assert isinstance(open_lane("smtp://u@h.example", allow_plain=True), SmtpLane)


@pytest.mark.servers
@pytest.mark.xdist_group("servers")
def test_a_real_server_gets_the_same_bytes(tmp_path: Path) -> None:
    """Postfix's sink stores what was sent, dots and all."""
    with smtp_sink(tmp_path) as sink:
        one = open_lane(f"smtp://127.0.0.1:{sink.port}")
        for number in range(20):
            raw = RAW.replace(b"x\r\n", b"x%d\r\n" % number, 1)
            assert one.prepare(Parcel("a@x.example", "b@y.example", raw)) is None
            assert isinstance(one.finish(), Sent)
        one.close()
        letters = sink.letters()
    assert len(letters) == 20
    assert all(b"\r\n.a line that begins with a dot\r\nend\r\n" in letter for letter in letters)


def test_the_dot_does_not_wait_for_the_text_to_be_acknowledged(tmp_path: Path) -> None:
    """Without this each letter costs 40 ms: the dot is a small write behind a larger one."""
    with smtp_sink(tmp_path) as sink:
        one = lane(sink.port)
        assert isinstance(send(one), Sent)
        server = one._server
        assert server is not None
        assert isinstance(server.sock, socket.socket)
        assert server.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
        one.close()


@pytest.mark.parametrize(
    ("faults", "everybody"),
    [
        ({"greet": "421 busy"}, True),
        ({"mail": "451 later"}, True),
        ({"rcpt": "close"}, True),
        ({"rcpt": "450 greylisted"}, False),
        ({"data": "451 later"}, False),
    ],
)
def test_a_fault_of_the_server_is_no_fault_of_the_recipient(
    faults: dict[str, str], everybody: bool
) -> None:
    """What meets every letter says so; what one recipient causes does not."""
    with listening(FakeSmtp(faults).serve) as port:
        one = lane(port)
        found = send(one)
        one.close()
    assert isinstance(found, Retry)
    assert found.everybody is everybody
