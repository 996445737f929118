"""Everything: accounts, contacts, mailboxes, the ledger, cases, history, the outbox."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Text
from sqlalchemy.dialects import postgresql
from sqlmodel.sql.sqltypes import AutoString, UTCDateTime

JSON = sa.JSON().with_variant(postgresql.JSONB(astext_type=Text()), "postgresql")
KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _accounts() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", AutoString(), nullable=False),
        sa.Column("name", AutoString(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("timezone", AutoString(), nullable=False),
        sa.Column("date_order", AutoString(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("updated_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
    )


def _contacts() -> None:
    op.create_table(
        "contacts",
        sa.Column("id", AutoString(), nullable=False),
        sa.Column("name", AutoString(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("schema_bootcamp", sa.Boolean(), nullable=False),
        sa.Column("title", AutoString(), nullable=False),
        sa.Column("phone", AutoString(), nullable=False),
        sa.Column("allow_automated", sa.Boolean(), nullable=False),
        sa.Column("wants_acknowledgements", sa.Boolean(), nullable=False),
        sa.Column("undeliverable_since", UTCDateTime(), nullable=True),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("updated_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contacts")),
    )


def _counters() -> None:
    op.create_table(
        "counters",
        sa.Column("name", AutoString(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_counters")),
    )


def _events() -> None:
    op.create_table(
        "events",
        sa.Column(
            "id",
            KEY,
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.Column("case_number", AutoString(), nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", AutoString(), nullable=False),
        sa.Column("who", AutoString(), nullable=False),
        sa.Column(
            "detail",
            JSON,
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
    )
    op.create_index("ix_events_case_number", "events", ["case_number"])
    op.create_index("ix_events_message_id", "events", ["message_id"])


def _mailboxes() -> None:
    op.create_table(
        "mailboxes",
        sa.Column("name", AutoString(), nullable=False),
        sa.Column("uidvalidity", sa.BigInteger(), nullable=False),
        sa.Column("next_uid", sa.BigInteger(), nullable=False),
        sa.Column("baseline_at", UTCDateTime(), nullable=True),
        sa.Column("checked_at", UTCDateTime(), nullable=True),
        sa.Column("failing_since", UTCDateTime(), nullable=True),
        sa.Column("failure", AutoString(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_mailboxes")),
    )


def _messages() -> None:
    op.create_table(
        "messages",
        sa.Column(
            "id",
            KEY,
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("mailbox", AutoString(), nullable=False),
        sa.Column("uidvalidity", sa.BigInteger(), nullable=False),
        sa.Column("uid", sa.BigInteger(), nullable=False),
        sa.Column("digest", AutoString(), nullable=False),
        sa.Column("body_digest", AutoString(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("received_at", UTCDateTime(), nullable=False),
        sa.Column("recorded_at", UTCDateTime(), nullable=False),
        sa.Column("status", AutoString(), nullable=False),
        sa.Column("settled", sa.Boolean(), nullable=False),
        sa.Column("folder", AutoString(), nullable=False),
        sa.Column("action", AutoString(), nullable=False),
        sa.Column("rule", AutoString(), nullable=False),
        sa.Column(
            "reasons",
            JSON,
            nullable=False,
        ),
        sa.Column("level", AutoString(), nullable=False),
        sa.Column(
            "evidence",
            JSON,
            nullable=False,
        ),
        sa.Column("sender", AutoString(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("message_id_hash", AutoString(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("contact_id", AutoString(), nullable=False),
        sa.Column("account_id", AutoString(), nullable=False),
        sa.Column("case_number", AutoString(), nullable=False),
        sa.Column(
            "submission",
            JSON,
            nullable=False,
        ),
        sa.Column("policy_hash", AutoString(), nullable=False),
        sa.Column("version", AutoString(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("failure", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messages")),
        sa.UniqueConstraint(
            "mailbox", "uidvalidity", "uid", name=op.f("uq_messages_mailbox_uidvalidity_uid")
        ),
    )
    op.create_index("ix_messages_case_number", "messages", ["case_number"])
    op.create_index("ix_messages_digest", "messages", ["digest"])
    op.create_index("ix_messages_mailbox_settled", "messages", ["mailbox", "settled"], unique=False)
    op.create_index("ix_messages_message_id_hash", "messages", ["message_id_hash"])
    op.create_index("ix_messages_sender", "messages", ["sender"])
    op.create_index("ix_messages_status_id", "messages", ["status", "id"], unique=False)


def _outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column(
            "id",
            KEY,
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("cause", AutoString(), nullable=False),
        sa.Column("kind", AutoString(), nullable=False),
        sa.Column("message_id_header", AutoString(), nullable=False),
        sa.Column("contact_id", AutoString(), nullable=False),
        sa.Column("recipient", AutoString(), nullable=False),
        sa.Column("case_number", AutoString(), nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("state", AutoString(), nullable=False),
        sa.Column("due_at", UTCDateTime(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease_until", UTCDateTime(), nullable=True),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("reply", sa.Text(), nullable=False),
        sa.Column("finished_at", UTCDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sa.UniqueConstraint("cause", name=op.f("uq_outbox_cause")),
    )
    op.create_index("ix_outbox_case_number", "outbox", ["case_number"])
    op.create_index("ix_outbox_contact_id", "outbox", ["contact_id"])
    op.create_index(
        "ix_outbox_contact_id_created_at", "outbox", ["contact_id", "created_at"], unique=False
    )
    op.create_index("ix_outbox_message_id_header", "outbox", ["message_id_header"])
    op.create_index("ix_outbox_state_due_at", "outbox", ["state", "due_at"], unique=False)


def _suppressions() -> None:
    op.create_table(
        "suppressions",
        sa.Column("key", AutoString(), nullable=False),
        sa.Column("reason", AutoString(), nullable=False),
        sa.Column("since", UTCDateTime(), nullable=False),
        sa.Column("until", UTCDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_suppressions")),
    )


def _account_aliases() -> None:
    op.create_table(
        "account_aliases",
        sa.Column("account_id", AutoString(), nullable=False),
        sa.Column("alias", AutoString(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_account_aliases_account_id_accounts")
        ),
        sa.PrimaryKeyConstraint("account_id", "alias", name=op.f("pk_account_aliases")),
    )


def _attachments() -> None:
    op.create_table(
        "attachments",
        sa.Column(
            "id",
            KEY,
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("message_id", sa.BigInteger(), nullable=False),
        sa.Column("case_number", AutoString(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("declared_type", AutoString(), nullable=False),
        sa.Column("detected_type", AutoString(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", AutoString(), nullable=False),
        sa.Column("inline", sa.Boolean(), nullable=False),
        sa.Column("part", AutoString(), nullable=False),
        sa.Column("state", AutoString(), nullable=False),
        sa.ForeignKeyConstraint(
            ["message_id"], ["messages.id"], name=op.f("fk_attachments_message_id_messages")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attachments")),
    )
    op.create_index("ix_attachments_case_number", "attachments", ["case_number"])
    op.create_index("ix_attachments_message_id", "attachments", ["message_id"])
    op.create_index("ix_attachments_sha256", "attachments", ["sha256"])


def _cases() -> None:
    op.create_table(
        "cases",
        sa.Column("number", AutoString(), nullable=False),
        sa.Column("account_id", AutoString(), nullable=False),
        sa.Column("contact_id", AutoString(), nullable=False),
        sa.Column("submitted_by", AutoString(), nullable=False),
        sa.Column("type", AutoString(), nullable=False),
        sa.Column("priority", AutoString(), nullable=False),
        sa.Column("department", AutoString(), nullable=False),
        sa.Column("billable", sa.Boolean(), nullable=False),
        sa.Column("status", AutoString(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("incident_id", AutoString(), nullable=False),
        sa.Column("flag", AutoString(), nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=False),
        sa.Column("received_at", UTCDateTime(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("updated_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_cases_account_id_accounts")
        ),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_cases_contact_id_contacts")
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_cases")),
    )
    op.create_index("ix_cases_account_id", "cases", ["account_id"])
    op.create_index("ix_cases_contact_id", "cases", ["contact_id"])
    op.create_index("ix_cases_status", "cases", ["status"])


def _contact_emails() -> None:
    op.create_table(
        "contact_emails",
        sa.Column("key", AutoString(), nullable=False),
        sa.Column("contact_id", AutoString(), nullable=False),
        sa.Column("address", AutoString(), nullable=False),
        sa.Column("domain", AutoString(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_contact_emails_contact_id_contacts")
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_contact_emails")),
    )
    op.create_index("ix_contact_emails_contact_id", "contact_emails", ["contact_id"])
    op.create_index("ix_contact_emails_domain", "contact_emails", ["domain"])


def _memberships() -> None:
    op.create_table(
        "memberships",
        sa.Column("contact_id", AutoString(), nullable=False),
        sa.Column("account_id", AutoString(), nullable=False),
        sa.Column("contact_type", AutoString(), nullable=False),
        sa.Column(
            "areas",
            JSON,
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_memberships_account_id_accounts")
        ),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_memberships_contact_id_contacts")
        ),
        sa.PrimaryKeyConstraint("contact_id", "account_id", name=op.f("pk_memberships")),
    )
    op.create_index("ix_memberships_account_id", "memberships", ["account_id"])


def _case_fields() -> None:
    op.create_table(
        "case_fields",
        sa.Column("case_number", AutoString(), nullable=False),
        sa.Column("name", AutoString(), nullable=False),
        sa.Column(
            "value",
            JSON,
            nullable=True,
        ),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("source", AutoString(), nullable=False),
        sa.Column("label", AutoString(), nullable=False),
        sa.Column("start", sa.Integer(), nullable=False),
        sa.Column("end", sa.Integer(), nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["case_number"], ["cases.number"], name=op.f("fk_case_fields_case_number_cases")
        ),
        sa.PrimaryKeyConstraint("case_number", "name", name=op.f("pk_case_fields")),
    )


def _pending_forms() -> None:
    op.create_table(
        "pending_forms",
        sa.Column(
            "id",
            KEY,
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("case_number", AutoString(), nullable=False),
        sa.Column("contact_id", AutoString(), nullable=False),
        sa.Column(
            "asked",
            JSON,
            nullable=False,
        ),
        sa.Column("message_id_header", AutoString(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("asked_at", UTCDateTime(), nullable=False),
        sa.Column("answered_at", UTCDateTime(), nullable=True),
        sa.Column("reminded_at", UTCDateTime(), nullable=True),
        sa.Column("state", AutoString(), nullable=False),
        sa.ForeignKeyConstraint(
            ["case_number"], ["cases.number"], name=op.f("fk_pending_forms_case_number_cases")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pending_forms")),
    )
    op.create_index("ix_pending_forms_case_number", "pending_forms", ["case_number"])


def upgrade() -> None:
    _accounts()
    _contacts()
    _counters()
    _events()
    _mailboxes()
    _messages()
    _outbox()
    _suppressions()
    _account_aliases()
    _attachments()
    _cases()
    _contact_emails()
    _memberships()
    _case_fields()
    _pending_forms()


def downgrade() -> None:
    raise RuntimeError("the schema only goes forward; restore a copy instead")
