"""Pictures embedded in an HTML document as ``data:`` addresses (RFC 2397)."""

from __future__ import annotations

import re

_PICTURE = re.compile(rb"data:image/(png|jpe?g|gif|webp|bmp);base64,([A-Za-z0-9+/=\s]{32,})", re.I)
MAX_PICTURES = 50


def take_out(source: bytes) -> tuple[bytes, list[tuple[str, bytes]]]:
    """Remove the pictures that are embedded as ``data:`` addresses (RFC 2397), and return them.

    Each is given as (kind, base64). At most fifty are removed; the others stay where they are.
    """
    if b"base64," not in source:
        return source, []
    found: list[tuple[str, bytes]] = []

    def taken(match: re.Match[bytes]) -> bytes:
        found.append((match[1].decode().lower(), match[2]))
        return b""

    return _PICTURE.sub(taken, source, count=MAX_PICTURES), found
