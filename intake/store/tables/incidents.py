"""Tables for incidents, updates, notices, preferences and webhook events.

The rules of ``intake.store.tables.messages`` apply here too.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Column, Index, Text, UniqueConstraint
from sqlmodel import Field

from intake.model.states import DeliveryState, NoticeState, SendState
from intake.store.tables.columns import Base, id_column, json_column


class IncidentRow(Base, table=True):
    """An incident or a maintenance. status: that of its newest update.

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
    modules: list[str] = Field(default_factory=list, sa_column=json_column())  # none: all
    areas: list[str] = Field(default_factory=list, sa_column=json_column())  # of responsibility
    accounts: list[str] = Field(default_factory=list, sa_column=json_column())  # empty: all
    contact_types: list[str] = Field(
        default_factory=list, sa_column=json_column()
    )  # empty: as configured
    words: list[str] = Field(default_factory=list, sa_column=json_column())  # in cases about it
    public: bool = True  # shown on the notifications page
    starts_at: datetime
    ends_at: datetime | None = None  # of a maintenance, as planned
    sequence: int = 0  # of its calendar entry: grows with each change of the plan
    short_notice: str = ""  # why it was announced later than the lead time
    held_back: bool = False  # True: it does not start or end automatically
    next_update_at: datetime | None = None
    nagged_at: datetime | None = None  # when the operator was informed of an overdue update
    closed_at: datetime | None = None
    pruned_at: datetime | None = None  # when its recipients' names and addresses were removed
    created_at: datetime
    updated_at: datetime


class IncidentUpdateRow(Base, table=True):
    """One update of an incident. Its text never changes once it may have been read.

    send_state: record (only recorded, no letters), draft (waits for ``send``), waiting (for another
    person's approval), sending, paused, done, cancelled, expired.
    """

    __tablename__ = "incident_updates"
    __table_args__ = (UniqueConstraint("incident_id", "number"), UniqueConstraint("cause"))
    id: int | None = Field(default=None, sa_column=id_column())
    incident_id: str = Field(foreign_key="incidents.id", index=True)
    number: int  # 1 is the first
    kind: str = "update"  # update, correction, reminder, reschedule, automatic, cancellation
    cause: str  # "INC-1:3", or the automatic step: one update for each cause
    status: str
    text: str = Field(sa_column=Column(Text, nullable=False))
    wrong_number: int = 0  # of a correction: the update that was wrong
    who: str  # "operator:NAME", or "intake" for an automatic step
    at: datetime
    next_update_at: datetime | None = None  # as promised in this update
    starts_at: datetime | None = None  # the plan as stated in this update
    ends_at: datetime | None = None
    sequence: int = 0  # of the calendar entry in this update's letters
    send_state: str = Field(default=SendState.DRAFT, index=True)
    send_at: datetime | None = None  # not before this time; None: at once
    expires_at: datetime | None = None  # after this time it is not sent any more
    proposed_by: str = ""
    approval_hash: str = ""  # of text, list and time, as proposed or approved
    approved_by: str = ""
    approved_at: datetime | None = None
    emergency: str = ""  # why no other person approved
    finished_at: datetime | None = None  # when nothing was left to send


class NoticeRecipientRow(Base, table=True):
    """One person to be notified of one update, one row for each address of a broadcast.

    state: queued -> sending (attempt counted, lease and fence written) -> uncertain (just before
    the final dot) -> sent | failed | deferred (4xx, tried again). sent may become bounced. A row
    that is uncertain when its lease runs out is sent once more with identical bytes. digest waits
    for the person's daily letter. skipped has a reason: superseded, expired, cancelled, corrected,
    suppressed.
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
    language: str = ""  # ISO 639 code of the letter; empty: the service's own
    accounts: list[str] = Field(default_factory=list, sa_column=json_column())  # concerned
    reasons: list[str] = Field(default_factory=list, sa_column=json_column())  # why they get it
    cases: list[str] = Field(default_factory=list, sa_column=json_column())  # their own about it
    priority: int = 2  # 0: opened a case; higher: later
    first_number: int  # oldest update in this letter; below ``number`` if it missed some
    plain: bool = False  # a correction for a person who never got the wrong text
    message_id_header: str = Field(index=True)
    root_id: str  # first Message-ID of this person's thread about it
    state: str = NoticeState.QUEUED
    due_at: datetime
    created_at: datetime
    attempts: int = 0  # counted before the attempt
    attempted_at: datetime | None = None  # start of the last attempt; used for the rates
    lease_until: datetime | None = None
    fence: int = 0
    doubts: int = 0  # times it was sent again because its delivery was unknown
    reply: str = Field(default="", sa_column=Column(Text, nullable=False))  # or why it was skipped
    finished_at: datetime | None = None


class ParkedDomainRow(Base, table=True):
    """A domain whose server defers our notices; nothing is sent there until the time given."""

    __tablename__ = "parked_domains"
    domain: str = Field(primary_key=True)
    failures: int = 0  # in a row; a success resets them
    until: datetime | None = None  # None: not parked yet
    reply: str = Field(default="", sa_column=Column(Text, nullable=False))


class NoticePreferenceRow(Base, table=True):
    """How a contact wants notices of one class; without a row each one is sent at once."""

    __tablename__ = "notice_preferences"
    contact_id: str = Field(foreign_key="contacts.id", primary_key=True)
    notice_class: str = Field(primary_key=True)  # outage, security, maintenance, informational
    mode: str  # each, digest, off
    replacement: str = ""  # the stand-in's contact id; required to switch off a mandatory class
    who: str  # contact id or "operator:NAME"
    at: datetime


class HookEventRow(Base, table=True):
    """An event for other programs, written in the transaction of its cause."""

    __tablename__ = "hook_events"
    id: int | None = Field(default=None, sa_column=id_column())
    at: datetime
    kind: str  # incident.opened, incident.updated, incident.resolved, maintenance.scheduled …
    payload: dict[str, Any] = Field(default_factory=dict, sa_column=json_column())
    fanned_out: bool = Field(default=False, index=True)  # every hook has its delivery row


class HookDeliveryRow(Base, table=True):
    """The delivery of one event to one hook. state: due, claimed, done, failed, dropped."""

    __tablename__ = "hook_deliveries"
    __table_args__ = (
        UniqueConstraint("event_id", "hook"),
        Index("ix_hook_deliveries_state_due_at", "state", "due_at"),
    )
    id: int | None = Field(default=None, sa_column=id_column())
    event_id: int = Field(sa_type=BigInteger, foreign_key="hook_events.id")
    hook: str  # the hook's name in the configuration
    state: str = DeliveryState.DUE
    due_at: datetime
    created_at: datetime
    attempts: int = 0
    lease_until: datetime | None = None
    fence: int = 0
    reply: str = Field(default="", sa_column=Column(Text, nullable=False))
    finished_at: datetime | None = None
