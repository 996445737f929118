"""Pictures that stand in an HTML document itself, as ``data:`` addresses (RFC 2397)."""

from __future__ import annotations

import re

_PICTURE = re.compile(rb"data:image/(png|jpe?g|gif|webp|bmp);base64,([A-Za-z0-9+/=\s]{32,})", re.I)
MAX_PICTURES = 50


def take_out(source: bytes) -> tuple[bytes, list[tuple[str, bytes]]]:
    """The document without the pictures that stand in it as ``data:`` addresses (RFC 2397).

    They are given as (kind, base64), at most fifty; the others stay where they are.
    """
    if b"base64," not in source:
        return source, []
    found: list[tuple[str, bytes]] = []

    def taken(match: re.Match[bytes]) -> bytes:
        found.append((match[1].decode().lower(), match[2]))
        return b""

    return _PICTURE.sub(taken, source, count=MAX_PICTURES), found
