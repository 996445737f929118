"""A pool of children for the tests, and what it is given."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path

from intake.mail.message import Arrival
from intake.worker.parser_pool import Settings

TOOLS = {
    "builder": "tests.support.hostile_scan:build",
    "scanner": "tests.support.hostile_scan:scan",
}


def arrival(subject: str, body: bytes = b"words\r\n", head: bytes = b"") -> Arrival:
    """A small mail with that subject."""
    raw = b"From: a@b.example\r\nSubject: " + subject.encode() + b"\r\n" + head + b"\r\n" + body
    digest = hashlib.sha256(raw).hexdigest()
    return Arrival("box", 7, 1, datetime(2024, 1, 2, tzinfo=UTC), digest, len(raw), raw)


def settings(root: Path, **changes: object) -> Settings:
    """Settings with the hostile scanner and short limits."""
    values: dict[str, object] = {
        "blob_root": str(root),
        "blob_run": "test",
        "wall_seconds": 20.0,
        **TOOLS,
        **changes,
    }
    return Settings(**values)  # type: ignore[arg-type]  # the values are the test's own
