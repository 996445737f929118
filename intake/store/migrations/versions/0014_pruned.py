"""When the words of a row were removed because they were old, and indexes that find such rows."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlmodel.sql.sqltypes import UTCDateTime

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

TABLES = ("cases", "messages", "outbox", "incidents")
OVER = "closed_at IS NOT NULL AND (pruned_at IS NULL OR pruned_at < closed_at)"
PARTS = (
    ("ix_cases_unpruned", "cases", "closed_at", OVER),
    (
        "ix_messages_unpruned",
        "messages",
        "recorded_at",
        "length(case_number) = 0 AND pruned_at IS NULL",
    ),
    ("ix_outbox_unpruned", "outbox", "created_at", "length(case_number) = 0 AND pruned_at IS NULL"),
)


def upgrade() -> None:
    """Nothing was removed before."""
    inspector = sa.inspect(op.get_bind())
    for table in TABLES:
        if "pruned_at" not in {one["name"] for one in inspector.get_columns(table)}:
            op.add_column(table, sa.Column("pruned_at", UTCDateTime(), nullable=True))
    there = {one["name"] for table in TABLES for one in inspector.get_indexes(table)}
    for name, table, column, rows in PARTS:
        if name not in there:
            where = sa.text(rows)
            op.create_index(name, table, [column], sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    """Not offered."""
    raise RuntimeError("the schema only goes forward; restore a copy instead")
