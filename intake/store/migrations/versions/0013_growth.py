"""Indexes by which a full database answers as fast as an empty one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

NEW = (
    ("ix_cases_contact_id_created_at", "cases", ["contact_id", "created_at"]),
    ("ix_cases_account_id_created_at", "cases", ["account_id", "created_at"]),
    ("ix_messages_sender_received_at", "messages", ["sender", "received_at"]),
)
PARTS = (
    ("ix_outbox_due", "outbox", "due_at", "state = 'due'"),
    ("ix_outbox_claimed", "outbox", "lease_until", "state = 'claimed'"),
    ("ix_cases_merged", "cases", "merged_into", "merged_into != ''"),
)
OLD = (  # each is the beginning of an index above, or of ix_outbox_contact_id_created_at
    ("ix_cases_contact_id", "cases"),
    ("ix_cases_account_id", "cases"),
    ("ix_outbox_contact_id", "outbox"),
    ("ix_messages_sender", "messages"),
)


def upgrade() -> None:
    """Counts of the last hour read that hour alone."""
    inspector = sa.inspect(op.get_bind())
    there = {
        one["name"]
        for table in ("cases", "messages", "outbox")
        for one in inspector.get_indexes(table)
    }
    for name, table, columns in NEW:
        if name not in there:
            op.create_index(name, table, columns)
    for name, table, column, rows in PARTS:
        if name not in there:
            where = sa.text(rows)
            op.create_index(name, table, [column], sqlite_where=where, postgresql_where=where)
    for name, table in OLD:
        if name in there:
            op.drop_index(name, table)


def downgrade() -> None:
    """Not offered."""
    raise RuntimeError("the schema only goes forward; restore a copy instead")
