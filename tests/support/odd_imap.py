"""An IMAP server in memory whose oddities are chosen: everything that real servers were seen to do.

It keeps real folders, so that what a client does to them can be counted afterwards.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import RLock

from intake.adapters.mailbox.imap import ImapBox
from intake.adapters.mailbox.imap_settings import ImapSettings
from tests.support.fakes import _lines, listening

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)


@dataclass
class Lying:
    """A mail in a folder."""

    raw: bytes
    at: datetime | None = NOW
    flags: set[str] = field(default_factory=set)


@dataclass
class Folder:
    """One folder."""

    uidvalidity: int = 7
    uid_next: int = 1
    mails: dict[int, Lying] = field(default_factory=dict)

    def put(self, raw: bytes, at: datetime | None = NOW) -> int:
        """A mail arrives; its UID."""
        uid = self.uid_next
        self.mails[uid] = Lying(raw, at)
        self.uid_next += 1
        return uid


class End(Exception):
    """The server ends the connection."""


@dataclass
class Command:
    """One command as it came."""

    tag: str
    verb: str  # with "UID " in front when it was one
    rest: str
    uids: list[int] = field(default_factory=list)
    folder: Folder = field(default_factory=Folder)  # that is selected


Trick = Callable[["OddServer", Command], "str | bytes | None"]
Row = Callable[["OddServer", Command, int, dict[str, bytes]], "dict[str, bytes] | None"]
CAPABILITIES = "IMAP4rev1 UIDPLUS MOVE IDLE ID NAMESPACE"


@dataclass
class OddServer:
    """``trick`` answers a command in place of the server; ``row`` changes a row of FETCH."""

    trick: Trick = lambda server, command: None
    row: Row = lambda server, command, uid, row: row
    capabilities: str = CAPABILITIES
    prefix: str = ""
    inbox: str = "INBOX"
    folders: dict[str, Folder] = field(default_factory=dict)
    named: set[int] = field(default_factory=set)  # UIDs of the inbox that any SEARCH named
    commands: list[str] = field(default_factory=list)
    lock: RLock = field(default_factory=RLock)

    def __post_init__(self) -> None:
        self.folders.setdefault(self.inbox, Folder())

    @property
    def mails(self) -> dict[int, Lying]:
        """What lies in the inbox."""
        return self.folders[self.inbox].mails

    def put(self, raw: bytes, at: datetime | None = NOW) -> int:
        """A mail arrives in the inbox."""
        return self.folders[self.inbox].put(raw, at)

    def filed(self, name: str) -> list[bytes]:
        """The mails of a folder."""
        return [one.raw for one in self.folders.get(name, Folder()).mails.values()]

    # ------------------------------------------------------------ the dialogue

    def serve(self, link: socket.socket) -> None:
        """One connection."""
        selected = ""
        with suppress(OSError, End, StopIteration), link:
            link.sendall(f"* OK [CAPABILITY {self.capabilities}] odd\r\n".encode())
            lines = _lines(link)
            for line in lines:
                with self.lock:
                    command = self._parsed(line.decode("latin-1").strip(), selected)
                    self.commands.append(f"{command.verb} {command.rest}"[:200])
                    told = self.trick(self, command)
                    if command.verb in ("SELECT", "EXAMINE"):
                        selected = _name(command.rest)
                    if told is None:
                        told = self._usual(command, selected)
                link.sendall(told if isinstance(told, bytes) else told.encode("latin-1"))
                if command.verb == "IDLE":
                    next(lines)
                    link.sendall(f"{command.tag} OK done\r\n".encode())
                if command.verb == "LOGOUT":
                    return

    def _parsed(self, line: str, selected: str) -> Command:
        tag, _, rest = line.partition(" ")
        verb, _, rest = rest.partition(" ")
        verb = verb.upper()
        if verb != "UID":
            return Command(tag, verb, rest)
        word, _, rest = rest.partition(" ")
        command = Command(tag, f"UID {word.upper()}", rest, folder=self.folders[selected])
        if word.upper() in ("FETCH", "MOVE", "COPY", "STORE", "EXPUNGE"):
            command.uids = _among(rest.partition(" ")[0], command.folder.mails)
        return command

    def done(self, command: Command, *lines: str) -> str:
        """Untagged lines and OK."""
        told = "".join(f"* {one}\r\n" for one in lines)
        return f"{told}{command.tag} OK done\r\n"

    def _usual(self, command: Command, selected: str) -> str | bytes:
        verb, rest = command.verb, command.rest
        if verb.startswith("UID "):
            return self._of_uids(command, selected)
        if verb in ("SELECT", "EXAMINE"):
            return self._select(command)
        if verb == "IDLE":
            return "+ idling\r\n"
        if verb == "CREATE":
            self.folders.setdefault(_name(rest), Folder())
        return self.done(command, *self._told(verb, rest))

    def _told(self, verb: str, rest: str) -> list[str]:
        """What comes before OK."""
        name = _name(rest.split(" ", maxsplit=1)[0])
        if verb == "CAPABILITY":
            return [f"CAPABILITY {self.capabilities}"]
        if verb == "NAMESPACE":
            return [f'NAMESPACE (("{self.prefix}" ".")) NIL NIL']
        if verb == "LIST":
            wanted = _name(rest.rpartition(" ")[2])
            return [f'LIST () "." "{one}"' for one in self.folders if one == wanted]
        if verb == "STATUS":
            folder = self.folders[name]
            items = f"UIDNEXT {folder.uid_next} UIDVALIDITY {folder.uidvalidity}"
            return [f'STATUS "{name}" ({items})']
        return []

    def _select(self, command: Command) -> str:
        folder = self.folders.get(_name(command.rest))
        if folder is None:
            return f"{command.tag} NO [NONEXISTENT] no such folder\r\n"
        return self.done(
            command, f"{len(folder.mails)} EXISTS",
            f"OK [UIDVALIDITY {folder.uidvalidity}] v", f"OK [UIDNEXT {folder.uid_next}] n",
        )  # fmt: skip

    def _of_uids(self, command: Command, selected: str) -> str | bytes:
        word, rest, folder = command.verb[4:], command.rest, command.folder
        if word == "SEARCH":
            words = rest.split(" ")
            if words[0] != "UID" or len(words) != 2:  # what stands behind would be sequence numbers
                return f"{command.tag} BAD only SEARCH UID and one set\r\n"
            found = _among(words[1], folder.mails, star=True)
            if selected == self.inbox:
                self.named |= set(found)
            return self.done(command, "SEARCH " + " ".join(map(str, found)))
        if word == "FETCH":
            return self.fetched(command, command.uids)
        if word == "STORE":
            for uid in command.uids:
                folder.mails[uid].flags.add("\\Deleted")
            return self.done(command)
        if word == "EXPUNGE":
            for uid in command.uids:
                del folder.mails[uid]
            return self.done(command)
        return self.moved(command, command.uids, keep=word == "COPY")

    def fetched(self, command: Command, uids: list[int]) -> bytes:
        """The rows of those mails and OK."""
        return self.rows(command, uids) + f"{command.tag} OK done\r\n".encode()

    def rows(self, command: Command, uids: list[int]) -> bytes:
        """The rows alone."""
        out = b""
        for uid in uids:
            row = self.row(self, command, uid, self.items(command, uid))
            if row is not None:
                items = b" ".join(name.encode() + b" " + value for name, value in row.items())
                out += b"* %d FETCH (UID %d %s)\r\n" % (uid, uid, items)
        return out

    def items(self, command: Command, uid: int) -> dict[str, bytes]:
        """What was asked for of that mail."""
        lying = command.folder.mails.get(uid)
        if lying is None:
            return {}
        asked = re.findall(
            r"BODY\.PEEK\[\w*\](?:<\d+\.\d+>)?|[\w.]+", command.rest.partition(" ")[2]
        )
        found = {item: _item(item, lying) for item in asked}
        return {
            re.sub(r"\.PEEK|(?<=\d)\.\d+(?=>)", "", item): value
            for item, value in found.items()
            if value
        }

    def moved(self, command: Command, uids: list[int], *, keep: bool = False) -> str:
        """MOVE, or COPY when the mails are kept."""
        folder = command.folder
        target = self.folders[_name(command.rest.partition(" ")[2])]
        new = [target.put(folder.mails[uid].raw, folder.mails[uid].at) for uid in uids]
        lines = []
        if uids:
            sets = f"{','.join(map(str, uids))} {','.join(map(str, new))}"
            lines = [f"OK [COPYUID {target.uidvalidity} {sets}] moved"] * (not keep)
        if not keep:
            for uid in uids:
                del folder.mails[uid]
        return self.done(command, *lines)


def _item(item: str, lying: Lying) -> bytes:
    """The value of one item; empty when there is none."""
    head, _, text = lying.raw.partition(b"\r\n\r\n")
    plain = {
        "RFC822.SIZE": b"%d" % len(lying.raw),
        "INTERNALDATE": lying.at.strftime('"%d-%b-%Y %H:%M:%S +0000"').encode()
        if lying.at
        else b"",
        "FLAGS": b"(%s)" % " ".join(lying.flags).encode(),
        "BODY.PEEK[HEADER]": literal(head + b"\r\n\r\n"),
        "BODY.PEEK[TEXT]": literal(text),
        "BODY.PEEK[]": literal(lying.raw),
    }
    if item.startswith("BODY.PEEK[]<"):
        at, length = map(int, item[12:-1].split("."))
        return literal(lying.raw[at : at + length])
    return plain.get(item, b"")


def literal(raw: bytes) -> bytes:
    """As a server sends bytes."""
    return b"{%d}\r\n" % len(raw) + raw


def _name(word: str) -> str:
    return word.strip().strip('"')


def _among(text: str, mails: dict[int, Lying], *, star: bool = False) -> list[int]:
    """The UIDs of a set that are there; ``n:*`` names the last one in any case."""
    found: set[int] = set()
    last = max(mails, default=0)
    for part in text.split(","):
        low, _, high = part.partition(":")
        first = last if low == "*" else int(low)
        end = last if high == "*" else int(high or first)
        found |= set(range(min(first, end), max(first, end) + 1)) & set(mails)
        if star and "*" in part and last:
            found.add(last)
    return sorted(found)


@contextmanager
def odd(server: OddServer, **more: object) -> Iterator[ImapBox]:
    """A mailbox on that server."""
    with listening(server.serve) as port:
        values = {
            "name": "support", "host": "127.0.0.1", "port": port, "security": "plain",
            "user": "u", "secret": lambda: "p", "connect_seconds": 5, "read_seconds": 5,
        }  # fmt: skip
        box = ImapBox(ImapSettings(**(values | more)))  # type: ignore[arg-type]  # any values
        try:
            yield box
        finally:
            box.close()
