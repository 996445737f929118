"""What finishing a case by mail needs: closing and following, withheld files, unknown labels."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlmodel.sql.sqltypes import AutoString, UTCDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds columns with a meaning for every row that is there, and one table."""
    with op.batch_alter_table("cases") as cases:
        cases.add_column(sa.Column("closed_at", UTCDateTime(), nullable=True))
        cases.add_column(sa.Column("follows", AutoString(), nullable=False, server_default=""))
    with op.batch_alter_table("attachments") as attachments:
        attachments.add_column(sa.Column("reason", AutoString(), nullable=False, server_default=""))
        attachments.create_index("ix_attachments_state", ["state"])
    with op.batch_alter_table("contact_emails") as emails:
        emails.add_column(
            sa.Column("verified", sa.Boolean(), nullable=False, server_default=sa.true())
        )
    op.create_index("ix_outbox_created_at", "outbox", ["created_at"])
    op.execute("UPDATE cases SET closed_at = updated_at WHERE status IN ('resolved', 'closed')")
    op.create_table(
        "unknown_labels",
        sa.Column("key", AutoString(), nullable=False),
        sa.Column("label", AutoString(), nullable=False),
        sa.Column("type", AutoString(), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("last_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_unknown_labels")),
    )


def downgrade() -> None:
    """Not offered."""
    raise RuntimeError("the schema only goes forward; restore a copy instead")
