"""Big mails are decoded and hashed in pieces: the result is the same, and takes little memory."""

from __future__ import annotations

import hashlib
import tracemalloc
from base64 import encodebytes

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intake.mail import message as messages
from intake.mail.mime import transfer_encodings
from tests.support.rawmail import CAMPAIGN, message, multipart

BIG = 8 * 2**20  # bytes of a file


@settings(max_examples=500 * CAMPAIGN)
@given(
    st.lists(st.sampled_from([b"QUJD", b"A", b"=", b"\r\n", b" ", b"!", b"Zg=="])),
    st.integers(1, 9),
)
def test_base64_is_the_same_in_pieces_of_any_size(coded: list[bytes], piece: int) -> None:
    """Faultless or broken, with a doubt or without."""
    whole = transfer_encodings.decode(b"".join(coded), "base64")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transfer_encodings, "PIECE", piece)
        assert transfer_encodings.decode(memoryview(b"".join(coded)), "base64") == whole


@settings(max_examples=300 * CAMPAIGN)
@given(st.lists(st.sampled_from([b"a", b"\r", b"\n", b"\r\n"])), st.integers(1, 5))
def test_a_body_has_the_same_digest_in_pieces_of_any_size(body: list[bytes], piece: int) -> None:
    """A line end is never cut in two."""
    raw = b"From: Zack <zack@bayside.example>\r\n\r\n" + b"".join(body)
    naive = hashlib.sha256(b"".join(body).replace(b"\r\n", b"\n")).hexdigest()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(messages, "_DIGEST_BYTES", piece)
        assert message(raw).body_digest == naive


def test_a_big_file_is_in_memory_once() -> None:
    """Beside the mail itself, reading takes hardly more than the bytes of its file."""
    data = hashlib.shake_256(b"scan").digest(BIG)
    head = b"Content-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    raw = multipart("mixed", "\nwords", head + encodebytes(data).replace(b"\n", b"\r\n"))
    tracemalloc.start()
    try:
        made = message(raw)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert made.attachments[0].content == data
    assert most < 1.4 * BIG
