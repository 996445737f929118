"""A Maildir and a pipe as mailboxes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from intake.adapters.mailbox.imap import ImapBox
from intake.adapters.mailbox.maildir import MaildirBox, uid_of
from intake.adapters.mailbox.pipe import PipeBox, read_bounded
from intake.adapters.mailbox.protocol import MailboxError
from tests.support.mailbox_kinds import settings
from tests.support.values import NOW


def test_a_maildir_takes_files_only(tmp_path: Path) -> None:
    """Links, folders and hidden files are left alone; flags do not change the UID."""
    box = MaildirBox("box", tmp_path / "in")
    box.open()
    (tmp_path / "in/new/1.x").write_bytes(b"a")
    (tmp_path / "in/cur/2.x:2,S").write_bytes(b"b")
    (tmp_path / "in/new/.hidden").write_bytes(b"c")
    (tmp_path / "in/new/folder").mkdir()
    os.symlink("/etc/passwd", tmp_path / "in/new/link")
    assert len(box.waiting(1)) == 2
    assert uid_of("2.x:2,S", 1, 5) == uid_of("2.x:2,RS", 1, 5) != uid_of("1.x", 1, 5)
    assert uid_of("1.x", 1, 5) != uid_of("1.x", 2, 5) != uid_of("1.x", 2, 6)
    (tmp_path / "blocked").write_text("")
    with pytest.raises(MailboxError, match="blocked") as caught:
        MaildirBox("box", tmp_path / "blocked").open()
    assert caught.value.kind == "folder"
    gone = MaildirBox("box", tmp_path / "none")
    for broken in (lambda: gone.waiting(1), lambda: gone.idle(1, lambda: False)):
        with pytest.raises(MailboxError):
            broken()


def test_a_maildir_name_that_is_used_again_is_another_mail(tmp_path: Path) -> None:
    """It is read and moved as the first was, and takes no mail's place in the target."""
    box = MaildirBox("box", tmp_path / "in")
    box.open()
    uids = []
    for raw in (b"first", b"second", b"third!"):
        (tmp_path / "in/new/1.x").write_bytes(raw)
        (one,) = box.waiting(1)
        uids.append(one.uid)
        assert [found.raw for found in box.fetch([one.uid])] == [raw]
        assert [settled.done for settled in box.settle("processed", [one.uid])] == [True]
    assert len(set(uids)) == 3
    kept = sorted(path.read_bytes() for path in (tmp_path / "in/.Processed/cur").iterdir())
    assert kept == [b"first", b"second", b"third!"]
    assert sorted(one.raw for one in box.filed("processed", 0, 5)) == [b"", b"", b"first"]


class Chunks:
    """An IMAP server with one big mail, which another client moves away after some chunks."""

    def __init__(self, raw: bytes, *, gone_after: int = -1, size: int = 0, cut: int = -1) -> None:
        self.raw = raw
        self.size = size or len(raw)
        self.left = gone_after  # chunks until it is gone; -1: it stays
        self.cut = cut  # this chunk comes short although the mail goes on

    def fetch(self, uids: list[int], items: list[str]) -> dict[int, dict[bytes, object]]:
        """Sizes or a piece, or nothing once it is gone."""
        if self.left == 0:
            return {}
        at, _, length = items[0].partition("<")[2].strip(">").partition(".")
        piece = self.raw[int(at) : int(at) + int(length)]
        if self.cut == 0:
            piece = piece[: len(piece) // 2]
        self.cut -= 1
        self.left -= self.left > 0
        return {uids[0]: {f"BODY[]<{at}>".encode(): piece}}

    def search(self, words: list[str]) -> list[int]:
        """The mail, until it is gone."""
        return [int(words[1])] if self.left else []


@pytest.mark.parametrize(
    ("server", "whole"),
    [
        (Chunks(b"x" * 2_500_000), True),
        (Chunks(b"x" * 2**20 * 2), True),
        (Chunks(b"x" * 2_500_000, size=99), True),
        (Chunks(b"x" * 2_500_000, cut=1), True),
        (Chunks(b"x" * 2_500_000, gone_after=1), False),
        (Chunks(b"x" * 2_500_000, gone_after=2), False),
        (Chunks(b"x" * 2_500_000, gone_after=3), False),
    ],
)
def test_a_big_mail_is_whole_or_not_there(server: Chunks, whole: bool) -> None:
    """Wrong sizes and short chunks are asked about; a mail that was moved away is not handled."""
    box = ImapBox(settings(1))
    box._client = server
    box._sizes = {7: server.size}
    got: list[bytes] = []
    assert box.fetch_large(7, got.append) is whole
    if whole:
        assert b"".join(got) == server.raw


def test_a_pipe_is_a_mailbox_of_one_mail() -> None:
    """Its UID comes from its bytes; reading it is bounded."""
    import io

    box = PipeBox("pipe", b"mail", NOW)
    (one,) = box.waiting(1)
    assert box.open().uidvalidity == 0
    assert one.uid == PipeBox("pipe", b"mail", NOW).waiting(1)[0].uid
    assert [found.raw for found in box.fetch([one.uid, 5])] == [b"mail", None]
    chunks: list[bytes] = []
    assert box.fetch_large(one.uid, chunks.append)
    assert box.settle("processed", [one.uid])[0].done
    assert box.idle(1, lambda: False) is False
    box.close()
    assert read_bounded(io.BytesIO(b"x" * 10), 10) == b"x" * 10
    assert read_bounded(io.BytesIO(b"x" * 11), 10) is None
