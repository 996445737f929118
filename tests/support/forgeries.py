"""Forged mails of every kind: header tricks, generated senders, whole corpora."""

from __future__ import annotations

from pathlib import Path

from tests.support.values import AUTHSERV

ADMIN = "zack.morris@bayside.example"

PASS = (
    f"Authentication-Results: {AUTHSERV}; dkim=pass header.d=bayside.example;"
    " dmarc=pass header.from=bayside.example"
)

BODY = (
    "\r\nSubject: x\r\nTo: support@desk.example\r\n\r\n"
    "Case Type: Ask a Question\r\nDescription: x\r\n"
)


def corpus() -> list[bytes]:
    """Every golden mail and, where it is there, every real mail of other projects."""
    here = Path(__file__).resolve().parents[1]
    shared = here.parent.parent / "shared" / "mail"
    golden = sorted((here / "mail").rglob("*.eml"))
    real = (
        sorted(path for path in shared.rglob("*.eml") if path.is_file()) if shared.is_dir() else []
    )
    return [path.read_bytes() for path in (*golden, *real)]
