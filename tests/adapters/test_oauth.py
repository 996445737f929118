"""Access tokens from a token endpoint on this machine: kept, renewed, rotated, and never shown."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from intake.adapters.oauth import OAuthError, TokenSource
from intake.config.toml_files import ConfigError
from intake.worker import bootstrap, service
from tests.support import installation

SECRET = "planted-client-secret-1c9d"
REFRESH = "planted-refresh-token-7e02"


@dataclass
class Endpoint:
    """A token endpoint and what it was asked."""

    url: str = ""
    asked: list[dict[str, str]] = field(default_factory=list)
    status: int = 200
    answer: dict[str, object] = field(default_factory=dict)
    location: str = ""


@contextmanager
def endpoint() -> Iterator[Endpoint]:
    """A running one; tokens are numbered."""
    made = Endpoint()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            """One question."""
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            made.asked.append({key: values[0] for key, values in parse_qs(body).items()})
            usual = {
                "access_token": f"token-{len(made.asked)}", "token_type": "Bearer",
                "expires_in": 3600,
            }  # fmt: skip
            text = json.dumps(made.answer or usual).encode()
            self.send_response(made.status)
            if made.location:
                self.send_header("Location", made.location)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_port}/tenant/token"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


class Clock:
    """A clock the test moves."""

    now = 1000.0

    def __call__(self) -> float:
        """Seconds since anything."""
        return self.now


def source(where: Endpoint, **more: object) -> tuple[TokenSource, Clock]:
    """A token source at that endpoint."""
    clock = Clock()
    options: dict[str, object] = {"grant": "client_credentials", "scope": "imap/.default", **more}
    made = TokenSource(
        where.url, client_id="app", client_secret=lambda: SECRET, clock=clock, seconds=5, **options
    )  # type: ignore[arg-type]  # the options are of the right kinds
    return made, clock


def test_a_token_is_kept_until_shortly_before_its_end() -> None:
    """One question for many logins, a new one when it has run out or was refused at once."""
    with endpoint() as where:
        tokens, clock = source(where)
        assert tokens.token() == "token-1"
        clock.now += 100
        assert tokens.token() == "token-1"
        clock.now += 3500
        assert tokens.token() == "token-2"
        clock.now += 5  # asked for again at once: the server did not take it
        assert tokens.token() == "token-3"
        asked = where.asked[0]
    assert asked == {
        "grant_type": "client_credentials", "client_id": "app", "client_secret": SECRET,
        "scope": "imap/.default",
    }  # fmt: skip


def test_a_refresh_token_is_sent_and_its_successor_kept(tmp_path: Path) -> None:
    """The file holds the newest one, for our eyes only."""
    file = tmp_path / "refresh"
    file.write_text(f"{REFRESH}\n")
    with endpoint() as where:
        where.answer = {"access_token": "t", "token_type": "Bearer", "refresh_token": "next"}
        tokens, _ = source(
            where, grant="refresh_token", refresh_token=lambda: file.read_text().strip(), keep=file
        )
        assert tokens.token() == "t"
    assert where.asked[0]["refresh_token"] == REFRESH
    assert where.asked[0]["grant_type"] == "refresh_token"
    assert file.read_text() == "next\n"
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("status", "answer", "why"),
    [
        (400, {"error": "invalid_client", "error_description": f"not {SECRET}"}, "invalid_client"),
        (401, {"error": f"{SECRET} {SECRET}"}, "HTTP 401"),
        (500, {"nothing": 1}, "HTTP 500"),
        (200, {"error": "invalid_grant"}, "invalid_grant"),
        (200, {"token_type": "Bearer"}, "no access token|missing_token"),
    ],
)
def test_a_refusal_is_one_line_without_secrets(
    status: int, answer: dict[str, object], why: str
) -> None:
    """The server's code is shown; its words may hold anything and are not."""
    with endpoint() as where:
        where.status, where.answer = status, answer
        tokens, _ = source(where)
        with pytest.raises(OAuthError, match=why) as caught:
            tokens.token()
    assert SECRET not in str(caught.value)
    assert "127.0.0.1" in str(caught.value)


def test_a_secret_goes_nowhere_else() -> None:
    """No redirect is followed, no plain connection to another machine made."""
    with endpoint() as other, endpoint() as where:
        where.status, where.location = 307, other.url
        with pytest.raises(OAuthError, match="HTTP 307"):
            source(where)[0].token()
        assert other.asked == []
    for url in ("http://login.elsewhere.example/token", "ftp://x.example/", "file:///etc/passwd"):
        with pytest.raises(OAuthError, match="wanted https"):
            source(Endpoint(url))[0].token()
    with pytest.raises(OAuthError, match=r"127\.0\.0\.1"):
        source(Endpoint("http://127.0.0.1:9/token"))[0].token()


def test_a_mailbox_asks_for_its_token_and_fails_alone(tmp_path: Path) -> None:
    """Configured, refused, and said in one line; the other mailbox is collected."""
    with endpoint() as where:
        where.status, where.answer = 400, {"error": "unauthorized_client"}
        text = f"""
[[mailbox]]
name = "shared"
url = "imap://support%40desk.example@127.0.0.1:1/INBOX"
auth = "xoauth2"
oauth.token_url = "{where.url}"
oauth.client_id = "app"
oauth.client_secret = "{SECRET}"
oauth.scope = "imap/.default"
"""
        config = installation.make(tmp_path, text + installation.maildir_box(tmp_path / "in"))
        made = bootstrap.tokens(config, config.mailbox[0])
        with pytest.raises(OAuthError, match="unauthorized_client"):
            made.token()
        report = service.once(config)
        assert len(report.failures) == 1
        assert SECRET not in report.failures[0]
        assert [one.mailbox for one in report.mailboxes] == ["support"]
        where.status, where.answer = 200, {}
        assert bootstrap.tokens(config, config.mailbox[0]).token().startswith("token-")


def test_a_refresh_grant_needs_its_file(tmp_path: Path) -> None:
    """The key that is missing is named."""
    text = """
[[mailbox]]
name = "shared"
url = "imap://a@127.0.0.1:1/INBOX"
auth = "xoauth2"
oauth.token_url = "https://login.desk.example/token"
oauth.grant = "refresh_token"
"""
    config = installation.make(tmp_path, text)
    with pytest.raises(ConfigError, match="refresh_token_file"):
        bootstrap.tokens(config, config.mailbox[0]).token()
