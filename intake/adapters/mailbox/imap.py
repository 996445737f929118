"""An IMAP folder as a mailbox (RFC 9051, 6851, 4315, 2177).

In the service, only this package uses imapclient. It uses only UID commands and BODY.PEEK[], no
CLOSE and no plain EXPUNGE. Every error of the library or the network becomes a MailboxError, and
the connection is then closed.
"""

from __future__ import annotations

import imaplib
import re
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import structlog
from imapclient import IMAPClient, SocketTimeout
from imapclient.exceptions import CapabilityError, IMAPClientError, LoginError

from intake.adapters.mailbox import imap_fetch, imap_folders, imap_idle
from intake.adapters.mailbox.imap_client import Client
from intake.adapters.mailbox.imap_errors import BUSY, one_line, retry_after
from intake.adapters.mailbox.imap_fetch import CHUNK_BYTES
from intake.adapters.mailbox.imap_fetcher import Fetcher
from intake.adapters.mailbox.imap_move import Mover
from intake.adapters.mailbox.imap_settings import ImapSettings
from intake.adapters.mailbox.protocol import Fetched, Filed, MailboxError, Opened, Settled, Waiting
from intake.adapters.redaction import without
from intake.adapters.time_limits import OVERTIME
from intake.model.fault_points import reached

WINDOW_UIDS = 50_000  # in one SEARCH, so that no answer exceeds a megabyte
SEARCHED_UIDS = 100  # named in one SEARCH
FETCH_MAILS = 50  # in one FETCH of bodies
FETCH_BYTES = 4 * 2**20  # the same; the answer is in memory two or three times
SLOWEST_BYTES = 32 * 2**10  # per second; a slower server counts as unreachable
CLOSE_SECONDS = 3.0
STEP_SECONDS = 60.0  # for one step, in addition to the time for its bytes
log = structlog.get_logger("intake.mailbox")
LOOPBACK = ("localhost", "127.0.0.1", "::1")
_SOCKET = re.compile(r"socket error|\bEOF\b|timed out|connection (?:lost|reset|closed)", re.I)


ERRORS = (  # raised by the library and the network; SSL and IMAP errors are among them
    OSError, imaplib.IMAP4.error, CapabilityError, ValueError, KeyError, IndexError, TypeError,
    AttributeError, RecursionError, MemoryError,
)  # fmt: skip


class ImapBox:
    """One folder over one connection, which is kept between passes."""

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
        self._inbox = imap_folders.safe(settings.folder)
        self._uidvalidity = 0
        self._exists = 0  # mails in the folder when it was selected
        self._link: object = None  # the newest connection
        self._sizes: dict[int, int] = {}  # sizes of the listed mails, according to the server
        self._deadly: set[int] = set()  # mails at which the connection ended

    # ------------------------------------------------------------ opening and closing

    def open(self) -> Opened:
        """Logs in if needed, selects the folder again, and creates the two target folders once."""
        with self._door("open"):
            if self._client is None:
                self._client = self._connect()
                self._mover = None
            if self._mover is None:
                self._inbox, self._mover = imap_folders.found(self._client, self._settings)
            self._known = imap_idle.uid_next(self._client, self._inbox)
            answer = self._client.select_folder(self._inbox)
            if b"UIDVALIDITY" not in answer:
                text = f"{self._where()}: the server gives the folder no UIDVALIDITY"
                raise MailboxError("protocol", text)
            self._uidvalidity = int(answer[b"UIDVALIDITY"])
            self._exists = int(answer.get(b"EXISTS", 0))
            leave = any(map(self._client.has_capability, ("MOVE", "UIDPLUS")))
            exists = self._exists if leave else 0  # elsewhere handled mails stay, marked
            return Opened(self._uidvalidity, self._uid_next(self._client, answer), exists)

    def _uid_next(self, client: IMAPClient, answer: Mapping[bytes, Any]) -> int:
        """UIDNEXT from the server; one more than the newest UID if it does not report that."""
        told = int(answer.get(b"UIDNEXT", 0)) or imap_idle.next_of(client, self._inbox)
        return told or max(client.search(["UID", "*"]), default=0) + 1

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
        client._imap.debug = 0  # by default imaplib formats every body that it reads
        client.normalise_times = False
        try:
            if one.security == "starttls":
                self._starttls(client, context)
            self._login(client)
        except BaseException:
            with suppress(Exception):
                client.shutdown()
            raise
        reached("K01")
        return client

    def _keep(self, link: object) -> None:
        """Stores the connection before the client object knows it."""
        self._link = link

    def _starttls(self, client: IMAPClient, context: ssl.SSLContext) -> None:
        """Starts TLS; without it no login is sent, so a stripped STARTTLS exposes no password."""
        if not client.has_capability("STARTTLS"):
            raise MailboxError("tls", f"{self._where()}: the server does not offer STARTTLS")
        client.starttls(context)

    def _login(self, client: IMAPClient) -> None:
        """Logs in; error messages contain the server's reply but never our secret."""
        secret = self._settings.secret()
        try:
            self._authenticate(client, secret)
            self._introduce(client)
        except LoginError as error:
            if _SOCKET.search(str(error)):
                raise MailboxError("connect", f"{self._where()}: cut off at login") from None
            if self._settings.auth == "xoauth2":
                with suppress(LoginError):  # the token may have just expired
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

    def _introduce(self, client: IMAPClient) -> None:
        """Sends ID (RFC 2971): some servers show no folders to a client that sent none."""
        if client.has_capability("ID"):
            try:
                client.id_({"name": "intake"})
            except imaplib.IMAP4.abort:
                raise
            except IMAPClientError as error:
                log.info("id-refused", mailbox=self.name, why=one_line(error))

    def _authenticate(self, client: IMAPClient, secret: str) -> None:
        if self._settings.auth == "xoauth2":
            client.oauth2_login(self._settings.user, secret)
        elif secret.isascii() and self._settings.user.isascii():
            client.login(self._settings.user, secret)
        else:
            client.plain_login(self._settings.user, secret)

    def close(self) -> None:
        """Logs out if the server still responds; never raises."""
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
        """UID SEARCH in windows, then sizes and dates; UIDs below ``from_uid`` are left out.

        Every mail that the search names is in the list, whatever else the server reports about it.
        """
        now = datetime.now(UTC)
        with self._door("list") as client:
            found = imap_fetch.listed(client, sorted(self._search(client, max(1, from_uid))), now)
        self._sizes = {one.uid: one.size for one in found}
        return found

    def _search(self, client: IMAPClient, first: int) -> set[int]:
        """The UIDs from ``first`` on; ``n:*`` also names a last mail below n (RFC 9051 §6.4.8)."""
        top = imap_idle.next_of(client, self._inbox)
        if not top or top - first <= WINDOW_UIDS:
            return {uid for uid in client.search(["UID", f"{first}:*"]) if uid >= first}
        found: set[int] = set()
        for low in range(first, top + 1, WINDOW_UIDS):
            high = min(low + WINDOW_UIDS - 1, top)
            found.update(client.search(["UID", f"{low}:{high}"]))
        return {uid for uid in found if uid >= first}

    def present(self, uids: Sequence[int]) -> set[int]:
        """The mails that a search names now."""
        with self._door("list") as client:
            found: set[int] = set()
            for start in range(0, len(uids), SEARCHED_UIDS):
                part = ",".join(map(str, uids[start : start + SEARCHED_UIDS]))
                found.update(client.search(["UID", part]))
            return found & set(uids)

    def fetch(self, uids: Sequence[int]) -> Iterator[Fetched]:
        """Fetches some mails at a time; one that the server does not deliver is requested alone."""
        fetcher = Fetcher(self._door, self.open, self._uidvalidity, self._sizes, self._deadly)
        for part in self._portions(uids):
            yield from fetcher.fetch(part)

    def _portions(self, uids: Sequence[int]) -> Iterator[list[int]]:
        part: list[int] = []
        size = 0
        for uid in uids:
            size += self._sizes.get(uid, 0)
            if part and (len(part) == FETCH_MAILS or size > FETCH_BYTES):
                yield part
                part, size = [], self._sizes.get(uid, 0)
            part.append(uid)
        if part:
            yield part

    def fetch_large(self, uid: int, write: Callable[[bytes], object]) -> bool:
        """Fetches a mail in pieces until its end is certain.

        If another client moves the mail meanwhile, the server cuts it short without an error. So
        its presence is checked at the end.
        """
        validity = self._uidvalidity
        try:
            return self._in_pieces(uid, write)
        except MailboxError as lost:  # perhaps caused by this mail; the others are still fetched
            if lost.retry_after_seconds or self.open().uidvalidity != validity:
                raise
            return False

    def _in_pieces(self, uid: int, write: Callable[[bytes], object]) -> bool:
        at, size = 0, self._sizes.get(uid)
        while (chunk := self._chunk(uid, at)) is not None:
            write(chunk)
            at += len(chunk)
            if not chunk or (len(chunk) < CHUNK_BYTES and at == size):
                return at > 0 and uid in self.present([uid])
        return False

    def _chunk(self, uid: int, at: int) -> bytes | None:
        with self._door("fetch", CHUNK_BYTES) as client:
            return imap_fetch.piece(client, uid, at)

    # ------------------------------------------------------------ moving and waiting

    def settle(self, folder: str, uids: Sequence[int], *, again: bool = False) -> list[Settled]:
        """Moves the mails with one command and verifies each; see ``imap_move``."""
        with self._door("move"):
            return self._folders().settle(folder, uids, again=again)

    def _folders(self) -> Mover:
        if self._mover is None:
            raise MailboxError("protocol", f"{self._where()}: not open")
        return self._mover

    def tops(self) -> dict[str, tuple[int, int]]:
        """Uses STATUS, which does not change the selected folder."""
        with self._door("look"):
            return self._folders().tops()

    def filed(self, folder: str, from_uid: int, max_bytes: int) -> Iterator[Filed]:
        """Fetches one mail at a time; selects the mailbox folder again at the end."""
        with self._door("list"):
            validity, rows = self._folders().listed(folder, from_uid)
        try:
            for uid, row in sorted(rows.items()):
                size, raw = int(row.get(b"RFC822.SIZE", 0)), b""
                if size <= max_bytes:
                    with self._door("fetch", size) as client:
                        answer = client.fetch([uid], ["BODY.PEEK[]"])
                    raw = answer.get(uid, {}).get(b"BODY[]") or b""
                yield Filed(
                    uid,
                    validity,
                    imap_fetch.utc(row.get(b"INTERNALDATE")) or datetime.now(UTC),
                    size,
                    raw,
                )
        finally:
            if self._client is not None:
                with self._door("list"):
                    self._folders().back()

    def idle(self, seconds: float, stopped: Callable[[], bool]) -> bool:
        """IDLE in short cycles. True also for mails that arrived since the folder was opened."""
        with self._door("idle", seconds=seconds) as client:
            known = imap_idle.Known(self._known, self._exists)
            return imap_idle.wait(client, self._inbox, known, seconds, stopped)

    # ------------------------------------------------------------ error handling

    @contextmanager
    def _door(self, doing: str, size: int = 0, seconds: float = 0.0) -> Iterator[IMAPClient]:
        """Runs one step within its time limit and translates the errors of library and network.

        ``size``: the bytes expected; ``seconds``: the time that the step waits intentionally.
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
        """The socket that the current step waits for."""
        return self._client.socket() if self._client is not None else self._link

    def _cut(self) -> None:
        """Closes the connection without logging out; never raises."""
        client, self._client, self._mover = self._client, None, None
        if client is not None:
            with suppress(Exception):
                client.shutdown()

    def _translated(self, doing: str, error: Exception) -> MailboxError:
        """Converts an error to its kind and one line."""
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
