"""The kinds of mailboxes that the tests open, and their settings."""

from __future__ import annotations

from intake.adapters.mailbox.imap_settings import ImapSettings


def settings(port: int, **more: object) -> ImapSettings:
    """A plain box on loopback."""
    values = {
        "name": "box", "host": "127.0.0.1", "port": port, "security": "plain", "user": "u",
        "secret": lambda: "p", "connect_seconds": 3, "read_seconds": 2,
    }  # fmt: skip
    return ImapSettings(**(values | more))  # type: ignore[arg-type]  # a table of any values
