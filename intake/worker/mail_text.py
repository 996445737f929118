"""The text of a stored mail as a person reads it, for operators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from intake.adapters.blob_store import BlobError, Blobs
from intake.config.loader import Config
from intake.mail.message import Arrival, Refusal
from intake.worker import bootstrap
from intake.worker.parser_process import read_here


@dataclass(frozen=True, slots=True)
class MailText:
    """What a mail says, and where its bytes are."""

    text: str  # the plain text, else the HTML as text
    source: str  # "text", "HTML" or "" if neither can be read
    hidden: str  # the beginning of what the HTML hides from its reader
    path: str  # of the raw mail; empty if its bytes were never fetched, or are gone
    trouble: str = ""  # why it cannot be read


def raw_mail(config: Config, row: Mapping[str, Any]) -> bytes:
    """The bytes as they arrived. Raises BlobError."""
    if not row["digest"]:
        raise BlobError(0, f"message {row['id']}: its bytes were never fetched")
    if row["pruned_at"]:
        day = row["pruned_at"][:10]
        raise BlobError(0, f"message {row['id']}: its bytes were removed on {day} ([retention])")
    return Blobs(config.blob_folder).read(row["digest"])


def mail_text(config: Config, row: Mapping[str, Any]) -> MailText:
    """The text of the mail in that row of the messages table."""
    blobs = Blobs(config.blob_folder)
    try:
        raw = raw_mail(config, row)
    except BlobError as error:
        return MailText("", "", "", "", str(error))
    path = str(blobs.path(row["digest"]))
    received = datetime.fromisoformat(row["received_at"])
    arrival = Arrival(row["mailbox"], 0, 0, received, row["digest"], len(raw), raw)
    found = read_here(arrival, bootstrap.pool_settings(config)).message
    if isinstance(found, Refusal):
        return MailText("", "", "", path, f"{found.code}: {found.detail}")
    if found.plain.strip():
        return MailText(found.plain.strip(), "text", found.html.hidden, path)
    text = found.html.text.strip()
    return MailText(text, "HTML" if text else "", found.html.hidden, path)
