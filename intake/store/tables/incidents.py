"""The schema of incidents and notices: what is known, who was told, how they want it, who listens.

The rules of ``intake.store.tables.messages`` hold here too.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Column, Index, Text, UniqueConstraint
from sqlmodel import Field

from intake.model.states import DeliveryState, NoticeState, SendState
from intake.store.tables.columns import Base, id_column, json_column


class IncidentRow(Base, table=True):
    """An incident or a maintenance. status: its newest update's.

    incident: investigating, identified, monitoring, resolved. maintenance: scheduled, in progress,
    verifying, completed, cancelled. Open until it is resolved, completed or cancelled.
    """

    __tablename__ = "incidents"
    id: str = Field(primary_key=True)  # "INC-1"
    kind: str  # incident, maintenance
    notice_class: str = "outage"  # outage, security, maintenance, informational
    title: str
    status: str = Field(index=True)
    impact: str = ""  # what people notice, one line
    modules: list[str] = Field(default_factory=list, sa_column=json_column())  # affected; none: all
    areas: list[str] = Field(default_factory=list, sa_column=json_column())  # of responsibility
    accounts: list[str] = Field(default_factory=list, sa_column=json_column())  # none: all
    contact_types: list[str] = Field(
        default_factory=list, sa_column=json_column()
    )  # none: set ones
    words: list[str] = Field(default_factory=list, sa_column=json_column())  # a case about it uses
    public: bool = True  # stands on the notifications page
    starts_at: datetime
    ends_at: datetime | None = None  # of a maintenance, as planned
    sequence: int = 0  # of its calendar entry: grows with each change of the plan
    short_notice: str = ""  # why it was announced later than the lead time
    held_back: bool = False  # it neither starts nor ends by the clock
    next_update_at: datetime | None = None
    nagged_at: datetime | None = None  # when the operator was told that an update is overdue
    closed_at: datetime | None = None
    created_at: datetime
    updated_at: datetime


class IncidentUpdateRow(Base, table=True):
    """One update of an incident. Its text is never changed once anybody may have read it.

    send_state: record (on record, nobody is written to), draft (waits for ``send``), waiting (for
    another person's approval), sending, paused, done, cancelled, expired.
    """

    __tablename__ = "incident_updates"
    __table_args__ = (UniqueConstraint("incident_id", "number"), UniqueConstraint("cause"))
    id: int | None = Field(default=None, sa_column=id_column())
    incident_id: str = Field(foreign_key="incidents.id", index=True)
    number: int  # 1 is the first
    kind: str = "update"  # update, correction, reminder, reschedule, automatic, cancellation
    cause: str  # "INC-1:3", or what the clock wrote it for: one update for one cause
    status: str
    text: str = Field(sa_column=Column(Text, nullable=False))
    wrong_number: int = 0  # of a correction: the update that was wrong
    who: str  # "operator:NAME", or "intake" for what the clock wrote
    at: datetime
    next_update_at: datetime | None = None  # as this update promised
    starts_at: datetime | None = None  # the plan as this update told it
    ends_at: datetime | None = None
    sequence: int = 0  # of the calendar entry in this update's letters
    send_state: str = Field(default=SendState.DRAFT, index=True)
    send_at: datetime | None = None  # not before then; None: at once
    expires_at: datetime | None = None  # whoever was not told by then is not told any more
    proposed_by: str = ""
    approval_hash: str = ""  # of text, list and time, as proposed or approved
    approved_by: str = ""
    approved_at: datetime | None = None
    emergency: str = ""  # why nobody else approved
    finished_at: datetime | None = None  # when nothing was left to send


class NoticeRecipientRow(Base, table=True):
    """One person to be told of one update: the ledger of a broadcast, one row an address.

    state: queued -> sending (attempt counted, lease and fence written) -> uncertain (just before
    the final dot) -> sent | failed | deferred (4xx, tried again). sent may become bounced.
    A row that is uncertain when its lease runs out is sent once more, byte for byte the same.
    digest waits for the person's daily letter. skipped has its reason: superseded, expired,
    cancelled, corrected, suppressed.
    """

    __tablename__ = "notice_recipients"
    __table_args__ = (
        UniqueConstraint("update_id", "key"),
        Index("ix_notice_recipients_state_due_at", "state", "due_at"),
        Index("ix_notice_recipients_incident_id_key", "incident_id", "key"),
        Index("ix_notice_recipients_attempted_at", "attempted_at"),
        Index("ix_notice_recipients_update_id_finished_at", "update_id", "finished_at"),
    )
    id: int | None = Field(default=None, sa_column=id_column())
    update_id: int = Field(sa_type=BigInteger, foreign_key="incident_updates.id")
    incident_id: str  # the update's, for threads and for superseding
    number: int  # the update's
    key: str  # Address.key of ``address``
    address: str  # as stored with the contact when the list was frozen
    domain: str
    contact_id: str = Field(index=True)
    name: str
    zone: str  # IANA name of the account's or the service's time zone
    accounts: list[str] = Field(default_factory=list, sa_column=json_column())  # concerned ones
    reasons: list[str] = Field(default_factory=list, sa_column=json_column())  # why they are told
    cases: list[str] = Field(default_factory=list, sa_column=json_column())  # their own about it
    priority: int = 2  # 0: filed a case; higher later
    first_number: (
        int  # oldest update that this letter tells of; below ``number``: it has missed some
    )
    plain: bool = False  # a correction for somebody who never got the wrong text
    message_id_header: str = Field(index=True)
    root_id: str  # head of this person's thread about the incident
    state: str = NoticeState.QUEUED
    due_at: datetime
    created_at: datetime
    attempts: int = 0  # counted before the attempt
    attempted_at: datetime | None = None  # start of the last attempt; what the rates count
    lease_until: datetime | None = None
    fence: int = 0
    doubts: int = 0  # times it was sent again because nobody knew whether it had arrived
    reply: str = Field(default="", sa_column=Column(Text, nullable=False))  # or why it was skipped
    finished_at: datetime | None = None


class ParkedDomainRow(Base, table=True):
    """A domain whose server puts our notices off; nothing goes there until then."""

    __tablename__ = "parked_domains"
    domain: str = Field(primary_key=True)
    failures: int = 0  # in a row; one success forgets them
    until: datetime | None = None  # None: not parked yet
    reply: str = Field(default="", sa_column=Column(Text, nullable=False))


class NoticePreferenceRow(Base, table=True):
    """How a contact wants notices of one class; without a row each one is sent at once."""

    __tablename__ = "notice_preferences"
    contact_id: str = Field(foreign_key="contacts.id", primary_key=True)
    notice_class: str = Field(primary_key=True)  # outage, security, maintenance, informational
    mode: str  # each, digest, off
    replacement: str = ""  # contact id that is told instead; needed to mute a mandatory class
    who: str  # contact id or "operator:NAME"
    at: datetime


class HookEventRow(Base, table=True):
    """Something that happened, as other programs may hear of it; written in its transaction."""

    __tablename__ = "hook_events"
    id: int | None = Field(default=None, sa_column=id_column())
    at: datetime
    kind: str  # incident.opened, incident.updated, incident.resolved, maintenance.scheduled …
    payload: dict[str, Any] = Field(default_factory=dict, sa_column=json_column())
    fanned_out: bool = Field(default=False, index=True)  # every hook has its delivery row


class HookDeliveryRow(Base, table=True):
    """One event on its way to one hook. state: due, claimed, done, failed, dropped by a person."""

    __tablename__ = "hook_deliveries"
    __table_args__ = (
        UniqueConstraint("event_id", "hook"),
        Index("ix_hook_deliveries_state_due_at", "state", "due_at"),
    )
    id: int | None = Field(default=None, sa_column=id_column())
    event_id: int = Field(sa_type=BigInteger, foreign_key="hook_events.id")
    hook: str  # its name in the configuration
    state: str = DeliveryState.DUE
    due_at: datetime
    created_at: datetime
    attempts: int = 0
    lease_until: datetime | None = None
    fence: int = 0
    reply: str = Field(default="", sa_column=Column(Text, nullable=False))
    finished_at: datetime | None = None
