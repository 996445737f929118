"""Sends a letter by SMTP: Sent | Retry | Failed | InDoubt. Only this module uses smtplib.

It does not use the database. A lane sends one letter at a time in two steps. ``prepare`` sends
everything up to the last byte of the text, ``finish`` sends the final dot. Between the two, the
caller records that the letter is in doubt. If no answer comes after the dot, the letter may still
have been delivered (RFC 1047, RFC 5321 §4.5.3.2.6).
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
    """The delivery settings cannot work; one line."""


@dataclass(frozen=True, slots=True)
class SmtpSettings:
    """The SMTP server and the login."""

    host: str
    port: int
    security: str  # "tls", "starttls", "plain"
    user: str = ""
    secret: Callable[[], str] = lambda: ""
    ca_file: str = ""
    helo: str = ""
    patience: Patience = field(default_factory=Patience)


class _Server(smtplib.SMTP):
    """Passes on its connection before the greeting is read, so that it can be cut."""

    def __init__(self, keep: Callable[[object], None], *args: Any, **more: Any) -> None:
        self._keep = keep
        super().__init__(*args, **more)

    def _get_socket(self, *args: Any) -> Any:
        link = super()._get_socket(*args)  # type: ignore[misc]  # not in the typed interface
        self._keep(link)
        return link


class _TlsServer(_Server, smtplib.SMTP_SSL):
    """The same with TLS from the first byte."""


class SmtpLane:
    """One SMTP connection, opened for the first letter and reused for the next ones."""

    def __init__(self, settings: SmtpSettings) -> None:
        self._settings = settings
        self._server: smtplib.SMTP | None = None
        self._in_text = False  # a text was sent, but its dot was not
        self._dotted = False  # the dot was sent, but its answer was not read
        self._link: object = None  # the newest connection

    def prepare(self, parcel: Parcel) -> Outcome | None:
        """Connects if needed, sends MAIL, RCPT, DATA, text; None if only the dot is missing."""
        if unlawful(parcel.raw):
            return Failed(unlawful(parcel.raw))
        with OVERTIME.within(self._settings.patience.letter, self._socket):
            return self._prepared(parcel)

    def _prepared(self, parcel: Parcel) -> Outcome | None:
        if self._in_text or self._dotted:
            self._drop()
        if self._server is not None:
            ready = self._begin(parcel)
            if ready is None or not isinstance(ready, Retry) or self._server is not None:
                return ready
        trouble = self._open()
        return trouble or self._begin(parcel)

    def try_out(self) -> Retry | None:
        """Connects, encrypts and logs in without sending a letter; returns the problem, if any."""
        with OVERTIME.within(self._settings.patience.letter, self._socket):
            return None if self._server is not None else self._open()

    def _socket(self) -> object:
        """The socket that the current step waits for."""
        return self._server.sock if self._server is not None else self._link

    def _keep(self, link: object) -> None:
        """Stores the connection before the server has greeted."""
        self._link = link

    def _open(self) -> Retry | None:
        """Connects; a failure here is never the letter's fault, so every failure is a Retry."""
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
        context = None
        if one.security != "plain":
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
            if isinstance(server.sock, socket.socket):  # otherwise the dot waits 40 ms for an ACK
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
        """Logs in; the error of a refusal never contains our secret."""
        secret = self._settings.secret()
        try:
            server.login(self._settings.user, secret)
        except smtplib.SMTPResponseException as error:
            words = without(_text(error.smtp_error), secret)
            raise smtplib.SMTPAuthenticationError(error.smtp_code, words) from None

    def _begin(self, parcel: Parcel) -> Outcome | None:
        """The dialogue up to the dot. After any error in it the server has accepted nothing."""
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
        at_once = iter(self._at_once(server, parcel, size))
        steps: tuple[tuple[Callable[[], tuple[int, bytes]], int], ...] = (
            (lambda: next(at_once, None) or server.mail(parcel.sender, size), 250),
            (lambda: next(at_once, None) or server.rcpt(parcel.recipient), 250),
            (lambda: next(at_once, None) or self._data(server), 354),
        )
        for number, (step, wanted) in enumerate(steps):
            code, reply = step()
            if code == wanted or (wanted == 250 and code == 251):
                continue
            waits_for_text = any(later[0] == 354 for later in at_once)
            if code == 421 or not 400 <= code <= 599 or waits_for_text:
                self._drop()
            else:
                server.rset()
            found = outcome(code, _words(reply), after_dot=False)
            if isinstance(found, Sent):
                return Retry(found.reply)
            # a refusal of MAIL FROM, before any recipient was named, applies to every letter
            return Retry(found.reply, number == 0) if isinstance(found, Retry) else found
        return None

    def _at_once(
        self, server: smtplib.SMTP, parcel: Parcel, size: list[str]
    ) -> list[tuple[int, bytes]]:
        """The replies to MAIL, RCPT and DATA, sent together if the server allows it (RFC 2920).

        The list ends with the first reply that ends the connection; it is empty without PIPELINING.
        """
        if not server.has_extn("pipelining"):
            return []
        sender, recipient = map(smtplib.quoteaddr, (parcel.sender, parcel.recipient))
        lines = (" ".join((f"MAIL FROM:{sender}", *size)), f"RCPT TO:{recipient}", "DATA")
        if any(set("\r\n\0") & set(line) for line in lines):
            return []  # smtplib refuses it
        server.send("".join(f"{line}\r\n" for line in lines).encode("ascii"))
        replies: list[tuple[int, bytes]] = []
        for _ in lines:
            replies.append(server.getreply())
            if replies[-1][0] == 421:
                break
        return replies

    def _data(self, server: smtplib.SMTP) -> tuple[int, bytes]:
        self._patient(self._settings.patience.data, server)
        return server.docmd("data")

    def dot(self) -> None:
        """Sends the dot, unless the server has spoken; ``finish`` reports any failure."""
        server = self._server
        if server is None or not self._in_text or _has_spoken(server):
            return
        self._dotted, self._in_text = True, False
        limit = self._settings.patience.block
        failures = suppress(OSError, smtplib.SMTPException, ValueError)
        with failures, OVERTIME.within(limit, self._socket):
            self._patient(limit, server)
            server.send(b".\r\n")

    def finish(self) -> Outcome:
        """Sends the dot, unless it was sent, and waits up to ten minutes for the answer."""
        with OVERTIME.within(self._settings.patience.dot, self._socket):
            return self._finished()

    def _finished(self) -> Outcome:
        server = self._server
        if server is None:
            return Retry("not connected")
        if not self._dotted and _has_spoken(server):
            return self._cut_off(server)
        try:
            self._patient(self._settings.patience.dot, server)
            if not self._dotted:
                server.send(b".\r\n")
            code, reply = server.getreply()
            self._in_text = self._dotted = False
        except (OSError, smtplib.SMTPException, ValueError) as error:
            self._drop()
            return InDoubt(f"no answer to the final dot: {error or type(error).__name__}")
        found = outcome(code, _words(reply), after_dot=True)
        if code == 421 or isinstance(found, InDoubt):
            self._drop()
        return found

    def _cut_off(self, server: smtplib.SMTP) -> Outcome:
        """The outcome if the server replies before the dot; it has then accepted nothing."""
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
        server, self._server = self._server, None
        self._in_text = self._dotted = False
        if server is not None:
            with suppress(Exception):
                server.close()

    def close(self) -> None:
        """Sends QUIT if possible; a failure changes nothing, as the letters are already settled.

        In the middle of a text QUIT would be one more line of it. Then the connection is cut, and
        without a dot the server has accepted nothing (RFC 5321 §4.1.1.4).
        """
        server = self._server
        if server is not None and not (self._in_text or self._dotted):
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
    """The lane for a URL. Raises DeliveryError for a URL that cannot be used safely.

    ``smtp+starttls://USER@HOST:587``, ``smtps://…``, ``smtp://…`` or ``maildir:PATH``.
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
    """Whether the server has sent data or closed the connection."""
    link = server.sock
    if not isinstance(link, socket.socket):
        return False
    with selectors.DefaultSelector() as selector:
        selector.register(link, selectors.EVENT_READ)
        return bool(selector.select(0))


def _stuffed(raw: bytes) -> bytes:
    """The text dot-stuffed (RFC 5321 §4.5.2) and ending in CRLF."""
    text = raw if raw.endswith(b"\r\n") else raw + b"\r\n"
    return re.sub(rb"(?m)^\.", b"..", text)


def _text(reply: bytes | str) -> str:
    return reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply


def _words(reply: bytes | str) -> str:
    text = _text(reply)
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:300]
