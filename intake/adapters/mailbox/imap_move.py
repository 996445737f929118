"""Moves mail between IMAP folders so that it is never lost and never copied twice.

With MOVE (RFC 6851): one UID MOVE. COPYUID (RFC 4315) proves which mails moved; the source folder
is checked for the others. Without MOVE: copies from an interrupted attempt are found by size, date
and then bytes. The rest is copied. Then all are marked \\Deleted and removed by UID EXPUNGE.
Without UIDPLUS they stay there marked, since a plain EXPUNGE would remove mails that other clients
marked.
"""

from __future__ import annotations

import imaplib
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from imapclient.exceptions import IMAPClientError

from intake.adapters.mailbox import imap_idle
from intake.adapters.mailbox.imap_errors import one_line, retry_after
from intake.adapters.mailbox.protocol import Settled
from intake.model.fault_points import reached

CHUNK_UIDS = 500
RECENT_UIDS = 1000  # the newest mails of the target that are searched for earlier copies


class Mover:
    """The two target folders of a connection whose source folder is selected."""

    def __init__(self, client: Any, source: str, folders: Mapping[str, str]) -> None:
        self._client = client
        self._source = source
        self._folders = folders

    def settle(self, folder: str, uids: Sequence[int], *, again: bool) -> list[Settled]:
        """Moves each mail, or says why not. A mail that has left the source counts as moved.

        ``again``: an earlier attempt may have copied mails to the target, so copies are searched
        for.
        """
        settled: list[Settled] = []
        for start in range(0, len(uids), CHUNK_UIDS):
            part = list(uids[start : start + CHUNK_UIDS])
            settled += self._settle(self._folders[folder], part, again=again)
        return settled

    def _settle(self, target: str, uids: list[int], *, again: bool) -> list[Settled]:
        """Moves the mails; while the server refuses, halves them to find those that it refuses."""
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
        """Folder -> its UIDVALIDITY and UIDNEXT, if the server reports them."""
        found = {}
        for key, name in self._folders.items():
            status = self._client.folder_status(name, ["UIDVALIDITY", "UIDNEXT"])
            if b"UIDVALIDITY" in status and b"UIDNEXT" in status:
                found[key] = (int(status[b"UIDVALIDITY"]), int(status[b"UIDNEXT"]))
        return found

    def listed(self, folder: str, from_uid: int) -> tuple[int, dict[int, dict[bytes, Any]]]:
        """UIDVALIDITY of the folder, and size and date by UID; the folder stays selected."""
        answer = self._client.select_folder(self._folders[folder], readonly=True)
        uids = [uid for uid in self._client.search(["UID", f"{from_uid}:*"]) if uid >= from_uid]
        rows: dict[int, dict[bytes, object]] = {}
        for start in range(0, len(uids), CHUNK_UIDS):
            part = uids[start : start + CHUNK_UIDS]
            rows |= self._client.fetch(part, ["RFC822.SIZE", "INTERNALDATE"])
        return int(answer[b"UIDVALIDITY"]), rows

    def back(self) -> None:
        """Selects the source folder again."""
        self._client.select_folder(self._source)

    def _select_source(self) -> None:
        """Selects the source folder again, and ends the connection if that fails.

        With another folder selected, or none, later answers would be about the wrong mails.
        """
        try:
            self.back()
        except IMAPClientError as error:
            raise imaplib.IMAP4.abort(f"the folder is not selected: {one_line(error)}") from error

    def _move(self, target: str, uids: list[int], *, again: bool) -> list[Settled]:
        left: Collection[int] = self._still_there(uids) if again else uids
        for _ in range(2):  # another session took some of them, so the server moved none
            if again and left:
                left = self._without_copied(target, sorted(left))
            left = self._moved(target, sorted(left)) if left else ()
            again = True
        return [
            Settled(uid, uid not in left, "still in the folder after MOVE" if uid in left else "")
            for uid in uids
        ]

    def _without_copied(self, target: str, uids: list[int]) -> list[int]:
        """Removes mails that a server has copied but kept in the source; they are not moved again.

        Returns the other mails. A mail that still stays in the source is not moved at all.
        """
        copied = sorted(self._copied_before(target, uids))
        if copied:
            self._client.add_flags(copied, [b"\\Deleted"])
            if self._client.has_capability("UIDPLUS"):
                self._client.uid_expunge(copied)
        return [uid for uid in uids if uid not in copied]

    def _moved(self, target: str, uids: list[int]) -> set[int]:
        """One UID MOVE; returns the mails that are still in the source."""
        try:
            self._client.move(uids, target)
            reached("K13")
        except IMAPClientError as error:
            if "[EXPUNGEISSUED]" not in str(error).upper():  # RFC 5530
                raise
            self._client.noop()  # the server reports which are gone
        proved = self._proved()
        rest = [uid for uid in uids if uid not in proved]
        return self._still_there(rest) if rest else set()

    def _proved(self) -> set[int]:
        """The source UIDs in the COPYUID answers."""
        _, data = self._client._imap.response("COPYUID")
        found: set[int] = set()
        for line in data or []:
            parts = line.split() if isinstance(line, bytes) else []
            if len(parts) == 3:
                found.update(expand(parts[1]))
        return found

    def _still_there(self, uids: list[int]) -> set[int]:
        """The mails still in the source; an answer without a mail does not prove that it left.

        Only a search that does not name the mail proves it.
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
            reached("K13")
        self._client.add_flags(present, [b"\\Deleted"])
        if not self._client.has_capability("UIDPLUS"):
            return [Settled(uid, True, "marked deleted, left in the folder") for uid in uids]
        self._client.uid_expunge(present)
        left = self._still_there(present)
        return [
            Settled(uid, uid not in left, "not expunged" if uid in left else "") for uid in uids
        ]

    def _copied_before(self, target: str, uids: list[int]) -> set[int]:
        """Mails of the source that are already in the target with identical bytes."""
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
    """``1:3,7`` as numbers; a range that is too large is ignored."""
    found: set[int] = set()
    for part in text.split(b","):
        low, _, high = part.partition(b":")
        if low.isdigit() and (not high or high.isdigit()):
            first, last = int(low), int(high or low)
            if abs(last - first) <= CHUNK_UIDS:
                found.update(range(min(first, last), max(first, last) + 1))
    return found
