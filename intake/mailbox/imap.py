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
from intake.mailbox.box import Fetched, Filed, MailboxError, Opened, Settled, Waiting
from intake.mailbox.imap_client import Client
from intake.mailbox.imap_move import Mover
from intake.mailbox.imap_words import BUSY, one_line, retry_after
from intake.overtime import OVERTIME

WINDOW_UIDS = 50_000  # of one SEARCH, so that no answer is over a megabyte
LIST_UIDS = 500  # of one FETCH of sizes
FETCH_MAILS = 50  # of one FETCH of bodies
FETCH_BYTES = 8 * 2**20
CHUNK_BYTES = 2**20
SLOWEST_BYTES = 32 * 2**10  # a second; a slower server is as good as none
CLOSE_SECONDS = 3.0
STEP_SECONDS = 60.0  # for one step beyond the time that its bytes may take
LOOPBACK = ("localhost", "127.0.0.1", "::1")
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


ERRORS = (  # what the library and the network raise; SSL and IMAP errors are among them
    OSError, imaplib.IMAP4.error, CapabilityError, ValueError, KeyError, IndexError, TypeError,
    AttributeError, RecursionError, MemoryError,
)  # fmt: skip


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
        self._link: object = None  # the newest connection
        self._sizes: dict[int, int] = {}  # of the mails that were listed, as the server says

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
        client = Client(
            self._keep,
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

    def _keep(self, link: object) -> None:
        """The connection, before there is a client that knows it."""
        self._link = link

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
            busy = BUSY.search(str(error))
            raise MailboxError(
                "connect" if busy else "auth",
                f"{self._where()}: login refused: {one_line(error, secret)}",
                retry_after(str(error)),
            ) from None
        except (OSError, imaplib.IMAP4.error) as error:
            if without(str(error), secret) == str(error):
                raise
            text = f"{self._where()}: at login: {one_line(error, secret)}"
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
                        f"({one_line(error)}); make it, or set {key}_folder",
                    ) from error
            names[key] = full
        return Mover(client, self._inbox, names)

    def close(self) -> None:
        """Logs out if the server still listens; never raises."""
        client, self._client, self._mover = self._client, None, None
        if client is None:
            return
        with suppress(Exception), OVERTIME.within(CLOSE_SECONDS, client.socket):
            client.socket().settimeout(CLOSE_SECONDS)
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
            self._sizes = {}
            for start in range(0, len(uids), LIST_UIDS):
                rows = client.fetch(
                    uids[start : start + LIST_UIDS], ["RFC822.SIZE", "INTERNALDATE"]
                )
                for uid, row in rows.items():
                    if uid in row_filter(uids, start) and b"RFC822.SIZE" in row:
                        found.append(
                            Waiting(uid, row[b"RFC822.SIZE"], _utc(row.get(b"INTERNALDATE")))
                        )
        self._sizes = {one.uid: one.size for one in found}
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
            size = sum(self._sizes.get(uid, 0) for uid in part)
            with self._door("fetch", size) as client:
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

    def fetch_large(self, uid: int, write: Callable[[bytes], object]) -> bool | None:
        """BODY.PEEK[]<offset.length> megabyte by megabyte, until the end is certain.

        A mail that another client moves away meanwhile is cut short without an error, so it is
        asked for once more at the end.
        """
        at, size = 0, self._sizes.get(uid)
        while (chunk := self._chunk(uid, at)) is not None:
            write(chunk)
            at += len(chunk)
            if not chunk or (len(chunk) < CHUNK_BYTES and at == size):
                return self._is_there(uid)
        return None if self._is_there(uid) else False

    def _chunk(self, uid: int, at: int) -> bytes | None:
        with self._door("fetch", CHUNK_BYTES) as client:
            row = client.fetch([uid], [f"BODY.PEEK[]<{at}.{CHUNK_BYTES}>"]).get(uid, {})
        chunk = row.get(f"BODY[]<{at}>".encode())
        return chunk if isinstance(chunk, bytes) else None

    def _is_there(self, uid: int) -> bool:
        with self._door("fetch") as client:
            return b"RFC822.SIZE" in client.fetch([uid], ["RFC822.SIZE"]).get(uid, {})

    # ------------------------------------------------------------ settling and waiting

    def settle(self, folder: str, uids: Sequence[int]) -> list[Settled]:
        """Moves the mails by one command and verifies each; see ``imap_move``."""
        with self._door("move"):
            return self._folders().settle(folder, uids)

    def _folders(self) -> Mover:
        if self._mover is None:
            raise MailboxError("protocol", f"{self._where()}: not open")
        return self._mover

    def tops(self) -> dict[str, tuple[int, int]]:
        """By STATUS, which selects nothing."""
        with self._door("look"):
            return self._folders().tops()

    def filed(self, folder: str, from_uid: int, max_bytes: int) -> Iterator[Filed]:
        """Mail by mail; the mailbox itself is selected again at the end."""
        with self._door("list"):
            validity, rows = self._folders().listed(folder, from_uid)
        try:
            for uid, row in sorted(rows.items()):
                size, raw = int(row.get(b"RFC822.SIZE", 0)), b""
                if size <= max_bytes:
                    with self._door("fetch", size) as client:
                        answer = client.fetch([uid], ["BODY.PEEK[]"])
                    raw = answer.get(uid, {}).get(b"BODY[]") or b""
                yield Filed(uid, validity, _utc(row.get(b"INTERNALDATE")), size, raw)
        finally:
            if self._client is not None:
                with self._door("list"):
                    self._folders().back()

    def idle(self, seconds: float, stopped: Callable[[], bool]) -> bool:
        """IDLE in short cycles. True also for what came since the folder was opened."""
        with self._door("idle", seconds=seconds) as client:
            return imap_idle.wait(client, self._inbox, self._known, seconds, stopped)

    # ------------------------------------------------------------ the one door for errors

    @contextmanager
    def _door(self, doing: str, size: int = 0, seconds: float = 0.0) -> Iterator[IMAPClient]:
        """One step within its time; whatever the library or the network raises is translated.

        ``size`` are the bytes that come, ``seconds`` what the step waits for of its own will.
        """
        limit = STEP_SECONDS + self._settings.read_seconds + size / SLOWEST_BYTES + seconds
        with OVERTIME.within(limit, self._socket) as step:
            try:
                if self._client is None and doing != "open":
                    raise MailboxError("protocol", f"{self._where()}: not open")
                yield self._client
            except MailboxError:
                self._cut()
                raise
            except ERRORS as error:
                self._cut()
                if step.cut:
                    text = f"{self._where()}: {doing}: cut off, it took over {limit:.0f} s"
                    raise MailboxError("connect", text) from error
                raise self._translated(doing, error) from error

    def _socket(self) -> object:
        """What the step that is going on waits for."""
        return self._client.socket() if self._client is not None else self._link

    def _cut(self) -> None:
        """Lets go of the connection without a word; never raises."""
        client, self._client, self._mover = self._client, None, None
        if client is not None:
            with suppress(Exception):
                client.shutdown()

    def _translated(self, doing: str, error: Exception) -> MailboxError:
        """The one line and kind of an error."""
        if isinstance(error, ssl.SSLError):
            return MailboxError("tls", f"{self._where()}: TLS: {one_line(error)}")
        if isinstance(error, (OSError, imaplib.IMAP4.abort)):
            text = f"{self._where()}: connection lost or refused: {one_line(error)}"
            return MailboxError("connect", text, retry_after(str(error)))
        if isinstance(error, imaplib.IMAP4.error):
            kind = "folder" if doing == "open" else "protocol"
            text = f"{self._where()}: {doing}: {one_line(error)}"
            return MailboxError(kind, text, retry_after(str(error)))
        text = f"{self._where()}: {doing}: unreadable answer ({type(error).__name__})"
        return MailboxError("protocol", text)

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
