"""Named moments in the life of a mail and of a letter, at which tests kill the process.

In production nothing watches, and ``reached`` does nothing. docs/states.md lists what is on disk at
each point; the crash campaign kills at every one of them (tests/worker/test_kill_points.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

POINTS: Mapping[str, str] = {
    "K01": "connected to the mailbox and logged in",
    "K02": "folder selected, UIDVALIDITY known",
    "K03": "waiting mails listed",
    "K04": "sizes known, batches formed",
    "K05": "a mail was fetched and staged",
    "K06": "a staged file is complete and has its name",
    "K07": "staged files are synced",
    "K08": "files have their final names, folders are synced",
    "K09": "a batch is read and proved, before its transaction",
    "K10": "a reading process has answered",
    "K11": "mails are judged, before their rows are written",
    "K12": "the batch is committed",
    "K13": "the server was told to move the mails",
    "K14": "the move is verified",
    "K15": "the moves are noted",
    "K16": "letters are claimed",
    "K17": "everything but the final dots is sent",
    "K18": "letters are marked as in doubt",
    "K19": "a final dot was sent",
    "K20": "the answer to a final dot was read",
    "K21": "outcomes of letters are committed",
    "K22": "old words or blobs were removed",
}
_watchers: list[Callable[[str], None]] = []


def reached(name: str) -> None:
    """Tells whoever watches that the point was reached."""
    for watcher in _watchers:
        watcher(name)


def watch(watcher: Callable[[str], None]) -> None:
    """Lets a test hear of every point from now on, in this process."""
    _watchers.append(watcher)


def forget(watcher: Callable[[str], None]) -> None:
    """Ends ``watch``."""
    _watchers.remove(watcher)
