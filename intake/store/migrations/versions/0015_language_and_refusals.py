"""The language of a notice, so that it is sent again with the same bytes; an index of refusals."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlmodel.sql.sqltypes import AutoString

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Notices that were listed before are in the service's language, as they were."""
    inspector = sa.inspect(op.get_bind())
    if "language" not in {one["name"] for one in inspector.get_columns("notice_recipients")}:
        column: sa.Column[str] = sa.Column(
            "language", AutoString(), nullable=False, server_default=""
        )
        op.add_column("notice_recipients", column)
    there = {one["name"] for one in inspector.get_indexes("outbox")}
    if "ix_outbox_refusals" not in there:
        where = sa.text("kind = 'refusal'")
        op.create_index(
            "ix_outbox_refusals", "outbox", ["contact_id", "created_at"],
            sqlite_where=where, postgresql_where=where,
        )  # fmt: skip


def downgrade() -> None:
    """Not offered."""
    raise RuntimeError("the schema only goes forward; restore a copy instead")
