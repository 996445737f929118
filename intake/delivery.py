"""Letter -> Sent | Retry | Failed | InDoubt. The only keeper of smtplib; knows no database.

A lane takes one letter at a time in two steps: ``prepare`` goes as far as the last byte of the
text, ``finish`` sends the final dot. Between the two the caller writes down that the letter is
in doubt. After the dot, silence never means "not sent" (RFC 1047, RFC 5321 §4.5.3.2.6).
"""

from __future__ import annotations

import hashlib
import os
import re
import smtplib
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from intake.hidden import without

LOOPBACK = ("localhost", "127.0.0.1", "::1")
MAX_LINE_BYTES = 998
SCHEMES = {"smtps": ("tls", 465), "smtp+starttls": ("starttls", 587), "smtp": ("plain", 25)}


class DeliveryError(Exception):
    """The way out is configured in a way that cannot work; one line."""


@dataclass(frozen=True, slots=True)
class Sent:
    """The server took the letter."""

    reply: str


@dataclass(frozen=True, slots=True)
class Retry:
    """Not taken this time (4xx, no connection, …); trying again is right."""

    reply: str
    everybody: bool = False  # no letter would have got through now: not this recipient's fault


@dataclass(frozen=True, slots=True)
class Failed:
    """Refused for good (5xx)."""

    reply: str


@dataclass(frozen=True, slots=True)
class InDoubt:
    """The final dot was sent and no answer came: it may or may not have been delivered."""

    reply: str


Outcome = Sent | Retry | Failed | InDoubt


@dataclass(frozen=True, slots=True)
class Parcel:
    """What is handed over: one recipient and the bytes."""

    sender: str  # envelope sender (MAIL FROM)
    recipient: str
    raw: bytes


class Lane(Protocol):
    """One way out, used for one parcel at a time and reused between parcels."""

    def prepare(self, parcel: Parcel) -> Outcome | None:
        """Everything up to, but not including, the final dot; None when the dot may be sent."""

    def finish(self) -> Outcome:
        """Sends the final dot and waits for the answer."""

    def close(self) -> None:
        """Says QUIT if it can; never raises."""


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds per stage (RFC 5321 §4.5.3.2): giving up early manufactures doubles."""

    connect: float = 30.0
    command: float = 300.0
    data: float = 120.0
    block: float = 180.0
    dot: float = 600.0


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
    patience: Patience = Patience()


def outcome(code: int, reply: str, *, after_dot: bool) -> Outcome:
    """The one place where a reply code becomes an outcome (RFC 5321 §4.2.1)."""
    words = f"{code} {reply}".strip()
    if 200 <= code <= 299:
        return Sent(words)
    if 400 <= code <= 499:
        return Retry(words)  # greylisting, full queue, "try again later"
    if 500 <= code <= 599:
        return Failed(words)  # no such user, policy, too big
    return InDoubt(words) if after_dot else Retry(words)  # a cut line or garbage: nothing is known


class SmtpLane:
    """One SMTP connection, opened when the first letter comes and kept for the next ones."""

    def __init__(self, settings: SmtpSettings) -> None:
        self._settings = settings
        self._server: smtplib.SMTP | None = None

    def prepare(self, parcel: Parcel) -> Outcome | None:
        """Connects if needed, MAIL, RCPT, DATA and the text; None when only the dot is missing."""
        if unlawful(parcel.raw):
            return Failed(unlawful(parcel.raw))
        if self._server is not None:
            ready = self._begin(parcel)
            if ready is None or not isinstance(ready, Retry) or self._server is not None:
                return ready
        trouble = self._open()
        return trouble or self._begin(parcel)

    def try_out(self) -> Retry | None:
        """Connects, encrypts and logs in without sending anything; the trouble, if there is any."""
        return None if self._server is not None else self._open()

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
            server = smtplib.SMTP_SSL(
                one.host, one.port, helo, timeout=one.patience.connect, context=context
            )
        else:
            server = smtplib.SMTP(one.host, one.port, helo, timeout=one.patience.connect)
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
        server = self._server
        if server is None:
            return Retry("not connected")
        try:
            self._patient(self._settings.patience.dot, server)
            server.send(b".\r\n")
            code, reply = server.getreply()
        except (OSError, smtplib.SMTPException, ValueError) as error:
            self._drop()
            return InDoubt(f"no answer to the final dot: {error or type(error).__name__}")
        found = outcome(code, _words(reply), after_dot=True)
        if code == 421 or isinstance(found, InDoubt):
            self._drop()
        return found

    def _patient(self, seconds: float, server: smtplib.SMTP) -> None:
        if isinstance(server.sock, socket.socket):
            server.sock.settimeout(seconds)

    def _drop(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            with suppress(Exception):
                server.close()

    def close(self) -> None:
        """QUIT where it costs nothing; a failure after the letters are settled changes nothing."""
        server = self._server
        if server is not None:
            with suppress(Exception):
                self._patient(5.0, server)
                server.docmd("quit")
        self._drop()


class MaildirLane:
    """Letters as files of a Maildir; the same letter twice is one file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ready: tuple[Path, Path] | None = None

    def prepare(self, parcel: Parcel) -> Outcome | None:
        """The letter written and synced in tmp/, with the envelope on top as an MDA would."""
        if unlawful(parcel.raw):
            return Failed(unlawful(parcel.raw))
        raw = (
            f"Return-Path: <{parcel.sender}>\r\nDelivered-To: {parcel.recipient}\r\n".encode()
            + parcel.raw
        )
        name = f"{hashlib.sha256(raw).hexdigest()[:32]}.intake"
        try:
            for part in ("tmp", "new", "cur"):
                (self._path / part).mkdir(mode=0o700, parents=True, exist_ok=True)
            temporary = self._path / "tmp" / f"{name}.{os.getpid()}"
            with temporary.open("wb") as file:
                file.write(raw)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            return Retry(f"{error.filename or self._path}: {error.strerror}", True)
        self._ready = (temporary, self._path / "new" / name)
        return None

    def finish(self) -> Outcome:
        """Renamed into new/, folder synced."""
        if self._ready is None:
            return Retry("nothing was prepared")
        temporary, final = self._ready
        self._ready = None
        try:
            temporary.replace(final)
            folder = os.open(final.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            return InDoubt(f"{final}: {error.strerror}")
        return Sent(final.name)

    def close(self) -> None:
        """A letter that was prepared and not finished is taken away."""
        if self._ready is not None:
            self._ready[0].unlink(missing_ok=True)
            self._ready = None


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


def unlawful(raw: bytes) -> str:
    """What could smuggle a second mail or would be mangled on the way; empty when nothing."""
    if re.search(rb"\r(?!\n)|(?<!\r)\n", raw):
        return "the letter holds a bare CR or LF"
    if not raw.isascii() or max(map(len, raw.split(b"\r\n"))) > MAX_LINE_BYTES:
        return "the letter holds a byte outside ASCII or a line of over 998 bytes"
    return ""


def _stuffed(raw: bytes) -> bytes:
    """Dot-stuffed (RFC 5321 §4.5.2) and ending in CRLF."""
    text = raw if raw.endswith(b"\r\n") else raw + b"\r\n"
    return re.sub(rb"(?m)^\.", b"..", text)


def _text(reply: bytes | str) -> str:
    return reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply


def _words(reply: bytes | str) -> str:
    text = _text(reply)
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:300]
