"""Access tokens for mailboxes (RFC 6749), by client credentials or a refresh token.

Works with every server that follows the RFC, including Google's and Microsoft's. Errors contain
only the server's own error code, nothing else from a request or an answer.
"""

from __future__ import annotations

import http.client
import json
import os
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import Message
from functools import partial
from pathlib import Path
from threading import Lock
from typing import IO, Any, NoReturn
from urllib.parse import parse_qs, urlsplit

from oauthlib.oauth2 import BackendApplicationClient, OAuth2Error, WebApplicationClient

from intake.adapters.redaction import without
from intake.adapters.time_limits import OVERTIME

MAX_ANSWER_BYTES = 64 * 2**10
EARLY_SECONDS = 60  # a token is renewed so long before it expires
AGAIN_SECONDS = 20  # if a token is requested twice in that time, the first one was refused
CODES = (  # RFC 6749 §5.2 and §4.1.2.1
    "invalid_request", "invalid_client", "invalid_grant", "unauthorized_client",
    "unsupported_grant_type", "invalid_scope", "access_denied", "server_error",
    "temporarily_unavailable",
)  # fmt: skip
MAX_CODE = 60  # characters of an error code
LOOPBACK = ("127.0.0.1", "::1", "localhost")


class OAuthError(Exception):
    """No token: the text names the server and its error code."""


@dataclass(slots=True)
class TokenSource:
    """Gets access tokens for one mailbox."""

    url: str  # the token endpoint
    grant: str  # "client_credentials" or "refresh_token"
    client_id: str
    client_secret: Callable[[], str]  # empty for a public client
    scope: str = ""
    refresh_token: Callable[[], str] = str
    keep: Path | None = None  # the file for a new refresh token that replaces the old one
    seconds: float = 20.0  # for the whole request
    clock: Callable[[], float] = time.monotonic
    _token: str = ""
    _ends: float = 0.0
    _given: float = -1e9
    _lock: Lock = field(default_factory=Lock)

    def token(self) -> str:
        """A token that is valid now. Raises OAuthError."""
        with self._lock:
            now = self.clock()
            refused = now - self._given < AGAIN_SECONDS
            if not self._token or now >= self._ends - EARLY_SECONDS or refused:
                self._fetch(now)
            self._given = now
            return self._token

    def _fetch(self, now: float) -> None:
        secret = self.client_secret()
        more = {"client_secret": secret} if secret else {}
        if self.grant == "client_credentials":
            client: BackendApplicationClient | WebApplicationClient = BackendApplicationClient(
                self.client_id
            )
            body = client.prepare_request_body(scope=self.scope, include_client_id=True, **more)
        else:
            client = WebApplicationClient(self.client_id)
            body = client.prepare_refresh_body(
                refresh_token=self.refresh_token(), scope=self.scope or None,
                client_id=self.client_id, **more,
            )  # fmt: skip
        answer = self._post(body)
        try:
            found = client.parse_request_body_response(answer)
        except (OAuth2Error, ValueError, KeyError, TypeError) as error:
            why = _plain(getattr(error, "error", ""), body) or "no access token in it"
            raise OAuthError(f"{self._where()}: {why}") from None
        self._token = str(found["access_token"])
        lasts = found.get("expires_in")
        self._ends = now + (float(lasts) if isinstance(lasts, (int, float)) else 3600.0)
        fresh = found.get("refresh_token")
        if self.keep is not None and fresh and fresh != self.refresh_token():
            _write(self.keep, str(fresh))

    def _post(self, body: str) -> str:
        """The body of the answer. Redirects are refused: they would send the secret elsewhere."""
        parts = urlsplit(self.url)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
            raise OAuthError(f"oauth.token_url: found {parts.scheme}://…, wanted https://…")
        request = urllib.request.Request(  # noqa: S310 - https, or this machine, checked above
            self.url,
            data=body.encode(),
            headers={
                "Content-Type": "application/x-www-form-urlencoded",
                "Accept": "application/json",
            },
        )
        made: list[http.client.HTTPConnection] = []
        opener = urllib.request.build_opener(_NoRedirect(), _Http(made), _Https(made))
        link = lambda: made[-1].sock if made else None  # noqa: E731 - TLS replaces the socket
        try:
            with (
                OVERTIME.within(self.seconds, link),
                opener.open(request, timeout=self.seconds) as answer,
            ):
                return str(answer.read(MAX_ANSWER_BYTES).decode("utf-8", "replace"))
        except urllib.error.HTTPError as error:
            code = _code(error.read(MAX_ANSWER_BYTES), body)
            error.close()
            raise OAuthError(f"{self._where()}: HTTP {error.code} {code}".rstrip()) from None
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise OAuthError(f"{self._where()}: {type(error).__name__}") from None

    def _where(self) -> str:
        return f"token endpoint {urlsplit(self.url).hostname}"


class _Http(urllib.request.HTTPHandler):
    """Notes each connection that it makes, so that it can be cut off."""

    def __init__(self, made: list[http.client.HTTPConnection]) -> None:
        super().__init__()
        self._made = made

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_noting(http.client.HTTPConnection, self._made), req)


class _Https(urllib.request.HTTPSHandler):
    """The same with TLS; certificates are verified."""

    def __init__(self, made: list[http.client.HTTPConnection]) -> None:
        super().__init__(context=ssl.create_default_context())
        self._made = made
        self._tls = ssl.create_default_context()

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        kind = partial(http.client.HTTPSConnection, context=self._tls)
        return self.do_open(_noting(kind, self._made), req)


def _noting(
    kind: Callable[..., http.client.HTTPConnection], made: list[http.client.HTTPConnection]
) -> Any:
    def make(*args: Any, **named: Any) -> http.client.HTTPConnection:
        made.append(kind(*args, **named))
        return made[-1]

    return make


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Refuses redirects: a token endpoint must answer itself."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: Message,
        newurl: str,
    ) -> NoReturn:
        """Refuses every redirect."""
        raise urllib.error.HTTPError(req.full_url, code, "redirected", headers, fp)


def _code(answer: bytes, asked: str) -> str:
    """The error code of RFC 6749 §5.2, if there is one; other text of the answer is not used."""
    try:
        found = json.loads(answer).get("error", "")
    except (ValueError, AttributeError):
        return ""
    return _plain(found, asked)


def _plain(code: object, asked: str) -> str:
    """The code, if the RFC defines it or it is plain letters without a secret; otherwise empty."""
    if code in CODES:
        return str(code)
    if not isinstance(code, str) or not code.replace("_", "").isalnum() or len(code) > MAX_CODE:
        return ""
    told = parse_qs(asked)
    secrets = [word for name in ("client_secret", "refresh_token") for word in told.get(name, [])]
    return code if without(code, *secrets) == code else ""


def _write(path: Path, text: str) -> None:
    """Replaces the refresh token file; only its owner may read it."""
    fresh = path.with_name(f".{path.name}.new")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(f"{text}\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
