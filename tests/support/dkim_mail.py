"""Signed mails, and name servers that answer for their keys."""

from __future__ import annotations

import base64
import subprocess
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

HEADERS = [b"from", b"to", b"subject", b"date", b"message-id", b"content-type"]


@cache
def key(bits: int) -> tuple[bytes, bytes]:
    """A private key as PEM and its public part as in a DNS record."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "key.pem"
        subprocess.run(
            ["openssl", "genrsa", "-traditional", "-out", str(path), str(bits)],
            check=True, capture_output=True,
        )  # fmt: skip
        public = subprocess.run(
            ["openssl", "rsa", "-in", str(path), "-pubout", "-outform", "DER"],
            check=True, capture_output=True,
        ).stdout  # fmt: skip
        return path.read_bytes(), base64.b64encode(public)
