"""An IMAP folder as a mailbox (RFC 9051, 6851, 4315, 2177). The only keeper of imapclient.

UID commands only, BODY.PEEK[] only, no CLOSE and no plain EXPUNGE. Whatever the library or the
network raises becomes one MailboxError, after which the connection is thrown away.
"""

from __future__ import annotations

import imaplib
import re
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from imapclient import IMAPClient, SocketTimeout
from imapclient.exceptions import CapabilityError, IMAPClientError, LoginError

from intake.hidden import without
from intake.mailbox import imap_idle
from intake.mailbox.box import Fetched, MailboxError, Opened, Settled, Waiting
from intake.mailbox.imap_move import Mover

WINDOW_UIDS = 50_000  # of one SEARCH, so that no answer is over a megabyte
LIST_UIDS = 500  # of one FETCH of sizes
FETCH_MAILS = 50  # of one FETCH of bodies
FETCH_BYTES = 8 * 2**20
CHUNK_BYTES = 2**20
LOOPBACK = ("localhost", "127.0.0.1", "::1")
_BACKOFF = re.compile(r"Suggested Backoff Time: (\d+)")
_BUSY = re.compile(r"too many simultaneous|\[INUSE\]|\[UNAVAILABLE\]|\[LIMIT\]|throttled", re.I)
_SOCKET = re.compile(r"socket error|\bEOF\b|timed out|connection (?:lost|reset|closed)", re.I)


@dataclass(frozen=True, slots=True)
class ImapSettings:
    """Where the folder is and how to get in."""

    name: str
    host: str
    port: int
    security: str  # "tls", "starttls", "plain"
    user: str
    secret: Callable[[], str]  # password, or access token for XOAUTH2; asked at each login
    auth: str = "password"  # or "xoauth2"
    folder: str = "INBOX"
    processed_folder: str = "Processed"
    held_folder: str = "Held"
    ca_file: str = ""
    allow_plain: bool = False
    connect_seconds: float = 15.0
    read_seconds: float = 60.0


class ImapBox:
    """One folder over one connection that is kept between passes."""

    def __init__(self, settings: ImapSettings) -> None:
        plain = settings.security == "plain"
        if plain and settings.host not in LOOPBACK and not settings.allow_plain:
            raise MailboxError(
                "config",
                f"mailbox {settings.name}: imap:// to {settings.host} would send the password in "
                "clear; use imaps:// or imap+starttls://, or set allow_plain",
            )
        self.name = settings.name
        self._settings = settings
        self._client: IMAPClient | None = None
        self._mover: Mover | None = None
        self._known = 0  # UIDNEXT before the folder was last listed
        self._inbox = _safe(settings.folder)

    # ------------------------------------------------------------ opening and closing

    def open(self) -> Opened:
        """Logs in if needed, selects the folder anew, and makes the two target folders once."""
        with self._door("open"):
            if self._client is None:
                self._client = self._connect()
                self._mover = None
            self._known = imap_idle.uid_next(self._client, self._inbox)
            answer = self._client.select_folder(self._inbox)
            if self._mover is None:
                self._mover = self._make_mover(self._client)
                answer = self._client.select_folder(self._inbox)
            return Opened(int(answer[b"UIDVALIDITY"]), int(answer.get(b"UIDNEXT", 0)))

    def _connect(self) -> IMAPClient:
        one = self._settings
        timeout = SocketTimeout(connect=one.connect_seconds, read=one.read_seconds)
        context = ssl.create_default_context(cafile=one.ca_file or None)
        client = IMAPClient(
            one.host,
            port=one.port,
            ssl=one.security == "tls",
            ssl_context=context if one.security == "tls" else None,
            timeout=timeout,
        )
        client._imap.debug = 0  # at its default imaplib formats every body it reads
        client.normalise_times = False
        try:
            if one.security == "starttls":
                self._starttls(client, context)
            self._login(client)
        except BaseException:
            with suppress(Exception):
                client.shutdown()
            raise
        return client

    def _starttls(self, client: IMAPClient, context: ssl.SSLContext) -> None:
        """No login is ever sent over a connection whose encryption was refused or stripped."""
        if not client.has_capability("STARTTLS"):
            raise MailboxError("tls", f"{self._where()}: the server does not offer STARTTLS")
        client.starttls(context)

    def _login(self, client: IMAPClient) -> None:
        """Logs in; what the server says of it is told without what we said to it."""
        secret = self._settings.secret()
        try:
            self._authenticate(client, secret)
        except LoginError as error:
            if _SOCKET.search(str(error)):
                raise MailboxError("connect", f"{self._where()}: cut off at login") from None
            if self._settings.auth == "xoauth2":
                with suppress(LoginError):  # a token may have run out a moment ago
                    return self._authenticate(client, self._settings.secret())
            busy = _BUSY.search(str(error))
            raise MailboxError(
                "connect" if busy else "auth",
                f"{self._where()}: login refused: {_one_line(error, secret)}",
                _retry_after(str(error)),
            ) from None
        except (OSError, imaplib.IMAP4.error) as error:
            if without(str(error), secret) == str(error):
                raise
            text = f"{self._where()}: at login: {_one_line(error, secret)}"
            raise MailboxError("connect", text) from None

    def _authenticate(self, client: IMAPClient, secret: str) -> None:
        if self._settings.auth == "xoauth2":
            client.oauth2_login(self._settings.user, secret)
        elif secret.isascii() and self._settings.user.isascii():
            client.login(self._settings.user, secret)
        else:
            client.plain_login(self._settings.user, secret)

    def _make_mover(self, client: IMAPClient) -> Mover:
        """Finds or makes the folders that settled mail goes to, below the personal prefix."""
        prefix, delimiter = "", "/"
        if client.has_capability("NAMESPACE"):
            personal = client.namespace().personal
            if personal:
                prefix, delimiter = personal[0][0], personal[0][1] or "/"
        names = {}
        for key, name in (
            ("processed", self._settings.processed_folder),
            ("held", self._settings.held_folder),
        ):
            full = _safe(prefix + name.replace("/", delimiter))
            if not client.folder_exists(full):
                try:
                    client.create_folder(full)
                    client.subscribe_folder(full)
                except IMAPClientError as error:
                    raise MailboxError(
                        "folder",
                        f"{self._where()}: folder {full!r} is missing and cannot be made "
                        f"({_one_line(error)}); make it, or set {key}_folder",
                    ) from error
            names[key] = full
        return Mover(client, self._inbox, names)

    def close(self) -> None:
        """Logs out if the server still listens; never raises."""
        client, self._client, self._mover = self._client, None, None
        if client is None:
            return
        with suppress(Exception):
            client.socket().settimeout(3)
            client.logout()
            return
        with suppress(Exception):
            client.shutdown()

    # ------------------------------------------------------------ listing and fetching

    def waiting(self, from_uid: int) -> list[Waiting]:
        """UID SEARCH in windows, then sizes and dates; what is below ``from_uid`` is left out."""
        with self._door("list") as client:
            uids = sorted(self._search(client, max(1, from_uid)))
            found: list[Waiting] = []
            for start in range(0, len(uids), LIST_UIDS):
                rows = client.fetch(
                    uids[start : start + LIST_UIDS], ["RFC822.SIZE", "INTERNALDATE"]
                )
                for uid, row in rows.items():
                    if uid in row_filter(uids, start) and b"RFC822.SIZE" in row:
                        found.append(
                            Waiting(uid, row[b"RFC822.SIZE"], _utc(row.get(b"INTERNALDATE")))
                        )
        return sorted(found, key=lambda one: one.uid)

    def _search(self, client: IMAPClient, first: int) -> set[int]:
        """``n:*`` names the last mail even when its UID is below n (RFC 9051 §6.4.8)."""
        status = client.folder_status(self._inbox, ["UIDNEXT"])
        top = int(status.get(b"UIDNEXT", 0))
        if not top or top - first <= WINDOW_UIDS:
            return {uid for uid in client.search(["UID", f"{first}:*"]) if uid >= first}
        found: set[int] = set()
        for low in range(first, top + 1, WINDOW_UIDS):
            high = min(low + WINDOW_UIDS - 1, top)
            found.update(client.search(["UID", f"{low}:{high}"]))
        return {uid for uid in found if uid >= first}

    def fetch(self, uids: Sequence[int]) -> Iterator[Fetched]:
        """BODY.PEEK[] of some mails at a time; a missing or NIL body is a mail that vanished."""
        for start in range(0, len(uids), FETCH_MAILS):
            part = list(uids[start : start + FETCH_MAILS])
            with self._door("fetch") as client:
                rows = client.fetch(part, ["RFC822.SIZE", "BODY.PEEK[]"])
                bodies = {uid: self._whole(client, uid, rows.get(uid, {})) for uid in part}
            for uid in part:
                yield Fetched(uid, bodies[uid])

    def _whole(self, client: IMAPClient, uid: int, row: dict[bytes, Any]) -> bytes | None:
        """A body shorter or longer than the server's own size is fetched once more."""
        raw = row.get(b"BODY[]")
        if not isinstance(raw, bytes):
            return None
        if len(raw) != row.get(b"RFC822.SIZE", len(raw)):
            again = client.fetch([uid], ["BODY.PEEK[]"]).get(uid, {}).get(b"BODY[]")
            return again if isinstance(again, bytes) else None
        return raw

    def fetch_large(self, uid: int, write: Callable[[bytes], object]) -> bool:
        """BODY.PEEK[]<offset.length> megabyte by megabyte."""
        at = 0
        while True:
            with self._door("fetch") as client:
                row = client.fetch([uid], [f"BODY.PEEK[]<{at}.{CHUNK_BYTES}>"]).get(uid, {})
            chunk = row.get(f"BODY[]<{at}>".encode())
            if not isinstance(chunk, bytes):
                return at > 0
            write(chunk)
            at += len(chunk)
            if len(chunk) < CHUNK_BYTES:
                return True

    # ------------------------------------------------------------ settling and waiting

    def settle(self, folder: str, uids: Sequence[int]) -> list[Settled]:
        """Moves the mails by one command and verifies each; see ``imap_move``."""
        with self._door("move"):
            if self._mover is None:
                raise MailboxError("protocol", f"{self._where()}: not open")
            return self._mover.settle(folder, uids)

    def idle(self, seconds: float, stopped: Callable[[], bool]) -> bool:
        """IDLE in short cycles. True also for what came since the folder was opened."""
        with self._door("idle") as client:
            return imap_idle.wait(client, self._inbox, self._known, seconds, stopped)

    # ------------------------------------------------------------ the one door for errors

    @contextmanager
    def _door(self, doing: str) -> Iterator[IMAPClient]:
        """Translates whatever the library or the network raises."""
        try:
            if self._client is None and doing != "open":
                raise MailboxError("protocol", f"{self._where()}: not open")
            yield self._client
        except MailboxError:
            self.close()
            raise
        except ssl.SSLError as error:
            self.close()
            raise MailboxError("tls", f"{self._where()}: TLS: {_one_line(error)}") from error
        except (OSError, imaplib.IMAP4.abort) as error:
            self.close()
            text = f"{self._where()}: connection lost or refused: {_one_line(error)}"
            raise MailboxError("connect", text, _retry_after(str(error))) from error
        except (IMAPClientError, CapabilityError, imaplib.IMAP4.error) as error:
            self.close()
            kind = "folder" if doing == "open" else "protocol"
            text = f"{self._where()}: {doing}: {_one_line(error)}"
            raise MailboxError(kind, text, _retry_after(str(error))) from error
        except (ValueError, KeyError, IndexError, TypeError, RecursionError, MemoryError) as error:
            self.close()
            text = f"{self._where()}: {doing}: unreadable answer ({type(error).__name__})"
            raise MailboxError("protocol", text) from error

    def _where(self) -> str:
        one = self._settings
        return f"{one.user}@{one.host}:{one.port}/{one.folder}"


def row_filter(uids: Sequence[int], start: int) -> set[int]:
    """The UIDs of one listing command: an unasked-for row is no mail of the list."""
    return set(uids[start : start + LIST_UIDS])


def _safe(text: str) -> str:
    """Text that goes into a command: never with a line end or NUL in it."""
    if any(char in text for char in "\r\n\x00"):
        raise MailboxError("config", f"{text!r} holds a control character")
    return text


def _utc(value: Any) -> datetime:
    """INTERNALDATE, aware; a server that sends none means now as far as we can tell."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC)
    return datetime.now(UTC)


def _one_line(error: BaseException, secret: str = "") -> str:
    text = without(str(error), secret)
    if text.startswith(("b'", 'b"')):
        text = text[2:-1]
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:300]


def _retry_after(text: str) -> float:
    """What a throttling server asks for, in seconds."""
    match = _BACKOFF.search(text)
    if match:
        return int(match[1]) / 1000
    return 300.0 if _BUSY.search(text) else 0.0
