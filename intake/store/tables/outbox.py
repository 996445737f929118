"""Tables for the history and for letters."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    LargeBinary,
    UniqueConstraint,
    text,
)
from sqlmodel import Field

from intake.model.states import LetterState
from intake.store.tables.columns import Base, _text, id_column, json_column

REFUSALS = text("kind = 'refusal'")
UNPRUNED = text("length(case_number) = 0 AND pruned_at IS NULL")
DUE, CLAIMED = text("state = 'due'"), text("state = 'claimed'")  # few rows, whatever has been sent


class EventRow(Base, table=True):
    """The history of cases and messages; rows are only added."""

    __tablename__ = "events"
    __table_args__ = (Index("ix_events_kind_at", "kind", "at"),)
    id: int | None = Field(default=None, sa_column=id_column())
    at: datetime
    case_number: str = Field(default="", index=True)
    message_id: int = Field(default=0, sa_type=BigInteger, index=True)
    kind: str  # received, decided, opened, asked, completed, appended, changed, released, sent …
    who: str = ""  # contact id, "operator:NAME", or "intake"
    detail: dict[str, Any] = Field(default_factory=dict, sa_column=json_column())


class OutboxRow(Base, table=True):
    """A letter to send; its states are ``LetterState`` in ``intake.model.states``.

    due -> claimed (attempt counted, lease and fence written) -> in_doubt (just before the final
    dot) -> sent | failed | due again (4xx). An in_doubt acknowledgement or request stays in that
    state.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        UniqueConstraint("cause"),
        Index("ix_outbox_state_due_at", "state", "due_at"),
        Index("ix_outbox_contact_id_created_at", "contact_id", "created_at"),
        Index("ix_outbox_created_at", "created_at"),
        Index("ix_outbox_due", "due_at", sqlite_where=DUE, postgresql_where=DUE),
        Index("ix_outbox_claimed", "lease_until", sqlite_where=CLAIMED, postgresql_where=CLAIMED),
        Index("ix_outbox_finished_at", "finished_at"),
        Index(
            "ix_outbox_refusals",
            "contact_id",
            "created_at",
            sqlite_where=REFUSALS,
            postgresql_where=REFUSALS,
        ),
        Index("ix_outbox_unpruned", "created_at", sqlite_where=UNPRUNED, postgresql_where=UNPRUNED),
    )
    id: int | None = Field(default=None, sa_column=id_column())
    cause: str  # "ack:<mailbox>:<uidvalidity>:<uid>" …: one letter of a kind for one mail
    kind: str
    message_id_header: str = Field(index=True)  # our Message-ID
    contact_id: str
    recipient: str
    case_number: str = Field(default="", index=True)
    message_id: int = Field(default=0, sa_type=BigInteger)  # messages.id of the cause
    subject: str = Field(sa_column=_text())
    text: str = Field(sa_column=_text())
    raw: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    files: list[dict[str, Any]] = Field(default_factory=list, sa_column=json_column())
    """Files that are attached when the letter is sent: name, type, sha256."""
    state: str = LetterState.DUE
    due_at: datetime
    put_off: str = Field(default="", sa_column=_text())  # why it was not due at once
    created_at: datetime
    attempts: int = 0  # counted before the attempt
    lease_until: datetime | None = None
    fence: int = 0  # grows with each claim; a write with an older one is refused
    reply: str = Field(
        default="", sa_column=_text()
    )  # the server's reply, or the reason of suppression
    finished_at: datetime | None = None
    pruned_at: datetime | None = None  # when its words were removed, because they were old
