"""Moving mail between IMAP folders so that it is never lost and never copied twice.

With MOVE (RFC 6851): one UID MOVE, and COPYUID (RFC 4315) proves which mails went; the source is
asked about the others. Without MOVE: what an interrupted attempt has copied already is found by
size, date and then bytes; the rest is copied, everything is marked \\Deleted and removed by UID
EXPUNGE. Without UIDPLUS it stays there marked: a plain EXPUNGE would remove what others marked.
"""

from __future__ import annotations

import imaplib
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from imapclient.exceptions import IMAPClientError

from intake.adapters.mailbox import imap_idle
from intake.adapters.mailbox.imap_errors import one_line, retry_after
from intake.adapters.mailbox.protocol import Settled

CHUNK_UIDS = 500
RECENT_UIDS = 1000  # how far back in the target an earlier copy is looked for


class Mover:
    """The two target folders of one connection, whose source folder is selected."""

    def __init__(self, client: Any, source: str, folders: Mapping[str, str]) -> None:
        self._client = client
        self._source = source
        self._folders = folders

    def settle(self, folder: str, uids: Sequence[int], *, again: bool) -> list[Settled]:
        """Each mail moved, or why not. Mail that has left the source by itself counts as moved.

        ``again``: an earlier attempt may have put copies into the target, which are looked for.
        """
        settled: list[Settled] = []
        for start in range(0, len(uids), CHUNK_UIDS):
            part = list(uids[start : start + CHUNK_UIDS])
            settled += self._settle(self._folders[folder], part, again=again)
        return settled

    def _settle(self, target: str, uids: list[int], *, again: bool) -> list[Settled]:
        """Halved while the server says no, down to the mails that it does not take."""
        try:
            if self._client.has_capability("MOVE"):
                return self._move(target, uids, again=again)
            return self._copy(target, uids)
        except imaplib.IMAP4.abort:
            raise
        except IMAPClientError as error:
            if retry_after(str(error)):
                raise
            if len(uids) == 1:
                return [Settled(uids[0], False, f"the server says no: {one_line(error)}")]
        middle = len(uids) // 2
        return [
            *self._settle(target, uids[:middle], again=True),
            *self._settle(target, uids[middle:], again=True),
        ]

    def tops(self) -> dict[str, tuple[int, int]]:
        """Folder -> its UIDVALIDITY and UIDNEXT, where the server tells."""
        found = {}
        for key, name in self._folders.items():
            status = self._client.folder_status(name, ["UIDVALIDITY", "UIDNEXT"])
            if b"UIDVALIDITY" in status and b"UIDNEXT" in status:
                found[key] = (int(status[b"UIDVALIDITY"]), int(status[b"UIDNEXT"]))
        return found

    def listed(self, folder: str, from_uid: int) -> tuple[int, dict[int, dict[bytes, Any]]]:
        """UIDVALIDITY, and size and date by UID, of what lies there; the folder stays selected."""
        answer = self._client.select_folder(self._folders[folder], readonly=True)
        uids = [uid for uid in self._client.search(["UID", f"{from_uid}:*"]) if uid >= from_uid]
        rows: dict[int, dict[bytes, object]] = {}
        for start in range(0, len(uids), CHUNK_UIDS):
            part = uids[start : start + CHUNK_UIDS]
            rows |= self._client.fetch(part, ["RFC822.SIZE", "INTERNALDATE"])
        return int(answer[b"UIDVALIDITY"]), rows

    def back(self) -> None:
        """The source folder is selected again."""
        self._client.select_folder(self._source)

    def _select_source(self) -> None:
        """The same, and the end of the connection where it cannot be.

        Whatever is asked in another folder, or in none, would be answered about no mail of ours.
        """
        try:
            self.back()
        except IMAPClientError as error:
            raise imaplib.IMAP4.abort(f"the folder is not selected: {one_line(error)}") from error

    def _move(self, target: str, uids: list[int], *, again: bool) -> list[Settled]:
        left: Collection[int] = self._still_there(uids) if again else uids
        for _ in range(2):  # another session took some of them, and the server did nothing for that
            if again and left:
                left = self._without_copied(target, sorted(left))
            left = self._moved(target, sorted(left)) if left else ()
            again = True
        return [
            Settled(uid, uid not in left, "still in the folder after MOVE" if uid in left else "")
            for uid in uids
        ]

    def _without_copied(self, target: str, uids: list[int]) -> list[int]:
        """A server may copy and keep what it was to move: such mails are removed, not moved again.

        The others are returned. Mail that stays in the source all the same is moved by nobody.
        """
        copied = sorted(self._copied_before(target, uids))
        if copied:
            self._client.add_flags(copied, [b"\\Deleted"])
            if self._client.has_capability("UIDPLUS"):
                self._client.uid_expunge(copied)
        return [uid for uid in uids if uid not in copied]

    def _moved(self, target: str, uids: list[int]) -> set[int]:
        """One UID MOVE; those that are in the source after it."""
        try:
            self._client.move(uids, target)
        except IMAPClientError as error:
            if "[EXPUNGEISSUED]" not in str(error).upper():  # RFC 5530
                raise
            self._client.noop()  # the server tells which are gone
        proved = self._proved()
        rest = [uid for uid in uids if uid not in proved]
        return self._still_there(rest) if rest else set()

    def _proved(self) -> set[int]:
        """The source UIDs of the COPYUID answers."""
        _, data = self._client._imap.response("COPYUID")
        found: set[int] = set()
        for line in data or []:
            parts = line.split() if isinstance(line, bytes) else []
            if len(parts) == 3:
                found.update(expand(parts[1]))
        return found

    def _still_there(self, uids: list[int]) -> set[int]:
        """What the source still has: an answer that leaves a mail out does not prove that it went.

        Only a search that does not name it does.
        """
        rows = self._client.fetch(uids, ["FLAGS"])
        silent = [uid for uid in uids if b"FLAGS" not in rows.get(uid, {})]
        if not silent:
            return set(uids)
        named = set(self._client.search(["UID", ",".join(map(str, silent))]))
        return {uid for uid in uids if uid not in silent or uid in named}

    def _copy(self, target: str, uids: list[int]) -> list[Settled]:
        present = sorted(self._still_there(uids))
        if not present:
            return [Settled(uid, True) for uid in uids]
        copied = self._copied_before(target, present)
        fresh = [uid for uid in present if uid not in copied]
        if fresh:
            self._client.copy(fresh, target)
        self._client.add_flags(present, [b"\\Deleted"])
        if not self._client.has_capability("UIDPLUS"):
            return [Settled(uid, True, "marked deleted, left in the folder") for uid in uids]
        self._client.uid_expunge(present)
        left = self._still_there(present)
        return [
            Settled(uid, uid not in left, "not expunged" if uid in left else "") for uid in uids
        ]

    def _copied_before(self, target: str, uids: list[int]) -> set[int]:
        """Mails of the source that lie byte-identical in the target already."""
        mine = self._marks(uids)
        top = imap_idle.next_of(self._client, target)
        try:
            self._client.select_folder(target, readonly=True)
            low = max(1, top - RECENT_UIDS)
            there = self._marks(self._client.search(["UID", f"{low}:*"])[-RECENT_UIDS:])
            wanted = set(mine.values())
            alike = [uid for uid, mark in there.items() if mark in wanted]
            bodies = set(self._bodies(alike).values())
        finally:
            self._select_source()
        if not bodies:
            return set()
        marks = {there[uid] for uid in alike}
        doubtful = [uid for uid in uids if mine.get(uid) in marks]
        return {uid for uid, body in self._bodies(doubtful).items() if body in bodies}

    def _marks(self, uids: Sequence[int]) -> dict[int, tuple[object, object]]:
        """Size and date, which COPY keeps."""
        rows = self._client.fetch(uids, ["RFC822.SIZE", "INTERNALDATE"]) if uids else {}
        return {
            uid: (row[b"RFC822.SIZE"], row.get(b"INTERNALDATE"))
            for uid, row in rows.items()
            if b"RFC822.SIZE" in row
        }

    def _bodies(self, uids: Sequence[int]) -> dict[int, bytes]:
        rows = self._client.fetch(uids, ["BODY.PEEK[]"]) if uids else {}
        return {
            uid: row[b"BODY[]"]
            for uid, row in rows.items()
            if isinstance(row.get(b"BODY[]"), bytes)
        }


def expand(text: bytes) -> set[int]:
    """``1:3,7`` as numbers; an absurd range is no proof of anything."""
    found: set[int] = set()
    for part in text.split(b","):
        low, _, high = part.partition(b":")
        if low.isdigit() and (not high or high.isdigit()):
            first, last = int(low), int(high or low)
            if abs(last - first) <= CHUNK_UIDS:
                found.update(range(min(first, last), max(first, last) + 1))
    return found
