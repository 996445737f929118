"""Letter -> Sent | Retry | Failed | InDoubt. The only keeper of smtplib; knows no database.

A lane takes one letter at a time in two steps: ``prepare`` goes as far as the last byte of the
text, ``finish`` sends the final dot. Between the two the caller writes down that the letter is
in doubt. After the dot, silence never means "not sent" (RFC 1047, RFC 5321 §4.5.3.2.6).
"""

from __future__ import annotations

import re
import selectors
import smtplib
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from intake.adapters.maildir_delivery import MaildirLane
from intake.adapters.redaction import without
from intake.adapters.time_limits import OVERTIME
from intake.model.delivery import (
    Failed,
    InDoubt,
    Lane,
    Outcome,
    Parcel,
    Patience,
    Retry,
    Sent,
    outcome,
    unlawful,
)

__all__ = [
    "DeliveryError", "Failed", "InDoubt", "Lane", "MaildirLane", "Outcome", "Parcel", "Patience",
    "Retry", "Sent", "SmtpLane", "SmtpSettings", "open_lane", "outcome", "unlawful",
]  # fmt: skip

LOOPBACK = ("localhost", "127.0.0.1", "::1")
SCHEMES = {"smtps": ("tls", 465), "smtp+starttls": ("starttls", 587), "smtp": ("plain", 25)}


class DeliveryError(Exception):
    """The way out is configured in a way that cannot work; one line."""


@dataclass(frozen=True, slots=True)
class SmtpSettings:
    """Where letters are handed over and how to get in."""

    host: str
    port: int
    security: str  # "tls", "starttls", "plain"
    user: str = ""
    secret: Callable[[], str] = lambda: ""
    ca_file: str = ""
    helo: str = ""
    patience: Patience = field(default_factory=Patience)


class _Server(smtplib.SMTP):
    """Gives away its connection before the greeting is read, so that it can be cut off."""

    def __init__(self, keep: Callable[[object], None], *args: Any, **more: Any) -> None:
        self._keep = keep
        super().__init__(*args, **more)

    def _get_socket(self, *args: Any) -> Any:
        link = super()._get_socket(*args)  # type: ignore[misc]  # not in the typed interface
        self._keep(link)
        return link


class _TlsServer(_Server, smtplib.SMTP_SSL):
    """The same over TLS from the first byte."""


class SmtpLane:
    """One SMTP connection, opened when the first letter comes and kept for the next ones."""

    def __init__(self, settings: SmtpSettings) -> None:
        self._settings = settings
        self._server: smtplib.SMTP | None = None
        self._in_text = False  # a text has gone out and its dot has not
        self._link: object = None  # the newest connection

    def prepare(self, parcel: Parcel) -> Outcome | None:
        """Connects if needed, MAIL, RCPT, DATA and the text; None when only the dot is missing."""
        if unlawful(parcel.raw):
            return Failed(unlawful(parcel.raw))
        with OVERTIME.within(self._settings.patience.letter, self._socket):
            return self._prepared(parcel)

    def _prepared(self, parcel: Parcel) -> Outcome | None:
        if self._in_text:
            self._drop()
        if self._server is not None:
            ready = self._begin(parcel)
            if ready is None or not isinstance(ready, Retry) or self._server is not None:
                return ready
        trouble = self._open()
        return trouble or self._begin(parcel)

    def try_out(self) -> Retry | None:
        """Connects, encrypts and logs in without sending anything; the trouble, if there is any."""
        with OVERTIME.within(self._settings.patience.letter, self._socket):
            return None if self._server is not None else self._open()

    def _socket(self) -> object:
        """What the step that is going on waits for."""
        return self._server.sock if self._server is not None else self._link

    def _keep(self, link: object) -> None:
        """The connection, before there is a server that has greeted."""
        self._link = link

    def _open(self) -> Retry | None:
        """A fault here is never the letter's: wrong password, no TLS, no server are all Retry."""
        one = self._settings
        where = f"{one.host}:{one.port}"
        try:
            self._server = self._connect()
        except smtplib.SMTPAuthenticationError as error:
            return Retry(
                f"{where}: login refused: {error.smtp_code} {_words(error.smtp_error)}", True
            )
        except smtplib.SMTPNotSupportedError as error:
            return Retry(f"{where}: {error}", True)
        except ssl.SSLError as error:
            return Retry(f"{where}: TLS: {error.reason or error}", True)
        except smtplib.SMTPResponseException as error:
            return Retry(f"{where}: {error.smtp_code} {_words(error.smtp_error)}", True)
        except (OSError, smtplib.SMTPException, ValueError) as error:
            return Retry(f"{where}: {error or type(error).__name__}", True)
        return None

    def _connect(self) -> smtplib.SMTP:
        one = self._settings
        context = ssl.create_default_context(cafile=one.ca_file or None)
        helo = one.helo or None
        server: smtplib.SMTP
        if one.security == "tls":
            server = _TlsServer(
                self._keep, one.host, one.port, helo, timeout=one.patience.connect, context=context
            )
        else:
            server = _Server(self._keep, one.host, one.port, helo, timeout=one.patience.connect)
        try:
            self._patient(one.patience.command, server)
            if isinstance(server.sock, socket.socket):  # else the dot waits 40 ms for an ACK
                server.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            server.ehlo_or_helo_if_needed()
            if one.security == "starttls":
                if not server.has_extn("starttls"):
                    raise smtplib.SMTPNotSupportedError("the server does not offer STARTTLS")
                server.starttls(context=context)
                server.ehlo()
            if one.user:
                self._login(server)
        except BaseException:
            server.close()
            raise
        return server

    def _login(self, server: smtplib.SMTP) -> None:
        """Logs in; a refusal is told without what we said."""
        secret = self._settings.secret()
        try:
            server.login(self._settings.user, secret)
        except smtplib.SMTPResponseException as error:
            words = without(_text(error.smtp_error), secret)
            raise smtplib.SMTPAuthenticationError(error.smtp_code, words) from None

    def _begin(self, parcel: Parcel) -> Outcome | None:
        """The dialogue up to the dot. Any fault before it means that nothing was handed over."""
        server = self._server
        if server is None:
            return Retry("not connected")
        try:
            refused = self._envelope(server, parcel)
            if refused is not None:
                return refused
            self._patient(self._settings.patience.block, server)
            self._in_text = True
            server.send(_stuffed(parcel.raw))
        except (OSError, smtplib.SMTPException, ValueError) as error:
            self._drop()
            return Retry(f"{self._settings.host}: {error or type(error).__name__}", True)
        return None

    def _envelope(self, server: smtplib.SMTP, parcel: Parcel) -> Outcome | None:
        size = [f"SIZE={len(parcel.raw)}"] if server.has_extn("size") else []
        self._patient(self._settings.patience.command, server)
        steps: tuple[tuple[Callable[[], tuple[int, bytes]], int], ...] = (
            (lambda: server.mail(parcel.sender, size), 250),
            (lambda: server.rcpt(parcel.recipient), 250),
            (lambda: self._data(server), 354),
        )
        for number, (step, wanted) in enumerate(steps):
            code, reply = step()
            if code == wanted or (wanted == 250 and code == 251):
                continue
            if code == 421 or not 400 <= code <= 599:
                self._drop()
            else:
                server.rset()
            found = outcome(code, _words(reply), after_dot=False)
            if isinstance(found, Sent):
                return Retry(found.reply)
            # a refusal of MAIL FROM, before any recipient was named, meets every letter
            return Retry(found.reply, number == 0) if isinstance(found, Retry) else found
        return None

    def _data(self, server: smtplib.SMTP) -> tuple[int, bytes]:
        self._patient(self._settings.patience.data, server)
        return server.docmd("data")

    def finish(self) -> Outcome:
        """The dot, and up to ten minutes for its answer."""
        with OVERTIME.within(self._settings.patience.dot, self._socket):
            return self._finished()

    def _finished(self) -> Outcome:
        server = self._server
        if server is None:
            return Retry("not connected")
        if _has_spoken(server):
            return self._cut_off(server)
        try:
            self._patient(self._settings.patience.dot, server)
            server.send(b".\r\n")
            code, reply = server.getreply()
            self._in_text = False
        except (OSError, smtplib.SMTPException, ValueError) as error:
            self._drop()
            return InDoubt(f"no answer to the final dot: {error or type(error).__name__}")
        found = outcome(code, _words(reply), after_dot=True)
        if code == 421 or isinstance(found, InDoubt):
            self._drop()
        return found

    def _cut_off(self, server: smtplib.SMTP) -> Outcome:
        """What a server says that did not wait for the dot: without one it has nothing."""
        try:
            self._patient(5.0, server)
            code, reply = server.getreply()
            words = f"before the final dot: {_words(reply)}"
        except (OSError, smtplib.SMTPException, ValueError) as error:
            code, words = 421, f"hung up before the final dot: {error or type(error).__name__}"
        self._drop()
        found = outcome(code, words, after_dot=False)
        return Retry(found.reply) if isinstance(found, Sent) else found

    def _patient(self, seconds: float, server: smtplib.SMTP) -> None:
        if isinstance(server.sock, socket.socket):
            server.sock.settimeout(seconds)

    def _drop(self) -> None:
        server, self._server, self._in_text = self._server, None, False
        if server is not None:
            with suppress(Exception):
                server.close()

    def close(self) -> None:
        """QUIT where it costs nothing; a failure after the letters are settled changes nothing.

        Inside a text QUIT would be one more line of it: there the connection is cut, and without
        a dot the server has nothing (RFC 5321 §4.1.1.4).
        """
        server = self._server
        if server is not None and not self._in_text:
            with suppress(Exception), OVERTIME.within(5.0, self._socket):
                self._patient(5.0, server)
                server.docmd("quit")
        self._drop()


def open_lane(
    url: str,
    *,
    secret: Callable[[], str] = lambda: "",
    ca_file: str = "",
    helo: str = "",
    allow_plain: bool = False,
    patience: Patience | None = None,
) -> Lane:
    """The lane a URL names: ``smtp+starttls://USER@HOST:587``, ``smtps://…``, ``smtp://…``,
    ``maildir:PATH``. Raises DeliveryError for a URL that cannot be used safely.
    """
    if url.startswith("maildir:"):
        return MaildirLane(Path(url.removeprefix("maildir:")))
    parts = urlsplit(url)
    if parts.scheme not in SCHEMES or not parts.hostname:
        raise DeliveryError(
            f"delivery.url: found {parts.scheme or url!r}, wanted smtp+starttls://USER@HOST:587, "
            "smtps://USER@HOST, smtp://HOST or maildir:PATH"
        )
    security, port = SCHEMES[parts.scheme]
    user = unquote(parts.username or "")
    if security == "plain" and user and parts.hostname not in LOOPBACK and not allow_plain:
        raise DeliveryError(
            f"delivery.url: smtp:// to {parts.hostname} would send the password in clear; "
            "use smtp+starttls:// or smtps://"
        )
    return SmtpLane(
        SmtpSettings(
            host=parts.hostname,
            port=parts.port or port,
            security=security,
            user=user,
            secret=secret,
            ca_file=ca_file,
            helo=helo,
            patience=patience or Patience(),
        )
    )


def _has_spoken(server: smtplib.SMTP) -> bool:
    """Whether something is there to be read, words or the end of the connection."""
    link = server.sock
    if not isinstance(link, socket.socket):
        return False
    with selectors.DefaultSelector() as selector:
        selector.register(link, selectors.EVENT_READ)
        return bool(selector.select(0))


def _stuffed(raw: bytes) -> bytes:
    """Dot-stuffed (RFC 5321 §4.5.2) and ending in CRLF."""
    text = raw if raw.endswith(b"\r\n") else raw + b"\r\n"
    return re.sub(rb"(?m)^\.", b"..", text)


def _text(reply: bytes | str) -> str:
    return reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply


def _words(reply: bytes | str) -> str:
    text = _text(reply)
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:300]
