"""One event to one address: what is sent, what an answer means, and what is never done."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intake.adapters import webhook
from intake.config import loader as settings
from intake.config.toml_files import ConfigError
from intake.model.events import EVENT_KINDS, WITH_PEOPLE, Again, Gone, Outcome, Taken
from tests.support.fakes import listening
from tests.support.receiver import independent, receiver
from tests.support.servers import certificate

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)


def test_the_specifications_own_example_has_our_signature() -> None:
    """The vector of the reference libraries: the same id, moment, body and key."""
    one = webhook.Event("msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}')
    keys = webhook.read_keys("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    made = webhook.signature(keys, one, 1614265330)
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@given(st.binary(min_size=1, max_size=200), st.binary(max_size=300), st.integers(0, 2**40))
def test_any_key_and_body_are_signed_as_defined(key: bytes, body: bytes, seconds: int) -> None:
    """Long keys too, which HMAC hashes first."""
    one = webhook.Event("evt_1_2", body)
    got = {"webhook-id": one.id, "webhook-timestamp": str(seconds), "body": body}
    assert webhook.signature([key], one, seconds) == independent(key, got)


@given(st.text(max_size=80))
def test_any_secret_is_keys_or_a_refusal_that_repeats_nothing(text: str) -> None:
    """What a person pastes never raises anything but ValueError, and is not in its words."""
    try:
        found = f"{len(webhook.read_keys(text))} keys"
    except ValueError as error:
        found = str(error)
    refused = "the secret begins with whsec_ and is no base64 behind it"
    assert found in (f"{len(text.split())} keys", refused)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (200, Taken), (201, Taken), (204, Taken), (299, Taken), (301, Again), (302, Again),
        (307, Again), (308, Again), (400, Again), (404, Again), (410, Gone), (429, Again),
        (500, Again), (503, Again), (599, Again), (999, Again), (199, Again),
    ],
)  # fmt: skip
def test_a_status_means_one_thing(status: int, kind: type) -> None:
    """2xx is done, 410 is final, everything else is another attempt."""
    found = webhook.outcome(status, "", NOW)
    assert type(found) is kind
    assert found.reply.startswith(f"HTTP {status}")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120), ("0", 0), ("999999", 3600), ("", 0), ("-5", 0), ("soon", 0), ("1e9", 0),
        ("Mon, 02 Mar 2026 15:10:00 GMT", 600), ("Mon, 02 Mar 2020 15:10:00 GMT", 0),
        ("Mon, 02 Mar 2099 15:10:00 GMT", 3600), ("9" * 400, 0), ("٣", 0),
    ],
)  # fmt: skip
def test_retry_after_is_honoured_within_bounds(text: str, seconds: float) -> None:
    """Seconds or a date, an hour at most; nonsense is nothing."""
    found = webhook.outcome(503, text, NOW)
    assert isinstance(found, Again)
    assert found.after_seconds == seconds


@given(st.text(max_size=60))
def test_any_retry_after_is_bounded(text: str) -> None:
    """Whatever the server says there."""
    found = webhook.outcome(429, text, NOW)
    assert isinstance(found, Again)
    assert 0 <= found.after_seconds <= 3600


def try_(port: int, seconds: float = 1.0, path: str = "/x") -> Outcome:
    """One event to that port."""
    return webhook.post(
        f"http://127.0.0.1:{port}{path}", webhook.Event("evt_1_1", b"{}"), (), NOW, seconds
    )


def test_a_redirect_is_never_followed() -> None:
    """Neither to another host nor to another path: one request, and it is put off."""
    with receiver() as other, receiver() as there:
        there.status = lambda _: 307
        there.headers["Location"] = f"http://127.0.0.1:{other.port}/elsewhere"
        assert isinstance(try_(there.port), Again)
        assert len(there.got) == 1
        assert other.got == []


DRIP = 0.05


def _drip(connection: socket.socket) -> None:
    """A header that never ends, byte by byte: no single wait is long."""
    connection.recv(65536)
    try:
        connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while True:
            connection.sendall(b"a")
            time.sleep(DRIP)
    except OSError:
        connection.close()


def _continue(connection: socket.socket) -> None:
    """A hundred, for ever."""
    connection.recv(65536)
    try:
        while True:
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            time.sleep(DRIP)
    except OSError:
        connection.close()


def _silent(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.settimeout(30)
    try:
        connection.recv(1)
    finally:
        connection.close()


@pytest.mark.parametrize("serve", [_drip, _continue, _silent])
def test_one_deadline_holds_for_the_whole_exchange(
    serve: Callable[[socket.socket], None],
) -> None:
    """Silence, a dripped header and endless hundreds all end, and are put off."""
    with listening(serve) as port:
        found = try_(port, 0.5)
    assert found == Again("127.0.0.1: no answer within 0.5 s")


def test_an_endless_body_is_not_read() -> None:
    """The status is all that counts, so it is known at once."""

    def flood(connection: socket.socket) -> None:
        connection.recv(65536)
        try:
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            while True:
                connection.sendall(b"x" * 65536)
        except OSError:
            connection.close()

    with listening(flood) as port:
        assert try_(port, 20) == Taken("HTTP 200 OK")


@pytest.mark.parametrize(
    "answer",
    [b"", b"HTTP/1.1 20", b"220 smtp here\r\n", b"HTTP/1.1 abc\r\n\r\n", b"\xff\xfe" * 50,
     b"HTTP/1.1 200 OK\r\n" + b"A: " + b"x" * 70000 + b"\r\n\r\n",
     b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n"],
)  # fmt: skip
def test_a_cut_or_senseless_answer_is_another_attempt(answer: bytes) -> None:
    """Nothing that a server sends raises, and nothing of it stands in the reply."""

    def cut(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(answer)
        connection.close()

    with listening(cut) as port:
        found = try_(port, 5)
    assert isinstance(found, Again)
    assert "smtp" not in found.reply


@given(st.binary(max_size=200))
def test_any_answer_is_an_outcome(answer: bytes) -> None:
    """Random bytes behind a status line, and without one."""
    with listening(lambda link: _answer(link, answer)) as port:
        assert isinstance(try_(port, 5), (Taken, Again, Gone))


def _answer(connection: socket.socket, answer: bytes) -> None:
    connection.recv(65536)
    connection.sendall(answer)
    connection.close()


def test_nobody_listening_is_another_attempt() -> None:
    """The words name the host and the trouble."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    found = try_(port)
    assert isinstance(found, Again)
    assert "127.0.0.1: Connection refused" in found.reply


def test_a_certificate_is_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of nobody's gets nothing but a broken handshake; one that the system trusts is taken."""
    file = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, tmp_path / "key.pem")
    seen: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        try:
            with context.wrap_socket(connection, server_side=True) as link:
                seen.append(link.recv(65536))
                link.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
        except OSError:
            connection.close()

    one = webhook.Event("evt_1_1", b"{}")
    with listening(serve) as port:
        url = f"https://localhost:{port}/x"
        found = webhook.post(url, one, (), NOW, 10)
        assert isinstance(found, Again)
        assert "certificate is not valid" in found.reply
        assert seen == []
        monkeypatch.setenv("SSL_CERT_FILE", str(file))
        assert isinstance(webhook.post(url, one, (), NOW, 10), Taken)
    assert seen[0].startswith(b"POST /x HTTP/1.1\r\n")


def test_a_slow_handshake_ends_in_time() -> None:
    """The deadline holds before there is any HTTP."""
    with listening(_silent) as port:
        found = webhook.post(
            f"https://127.0.0.1:{port}/", webhook.Event("evt_1_1", b"{}"), (), NOW, 0.5
        )
    assert found == Again("127.0.0.1: no answer within 0.5 s")


def test_the_request_arrives_in_one_piece() -> None:
    """A program that answers what its first read gave, and hangs up, has had the body too."""
    seen: list[bytes] = []

    def first(connection: socket.socket) -> None:
        seen.append(connection.recv(65536))
        connection.sendall(b"HTTP/1.1 410 Gone\r\n\r\n")
        connection.close()

    with listening(first) as port:
        for _ in range(20):
            assert try_(port, 5) == Gone("HTTP 410 Gone")
    assert all(one.endswith(b"\r\n\r\n{}") for one in seen)


def test_no_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is sent goes to the configured host and nowhere else."""
    with receiver() as proxy, receiver() as there:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert isinstance(try_(there.port), Taken)
        assert proxy.got == []


# ---------------------------------------------------------------- configuration


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://hooks.example/planted-path", "https://…; http:// is for this machine only"),
        ("http://169.254.169.254/latest/planted-path", "http:// is for this machine only"),
        ("http://localhost.evil.example/planted-path", "http:// is for this machine only"),
        ("ftp://hooks.example/planted-path", "wanted a web address"),
        ("https://user:planted-path@hooks.example/", "without a user"),
        ("https:///planted-path", "https://HOST/PATH"),
        ("https://hooks.example/planted-path#x", "without #"),
        ("https://hooks.example:99999/planted-path", "port out of range"),
        ("https://hööks.example/planted-path", "in ASCII"),
        ("https://hooks.example/planted-path with space", "wanted a web address"),
    ],
)
def test_an_unsafe_url_is_refused_and_not_repeated(tmp_path: Path, url: str, words: str) -> None:
    """The error names file and key; the path may be a secret."""
    (tmp_path / "c.toml").write_text(f"[[webhook]]\nname = 'chat'\nurl = '{url}'\n")
    with pytest.raises(ConfigError) as caught:
        settings.load(str(tmp_path / "c.toml"), {})
    assert "webhook[0].url: found (hidden)" in str(caught.value)
    assert words in str(caught.value)
    assert "planted-path" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    ["https://hooks.example/a?b=c", "http://127.0.0.1:9/x", "http://[::1]:9/", "http://localhost"],
)
def test_a_safe_url_is_taken(tmp_path: Path, url: str) -> None:
    """https:// anywhere, http:// on this machine."""
    (tmp_path / "c.toml").write_text(f"[[webhook]]\nname = 'chat'\nurl = '{url}'\n")
    assert settings.load(str(tmp_path / "c.toml"), {}).shape.webhook[0].url == url


def test_patterns_and_names_that_cannot_be_meant_are_refused(tmp_path: Path) -> None:
    """A pattern that no event matches; two hooks that would share a variable."""
    head = "[[webhook]]\nurl = 'https://hooks.example/x'\n"
    for more, words in (
        ("name = 'a'\nevents = ['incidents.*']", "'incidents.*' is neither"),
        ("name = 'a'\nevents = ['inc*']", "'inc*' is neither"),
        (f"name = 'a-b'\n{head}name = 'a.b'", "two names for INTAKE_WEBHOOK_A_B_SECRET"),
    ):
        (tmp_path / "c.toml").write_text(head + more)
        with pytest.raises(ConfigError, match="webhook") as caught:
            settings.load(str(tmp_path / "c.toml"), {})
        assert words in str(caught.value)


def test_a_hook_hears_what_its_patterns_name(tmp_path: Path) -> None:
    """Whole kinds, a word before ".*", everything without people by default."""
    text = "[[webhook]]\nname = 'a'\nurl = 'https://hooks.example/x'\nevents = {}\n"
    for events, wanted in (
        ([], set(EVENT_KINDS) - set(WITH_PEOPLE)),
        (["case.*", "notice.sent"], {*WITH_PEOPLE, "case.linked", "notice.sent"}),
        (["*"], set(EVENT_KINDS)),
        (["incident.*"], {one for one in EVENT_KINDS if one.startswith("incident.")}),
        (["notice.sent", "maintenance.started"], {"notice.sent", "maintenance.started"}),
    ):
        (tmp_path / "c.toml").write_text(text.format(events))
        (hook_,) = settings.load(str(tmp_path / "c.toml"), {}).shape.webhook
        assert {kind for kind in EVENT_KINDS if hook_.hears(kind)} == wanted


def test_the_secret_comes_from_environment_file_or_command(tmp_path: Path) -> None:
    """As every other one; none at all is allowed, an empty file is not."""
    (tmp_path / "s").write_text("from the file\n")
    (tmp_path / "empty").write_text("\n")
    text = "[[webhook]]\nname = 'chat-1'\nurl = 'https://hooks.example/x'\n"

    def secret(more: str, **environment: str) -> str:
        (tmp_path / "c.toml").write_text(text + more)
        config = settings.load(str(tmp_path / "c.toml"), environment)
        return settings.webhook_secret(config, config.shape.webhook[0])

    assert secret("") == ""
    assert secret("secret = 'key'") == "key"
    assert secret("secret = 'key'", INTAKE_WEBHOOK_CHAT_1_SECRET="env") == "env"
    assert secret("", INTAKE_WEBHOOK_CHAT_1_SECRET="env") == "env"
    assert secret("secret_file = 's'") == "from the file"
    assert secret("secret_command = 'printf x'") == "x"
    with pytest.raises(ConfigError, match="empty file"):
        secret("secret_file = 'empty'")
    with pytest.raises(ConfigError, match="INTAKE_WEBHOOK_CHAT_1_SECRETE"):
        secret("", INTAKE_WEBHOOK_CHAT_1_SECRETE="x")
