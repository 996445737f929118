"""The location and the login of an IMAP folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ImapSettings:
    """The folder's location and login."""

    name: str
    host: str
    port: int
    security: str  # "tls", "starttls", "plain"
    user: str
    secret: Callable[[], str]  # password, or access token for XOAUTH2; read at each login
    auth: str = "password"  # or "xoauth2"
    folder: str = "INBOX"
    processed_folder: str = "Processed"
    held_folder: str = "Held"
    ca_file: str = ""
    allow_plain: bool = False
    connect_seconds: float = 15.0
    read_seconds: float = 60.0
