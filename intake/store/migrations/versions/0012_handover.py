"""Staff, what is said in a case, participants, and how a case reaches its department."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel.sql.sqltypes import AutoString

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

NEW_COLUMNS = (
    ("cases", "owner", AutoString, ""),
    ("cases", "answered_at", None, None),
    ("cases", "handed_at", None, None),
    ("cases", "waits_since", None, None),
    ("cases", "reminded_at", None, None),
    ("cases", "escalated_at", None, None),
)


def upgrade() -> None:
    """Old cases have no owner and were handed over to nobody."""
    inspector = sa.inspect(op.get_bind())
    there = set(inspector.get_table_names())
    document = sa.JSON().with_variant(JSONB(), "postgresql")
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    if "staff" not in there:
        op.create_table(
            "staff",
            sa.Column("id", AutoString(), primary_key=True),
            sa.Column("name", AutoString(), nullable=False),
            sa.Column("departments", document, nullable=False),
            sa.Column("rights", document, nullable=False),
            sa.Column("active", sa.Boolean(), nullable=False),
            sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
            sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        )
    if "staff_emails" not in there:
        op.create_table(
            "staff_emails",
            sa.Column("key", AutoString(), primary_key=True),
            sa.Column("staff_id", AutoString(), sa.ForeignKey("staff.id"), nullable=False),
            sa.Column("address", AutoString(), nullable=False),
            sa.Column("position", sa.Integer(), nullable=False),
        )
        op.create_index("ix_staff_emails_staff_id", "staff_emails", ["staff_id"])
    if "conversation" not in there:
        op.create_table(
            "conversation",
            sa.Column("id", number, primary_key=True, autoincrement=True),
            sa.Column("case_number", AutoString(), nullable=False),
            sa.Column("at", sa.DateTime(timezone=True), nullable=False),
            sa.Column("kind", AutoString(), nullable=False),
            sa.Column("who", AutoString(), nullable=False),
            sa.Column("name", AutoString(), nullable=False),
            sa.Column("text", sa.Text(), nullable=False),
            sa.Column("quoted", sa.Text(), nullable=False),
            sa.Column("message_id", sa.BigInteger(), nullable=False),
        )
        op.create_index("ix_conversation_case_number_id", "conversation", ["case_number", "id"])
    if "participants" not in there:
        op.create_table(
            "participants",
            sa.Column("case_number", AutoString(), sa.ForeignKey("cases.number"), primary_key=True),
            sa.Column("contact_id", AutoString(), sa.ForeignKey("contacts.id"), primary_key=True),
            sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        )
    for table, name, kind, default in NEW_COLUMNS:
        if name in {one["name"] for one in inspector.get_columns(table)}:
            continue
        column: sa.Column[object] = (
            sa.Column(name, sa.DateTime(timezone=True), nullable=True)
            if kind is None
            else sa.Column(name, kind(), nullable=False, server_default=default)
        )
        op.add_column(table, column)
    if "files" not in {one["name"] for one in inspector.get_columns("outbox")}:
        op.add_column("outbox", sa.Column("files", document, nullable=False, server_default="[]"))


def downgrade() -> None:
    """Not offered."""
    raise RuntimeError("the schema only goes forward; restore a copy instead")
