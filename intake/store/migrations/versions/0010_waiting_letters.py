"""Letters that wait say why; mails keep their Date and a sketch of their words."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlmodel.sql.sqltypes import AutoString

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Empty: the letter was due at once; nothing is known of the words and the Date."""
    known = {one["name"] for one in sa.inspect(op.get_bind()).get_columns("messages")}
    if "dated" not in known:
        op.add_column("messages", sa.Column("dated", sa.DateTime(timezone=True), nullable=True))
    for table, name, kind in (
        ("outbox", "put_off", sa.Text()),
        ("messages", "sketch", AutoString()),
    ):
        known = {one["name"] for one in sa.inspect(op.get_bind()).get_columns(table)}
        if name not in known:
            column: sa.Column[str] = sa.Column(name, kind, nullable=False, server_default="")
            op.add_column(table, column)


def downgrade() -> None:
    """Not offered."""
    raise RuntimeError("the schema only goes forward; restore a copy instead")
