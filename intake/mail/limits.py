"""How big and how deep a mail may be that is read."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits for one mail. A mail over a limit is held, and its raw bytes are kept."""

    max_mail_bytes: int = 50 * 2**20
    max_header_bytes: int = 256 * 2**10
    max_header_fields: int = 1000
    max_field_bytes: int = 64 * 2**10
    max_addresses: int = 500
    max_depth: int = 30
    max_parts: int = 500
    max_boundary_bytes: int = 256
    max_attachments: int = 100
    max_received: int = 50
    max_decoded_bytes: int = 100 * 2**20
    max_html_bytes: int = 2**20
    max_html_depth: int = 2000
    max_text_chars: int = 2**20
