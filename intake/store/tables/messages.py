"""The tables for mails. All columns and states are explained here; migrations must match.

Rules: a column is NOT NULL with a default if an absent value has no special meaning. The meaning of
a column never changes. Datetimes are aware UTC. Enumerations are stored by value as text.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Index,
    UniqueConstraint,
    text,
)
from sqlmodel import Field

from intake.model.states import FileState
from intake.store.tables.columns import Base, _text, id_column, json_column

UNPRUNED = text("length(case_number) = 0 AND pruned_at IS NULL")
NOBODY = ""  # the account of a case whose writer has not said which account it is about


class MailboxRow(Base, table=True):
    """The position up to which a mailbox has been collected."""

    __tablename__ = "mailboxes"
    name: str = Field(primary_key=True)
    uidvalidity: int = Field(default=0, sa_type=BigInteger)
    next_uid: int = Field(
        default=1, sa_type=BigInteger
    )  # every UID below has a terminal status, or is older than the baseline
    baseline_at: datetime | None = (
        None  # mail that was there and arrived before is ignored; None: all is collected
    )
    dated_below: int | None = Field(default=None, sa_type=BigInteger)  # UIDs the date is for
    checked_at: datetime | None = None  # end of the last poll that succeeded
    failing_since: datetime | None = None
    failure: str = ""  # the last error, one line


class MessageRow(Base, table=True):
    """One row for every mail ever seen, with the evidence and the decision.

    ``MessageStatus`` in ``intake.model.states`` explains each status, ``BECOMES`` says which status
    may follow.
    """

    __tablename__ = "messages"
    __table_args__ = (
        UniqueConstraint("mailbox", "uidvalidity", "uid"),
        Index("ix_messages_status_id", "status", "id"),
        Index("ix_messages_mailbox_settled", "mailbox", "settled"),
        Index("ix_messages_sender_received_at", "sender", "received_at"),
        Index(
            "ix_messages_unpruned", "recorded_at", sqlite_where=UNPRUNED, postgresql_where=UNPRUNED
        ),
    )
    id: int | None = Field(default=None, sa_column=id_column())
    mailbox: str
    uidvalidity: int = Field(sa_type=BigInteger)
    uid: int = Field(sa_type=BigInteger)
    digest: str = Field(index=True)  # sha256 of the raw mail, key of its blob
    body_digest: str = ""
    size: int = Field(default=0, sa_type=BigInteger)  # bytes
    received_at: datetime
    recorded_at: datetime
    status: str
    settled: bool = False  # moved on the server, and this was verified
    folder: str = ""  # "processed" or "held": the target folder on the server
    action: str = ""  # Decision.action
    rule: str = ""
    reasons: list[str] = Field(default_factory=list, sa_column=json_column())
    level: str = ""
    evidence: dict[str, object] = Field(
        default_factory=dict, sa_column=json_column()
    )  # see store.messages.evidence
    sender: str = ""  # Address.key, or the text of From
    subject: str = Field(default="", sa_column=_text())
    message_id_hash: str = Field(
        default="", index=True
    )  # sha256 of the Message-ID; empty if there is none
    message_id: str = Field(default="", sa_column=_text())
    dated: datetime | None = None  # its Date
    signature_hash: str = Field(default="", index=True)  # of the author's DKIM signature, sha256
    sketch: str = ""  # of its words, when a proved contact wrote it: intake.mail.word_sketch
    contact_id: str = ""
    account_id: str = ""
    case_number: str = Field(default="", index=True)
    submission: dict[str, object] = Field(
        default_factory=dict, sa_column=json_column()
    )  # what was read, without personal fields
    policy_hash: str = ""
    version: str = ""  # of the program that decided
    pruned_at: datetime | None = None  # when its words were removed, because they were old
    attempts: int = 0  # times that handling raised
    failure: str = Field(default="", sa_column=_text())  # the last traceback


class AttachmentRow(Base, table=True):
    """A file that came with a mail.

    state: stored, withheld (kept, but handed out only on request), quarantined (not yet scanned for
    viruses; becomes stored or withheld).
    """

    __tablename__ = "attachments"
    id: int | None = Field(default=None, sa_column=id_column())
    message_id: int = Field(sa_type=BigInteger, foreign_key="messages.id", index=True)
    case_number: str = Field(default="", index=True)
    name: str = Field(sa_column=_text())
    declared_type: str
    detected_type: str = ""
    size: int = Field(sa_type=BigInteger)
    sha256: str = Field(index=True)  # key of its blob
    inline: bool = False
    part: str  # place in the MIME tree
    state: str = Field(default=FileState.STORED, index=True)
    reason: str = ""  # why it is withheld or quarantined
