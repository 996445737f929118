"""Incidents, maintenances, their updates, who is told of them, and who listens."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Text
from sqlalchemy.dialects import postgresql
from sqlmodel.sql.sqltypes import AutoString, UTCDateTime

JSON = sa.JSON().with_variant(postgresql.JSONB(astext_type=Text()), "postgresql")
KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds tables in the order in which they refer to each other, and an index."""
    _incidents()
    _incident_updates()
    _notice_recipients()
    _parked_domains()
    _notice_preferences()
    _hook_events()
    _hook_deliveries()
    _cases()
    _senders()


def _incidents() -> None:
    op.create_table(
        "incidents",
        sa.Column("id", AutoString(), nullable=False),
        sa.Column("kind", AutoString(), nullable=False),
        sa.Column("notice_class", AutoString(), nullable=False),
        sa.Column("title", AutoString(), nullable=False),
        sa.Column("status", AutoString(), nullable=False),
        sa.Column("impact", AutoString(), nullable=False),
        sa.Column("modules", JSON, nullable=False),
        sa.Column("areas", JSON, nullable=False),
        sa.Column("accounts", JSON, nullable=False),
        sa.Column("contact_types", JSON, nullable=False),
        sa.Column("words", JSON, nullable=False),
        sa.Column("public", sa.Boolean(), nullable=False),
        sa.Column("starts_at", UTCDateTime(), nullable=False),
        sa.Column("ends_at", UTCDateTime(), nullable=True),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("short_notice", AutoString(), nullable=False),
        sa.Column("held_back", sa.Boolean(), nullable=False),
        sa.Column("next_update_at", UTCDateTime(), nullable=True),
        sa.Column("nagged_at", UTCDateTime(), nullable=True),
        sa.Column("closed_at", UTCDateTime(), nullable=True),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("updated_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incidents")),
    )
    op.create_index(op.f("ix_incidents_status"), "incidents", ["status"], unique=False)


def _incident_updates() -> None:
    op.create_table(
        "incident_updates",
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("incident_id", AutoString(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kind", AutoString(), nullable=False),
        sa.Column("cause", AutoString(), nullable=False),
        sa.Column("status", AutoString(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("wrong_number", sa.Integer(), nullable=False),
        sa.Column("who", AutoString(), nullable=False),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.Column("next_update_at", UTCDateTime(), nullable=True),
        sa.Column("starts_at", UTCDateTime(), nullable=True),
        sa.Column("ends_at", UTCDateTime(), nullable=True),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("send_state", AutoString(), nullable=False),
        sa.Column("send_at", UTCDateTime(), nullable=True),
        sa.Column("expires_at", UTCDateTime(), nullable=True),
        sa.Column("proposed_by", AutoString(), nullable=False),
        sa.Column("approval_hash", AutoString(), nullable=False),
        sa.Column("approved_by", AutoString(), nullable=False),
        sa.Column("approved_at", UTCDateTime(), nullable=True),
        sa.Column("emergency", AutoString(), nullable=False),
        sa.Column("finished_at", UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["incident_id"],
            ["incidents.id"],
            name=op.f("fk_incident_updates_incident_id_incidents"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incident_updates")),
        sa.UniqueConstraint("cause", name=op.f("uq_incident_updates_cause")),
        sa.UniqueConstraint(
            "incident_id", "number", name=op.f("uq_incident_updates_incident_id_number")
        ),
    )
    op.create_index(
        op.f("ix_incident_updates_incident_id"), "incident_updates", ["incident_id"], unique=False
    )
    op.create_index(
        op.f("ix_incident_updates_send_state"), "incident_updates", ["send_state"], unique=False
    )


def _notice_recipients() -> None:
    op.create_table(
        "notice_recipients",
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("update_id", sa.BigInteger(), nullable=False),
        sa.Column("incident_id", AutoString(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("key", AutoString(), nullable=False),
        sa.Column("address", AutoString(), nullable=False),
        sa.Column("domain", AutoString(), nullable=False),
        sa.Column("contact_id", AutoString(), nullable=False),
        sa.Column("name", AutoString(), nullable=False),
        sa.Column("zone", AutoString(), nullable=False),
        sa.Column("accounts", JSON, nullable=False),
        sa.Column("reasons", JSON, nullable=False),
        sa.Column("cases", JSON, nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("first_number", sa.Integer(), nullable=False),
        sa.Column("plain", sa.Boolean(), nullable=False),
        sa.Column("message_id_header", AutoString(), nullable=False),
        sa.Column("root_id", AutoString(), nullable=False),
        sa.Column("state", AutoString(), nullable=False),
        sa.Column("due_at", UTCDateTime(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("attempted_at", UTCDateTime(), nullable=True),
        sa.Column("lease_until", UTCDateTime(), nullable=True),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("doubts", sa.Integer(), nullable=False),
        sa.Column("reply", sa.Text(), nullable=False),
        sa.Column("finished_at", UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["update_id"],
            ["incident_updates.id"],
            name=op.f("fk_notice_recipients_update_id_incident_updates"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice_recipients")),
        sa.UniqueConstraint("update_id", "key", name=op.f("uq_notice_recipients_update_id_key")),
    )
    op.create_index(
        "ix_notice_recipients_update_id_finished_at",
        "notice_recipients",
        ["update_id", "finished_at"],
        unique=False,
    )
    op.create_index(
        "ix_notice_recipients_attempted_at", "notice_recipients", ["attempted_at"], unique=False
    )
    op.create_index(
        op.f("ix_notice_recipients_contact_id"), "notice_recipients", ["contact_id"], unique=False
    )
    op.create_index(
        "ix_notice_recipients_incident_id_key",
        "notice_recipients",
        ["incident_id", "key"],
        unique=False,
    )
    op.create_index(
        op.f("ix_notice_recipients_message_id_header"),
        "notice_recipients",
        ["message_id_header"],
        unique=False,
    )
    op.create_index(
        "ix_notice_recipients_state_due_at", "notice_recipients", ["state", "due_at"], unique=False
    )


def _parked_domains() -> None:
    op.create_table(
        "parked_domains",
        sa.Column("domain", AutoString(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("until", UTCDateTime(), nullable=True),
        sa.Column("reply", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("domain", name=op.f("pk_parked_domains")),
    )


def _notice_preferences() -> None:
    op.create_table(
        "notice_preferences",
        sa.Column("contact_id", AutoString(), nullable=False),
        sa.Column("notice_class", AutoString(), nullable=False),
        sa.Column("mode", AutoString(), nullable=False),
        sa.Column("replacement", AutoString(), nullable=False),
        sa.Column("who", AutoString(), nullable=False),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_notice_preferences_contact_id_contacts")
        ),
        sa.PrimaryKeyConstraint("contact_id", "notice_class", name=op.f("pk_notice_preferences")),
    )


def _hook_events() -> None:
    op.create_table(
        "hook_events",
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.Column("kind", AutoString(), nullable=False),
        sa.Column("payload", JSON, nullable=False),
        sa.Column("fanned_out", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hook_events")),
    )
    op.create_index(op.f("ix_hook_events_fanned_out"), "hook_events", ["fanned_out"], unique=False)


def _hook_deliveries() -> None:
    op.create_table(
        "hook_deliveries",
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("hook", AutoString(), nullable=False),
        sa.Column("state", AutoString(), nullable=False),
        sa.Column("due_at", UTCDateTime(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease_until", UTCDateTime(), nullable=True),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("reply", sa.Text(), nullable=False),
        sa.Column("finished_at", UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["event_id"], ["hook_events.id"], name=op.f("fk_hook_deliveries_event_id_hook_events")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hook_deliveries")),
        sa.UniqueConstraint("event_id", "hook", name=op.f("uq_hook_deliveries_event_id_hook")),
    )
    op.create_index(
        "ix_hook_deliveries_state_due_at", "hook_deliveries", ["state", "due_at"], unique=False
    )


def _cases() -> None:
    op.create_index(op.f("ix_cases_incident_id"), "cases", ["incident_id"], unique=False)


def _senders() -> None:
    """Exceptions that an operator makes for senders, and how a mail sent again is told."""
    no, empty = sa.false(), sa.text("''")
    with op.batch_alter_table("contacts") as contacts:
        contacts.add_column(
            sa.Column("accept_unproved", sa.Boolean(), nullable=False, server_default=no)
        )
    with op.batch_alter_table("messages") as messages:
        messages.add_column(
            sa.Column("signature_hash", AutoString(), nullable=False, server_default=empty)
        )
    op.create_index(op.f("ix_messages_signature_hash"), "messages", ["signature_hash"])
    op.create_index("ix_events_kind_at", "events", ["kind", "at"])
    op.create_table(
        "accepted_domains",
        sa.Column("domain", AutoString(), nullable=False),
        sa.Column("since", UTCDateTime(), nullable=False),
        sa.Column("who", AutoString(), nullable=False),
        sa.Column("why", AutoString(), nullable=False),
        sa.PrimaryKeyConstraint("domain", name=op.f("pk_accepted_domains")),
    )


def downgrade() -> None:
    """Not offered."""
    raise RuntimeError("the schema only goes forward; restore a copy instead")
